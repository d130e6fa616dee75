import { type App, type AppRow, toApp } from '../apps/apps.store.ts';
import { type Db, empty, type Sql, sql } from '../db/db.ts';
import { type DeviceUse, forgetSurplusDevices, rememberDevice } from '../devices/devices.store.ts';
import { ApiError } from '../http/errors.ts';
import { insertMail, type NewMail } from '../email/mails.store.ts';
import { returnUnit, secondsToWait, type Share, takeUnit } from '../limits/limits.store.ts';
import { setPasswordHashWhere } from '../users/users.store.ts';
import type { UserState } from '../users/users.store.ts';
import { endSurplusSessions, insertSession, type NewSession, renewSession } from '../sessions/sessions.store.ts';

/** What a try to sign in is counted for. */
export interface SignInShares {
  readonly address: Share;
  readonly account: Share;
  /** Of the devices that the caller presents: the share of the one that the account knows is taken instead of the others. */
  readonly devices: readonly { readonly tokenHash: Buffer; readonly keyHash: Buffer }[];
  readonly device: Omit<Share, 'keyHash'>;
}

/** What a password is compared with. */
export interface Credentials {
  readonly id: string;
  readonly email: string;
  readonly isEmailVerified: boolean;
  readonly state: UserState;
  readonly passwordHash: string | null;
}

/** A try that was counted. */
export interface CountedTry {
  readonly app: App;
  /** Seconds until another try may be made, when this one may not. */
  readonly waitSeconds: number | undefined;
  /** The key of the known device's share, if it was that which was taken from. */
  readonly deviceKeyHash: Buffer | undefined;
  /** Undefined: nobody has the address. */
  readonly credentials: Credentials | undefined;
  /** Id of the live session of this user whose token the caller presents. */
  readonly presentedSessionId: string | undefined;
}

interface CountedRow {
  app: Omit<AppRow, 'created_at' | 'updated_at'> & { created_at: string; updated_at: string };
  id: string | null;
  email: string;
  is_email_verified: boolean;
  state: UserState;
  password_hash: string | null;
  presented_session: string | null;
  device_key: Buffer | null;
  is_device_admitted: boolean;
  is_address_admitted: boolean;
  is_account_admitted: boolean;
  device_wait: number | null;
  address_wait: number | null;
  account_wait: number | null;
}

function waitOf(row: CountedRow): number | undefined {
  if (row.device_key) return row.is_device_admitted ? undefined : (row.device_wait ?? 0);
  if (!row.is_address_admitted) return row.address_wait ?? 0;
  return row.is_account_admitted ? undefined : (row.account_wait ?? 0);
}

function toCountedTry(appId: string, row: CountedRow): CountedTry {
  const { app, id, email, is_email_verified: isEmailVerified, state, password_hash: passwordHash } = row;
  const times = { created_at: new Date(app.created_at), updated_at: new Date(app.updated_at) };
  return {
    app: toApp({ ...app, ...times, id: appId }),
    waitSeconds: waitOf(row),
    deviceKeyHash: row.device_key ?? undefined,
    credentials: id === null ? undefined : { id, email, isEmailVerified, state, passwordHash },
    presentedSessionId: row.presented_session ?? undefined,
  };
}

/**
 * Counts a try to sign in and looks up the app and what the password is compared with: one statement, the same for every address
 * whether or not anybody has it, committed before the password is compared. The share of the address comes first, so
 * that a network which has used up its own uses up nobody's account.
 *
 * The commit does not wait for the disk: it is seen by everybody at once, and a database server that crashes forgets
 * the tries of its last moment and nothing else.
 *
 * @param shares as large as the row `app` of the statement says
 * @param presentedHash hash of the session token that the caller keeps as a cookie
 * @throws ApiError `app_inactive`
 */
export async function countTry(
  db: Db,
  appId: string,
  emailKey: string,
  shares: SignInShares,
  presentedHash: Buffer | undefined,
  now: Date,
): Promise<CountedTry> {
  const { address, account } = shares;
  const device: Share<Sql> = { ...shares.device, keyHash: sql`(SELECT key_hash FROM known_device)` };
  const [row] = await db.query<CountedRow>(sql`
    WITH app AS (SELECT * FROM apps WHERE id = ${appId}),
    active AS (SELECT FROM app WHERE status = 'ACTIVE'),
    person AS (
      SELECT id, email, is_email_verified, state, password_hash FROM users
      WHERE app_id = ${appId} AND email_key = ${emailKey} AND EXISTS (SELECT FROM active)),
    known_device AS (
      SELECT presented.key_hash
      FROM unnest(${shares.devices.map(({ tokenHash }) => tokenHash)}::bytea[],
        ${shares.devices.map(({ keyHash }) => keyHash)}::bytea[]) AS presented (token_hash, key_hash)
      JOIN devices d ON d.app_id = ${appId} AND d.token_hash = presented.token_hash AND d.expires_at > ${now}
      JOIN person ON person.id = d.user_id
      LIMIT 1),
    of_device AS (${takeUnit(appId, device, now, sql`FROM known_device`)}),
    of_address AS (${takeUnit(appId, address, now, sql`FROM active WHERE NOT EXISTS (SELECT FROM known_device)`)}),
    of_account AS (${takeUnit(appId, account, now, sql`FROM of_address`)})
    SELECT (SELECT to_jsonb(app) FROM app) AS app, person.id, person.email,
      person.is_email_verified, person.state, person.password_hash,
      (SELECT s.id FROM sessions s
        WHERE s.app_id = ${appId} AND s.token_hash = ${presentedHash ?? null}::bytea AND s.user_id = person.id
          AND LEAST(s.expires_at, s.idle_expires_at) > ${now}) AS presented_session,
      (SELECT key_hash FROM known_device) AS device_key,
      EXISTS (SELECT FROM of_device) AS is_device_admitted, ${secondsToWait(appId, device, now)} AS device_wait,
      EXISTS (SELECT FROM of_address) AS is_address_admitted, ${secondsToWait(appId, address, now)} AS address_wait,
      EXISTS (SELECT FROM of_account) AS is_account_admitted, ${secondsToWait(appId, account, now)} AS account_wait
    FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried LEFT JOIN person ON true`);
  if (!row) throw new Error('a try to sign in was not counted');
  if (row.app.status !== 'ACTIVE') throw new ApiError('app_inactive');
  return toCountedTry(appId, row);
}

