import type { Db, Queryable, Sql } from '../db/db.ts';
import { empty, raw, sql } from '../db/db.ts';

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
  readonly actor_kind: 'user' | 'machine' | 'platform' | 'operator' | 'anonymous';
  readonly actor_id: string | null;
  readonly claimed_on_behalf_of: string | null;
  readonly org_id: string | null;
  readonly target_kind: string;
  readonly target_id: string | null;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly changes: string[];
  readonly count: number;
}

/** Whatever is planned after it in the transaction takes the order of an index, however few rows it expects to sort. */
export const withoutSorting = sql`
  SELECT set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true)`;

/** The order of one combination of filters: an id plus a number that is its own. */
const orderOf = ({ orgId, actorId, action }: EventFilters, id: Sql): Sql => {
  const number = (orgId === undefined ? 0 : 1) + (actorId === undefined ? 0 : 2) + (action === undefined ? 0 : 4);
  return number === 0 ? id : sql`(${id} + ${raw(String(number))})`;
};

/**
 * Selects events, newest first. Each combination of filters has its own text and its own order, which only the index
 * made for it provides: see the migration `audit_order` for why the choice is not left to the planner.
 */
export function selectEvents(
  appId: string,
  filters: EventFilters,
  after: EventPosition | undefined,
  limit: number,
): Sql {
  const { orgId, action, actorId, from, to } = filters;
  const order = orderOf(filters, sql`id`);
  const position = after && sql`(${after.time}::timestamptz, ${orderOf(filters, sql`${after.id}::bigint`)})`;
  return sql`
    SELECT id, time, action, actor_kind, actor_id, claimed_on_behalf_of, org_id, target_kind, target_id, ip, user_agent,
      request_id, changes, count
    FROM audit_events
    WHERE app_id = ${appId}
      ${orgId === undefined ? empty : sql`AND org_id = ${orgId}`}
      ${actorId === undefined ? empty : sql`AND actor_id = ${actorId}`}
      ${action === undefined ? empty : sql`AND action = ${action}`}
      ${from ? sql`AND time >= ${from}` : empty}
      ${to ? sql`AND time < ${to}` : empty}
      ${position ? sql`AND (time, ${order}) < ${position}` : empty}
    ORDER BY time DESC, ${order} DESC LIMIT ${limit}`;
}

/** Reads a page of events, newest first. @param limit how many at most */
export function readEvents(
  db: Db,
  appId: string,
  filters: EventFilters,
  after: EventPosition | undefined,
  limit: number,
): Promise<EventRow[]> {
  return db.transaction(async (tx) => {
    await tx.query(withoutSorting);
    return tx.query<EventRow>(selectEvents(appId, filters, after, limit));
  });
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
    WITH old AS MATERIALIZED (
      SELECT time, id FROM audit_events WHERE app_id = ${appId} AND time < ${time}
      ORDER BY time, id LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    DELETE FROM audit_events e USING old
    WHERE e.app_id = ${appId} AND e.time = old.time AND e.id = old.id
    RETURNING 1`);
  return rows.length;
}
