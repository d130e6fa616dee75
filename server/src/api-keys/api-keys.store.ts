import type { Actor } from '../access/actor.ts';
import { unmetBy, type UnmetPolicy } from '../access/organization-policy.ts';
import type { OrganizationStatus } from '../access/organization-states.ts';
import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { setIf, setList } from '../db/set-list.ts';
import { ApiError } from '../http/errors.ts';
import type { RoleReference } from '../roles/roles.store.ts';
import type { ApiKeyPatch } from './api-keys.schema.ts';

/**
 * The person or machine user whose rights limit a key: the owner of a personal key, or the maker (creator or adopter)
 * of a key of the organization.
 */
export type Holder =
  | { readonly kind: 'person'; readonly id: string }
  | { readonly kind: 'member'; readonly id: string }
  /** A super admin who is not a member of the organization. */
  | { readonly kind: 'super_admin'; readonly id: string }
  | { readonly kind: 'machine'; readonly id: string };

/** A key in a list, without the key itself. */
export interface ApiKey {
  readonly id: string;
  readonly orgId: string;
  readonly name: string;
  /** Keys of its roles; null if it has permissions. */
  readonly roles: readonly string[] | null;
  readonly permissions: readonly string[] | null;
  readonly perMinute: number | null;
  readonly lastCharacters: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  /** Null for a personal key, or for a key that must be adopted. */
  readonly maker: { readonly kind: 'user' | 'machine'; readonly id: string } | null;
  /** Methods of authentication of the session in which the key was created or adopted; null: unknown, or a machine. */
  readonly amr: readonly string[] | null;
}

/** The content of a new key. */
export interface NewApiKey {
  readonly id: string;
  readonly orgId: string;
  readonly holder: Holder;
  /** Methods of authentication of the session; null: a machine user. */
  readonly amr: readonly string[] | null;
  readonly keyHash: Buffer;
  readonly lastCharacters: string;
  readonly name: string;
  /** Empty if the key has permissions. */
  readonly roles: readonly RoleReference[];
  /** Null if the key has roles. */
  readonly permissions: readonly string[] | null;
  readonly perMinute: number | null;
  readonly now: Date;
  readonly expiresAt: Date | null;
}

export interface ApiKeyRow {
  id: string;
  org_id: string;
  user_id: string | null;
  maker_id: string | null;
  machine_user_id: string | null;
  last_characters: string;
  name: string;
  permissions: string[] | null;
  roles: string[];
  per_minute: number | null;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  amr: string[] | null;
}

/** The columns of `api_keys k` that `toApiKey` reads. */
export const apiKeyColumns = sql`
  k.id, k.org_id, k.user_id, COALESCE(k.maker_id, k.admin_id) AS maker_id, k.machine_user_id, k.last_characters, k.name,
  k.permissions, k.per_minute, k.created_at, k.expires_at, k.last_used_at, k.amr,
  ARRAY(SELECT named.role_key FROM api_key_roles named
    WHERE named.app_id = k.app_id AND named.org_id = k.org_id AND named.key_id = k.id
    ORDER BY named.role_key COLLATE "C") AS roles`;

function makerOf({ maker_id, machine_user_id }: ApiKeyRow): ApiKey['maker'] {
  if (machine_user_id !== null) return { kind: 'machine', id: machine_user_id };
  return maker_id === null ? null : { kind: 'user', id: maker_id };
}

export const toApiKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  orgId: row.org_id,
  name: row.name,
  roles: row.permissions === null ? row.roles : null,
  permissions: row.permissions,
  perMinute: row.per_minute,
  lastCharacters: row.last_characters,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  maker: makerOf(row),
  amr: row.amr,
});

/** The keys of a call: those of an organization, or those of a person. */
export type KeyOwner = { readonly orgId: string } | { readonly userId: string };

/** SQL condition for the keys `k` of an owner. */
export const ownedBy = (owner: KeyOwner): Sql =>
  'orgId' in owner ? sql`(k.org_id = ${owner.orgId} AND k.user_id IS NULL)` : sql`k.user_id = ${owner.userId}`;

/** Number of keys of an owner, including expired ones. Call it under the lock of the owner. */
export async function countApiKeys(tx: Tx, appId: string, owner: KeyOwner): Promise<number> {
  const [row] = await tx.query<{ count: string }>(
    sql`SELECT count(*) FROM api_keys k WHERE k.app_id = ${appId} AND ${ownedBy(owner)}`,
  );
  return Number(row?.count ?? 0);
}

/** The columns of the holder, in the order `user_id`, `maker_id`, `admin_id`, `machine_user_id`. */
const holderValues = ({ kind, id }: Holder): readonly (string | null)[] =>
  (['person', 'member', 'super_admin', 'machine'] as const).map((one) => (one === kind ? id : null));

export async function insertApiKey(tx: Tx, appId: string, key: NewApiKey): Promise<void> {
  const [userId, makerId, adminId, machineUserId] = holderValues(key.holder);
  await tx.query(sql`
    INSERT INTO api_keys (app_id, id, org_id, user_id, maker_id, admin_id, machine_user_id, key_hash, last_characters,
      name, permissions, per_minute, created_at, expires_at, amr)
    VALUES (${appId}, ${key.id}, ${key.orgId}, ${userId}, ${makerId}, ${adminId}, ${machineUserId}, ${key.keyHash},
      ${key.lastCharacters}, ${key.name}, ${key.permissions}, ${key.perMinute}, ${key.now}, ${key.expiresAt},
      ${key.amr}::text[])`);
  if (key.roles.length === 0) return;
  await tx.query(sql`
    INSERT INTO api_key_roles (app_id, org_id, key_id, scope_id, role_key)
    SELECT ${appId}::bigint, ${key.orgId}::bigint, ${key.id}::bigint, scope_id, role_key
    FROM unnest(${key.roles.map(({ scopeId }) => scopeId)}::bigint[], ${key.roles.map((role) => role.key)}::text[])
      AS named (scope_id, role_key)`);
}

