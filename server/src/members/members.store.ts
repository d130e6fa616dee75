import type { RoleReference } from '../roles/roles.store.ts';
import type { Queryable, Sql, Tx } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';
import type { Actor } from '../access/actor.ts';
import { stepUpField, type StepUpRequired, unmetBy, type UnmetPolicy } from '../access/organization-policy.ts';
import type { OrganizationStatus } from '../access/organization-states.ts';
import { inOrganizationOf } from '../access/relations.ts';
import { effectiveRoles, effectiveSize, isInForce, membershipsOf } from '../roles/effective-permissions.store.ts';
import { countInOrganization } from '../counts.ts';
import { indexMember } from '../search/member-search.store.ts';

export type ManagerRole = 'ORG_OWNER' | 'ORG_USER_MANAGER';

/** A manager role, or a role, that is granted to a member. */
export type Grant = { readonly kind: ManagerRole } | { readonly kind: 'ROLE'; readonly role: RoleReference };

/** The kinds of grants that only owners may make. */
export const managerGrants = ['ORG_OWNER', 'ORG_USER_MANAGER'] as const satisfies readonly Grant['kind'][];

/** Name of a grant in audit events. */
export const grantName = (grant: Grant): string =>
  grant.kind === 'ROLE' ? `roles.${grant.role.key}` : `managerRoles.${grant.kind}`;

/**
 * The audit note for a grant by id to an unclaimed account. Such grants are allowed, but the account may belong to a
 * stranger who signed up with the address.
 */
export const claimNote = ({ isEmailClaimed }: { isEmailClaimed: boolean }): string[] =>
  isEmailClaimed ? [] : ['unclaimed'];

export interface Membership {
  readonly id: string;
  readonly name: string;
  readonly status: OrganizationStatus;
  readonly roles: string[];
  readonly managerRoles: ManagerRole[];
  readonly permissions: string[];
  /** True if the permissions are omitted, because those of all memberships are too large. */
  readonly permissionsTruncated?: true;
  /** The authentication that the session needs. Present if it does not meet the policy of the organization. */
  readonly stepUpRequired?: StepUpRequired;
}

/** Maximum number of memberships in a response of introspection. */
export const membershipsShown = 100;

/**
 * Maximum size of the permissions in a response of introspection, in bytes. Anybody can make a person a member of an
 * organization with large roles. The smallest memberships are shown first, so that such an organization does not hide
 * the permissions of others. A single organization within the limits of roles always fits, even for an owner with all
 * permissions, whose roles count twice.
 */
const permissionsShownBytes = 1024 * 1024;

export const toManagerRoles = (row: { is_owner: boolean; is_manager: boolean }): ManagerRole[] => [
  ...(row.is_owner ? (['ORG_OWNER'] as const) : []),
  ...(row.is_manager ? (['ORG_USER_MANAGER'] as const) : []),
];

/** A membership as JSON. */
export interface MembershipJson {
  readonly id: string;
  readonly name: string;
  readonly status: OrganizationStatus;
  readonly is_owner: boolean;
  readonly is_manager: boolean;
  readonly roles: string[];
  readonly permissions: string[];
  /** Whether the permissions are shown. */
  readonly fits: boolean;
  /** The policy of the organization, if the session of the caller does not meet it. */
  readonly unmet: UnmetPolicy | null;
}

/**
 * SQL expression for the policy of an organization in which a membership is in force, if the session of the caller does
 * not meet it. Refers to `organizations o` and `users u`.
 */
export const unmetInForce = (asker: Actor, now: Date): Sql =>
  sql`CASE WHEN ${isInForce} THEN ${unmetBy(asker, now)} END`;

/**
 * The first memberships of a user, by id of the organization. `fits`: whether the permissions of this one are shown.
 *
 * @param where the condition that selects the memberships `m`
 */
export const shownMemberships = (appId: string, where: Sql, count: Sql): Sql => sql`
  SELECT page.org_id, sum(page.bytes) OVER (ORDER BY page.bytes, page.org_id) <= ${permissionsShownBytes} AS fits
  FROM (
    SELECT m.org_id, size.bytes
    FROM ${membershipsOf(appId)}
    LEFT JOIN LATERAL (${effectiveSize(appId)}) AS size ON true
    WHERE ${where}
    ORDER BY m.org_id
    LIMIT ${count}) AS page`;

