import { type App, type AppRow, toApp } from '../apps/apps.store.ts';
import { type Db, empty, type Sql, sql, type Tx } from '../db/db.ts';
import {
  deviceChanges,
  type DeviceUse,
  newDevice,
  rememberedDevice,
  type RememberedFactor,
} from '../devices/devices.store.ts';
import { ApiError } from '../http/errors.ts';
import { insertMail, type NewMail } from '../email/mails.store.ts';
import { refundUnit, secondsToWait, type Quota, consumeUnit } from '../limits/limits.store.ts';
import { insertChallenge, type NewMfaChallenge } from './mfa-challenges.store.ts';
import { setPasswordHashWhere } from '../users/users.store.ts';
import type { UserState } from '../users/users.store.ts';
import { endReplacedSessions, insertSession, type NewSession, renewSession } from '../sessions/sessions.store.ts';

/** The quotas that an attempt to sign in consumes. */
export interface SignInQuotas {
  readonly address: Quota;
  readonly account: Quota;
  /** Device tokens of the caller. If the account knows one, its quota is consumed instead of the other two. */
  readonly devices: readonly { readonly tokenHash: Buffer; readonly keyHash: Buffer }[];
  readonly device: Omit<Quota, 'keyHash'>;
}

/** The stored credentials of an account. */
export interface Credentials {
  readonly id: string;
  readonly email: string;
  readonly isEmailVerified: boolean;
  readonly state: UserState;
  readonly passwordHash: string | null;
  /** Whether the user has a second factor. */
  readonly hasFactor: boolean;
  /** Changes with the password and the factors. */
  readonly rememberVersion: number;
}

