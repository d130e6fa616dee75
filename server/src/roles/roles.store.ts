import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { RoleReference } from '../members/members.store.ts';

export interface Role {
  readonly key: string;
  readonly displayName: string;
  readonly allowedPermissions: readonly string[];
}

export async function insertRoles(
  tx: Tx,
  appId: string,
  orgId: string,
  roles: readonly Role[],
  now: Date,
): Promise<void> {
  if (roles.length === 0) return;
  await tx.query(sql`
    INSERT INTO roles (app_id, scope_id, key, display_name, permissions, created_at, updated_at)
    SELECT ${appId}::bigint, ${orgId}::bigint, role ->> 'key', role ->> 'displayName',
      ARRAY(SELECT DISTINCT jsonb_array_elements_text(role -> 'allowedPermissions')), ${now}::timestamptz, ${now}::timestamptz
    FROM jsonb_array_elements(${JSON.stringify(roles)}::jsonb) AS role`);
}

/** The roles that can be granted in an organization: its own and the predefined ones of the app. */
export async function listRoles(db: Queryable, appId: string, orgId: string): Promise<Role[]> {
  const rows = await db.query<{ key: string; display_name: string; permissions: string[] }>(sql`
    SELECT key, display_name, permissions FROM roles
    WHERE app_id = ${appId} AND scope_id IN (0, ${orgId}::bigint)
    ORDER BY scope_id DESC, key COLLATE "C"`);
  return rows.map((row) => ({ key: row.key, displayName: row.display_name, allowedPermissions: row.permissions }));
}

/** The stored roles of these keys, in their order; they stay until the transaction ends. @throws ApiError `unknown_role`, naming the first that is none */
export async function resolveRoles(
  tx: Tx,
  appId: string,
  orgId: string,
  keys: readonly string[],
): Promise<RoleReference[]> {
  const rows = await tx.query<{ scope_id: string; key: string }>(sql`
    SELECT scope_id, key FROM roles
    WHERE app_id = ${appId} AND scope_id IN (0, ${orgId}::bigint) AND key = ANY(${keys}::text[])
    ORDER BY scope_id, key
    FOR KEY SHARE`);
  const known = new Map(rows.map((row) => [row.key, { scopeId: row.scope_id, key: row.key }]));
  return keys.map((key) => {
    const role = known.get(key);
    if (!role) throw new ApiError('unknown_role', { detail: `The organization has no role "${key}".` });
    return role;
  });
}

/** The stored role of this key. @throws ApiError `unknown_role`, naming it */
export async function resolveRole(tx: Tx, appId: string, orgId: string, key: string): Promise<RoleReference> {
  const [role] = await resolveRoles(tx, appId, orgId, [key]);
  if (!role) throw new ApiError('unknown_role');
  return role;
}
