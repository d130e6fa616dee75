import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { decodeJwt, verifySignature } from '../keys/jws.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';

/** An app as the request names it. */
export interface NamedApp {
  readonly id: string;
  readonly name: string;
}

/** What a machine token of ours says. */
export interface MachineClaims {
  readonly machineUserId: string;
  readonly secretId: string;
  readonly kid: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  readonly notBefore: number;
}

/** Checks machine tokens; whether machine, secret and key are still good is for the database to say. */
export interface TokenVerifier {
  /** The claims of a token that this app issued for this API and that has not expired; else undefined. */
  verify(app: NamedApp, token: string): Promise<MachineClaims | undefined>;
}

/** The issuer of an app's tokens. @see RFC 7519, section 4.1.1 */
export const issuerOf = (publicUrl: string, appName: string): string => `${publicUrl}/apps/${appName}`;

const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9]{1,19}$/.test(value);

/** The claims if they are those of a token for this API. A token made for another audience must not be replayed here. */
function toMachineClaims(claims: Readonly<Record<string, unknown>>, kid: string, issuer: string, audience: string) {
  const { iss, aud, sub, client_id: clientId, secret_id: secretId, exp, nbf } = claims;
  if (iss !== issuer || aud !== audience || !isId(sub) || clientId !== sub || !isId(secretId)) return undefined;
  if (typeof exp !== 'number' || typeof nbf !== 'number') return undefined;
  return { machineUserId: sub, secretId, kid, expiresAt: exp, notBefore: nbf };
}

export function createTokenVerifier(signingKeys: SigningKeys, clock: Clock, publicUrl: string): TokenVerifier {
  // A signature once found good stays good: what is kept is what cannot change until the token expires.
  const verified = new LRUCache<string, MachineClaims>({ max: 10_000 });

  async function check(app: NamedApp, token: string): Promise<MachineClaims | undefined> {
    const decoded = decodeJwt(token);
    if (!decoded) return undefined;
    const publicKey = await signingKeys.publicKey(app.id, decoded.header.kid, clock.now());
    if (!publicKey || !verifySignature(publicKey, decoded)) return undefined;
    return toMachineClaims(decoded.claims, decoded.header.kid, issuerOf(publicUrl, app.name), app.name);
  }

  return {
    async verify(app, token) {
      const key = `${app.id}/${token}`;
      const claims = verified.get(key) ?? (await check(app, token));
      if (!claims) return undefined;
      verified.set(key, claims);
      const nowInSeconds = Math.floor(clock.now().getTime() / 1000);
      return claims.expiresAt > nowInSeconds && claims.notBefore <= nowInSeconds ? claims : undefined;
    },
  };
}
