import { clearTracesOf } from '../calls/audit-event.store.ts';
import { voidAllCodes, voidCodes } from '../codes/codes.store.ts';
import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { countInApp } from '../counts.ts';
import { isDelayed } from '../email/mails.store.ts';
import type { Grant } from '../members/members.store.ts';
import type { RoleReference } from '../roles/roles.store.ts';
import { isInvitedAsSuperAdmin } from '../users/super-admins.store.ts';
import { change, hasStatus, type InvitationStatus, statusAt } from './invitation-states.ts';

/** A new invitation. Its grant takes effect on acceptance. */
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

/**
 * Creates an invitation, or renews the pending one: there is one per organization, address and role.
 *
 * @returns the id of the invitation, which may be older than this call
 */
export async function upsertInvitation(tx: Tx, appId: string, invitation: NewInvitation): Promise<string> {
  const { grant, now } = invitation;
  const role = grant.kind === 'ROLE' ? grant.role : undefined;
  const [row] = await tx.query<{ id: string }>(sql`
    INSERT INTO invitations (app_id, id, org_id, user_id, email, email_key, grants, scope_id, role_key, status,
      invited_by_kind, invited_by_id, created_at, expires_at)
    VALUES (${appId}, ${invitation.id}, ${invitation.orgId}, ${invitation.userId}, ${invitation.email},
      ${invitation.emailKey}, ${grant.kind}, ${role?.scopeId ?? null}, ${role?.key ?? null}, 'pending',
      ${invitation.invitedBy.kind}, ${invitation.invitedBy.id}, ${now}, ${invitation.expiresAt})
    ON CONFLICT (app_id, org_id, email_key, grants, COALESCE(role_key, '')) WHERE status = 'pending'
    DO UPDATE SET user_id = EXCLUDED.user_id, email = EXCLUDED.email, expires_at = EXCLUDED.expires_at
    RETURNING id`);
  return row?.id ?? invitation.id;
}

/** Selects invitations by their grant: one grant, or every grant of a kind. */
export type Offer = Grant | Grant['kind'];

const offersOneOf = (offers: readonly Offer[]): Sql => {
  const kinds = offers.flatMap((offer) => {
    if (typeof offer === 'string') return [offer];
    return offer.kind === 'ROLE' ? [] : [offer.kind];
  });
  const roleKeys = offers.flatMap((offer) =>
    typeof offer === 'object' && offer.kind === 'ROLE' ? [offer.role.key] : [],
  );
  return sql`(i.grants = ANY (${kinds}::text[]) OR i.role_key = ANY (${roleKeys}::text[]))`;
};

/**
 * Closes pending invitations to roles that were granted directly, so that their codes cannot restore the roles later.
 * If no invitation is left, the codes of a claimed account are voided. They stay valid for days, and anyone who has one
 * could set a new password with it. The codes of an unclaimed account stay valid, so that its owner can still claim it.
 */
export async function settleInvitations(
  tx: Tx,
  appId: string,
  { orgId, userId, now }: { orgId: string; userId: string; now: Date },
  grants: readonly Grant[],
): Promise<void> {
  if (grants.length === 0) return;
  const settled = await tx.query<{ is_claimed: boolean }>(sql`
    ${change('settle', now)} AND i.app_id = ${appId} AND i.user_id = ${userId} AND i.org_id = ${orgId}
      AND ${offersOneOf(grants)}
    RETURNING (SELECT claimed_by IS NOT NULL FROM users WHERE app_id = ${appId} AND id = ${userId}) AS is_claimed`);
  if (settled.some((row) => row.is_claimed)) await voidCodesLeftOver(tx, appId, { orgId, userId });
}

/** The grant of a row. */
interface GrantRow {
  org_id: string;
  grants: 'ORG_OWNER' | 'ORG_USER_MANAGER' | 'ROLE';
  scope_id: string | null;
  role_key: string | null;
}

const toGrant = (row: GrantRow): Grant =>
  row.grants === 'ROLE'
    ? { kind: 'ROLE', role: { scopeId: row.scope_id ?? '0', key: row.role_key ?? '' } }
    : { kind: row.grants };

/**
 * Marks every valid invitation to the user's address as accepted, and voids all their codes.
 *
 * @returns the granted roles
 */
export async function acceptInvitations(
  tx: Tx,
  appId: string,
  userId: string,
  now: Date,
): Promise<{ orgId: string; grant: Grant }[]> {
  const rows = await tx.query<GrantRow>(sql`
    ${change('accept', now)} AND i.app_id = ${appId} AND i.user_id = ${userId}
      AND i.email_key = (SELECT email_key FROM users WHERE app_id = ${appId} AND id = ${userId})
    RETURNING i.org_id, i.grants, i.scope_id, i.role_key`);
  await voidAllCodes(tx, appId, userId, ['invitation']);
  return rows.map((row) => ({ orgId: row.org_id, grant: toGrant(row) }));
}

