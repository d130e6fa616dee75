import { serialize } from 'cookie';
import { type CookieKind, cookieNamesOf } from '../http/credential.ts';
import type { CallApp } from './call-app.ts';
import type { Call } from './route.ts';

/** App data that determines the attributes of a cookie. */
export type CookieApp = Pick<CallApp, 'name' | 'settings'>;

/**
 * The cookie names for a secret of this app. On https, the names include the app, so that apps on one host do not
 * overwrite each other's cookies.
 */
export function cookieNames({ services }: Call, app: CookieApp, kind: CookieKind): string[] {
  const { shared, ofApp } = cookieNamesOf(kind, app.name);
  return services.config.publicUrl.startsWith('https:') ? [shared, ofApp] : [shared];
}

/**
 * Sets cookies with the attributes of all our cookies: not readable by scripts, for this host only, and only over https
 * if the service uses https.
 *
 * @param maxAge in seconds; 0 deletes the cookies
 */
export function setCookies(call: Call, app: CookieApp, names: readonly string[], value: string, maxAge: number): void {
  const secure = call.services.config.publicUrl.startsWith('https:');
  const attributes = { httpOnly: true, path: '/', secure, maxAge, sameSite: app.settings.cookieSameSite };
  for (const name of names) call.reply.header('set-cookie', serialize(name, value, attributes));
}
