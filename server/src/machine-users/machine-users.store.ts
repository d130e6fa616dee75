import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { setIf, setList } from '../db/set-list.ts';
import { ApiError } from '../http/errors.ts';
import type { MachineUserPatch } from './machine-users.schema.ts';

export interface MachineSecret {
  readonly id: string;
  readonly label: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** A verified token, for the lookup of its machine user. */
export interface MachineKey {
  readonly appId: string;
  readonly machineUserId: string;
  readonly secretId: string;
  /** The id of the key that signed it. */
  readonly kid: string;
}

/** An authenticated machine user, with its stored limits. */
export interface FoundMachine {
  readonly scopes: readonly string[];
  /** Null: every audience that the app allows. */
  readonly allowedAudiences: readonly string[] | null;
  /** Null: every network. */
  readonly allowedNetworks: readonly string[] | null;
}

/**
 * Finds the machine users of verified tokens, in one query. A token yields undefined unless machine user, secret, key
 * and app are all valid.
 *
 * @returns in the order of the keys
 */
export async function findMachines(
  db: Queryable,
  keys: readonly MachineKey[],
  now: Date,
): Promise<(FoundMachine | undefined)[]> {
  const column = (name: 'machineUserId' | 'secretId' | 'kid') => keys.map((key) => key[name]);
  const rows = await db.query<{
    place: number;
    scopes: string[];
    allowed_audiences: string[] | null;
    allowed_networks: string[] | null;
  }>(sql`
    SELECT asked.place::integer, m.scopes, m.allowed_audiences, m.allowed_networks
    FROM unnest(${keys.map((key) => key.appId)}::bigint[], ${column('machineUserId')}::bigint[],
      ${column('secretId')}::bigint[], ${column('kid')}::text[])
      WITH ORDINALITY AS asked (app_id, machine_user_id, secret_id, kid, place)
    JOIN machine_users m ON m.app_id = asked.app_id AND m.id = asked.machine_user_id
    JOIN machine_secrets s ON s.app_id = asked.app_id AND s.machine_user_id = m.id AND s.id = asked.secret_id
      AND (s.expires_at IS NULL OR s.expires_at > ${now})
    JOIN signing_keys k ON k.app_id = asked.app_id AND k.kid = asked.kid AND k.revoked_at IS NULL
    JOIN apps a ON a.id = asked.app_id AND a.status = 'ACTIVE'`);
  const found = new Map(rows.map((row) => [row.place, row]));
  return keys.map((_, index) => {
    const row = found.get(index + 1);
    return (
      row && { scopes: row.scopes, allowedAudiences: row.allowed_audiences, allowedNetworks: row.allowed_networks }
    );
  });
}

/** A presented client credential, for its lookup. */
export interface ClientKey {
  readonly appId: string;
  readonly clientId: string;
  readonly secretHash: Buffer;
}

/** Rights of a machine user, and limits of its tokens. */
export interface MachineLimits {
  readonly scopes: readonly string[];
  /** Null: every audience that the app allows. */
  readonly allowedAudiences: readonly string[] | null;
  /** Null: every network. */
  readonly allowedNetworks: readonly string[] | null;
  /** Null: the app setting. */
  readonly tokenLifeSeconds: number | null;
}

/** Data for issuing a token. */
export interface FoundClient {
  readonly appStatus: 'ACTIVE' | 'INACTIVE';
  readonly lifeSeconds: number | null;
  /** Quotas of a machine user of the app; null: the default. */
  readonly counts: {
    readonly tokenRequestsPerMachinePerMinute: number | null;
    readonly introspectionsPerMachinePerMinute: number | null;
  };
  readonly secretId: string | null;
  /** When the secret expires; null: never. */
  readonly secretExpiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  /** The allowed audiences of the app; null: none are stored. */
  readonly audiences: readonly string[] | null;
  /** The key that signs now. */
  readonly kid: string | null;
  /** The limits of the machine user; null if the secret is wrong. */
  readonly limits: MachineLimits | null;
}

/**
 * Reads app, secret and signing key for these credentials, in one query. The current key is the one with the latest
 * start that has passed. An app that was created while the database's clock was ahead has only keys with a future
 * start; then the next key signs.
 *
 * @returns in the order of the keys; undefined if there is no such app
 */
export async function findClients(
  db: Queryable,
  keys: readonly ClientKey[],
  now: Date,
): Promise<(FoundClient | undefined)[]> {
  const rows = await db.query<{
    place: number;
    status: 'ACTIVE' | 'INACTIVE';
    life: number | null;
    tokens_per_minute: number | null;
    introspections_per_minute: number | null;
    audiences: string[] | null;
    secret_id: string | null;
    secret_expires_at: Date | null;
    last_used_at: Date | null;
    kid: string | null;
    scopes: string[] | null;
    allowed_audiences: string[] | null;
    allowed_networks: string[] | null;
    token_life_seconds: number | null;
  }>(sql`
    SELECT asked.place::integer, a.status, (a.settings ->> 'machineTokenLifeSeconds')::integer AS life,
      (a.settings -> 'limits' ->> 'tokenRequestsPerMachinePerMinute')::integer AS tokens_per_minute,
      (a.settings -> 'limits' ->> 'introspectionsPerMachinePerMinute')::integer AS introspections_per_minute,
      a.settings -> 'audiences' AS audiences,
      s.id AS secret_id, s.expires_at AS secret_expires_at, s.last_used_at, k.kid, m.scopes, m.allowed_audiences,
      m.allowed_networks, m.token_life_seconds
    FROM unnest(${keys.map((key) => key.appId)}::bigint[], ${keys.map((key) => key.clientId)}::bigint[],
      ${keys.map((key) => key.secretHash)}::bytea[])
      WITH ORDINALITY AS asked (app_id, client_id, secret_hash, place)
    JOIN apps a ON a.id = asked.app_id
    LEFT JOIN machine_secrets s ON s.app_id = asked.app_id AND s.machine_user_id = asked.client_id
      AND s.secret_hash = asked.secret_hash AND (s.expires_at IS NULL OR s.expires_at > ${now})
    LEFT JOIN machine_users m ON m.app_id = asked.app_id AND m.id = s.machine_user_id
    LEFT JOIN LATERAL (
      SELECT kid FROM signing_keys
      WHERE app_id = asked.app_id AND revoked_at IS NULL
        AND (published_until IS NULL OR published_until > ${now})
      ORDER BY active_from > ${now}, abs(extract(epoch FROM active_from - ${now})) LIMIT 1
    ) AS k ON true`);
  const found = new Map(rows.map(({ place, ...row }) => [place, row]));
  return keys.map((_, index) => {
    const row = found.get(index + 1);
    return (
      row && {
        appStatus: row.status,
        lifeSeconds: row.life,
        counts: {
          tokenRequestsPerMachinePerMinute: row.tokens_per_minute,
          introspectionsPerMachinePerMinute: row.introspections_per_minute,
        },
        audiences: row.audiences,
        secretId: row.secret_id,
        secretExpiresAt: row.secret_expires_at,
        lastUsedAt: row.last_used_at,
        kid: row.kid,
        limits: row.scopes && {
          scopes: row.scopes,
          allowedAudiences: row.allowed_audiences,
          allowedNetworks: row.allowed_networks,
          tokenLifeSeconds: row.token_life_seconds,
        },
      }
    );
  });
}

/**
 * Records that a machine user and its secret were used. If another transaction has locked the machine user, to record
 * the same or to delete a secret, nothing is recorded. So no token request waits for that transaction, and none fails
 * in a deadlock.
 */
export async function touchSecret(
  db: Queryable,
  appId: string,
  machineUserId: string,
  secretId: string,
  now: Date,
): Promise<void> {
  await db.query(sql`
    WITH machine AS MATERIALIZED (
      SELECT app_id, id FROM machine_users
      WHERE app_id = ${appId} AND id = ${machineUserId} FOR NO KEY UPDATE SKIP LOCKED),
    used AS (
      UPDATE machine_secrets s SET last_used_at = ${now} FROM machine
      WHERE s.app_id = machine.app_id AND s.machine_user_id = machine.id AND s.id = ${secretId})
    UPDATE machine_users m SET last_used_at = ${now} FROM machine
    WHERE m.app_id = machine.app_id AND m.id = machine.id`);
}

/** @throws ApiError `machine_user_name_taken` */
export async function insertMachineUser(
  tx: Tx,
  appId: string,
  machine: { id: string; userName: string; userNameKey: string; scopes: readonly string[]; now: Date },
): Promise<void> {
  await tx.query(
    sql`
      INSERT INTO machine_users (app_id, id, user_name, user_name_key, scopes, created_at)
      VALUES (${appId}, ${machine.id}, ${machine.userName}, ${machine.userNameKey}, ${machine.scopes}, ${machine.now})`,
    { machine_users_user_name_key: 'machine_user_name_taken' },
  );
}

/** A machine user in a list, without its secrets. */
export interface MachineUser extends MachineLimits {
  readonly id: string;
  readonly userName: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

export interface MachineUserRow {
  id: string;
  user_name: string;
  created_at: Date;
  last_used_at: Date | null;
  scopes: string[];
  allowed_audiences: string[] | null;
  allowed_networks: string[] | null;
  token_life_seconds: number | null;
}

/** The columns of `machine_users m` that `toMachineUser` reads. */
export const machineUserColumns = sql`
  m.id, m.user_name, m.created_at, m.last_used_at, m.scopes, m.allowed_audiences, m.allowed_networks,
  m.token_life_seconds`;

export const toMachineUser = (row: MachineUserRow): MachineUser => ({
  id: row.id,
  userName: row.user_name,
  createdAt: row.created_at,
  lastUsedAt: row.last_used_at,
  scopes: row.scopes,
  allowedAudiences: row.allowed_audiences,
  allowedNetworks: row.allowed_networks,
  tokenLifeSeconds: row.token_life_seconds,
});

/** @throws ApiError `machine_user_not_found`, `machine_user_name_taken` */
export async function patchMachineUser(
  tx: Tx,
  appId: string,
  id: string,
  patch: MachineUserPatch & { readonly userNameKey?: string | undefined },
): Promise<MachineUser> {
  const changes = setList(patch, {
    userName: (name) => setIf(sql`user_name`, name),
    userNameKey: (key) => setIf(sql`user_name_key`, key),
    scopes: (scopes) => setIf(sql`scopes`, scopes),
    allowedAudiences: (audiences) => setIf(sql`allowed_audiences`, audiences),
    allowedNetworks: (networks) => setIf(sql`allowed_networks`, networks),
    tokenLifeSeconds: (life) => setIf(sql`token_life_seconds`, life),
  });
  const [row] = await tx.query<MachineUserRow>(
    sql`
      UPDATE machine_users m SET ${changes} WHERE m.app_id = ${appId} AND m.id = ${id}
      RETURNING ${machineUserColumns}`,
    { machine_users_user_name_key: 'machine_user_name_taken' },
  );
  if (!row) throw new ApiError('machine_user_not_found');
  return toMachineUser(row);
}

/** Locks a machine user until the transaction ends. @throws ApiError `machine_user_not_found` */
export async function lockMachineUser(tx: Tx, appId: string, machineUserId: string): Promise<MachineUser> {
  const [row] = await tx.query<MachineUserRow>(sql`
    SELECT ${machineUserColumns} FROM machine_users m
    WHERE m.app_id = ${appId} AND m.id = ${machineUserId} FOR UPDATE`);
  if (!row) throw new ApiError('machine_user_not_found');
  return toMachineUser(row);
}

export async function countSecrets(tx: Tx, appId: string, machineUserId: string): Promise<number> {
  const [row] = await tx.query<{ count: string }>(
    sql`SELECT count(*) FROM machine_secrets WHERE app_id = ${appId} AND machine_user_id = ${machineUserId}`,
  );
  return Number(row?.count ?? 0);
}

export async function insertSecret(
  tx: Tx,
  appId: string,
  machineUserId: string,
  secret: { id: string; label: string | null; secretHash: Buffer; now: Date; expiresAt: Date | null },
): Promise<void> {
  await tx.query(sql`
    INSERT INTO machine_secrets (app_id, machine_user_id, id, label, secret_hash, created_at, expires_at)
    VALUES (${appId}, ${machineUserId}, ${secret.id}, ${secret.label}, ${secret.secretHash}, ${secret.now},
      ${secret.expiresAt})`);
}

/** @throws ApiError `machine_user_not_found` */
export async function deleteMachineUser(tx: Tx, appId: string, machineUserId: string): Promise<void> {
  const rows = await tx.query(
    sql`DELETE FROM machine_users WHERE app_id = ${appId} AND id = ${machineUserId} RETURNING id`,
  );
  if (rows.length === 0) throw new ApiError('machine_user_not_found');
}

/** @throws ApiError `machine_secret_not_found` */
export async function deleteSecret(tx: Tx, appId: string, machineUserId: string, secretId: string): Promise<void> {
  const rows = await tx.query(sql`
    DELETE FROM machine_secrets
    WHERE app_id = ${appId} AND machine_user_id = ${machineUserId} AND id = ${secretId} RETURNING id`);
  if (rows.length === 0) throw new ApiError('machine_secret_not_found');
}

/** The secrets of these machine users, without the secret values. */
export async function listSecrets(
  db: Queryable,
  appId: string,
  machineUserIds: readonly string[],
): Promise<Map<string, MachineSecret[]>> {
  const rows = await db.query<{
    machine_user_id: string;
    id: string;
    label: string | null;
    created_at: Date;
    expires_at: Date | null;
    last_used_at: Date | null;
  }>(sql`
    SELECT machine_user_id, id, label, created_at, expires_at, last_used_at FROM machine_secrets
    WHERE app_id = ${appId} AND machine_user_id = ANY (${machineUserIds}::bigint[])
    ORDER BY machine_user_id, id`);
  const secrets = rows.map((row) => ({
    owner: row.machine_user_id,
    secret: {
      id: row.id,
      label: row.label,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      lastUsedAt: row.last_used_at,
    },
  }));
  return new Map(
    machineUserIds.map((id) => [id, secrets.filter(({ owner }) => owner === id).map(({ secret }) => secret)]),
  );
}
