import type { Db, Queryable, Sql } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';

/** Filters of the list of events. `from` is inclusive, `to` is exclusive. */
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
  readonly actor_kind: 'user' | 'machine' | 'organization_machine' | 'platform' | 'operator' | 'anonymous';
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

/**
 * Makes the planner use index order for the following statements of the transaction, even if it expects few rows. Turns
 * `jit` off, because a remaining sort would look expensive enough to compile the statement.
 */
export const withoutSorting = sql`
  SELECT set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true),
    set_config('jit', 'off', true)`;

/** Selects the events of an organization, of an actor, of both or of the whole app. */
type Subject = Pick<EventFilters, 'orgId' | 'actorId'>;

const isOf = (appId: string, { orgId, actorId }: Subject): Sql => sql`
  e.app_id = ${appId}
  ${orgId === undefined ? empty : sql`AND e.org_id = ${orgId}`}
  ${actorId === undefined ? empty : sql`AND e.actor_id = ${actorId}`}`;

/**
 * Sorts newest first. Neither column is ever null. The NULLS FIRST or NULLS LAST clause distinguishes the indexes, so
 * that the planner uses only the index that matches the filters: see the migration `audit_indexes`.
 */
function newestFirst({ orgId, actorId, action }: EventFilters): Sql {
  const subjects = [orgId, actorId].filter((id) => id !== undefined).length;
  const hasIdLast = subjects === 0 ? action !== undefined : subjects === 2;
  return sql`e.time DESC ${subjects === 0 ? empty : nullsLast}, e.id DESC ${hasIdLast ? nullsLast : empty}`;
}

const nullsLast = sql`NULLS LAST`;

const isInRange = ({ from, to }: EventFilters, after: EventPosition | undefined): Sql => sql`
  ${from ? sql`AND e.time >= ${from}` : empty}
  ${to ? sql`AND e.time < ${to}` : empty}
  ${after ? sql`AND (e.time, e.id) < (${after.time}::timestamptz, ${after.id}::bigint)` : empty}`;

const columns = sql`
  e.id, e.time, e.action, e.actor_kind, e.actor_id, e.claimed_on_behalf_of, e.org_id, e.target_kind, e.target_id, e.ip,
  e.user_agent, e.request_id, e.changes, e.count`;

/** Selects events of the whole app, or of one action: one range of an index. */
const selectOfRange = (
  appId: string,
  filters: EventFilters,
  after: EventPosition | undefined,
  limit: number,
): Sql => sql`
  SELECT ${columns} FROM audit_events e
  WHERE ${isOf(appId, filters)}
    ${filters.action === undefined ? empty : sql`AND e.action = ${filters.action}`} ${isInRange(filters, after)}
  ORDER BY ${newestFirst(filters)} LIMIT ${limit}`;

/** The last action of a subject in alphabetical order, or the last one before a given action. */
const lastAction = (appId: string, subject: Subject, before: Sql): Sql => sql`
  SELECT e.action FROM audit_events e WHERE ${isOf(appId, subject)} ${before}
  ORDER BY e.action DESC, ${newestFirst(subject)} LIMIT 1`;

/**
 * Selects `time` and `id` of the newest events of a subject. It reads the newest events of each action of the subject
 * and merges them. Each action takes two index ranges, and there are fewer than a hundred actions, so the cost does not
 * depend on the number of events.
 */
export const newestOfActions = (
  appId: string,
  filters: EventFilters,
  after: EventPosition | undefined,
  limit: number,
): Sql => sql`
  WITH RECURSIVE actions AS (
    (${lastAction(appId, filters, empty)})
    UNION ALL
    SELECT (${lastAction(appId, filters, sql`AND e.action < actions.action`)}) FROM actions
    WHERE actions.action IS NOT NULL)
  SELECT newest.time, newest.id FROM actions CROSS JOIN LATERAL (
    SELECT e.time, e.id FROM audit_events e
    WHERE ${isOf(appId, filters)} AND e.action = actions.action ${isInRange(filters, after)}
    ORDER BY ${newestFirst(filters)} LIMIT ${limit}) AS newest
  ORDER BY newest.time DESC, newest.id DESC LIMIT ${limit}`;

/** Selects events of a subject, with any action. OFFSET forces a join by key. */
const selectOfSubject = (
  appId: string,
  filters: EventFilters,
  after: EventPosition | undefined,
  limit: number,
): Sql => sql`
  SELECT event.* FROM (${newestOfActions(appId, filters, after, limit)}) AS newest CROSS JOIN LATERAL (
    SELECT ${columns} FROM audit_events e
    WHERE e.app_id = ${appId} AND e.time = newest.time AND e.id = newest.id OFFSET 0) AS event
  ORDER BY event.time DESC, event.id DESC`;

/** Selects events, newest first. Each combination of filters has its own statement, which uses one index. */
export function selectEvents(
  appId: string,
  filters: EventFilters,
  after: EventPosition | undefined,
  limit: number,
): Sql {
  const isOfSubject = filters.orgId !== undefined || filters.actorId !== undefined;
  const select = isOfSubject && filters.action === undefined ? selectOfSubject : selectOfRange;
  return select(appId, filters, after, limit);
}

/** Reads a page of events, newest first. @param limit maximum number */
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
 * Returns which of these ids are members of the organization, and since when. Each id is looked up separately,
 * because a generic plan would read all members of the organization, which can be very many.
 */
export async function membersAmong(
  db: Queryable,
  appId: string,
  orgId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.query<{ id: string; created_at: Date }>(sql`
    SELECT asked.id, member.created_at FROM unnest(${[...ids]}::bigint[]) AS asked (id)
    CROSS JOIN LATERAL (
      SELECT m.created_at FROM members m
      WHERE m.app_id = ${appId} AND m.org_id = ${orgId} AND m.user_id = asked.id
      UNION ALL
      SELECT m.created_at FROM organization_machine_users m
      WHERE m.app_id = ${appId} AND m.org_id = ${orgId} AND m.id = asked.id
      LIMIT 1) AS member`);
  return new Map(rows.map((row) => [row.id, row.created_at]));
}

/**
 * Deletes the oldest events of an app before a time, at most `limit`. Skips rows that another process is deleting.
 *
 * @returns the number of deleted rows
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
