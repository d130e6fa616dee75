import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A quota whose units are booked ahead: so many in any hour, and so many in any day. */
export interface BookedQuota {
  readonly keyHash: Buffer;
  readonly perHour: number;
  readonly perDay: number;
}

/** Bookings that are remembered of one quota at most. A larger number is no limit. */
export const mostBookings = 500;

/**
 * Books the earliest moment at which a unit of the quota is free: not before the one booked last, and so that no hour
 * and no day holds more than the quota allows. One statement on one row, so parallel bookings and other processes get
 * different moments.
 *
 * @param longestWaitMs a unit that is not free within this time is not booked
 * @returns the moment, which may be `now`; undefined if nothing was booked
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
  // Elements before the first are null, which GREATEST passes over.
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