/**
 * SQL expression for the organizations of a user with the roles in force, as one JSON array of {@link MembershipJson}.
 * It returns one more than the maximum, so that the caller can detect truncation.
 *
 * @param orgId restricts the result to one organization; undefined: all
 * @param asker the caller; an access token may restrict it to one organization
 * @param now the time of the call
 */
export const membershipsAsJson = (
  appId: string,
  userId: string,
  orgId: string | undefined,
  asker: Actor,
  now: Date,
): Sql => sql`
  (SELECT COALESCE(json_agg(membership ORDER BY membership.id::bigint), '[]') FROM (
    SELECT o.id::text, o.name, o.status, m.is_owner AND ${isInForce} AS is_owner,
      m.is_manager AND ${isInForce} AS is_manager, effective.keys AS roles, effective.permissions, shown.fits,
      ${unmetInForce(asker, now)} AS unmet
    FROM (${shownMemberships(
      appId,
      sql`m.app_id = ${appId} AND m.user_id = ${userId}
        ${orgId === undefined ? empty : sql`AND m.org_id = ${orgId}`} ${inOrganizationOf(asker, sql`m.org_id`)}`,
      sql`${membershipsShown + 1}`,
    )}) AS shown
    JOIN ${membershipsOf(appId)} ON m.app_id = ${appId} AND m.org_id = shown.org_id AND m.user_id = ${userId}
    LEFT JOIN LATERAL (${effectiveRoles(appId, sql`shown.fits`)}) AS effective ON true) AS membership)`;

export const toMembership = (row: MembershipJson): Membership => ({
  id: row.id,
  name: row.name,
  status: row.status,
  roles: row.unmet ? [] : row.roles,
  managerRoles: row.unmet ? [] : toManagerRoles(row),
  permissions: row.unmet ? [] : row.permissions,
  ...(!row.fits && !row.unmet && { permissionsTruncated: true }),
  ...stepUpField(row.unmet),
});

/** Adds the grants to a user, who becomes a member if necessary. Existing grants stay. */
export async function grantToMember(
  tx: Tx,
  appId: string,
  member: { orgId: string; userId: string; id: string; now: Date },
  grants: readonly Grant[],
): Promise<void> {
  const isOwner = grants.some((grant) => grant.kind === 'ORG_OWNER');
  const isManager = grants.some((grant) => grant.kind === 'ORG_USER_MANAGER');
  const [row] = await tx.query<{ id: string }>(sql`
    WITH granted AS (
      INSERT INTO members AS known (app_id, org_id, user_id, id, is_owner, is_manager, created_at)
      VALUES (${appId}, ${member.orgId}, ${member.userId}, ${member.id}, ${isOwner}, ${isManager}, ${member.now})
      ON CONFLICT (app_id, org_id, user_id) DO UPDATE SET
        is_owner = known.is_owner OR EXCLUDED.is_owner, is_manager = known.is_manager OR EXCLUDED.is_manager
      RETURNING known.org_id, known.user_id, known.id),
    counted AS (${countInOrganization(appId, sql`granted WHERE id = ${member.id}`, 1)})
    SELECT id FROM granted`);
  if (row?.id === member.id) await indexMember(tx, appId, member);
  const roles = grants.flatMap((grant) => (grant.kind === 'ROLE' ? [grant.role] : []));
  await tx.query(sql`
    INSERT INTO member_roles (app_id, org_id, user_id, scope_id, role_key, created_at)
    SELECT ${appId}::bigint, ${member.orgId}::bigint, ${member.userId}::bigint, scope_id, key,
      ${member.now}::timestamptz
    FROM unnest(${roles.map((role) => role.scopeId)}::bigint[], ${roles.map((role) => role.key)}::text[])
      AS granted (scope_id, key)
    ON CONFLICT DO NOTHING`);
}

/** The manager roles that a user holds in an organization. */
export async function findManagerRoles(
  db: Queryable,
  appId: string,
  orgId: string,
  userId: string,
): Promise<ManagerRole[]> {
  const [row] = await db.query<{ is_owner: boolean; is_manager: boolean }>(sql`
    SELECT is_owner, is_manager FROM members
    WHERE app_id = ${appId} AND org_id = ${orgId} AND user_id = ${userId}`);
  return row ? toManagerRoles(row) : [];
}

/** Somebody who holds roles in an organization: a member, or a machine user of the organization. */
interface RoleHolder {
  readonly orgId: string;
  readonly kind: 'user' | 'organization-machine';
  readonly id: string;
}

