import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** An account with roles whose owner never set a password or accepted an invitation with a code from the mailbox. */
export interface UnclaimedAccount {
  readonly id: string;
  readonly email: string;
  /** Whether the migration assumed that the account is claimed. If false, the account is not claimed. */
  readonly isAssumed: boolean;
  readonly isSuperAdmin: boolean;
  readonly organizations: number;
}

/**
 * The accounts of an app that have roles and are unclaimed, or claimed only by assumption of the migration, in the
 * order of their ids. For the operator only: the query reads all users of the app.
 */
export function listUnclaimed(db: Queryable, appId: string): Promise<UnclaimedAccount[]> {
  return db.query<UnclaimedAccount>(sql`
    SELECT u.id, u.email, u.claimed_by IS NOT NULL AS "isAssumed", u.is_super_admin AS "isSuperAdmin",
      held.organizations
    FROM users u
    CROSS JOIN LATERAL (
      SELECT count(*)::integer AS organizations FROM members m WHERE m.app_id = ${appId} AND m.user_id = u.id) AS held
    WHERE u.app_id = ${appId} AND (u.claimed_by IS NULL OR u.claimed_by = 'assumed')
      AND (u.is_super_admin OR held.organizations > 0)
    ORDER BY u.id`);
}
