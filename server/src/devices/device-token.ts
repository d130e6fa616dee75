import { type CookieApp, cookieNames, setCookies } from '../calls/app-cookies.ts';
import { cookieOf } from '../http/credential.ts';
import type { Call } from '../calls/route.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import type { DeviceUse } from './devices.store.ts';

/** By which programs that keep no cookies present their device, and by which every answer that has one tells it. */
export const deviceHeader = 'x-device-token';

const lifeSeconds = 180 * 24 * 3600;

/** A device holds one token for each account that signs in on it, and these many at most; the newest come last. */
const tokensHeld = 5;
const separator = '.';
const tokenPattern = /^gh_d_[\w-]{43}$/;

/**
 * The device tokens that a request carries, from the header or else the cookie. Each is good for one account only: a
 * token that somebody slips into another's browser makes that browser known to nobody but themselves.
 */
export function presentedDeviceTokens({ request, services }: Call, appName: string): string[] {
  const header = request.headers[deviceHeader];
  const presented =
    typeof header === 'string'
      ? header
      : cookieOf(request, 'device-token', { appName, publicUrl: services.config.publicUrl });
  const tokens = (presented ?? '').split(separator, tokensHeld + 1).filter((token) => tokenPattern.test(token));
  return [...new Set(tokens)].slice(0, tokensHeld);
}

/** What is remembered of the device behind a call, and what it is given to keep. */
export interface DeviceOfCall {
  readonly use: DeviceUse;
  /** What the device holds from now on. @param rememberedHash that of the token by which the user is known on it */
  held(rememberedHash: Buffer): string;
}

/** The device behind a call, as it is to be remembered for a user who has proven who they are. */
export function deviceOfCall(call: Call, app: CookieApp, userId: string): DeviceOfCall {
  const tokens = presentedDeviceTokens(call, app.name);
  const newToken = newSecret('gh_d_');
  const newHash = sha256(newToken);
  const now = call.services.clock.now();
  const expiresAt = new Date(now.getTime() + lifeSeconds * 1000);
  return {
    use: { userId, presentedHashes: tokens.map(sha256), newHash, now, expiresAt },
    held: (rememberedHash) => {
      const known = tokens.find((token) => sha256(token).equals(rememberedHash)) ?? newToken;
      return [...tokens.filter((token) => token !== known), known].slice(-tokensHeld).join(separator);
    },
  };
}

/** The headers of an answer that makes a device known. */
export const deviceHeaders = {
  'Set-Cookie': 'The device cookie.',
  'X-Device-Token':
    'The value of the cookie `device-token`, for programs without a cookie jar. Send it with the next sign-in.',
};

/** Gives the device its tokens: as a cookie, and in a header for programs that keep no cookies. */
export function setDeviceToken(call: Call, app: CookieApp, held: string): void {
  setCookies(call, app, cookieNames(call, app, 'device-token'), held, lifeSeconds);
  call.reply.header(deviceHeader, held);
}
