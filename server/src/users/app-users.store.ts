import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { countInApp } from '../counts.ts';
import { ApiError } from '../http/errors.ts';
import type { Metadata } from '../metadata.ts';
import { isClaimed, profileColumns, type UserRow, type UserState } from './users.store.ts';

/** A user in the stored list of the app. */
export interface AppUserRow extends UserRow {
  metadata: Metadata | null;
}

/** The users of an app, up to keyset condition, order and limit; the id is `u.id`. */
export const usersOfApp = (appId: string, options: { metadata: boolean }): Sql => sql`
  SELECT u.id, ${profileColumns}, u.state,
    CASE WHEN ${options.metadata}::boolean THEN u.metadata END AS metadata
  FROM users u WHERE u.app_id = ${appId}`;

/** A user who is about to be changed or deleted by someone else. */
export interface GovernedUser {
  readonly id: string;
  readonly email: string;
  readonly isEmailClaimed: boolean;
  readonly state: UserState;
  readonly isSuperAdmin: boolean;
}

/** Locks the user until the transaction ends. This must be the first lock. @throws ApiError `user_not_found` */
export async function lockGovernedUser(tx: Tx, appId: string, userId: string): Promise<GovernedUser> {
  const [row] = await tx.query<
    Pick<UserRow, 'id' | 'email' | 'is_email_claimed' | 'state'> & { is_super_admin: boolean }
  >(sql`
    SELECT id, email, ${isClaimed}, state, is_super_admin
    FROM users WHERE app_id = ${appId} AND id = ${userId}
    FOR NO KEY UPDATE`);
  if (!row) throw new ApiError('user_not_found');
  const { id, email, is_email_claimed: isEmailClaimed, state, is_super_admin: isSuperAdmin } = row;
  return { id, email, isEmailClaimed, state, isSuperAdmin };
}

export async function setUserState(
  tx: Tx,
  appId: string,
  userId: string,
  state: 'ACTIVE' | 'INACTIVE',
  now: Date,
): Promise<void> {
  await tx.query(sql`
    UPDATE users SET state = ${state}, updated_at = ${now} WHERE app_id = ${appId} AND id = ${userId}`);
}

/** Deletes the row of a user and everything that belongs to the user only. */
export async function deleteUserRow(tx: Tx, appId: string, userId: string): Promise<void> {
  await tx.query(sql`
    WITH deleted AS (DELETE FROM users WHERE app_id = ${appId} AND id = ${userId} RETURNING id)
    ${countInApp(appId, 'users', sql`deleted`, -1)}`);
}

/** Every client address from which a user was active. */
export async function addressesOf(db: Queryable, appId: string, userId: string): Promise<string[]> {
  const rows = await db.query<{ ip: string }>(sql`
    SELECT ip FROM sessions WHERE app_id = ${appId} AND user_id = ${userId} AND ip IS NOT NULL
    UNION
    SELECT ip FROM audit_events
    WHERE app_id = ${appId} AND actor_id = ${userId} AND actor_kind = 'user' AND ip IS NOT NULL`);
  return rows.map((row) => row.ip);
}
