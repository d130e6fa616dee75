import { namedAppOf } from '../apps/named-app.ts';
import { cookieNames, setCookies } from '../calls/app-cookies.ts';
import type { Call } from '../calls/route.ts';
import { bearerToken, cookieOf } from '../http/credential.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import { replaceToken } from './sessions.store.ts';

/**
 * Gives the session of the caller's cookie another token after a claim, so that anyone who knew the cookie before
 * gains nothing. A Bearer token stays valid, because its caller has stored it, even if the cookie has the same token.
 *
 * @param userId the user who claimed the account; a cookie of another user stays
 */
export async function renewSessionCookie(call: Call, userId: string): Promise<void> {
  const { request, services } = call;
  if (request.headers.cookie === undefined) return;
  const app = await namedAppOf(call);
  const { publicUrl } = services.config;
  const presented = cookieOf(request, 'session-token', { appName: app.name, publicUrl });
  if (presented === undefined || presented === bearerToken(request)) return;
  const token = newSecret('gh_s_');
  const hashes = { from: sha256(presented), to: sha256(token) };
  const isReplaced = await replaceToken(services.db, app.id, userId, hashes);
  const names = cookieNames(call, app, 'session-token');
  if (isReplaced) setCookies(call, app, names, token, app.settings.sessionLifeSeconds);
}
