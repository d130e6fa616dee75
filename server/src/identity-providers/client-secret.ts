import type { Sealer } from '../keys/seal.ts';

const context = (appId: string, idpId: string): string => `identity_providers:${appId}:${idpId}`;

/** The stored secret of a provider. The encryption binds it to its row. */
export const sealClientSecret = (sealer: Sealer, appId: string, idpId: string, secret: string): Buffer =>
  sealer.seal(secret, context(appId, idpId));

/** @throws SealError */
export const openClientSecret = (sealer: Sealer, appId: string, idpId: string, sealed: Buffer): string =>
  sealer.open(sealed, context(appId, idpId)).toString();
