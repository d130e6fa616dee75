import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { Role } from './roles.schema.ts';

/** A stored role: of one organization, or of the app (`scope_id` 0). */
export interface RoleReference {
  readonly scopeId: string;
  readonly key: string;
}

/** Bytes of all permissions of `roles r`. */
export const permissionBytes = sql`octet_length(array_to_string(r.permissions, ''))`;

/** The `scope_id` of predefined roles, which belong to the app. */
export const appScope = '0';

/**
 * Maxima of the roles of an organization or of the app. Roles are listed without paging, and a member can hold all of
 * them, so the number of roles and the size of their permissions are limited.
 */
const limitsOf = (scopeId: string): Measure => ({
  roles: scopeId === appScope ? 100 : 200,
  permissions: 5000,
  bytes: 256 * 1024,
});

/** The size of several roles. */
interface Measure {
  readonly roles: number;
  /** Number of permissions; a permission of several roles counts several times. */
  readonly permissions: number;
  /** Bytes of these permissions. */
  readonly bytes: number;
}

const measureOf = (roles: readonly Role[]): Measure => {
  const permissions = roles.flatMap(({ allowedPermissions }) => allowedPermissions);
  const bytes = permissions.reduce((sum, permission) => sum + Buffer.byteLength(permission), 0);
  return { roles: roles.length, permissions: permissions.length, bytes };
};

const sumOf = (one: Measure, other: Measure): Measure => ({
  roles: one.roles + other.roles,
  permissions: one.permissions + other.permissions,
  bytes: one.bytes + other.bytes,
});

/** Compares the sizes before and after a change. Roles that were larger before may stay, but not grow. */
const exceeds = (maximum: Measure, before: Measure, after: Measure): boolean =>
  (Object.keys(maximum) as (keyof Measure)[]).some((one) => after[one] > maximum[one] && after[one] > before[one]);

/** Distinct permissions in the order of the request. */
const toStored = (role: Role): Role => ({ ...role, allowedPermissions: [...new Set(role.allowedPermissions)] });

/**
 * Adds roles; replaces name and permissions of existing ones. Other roles stay unchanged. The organization or the
 * app of the roles must be locked already.
 *
 * @returns the keys of the roles that were added or changed
 * @throws ApiError `role_limit_exceeded`
 */
export async function putRoles(
  tx: Tx,
  appId: string,
  scopeId: string,
  roles: readonly Role[],
  now: Date,
): Promise<string[]> {
  if (roles.length === 0) return [];
  const stored = roles.map(toStored);
  const keys = stored.map(({ key }) => key);
  // The statement measures the roles as they were before it.
  const changed = await tx.query<{ key: string; replaced: Measure; kept: Measure }>(sql`
    WITH changed AS (
      INSERT INTO roles AS known (app_id, scope_id, key, display_name, permissions, created_at, updated_at)
      SELECT ${appId}::bigint, ${scopeId}::bigint, role ->> 'key', role ->> 'displayName',
        ARRAY(SELECT permission FROM jsonb_array_elements_text(role -> 'allowedPermissions') WITH ORDINALITY
          AS p (permission, place) ORDER BY place),
        ${now}::timestamptz, ${now}::timestamptz
      FROM jsonb_array_elements(${JSON.stringify(stored)}::jsonb) AS role
      ON CONFLICT (app_id, scope_id, key) DO UPDATE SET
        display_name = EXCLUDED.display_name, permissions = EXCLUDED.permissions, updated_at = EXCLUDED.updated_at
      WHERE (known.display_name, known.permissions) IS DISTINCT FROM (EXCLUDED.display_name, EXCLUDED.permissions)
      RETURNING key)
    SELECT changed.key, before.replaced, before.kept
    FROM changed CROSS JOIN (
      SELECT ${measured(sql`r.key = ANY(${keys}::text[])`)} AS replaced,
        ${measured(sql`r.key <> ALL(${keys}::text[])`)} AS kept
      FROM roles r WHERE r.app_id = ${appId} AND r.scope_id = ${scopeId} OFFSET 0) AS before`);
  const [first] = changed;
  if (first) {
    const { kept, replaced } = first;
    const isTooMuch = exceeds(limitsOf(scopeId), sumOf(kept, replaced), sumOf(kept, measureOf(stored)));
    if (isTooMuch) throw new ApiError('role_limit_exceeded');
  }
  return changed.map(({ key }) => key);
}

