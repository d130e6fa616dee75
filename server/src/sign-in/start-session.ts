import type { App } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';
import { deviceHeaders, deviceOfCall, setDeviceToken } from '../devices/device-token.ts';
import { deviceChanges, type RememberedFactor, storedDevice } from '../devices/devices.store.ts';
import { rememberedDeviceOf } from '../devices/remembered-device.ts';
import { cookieNames, setCookies } from '../calls/app-cookies.ts';
import { cookieOf } from '../http/credential.ts';
import type { SessionRestriction } from '../access/actor.ts';
import { type Acr, acrOf } from '../access/second-factor.ts';
import type { Call } from '../calls/route.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import { sessionEnds } from '../sessions/session-ends.ts';
import { asksForFactors, beginSecondFactor, mfaRequired, type PendingSignIn } from './second-factor.ts';
import { endReplacedSessions, insertSession, type NewSession, renewSession } from '../sessions/sessions.store.ts';

/** Tokens for the client. They are returned only here. */
export interface StartedSession {
  readonly sessionId: string;
  readonly sessionToken: string;
  /** The value of the device cookie. It holds the tokens of all accounts that signed in on this device, up to five. */
  readonly deviceToken: string;
  /** Hash of the token by which the account knows the device. */
  readonly deviceHash: Buffer;
  /** Whether the account did not know the device before. */
  readonly isDeviceNew: boolean;
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
  /** The strength that an identity provider has asserted. Default: none. */
  readonly providerAcr?: Acr | null;
  /** Whether a second factor was used, too. */
  readonly isFactorProven?: boolean;
  /** Whether a mailed code was the second factor. */
  readonly isMailProven?: boolean;
  /** Set if the device of the call is remembered, and replaces the second factor. */
  readonly remembered?: RememberedFactor | undefined;
  /** Hash of the device token to which the sign-in was bound. */
  readonly boundHash?: Buffer;
  /** Default: none. */
  readonly restriction?: SessionRestriction | null;
}

/** The restriction of a session of a user without a second factor. */
export const restrictionWithoutFactor = ({ settings }: App): SessionRestriction | null =>
  settings.mfa.policy === 'required' ? 'enrolment' : null;

const earlier = (one: Date, other: Date): Date => (one < other ? one : other);

/** A session that relies on a remembered device ends no later than the device is remembered. */
export function prepareSession(call: Call, app: App, user: AuthenticatedUser): PreparedSession {
  const { services, client } = call;
  const restriction = user.restriction ?? null;
  const { remembered } = user;
  const ends = sessionEnds(call, app, restriction);
  const token = newSecret('gh_s_');
  const row = {
    id: services.ids.next(),
    userId: user.id,
    tokenHash: sha256(token),
    amr: user.amr,
    providerAcr: user.providerAcr ?? null,
    factorAt: user.isFactorProven ? ends.now : null,
    rememberedFactorAt: remembered?.provenAt ?? null,
    strongFactorAt: user.isFactorProven && acrOf(user.amr) === 3 ? ends.now : null,
    restriction,
    ...ends,
    ...(remembered && { expiresAt: earlier(ends.expiresAt, remembered.until) }),
    ip: client.ip,
    userAgent: client.userAgent,
  };
  return { row, token };
}

/**
 * Stores the device of the call as one from which the user signs in.
 *
 * @param options as of `deviceOfCall`
 * @returns the tokens of the device, for `setDeviceToken`, and whether the account did not know it before
 */
export async function storeDeviceOf(
  tx: Tx,
  call: Call,
  app: App,
  userId: string,
  options: Parameters<typeof deviceOfCall>[3] = {},
): Promise<Pick<StartedSession, 'deviceToken' | 'deviceHash' | 'isDeviceNew'>> {
  const device = deviceOfCall(call, app, userId, options);
  const [row] = await tx.query<{ token_hash: Buffer }>(sql`
    WITH ${deviceChanges(app.id, device.use, empty)}
    ${storedDevice}`);
  if (!row) throw new Error('a device was not stored');
  const deviceHash = row.token_hash;
  return { deviceToken: device.held(deviceHash), deviceHash, isDeviceNew: deviceHash.equals(device.use.newHash) };
}

/** Hash of the session token in the caller's cookie. A Bearer token is ignored. */
export function presentedSessionHash({ request, services }: Call): Buffer | undefined {
  const { publicUrl } = services.config;
  const appName = String(request.headers['x-app-name']);
  const token = cookieOf(request, 'session-token', { appName, publicUrl });
  return token === undefined ? undefined : sha256(token);
}

