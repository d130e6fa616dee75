import { clientOver, type Client } from './client.ts';
import { GatehouseError } from './errors.ts';
import { type ClientOptions, createTransport, type PreparedRequest } from './transport.ts';

export { type Client } from './client.ts';
export { GatehouseConnectionError, GatehouseError } from './errors.ts';

/** Options of a client for a page. */
export interface BrowserOptions extends Omit<ClientOptions, 'token' | 'credentials'> {
  /** The session token, if the page stores it. Default: the session cookie, which scripts cannot read. */
  readonly sessionToken?: (() => string | undefined) | undefined;
  /** Called once when the session has ended, never because a call requires re-authentication. */
  readonly onSignedOut?: (() => void) | undefined;
}

/** The audience, and the organization, of an access token. */
export interface AccessTokenRequest {
  readonly audience?: string | undefined;
  readonly organizationId?: string | undefined;
}

export interface BrowserClient extends Client {
  /**
   * A short-lived access token for another service. It is kept only in memory, and renewed with the session shortly
   * before it expires; concurrent callers share one renewal.
   *
   * @throws GatehouseError `unauthenticated` if the session has ended
   */
  accessToken(request?: AccessTokenRequest): Promise<string>;
  /** Discards access tokens, e.g. after a sign-out. */
  forget(): void;
}

/** A field that is undefined is absent. */
const bodyOf = ({ audience, organizationId }: AccessTokenRequest) => ({
  ...(audience !== undefined && { audience }),
  ...(organizationId !== undefined && { organizationId }),
});

/** Whether another person may be signed in after the call, or the same person with another authentication. */
const changesPerson = ({ method, path }: PreparedRequest): boolean =>
  method !== 'GET' && path.startsWith('/v1/authentication/') && !path.endsWith('/access-token');

interface Held {
  readonly token: string;
  readonly renewAt: number;
}

/**
 * A client for a page. It has no dependency.
 *
 * @example
 * const gatehouse = createBrowserClient({ baseUrl, appName: 'acme', onSignedOut: () => location.assign('/sign-in') });
 * await fetch('https://api.example.com/documents', {
 *   headers: { Authorization: `Bearer ${await gatehouse.accessToken({ organizationId })}` },
 * });
 */
export function createBrowserClient({ sessionToken, onSignedOut, ...options }: BrowserOptions): BrowserClient {
  const held = new Map<string, Promise<Held>>();
  let isSignedOut = false;
  const transport = createTransport({
    ...options,
    ...(sessionToken ? { token: sessionToken } : { credentials: 'include' }),
  });

  const client = clientOver(async (request, one) => {
    try {
      const response = await transport(request, one);
      isSignedOut = false;
      if (changesPerson(request)) held.clear();
      return response;
    } catch (error) {
      const ended = error instanceof GatehouseError && error.status === 401 && error.code === 'unauthenticated';
      if (ended && !isSignedOut) {
        isSignedOut = true;
        held.clear();
        onSignedOut?.();
      }
      throw error;
    }
  });

  function renew(key: string, request: AccessTokenRequest): Promise<Held> {
    const asked = performance.now();
    const renewed = client.tokens.createForMe(bodyOf(request)).then(({ token, expiresInSeconds }) => {
      return { token, renewAt: asked + expiresInSeconds * 800 };
    });
    held.set(key, renewed);
    renewed.catch(() => held.get(key) === renewed && held.delete(key));
    return renewed;
  }

  async function accessToken(request: AccessTokenRequest = {}): Promise<string> {
    const key = JSON.stringify([sessionToken?.(), request.audience, request.organizationId]);
    const known = held.get(key);
    const current = await (known ?? renew(key, request));
    if (performance.now() < current.renewAt) return current.token;
    // Another caller may have renewed it in the meantime.
    const renewed = held.get(key);
    return (await (renewed && renewed !== known ? renewed : renew(key, request))).token;
  }

  return { ...client, accessToken, forget: () => held.clear() };
}
