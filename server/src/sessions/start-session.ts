import { serialize } from 'cookie';
import type { App } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { appCookieName, presentedCookieNames, sessionCookieName } from '../http/credential.ts';
import type { Call } from '../http/route.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import { insertSession } from './sessions.store.ts';

/** What a client keeps: the token is shown here and never again. */
export interface StartedSession {
  readonly sessionId: string;
  readonly sessionToken: string;
}

/**
 * Starts a session for a user who has just proven who they are.
 *
 * @param amr how they proved it. @see RFC 8176
 */
export async function startSession(
  tx: Tx,
  call: Call,
  app: App,
  user: { id: string; amr: readonly string[] },
): Promise<StartedSession> {
  const { services, client } = call;
  const now = services.clock.now();
  const after = (seconds: number) => new Date(now.getTime() + seconds * 1000);
  const sessionId = services.ids.next();
  const sessionToken = newSecret('gh_s_');
  await insertSession(tx, app.id, {
    id: sessionId,
    userId: user.id,
    tokenHash: sha256(sessionToken),
    amr: user.amr,
    now,
    expiresAt: after(app.settings.sessionLifeSeconds),
    idleExpiresAt: after(app.settings.sessionIdleSeconds),
    ip: client.ip,
    userAgent: client.userAgent,
  });
  return { sessionId, sessionToken };
}

function cookie(call: Call, app: Pick<App, 'settings'>, name: string, value: string, maxAge: number): string {
  const secure = call.services.config.publicUrl.startsWith('https:');
  return serialize(name, value, { httpOnly: true, path: '/', secure, maxAge, sameSite: app.settings.cookieSameSite });
}

function cookieNames(call: Call, app: Pick<App, 'name'>): string[] {
  const isHttps = call.services.config.publicUrl.startsWith('https:');
  return isHttps ? [sessionCookieName, appCookieName(app.name)] : [sessionCookieName];
}

/** Gives the session to the browser too; on https twice, so that apps on one host do not overwrite each other's. */
export function setSessionCookie(call: Call, app: App, token: string): void {
  const cookies = cookieNames(call, app).map((name) => cookie(call, app, name, token, app.settings.sessionLifeSeconds));
  call.reply.header('set-cookie', cookies);
}

/** Clears the cookies that hold a session which has just ended, and no others. */
export function clearSessionCookie(call: Call, app: App, endedTokenHashes: readonly Buffer[]): void {
  const isEnded = (token: string) => endedTokenHashes.some((hash) => hash.equals(sha256(token)));
  const held = presentedCookieNames(call.request, cookieNames(call, app), isEnded);
  const cleared = held.map((name) => cookie(call, app, name, '', 0));
  if (cleared.length > 0) call.reply.header('set-cookie', cleared);
}