const rolesOf = (appId: string, { orgId, kind, id }: RoleHolder): Sql =>
  kind === 'user'
    ? sql`
      SELECT scope_id, role_key FROM member_roles WHERE app_id = ${appId} AND org_id = ${orgId} AND user_id = ${id}`
    : sql`
      SELECT scope_id, role_key FROM organization_machine_roles
      WHERE app_id = ${appId} AND org_id = ${orgId} AND machine_user_id = ${id}`;

/** Whether a member, or a machine user of the organization, holds all of these roles. */
export async function holdsRoles(
  db: Queryable,
  appId: string,
  holder: RoleHolder,
  roles: readonly RoleReference[],
): Promise<boolean> {
  const rows = await db.query<{ scope_id: string; role_key: string }>(rolesOf(appId, holder));
  const held = new Set(rows.map((row) => `${row.scope_id}/${row.role_key}`));
  return roles.every((role) => held.has(`${role.scopeId}/${role.key}`));
}

/** The grants of a member in an organization, in a fixed order. @returns undefined if the user is not a member */
export async function findGrants(
  db: Queryable,
  appId: string,
  { orgId, userId }: { orgId: string; userId: string },
): Promise<Grant[] | undefined> {
  const rows = await db.query<{
    is_owner: boolean;
    is_manager: boolean;
    scope_id: string | null;
    role_key: string;
  }>(sql`
    SELECT m.is_owner, m.is_manager, mr.scope_id, mr.role_key
    FROM members m
    LEFT JOIN member_roles mr ON mr.app_id = ${appId} AND mr.org_id = ${orgId} AND mr.user_id = ${userId}
    WHERE m.app_id = ${appId} AND m.org_id = ${orgId} AND m.user_id = ${userId}
    ORDER BY mr.role_key COLLATE "C"`);
  const [first] = rows;
  if (!first) return undefined;
  const roles = rows.flatMap(({ scope_id, role_key }): Grant[] =>
    scope_id === null ? [] : [{ kind: 'ROLE', role: { scopeId: scope_id, key: role_key } }],
  );
  return [...toManagerRoles(first).map((kind): Grant => ({ kind })), ...roles];
}

/** The subset of `grants` that a user does not have in an organization yet. */
export async function findLacking(
  db: Queryable,
  appId: string,
  member: { orgId: string; userId: string },
  grants: readonly Grant[],
): Promise<Grant[]> {
  const held = new Set((await findGrants(db, appId, member))?.map(grantName));
  return grants.filter((grant) => !held.has(grantName(grant)));
}

/** Removes roles from a member. The user stays a member. */
export async function takeRoles(
  tx: Tx,
  appId: string,
  { orgId, userId }: { orgId: string; userId: string },
  roles: readonly RoleReference[],
): Promise<void> {
  if (roles.length === 0) return;
  await tx.query(sql`
    DELETE FROM member_roles mr
    USING unnest(${roles.map((role) => role.scopeId)}::bigint[], ${roles.map((role) => role.key)}::text[])
      AS taken (scope_id, key)
    WHERE mr.app_id = ${appId} AND mr.org_id = ${orgId} AND mr.user_id = ${userId}
      AND mr.scope_id = taken.scope_id AND mr.role_key = taken.key`);
}

/** Removes the manager roles of a member. The user stays a member. */
export async function takeManagerRoles(tx: Tx, appId: string, orgId: string, userId: string): Promise<void> {
  await tx.query(sql`
    UPDATE members SET is_owner = false, is_manager = false
    WHERE app_id = ${appId} AND org_id = ${orgId} AND user_id = ${userId}`);
}

/** Removes a member with all grants from an organization. @returns false if the user was not a member */
export async function deleteMember(tx: Tx, appId: string, orgId: string, userId: string): Promise<boolean> {
  const rows = await tx.query(sql`
    WITH deleted AS (
      DELETE FROM members WHERE app_id = ${appId} AND org_id = ${orgId} AND user_id = ${userId}
      RETURNING org_id, user_id),
    counted AS (${countInOrganization(appId, sql`deleted`, -1)})
    SELECT user_id FROM deleted`);
  return rows.length > 0;
}

/**
 * Removes a user from every organization. Call it before the user is deleted, so that the member counts stay correct.
 */
export async function deleteMembershipsOf(tx: Tx, appId: string, userId: string): Promise<void> {
  await tx.query(sql`
    WITH deleted AS (
      DELETE FROM members WHERE app_id = ${appId} AND user_id = ${userId} RETURNING org_id, user_id)
    ${countInOrganization(appId, sql`deleted`, -1)}`);
}
