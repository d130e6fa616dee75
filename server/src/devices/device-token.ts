import { type CookieApp, cookieNames, setCookies } from '../calls/app-cookies.ts';
import { cookieOf } from '../http/credential.ts';
import type { Call } from '../calls/route.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import type { DeviceUse } from './devices.store.ts';

/** Request and response header that carries device tokens for clients without a cookie jar. */
export const deviceHeader = 'x-device-token';

const lifeSeconds = 180 * 24 * 3600;

/** Maximum number of tokens of a device: one for each account that signs in on it, newest last. */
const tokensHeld = 5;
const separator = '.';
const tokenPattern = /^gh_d_[\w-]{43}$/;

/**
 * The device tokens of a request, from the header or otherwise the cookie. Each is valid for one account only. An
 * attacker who plants a token in another browser makes that browser known only for the attacker's account.
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

/** The tokens of a device after it got one, newest last. */
export const withDeviceToken = (tokens: readonly string[], added: string): string =>
  [...tokens.filter((token) => token !== added), added].slice(-tokensHeld).join(separator);

/**
 * The tokens of a device on which a sign-in began. The added token comes first and replaces the one of an earlier
 * sign-in, so that sign-ins that were not finished do not drop the tokens of known devices.
 */
export const withPendingToken = (tokens: readonly string[], added: string): string =>
  [added, ...tokens.slice(1 - tokensHeld)].join(separator);

/** The stored device of a call, and the token that the device gets. */
export interface DeviceOfCall {
  readonly use: DeviceUse;
  /**
   * The tokens of the device after this call. @param rememberedHash hash of the token by which the user's device is
   * known
   */
  held(rememberedHash: Buffer): string;
}

/**
 * The device of a call, to be stored for an authenticated user.
 *
 * @param options.boundHash hash of the token to which the sign-in was bound: it becomes the token of the device, unless
 *   the account knows the device already
 * @param options.isFactorProven whether a second factor was used in the sign-in
 */
export function deviceOfCall(
  call: Call,
  app: CookieApp,
  userId: string,
  { boundHash, isFactorProven = false }: { boundHash?: Buffer | undefined; isFactorProven?: boolean | undefined } = {},
): DeviceOfCall {
  const presented = presentedDeviceTokens(call, app.name);
  const bound = presented.find((token) => boundHash?.equals(sha256(token)));
  const tokens = presented.filter((token) => token !== bound);
  const newToken = bound ?? newSecret('gh_d_');
  const newHash = sha256(newToken);
  const now = call.services.clock.now();
  const expiresAt = new Date(now.getTime() + lifeSeconds * 1000);
  return {
    use: {
      userId,
      presentedHashes: tokens.map(sha256),
      newHash,
      factorAt: isFactorProven ? now : null,
      now,
      expiresAt,
    },
    held: (rememberedHash) => {
      const known = tokens.find((token) => sha256(token).equals(rememberedHash)) ?? newToken;
      return withDeviceToken(tokens, known);
    },
  };
}

/** The headers of a response that makes a device known. */
export const deviceHeaders = {
  'Set-Cookie': 'The device cookie.',
  'X-Device-Token':
    'The value of the cookie `device-token`, for programs without a cookie jar. Send it with the next sign-in.',
};

/** Sends the device its tokens: as a cookie, and in a header for clients without a cookie jar. */
export function setDeviceToken(call: Call, app: CookieApp, held: string): void {
  setCookies(call, app, cookieNames(call, app, 'device-token'), held, lifeSeconds);
  call.reply.header(deviceHeader, held);
}
