import type { Queryable, Sql } from '../db/db.ts';
import { newestOfActions } from '../audit/events.store.ts';
import { sql } from '../db/db.ts';
import type { MailPurpose } from '../mail-texts/mail-purposes.ts';
import { type ManagerRole, shownMemberships, toManagerRoles } from '../members/members.store.ts';
import type { Metadata } from '../metadata.ts';
import type { OrganizationStatus } from '../access/organization-states.ts';
import { effectiveRoles, isInForce, membershipsOf } from '../roles/effective-permissions.store.ts';
import { ApiError } from '../http/errors.ts';
import type { UserState } from '../users/users.store.ts';

/** Items of each list. One more is read, to detect longer lists. */
export const exportedItems = 1000;
const limit = sql`LIMIT ${exportedItems + 1}`;

/** Times in the format of responses. */
const iso = (column: Sql): Sql => sql`to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

export interface ExportedProfile {
  id: string;
  email: string;
  isEmailVerified: boolean;
  isEmailClaimed: boolean;
  firstName: string;
  lastName: string;
  phoneNumber: string | null;
  isPhoneVerified: boolean;
  userState: UserState;
  language: string | null;
  metadata: Metadata;
  createdAt: string;
  updatedAt: string;
}

/** @throws ApiError `user_not_found` */
export async function readProfile(db: Queryable, appId: string, userId: string): Promise<ExportedProfile> {
  const [row] = await db.query<ExportedProfile>(sql`
    SELECT id, email, is_email_verified AS "isEmailVerified",
      claimed_by IS NOT NULL AS "isEmailClaimed", first_name AS "firstName", last_name AS "lastName",
      phone_number AS "phoneNumber", is_phone_verified AS "isPhoneVerified", state AS "userState", language, metadata,
      ${iso(sql`created_at`)} AS "createdAt", ${iso(sql`updated_at`)} AS "updatedAt"
    FROM users WHERE app_id = ${appId} AND id = ${userId}`);
  if (!row) throw new ApiError('user_not_found');
  return row;
}

export interface ExportedSession {
  id: string;
  createdAt: string;
  lastSeenAt: string;
  expiresAt: string;
  ip: string | null;
  userAgent: string | null;
}

export const exportSessions = (db: Queryable, appId: string, userId: string, now: Date): Promise<ExportedSession[]> =>
  db.query(sql`
    SELECT id, ${iso(sql`created_at`)} AS "createdAt", ${iso(sql`last_seen_at`)} AS "lastSeenAt",
      ${iso(sql`LEAST(expires_at, idle_expires_at)`)} AS "expiresAt", ip, user_agent AS "userAgent"
    FROM sessions
    WHERE app_id = ${appId} AND user_id = ${userId} AND LEAST(expires_at, idle_expires_at) > ${now}
    ORDER BY id ${limit}`);

export interface ExportedDevice {
  createdAt: string;
  lastUsedAt: string;
  expiresAt: string;
  rememberedUntil: string | null;
}

export const exportDevices = (db: Queryable, appId: string, userId: string): Promise<ExportedDevice[]> =>
  db.query(sql`
    SELECT ${iso(sql`d.created_at`)} AS "createdAt", ${iso(sql`d.last_used_at`)} AS "lastUsedAt",
      ${iso(sql`d.expires_at`)} AS "expiresAt", ${iso(sql`d.remembered_until`)} AS "rememberedUntil"
    FROM devices d WHERE d.app_id = ${appId} AND d.user_id = ${userId} ORDER BY d.created_at ${limit}`);

export interface ExportedOrganization {
  id: string;
  name: string;
  status: OrganizationStatus;
  roles: string[];
  managerRoles: ManagerRole[];
  permissions: string[];
  permissionsTruncated?: true;
}

export async function exportOrganizations(
  db: Queryable,
  appId: string,
  userId: string,
): Promise<ExportedOrganization[]> {
  const ofUser = sql`m.app_id = ${appId} AND m.user_id = ${userId}`;
  const rows = await db.query<
    Omit<ExportedOrganization, 'managerRoles'> & { is_owner: boolean; is_manager: boolean; fits: boolean }
  >(sql`
    SELECT o.id, o.name, o.status, m.is_owner AND ${isInForce} AS is_owner, m.is_manager AND ${isInForce} AS is_manager,
      effective.keys AS roles, effective.permissions, shown.fits
    FROM (${shownMemberships(appId, ofUser, sql`${exportedItems + 1}`)}) AS shown
    JOIN ${membershipsOf(appId)} ON ${ofUser} AND m.org_id = shown.org_id
    LEFT JOIN LATERAL (${effectiveRoles(appId, sql`shown.fits`)}) AS effective ON true
    ORDER BY m.org_id`);
  return rows.map(({ is_owner, is_manager, fits, ...row }) => ({
    ...row,
    managerRoles: toManagerRoles({ is_owner, is_manager }),
    ...(!fits && { permissionsTruncated: true }),
  }));
}

const isClaimed = (appId: string, userId: string): Sql =>
  sql`EXISTS (SELECT FROM users u WHERE u.app_id = ${appId} AND u.id = ${userId} AND u.claimed_by IS NOT NULL)`;

export interface ExportedInvitation {
  orgId: string;
  organizationName: string;
  email: string;
  role: string;
  status: string;
  createdAt: string;
  expiresAt: string;
}

/** Only for a claimed account. Otherwise the invitations may be intended for someone else, the owner of the mailbox. */
export const exportInvitations = (db: Queryable, appId: string, userId: string): Promise<ExportedInvitation[]> =>
  db.query(sql`
    SELECT i.org_id AS "orgId", o.name AS "organizationName", i.email, COALESCE(i.role_key, i.grants) AS role, i.status,
      ${iso(sql`i.created_at`)} AS "createdAt", ${iso(sql`i.expires_at`)} AS "expiresAt"
    FROM invitations i JOIN organizations o ON o.app_id = ${appId} AND o.id = i.org_id
    WHERE i.app_id = ${appId} AND i.user_id = ${userId} AND ${isClaimed(appId, userId)} ORDER BY i.id ${limit}`);

export interface ExportedIdentity {
  provider: string;
  issuer: string;
  subject: string;
  email: string | null;
  createdAt: string;
  lastUsedAt: string;
}

export const exportIdentities = (db: Queryable, appId: string, userId: string): Promise<ExportedIdentity[]> =>
  db.query(sql`
    SELECT p.name AS provider, l.issuer, l.subject, l.email, ${iso(sql`l.created_at`)} AS "createdAt",
      ${iso(sql`l.last_used_at`)} AS "lastUsedAt"
    FROM identities l JOIN identity_providers p ON p.app_id = ${appId} AND p.id = l.idp_id
    WHERE l.app_id = ${appId} AND l.user_id = ${userId} ORDER BY l.id ${limit}`);

export interface ExportedApiKey {
  id: string;
  name: string;
  orgId: string;
  roles: string[];
  permissions: string[];
  lastCharacters: string;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
}

export const exportApiKeys = (db: Queryable, appId: string, userId: string): Promise<ExportedApiKey[]> =>
  db.query(sql`
    SELECT k.id, k.name, k.org_id AS "orgId", COALESCE(k.permissions, '{}') AS permissions,
      ARRAY(SELECT named.role_key FROM api_key_roles named
        WHERE named.app_id = ${appId} AND named.org_id = k.org_id AND named.key_id = k.id
        ORDER BY named.role_key COLLATE "C") AS roles,
      k.last_characters AS "lastCharacters", ${iso(sql`k.created_at`)} AS "createdAt",
      ${iso(sql`k.expires_at`)} AS "expiresAt", ${iso(sql`k.last_used_at`)} AS "lastUsedAt"
    FROM api_keys k WHERE k.app_id = ${appId} AND k.user_id = ${userId} ORDER BY k.id ${limit}`);

export interface ExportedFactor {
  id: string;
  kind: 'totp' | 'passkey';
  name: string;
  createdAt: string;
  lastUsedAt: string | null;
}

export const exportFactors = (db: Queryable, appId: string, userId: string): Promise<ExportedFactor[]> =>
  db.query(sql`
    SELECT id, kind, name, ${iso(sql`created_at`)} AS "createdAt", ${iso(sql`last_used_at`)} AS "lastUsedAt"
    FROM factors WHERE app_id = ${appId} AND user_id = ${userId} ORDER BY id ${limit}`);

export interface ExportedMachineSecret {
  id: string;
  orgId: string;
  machineUserId: string;
  machineUserName: string;
  label: string | null;
  createdAt: string;
  confirmBy: string | null;
}

export const exportMachineSecrets = (db: Queryable, appId: string, userId: string): Promise<ExportedMachineSecret[]> =>
  db.query(sql`
    SELECT s.id, m.org_id AS "orgId", m.id AS "machineUserId", m.user_name AS "machineUserName", s.label,
      ${iso(sql`s.created_at`)} AS "createdAt", ${iso(sql`s.confirm_by`)} AS "confirmBy"
    FROM organization_machine_secrets s
    JOIN organization_machine_users m ON m.app_id = ${appId} AND m.id = s.machine_user_id
    WHERE s.app_id = ${appId} AND s.created_by_user_id = ${userId} ORDER BY s.id ${limit}`);

export interface ExportedMail {
  recipient: string;
  purpose: string;
  createdAt: string;
}

/** Mails for the owner of the mailbox. They are exported once the account is claimed. */
const forHolder = ['invitation', 'super_admin_invited'] as const satisfies readonly MailPurpose[];

export const exportMails = (db: Queryable, appId: string, userId: string): Promise<ExportedMail[]> =>
  db.query(sql`
    SELECT m.recipient, m.purpose, ${iso(sql`m.created_at`)} AS "createdAt"
    FROM mails m
    WHERE m.app_id = ${appId} AND m.user_id = ${userId}
      AND (m.purpose <> ALL (${[...forHolder]}::text[]) OR ${isClaimed(appId, userId)})
    ORDER BY m.id ${limit}`);

export interface ExportedEvent {
  id: string;
  time: string;
  action: string;
  orgId: string | null;
  target: { kind: string; id: string | null };
  changes: string[];
  ip: string | null;
  userAgent: string | null;
}

export const exportEvents = (db: Queryable, appId: string, userId: string): Promise<ExportedEvent[]> =>
  db.query(sql`
    SELECT e.id, ${iso(sql`e.time`)} AS time, e.action, e.org_id AS "orgId",
      jsonb_build_object('kind', e.target_kind, 'id', e.target_id::text) AS target, e.changes, e.ip,
      e.user_agent AS "userAgent"
    FROM (${newestOfActions(appId, { actorId: userId }, undefined, exportedItems + 1)}) AS newest
    JOIN audit_events e ON e.app_id = ${appId} AND e.time = newest.time AND e.id = newest.id
    WHERE e.actor_kind = 'user'
    ORDER BY e.time DESC, e.id DESC`);
