import { type Queryable, type Sql, sql } from '../db/db.ts';
import { type OrganizationStatus, statusesInForce } from '../access/organization-states.ts';

/**
 * What a membership amounts to, in one place: the permission check, introspection and every list that shows roles
 * take it from here. The fragments speak of a row of `members m`, its `organizations o` and its `users u`.
 */

/** Memberships with the two rows that decide whether they count. */
export const membershipsOf = (appId: string): Sql => sql`
  members m
  JOIN organizations o ON o.app_id = ${appId} AND o.id = m.org_id
  JOIN users u ON u.app_id = ${appId} AND u.id = m.user_id`;

/** While the organization or the user is not active a membership gives nothing; it is kept, and gives again afterwards. */
export const isInForce = sql`(o.status = ANY (${statusesInForce()}::text[]) AND u.state = 'ACTIVE')`;

/** The roles that the membership gives now: own ones of the organization and predefined ones of the app. */
const rolesInForce = (appId: string): Sql => sql`
  SELECT r.key, r.permissions
  FROM member_roles held
  JOIN roles r ON r.app_id = ${appId} AND r.scope_id = held.scope_id AND r.key = held.role_key
  WHERE held.app_id = ${appId} AND held.org_id = m.org_id AND held.user_id = m.user_id AND ${isInForce}`;

/** One row, for a LATERAL join: `keys` of the roles in force and the `permissions` they give together. */
export const effectiveRoles = (appId: string): Sql => sql`
  SELECT COALESCE(array_agg(DISTINCT r.key COLLATE "C"), '{}') AS keys,
    COALESCE(array_agg(DISTINCT permission COLLATE "C") FILTER (WHERE permission IS NOT NULL), '{}') AS permissions
  FROM (${rolesInForce(appId)}) AS r LEFT JOIN LATERAL unnest(r.permissions) AS permission ON true`;

/** Why nothing grants a permission. */
export type RefusalReason = 'not_a_member' | 'organization_inactive' | 'user_inactive' | 'no_role_grants_it';

export interface PermissionResult {
  readonly permission: string;
  readonly allowed: boolean;
  /** Keys of the roles that grant it. */
  readonly grantedBy: string[];
  readonly reason?: RefusalReason;
}

interface GrantingRow {
  status: OrganizationStatus;
  /** Null: no member. */
  state: 'ACTIVE' | 'INACTIVE' | 'INVITED' | null;
  key: string | null;
  granted: string[] | null;
}

/** Whoever is no member learns nothing about organization or user. */
function reasonOf({ status, state }: GrantingRow): RefusalReason {
  if (state === null) return 'not_a_member';
  if (!statusesInForce().includes(status)) return 'organization_inactive';
  return state === 'ACTIVE' ? 'no_role_grants_it' : 'user_inactive';
}

/**
 * Whether a user has these permissions in an organization, by which roles, or why not: one query for all of them.
 *
 * @returns in the order of `permissions`; undefined when there is no such organization
 */
export async function checkPermissions(
  db: Queryable,
  appId: string,
  { orgId, userId }: { orgId: string; userId: string },
  permissions: readonly string[],
): Promise<PermissionResult[] | undefined> {
  const rows = await db.query<GrantingRow>(sql`
    SELECT o.status, u.state, granting.key, granting.granted
    FROM organizations o
    LEFT JOIN members m ON m.app_id = ${appId} AND m.org_id = o.id AND m.user_id = ${userId}
    LEFT JOIN users u ON u.app_id = ${appId} AND u.id = m.user_id
    LEFT JOIN LATERAL (
      SELECT r.key, ARRAY(SELECT unnest(r.permissions) INTERSECT SELECT unnest(${permissions}::text[])) AS granted
      FROM (${rolesInForce(appId)}) AS r WHERE r.permissions && ${permissions}::text[]
    ) AS granting ON true
    WHERE o.app_id = ${appId} AND o.id = ${orgId}
    ORDER BY granting.key COLLATE "C"`);
  const [first] = rows;
  if (!first) return undefined;
  return permissions.map((permission) => {
    const grantedBy = rows.flatMap(({ key, granted }) => (key !== null && granted?.includes(permission) ? [key] : []));
    const allowed = grantedBy.length > 0;
    return { permission, allowed, grantedBy, ...(!allowed && { reason: reasonOf(first) }) };
  });
}