/** A sign-in with the right password, to be stored. */
export interface RightSignIn {
  readonly credentials: Credentials;
  /** The same password with today's parameters, if the stored hash has others. */
  readonly newHash: string | undefined;
  readonly session: NewSession;
  /** Hash of the token of the presented session, if `session` renews that one. */
  readonly renewedHash: Buffer | undefined;
  /** Live sessions that the user may have. */
  readonly sessionsPerUser: number;
  readonly device: DeviceUse;
  /** Tells the owner that the device is new to the account, unless there were too many such mails; undefined: nobody is told. */
  readonly notice: { readonly mail: NewMail; readonly shares: readonly [network: Share, user: Share] } | undefined;
  /** What was taken from: a right password costs nothing. In the order in which they were taken. */
  readonly taken: readonly Share[];
}

/** Those who sign in at the same time return what they took in the order in which others take, so that none waits in a circle. */
function returnInOrder(appId: string, taken: readonly Share[]): Sql {
  const [first, second] = taken;
  if (!first) throw new Error('nothing was taken');
  const returned = sql`first_returned AS (${returnUnit(appId, first, sql`EXISTS (SELECT FROM changed)`)})`;
  if (!second) return returned;
  const after = sql`EXISTS (SELECT FROM changed) AND (SELECT count(*) FROM first_returned) >= 0`;
  return sql`${returned}, second_returned AS (${returnUnit(appId, second, after)})`;
}

/**
 * The common table expressions that begin the session, or renew the presented one. `changed` is the user, locked, if the
 * password that was compared is still theirs: comparing takes a while, and somebody may have claimed or changed the
 * account meanwhile. If the presented session ended or got another token meanwhile, `changed` is empty as well.
 */
function sessionChanges(appId: string, { credentials, session, renewedHash }: RightSignIn): Sql {
  const locked = sql`
    SELECT id FROM users
    WHERE app_id = ${appId} AND id = ${credentials.id} AND state = 'ACTIVE'
      AND password_hash = ${credentials.passwordHash}
    FOR NO KEY UPDATE`;
  if (!renewedHash) return sql`changed AS (${locked}), begun AS (${insertSession(appId, session, sql`FROM changed`)})`;
  return sql`
    locked AS (${locked}),
    begun AS (${renewSession(appId, session, renewedHash, sql`EXISTS (SELECT FROM locked)`)}),
    changed AS (SELECT user_id AS id FROM begun)`;
}

/** The common table expressions of a sign-in. */
export function signInChanges(appId: string, signIn: RightSignIn): Sql {
  const { credentials, newHash, session, sessionsPerUser, device, notice, taken } = signIn;
  const isChanged = sql`EXISTS (SELECT FROM changed)`;
  return sql`
    ${sessionChanges(appId, signIn)},
    ended AS (${endSurplusSessions(appId, session, sql`${session.id}::bigint`, sessionsPerUser, isChanged)}),
    rehashed AS (${setPasswordHashWhere(appId, credentials.id, newHash ?? null, isChanged)}),
    device AS (${rememberDevice(appId, device, sql`FROM changed`)}),
    forgotten AS (${forgetSurplusDevices(appId, device.userId, isNew(device))}),
    ${notice ? noticed(appId, signIn, notice) : empty}
    ${returnInOrder(appId, taken)}`;
}

/** The FROM clause that yields a row when the device was not known. */
const isNew = ({ newHash }: DeviceUse): Sql => sql`FROM device WHERE token_hash = ${newHash}`;

/** The mail about a device that the account does not know. */
function noticed(appId: string, { device }: RightSignIn, { mail, shares }: NonNullable<RightSignIn['notice']>): Sql {
  const [network, user] = shares;
  return sql`
    noticed_network AS (${takeUnit(appId, network, device.now, isNew(device))}),
    noticed AS (${takeUnit(appId, user, device.now, sql`FROM noticed_network`)}),
    mailed AS (${insertMail(appId, mail, sql`FROM noticed`)}),`;
}