/** An attempt that was counted. */
export interface CountedAttempt {
  readonly app: App;
  /** Seconds until the next attempt is allowed, if this one exceeds a quota. */
  readonly waitSeconds: number | undefined;
  /** Key of the quota of the known device, if the attempt consumed that quota. */
  readonly deviceKeyHash: Buffer | undefined;
  /** Undefined if no account has the address. */
  readonly credentials: Credentials | undefined;
  /** Set if the device of the call is remembered for the account: the second factor is not required. */
  readonly remembered: RememberedFactor | undefined;
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
  has_factor: boolean;
  remember_version: number;
  remembered: { remembered_at: string; remembered_until: string } | null;
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

function toCountedAttempt(appId: string, row: CountedRow): CountedAttempt {
  const { app, id, email, state } = row;
  const { is_email_verified: isEmailVerified, password_hash: passwordHash, has_factor: hasFactor, remembered } = row;
  const rememberVersion = row.remember_version;
  const times = { created_at: new Date(app.created_at), updated_at: new Date(app.updated_at) };
  return {
    app: toApp({ ...app, ...times, id: appId }),
    waitSeconds: waitOf(row),
    deviceKeyHash: row.device_key ?? undefined,
    credentials:
      id === null ? undefined : { id, email, isEmailVerified, state, passwordHash, hasFactor, rememberVersion },
    remembered: remembered
      ? { provenAt: new Date(remembered.remembered_at), until: new Date(remembered.remembered_until) }
      : undefined,
    presentedSessionId: row.presented_session ?? undefined,
  };
}

/**
 * Counts an attempt to sign in and looks up the app and the credentials. One statement, the same whether or not the
 * address has an account. The statement commits before the password is compared. In outline:
 *
 * 1. `app`, `active`: the app, and one row if it is active. An inactive app consumes no quota.
 * 2. `account`: the user with this address.
 * 3. `known_device`: a device token of the caller that this account knows.
 * 4. A known device consumes its own quota and no other. Otherwise the quota of the client address is consumed. The
 * quota of the account is consumed only if the client address had units left, so that a network beyond its quota cannot
 * lock accounts.
 * 5. The result: app, account and the session that the caller presents; for each quota, whether a unit was available
 * and otherwise when one is refilled.
 *
 * The commit does not wait for the disk. Other sessions see the attempt at once. A crash of the database server loses
 * only the latest attempts.
 *
 * @param quotas the quotas; their sizes are SQL expressions over the row `app` of the statement
 * @param cookies hashes of the session token in the caller's cookie, and of the secrets by which the browser is
 *   remembered
 * @throws ApiError `app_inactive`
 */
export async function countSignInAttempt(
  db: Db,
  appId: string,
  emailKey: string,
  quotas: SignInQuotas,
  { presentedHash, rememberHashes }: { presentedHash: Buffer | undefined; rememberHashes: readonly Buffer[] },
  now: Date,
): Promise<CountedAttempt> {
  const { address } = quotas;
  const device: Quota<Sql> = { ...quotas.device, keyHash: sql`(SELECT key_hash FROM known_device)` };
  const [row] = await db.query<CountedRow>(sql`
    WITH app AS (SELECT * FROM apps WHERE id = ${appId}),
    active AS (SELECT FROM app WHERE status = 'ACTIVE'),
    account AS (
      SELECT id, email, is_email_verified, state, password_hash, has_factor, remember_version FROM users
      WHERE app_id = ${appId} AND email_key = ${emailKey} AND EXISTS (SELECT FROM active)),
    known_device AS (
      SELECT presented.key_hash
      FROM unnest(${quotas.devices.map(({ tokenHash }) => tokenHash)}::bytea[],
        ${quotas.devices.map(({ keyHash }) => keyHash)}::bytea[]) AS presented (token_hash, key_hash)
      JOIN devices d ON d.app_id = ${appId} AND d.token_hash = presented.token_hash AND d.expires_at > ${now}
      JOIN account ON account.id = d.user_id
      LIMIT 1),
    device_quota_consumed AS (${consumeUnit(appId, device, now, sql`FROM known_device`)}),
    address_quota_consumed AS (
      ${consumeUnit(appId, address, now, sql`FROM active WHERE NOT EXISTS (SELECT FROM known_device)`)}),
    account_quota_consumed AS (${consumeUnit(appId, quotas.account, now, sql`FROM address_quota_consumed`)})
    SELECT (SELECT to_jsonb(app) FROM app) AS app, account.id, account.email,
      account.is_email_verified, account.state, account.password_hash, account.has_factor,
      account.remember_version, (
        SELECT to_jsonb(found) FROM (${rememberedDevice(appId, rememberHashes, sql`account u JOIN app a ON true`, now)})
          AS found) AS remembered,
      (SELECT s.id FROM sessions s
        WHERE s.app_id = ${appId} AND s.token_hash = ${presentedHash ?? null}::bytea AND s.user_id = account.id
          AND LEAST(s.expires_at, s.idle_expires_at) > ${now}) AS presented_session,
      (SELECT key_hash FROM known_device) AS device_key,
      EXISTS (SELECT FROM device_quota_consumed) AS is_device_admitted,
      ${secondsToWait(appId, device, now)} AS device_wait,
      EXISTS (SELECT FROM address_quota_consumed) AS is_address_admitted,
      ${secondsToWait(appId, address, now)} AS address_wait,
      EXISTS (SELECT FROM account_quota_consumed) AS is_account_admitted,
      ${secondsToWait(appId, quotas.account, now)} AS account_wait
    FROM (SELECT set_config('synchronous_commit', 'off', true)) AS commit_without_waiting_for_disk
    LEFT JOIN account ON true`);
  if (!row) throw new Error('an attempt to sign in was not counted');
  if (row.app.status !== 'ACTIVE') throw new ApiError('app_inactive');
  return toCountedAttempt(appId, row);
}

/** A sign-in with the correct password, to be stored. */
export interface SuccessfulSignIn {
  readonly credentials: Credentials;
  /** The hash of the same password with the current parameters, if the stored hash has others. */
  readonly newHash: string | undefined;
  readonly session: NewSession;
  /** Whether the sign-in relies on a remembered device. */
  readonly remembered: RememberedFactor | undefined;
  /** Hash of the token of the presented session, if `session` renews that one. */
  readonly renewedHash: Buffer | undefined;
  /** Maximum number of live sessions of the user. */
  readonly sessionsPerUser: number;
  readonly device: DeviceUse;
  /** The mail to the owner if the device is new to the account, and its quotas. Undefined: no mail is sent. */
  readonly notice: { readonly mail: NewMail; readonly quotas: readonly [network: Quota, user: Quota] } | undefined;
  /** The quotas to refund after a correct password, in the order in which they were consumed. */
  readonly taken: readonly Quota[];
}

/**
 * Stores a sign-in with the correct password whose second factor is missing.
 *
 * @param newHash the hash of the same password with the current parameters, if the stored hash has others
 * @returns false if the password that was compared is no longer stored
 */
export async function storeChallenge(
  db: Db,
  appId: string,
  credentials: Credentials,
  challenge: NewMfaChallenge,
  newHash: string | undefined,
): Promise<boolean> {
  const rows = await db.query(sql`
    WITH changed AS (
      SELECT id FROM users
      WHERE app_id = ${appId} AND id = ${credentials.id} AND state = 'ACTIVE'
        AND password_hash = ${credentials.passwordHash}
      FOR NO KEY UPDATE),
    password_rehashed AS (
      ${setPasswordHashWhere(appId, credentials.id, newHash ?? null, sql`EXISTS (SELECT FROM changed)`)}),
    stored AS (${insertChallenge(appId, challenge, sql`FROM changed`)})
    SELECT user_id FROM stored`);
  return rows.length > 0;
}

/** Refunds the quotas in the order in which they were consumed, so that concurrent sign-ins cannot deadlock. */
function refundInOrder(appId: string, taken: readonly Quota[]): Sql {
  const [first, second] = taken;
  if (!first) throw new Error('no quota was consumed');
  const refunded = sql`first_quota_refunded AS (${refundUnit(appId, first, sql`EXISTS (SELECT FROM changed)`)})`;
  if (!second) return refunded;
  const after = sql`EXISTS (SELECT FROM changed) AND (SELECT count(*) FROM first_quota_refunded) >= 0`;
  return sql`${refunded}, second_quota_refunded AS (${refundUnit(appId, second, after)})`;
}

/**
 * The common table expressions that insert the session, or renew the presented one. `changed` is the locked user. It is
 * empty if the password that was compared is no longer stored, because the account was claimed or changed in the
 * meantime, or if the user has added the first second factor or removed the last one, or if the remembered device has
 * ended. It is also empty if the presented session ended or got another token in the meantime.
 */
function sessionChanges(appId: string, { credentials, session, renewedHash, remembered }: SuccessfulSignIn): Sql {
  const locked = sql`
    SELECT id FROM users
    WHERE app_id = ${appId} AND id = ${credentials.id} AND state = 'ACTIVE'
      AND password_hash = ${credentials.passwordHash} AND has_factor = ${credentials.hasFactor}
      AND (${remembered === undefined}::boolean OR remember_version = ${credentials.rememberVersion})
    FOR NO KEY UPDATE`;
  if (!renewedHash)
    return sql`changed AS (${locked}), session_stored AS (${insertSession(appId, session, sql`FROM changed`)})`;
  return sql`
    user_locked AS (${locked}),
    session_stored AS (${renewSession(appId, session, renewedHash, sql`EXISTS (SELECT FROM user_locked)`)}),
    changed AS (SELECT user_id AS id FROM session_stored)`;
}

/**
 * The common table expressions that store a sign-in with the correct password. All depend on `changed`: if it is empty,
 * nothing is written. In outline:
 *
 * 1. `changed`, `session_stored`: lock the user and store the session.
 * 2. `replaced_sessions_ended`: end the copies of a renewed session, and the least recently used sessions beyond the
 *    limit per user.
 * 3. `password_rehashed`: replace a hash whose parameters are outdated.
 * 4. `device_stored`, `surplus_devices_forgotten`: store the device, delete the least recently used devices beyond the
 *    limit.
 * 5. `notice_…`: queue a mail to the owner if the device is new, within the quotas of the network and of the user.
 * 6. `…_quota_refunded`: refund the quotas that the attempt consumed.
 */
export function signInChanges(appId: string, signIn: SuccessfulSignIn): Sql {
  const { credentials, newHash, session, sessionsPerUser, device, notice, taken } = signIn;
  const isChanged = sql`EXISTS (SELECT FROM changed)`;
  return sql`
    ${sessionChanges(appId, signIn)},
    replaced_sessions_ended AS (
      ${endReplacedSessions(appId, session, sql`${session.id}::bigint`, sessionsPerUser, isChanged)}),
    password_rehashed AS (${setPasswordHashWhere(appId, credentials.id, newHash ?? null, isChanged)}),
    ${deviceChanges(appId, device, sql`FROM changed`)},
    ${notice ? noticed(appId, signIn, notice) : empty}
    ${refundInOrder(appId, taken)}`;
}

/** The mail about a device that the account does not know. */
function noticed(
  appId: string,
  { device }: SuccessfulSignIn,
  { mail, quotas }: NonNullable<SuccessfulSignIn['notice']>,
): Sql {
  const [network, user] = quotas;
  return sql`
    notice_quota_of_network_consumed AS (${consumeUnit(appId, network, device.now, newDevice(device))}),
    notice_quota_of_user_consumed AS (
      ${consumeUnit(appId, user, device.now, sql`FROM notice_quota_of_network_consumed`)}),
    notice_queued AS (${insertMail(appId, mail, sql`FROM notice_quota_of_user_consumed`)}),`;
}

/** Queues the mail about a device that the account does not know, within the quotas of the network and of the user. */
export async function queueDeviceNotice(
  tx: Tx,
  appId: string,
  { mail, quotas }: NonNullable<SuccessfulSignIn['notice']>,
  now: Date,
): Promise<void> {
  const [network, user] = quotas;
  await tx.query(sql`
    WITH network AS (${consumeUnit(appId, network, now, empty)}),
    person AS (${consumeUnit(appId, user, now, sql`FROM network`)})
    ${insertMail(appId, mail, sql`FROM person`)}`);
}
