import { serialize } from 'cookie';
import { type CookieKind, cookieNamesOf } from '../http/credential.ts';
import type { CallApp } from './call-app.ts';
import type { Call } from './route.ts';

/** App data that determines the attributes of a cookie. */
export type CookieApp = Pick<CallApp, 'name' | 'settings'>;

/**
 * The names under which a secret of this app lies in a browser: on https twice, so that apps on one host do not
 * overwrite each other's.
 */
export function cookieNames({ services }: Call, app: CookieApp, kind: CookieKind): string[] {
  const { shared, ofApp } = cookieNamesOf(kind, app.name);
  return services.config.publicUrl.startsWith('https:') ? [shared, ofApp] : [shared];
}

/**
 * Gives cookies to the browser with the attributes that all of ours have: out of reach of scripts, for this host only,
 * not over plain http where the service is on https.
 *
 * @param maxAge in seconds; 0 clears
 */
export function setCookies(call: Call, app: CookieApp, names: readonly string[], value: string, maxAge: number): void {
  const secure = call.services.config.publicUrl.startsWith('https:');
  const attributes = { httpOnly: true, path: '/', secure, maxAge, sameSite: app.settings.cookieSameSite };
  for (const name of names) call.reply.header('set-cookie', serialize(name, value, attributes));
}
