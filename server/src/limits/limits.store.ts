import type { Queryable, Sql } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** One quota of a limit. @typeParam Key its database key: a hash, or an SQL expression that yields one */
export interface Quota<Key = Buffer> {
  readonly keyHash: Key;
  /** Number of units. */
  readonly count: number | Sql;
  /** Time in which all units are refilled, in seconds. */
  readonly periodSeconds: number;
}

/**
 * Time to refill one unit. Rounded down to the resolution of the database, so that `count` units fit into the period.
 */
const unitOf = ({ count, periodSeconds }: Quota<unknown>): Sql =>
  sql`(floor(${periodSeconds}::float8 * 1000000 / ${count}::float8) * interval '1 microsecond')`;

/** Maximum tolerated difference between the clocks of two processes. */
const clockDoubtSeconds = 60;

const periodOf = ({ periodSeconds }: Quota<unknown>): Sql => sql`make_interval(secs => ${periodSeconds}::float8)`;

/**
 * When the stored quota is full again. A time further in the future than the period allows was stored while the clock
 * of the database was wrong; it is ignored, because it would lock the subject out until the clock has caught up.
 */
const wholeAt = ({ periodSeconds }: Quota<unknown>, now: Date): Sql => sql`
  CASE WHEN known.full_at > ${now}::timestamptz + make_interval(secs => ${periodSeconds + clockDoubtSeconds}::float8)
    THEN ${now}::timestamptz ELSE GREATEST(known.full_at, ${now}) END`;

/**
 * The statement that consumes one unit. It returns a row if a unit was available. Only the time when the quota is full
 * again is stored (generic cell rate algorithm), so consumption writes a single row, also under concurrency.
 *
 * @param source empty, or a FROM clause that yields one row if a unit must be consumed
 * @param units number of units: all are consumed, or none
 */
export function consumeUnit(appId: string, quota: Quota<Buffer | Sql>, now: Date, source: Sql, units = 1): Sql {
  const unit = units === 1 ? unitOf(quota) : sql`(${unitOf(quota)} * ${units}::float8)`;
  return sql`
    INSERT INTO rate_limits AS known (app_id, key_hash, full_at)
    SELECT ${appId}::bigint, ${quota.keyHash}::bytea, ${now}::timestamptz + ${unit} ${source}
    ON CONFLICT (app_id, key_hash) DO UPDATE SET full_at = ${wholeAt(quota, now)} + ${unit}
    WHERE ${wholeAt(quota, now)} + ${unit} <= ${now}::timestamptz + ${periodOf(quota)}
    RETURNING known.full_at`;
}

/** Scalar SQL expression for the seconds until a unit is refilled, for callers who were refused. */
export function secondsToWait(appId: string, quota: Quota<Buffer | Sql>, now: Date): Sql {
  return sql`(
    SELECT EXTRACT(EPOCH FROM full_at + ${unitOf(quota)} - ${periodOf(quota)} - ${now}::timestamptz)::float8
    FROM rate_limits WHERE app_id = ${appId} AND key_hash = ${quota.keyHash})`;
}

/**
 * Consumes one or several units of a quota: all or none. One statement, committed before the guarded operation begins.
 *
 * @returns undefined if the units were available, otherwise the seconds until a unit is refilled
 */
export async function take(
  db: Queryable,
  appId: string,
  quota: Quota,
  now: Date,
  units = 1,
): Promise<number | undefined> {
  const [row] = await db.query<{ taken: boolean; wait: number | null }>(sql`
    WITH taken AS (${consumeUnit(appId, quota, now, sql``, units)})
    SELECT EXISTS (SELECT FROM taken) AS taken, ${secondsToWait(appId, quota, now)} AS wait`);
  return row?.taken ? undefined : (row?.wait ?? 0);
}

/**
 * The statement that refunds one unit.
 *
 * @param where an additional condition
 */
export const refundUnit = (appId: string, quota: Quota, where: Sql): Sql => sql`
  UPDATE rate_limits SET full_at = full_at - ${unitOf(quota)}
  WHERE app_id = ${appId} AND key_hash = ${quota.keyHash} AND ${where}
  RETURNING 1`;

/** Resets quotas, after the owner of the account has authenticated. */
export async function resetQuotas(db: Queryable, appId: string, keyHashes: readonly Buffer[]): Promise<void> {
  await db.query(sql`DELETE FROM rate_limits WHERE app_id = ${appId} AND key_hash = ANY (${[...keyHashes]}::bytea[])`);
}

/**
 * Deletes rows of full quotas, at most `limit`. Skips locked rows.
 *
 * @returns the number of deleted rows
 */
export async function deleteFullQuotas(db: Queryable, now: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH whole AS MATERIALIZED (
      SELECT app_id, key_hash FROM rate_limits WHERE full_at <= ${now} LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    DELETE FROM rate_limits r USING whole
    WHERE r.app_id = whole.app_id AND r.key_hash = whole.key_hash
    RETURNING 1`);
  return rows.length;
}