/** @throws ApiError `api_key_not_found` */
function found(row: ApiKeyRow | undefined): ApiKey {
  if (!row) throw new ApiError('api_key_not_found');
  return toApiKey(row);
}

/** @throws ApiError `api_key_not_found` */
export async function getApiKey(db: Queryable, appId: string, owner: KeyOwner, id: string): Promise<ApiKey> {
  const [row] = await db.query<ApiKeyRow>(sql`
    SELECT ${apiKeyColumns} FROM api_keys k WHERE k.app_id = ${appId} AND k.id = ${id} AND ${ownedBy(owner)}`);
  return found(row);
}

/** Locks a key until the transaction ends. @throws ApiError `api_key_not_found` */
export async function lockApiKey(tx: Tx, appId: string, owner: KeyOwner, id: string): Promise<ApiKey> {
  const [row] = await tx.query<ApiKeyRow>(sql`
    SELECT ${apiKeyColumns} FROM api_keys k WHERE k.app_id = ${appId} AND k.id = ${id} AND ${ownedBy(owner)}
    FOR NO KEY UPDATE OF k`);
  return found(row);
}

/** @throws ApiError `api_key_not_found` */
export async function patchApiKeyRow(
  tx: Tx,
  appId: string,
  owner: KeyOwner,
  id: string,
  patch: ApiKeyPatch,
): Promise<ApiKey> {
  const changes = setList(patch, {
    name: (name) => setIf(sql`name`, name),
    expiresAt: (time) => setIf(sql`expires_at`, time),
    perMinute: (count) => setIf(sql`per_minute`, count),
  });
  const [row] = await tx.query<ApiKeyRow>(sql`
    UPDATE api_keys k SET ${changes} WHERE k.app_id = ${appId} AND k.id = ${id} AND ${ownedBy(owner)}
    RETURNING ${apiKeyColumns}`);
  return found(row);
}

/** @throws ApiError `api_key_not_found` */
export async function deleteApiKey(tx: Tx, appId: string, owner: KeyOwner, id: string): Promise<ApiKey> {
  const [row] = await tx.query<ApiKeyRow>(sql`
    DELETE FROM api_keys k WHERE k.app_id = ${appId} AND k.id = ${id} AND ${ownedBy(owner)}
    RETURNING ${apiKeyColumns}`);
  return found(row);
}

/**
 * Sets another maker of a key of an organization.
 *
 * @param amr methods of authentication of the session of the maker
 * @throws ApiError `api_key_not_found`
 */
export async function setMaker(
  tx: Tx,
  appId: string,
  orgId: string,
  id: string,
  { maker, amr }: { maker: Holder; amr: readonly string[] | null },
): Promise<ApiKey> {
  const [, makerId, adminId] = holderValues(maker);
  const [row] = await tx.query<ApiKeyRow>(sql`
    UPDATE api_keys k SET maker_id = ${makerId}, admin_id = ${adminId}, machine_user_id = NULL,
      amr = ${amr}::text[]
    WHERE k.app_id = ${appId} AND k.id = ${id} AND ${ownedBy({ orgId })}
    RETURNING ${apiKeyColumns}`);
  return found(row);
}

/** Whether a user is a member of an organization. Locks the membership until the transaction ends. */
export async function holdMembership(tx: Tx, appId: string, orgId: string, userId: string): Promise<boolean> {
  const rows = await tx.query(sql`
    SELECT 1 FROM members WHERE app_id = ${appId} AND org_id = ${orgId} AND user_id = ${userId} FOR KEY SHARE`);
  return rows.length > 0;
}

/** Whether a machine user exists. Locks it until the transaction ends. */
export async function holdMachine(tx: Tx, appId: string, machineUserId: string): Promise<boolean> {
  const rows = await tx.query(sql`
    SELECT 1 FROM machine_users WHERE app_id = ${appId} AND id = ${machineUserId} FOR KEY SHARE`);
  return rows.length > 0;
}

/** The status of an organization, and its policy if the session of the caller does not meet it. */
interface OrganizationState {
  readonly status: OrganizationStatus;
  readonly unmet: UnmetPolicy | null;
}

/** @throws ApiError `organization_not_found` */
export async function organizationState(
  db: Queryable,
  appId: string,
  orgId: string,
  actor: Actor,
  now: Date,
): Promise<OrganizationState> {
  const [row] = await db.query<OrganizationState>(sql`
    SELECT o.status, ${unmetBy(actor, now)} AS unmet
    FROM organizations o WHERE o.app_id = ${appId} AND o.id = ${orgId}`);
  if (!row) throw new ApiError('organization_not_found');
  return row;
}

/** Records the use of a key. Skips a key that is being changed. */
export async function touchApiKey(db: Queryable, appId: string, id: string, now: Date): Promise<void> {
  await db.query(sql`
    WITH used AS MATERIALIZED (
      SELECT app_id, id FROM api_keys WHERE app_id = ${appId} AND id = ${id} FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE api_keys k SET last_used_at = ${now} FROM used WHERE k.app_id = used.app_id AND k.id = used.id`);
}
