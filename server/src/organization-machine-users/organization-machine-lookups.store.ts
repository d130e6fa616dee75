import type { OrganizationStatus } from '../access/organization-states.ts';
import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A verified token, for the lookup of its machine user. */
export interface OrganizationMachineKey {
  readonly appId: string;
  readonly orgId: string;
  readonly machineUserId: string;
  readonly secretId: string;
  /** The audience of the token, which the app must still list; null: this API, which needs no entry. */
  readonly listedAudience: string | null;
  /** The key that signed the token. */
  readonly kid: string;
}

/** An authenticated machine user of an organization. */
export interface FoundOrganizationMachine {
  readonly isManager: boolean;
  readonly status: OrganizationStatus;
}

/**
 * Finds the machine users of verified tokens, in one query. A token yields undefined unless machine user, secret, key
 * and app are valid and the app still allows machine users of organizations.
 *
 * @returns in the order of the keys
 */
export async function findOrganizationMachines(
  db: Queryable,
  keys: readonly OrganizationMachineKey[],
  now: Date,
): Promise<(FoundOrganizationMachine | undefined)[]> {
  const column = <Name extends keyof OrganizationMachineKey>(name: Name) => keys.map((key) => key[name]);
  const rows = await db.query<{ place: number; is_manager: boolean; status: OrganizationStatus }>(sql`
    SELECT asked.place::integer, m.is_manager, o.status
    FROM unnest(${column('appId')}::bigint[], ${column('orgId')}::bigint[], ${column('machineUserId')}::bigint[],
      ${column('secretId')}::bigint[], ${column('listedAudience')}::text[], ${column('kid')}::text[])
      WITH ORDINALITY AS asked (app_id, org_id, machine_user_id, secret_id, audience, kid, place)
    JOIN organization_machine_users m
      ON m.app_id = asked.app_id AND m.id = asked.machine_user_id AND m.org_id = asked.org_id
    JOIN organizations o ON o.app_id = asked.app_id AND o.id = m.org_id
    JOIN organization_machine_secrets s
      ON s.app_id = asked.app_id AND s.machine_user_id = m.id AND s.id = asked.secret_id
      AND (s.expires_at IS NULL OR s.expires_at > ${now}) AND (s.confirm_by IS NULL OR s.confirm_by > ${now})
    JOIN oauth_signing_keys k ON k.app_id = asked.app_id AND k.kid = asked.kid AND k.revoked_at IS NULL
    JOIN apps a ON a.id = asked.app_id AND a.status = 'ACTIVE'
      AND a.settings -> 'organizationMachineUsers' = 'true'
      AND (asked.audience IS NULL OR a.settings -> 'audiences' @> to_jsonb(asked.audience))`);
  const found = new Map(rows.map((row) => [row.place, { isManager: row.is_manager, status: row.status }]));
  return keys.map((_, index) => found.get(index + 1));
}

/** A presented client credential, for its lookup. */
export interface OrganizationClientKey {
  readonly appId: string;
  readonly clientId: string;
  readonly secretHash: Buffer;
}

