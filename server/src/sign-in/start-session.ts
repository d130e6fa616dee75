import type { App } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';
import { deviceHeaders, deviceOfCall, setDeviceToken } from '../devices/device-token.ts';
import { deviceChanges, storedDevice } from '../devices/devices.store.ts';
import { cookieNames, setCookies } from '../calls/app-cookies.ts';
import { cookieOf } from '../http/credential.ts';
import type { Call } from '../calls/route.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import { endSurplusSessions, insertSession, type NewSession, renewSession } from '../sessions/sessions.store.ts';

/** Tokens for the client. They are returned only here. */
export interface StartedSession {
  readonly sessionId: string;
  readonly sessionToken: string;
  /** The device tokens that the device keeps for later sign-ins. */
  readonly deviceToken: string;
  /** Whether the session existed before, and got a new token. */
  readonly isRenewed: boolean;
}

/** A new session, not stored yet, with its token. */
export interface PreparedSession {
  readonly row: NewSession;
  readonly token: string;
}

/** A user who has just authenticated. */
export interface AuthenticatedUser {
  readonly id: string;
  /** Methods of authentication. @see RFC 8176 */
  readonly amr: readonly string[];
}

export function prepareSession({ services, client }: Call, app: App, user: AuthenticatedUser): PreparedSession {
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
 * Stores the device of the call as one from which the user signs in.
 *
 * @returns the tokens of the device, for `setDeviceToken`
 */
export async function rememberDeviceOf(tx: Tx, call: Call, app: App, userId: string): Promise<string> {
  const device = deviceOfCall(call, app, userId);
  const [row] = await tx.query<{ token_hash: Buffer }>(sql`
    WITH ${deviceChanges(app.id, device.use, empty)}
    ${storedDevice}`);
  if (!row) throw new Error('a device was not stored');
  return device.held(row.token_hash);
}

/** Hash of the session token in the caller's cookie. A Bearer token is ignored. */
export function presentedSessionHash({ request, services }: Call): Buffer | undefined {
  const { publicUrl } = services.config;
  const appName = String(request.headers['x-app-name']);
  const token = cookieOf(request, 'session-token', { appName, publicUrl });
  return token === undefined ? undefined : sha256(token);
}

/**
 * Starts a session for a user who has just authenticated. If the caller's cookie holds a live session of that user, the
 * session is renewed instead: same id, new token. The device is known from then on. The caller has locked the user.
 */
export async function startSession(tx: Tx, call: Call, app: App, user: AuthenticatedUser): Promise<StartedSession> {
  const { row, token } = prepareSession(call, app, user);
  const presented = presentedSessionHash(call);
  const renewed = presented
    ? renewSession(app.id, row, presented, sql`true`)
    : sql`SELECT NULL::bigint AS id WHERE false`;
  const kept = sql`COALESCE((SELECT id FROM renewed), ${row.id})`;
  const [session] = await tx.query<{ id: string | null }>(sql`
    WITH renewed AS (${renewed}),
    begun AS (${insertSession(app.id, row, sql`WHERE NOT EXISTS (SELECT FROM renewed)`)}),
    ended AS (${endSurplusSessions(app.id, row, kept, app.settings.sessionsPerUser, sql`true`)})
    SELECT (SELECT id FROM renewed) AS id`);
  const renewedId = session?.id ?? undefined;
  const deviceToken = await rememberDeviceOf(tx, call, app, user.id);
  return { sessionId: renewedId ?? row.id, sessionToken: token, deviceToken, isRenewed: renewedId !== undefined };
}

/** The audit event of a started or renewed session. */
export const sessionEvent = (
  userId: string,
  { sessionId, isRenewed }: Pick<StartedSession, 'sessionId' | 'isRenewed'>,
) =>
  ({
    action: isRenewed ? 'session.renewed' : 'session.created',
    target: { kind: 'session', id: sessionId },
    actor: { kind: 'user', id: userId },
  }) as const;

/** The headers of a response that starts a session. */
export const sessionHeaders = { ...deviceHeaders, 'Set-Cookie': 'The session cookie and the device cookie.' };

/** Sends session and device as cookies, too. */
export function setSessionCookies(
  call: Call,
  app: App,
  started: Pick<StartedSession, 'sessionToken' | 'deviceToken'>,
): void {
  const names = cookieNames(call, app, 'session-token');
  setCookies(call, app, names, started.sessionToken, app.settings.sessionLifeSeconds);
  setDeviceToken(call, app, started.deviceToken);
}
