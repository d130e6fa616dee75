import type { Queryable, Sql } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** One share of a limit. @typeParam Key how it is found: by a hash, or by an expression that yields one */
export interface Share<Key = Buffer> {
  readonly keyHash: Key;
  /** How many may be taken at once. */
  readonly count: number | Sql;
  /** In which time as many come back. */
  readonly periodSeconds: number;
}

/** How long one unit takes to come back. Rounded down to what the database can tell apart, so that all of them fit. */
const unitOf = ({ count, periodSeconds }: Share<unknown>): Sql =>
  sql`(floor(${periodSeconds}::float8 * 1000000 / ${count}::float8) * interval '1 microsecond')`;

/** Clocks of two processes differ by less than this. */
const clockDoubtSeconds = 60;

const periodOf = ({ periodSeconds }: Share<unknown>): Sql => sql`make_interval(secs => ${periodSeconds}::float8)`;

/**
 * When the stored share is whole. A time that is further away than any unit can put it was stored while the database's
 * clock was wrong and says nothing: it would keep its owner out until the clock has caught up.
 */
const wholeAt = ({ periodSeconds }: Share<unknown>, now: Date): Sql => sql`
  CASE WHEN known.full_at > ${now}::timestamptz + make_interval(secs => ${periodSeconds + clockDoubtSeconds}::float8)
    THEN ${now}::timestamptz ELSE GREATEST(known.full_at, ${now}) END`;

/**
 * The statement that takes one unit: it returns a row if there was one. All that is stored is when the share will be
 * whole again (the generic cell rate algorithm), so taking is one write to one row, however many take at once.
 *
 * @param source empty, or a FROM clause that yields one row when a unit is to be taken
 * @param units several at once: all of them or none
 */
export function takeUnit(appId: string, share: Share<Buffer | Sql>, now: Date, source: Sql, units = 1): Sql {
  const unit = units === 1 ? unitOf(share) : sql`(${unitOf(share)} * ${units}::float8)`;
  return sql`
    INSERT INTO rate_limits AS known (app_id, key_hash, full_at)
    SELECT ${appId}::bigint, ${share.keyHash}::bytea, ${now}::timestamptz + ${unit} ${source}
    ON CONFLICT (app_id, key_hash) DO UPDATE SET full_at = ${wholeAt(share, now)} + ${unit}
    WHERE ${wholeAt(share, now)} + ${unit} <= ${now}::timestamptz + ${periodOf(share)}
    RETURNING known.full_at`;
}

/** Seconds until a unit of the share comes back: a scalar expression, for anyone who got none. */
export function secondsToWait(appId: string, share: Share<Buffer | Sql>, now: Date): Sql {
  return sql`(
    SELECT EXTRACT(EPOCH FROM full_at + ${unitOf(share)} - ${periodOf(share)} - ${now}::timestamptz)::float8
    FROM rate_limits WHERE app_id = ${appId} AND key_hash = ${share.keyHash})`;
}

/**
 * Takes one unit of a share, or several: all of them or none. One statement, committed before what it guards begins.
 *
 * @returns undefined when they were there, else the seconds until one comes back
 */
export async function take(
  db: Queryable,
  appId: string,
  share: Share,
  now: Date,
  units = 1,
): Promise<number | undefined> {
  const [row] = await db.query<{ taken: boolean; wait: number | null }>(sql`
    WITH taken AS (${takeUnit(appId, share, now, sql``, units)})
    SELECT EXISTS (SELECT FROM taken) AS taken, ${secondsToWait(appId, share, now)} AS wait`);
  return row?.taken ? undefined : (row?.wait ?? 0);
}

/**
 * The statement that gives back one unit that was taken for nothing.
 *
 * @param where a further condition
 */
export const returnUnit = (appId: string, share: Share, where: Sql): Sql => sql`
  UPDATE rate_limits SET full_at = full_at - ${unitOf(share)}
  WHERE app_id = ${appId} AND key_hash = ${share.keyHash} AND ${where}
  RETURNING 1`;

/** Gives shares back as a whole: anyone who owned the account has shown that they do. */
export async function fillShares(db: Queryable, appId: string, keyHashes: readonly Buffer[]): Promise<void> {
  await db.query(sql`DELETE FROM rate_limits WHERE app_id = ${appId} AND key_hash = ANY (${[...keyHashes]}::bytea[])`);
}

/**
 * Removes what says nothing any more because the share is whole, at most so many; rows in use are left for later.
 *
 * @returns how many were removed
 */
export async function deleteWholeShares(db: Queryable, now: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH whole AS MATERIALIZED (
      SELECT app_id, key_hash FROM rate_limits WHERE full_at <= ${now} LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    DELETE FROM rate_limits r USING whole
    WHERE r.app_id = whole.app_id AND r.key_hash = whole.key_hash
    RETURNING 1`);
  return rows.length;
}
