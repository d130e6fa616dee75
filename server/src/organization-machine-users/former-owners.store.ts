import type { Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A secret whose expiry was set. */
export interface ScheduledEnd {
  readonly orgId: string;
  readonly organizationName: string;
  readonly machineUserId: string;
  readonly userName: string;
  readonly secretId: string;
}

/**
 * Sets the expiry of the secrets that a user created, unless the user is a super admin or an active owner of the
 * organization. Secrets that have expired, or whose expiry was already set, do not change.
 *
 * @param end.until when the secrets end
 * @param end.isDeleted the user does not count as owner of any organization
 */
export async function scheduleEnd(
  tx: Tx,
  appId: string,
  userId: string,
  end: { readonly until: Date; readonly now: Date; readonly isDeleted: boolean },
): Promise<ScheduledEnd[]> {
  const rows = await tx.query<{ org_id: string; name: string; machine_user_id: string; user_name: string; id: string }>(
    sql`
      UPDATE organization_machine_secrets s SET confirm_by = ${end.until}
      FROM organization_machine_users m
      JOIN organizations o ON o.app_id = ${appId} AND o.id = m.org_id
      WHERE s.app_id = ${appId} AND s.created_by_user_id = ${userId} AND s.confirm_by IS NULL
        AND (s.expires_at IS NULL OR s.expires_at > ${end.now})
        AND m.app_id = ${appId} AND m.id = s.machine_user_id
        AND (${end.isDeleted}::boolean OR NOT EXISTS (
          SELECT FROM users u
          LEFT JOIN members held ON held.app_id = ${appId} AND held.org_id = m.org_id AND held.user_id = u.id
          WHERE u.app_id = ${appId} AND u.id = ${userId} AND u.state = 'ACTIVE'
            AND (u.is_super_admin OR held.is_owner)))
      RETURNING m.org_id, o.name, s.machine_user_id, m.user_name, s.id`,
  );
  return rows
    .map((row) => ({
      orgId: row.org_id,
      organizationName: row.name,
      machineUserId: row.machine_user_id,
      userName: row.user_name,
      secretId: row.id,
    }))
    .toSorted((one, other) => Number(BigInt(one.secretId) - BigInt(other.secretId)));
}
