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
  readonly issuedAt: number;
  /** For whom it was made. */
  readonly audience: string | readonly string[];
}

/** Checks machine tokens; whether machine, secret and key are still good is for the database to say. */
export interface TokenVerifier {
  /** The claims of a token that this app issued for this API and that has not expired; else undefined. */
  verify(app: NamedApp, token: string): Promise<MachineClaims | undefined>;
  /** The same for a token that this app issued for anyone: good for telling what it is, not for letting it in. */
  verifyIssued(app: NamedApp, token: string): Promise<MachineClaims | undefined>;
}

declare module '../calls/services.ts' {
  interface Services {
    readonly tokenVerifier: TokenVerifier;
  }
}

/** The issuer of an app's tokens. @see RFC 7519, section 4.1.1 */
export const issuerOf = (publicUrl: string, appName: string): string => `${publicUrl}/apps/${appName}`;

const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9]{1,19}$/.test(value);

const isAudience = (value: unknown): value is string | string[] =>
  typeof value === 'string' || (Array.isArray(value) && value.every((one) => typeof one === 'string'));

/** The claims if they are those of a machine token of this issuer. */
function toMachineClaims(
  claims: Readonly<Record<string, unknown>>,
  kid: string,
  issuer: string,
): MachineClaims | undefined {
  const { iss, aud, sub, client_id: clientId, secret_id: secretId, exp, nbf, iat } = claims;
  if (iss !== issuer || !isAudience(aud) || !isId(sub) || clientId !== sub || !isId(secretId)) return undefined;
  if (typeof exp !== 'number' || typeof nbf !== 'number' || typeof iat !== 'number') return undefined;
  return { machineUserId: sub, secretId, kid, expiresAt: exp, notBefore: nbf, issuedAt: iat, audience: aud };
}

export function createTokenVerifier(signingKeys: SigningKeys, clock: Clock, publicUrl: string): TokenVerifier {
  // A signature once found good stays good: what is kept is what cannot change until the token expires.
  const verified = new LRUCache<string, MachineClaims>({ max: 10_000 });

  async function check(app: NamedApp, token: string): Promise<MachineClaims | undefined> {
    const decoded = decodeJwt(token);
    if (!decoded) return undefined;
    const publicKey = await signingKeys.publicKey(app.id, decoded.header.kid, clock.now());
    if (!publicKey || !verifySignature(publicKey, decoded)) return undefined;
    return toMachineClaims(decoded.claims, decoded.header.kid, issuerOf(publicUrl, app.name));
  }

  async function verifyIssued(app: NamedApp, token: string): Promise<MachineClaims | undefined> {
    const key = `${app.id}/${token}`;
    const claims = verified.get(key) ?? (await check(app, token));
    if (!claims) return undefined;
    verified.set(key, claims);
    const nowInSeconds = Math.floor(clock.now().getTime() / 1000);
    return claims.expiresAt > nowInSeconds && claims.notBefore <= nowInSeconds ? claims : undefined;
  }

  return {
    verifyIssued,
    // A token made for another audience must not be replayed here.
    async verify(app, token) {
      const claims = await verifyIssued(app, token);
      return claims?.audience === app.name ? claims : undefined;
    },
  };
}
