import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { indexUser } from '../search/member-search.store.ts';
import { emailKey } from '../http/email-address.ts';

/** Whether another user of the app has this address. */
export async function isEmailTaken(db: Queryable, appId: string, userId: string, email: string): Promise<boolean> {
  const rows = await db.query(sql`
    SELECT 1 FROM users WHERE app_id = ${appId} AND email_key = ${emailKey(email)} AND id <> ${userId}`);
  return rows.length > 0;
}

/**
 * Removes the address from a locked user who is about to get another address or to be deleted. Afterwards another user
 * can have it.
 */
export async function releaseEmail(tx: Tx, appId: string, userId: string): Promise<void> {
  // A placeholder that is unique and is not an address.
  await tx.query(sql`UPDATE users SET email_key = 'of ' || id WHERE app_id = ${appId} AND id = ${userId}`);
}

/**
 * Sets the address of a locked user, verified and claimed by the code that was sent to it. A pending invitation as
 * super admin is removed: it was intended for the owner of the previous mailbox.
 *
 * @throws ApiError `email_already_exists`
 */
export async function setEmail(tx: Tx, appId: string, userId: string, email: string, now: Date): Promise<void> {
  await tx.query(
    sql`
      UPDATE users SET email = ${email}, email_key = ${emailKey(email)}, is_email_verified = true,
        claimed_by = CASE WHEN claimed_by = 'assumed' THEN claimed_by ELSE 'email_change' END,
          super_admin_invited_until = NULL, updated_at = ${now}
      WHERE app_id = ${appId} AND id = ${userId}`,
    { users_email_key: 'email_already_exists' },
  );
  await indexUser(tx, appId, userId);
}
