import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload } from 'jose';
import { GatehouseConnectionError } from './errors.ts';

/** The subject of a token. Kinds are signed with different key sets, so no kind is accepted as another. */
export type TokenKind = 'machine' | 'user' | 'organization_machine';

/** The tokens that a server accepts. */
export interface VerifyOptions {
  /** The URL of the service in its tokens, `PUBLIC_URL`. */
  readonly baseUrl: string;
  readonly appName: string;
  /** The kind of tokens that this server accepts. */
  readonly kind: TokenKind;
  /** The audience of this server; never a wildcard. */
  readonly audience: string;
  /** The URL for fetching keys if it is not `baseUrl`, e.g. within a cluster. */
  readonly keysUrl?: string | undefined;
  /** Tolerated difference between clocks, in seconds. Default 60. */
  readonly clockToleranceSeconds?: number | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** An invalid token: forged, expired, or of another app, audience or kind. */
export class InvalidTokenError extends Error {
  override readonly name = 'InvalidTokenError';
}

export type VerifyToken = (token: string) => Promise<JWTPayload>;

/** The path of the keys of each kind, below the address of the app. */
export const keyPaths: Readonly<Record<TokenKind, string>> = {
  machine: '.well-known/jwks.json',
  user: 'oauth/jwks',
  organization_machine: 'oauth/jwks',
};

/** Errors of a key set that could not be fetched or parsed. */
const faultsOfKeys: ReadonlySet<string> = new Set([
  'ERR_JOSE_GENERIC',
  errors.JWKSTimeout.code,
  errors.JWKSInvalid.code,
  errors.JWKSMultipleMatchingKeys.code,
]);

/** Whether the claims match the kind. The keys already ensure this; this is a second guard. */
function isOfKind(kind: TokenKind, claims: JWTPayload): boolean {
  const { roles, token_use: use, client_id: clientId, sub } = claims;
  if (kind !== 'machine') return use === kind && roles === undefined;
  return use === undefined && clientId === sub && Array.isArray(roles) && roles.includes('GENERIC_MACHINE_USER');
}

/**
 * Verifies access tokens without a call for each. The key set is fetched once and cached; for an unknown `kid` it is
 * fetched again, at most every 30 seconds.
 *
 * @returns a function that resolves with the claims. It rejects with `InvalidTokenError`, or with
 *   `GatehouseConnectionError` if the keys could not be fetched, which is not the caller's fault
 * @see RFC 9068, section 4
 * @example
 * const verifyToken = createTokenVerifier({ baseUrl, appName: 'acme', kind: 'machine', audience: 'billing' });
 * const { sub } = await verifyToken(token);
 */
export function createTokenVerifier(options: VerifyOptions): VerifyToken {
  const { kind, audience, appName } = options;
  if (!audience) throw new TypeError('audience is required');
  const { origin } = new URL(options.baseUrl);
  const issuer = `${origin}/apps/${appName}`;
  const url = new URL(options.keysUrl ?? `${issuer}/${keyPaths[kind]}`);
  const keys = createRemoteJWKSet(url, {
    cooldownDuration: 30_000,
    cacheMaxAge: 300_000,
    ...(options.fetch && { [customFetch]: options.fetch }),
  });
  return async (token) => {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms: ['ES256'],
      typ: 'at+jwt',
      clockTolerance: options.clockToleranceSeconds ?? 60,
      requiredClaims: ['sub', 'exp', 'iat'],
    }).catch((error: unknown) => {
      const isFaultOfToken = error instanceof errors.JOSEError && !faultsOfKeys.has(error.code);
      if (isFaultOfToken) throw new InvalidTokenError('The token is not valid here.', { cause: error });
      throw new GatehouseConnectionError(`The keys at ${url.origin} could not be fetched.`, { cause: error });
    });
    if (!isOfKind(kind, payload)) throw new InvalidTokenError('The token has another kind.');
    return payload;
  };
}
