import type { Sealer } from '../keys/seal.ts';

/** Binds a sealed secret to its row. */
const context = (appId: string, factorId: string): string => `factors:${appId}:${factorId}`;

/** Encrypts the secret of an authenticator app for its row. */
export const sealTotpSecret = (sealer: Sealer, appId: string, factorId: string, secret: Buffer): Buffer =>
  sealer.seal(secret, context(appId, factorId));

/** Decrypts the secret of an authenticator app. @throws SealError */
export const openTotpSecret = (sealer: Sealer, appId: string, factorId: string, sealed: Buffer): Buffer =>
  sealer.open(sealed, context(appId, factorId));