/** The {@link Measure} of the `roles r` that meet a condition, as an aggregate. */
const measured = (condition: Sql): Sql => sql`
  json_build_object('roles', count(*) FILTER (WHERE ${condition}),
    'permissions', COALESCE(sum(cardinality(r.permissions)) FILTER (WHERE ${condition}), 0),
    'bytes', COALESCE(sum(${permissionBytes}) FILTER (WHERE ${condition}), 0))`;

/**
 * Locks the role until the transaction ends, so that it cannot be granted concurrently. @throws ApiError
 * `role_not_found`
 */
export async function lockRole(tx: Tx, appId: string, { scopeId, key }: RoleReference): Promise<void> {
  const rows = await tx.query(sql`
    SELECT 1 FROM roles WHERE app_id = ${appId} AND scope_id = ${scopeId} AND key = ${key} FOR UPDATE`);
  if (rows.length === 0) throw new ApiError('role_not_found');
}

/** Deletes a role. Foreign keys delete all its grants and all invitations to it in the same statement. */
export async function deleteRole(tx: Tx, appId: string, { scopeId, key }: RoleReference): Promise<void> {
  await tx.query(sql`DELETE FROM roles WHERE app_id = ${appId} AND scope_id = ${scopeId} AND key = ${key}`);
}

const toRole = (row: { key: string; display_name: string; permissions: string[] }): Role => ({
  key: row.key,
  displayName: row.display_name,
  allowedPermissions: row.permissions,
});

/** The predefined roles of the app. */
export async function listPredefinedRoles(db: Queryable, appId: string) {
  const rows = await db.query<{ key: string; display_name: string; permissions: string[] }>(sql`
    SELECT key, display_name, permissions FROM roles
    WHERE app_id = ${appId} AND scope_id = 0 ORDER BY key COLLATE "C"`);
  return rows.map(toRole);
}

/** The roles of an organization and of its app. */
const grantableRoles = (appId: string, orgId: string | Sql): Sql => sql`
  SELECT scope_id, key, display_name, permissions FROM roles
  WHERE app_id = ${appId} AND scope_id IN (0, ${orgId}::bigint)`;

/** The roles that can be granted in an organization: its own and the predefined ones of the app. */
export async function listRoles(db: Queryable, appId: string, orgId: string) {
  const rows = await db.query<{ key: string; display_name: string; permissions: string[] }>(sql`
    ${grantableRoles(appId, orgId)} ORDER BY scope_id DESC, key COLLATE "C"`);
  return rows.map(toRole);
}

/** The roles of {@link listRoles} as an SQL expression: one JSON array of {@link Role}. */
export const rolesAsJson = (appId: string, orgId: Sql): Sql => sql`
  (SELECT COALESCE(json_agg(json_build_object('key', r.key, 'displayName', r.display_name,
      'allowedPermissions', r.permissions) ORDER BY r.scope_id DESC, r.key COLLATE "C"), '[]')
    FROM (${grantableRoles(appId, orgId)}) AS r)`;

/**
 * Looks up roles by key, in the given order, and locks them against deletion until the transaction ends.
 *
 * @throws ApiError `unknown_role` with the first unknown key
 */
export async function resolveRoles(
  tx: Tx,
  appId: string,
  orgId: string,
  keys: readonly string[],
): Promise<RoleReference[]> {
  const rows = await tx.query<{ scope_id: string; key: string }>(sql`
    SELECT scope_id, key FROM roles
    WHERE app_id = ${appId} AND scope_id IN (0, ${orgId}::bigint) AND key = ANY(${keys}::text[])
    ORDER BY key COLLATE "C"
    FOR KEY SHARE`);
  const known = new Map(rows.map((row) => [row.key, { scopeId: row.scope_id, key: row.key }]));
  return keys.map((key) => {
    const role = known.get(key);
    if (!role) throw new ApiError('unknown_role', { detail: `The organization has no role "${key}".` });
    return role;
  });
}

/** Looks up a role by key. @throws ApiError `unknown_role` with the key */
export async function resolveRole(tx: Tx, appId: string, orgId: string, key: string): Promise<RoleReference> {
  const [role] = await resolveRoles(tx, appId, orgId, [key]);
  if (!role) throw new ApiError('unknown_role');
  return role;
}

/** The keys of all roles of the deployment, for the operator; `orgId` is null for predefined roles. */
export async function listRoleKeys(db: Queryable): Promise<{ appName: string; orgId: string | null; key: string }[]> {
  return db.query(sql`
    SELECT a.name AS "appName", r.org_id AS "orgId", r.key FROM roles r JOIN apps a ON a.id = r.app_id
    ORDER BY r.app_id, r.scope_id, r.key`);
}
