import type { Queryable, Sql } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';

/** What narrows the list of events. `from` belongs to it, `to` does not. */
export interface EventFilters {
  readonly orgId?: string | undefined;
  readonly action?: string | undefined;
  readonly actorId?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** The place of an event in the list. */
export interface EventPosition {
  readonly time: Date;
  readonly id: string;
}

export interface EventRow {
  readonly id: string;
  readonly time: Date;
  readonly action: string;
  readonly actor_kind: 'user' | 'machine' | 'platform' | 'anonymous';
  readonly actor_id: string | null;
  readonly claimed_on_behalf_of: string | null;
  readonly org_id: string | null;
  readonly target_kind: string;
  readonly target_id: string | null;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly changes: string[];
}

/**
 * Selects events, newest first. Conditions that are not asked for are left out of the text, so that each combination
 * is planned for its own index, and the order is that of the index.
 */
export function selectEvents(
  appId: string,
  { orgId, action, actorId, from, to }: EventFilters,
  after: EventPosition | undefined,
  limit: number,
): Sql {
  return sql`
    SELECT id, time, action, actor_kind, actor_id, claimed_on_behalf_of, org_id, target_kind, target_id, ip, user_agent,
      request_id, changes
    FROM audit_events
    WHERE app_id = ${appId}
      ${orgId === undefined ? empty : sql`AND org_id = ${orgId}`}
      ${actorId === undefined ? empty : sql`AND actor_id = ${actorId}`}
      ${action === undefined ? empty : sql`AND action = ${action}`}
      ${from ? sql`AND time >= ${from}` : empty}
      ${to ? sql`AND time < ${to}` : empty}
      ${after ? sql`AND (time, id) < (${after.time}::timestamptz, ${after.id}::bigint)` : empty}
    ORDER BY time DESC, id DESC LIMIT ${limit}`;
}

/**
 * Which of these ids are members of the organization. Each is looked up by itself: a plan made for an average
 * organization would rather read all members of this one, which may be the largest.
 */
export async function membersAmong(
  db: Queryable,
  appId: string,
  orgId: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ id: string }>(sql`
    SELECT asked.id FROM unnest(${[...ids]}::bigint[]) AS asked (id)
    CROSS JOIN LATERAL (
      SELECT 1 FROM members m WHERE m.app_id = ${appId} AND m.org_id = ${orgId} AND m.user_id = asked.id LIMIT 1) AS member`);
  return new Set(rows.map((row) => row.id));
}

/**
 * Removes the oldest events of an app from before a time, at most so many; what others are removing is left to them.
 *
 * @returns how many were removed
 */
export async function deleteEventsBefore(db: Queryable, appId: string, time: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    DELETE FROM audit_events e USING (
      SELECT time, id FROM audit_events WHERE app_id = ${appId} AND time < ${time}
      ORDER BY time, id LIMIT ${limit} FOR UPDATE SKIP LOCKED) AS old
    WHERE e.app_id = ${appId} AND e.time = old.time AND e.id = old.id
    RETURNING 1`);
  return rows.length;
}
