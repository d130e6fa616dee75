import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A quota whose units are booked ahead, with a limit per hour and per day. */
export interface BookedQuota {
  readonly keyHash: Buffer;
  readonly perHour: number;
  readonly perDay: number;
}

/** Maximum number of stored bookings of a quota. A larger limit means unlimited. */
export const mostBookings = 500;

/**
 * Books the earliest time at which a unit of the quota is free: not before the last booking, and such that no hour and
 * no day exceeds the quota. One statement on one row, so parallel bookings and other processes get different times.
 *
 * @param longestWaitMs a unit that is not free within this time is not booked
 * @returns the time, which may be `now`; undefined if nothing was booked
 */
export async function book(
  db: Queryable,
  appId: string,
  { keyHash, perHour, perDay }: BookedQuota,
  now: Date,
  longestWaitMs: number,
): Promise<Date | undefined> {
  const kept = Math.min(perDay, mostBookings);
  const before = (count: number, period: string) =>
    sql`known.booked[cardinality(known.booked) - ${count - 1}::integer] + ${period}::interval`;
  // Elements before the first are null, and GREATEST ignores null.
  const next = sql`GREATEST(${now}::timestamptz, known.booked[cardinality(known.booked)],
    ${before(perHour, '1 hour')}, ${before(perDay, '1 day')})`;
  const latest = new Date(now.getTime() + longestWaitMs);
  const [row] = await db.query<{ at: Date }>(sql`
    INSERT INTO rate_limits AS known (app_id, key_hash, full_at, booked)
    VALUES (${appId}::bigint, ${keyHash}::bytea, ${now}::timestamptz + interval '1 day', ARRAY[${now}::timestamptz])
    ON CONFLICT (app_id, key_hash) DO UPDATE SET
      full_at = ${next} + interval '1 day',
      booked = (known.booked || ${next})[GREATEST(1, cardinality(known.booked) + 2 - ${kept}::integer):]
    WHERE ${next} <= ${latest}
    RETURNING known.booked[cardinality(known.booked)] AS at`);
  return row?.at;
}
