import { namedAppOf } from '../apps/named-app.ts';
import { cookieNames, setCookies } from '../calls/app-cookies.ts';
import type { Call } from '../calls/route.ts';
import { cookieOf } from '../http/credential.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import { replaceToken } from './sessions.store.ts';

/**
 * Gives the session of the caller's cookie another token after a claim, so that anyone who knew the cookie before
 * gains nothing. Callers that send a token keep it, because they have stored it.
 */
export async function renewSessionCookie(call: Call): Promise<void> {
  const { request, services } = call;
  if (request.headers.authorization !== undefined || request.headers.cookie === undefined) return;
  const app = await namedAppOf(call);
  const { publicUrl } = services.config;
  const presented = cookieOf(request, 'session-token', { appName: app.name, publicUrl });
  if (presented === undefined) return;
  const token = newSecret('gh_s_');
  const hashes = { from: sha256(presented), to: sha256(token) };
  const isReplaced = await replaceToken(services.db, app.id, hashes);
  const names = cookieNames(call, app, 'session-token');
  if (isReplaced) setCookies(call, app, names, token, app.settings.sessionLifeSeconds);
}
