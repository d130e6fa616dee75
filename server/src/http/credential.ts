import type { FastifyRequest } from 'fastify';
import { ApiError } from './errors.ts';

/** Longest accepted credential. A session token has about 50 characters, a machine token about 600. */
const longestToken = 8192;

/** A credential as presented, not yet verified. */
export type Credential =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'cookie'; readonly token: string };

/** The secrets that the service stores in browsers. */
export type CookieKind = 'session-token' | 'device-token' | 'remembered-device' | 'sign-in-browser' | 'page';

/**
 * The two names of a cookie: the documented name, and the name for a single app. The prefix of the latter makes
 * browsers
 * bind the cookie to https and this host.
 */
export const cookieNamesOf = (kind: CookieKind, appName: string) => ({
  shared: kind,
  ofApp: `__Host-${kind}-${appName}`,
});

function headerValues(request: FastifyRequest, name: string): string[] {
  const { rawHeaders } = request.raw;
  const values: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === name) values.push(rawHeaders[index + 1] ?? '');
  }
  return values;
}

/**
 * Removes only the white space of HTTP. JavaScript's `trim` also removes U+00A0. It would turn the cookie name
 * `\u00a0__Host-x`, which any page of a sibling domain may set, into `__Host-x`.
 *
 * @see RFC 9110, section 5.6.3
 */
const trimmed = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, '');

/**
 * The token of `Authorization: Bearer …`, with "bearer" in any case; undefined if the header is absent or has another
 * scheme.
 *
 * @throws ApiError `unauthenticated` if there are several headers, or an empty or oversized token
 * @see RFC 6750, section 2.1
 */
export function bearerToken(request: FastifyRequest): string | undefined {
  const values = headerValues(request, 'authorization');
  const [value] = values;
  if (value === undefined) return undefined;
  if (values.length > 1)
    throw new ApiError('unauthenticated', { detail: 'Send one Authorization header, not several.' });
  const match = /^bearer(?:[ \t]+(.*))?$/is.exec(trimmed(value));
  if (!match) return undefined;
  const token = trimmed(match[1] ?? '');
  if (token === '' || token.length > longestToken) throw new ApiError('unauthenticated');
  return token;
}

/** Values of all cookies of this name. Browsers send several if cookies of different paths or domains collide. */
function cookieValues(header: string, name: string): string[] {
  return header
    .split(';')
    .map((pair) => [pair.split('=', 1)[0] ?? '', pair] as const)
    .filter(([sent, pair]) => trimmed(sent) === name && sent.length < pair.length)
    .map(([sent, pair]) => trimmed(pair.slice(sent.length + 1)).replace(/^"(.*)"$/, '$1'));
}

/** The value of a cookie. Several different values are ignored, because their origin is unknown. */
export function cookieValue(request: FastifyRequest, name: string): string | undefined {
  const values = new Set(cookieValues(headerValues(request, 'cookie').join(';'), name));
  const [value] = values;
  return values.size === 1 && value !== '' && value !== undefined && value.length <= longestToken ? value : undefined;
}

/** Whether a browser sent the request: browsers send `Sec-Fetch-Site` to https, and scripts cannot set the header. */
const isOfBrowser = (request: FastifyRequest): boolean => request.headers['sec-fetch-site'] !== undefined;

/**
 * A secret that the caller stores as a cookie. The cookie of the app takes precedence over the shared one. On https,
 * browsers must send the `__Host-` cookie, because a sibling domain can set a plain cookie, but not this one.
 *
 * @param publicUrl URL of the service; its scheme decides
 */
export function cookieOf(
  request: FastifyRequest,
  kind: CookieKind,
  { appName, publicUrl }: { appName: string; publicUrl: string },
): string | undefined {
  if (request.headers.cookie === undefined) return undefined;
  const { shared, ofApp } = cookieNamesOf(kind, appName);
  const value = cookieValue(request, ofApp);
  if (value !== undefined || (publicUrl.startsWith('https:') && isOfBrowser(request))) return value;
  return cookieValue(request, shared);
}

/**
 * A secret that belongs to no app, with the precedence of {@link cookieOf}.
 *
 * @param name the documented name; the other one has the prefix `__Host-`
 */
export function deploymentCookieOf(request: FastifyRequest, name: string, publicUrl: string): string | undefined {
  const value = cookieValue(request, `__Host-${name}`);
  if (value !== undefined || (publicUrl.startsWith('https:') && isOfBrowser(request))) return value;
  return cookieValue(request, name);
}

/** The credential of the caller. A Bearer token takes precedence over cookies. */
export function presentedCredential(
  request: FastifyRequest,
  of: { appName: string; publicUrl: string },
): Credential | undefined {
  const bearer = bearerToken(request);
  if (bearer !== undefined) return { kind: 'bearer', token: bearer };
  const token = cookieOf(request, 'session-token', of);
  return token === undefined ? undefined : { kind: 'cookie', token };
}

/** The cookies whose token satisfies `holds`. */
export function presentedCookieNames(
  request: FastifyRequest,
  names: readonly string[],
  holds: (token: string) => boolean,
): string[] {
  return names.filter((name) => {
    const value = cookieValue(request, name);
    return value !== undefined && holds(value);
  });
}
