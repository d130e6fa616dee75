import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A removal of all second factors of a user that waits. */
export interface FactorReset {
  readonly appId: string;
  readonly id: string;
  readonly userId: string;
  readonly requestedBy: string;
}

/** The statement that returns a row if a user is an active super admin. */
const activeSuperAdmin = (appId: string, userId: Sql): Sql => sql`
  SELECT 1 FROM users u WHERE u.app_id = ${appId} AND u.id = ${userId} AND u.is_super_admin AND u.state = 'ACTIVE'`;

/**
 * Stores a reset of a locked user. An earlier reset is kept, so a second request does not change its time. If the
 * person who requested the earlier reset is no longer a super admin, the new reset replaces it.
 *
 * @returns when the reset takes effect, and whether this call has stored it; undefined if the user has no factor
 */
export async function insertFactorReset(
  tx: Tx,
  { appId, id, userId, requestedBy }: FactorReset,
  { now, dueAt }: { now: Date; dueAt: Date },
): Promise<{ dueAt: Date; isNew: boolean } | undefined> {
  await tx.query(sql`
    DELETE FROM factor_resets r
    WHERE r.app_id = ${appId} AND r.user_id = ${userId}
      AND NOT EXISTS (${activeSuperAdmin(appId, sql`r.requested_by`)})`);
  const [row] = await tx.query<{ due_at: Date; is_new: boolean }>(sql`
    INSERT INTO factor_resets AS waiting (app_id, user_id, id, requested_by, created_at, due_at)
    SELECT app_id, id, ${id}::bigint, ${requestedBy}::bigint, ${now}::timestamptz, ${dueAt}::timestamptz
    FROM users WHERE app_id = ${appId} AND id = ${userId} AND has_factor
    ON CONFLICT (app_id, user_id) DO UPDATE SET id = waiting.id
    RETURNING due_at, id = ${id} AS is_new`);
  return row && { dueAt: row.due_at, isNew: row.is_new };
}

/**
 * Whether the removal of a locked user's factors must wait as that of a super admin does, although the user is none
 * now: an earlier request still waits, or the user was a super admin until recently. Otherwise another super admin
 * could demote the user first, or shorten the waiting time of the app.
 */
export async function mustWait(tx: Tx, appId: string, userId: string, since: Date): Promise<boolean> {
  const rows = await tx.query(sql`
    SELECT 1 FROM factor_resets r WHERE r.app_id = ${appId} AND r.user_id = ${userId}
    UNION ALL
    SELECT 1 FROM audit_events e
    WHERE e.app_id = ${appId} AND e.action = 'super_admin.removed' AND e.target_id = ${userId}
      AND e.time > ${since} AND 'superAdmin' = ANY (e.changes)
    LIMIT 1`);
  return rows.length > 0;
}

/** The first reset after the given one that is due, of any app. It is not locked. */
export async function findDueFactorReset(db: Queryable, afterId: string, now: Date): Promise<FactorReset | undefined> {
  const [row] = await db.query<{ app_id: string; id: string; user_id: string; requested_by: string }>(sql`
    SELECT app_id, id, user_id, requested_by FROM factor_resets
    WHERE due_at <= ${now} AND id > ${afterId}::bigint ORDER BY id LIMIT 1`);
  return row && { appId: row.app_id, id: row.id, userId: row.user_id, requestedBy: row.requested_by };
}

/** Deletes a reset of a locked user. @returns whether it was still waiting */
export async function deleteFactorReset(tx: Tx, appId: string, userId: string, id: string): Promise<boolean> {
  const rows = await tx.query(sql`
    DELETE FROM factor_resets WHERE app_id = ${appId} AND user_id = ${userId} AND id = ${id} RETURNING 1`);
  return rows.length > 0;
}

/** Whether the person who requested a reset is still a super admin. */
export async function isActiveSuperAdmin(tx: Tx, appId: string, userId: string): Promise<boolean> {
  const rows = await tx.query(activeSuperAdmin(appId, sql`${userId}`));
  return rows.length > 0;
}