/** A sign-in that has started a session, or for which a second factor is missing. */
export type SignInOutcome =
  | ({ readonly kind: 'started' } & StartedSession)
  | ({ readonly kind: 'mfa-required' } & PendingSignIn);

/**
 * Starts a session for a user who has just authenticated, or requests the second factor. If the caller's
 * cookie holds a live session of that user, the session is renewed instead: same id, new token. The device is known
 * from then on. The user must be locked already.
 *
 * Every sign-in method calls this function, or `signInChanges`, which has the same rules in one statement. A user with
 * a second factor gets a session only after using it, now or on a remembered device. A user without a second factor
 * gets a restricted session if the app requires one.
 */
export async function startSession(
  tx: Tx,
  call: Call,
  app: App,
  authenticated: AuthenticatedUser,
): Promise<SignInOutcome> {
  const hasTwoFactors =
    authenticated.isFactorProven || authenticated.isMailProven || (authenticated.providerAcr ?? null) !== null;
  const { restriction = hasTwoFactors ? null : restrictionWithoutFactor(app) } = authenticated;
  const user = { ...authenticated, restriction };
  const started = await storeSession(tx, call, app, user);
  if (started) return started;
  const remembered = await rememberedDeviceOf(tx, call, app, user.id);
  const withoutFactor = remembered && (await storeSession(tx, call, app, { ...user, remembered, restriction: null }));
  return withoutFactor ?? { kind: 'mfa-required', ...(await beginSecondFactor(tx, call, app, user)) };
}

/** @returns undefined if the user has a second factor that was not used */
async function storeSession(
  tx: Tx,
  call: Call,
  app: App,
  user: AuthenticatedUser & { restriction: SessionRestriction | null },
): Promise<SignInOutcome | undefined> {
  const { restriction, remembered } = user;
  const { row, token } = prepareSession(call, app, user);
  const presented = restriction === null ? presentedSessionHash(call) : undefined;
  const mayStart = sql`EXISTS (SELECT FROM person)`;
  const renewed = presented
    ? renewSession(app.id, row, presented, mayStart)
    : sql`SELECT NULL::bigint AS id WHERE false`;
  const needsNoFactor = user.isFactorProven || user.isMailProven || remembered !== undefined;
  const kept = sql`COALESCE((SELECT id FROM renewed), ${row.id})`;
  const [session] = await tx.query<{ id: string | null; may_start: boolean }>(sql`
    WITH person AS (${startsWithoutFactor(app, row.userId, needsNoFactor)}),
    renewed AS (${renewed}),
    begun AS (${insertSession(app.id, row, sql`FROM person WHERE NOT EXISTS (SELECT FROM renewed)`)}),
    ended AS (${endReplacedSessions(app.id, row, kept, app.settings.sessionsPerUser, mayStart)})
    SELECT (SELECT id FROM renewed) AS id, ${mayStart} AS may_start`);
  if (!session?.may_start) return undefined;
  const renewedId = session.id ?? undefined;
  const device = await storeDeviceOf(tx, call, app, user.id, user);
  return {
    kind: 'started',
    sessionId: renewedId ?? row.id,
    sessionToken: token,
    ...device,
    isRenewed: renewedId !== undefined,
  };
}

/** The statement that returns a row if a session of the user may start now. */
const startsWithoutFactor = (app: App, userId: string, needsNoFactor: boolean) => sql`
  SELECT id FROM users
  WHERE app_id = ${app.id} AND id = ${userId}
    AND (NOT has_factor OR ${needsNoFactor || !asksForFactors(app)}::boolean)`;

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

/** The audit events of a sign-in; none while the second factor is missing. */
export const sessionEvents = (userId: string, outcome: SignInOutcome) =>
  outcome.kind === 'started' ? [sessionEvent(userId, outcome)] : [];

/** The headers of a response that starts a session. */
export const sessionHeaders = { ...deviceHeaders, 'Set-Cookie': 'The session cookie and the device cookie.' };

/**
 * Sends session and device as cookies, too.
 *
 * @throws ApiError `mfa_required` if no session has started
 */
export function setCookiesOf(call: Call, app: App, outcome: SignInOutcome): StartedSession {
  if (outcome.kind === 'mfa-required') throw mfaRequired(call, app, outcome);
  setSessionCookies(call, app, outcome);
  return outcome;
}

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
