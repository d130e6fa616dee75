import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';

export interface MachineSecret {
  readonly id: string;
  readonly label: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** A verified token, as its machine is looked up. */
export interface MachineKey {
  readonly appId: string;
  readonly machineUserId: string;
  readonly secretId: string;
  /** The key that signed it. */
  readonly kid: string;
}

/**
 * Whether machine, secret, key and app of verified tokens are all still good: one query for all of them.
 *
 * @returns in the order of the keys
 */
export async function findMachines(db: Queryable, keys: readonly MachineKey[], now: Date): Promise<boolean[]> {
  const column = (name: 'machineUserId' | 'secretId' | 'kid') => keys.map((key) => key[name]);
  const rows = await db.query<{ place: number }>(sql`
    SELECT asked.place::integer
    FROM unnest(${keys.map((key) => key.appId)}::bigint[], ${column('machineUserId')}::bigint[],
      ${column('secretId')}::bigint[], ${column('kid')}::text[])
      WITH ORDINALITY AS asked (app_id, machine_user_id, secret_id, kid, place)
    JOIN machine_users m ON m.app_id = asked.app_id AND m.id = asked.machine_user_id
    JOIN machine_secrets s ON s.app_id = asked.app_id AND s.machine_user_id = m.id AND s.id = asked.secret_id
      AND (s.expires_at IS NULL OR s.expires_at > ${now})
    JOIN signing_keys k ON k.app_id = asked.app_id AND k.kid = asked.kid AND k.revoked_at IS NULL
    JOIN apps a ON a.id = asked.app_id AND a.status = 'ACTIVE'`);
  const good = new Set(rows.map((row) => row.place));
  return keys.map((_, index) => good.has(index + 1));
}

/** A presented client credential, as it is looked up. */
export interface ClientKey {
  readonly appId: string;
  readonly clientId: string;
  readonly secretHash: Buffer;
}

/** What issuing a token takes. */
export interface FoundClient {
  readonly appStatus: 'ACTIVE' | 'INACTIVE';
  readonly lifeSeconds: number | null;
  /** How many tokens a machine user of the app gets in a minute; null: as many as by default. */
  readonly tokensPerMinute: number | null;
  readonly secretId: string | null;
  readonly lastUsedAt: Date | null;
  /** The audiences that the app lists; null: none is stored. */
  readonly audiences: readonly string[] | null;
  /** The key that signs now. */
  readonly kid: string | null;
}

/**
 * App, secret and signing key for these credentials: one query for all of them. The key that signs latest signs now. An
 * app made while the database's clock was ahead has only keys that sign later: then the next one does.
 *
 * @returns in the order of the keys; undefined where there is no such app
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
    audiences: string[] | null;
    secret_id: string | null;
    last_used_at: Date | null;
    kid: string | null;
  }>(sql`
    SELECT asked.place::integer, a.status, (a.settings ->> 'machineTokenLifeSeconds')::integer AS life,
      (a.settings -> 'limits' ->> 'tokenRequestsPerMachinePerMinute')::integer AS tokens_per_minute,
      a.settings -> 'audiences' AS audiences,
      s.id AS secret_id, s.last_used_at, k.kid
    FROM unnest(${keys.map((key) => key.appId)}::bigint[], ${keys.map((key) => key.clientId)}::bigint[],
      ${keys.map((key) => key.secretHash)}::bytea[])
      WITH ORDINALITY AS asked (app_id, client_id, secret_hash, place)
    JOIN apps a ON a.id = asked.app_id
    LEFT JOIN machine_secrets s ON s.app_id = asked.app_id AND s.machine_user_id = asked.client_id
      AND s.secret_hash = asked.secret_hash AND (s.expires_at IS NULL OR s.expires_at > ${now})
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
        tokensPerMinute: row.tokens_per_minute,
        audiences: row.audiences,
        secretId: row.secret_id,
        lastUsedAt: row.last_used_at,
        kid: row.kid,
      }
    );
  });
}

/**
 * Notes that a machine and its secret were used. Where somebody has the machine locked, to note the same or to
 * delete a secret, nothing is noted: no request for a token waits for that, and none fails in a deadlock.
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
  machine: { id: string; userName: string; userNameKey: string; now: Date },
): Promise<void> {
  await tx.query(
    sql`
      INSERT INTO machine_users (app_id, id, user_name, user_name_key, created_at)
      VALUES (${appId}, ${machine.id}, ${machine.userName}, ${machine.userNameKey}, ${machine.now})`,
    { machine_users_user_name_key: 'machine_user_name_taken' },
  );
}

/** @throws ApiError `machine_user_not_found` */
export async function lockMachineUser(tx: Tx, appId: string, machineUserId: string): Promise<void> {
  const rows = await tx.query(
    sql`SELECT 1 FROM machine_users WHERE app_id = ${appId} AND id = ${machineUserId} FOR UPDATE`,
  );
  if (rows.length === 0) throw new ApiError('machine_user_not_found');
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

/** The secrets of these machine users, without the secrets. */
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