/** A stored invitation. */
export interface Invitation {
  readonly id: string;
  readonly userId: string;
  readonly email: string;
  readonly emailKey: string;
  readonly grant: Grant;
  readonly status: InvitationStatus;
}

/** An invitation of an organization. */
export async function findInvitation(
  db: Queryable,
  appId: string,
  { orgId, id, now }: { orgId: string; id: string; now: Date },
): Promise<Invitation | undefined> {
  const [row] = await db.query<
    GrantRow & { id: string; user_id: string; email: string; email_key: string; status: InvitationStatus }
  >(sql`
    SELECT i.id, i.org_id, i.user_id, i.email, i.email_key, i.grants, i.scope_id, i.role_key, ${statusAt(now)} AS status
    FROM invitations i WHERE i.app_id = ${appId} AND i.org_id = ${orgId} AND i.id = ${id}`);
  if (!row) return undefined;
  const { id: invitationId, user_id: userId, email, email_key: key, status } = row;
  return { id: invitationId, userId, email, emailKey: key, grant: toGrant(row), status };
}

/** A row of the list of invitations. */
export interface InvitationRow {
  id: string;
  email: string;
  role: string;
  status: InvitationStatus;
  invited_by_kind: string;
  invited_by_id: string | null;
  /** Whether the inviter is in the organization, and was when they invited. */
  is_insider: boolean;
  created_at: Date;
  expires_at: Date;
  /** Whether its mail is delayed by the quota of the mailbox. */
  is_mail_delayed: boolean;
}

/** FROM clause and conditions that select the invitations of an organization, for a list and its total. */
export function invitationsOf(
  appId: string,
  orgId: string,
  { status, rolesOnly, now }: { status: InvitationStatus | undefined; rolesOnly: boolean; now: Date },
): Sql {
  return sql`
    FROM invitations i
    WHERE i.app_id = ${appId} AND i.org_id = ${orgId} AND (NOT ${rolesOnly}::boolean OR i.grants = 'ROLE')
      AND ${status === undefined ? sql`true` : hasStatus(status, now)}`;
}

/** Columns of the list. */
export const invitationColumns = (appId: string, orgId: string, now: Date): Sql => sql`
  i.id, i.email, COALESCE(i.role_key, i.grants) AS role, ${statusAt(now)} AS status, i.invited_by_kind, i.invited_by_id,
  EXISTS (SELECT FROM members m WHERE m.app_id = ${appId} AND m.org_id = ${orgId} AND m.user_id = i.invited_by_id
    AND m.created_at <= i.created_at AND i.invited_by_kind = 'user')
  OR EXISTS (SELECT FROM organization_machine_users m WHERE m.app_id = ${appId}
    AND m.org_id = ${orgId} AND m.id = i.invited_by_id AND i.invited_by_kind = 'organization_machine') AS is_insider,
  i.created_at, i.expires_at,
  EXISTS (SELECT FROM mails m WHERE m.app_id = ${appId} AND m.invitation_id = i.id AND ${isDelayed(now)})
    AS is_mail_delayed`;

/** Revokes an invitation. @returns false if the invitation is not pending */
export async function revokeInvitation(
  tx: Tx,
  appId: string,
  { id, now }: { id: string; now: Date },
): Promise<boolean> {
  const rows = await tx.query(sql`
    ${change('revoke', now)} AND i.app_id = ${appId} AND i.id = ${id} RETURNING i.id`);
  return rows.length > 0;
}

/** Revokes all invitations of a user to an organization that offer one of these roles. @returns their ids */
export async function revokeInvitationsOf(
  tx: Tx,
  appId: string,
  { orgId, userId, now }: { orgId: string; userId: string; now: Date },
  offers: readonly Offer[],
): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(sql`
    ${change('revoke', now)} AND i.app_id = ${appId} AND i.org_id = ${orgId} AND i.user_id = ${userId}
      AND ${offersOneOf(offers)}
    RETURNING i.id`);
  return rows.map((row) => row.id);
}

/** Revokes all invitations of a user, in every organization. */
export async function revokeAllInvitations(
  tx: Tx,
  appId: string,
  userId: string,
  now: Date,
): Promise<{ id: string; orgId: string }[]> {
  const rows = await tx.query<{ id: string; org_id: string }>(sql`
    ${change('revoke', now)} AND i.app_id = ${appId} AND i.user_id = ${userId} RETURNING i.id, i.org_id`);
  return rows.map((row) => ({ id: row.id, orgId: row.org_id }));
}

/** An invitation that was moved to another user. */
export interface MovedInvitation {
  readonly id: string;
  readonly orgId: string;
  readonly email: string;
  readonly grant: Grant;
  readonly expiresAt: Date;
}

/** Moves the pending invitations of one user to another, who has the address now. @returns them in order of creation */
export async function moveInvitations(
  tx: Tx,
  appId: string,
  { fromId, toId }: { fromId: string; toId: string },
): Promise<MovedInvitation[]> {
  const rows = await tx.query<GrantRow & { id: string; email: string; expires_at: Date }>(sql`
    WITH moved AS (
      UPDATE invitations SET user_id = ${toId}
      WHERE app_id = ${appId} AND user_id = ${fromId} AND status = 'pending'
      RETURNING id, org_id, email, grants, scope_id, role_key, expires_at)
    SELECT * FROM moved ORDER BY id`);
  return rows.map((row) => ({
    id: row.id,
    orgId: row.org_id,
    email: row.email,
    grant: toGrant(row),
    expiresAt: row.expires_at,
  }));
}

