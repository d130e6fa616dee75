import { type Db, raw, type Sql, sql } from '../db/db.ts';
import type { AuditEvent } from './audit-event.store.ts';

/** A security event and the number of its occurrences. */
export interface CountedEvent {
  readonly event: AuditEvent;
  readonly count: number;
  /** Start of the minute in which the event is counted. */
  readonly minute: Date;
  /** HMAC of actor, network and cause, or `furtherSources`. */
  readonly source: Buffer;
}

/** Sources of one action and target that get a separate row in a minute. */
const ownRows = 100;

/** The source that all sources beyond the hundredth share. */
export const furtherSources = Buffer.alloc(0);

/** The tables of the targets that a caller can name. */
const tableOfKind: Readonly<Record<string, string>> = {
  user: 'users',
  organization: 'organizations',
  session: 'sessions',
  machine: 'machine_users',
};

/**
 * The id if such a row is stored, or an organization with this id was, otherwise null: invented ids must not create
 * rows.
 */
function idIfStored(appId: string, kind: string, id: string | null): Sql {
  const table = tableOfKind[kind];
  if (id === null || table === undefined) return sql`${id}::bigint`;
  const stored = sql`(SELECT t.id FROM ${raw(table)} t WHERE t.app_id = ${appId} AND t.id = ${id}::bigint)`;
  if (kind !== 'organization') return stored;
  const deleted = sql`(
    SELECT e.org_id FROM audit_events e
    WHERE e.app_id = ${appId} AND e.org_id = ${id}::bigint AND e.action = 'organization.deleted' LIMIT 1)`;
  return sql`COALESCE(${stored}, ${deleted})`;
}

/**
 * Increments the count of the row for this action, target, source and minute, or creates the row. New sources beyond
 * the hundredth of a target get no row. One statement; each process that runs it concurrently may add one source too
 * many.
 *
 * The commit does not wait for the disk. A crash of the database server loses the latest counts.
 *
 * @returns false if there are too many sources, and nothing was counted
 */
export async function countSecurityEvent(db: Db, { event, count, minute, source }: CountedEvent): Promise<boolean> {
  const { appId, target } = event;
  const ofTarget = sql`
    FROM audit_events e
    WHERE e.app_id = ${appId} AND e.counted_minute = ${minute} AND e.action = ${event.action}
      AND e.target_kind = ${target.kind} AND COALESCE(e.target_id, 0) = COALESCE(stored.target_id, 0)
      AND COALESCE(e.org_id, 0) = COALESCE(stored.org_id, 0)`;
  const isFurther = source.length === 0;
  const hasRoom = sql`(
    ${isFurther}::boolean OR EXISTS (SELECT ${ofTarget} AND e.counted_source = ${source})
    OR (SELECT count(*) FROM (SELECT ${ofTarget} LIMIT ${ownRows}) AS sources) < ${ownRows}::integer)`;
  const rows = await db.query(sql`
    WITH stored AS MATERIALIZED (
      SELECT ${idIfStored(appId, target.kind, target.id)} AS target_id,
        ${idIfStored(appId, 'organization', event.orgId)} AS org_id
      FROM (SELECT set_config('synchronous_commit', 'off', true)) AS commit_without_waiting_for_disk)
    INSERT INTO audit_events AS known (app_id, id, org_id, time, action, actor_kind, actor_id, target_kind, target_id,
      ip, user_agent, request_id, changes, count, counted_minute, counted_source)
    SELECT ${appId}::bigint, ${event.id}::bigint, stored.org_id, ${event.time}::timestamptz, ${event.action}::text,
      ${event.actor.kind}::text, ${event.actor.id}::bigint, ${target.kind}::text, stored.target_id, ${event.ip}::text,
      ${event.userAgent}::text, ${event.requestId}::text, ${[...event.changes]}::text[], ${count}::integer,
      ${minute}::timestamptz, ${source}::bytea
    FROM stored WHERE ${hasRoom}
    ON CONFLICT (app_id, counted_minute, action, target_kind, (COALESCE(target_id, 0)), (COALESCE(org_id, 0)),
      counted_source) WHERE counted_minute IS NOT NULL
    DO UPDATE SET count = known.count + EXCLUDED.count
    RETURNING 1`);
  return rows.length > 0;
}
