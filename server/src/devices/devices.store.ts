import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A device that has just signed in to an account, as it is stored. */
export interface DeviceUse {
  readonly userId: string;
  /** Hashes of the device tokens that the caller presented. */
  readonly presentedHashes: readonly Buffer[];
  /** Hash of the new token, used if none of the presented tokens is known for the user. */
  readonly newHash: Buffer;
  /** When a second factor was used on the device; null: not in this sign-in. */
  readonly factorAt: Date | null;
  readonly now: Date;
  readonly expiresAt: Date;
}

/**
 * Maximum number of devices of a user: a program that signs in repeatedly without its token must not fill the table.
 */
const devicesKept = 50;

/**
 * The statement that extends the user's known device, or inserts a new one. It returns `token_hash`.
 *
 * @param source empty, or a FROM clause that yields one row if the device may be stored
 */
const storeDevice = (appId: string, use: DeviceUse, source: Sql): Sql => sql`
  INSERT INTO devices AS known (app_id, token_hash, user_id, created_at, last_used_at, expires_at, factor_at)
  SELECT ${appId}::bigint, COALESCE((
      SELECT token_hash FROM devices
      WHERE app_id = ${appId} AND user_id = ${use.userId} AND token_hash = ANY (${[...use.presentedHashes]}::bytea[])
        AND expires_at > ${use.now} LIMIT 1), ${use.newHash}::bytea),
    ${use.userId}::bigint, ${use.now}::timestamptz, ${use.now}::timestamptz, ${use.expiresAt}::timestamptz,
    ${use.factorAt}::timestamptz
  ${source}
  ON CONFLICT (app_id, token_hash) DO UPDATE SET last_used_at = EXCLUDED.last_used_at, expires_at = EXCLUDED.expires_at,
    factor_at = COALESCE(EXCLUDED.factor_at, known.factor_at)
  WHERE known.user_id = EXCLUDED.user_id
  RETURNING known.token_hash`;

/**
 * The statement that deletes the least recently used devices beyond the limit, if a device was added.
 *
 * @param source the FROM clause that yields a row if a device was added
 */
const forgetSurplusDevices = (appId: string, userId: string, source: Sql): Sql => sql`
  DELETE FROM devices WHERE app_id = ${appId} AND token_hash IN (
    SELECT token_hash FROM devices WHERE app_id = ${appId} AND user_id = ${userId} AND EXISTS (SELECT ${source})
    ORDER BY last_used_at DESC, token_hash OFFSET ${devicesKept - 1})`;

/** The FROM clause that yields a row if `deviceChanges` stored a device that is new to the account. */
export const newDevice = ({ newHash }: DeviceUse): Sql => sql`FROM device_stored WHERE token_hash = ${newHash}`;

/** The SELECT that returns the `token_hash` which `deviceChanges` stored; no row if nothing was stored. */
export const storedDevice = sql`SELECT token_hash FROM device_stored`;

/**
 * The common table expressions that store the device of a sign-in and delete the least recently used devices beyond the
 * limit: `device_stored`, `surplus_devices_forgotten`.
 *
 * @param source empty, or a FROM clause that yields one row if the device may be stored
 */
export const deviceChanges = (appId: string, use: DeviceUse, source: Sql): Sql => sql`
  device_stored AS (${storeDevice(appId, use, source)}),
  surplus_devices_forgotten AS (${forgetSurplusDevices(appId, use.userId, newDevice(use))})`;

/** When the second factor was used on a remembered device, and until when the device is remembered. */
export interface RememberedFactor {
  readonly provenAt: Date;
  readonly until: Date;
}

/**
 * The statement that finds the remembered device of a user `u` of an app `a`. After a change of the person's password
 * or factors, or of the policy of the app, the versions differ and nothing is found.
 *
 * @param hashes of the secrets in the cookie of the caller
 * @param people the relations `u` and `a`
 */
export const rememberedDevice = (appId: string, hashes: readonly Buffer[], people: Sql, now: Date): Sql => sql`
  SELECT d.remembered_at, d.remembered_until FROM ${people}
  JOIN devices d ON d.app_id = ${appId} AND d.user_id = u.id
  WHERE d.remember_hash = ANY (${[...hashes]}::bytea[]) AND d.remembered_until > ${now}
    AND d.remembered_user_version = u.remember_version AND d.remembered_app_version = a.remember_version
  ORDER BY d.remembered_until DESC LIMIT 1`;

/** The remembered device of a locked user. */
export async function findRememberedDevice(
  tx: Tx,
  appId: string,
  { userId, hashes, now }: { userId: string; hashes: readonly Buffer[]; now: Date },
): Promise<RememberedFactor | undefined> {
  const people = sql`users u JOIN apps a ON a.id = ${appId} AND u.app_id = ${appId} AND u.id = ${userId}`;
  const [row] = await tx.query<{ remembered_at: Date; remembered_until: Date }>(
    rememberedDevice(appId, hashes, people, now),
  );
  return row && { provenAt: row.remembered_at, until: row.remembered_until };
}

/**
 * Remembers a device of a locked user for the days that the app has set.
 *
 * @returns false if the app remembers no devices
 */
export async function rememberFactor(
  tx: Tx,
  appId: string,
  device: { userId: string; tokenHash: Buffer; rememberHash: Buffer; now: Date },
): Promise<boolean> {
  const rows = await tx.query(sql`
    UPDATE devices d SET remember_hash = ${device.rememberHash}, remembered_at = ${device.now},
      remembered_until = ${device.now}::timestamptz
        + make_interval(days => (a.settings #>> '{mfa,rememberDays}')::integer),
      remembered_user_version = u.remember_version, remembered_app_version = a.remember_version
    FROM users u, apps a
    WHERE d.app_id = ${appId} AND d.user_id = ${device.userId} AND d.token_hash = ${device.tokenHash}
      AND u.app_id = ${appId} AND u.id = d.user_id AND a.id = ${appId}
      AND (a.settings #>> '{mfa,rememberDays}')::integer > 0
    RETURNING 1`);
  return rows.length > 0;
}

/** Deletes every device of a user, because known devices may belong to someone else. */
export async function deleteDevices(tx: Tx, appId: string, userId: string): Promise<void> {
  await tx.query(sql`DELETE FROM devices WHERE app_id = ${appId} AND user_id = ${userId}`);
}

/**
 * Deletes at most `limit` expired devices, of all apps. Skips locked rows.
 *
 * @returns the number of deleted rows
 */
export async function deleteExpiredDevices(db: Queryable, now: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH expired AS MATERIALIZED (
      SELECT app_id, token_hash FROM devices WHERE expires_at <= ${now} ORDER BY expires_at LIMIT ${limit}
      FOR UPDATE SKIP LOCKED)
    DELETE FROM devices d USING expired
    WHERE d.app_id = expired.app_id AND d.token_hash = expired.token_hash
    RETURNING 1`);
  return rows.length;
}
