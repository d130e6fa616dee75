import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { decodeJwt, verifySignature } from '../keys/jws.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import {
  type MachineClaims,
  type OrganizationMachineClaims,
  type PersonClaims,
  toMachineClaims,
  toOrganizationMachineClaims,
  toPersonClaims,
} from './token-claims.ts';

/** The app in the request. */
export interface NamedApp {
  readonly id: string;
  readonly name: string;
}

/** Verified content of a token, by the kind of its subject. */
export type TokenClaims = MachineClaims | PersonClaims | OrganizationMachineClaims;

/**
 * Verifies signed tokens. The database decides whether the subject, the session or secret, and the key are still valid.
 */
export interface TokenVerifier {
  /** The claims of an unexpired token that this app issued for this API; otherwise undefined. */
  verify(app: NamedApp, token: string): Promise<TokenClaims | undefined>;
  /** Like `verify`, for any audience of this app: only for introspection, never for access. */
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
  // A valid signature stays valid, so it is cached until the token expires.
  const verified = new LRUCache<string, TokenClaims>({ max: 10_000 });

  // `token_use` selects the key set before the signature is checked. Each set signs only its own kinds, so a token of
  // one kind never verifies as another.
  async function check(app: NamedApp, token: string): Promise<TokenClaims | undefined> {
    const decoded = decodeJwt(token);
    if (!decoded) return undefined;
    const { kid } = decoded.header;
    const isOfMachine = decoded.claims['token_use'] === undefined;
    const publicKey = await (isOfMachine ? signingKeys : oauthKeys).publicKey(app.id, kid, clock.now());
    if (!publicKey || !verifySignature(publicKey, decoded)) return undefined;
    const signed = { claims: decoded.claims, kid, issuer: issuerOf(publicUrl, app.name), appName: app.name };
    if (isOfMachine) return toMachineClaims(signed);
    return toPersonClaims(signed) ?? toOrganizationMachineClaims(signed);
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
    // A token for another audience must not be replayed here.
    async verify(app, token) {
      const claims = await verifyIssued(app, token);
      const own = claims?.kind === 'machine' ? app.name : publicUrl;
      return claims?.audience === own ? claims : undefined;
    },
  };
}
