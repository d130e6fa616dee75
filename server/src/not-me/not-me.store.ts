import { type Tx, sql } from '../db/db.ts';
import { isOrCopyOf } from '../sessions/sessions.store.ts';

/**
 * Ends a session of a locked user, if it still exists, and its copies for products. The device is no longer remembered,
 * and its pending sign-in ends.
 */
export async function endSession(tx: Tx, appId: string, userId: string, sessionId: string): Promise<void> {
  await tx.query(sql`
    WITH forgotten AS (
      UPDATE users SET remember_version = remember_version + 1 WHERE app_id = ${appId} AND id = ${userId}),
    begun AS (DELETE FROM mfa_challenges WHERE app_id = ${appId} AND user_id = ${userId})
    DELETE FROM sessions
    WHERE app_id = ${appId} AND user_id = ${userId} AND ${isOrCopyOf(sessionId)}`);
}

/** Unlinks an identity of a user, if it still exists. */
export async function unlinkIdentity(tx: Tx, appId: string, userId: string, identityId: string): Promise<void> {
  await tx.query(sql`DELETE FROM identities WHERE app_id = ${appId} AND user_id = ${userId} AND id = ${identityId}`);
}

/**
 * Removes the password of a locked user.
 *
 * @param isRejected whether the stored hash is that of the rejected password
 */
export async function removePassword(
  tx: Tx,
  appId: string,
  userId: string,
  isRejected: (passwordHash: string) => boolean,
  now: Date,
): Promise<void> {
  const [row] = await tx.query<{ password_hash: string | null }>(sql`
    SELECT password_hash FROM users WHERE app_id = ${appId} AND id = ${userId}`);
  if (typeof row?.password_hash !== 'string' || !isRejected(row.password_hash)) return;
  await tx.query(sql`
    UPDATE users SET password_hash = NULL, updated_at = ${now} WHERE app_id = ${appId} AND id = ${userId}`);
}

/** Marks the address of a locked user as not verified. */
export async function setEmailUnverified(tx: Tx, appId: string, userId: string, now: Date): Promise<void> {
  await tx.query(sql`
    UPDATE users SET is_email_verified = false, updated_at = ${now} WHERE app_id = ${appId} AND id = ${userId}`);
}
