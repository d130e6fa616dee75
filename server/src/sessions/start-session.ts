import type { App } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';
import { deviceHeaders, deviceOfCall, setDeviceToken } from '../devices/device-token.ts';
import { forgetSurplusDevices, rememberDevice } from '../devices/devices.store.ts';
import { cookieNames, setCookies } from '../http/app-cookies.ts';
import { presentedCookieNames } from '../http/credential.ts';
import type { Call } from '../http/route.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import { insertSession, type NewSession } from './sessions.store.ts';

/** What a client keeps: the tokens are shown here and never again. */
export interface StartedSession {
  readonly sessionId: string;
  readonly sessionToken: string;
  /** What the device holds from now on, so that it is known when it signs in again. */
  readonly deviceToken: string;
}

/** A session that is about to be stored, with its token. */
export interface PreparedSession {
  readonly row: NewSession;
  readonly token: string;
}

/** A user who has just proven who they are. */
export interface ProvenUser {
  readonly id: string;
  /** How they proved it. @see RFC 8176 */
  readonly amr: readonly string[];
}

export function prepareSession({ services, client }: Call, app: App, user: ProvenUser): PreparedSession {
  const now = services.clock.now();
  const after = (seconds: number) => new Date(now.getTime() + seconds * 1000);
  const token = newSecret('gh_s_');
  const row = {
    id: services.ids.next(),
    userId: user.id,
    tokenHash: sha256(token),
    amr: user.amr,
    now,
    expiresAt: after(app.settings.sessionLifeSeconds),
    idleExpiresAt: after(app.settings.sessionIdleSeconds),
    ip: client.ip,
    userAgent: client.userAgent,
  };
  return { row, token };
}

/**
 * Remembers the device behind the call as one that the user signs in from.
 *
 * @returns what the device is to hold, for `setDeviceToken`
 */
export async function rememberDeviceOf(tx: Tx, call: Call, app: App, userId: string): Promise<string> {
  const device = deviceOfCall(call, app, userId);
  const isNew = sql`FROM device WHERE token_hash = ${device.use.newHash}`;
  const [row] = await tx.query<{ token_hash: Buffer }>(sql`
    WITH device AS (${rememberDevice(app.id, device.use, empty)}),
    forgotten AS (${forgetSurplusDevices(app.id, userId, isNew)})
    SELECT token_hash FROM device`);
  if (!row) throw new Error('a device was not remembered');
  return device.held(row.token_hash);
}

/** Starts a session for a user who has just proven who they are; the device is known from then on. */
export async function startSession(tx: Tx, call: Call, app: App, user: ProvenUser): Promise<StartedSession> {
  const { row, token } = prepareSession(call, app, user);
  await tx.query(insertSession(app.id, row, empty));
  return { sessionId: row.id, sessionToken: token, deviceToken: await rememberDeviceOf(tx, call, app, user.id) };
}

/** The headers of an answer that starts a session. */
export const sessionHeaders = { ...deviceHeaders, 'Set-Cookie': 'The session cookie and the device cookie.' };

/** Gives session and device to the browser too. */
export function setSessionCookies(
  call: Call,
  app: App,
  started: Pick<StartedSession, 'sessionToken' | 'deviceToken'>,
): void {
  const names = cookieNames(call, app, 'session-token');
  setCookies(call, app, names, started.sessionToken, app.settings.sessionLifeSeconds);
  setDeviceToken(call, app, started.deviceToken);
}

/** Clears the cookies that hold a session which has just ended, and no others. */
export function clearSessionCookie(call: Call, app: App, endedTokenHashes: readonly Buffer[]): void {
  const isEnded = (token: string) => endedTokenHashes.some((hash) => hash.equals(sha256(token)));
  setCookies(call, app, presentedCookieNames(call.request, cookieNames(call, app, 'session-token'), isEnded), '', 0);
}
