import { lockApp } from '../apps/apps.store.ts';
import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { isDelayed } from '../email/mails.store.ts';
import { ApiError } from '../http/errors.ts';
import type { UserState } from './users.store.ts';

/**
 * Makes sure that a super admin can be taken away: the app keeps another active one. Anyone who demotes, deactivates or
 * deletes a super admin calls this first, in the same transaction, with the user's row locked.
 *
 * The app stays locked until the transaction ends, so that of two requests at the same moment the second counts what
 * the first left. Order of locks: the user's row, the app, organizations.
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

/** The active super admins, who stay until the transaction ends: a mail to one of them must not meet their deletion. */
export function listActiveSuperAdmins(tx: Tx, appId: string): Promise<{ id: string; email: string }[]> {
  return tx.query(sql`
    SELECT id, email FROM users WHERE app_id = ${appId} AND is_super_admin AND state = 'ACTIVE' ORDER BY id
    FOR KEY SHARE`);
}

/** A super admin, or somebody invited to be one, as stored. */
export interface SuperAdminRow {
  id: string;
  email: string;
  first_name: string;
  last_name: string;
  state: UserState;
  super_admin_invited_until: Date | null;
  /** Whether the mail of the invitation waits for room in the quota of the mailbox. */
  is_mail_delayed: boolean;
}

const isListed = sql`(u.is_super_admin OR u.super_admin_invited_until IS NOT NULL)`;

/** Selects the super admins of an app and invited ones, without keyset condition, order and limit. */
export const superAdminsOf = (appId: string, now: Date): Sql => sql`
  SELECT u.id, u.email, u.first_name, u.last_name, u.state, u.super_admin_invited_until,
    EXISTS (SELECT FROM mails m WHERE m.app_id = ${appId} AND m.user_id = u.id AND m.purpose = 'super_admin_invited'
      AND ${isDelayed(now)}) AS is_mail_delayed
  FROM users u WHERE u.app_id = ${appId} AND ${isListed}`;

/** How many there are, for `readPage`. */
export const countSuperAdmins = (appId: string): Sql =>
  sql`SELECT count(*) AS total FROM users u WHERE u.app_id = ${appId} AND ${isListed}`;

/** The status of a user in the app. */
export interface SuperAdminStanding {
  readonly isSuperAdmin: boolean;
  readonly isInvited: boolean;
}

/** @param userId of a user who is locked */
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

/** Whether a user becomes super admin by proving the mailbox now. */
export async function isInvitedAsSuperAdmin(db: Queryable, appId: string, userId: string, now: Date): Promise<boolean> {
  const rows = await db.query(sql`
    SELECT 1 FROM users WHERE app_id = ${appId} AND id = ${userId} AND super_admin_invited_until > ${now}`);
  return rows.length > 0;
}

/** Gives what waits for one user to another, whose address it is from now on. */
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