/**
 * Whether the user has an invitation that is neither accepted nor revoked, even if it has expired: to an organization,
 * or as super admin.
 */
export async function isAwaited(db: Queryable, appId: string, userId: string): Promise<boolean> {
  const rows = await db.query(sql`
    SELECT 1 FROM users u
    WHERE u.app_id = ${appId} AND u.id = ${userId} AND (u.super_admin_invited_until IS NOT NULL OR EXISTS (
      SELECT FROM invitations i WHERE i.app_id = ${appId} AND i.user_id = u.id AND i.status = 'pending'))`);
  return rows.length > 0;
}

/** Voids the invitation codes of a user in an organization, unless another invitation is pending there. */
export async function voidCodesLeftOver(
  tx: Tx,
  appId: string,
  { orgId, userId }: { orgId: string; userId: string },
): Promise<void> {
  const open = await tx.query(sql`
    SELECT 1 FROM invitations
    WHERE app_id = ${appId} AND org_id = ${orgId} AND user_id = ${userId} AND status = 'pending' LIMIT 1`);
  if (open.length === 0) await voidCodes(tx, appId, { userId, purpose: 'invitation', orgId });
}

/**
 * Locks, until the transaction ends, the users with a pending invitation to an organization who have not accepted any
 * invitation yet.
 */
export async function lockInvitedOf(tx: Tx, appId: string, orgId: string): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(sql`
    SELECT u.id FROM users u
    WHERE u.app_id = ${appId} AND u.state = 'INVITED' AND u.id IN (
      SELECT i.user_id FROM invitations i WHERE i.app_id = ${appId} AND i.org_id = ${orgId} AND i.status = 'pending')
    ORDER BY u.id
    FOR UPDATE OF u`);
  return rows.map((row) => row.id);
}

/**
 * Locks, until the transaction ends, the users with a pending invitation to a role who have not accepted any invitation
 * yet.
 */
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

/**
 * Deletes the listed users who were only invited and have no invitation left. Also removes their client addresses from
 * the audit, as for every deleted user.
 */
export async function deleteInvitedLeftOver(tx: Tx, appId: string, userIds: readonly string[]): Promise<void> {
  if (userIds.length === 0) return;
  const deleted = await tx.query<{ id: string }>(sql`
    WITH deleted AS (
      DELETE FROM users u
      WHERE u.app_id = ${appId} AND u.id = ANY (${[...userIds]}::bigint[]) AND u.state = 'INVITED'
        AND u.super_admin_invited_until IS NULL
        AND NOT EXISTS (
          SELECT FROM invitations i WHERE i.app_id = ${appId} AND i.user_id = u.id AND i.status = 'pending')
      RETURNING u.id),
    counted AS (${countInApp(appId, 'users', sql`deleted`, -1)})
    SELECT id FROM deleted`);
  const ids = deleted.map(({ id }) => id);
  if (ids.length > 0) await clearTracesOf(tx, appId, ids);
}

/** A pending invitation, with the name of its organization. */
export interface LiveInvitation {
  readonly id: string;
  readonly email: string;
  readonly organization: { readonly id: string; readonly name: string };
  readonly grant: Grant;
  readonly expiresAt: Date;
}

/** The newest pending invitation of a user to an organization. */
export async function findNewestLiveInvitation(
  db: Queryable,
  appId: string,
  userId: string,
  now: Date,
): Promise<LiveInvitation | undefined> {
  const [row] = await db.query<GrantRow & { id: string; email: string; name: string; expires_at: Date }>(sql`
    SELECT i.id, i.email, i.org_id, o.name, i.grants, i.scope_id, i.role_key, i.expires_at
    FROM invitations i
    JOIN organizations o ON o.app_id = ${appId} AND o.id = i.org_id
    WHERE i.app_id = ${appId} AND i.user_id = ${userId} AND ${hasStatus('pending', now)}
    ORDER BY i.id DESC LIMIT 1`);
  return (
    row && {
      id: row.id,
      email: row.email,
      organization: { id: row.org_id, name: row.name },
      grant: toGrant(row),
      expiresAt: row.expires_at,
    }
  );
}

/** Whether a user has a pending invitation, to an organization or as super admin. */
export async function hasLiveInvitation(db: Queryable, appId: string, userId: string, now: Date): Promise<boolean> {
  const rows = await db.query(sql`
    SELECT 1 FROM invitations i
    WHERE i.app_id = ${appId} AND i.user_id = ${userId} AND ${hasStatus('pending', now)} LIMIT 1`);
  return rows.length > 0 || isInvitedAsSuperAdmin(db, appId, userId, now);
}
