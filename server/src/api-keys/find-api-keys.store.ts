import { lacksProof, type UnmetPolicy } from '../access/organization-policy.ts';
import { lacksMethod } from '../access/sign-in-methods.ts';
import { statusesInForce } from '../access/organization-states.ts';
import { allScopes, type MachineScope } from '../access/machine-scopes.ts';
import { defaultSettings } from '../apps/apps.schema.ts';
import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A presented API key, for its lookup. */
export interface ApiKeyHash {
  readonly appId: string;
  readonly keyHash: Buffer;
}

/** A valid API key with its current permissions. */
export interface FoundApiKey {
  readonly id: string;
  readonly orgId: string;
  /** The person of a personal key; null if the key belongs to the organization. */
  readonly userId: string | null;
  readonly name: string;
  readonly permissions: readonly string[];
  /** Permissions of the key that are not effective, because its holder neither has nor may grant them. */
  readonly withheld: readonly string[];
  readonly perMinute: number | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  /**
   * The policy of the organization, if it requires a second factor that was not used when the key was created or
   * adopted. The key then has no permissions. Keys of machine users are exempt.
   */
  readonly unmet: UnmetPolicy | null;
}

interface FoundRow {
  place: number;
  id: string;
  org_id: string;
  user_id: string | null;
  name: string;
  permissions: string[];
  withheld: string[];
  per_minute: number | null;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  unmet: UnmetPolicy | null;
}

const toFound = (row: FoundRow): FoundApiKey => ({
  id: row.id,
  orgId: row.org_id,
  userId: row.user_id,
  name: row.name,
  permissions: row.permissions,
  withheld: row.withheld,
  perMinute: row.per_minute,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  unmet: row.unmet,
});

const keyScope: MachineScope = 'api-keys:write';
/** With it, a machine user of the app may grant every role. */
const grantScope: MachineScope = 'members:write';

/** Whether the holder is the maker of a key of the organization and may grant every role there. */
const mayGrantAnyRole = sql`
  (k.user_id IS NULL AND (w.scopes && ${[allScopes, grantScope]}::text[] OR u.is_super_admin OR m.is_owner
    OR (m.is_manager AND COALESCE(
      (a.settings ->> 'managersMayGrantAnyRole')::boolean, ${defaultSettings.managersMayGrantAnyRole}))))`;

/** Whether the holder has a role because `ownersHoldAllPermissions` is on. */
const holdsAllRoles = sql`(m.is_owner AND a.settings -> 'ownersHoldAllPermissions' = 'true')`;

/** The permissions in the key: those of its roles, or of its own list. One row for each role. */
const namedRights = sql`
  SELECT r.scope_id, r.key, r.permissions
  FROM api_key_roles named
  JOIN roles r ON r.app_id = asked.app_id AND r.scope_id = named.scope_id AND r.key = named.role_key
  WHERE named.app_id = asked.app_id AND named.org_id = k.org_id AND named.key_id = k.id AND k.permissions IS NULL
  UNION ALL
  SELECT r.scope_id, r.key,
    ARRAY(SELECT permission FROM unnest(r.permissions) AS permission WHERE permission = ANY (k.permissions))
  FROM roles r
  WHERE r.app_id = asked.app_id AND r.scope_id IN (0, k.org_id) AND k.permissions IS NOT NULL
    AND r.permissions && k.permissions`;

/**
 * Finds the API keys of these hashes with their current permissions, in one query. A hash yields undefined unless key,
 * organization, holder and app are all active. The holder of a personal key is its person; the holder of a key of the
 * organization is its maker. A key has its permissions as far as the holder has them; for a maker, permissions that
 * they may grant count, too.
 *
 * `(SELECT …)` hides the number of keys from the planner. Otherwise it would plan the statement again for each number,
 * and that takes five times as long as running it.
 *
 * @returns in the order of the keys
 */
export async function findApiKeys(
  db: Queryable,
  keys: readonly ApiKeyHash[],
  now: Date,
): Promise<(FoundApiKey | undefined)[]> {
  const rows = await db.query<FoundRow>(sql`
    SELECT asked.place::integer, found.*
    FROM unnest((SELECT ${keys.map(({ appId }) => appId)}::bigint[]), ${keys.map(({ keyHash }) => keyHash)}::bytea[])
      WITH ORDINALITY AS asked (app_id, key_hash, place)
    CROSS JOIN LATERAL (
      SELECT k.id, k.org_id, k.user_id, k.name, k.per_minute, k.created_at, k.expires_at, k.last_used_at,
        rights.permissions,
        CASE WHEN k.machine_user_id IS NULL AND ${lacksProof(sql`o.security`, sql`k.amr`)}
          THEN (o.security - 'maxSessionHours') || jsonb_build_object('unmet',
            CASE WHEN ${lacksMethod(sql`o.security`, sql`k.amr`)} THEN 'method' ELSE 'factor' END) END AS unmet,
        ARRAY(SELECT unnest(COALESCE(k.permissions, rights.named)) EXCEPT SELECT unnest(rights.permissions)) AS withheld
      FROM api_keys k
      JOIN apps a ON a.id = asked.app_id AND a.status = 'ACTIVE'
      JOIN organizations o ON o.app_id = asked.app_id AND o.id = k.org_id
        AND o.status = ANY (${statusesInForce()}::text[])
      LEFT JOIN members m ON m.app_id = asked.app_id AND m.org_id = k.org_id
        AND m.user_id = COALESCE(k.user_id, k.maker_id)
      LEFT JOIN users u ON u.app_id = asked.app_id AND u.id = COALESCE(k.user_id, k.maker_id, k.admin_id)
        AND u.state = 'ACTIVE'
      LEFT JOIN machine_users w ON w.app_id = asked.app_id AND w.id = k.machine_user_id
        AND w.scopes && ${[allScopes, keyScope]}::text[]
      CROSS JOIN LATERAL (
        SELECT COALESCE(array_agg(DISTINCT permission COLLATE "C") FILTER (WHERE one.is_granted), '{}') AS permissions,
          COALESCE(array_agg(DISTINCT permission COLLATE "C"), '{}') AS named
        FROM (
          SELECT named.permissions, ${mayGrantAnyRole} OR ${holdsAllRoles} OR EXISTS (
            SELECT FROM member_roles held
            WHERE held.app_id = asked.app_id AND held.org_id = k.org_id AND held.user_id = m.user_id
              AND held.scope_id = named.scope_id AND held.role_key = named.key) AS is_granted
          FROM (${namedRights}) AS named) AS one
        CROSS JOIN LATERAL unnest(one.permissions) AS permission
      ) AS rights
      WHERE k.app_id = asked.app_id AND k.key_hash = asked.key_hash AND (k.expires_at IS NULL OR k.expires_at > ${now})
        AND ((u.id IS NOT NULL AND (m.user_id IS NOT NULL OR u.is_super_admin)) OR w.id IS NOT NULL)
      OFFSET 0) AS found`);
  const found = new Map(rows.map((row) => [row.place, row]));
  return keys.map((_, index) => {
    const row = found.get(index + 1);
    return row && toFound(row);
  });
}
