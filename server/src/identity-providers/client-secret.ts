import type { Sealer } from '../keys/seal.ts';

const context = (appId: string, idpId: string): string => `identity_providers:${appId}:${idpId}`;

/** The secret of a provider as it is stored: encrypted, and of no use in another row. */
export const sealClientSecret = (sealer: Sealer, appId: string, idpId: string, secret: string): Buffer =>
  sealer.seal(secret, context(appId, idpId));

/** @throws SealError */
export const openClientSecret = (sealer: Sealer, appId: string, idpId: string, sealed: Buffer): string =>
  sealer.open(sealed, context(appId, idpId)).toString();
