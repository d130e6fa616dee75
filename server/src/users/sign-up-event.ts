import { type Queryable, sql } from '../db/db.ts';
import type { Circumstances } from '../email/circumstances.ts';

/**
 * The circumstances of a user's sign-up. Only its audit event stores them.
 *
 * @returns undefined if there is no such event any more
 */
export async function signUpOf(db: Queryable, appId: string, userId: string): Promise<Circumstances | undefined> {
  const [row] = await db.query<{ time: Date; ip: string | null; user_agent: string | null }>(sql`
    SELECT time, ip, user_agent FROM audit_events
    WHERE app_id = ${appId} AND actor_id = ${userId} AND action = 'user.signed_up' AND actor_kind = 'user'
    ORDER BY time DESC NULLS LAST, id DESC LIMIT 1`);
  if (!row) return undefined;
  return {
    time: row.time.toISOString(),
    ...(row.ip !== null && { address: row.ip }),
    ...(row.user_agent !== null && { device: row.user_agent }),
  };
}
