import { createHmac } from 'node:crypto';
import { serialize } from 'cookie';
import { isOwnOrigin } from '../calls/origin.ts';
import type { Call } from '../calls/route.ts';
import { cookieNamesOf, cookieOf } from '../http/credential.ts';
import { ApiError } from '../http/errors.ts';
import { constantTimeEqual, newSecret } from '../keys/secrets.ts';

const kind = 'page';
const pattern = /^gh_p_[\w-]{43}$/;

/** How long the forms of a page are valid. */
const lifeSeconds = 2 * 60 * 60;

const isSecure = ({ services }: Call): boolean => services.config.publicUrl.startsWith('https:');

const cookieName = (call: Call, appName: string): string => {
  const { shared, ofApp } = cookieNamesOf(kind, appName);
  return isSecure(call) ? ofApp : shared;
};

function presentedSecret(call: Call, appName: string): string | undefined {
  const value = cookieOf(call.request, kind, { appName, publicUrl: call.services.config.publicUrl });
  return value !== undefined && pattern.test(value) ? value : undefined;
}

function sendSecret(call: Call, appName: string, value: string, maxAge: number): void {
  const attributes = { httpOnly: true, path: '/', secure: isSecure(call), maxAge, sameSite: 'lax' } as const;
  call.reply.header('set-cookie', serialize(cookieName(call, appName), value, attributes));
}

/** The form token of an app. Another site cannot read the cookie, so that site cannot compute the token. */
const formTokenOf = (secret: string, appName: string): string =>
  createHmac('sha256', secret).update(appName).digest('base64url');

/** The token for the forms of the page. Starts an interaction if the browser has none. */
export function formToken(call: Call, appName: string): string {
  const presented = presentedSecret(call, appName);
  const secret = presented ?? newSecret('gh_p_');
  if (presented === undefined) sendSecret(call, appName, secret, lifeSeconds);
  return formTokenOf(secret, appName);
}

/**
 * A secret of this browser for one purpose, or undefined if the browser has no interaction.
 *
 * @returns 43 characters of base64url
 */
export function browserSecret(call: Call, appName: string, purpose: string): string | undefined {
  const secret = presentedSecret(call, appName);
  return secret && createHmac('sha256', secret).update(`${purpose} ${appName}`).digest('base64url');
}

/** Ends the interaction. Forms that were opened before become invalid. */
export function endInteraction(call: Call, appName: string): void {
  if (presentedSecret(call, appName) !== undefined) sendSecret(call, appName, '', 0);
}

/** Whether a form was created for this browser, and the interaction of the browser has not ended. */
export function isOfInteraction(call: Call, appName: string, token: string | undefined): boolean {
  const secret = presentedSecret(call, appName);
  return (
    secret !== undefined &&
    token !== undefined &&
    constantTimeEqual(Buffer.from(formTokenOf(secret, appName)), Buffer.from(token))
  );
}

/**
 * Refuses requests that are no navigation, for example the request of a frame or an image of another site. Such a
 * request would change something without showing a page to anybody.
 *
 * @throws ApiError `origin_not_allowed`
 */
export function requireNavigation({ request }: Call): void {
  const { 'sec-fetch-dest': destination } = request.headers;
  if (destination !== undefined && destination !== 'document') throw new ApiError('origin_not_allowed');
}

/**
 * Refuses forms of other sites, also of origins in `allowedOrigins`: only pages of the service may send its forms.
 *
 * @throws ApiError `origin_not_allowed`
 */
export function requireOwnOrigin({ request, services }: Call): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  const isOwn =
    origin === undefined ? site === undefined || site === 'same-origin' : isOwnOrigin(services.config, origin);
  if (!isOwn || (site !== undefined && site !== 'same-origin')) throw new ApiError('origin_not_allowed');
}
