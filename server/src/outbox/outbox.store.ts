import { type Queryable, raw, type Sql, sql } from '../db/db.ts';

/**
 * A table of messages to send. Its rows have `state` (`QUEUED`, `SENT`, `VOID` or `GIVEN_UP`), `attempts`, `due_at`,
 * `give_up_at`, `settled_at`, `last_error` and `sealed_content`.
 */
export type OutboxTable = 'mails';

/** A row that only this process may send until its lease expires. */
export interface Leased {
  readonly appId: string;
  readonly id: string;
  /** Number of attempts including this one. Distinguishes the lease from a later one. */
  readonly attempts: number;
  readonly giveUpAt: Date;
}

/**
 * The common table expression `leased`: rows that are due, the longest waiting first. Concurrent processes get
 * different rows: locked rows are skipped, and a leased row is due again only at `leaseUntil`.
 */
export const leaseDue = (
  table: OutboxTable,
  { now, leaseUntil, limit }: { now: Date; leaseUntil: Date; limit: number },
): Sql => sql`
  due AS MATERIALIZED (
    SELECT app_id, id FROM ${raw(table)} WHERE state = 'QUEUED' AND due_at <= ${now}
    ORDER BY due_at LIMIT ${limit} FOR UPDATE SKIP LOCKED),
  leased AS (
    UPDATE ${raw(table)} AS waiting SET attempts = attempts + 1, due_at = ${leaseUntil}
    FROM due WHERE waiting.app_id = due.app_id AND waiting.id = due.id
    RETURNING waiting.*)`;

/** Marks a mail as sent, even if another process has leased it in the meantime, and erases its content. */
export async function markSent(db: Queryable, table: OutboxTable, { appId, id }: Leased, now: Date): Promise<void> {
  await db.query(sql`
    UPDATE ${raw(table)} SET state = 'SENT', settled_at = ${now}, sealed_content = NULL, last_error = NULL
    WHERE app_id = ${appId} AND id = ${id}`);
}

/** Marks a queued row as void, because its content is no longer valid. */
export async function markVoid(
  db: Queryable,
  table: OutboxTable,
  { appId, id, attempts }: Leased,
  now: Date,
): Promise<void> {
  await db.query(sql`
    UPDATE ${raw(table)} SET state = 'VOID', settled_at = ${now}, sealed_content = NULL
    WHERE app_id = ${appId} AND id = ${id} AND attempts = ${attempts} AND state = 'QUEUED'`);
}

/** Records a failed attempt; the next attempt is at `dueAt`. */
export async function postpone(
  db: Queryable,
  table: OutboxTable,
  { appId, id, attempts }: Leased,
  { dueAt, error }: { dueAt: Date; error: string },
): Promise<void> {
  await db.query(sql`
    UPDATE ${raw(table)} SET due_at = ${dueAt}, last_error = ${error}
    WHERE app_id = ${appId} AND id = ${id} AND attempts = ${attempts} AND state = 'QUEUED'`);
}

/** Records the last failed attempt. The content is kept, because an operator may retry. */
export async function giveUp(
  db: Queryable,
  table: OutboxTable,
  { appId, id, attempts }: Leased,
  { now, error }: { now: Date; error: string },
): Promise<void> {
  await db.query(sql`
    UPDATE ${raw(table)} SET state = 'GIVEN_UP', settled_at = ${now}, last_error = ${error}
    WHERE app_id = ${appId} AND id = ${id} AND attempts = ${attempts} AND state = 'QUEUED'`);
}