/** The machine user of a valid credential. */
export interface OrganizationClient {
  readonly secretId: string;
  /** When the secret ends; null: never. */
  readonly endsAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly orgId: string;
  readonly status: OrganizationStatus;
  readonly isManager: boolean;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

/** Data for issuing a token to a machine user of an organization. */
export interface FoundOrganizationClient {
  readonly appStatus: 'ACTIVE' | 'INACTIVE';
  /** Whether the app has machine users of organizations. */
  readonly isEnabled: boolean;
  /** The audiences that the app lists; null: none is stored. */
  readonly audiences: readonly string[] | null;
  readonly lifeSeconds: number | null;
  /** Maximum number of tokens of a machine user in a minute; null: the default. */
  readonly tokensPerMinute: number | null;
  /** The key that signs now; null: the app has none yet. */
  readonly kid: string | null;
  /** Undefined: the credential is wrong. */
  readonly client: OrganizationClient | undefined;
}

interface ClientRow {
  place: number;
  app_status: 'ACTIVE' | 'INACTIVE';
  is_enabled: boolean | null;
  audiences: string[] | null;
  life: number | null;
  tokens_per_minute: number | null;
  kid: string | null;
  secret_id: string | null;
  ends_at: Date | null;
  last_used_at: Date | null;
  org_id: string;
  status: OrganizationStatus;
  is_manager: boolean;
  roles: string[];
  permissions: string[];
}

const toClient = (row: ClientRow): OrganizationClient | undefined =>
  row.secret_id === null
    ? undefined
    : {
        secretId: row.secret_id,
        endsAt: row.ends_at,
        lastUsedAt: row.last_used_at,
        orgId: row.org_id,
        status: row.status,
        isManager: row.is_manager,
        roles: row.roles,
        permissions: row.permissions,
      };

/**
 * Reads settings, signing key, secret and grants for these credentials, in one query.
 *
 * @returns in the order of the keys; undefined if there is no such app
 */
export async function findOrganizationClients(
  db: Queryable,
  keys: readonly OrganizationClientKey[],
  now: Date,
): Promise<(FoundOrganizationClient | undefined)[]> {
  const rows = await db.query<ClientRow>(sql`
    SELECT asked.place::integer, a.status AS app_status,
      (a.settings ->> 'organizationMachineUsers')::boolean AS is_enabled,
      a.settings -> 'audiences' AS audiences, (a.settings ->> 'accessTokenLifeSeconds')::integer AS life,
      (a.settings -> 'limits' ->> 'tokenRequestsPerMachinePerMinute')::integer AS tokens_per_minute, k.kid, client.*
    FROM unnest(${keys.map((key) => key.appId)}::bigint[], ${keys.map((key) => key.clientId)}::bigint[],
      ${keys.map((key) => key.secretHash)}::bytea[])
      WITH ORDINALITY AS asked (app_id, client_id, secret_hash, place)
    JOIN apps a ON a.id = asked.app_id
    LEFT JOIN LATERAL (
      SELECT kid FROM oauth_signing_keys
      WHERE app_id = asked.app_id AND revoked_at IS NULL AND active_from <= ${now}
        AND (published_until IS NULL OR published_until > ${now})
      ORDER BY active_from DESC LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
      SELECT s.id AS secret_id, LEAST(s.expires_at, s.confirm_by) AS ends_at, s.last_used_at, m.org_id, o.status,
        m.is_manager, held.roles, held.permissions
      FROM organization_machine_secrets s
      JOIN organization_machine_users m ON m.app_id = asked.app_id AND m.id = s.machine_user_id
      JOIN organizations o ON o.app_id = asked.app_id AND o.id = m.org_id
      CROSS JOIN LATERAL (
        SELECT COALESCE(array_agg(DISTINCT r.key COLLATE "C"), '{}') AS roles,
          COALESCE(array_agg(DISTINCT permission COLLATE "C") FILTER (WHERE permission IS NOT NULL), '{}')
            AS permissions
        FROM organization_machine_roles mr
        JOIN roles r ON r.app_id = asked.app_id AND r.scope_id = mr.scope_id AND r.key = mr.role_key
        LEFT JOIN LATERAL unnest(r.permissions) AS permission ON true
        WHERE mr.app_id = asked.app_id AND mr.org_id = m.org_id AND mr.machine_user_id = m.id
      ) AS held
      WHERE s.app_id = asked.app_id AND s.machine_user_id = asked.client_id AND s.secret_hash = asked.secret_hash
        AND (s.expires_at IS NULL OR s.expires_at > ${now}) AND (s.confirm_by IS NULL OR s.confirm_by > ${now})
      OFFSET 0
    ) AS client ON true`);
  const found = new Map(rows.map((row) => [row.place, row]));
  return keys.map((_, index) => {
    const row = found.get(index + 1);
    return (
      row && {
        appStatus: row.app_status,
        isEnabled: row.is_enabled ?? false,
        audiences: row.audiences,
        lifeSeconds: row.life,
        tokensPerMinute: row.tokens_per_minute,
        kid: row.kid,
        client: toClient(row),
      }
    );
  });
}

/**
 * Records that a machine user and its secret were used. If another transaction has locked the machine user, nothing is
 * recorded, so that no request for a token waits.
 */
export async function touchOrganizationSecret(
  db: Queryable,
  appId: string,
  machineUserId: string,
  secretId: string,
  now: Date,
): Promise<void> {
  await db.query(sql`
    WITH machine AS MATERIALIZED (
      SELECT app_id, id FROM organization_machine_users
      WHERE app_id = ${appId} AND id = ${machineUserId} FOR NO KEY UPDATE SKIP LOCKED),
    used AS (
      UPDATE organization_machine_secrets s SET last_used_at = ${now} FROM machine
      WHERE s.app_id = machine.app_id AND s.machine_user_id = machine.id AND s.id = ${secretId})
    UPDATE organization_machine_users m SET last_used_at = ${now} FROM machine
    WHERE m.app_id = machine.app_id AND m.id = machine.id`);
}
