import { lockApp } from '../apps/apps.store.ts';
import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { isDelayed } from '../email/mails.store.ts';
import { ApiError } from '../http/errors.ts';
import type { UserState } from './users.store.ts';

/**
 * Checks that the app keeps another active super admin. Call this before a super admin is demoted, deactivated or
 * deleted, in the same transaction, with the row of the user locked.
 *
 * The app stays locked until the transaction ends, so that a concurrent request sees the result of this one. Lock
 * order: user, app, organizations.
 *
 * @throws ApiError `last_super_admin`
 */
export async function checkNotLastSuperAdmin(tx: Tx, appId: string, userId: string): Promise<void> {
  await lockApp(tx, appId);
  const [other] = await tx.query(sql`
    SELECT 1 FROM users
    WHERE app_id = ${appId} AND id <> ${userId} AND is_super_admin AND state = 'ACTIVE' LIMIT 1`);
  if (!other) throw new ApiError('last_super_admin');
}

/**
 * The active super admins, locked until the transaction ends, because their rows must exist when their mails are
 * queued.
 */
export function listActiveSuperAdmins(tx: Tx, appId: string): Promise<{ id: string; email: string }[]> {
  return tx.query(sql`
    SELECT id, email FROM users WHERE app_id = ${appId} AND is_super_admin AND state = 'ACTIVE' ORDER BY id
    FOR KEY SHARE`);
}

/** A stored super admin, or a user who is invited to be one. */
export interface SuperAdminRow {
  id: string;
  email: string;
  first_name: string;
  last_name: string;
  state: UserState;
  super_admin_invited_until: Date | null;
  /** Whether the mail of the invitation is delayed by the quota of the mailbox. */
  is_mail_delayed: boolean;
}

const isListed = sql`(u.is_super_admin OR u.super_admin_invited_until IS NOT NULL)`;

/** Selects the super admins of an app and invited ones, without keyset condition, order and limit. */
export const superAdminsOf = (appId: string, now: Date): Sql => sql`
  SELECT u.id, u.email, u.first_name, u.last_name, u.state, u.super_admin_invited_until,
    EXISTS (SELECT FROM mails m WHERE m.app_id = ${appId} AND m.user_id = u.id AND m.purpose = 'super_admin_invited'
      AND ${isDelayed(now)}) AS is_mail_delayed
  FROM users u WHERE u.app_id = ${appId} AND ${isListed}`;

/** The total, for `readPage`. */
export const countSuperAdmins = (appId: string): Sql =>
  sql`SELECT count(*) AS total FROM users u WHERE u.app_id = ${appId} AND ${isListed}`;

/** The status of a user in the app. */
export interface SuperAdminStanding {
  readonly isSuperAdmin: boolean;
  readonly isInvited: boolean;
}

/** @param userId id of a locked user */
export async function readStanding(tx: Tx, appId: string, userId: string): Promise<SuperAdminStanding> {
  const [row] = await tx.query<{ is_super_admin: boolean; is_invited: boolean }>(sql`
    SELECT is_super_admin, super_admin_invited_until IS NOT NULL AS is_invited
    FROM users WHERE app_id = ${appId} AND id = ${userId}`);
  return { isSuperAdmin: row?.is_super_admin ?? false, isInvited: row?.is_invited ?? false };
}

export async function setSuperAdmin(tx: Tx, appId: string, userId: string, is: boolean, now: Date): Promise<void> {
  await tx.query(sql`
    UPDATE users SET is_super_admin = ${is}, super_admin_invited_until = NULL, updated_at = ${now}
    WHERE app_id = ${appId} AND id = ${userId}`);
}

/**
 * Invites a user to become super admin by verifying the address before `until`. A repeated call extends the invitation.
 */
export async function inviteAsSuperAdmin(tx: Tx, appId: string, userId: string, until: Date): Promise<void> {
  await tx.query(sql`
    UPDATE users SET super_admin_invited_until = ${until} WHERE app_id = ${appId} AND id = ${userId}`);
}

/** Whether a user becomes super admin by verifying the address now. */
export async function isInvitedAsSuperAdmin(db: Queryable, appId: string, userId: string, now: Date): Promise<boolean> {
  return (await superAdminInvitationEnd(db, appId, userId, now)) !== undefined;
}

/** When the pending invitation as super admin expires; undefined if there is none. */
export async function superAdminInvitationEnd(
  db: Queryable,
  appId: string,
  userId: string,
  now: Date,
): Promise<Date | undefined> {
  const [row] = await db.query<{ ends: Date }>(sql`
    SELECT super_admin_invited_until AS ends FROM users
    WHERE app_id = ${appId} AND id = ${userId} AND super_admin_invited_until > ${now}`);
  return row?.ends;
}

/** Moves a pending invitation of one user to another, who has the address now. */
export async function moveSuperAdminInvitation(
  tx: Tx,
  appId: string,
  { fromId, toId }: { fromId: string; toId: string },
): Promise<void> {
  await tx.query(sql`
    UPDATE users u SET super_admin_invited_until = earlier.super_admin_invited_until
    FROM users earlier WHERE u.app_id = ${appId} AND u.id = ${toId} AND earlier.app_id = ${appId}
      AND earlier.id = ${fromId}`);
}
