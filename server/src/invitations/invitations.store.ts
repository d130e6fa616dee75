import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { countInApp } from '../counts.ts';
import type { Grant, RoleReference } from '../members/members.store.ts';
import { isInvitedAsSuperAdmin } from '../super-admins/super-admins.store.ts';

/** What is granted once somebody proves that the mailbox is theirs. */
export interface NewInvitation {
  readonly id: string;
  readonly orgId: string;
  readonly userId: string;
  readonly email: string;
  readonly emailKey: string;
  readonly grant: Grant;
  readonly invitedBy: { kind: string; id: string | null };
  readonly now: Date;
  readonly expiresAt: Date;
}

/** Invites, or invites again: one pending invitation per organization, address and role. */
export async function upsertInvitation(tx: Tx, appId: string, invitation: NewInvitation): Promise<void> {
  const { grant, now } = invitation;
  const role = grant.kind === 'ROLE' ? grant.role : undefined;
  await tx.query(sql`
    INSERT INTO invitations (app_id, id, org_id, user_id, email, email_key, grants, scope_id, role_key, status,
      invited_by_kind, invited_by_id, created_at, expires_at)
    VALUES (${appId}, ${invitation.id}, ${invitation.orgId}, ${invitation.userId}, ${invitation.email},
      ${invitation.emailKey}, ${grant.kind}, ${role?.scopeId ?? null}, ${role?.key ?? null}, 'pending',
      ${invitation.invitedBy.kind}, ${invitation.invitedBy.id}, ${now}, ${invitation.expiresAt})
    ON CONFLICT (app_id, org_id, email_key, grants, COALESCE(role_key, '')) WHERE status = 'pending'
    DO UPDATE SET user_id = EXCLUDED.user_id, email = EXCLUDED.email, expires_at = EXCLUDED.expires_at`);
}

/** Closes a pending invitation whose grant was made directly: its code must not bring it back later. */
export async function settleInvitation(
  tx: Tx,
  appId: string,
  { orgId, userId, grant }: { orgId: string; userId: string; grant: Grant },
): Promise<void> {
  const roleKey = grant.kind === 'ROLE' ? grant.role.key : null;
  await tx.query(sql`
    UPDATE invitations SET status = 'accepted'
    WHERE app_id = ${appId} AND user_id = ${userId} AND org_id = ${orgId} AND status = 'pending'
      AND grants = ${grant.kind} AND role_key IS NOT DISTINCT FROM ${roleKey}::text`);
}

/** Marks every live invitation to the user's address as accepted. @returns what they grant */
export async function acceptInvitations(
  tx: Tx,
  appId: string,
  userId: string,
  now: Date,
): Promise<{ orgId: string; grant: Grant }[]> {
  const rows = await tx.query<{
    org_id: string;
    grants: 'ORG_OWNER' | 'ORG_USER_MANAGER' | 'ROLE';
    scope_id: string | null;
    role_key: string | null;
  }>(sql`
    UPDATE invitations SET status = 'accepted'
    WHERE app_id = ${appId} AND user_id = ${userId} AND status = 'pending' AND expires_at > ${now}
      AND email_key = (SELECT email_key FROM users WHERE app_id = ${appId} AND id = ${userId})
    RETURNING org_id, grants, scope_id, role_key`);
  return rows.map((row) => ({
    orgId: row.org_id,
    grant:
      row.grants === 'ROLE'
        ? { kind: 'ROLE', role: { scopeId: row.scope_id ?? '0', key: row.role_key ?? '' } }
        : { kind: row.grants },
  }));
}

/** Those who were invited to an organization and are nothing else yet, locked until the transaction ends. */
export async function lockInvitedOf(tx: Tx, appId: string, orgId: string): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(sql`
    SELECT u.id FROM users u
    WHERE u.app_id = ${appId} AND u.state = 'INVITED' AND u.id IN (
      SELECT i.user_id FROM invitations i WHERE i.app_id = ${appId} AND i.org_id = ${orgId} AND i.status = 'pending')
    ORDER BY u.id
    FOR UPDATE OF u`);
  return rows.map((row) => row.id);
}

/** Those who were invited to a role and are nothing else yet, locked until the transaction ends. */
export async function lockInvitedTo(tx: Tx, appId: string, role: RoleReference): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(sql`
    SELECT u.id FROM users u
    WHERE u.app_id = ${appId} AND u.state = 'INVITED' AND u.id IN (
      SELECT i.user_id FROM invitations i
      WHERE i.app_id = ${appId} AND i.scope_id = ${role.scopeId} AND i.role_key = ${role.key} AND i.status = 'pending')
    ORDER BY u.id
    FOR UPDATE OF u`);
  return rows.map((row) => row.id);
}

/** Deletes those of these users who were only invited and whom no invitation is left for. @returns their ids */
export async function deleteInvitedLeftOver(tx: Tx, appId: string, userIds: readonly string[]): Promise<string[]> {
  if (userIds.length === 0) return [];
  const rows = await tx.query<{ id: string }>(sql`
    WITH deleted AS (
      DELETE FROM users u
      WHERE u.app_id = ${appId} AND u.id = ANY (${[...userIds]}::bigint[]) AND u.state = 'INVITED'
        AND u.super_admin_invited_until IS NULL
        AND NOT EXISTS (
          SELECT FROM invitations i WHERE i.app_id = ${appId} AND i.user_id = u.id AND i.status = 'pending')
      RETURNING u.id),
    counted AS (${countInApp(appId, 'users', sql`deleted`, -1)})
    SELECT id FROM deleted`);
  return rows.map((row) => row.id);
}

/** Whether an invitation waits for a user, to an organization or as super admin. */
export async function hasLiveInvitation(db: Queryable, appId: string, userId: string, now: Date): Promise<boolean> {
  const rows = await db.query(sql`
    SELECT 1 FROM invitations
    WHERE app_id = ${appId} AND user_id = ${userId} AND status = 'pending' AND expires_at > ${now} LIMIT 1`);
  return rows.length > 0 || isInvitedAsSuperAdmin(db, appId, userId, now);
}
