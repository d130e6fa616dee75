import { type Db, empty, sql } from '../db/db.ts';
import { secondsToWait, type Share, takeUnit } from '../limits/limits.store.ts';
import { type AuditEvent, insertAuditEvent } from './audit.store.ts';

/** What a security event takes a unit of. */
export interface Shares<Of = Share> {
  readonly app: Of;
  readonly source: Of;
  readonly cause: Of;
}

/**
 * Writes a security event if there is a unit of every share. One statement, so that several processes share them; the
 * widest comes first, because a row is added for the narrower ones only where it has one, and because statements that
 * lock in the same order do not wait for each other in a circle.
 *
 * @returns for each share the seconds that it had to wait before; not above 0 or null: none
 */
export async function writeWithinShares(
  db: Db,
  event: AuditEvent,
  { app, source, cause }: Shares,
): Promise<Shares<number | null>> {
  const { appId, time } = event;
  const [waits] = await db.query<Shares<number | null>>(sql`
    WITH of_app AS (${takeUnit(appId, app, time, empty)}),
    of_source AS (${takeUnit(appId, source, time, sql`FROM of_app`)}),
    of_cause AS (${takeUnit(appId, cause, time, sql`FROM of_source`)}),
    written AS (${insertAuditEvent(event, sql`FROM of_cause`)})
    SELECT ${secondsToWait(appId, app, time)} AS app, ${secondsToWait(appId, source, time)} AS source,
      ${secondsToWait(appId, cause, time)} AS cause`);
  return waits ?? { app: null, source: null, cause: null };
}
