import type { App } from '../apps/apps.store.ts';
import { cookieNames, setCookies } from '../calls/app-cookies.ts';
import type { Call } from '../calls/route.ts';
import { presentedCookieNames } from '../http/credential.ts';
import { sha256 } from '../keys/secrets.ts';

/** Clears the cookies that contain a session which has just ended. */
export function clearSessionCookie(call: Call, app: App, endedTokenHashes: readonly Buffer[]): void {
  const isEnded = (token: string) => endedTokenHashes.some((hash) => hash.equals(sha256(token)));
  setCookies(call, app, presentedCookieNames(call.request, cookieNames(call, app, 'session-token'), isEnded), '', 0);
}
