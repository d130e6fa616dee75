import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** How long the mailbox cannot be the second factor after a mailed code set the password, in seconds. */
const afterPasswordSeconds = 3600;

/** The verified and claimed address of an active user, unless a mailed code set the password within the last hour. */
export async function findMailableAddress(
  db: Queryable,
  appId: string,
  userId: string,
  now: Date,
): Promise<string | undefined> {
  const [row] = await db.query<{ email: string }>(sql`
    SELECT email FROM users
    WHERE app_id = ${appId} AND id = ${userId} AND state = 'ACTIVE' AND is_email_verified AND claimed_by IS NOT NULL
      AND (password_mailed_at IS NULL
        OR password_mailed_at <= ${now}::timestamptz - make_interval(secs => ${afterPasswordSeconds}))`);
  return row?.email;
}
