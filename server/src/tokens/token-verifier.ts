import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { decodeJwt, verifySignature } from '../keys/jws.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import { type MachineClaims, type PersonClaims, toMachineClaims, toPersonClaims } from './token-claims.ts';

/** An app as the request names it. */
export interface NamedApp {
  readonly id: string;
  readonly name: string;
}

/** Verified content of a token, by the kind of its holder. */
export type TokenClaims = MachineClaims | PersonClaims;

/** Checks signed tokens. Whether the holder, the session or secret, and the key are still good, the database says. */
export interface TokenVerifier {
  /** The claims of a token that this app issued for this API and that has not expired; else undefined. */
  verify(app: NamedApp, token: string): Promise<TokenClaims | undefined>;
  /** The same for a token that this app issued for any audience: it is good for introspection, never for access. */
  verifyIssued(app: NamedApp, token: string): Promise<TokenClaims | undefined>;
}

declare module '../calls/services.ts' {
  interface Services {
    readonly tokenVerifier: TokenVerifier;
  }
}

/** The issuer of an app's tokens. @see RFC 7519, section 4.1.1 */
export const issuerOf = (publicUrl: string, appName: string): string => `${publicUrl}/apps/${appName}`;

interface Dependencies {
  readonly signingKeys: SigningKeys;
  readonly oauthKeys: SigningKeys;
  readonly clock: Clock;
  readonly publicUrl: string;
}

export function createTokenVerifier({ signingKeys, oauthKeys, clock, publicUrl }: Dependencies): TokenVerifier {
  // A signature once found good stays good: what is kept is what cannot change until the token expires.
  const verified = new LRUCache<string, TokenClaims>({ max: 10_000 });

  // `token_use` chooses the key set before the signature is checked. Each set signs its own kinds only, so a token of
  // one kind never verifies as another.
  async function check(app: NamedApp, token: string): Promise<TokenClaims | undefined> {
    const decoded = decodeJwt(token);
    if (!decoded) return undefined;
    const { kid } = decoded.header;
    const isOfMachine = decoded.claims['token_use'] === undefined;
    const publicKey = await (isOfMachine ? signingKeys : oauthKeys).publicKey(app.id, kid, clock.now());
    if (!publicKey || !verifySignature(publicKey, decoded)) return undefined;
    const signed = { claims: decoded.claims, kid, issuer: issuerOf(publicUrl, app.name), appName: app.name };
    return isOfMachine ? toMachineClaims(signed) : toPersonClaims(signed);
  }

  async function verifyIssued(app: NamedApp, token: string): Promise<TokenClaims | undefined> {
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
      const own = claims?.kind === 'user' ? publicUrl : app.name;
      return claims?.audience === own ? claims : undefined;
    },
  };
}
