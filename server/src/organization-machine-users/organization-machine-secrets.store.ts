import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { MachineSecret } from '../machine-users/machine-users.store.ts';

export interface OrganizationMachineSecret extends MachineSecret {
  readonly createdBy: string | null;
  /** When the secret ends unless an owner confirms it. */
  readonly confirmBy: Date | null;
}

export async function countOrganizationMachineSecrets(tx: Tx, appId: string, machineUserId: string): Promise<number> {
  const [row] = await tx.query<{ count: string }>(sql`
    SELECT count(*) FROM organization_machine_secrets
    WHERE app_id = ${appId} AND machine_user_id = ${machineUserId}`);
  return Number(row?.count ?? 0);
}

export async function insertOrganizationMachineSecret(
  tx: Tx,
  appId: string,
  machineUserId: string,
  secret: {
    id: string;
    label: string | null;
    secretHash: Buffer;
    now: Date;
    expiresAt: Date | null;
    createdBy: string | null;
  },
): Promise<void> {
  await tx.query(sql`
    INSERT INTO organization_machine_secrets (app_id, machine_user_id, id, label, secret_hash, created_at, expires_at,
      created_by_user_id)
    VALUES (${appId}, ${machineUserId}, ${secret.id}, ${secret.label}, ${secret.secretHash}, ${secret.now},
      ${secret.expiresAt}, ${secret.createdBy})`);
}

/** @throws ApiError `machine_secret_not_found` */
export async function deleteOrganizationMachineSecret(
  tx: Tx,
  appId: string,
  machineUserId: string,
  secretId: string,
): Promise<void> {
  const rows = await tx.query(sql`
    DELETE FROM organization_machine_secrets
    WHERE app_id = ${appId} AND machine_user_id = ${machineUserId} AND id = ${secretId} RETURNING id`);
  if (rows.length === 0) throw new ApiError('machine_secret_not_found');
}

/** The secrets of these machine users, without the secret values. */
export async function listOrganizationMachineSecrets(
  db: Queryable,
  appId: string,
  machineUserIds: readonly string[],
): Promise<Map<string, OrganizationMachineSecret[]>> {
  const rows = await db.query<{
    machine_user_id: string;
    id: string;
    label: string | null;
    created_at: Date;
    expires_at: Date | null;
    last_used_at: Date | null;
    created_by_user_id: string | null;
    confirm_by: Date | null;
  }>(sql`
    SELECT machine_user_id, id, label, created_at, expires_at, last_used_at, created_by_user_id, confirm_by
    FROM organization_machine_secrets
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
      createdBy: row.created_by_user_id,
      confirmBy: row.confirm_by,
    },
  }));
  return new Map(
    machineUserIds.map((id) => [id, secrets.filter(({ owner }) => owner === id).map(({ secret }) => secret)]),
  );
}

/**
 * Confirms a former owner's secret that has not ended yet: clears `confirm_by`, and makes the owner who confirms it its
 * creator. `expires_at` stays.
 *
 * @param userId the owner who confirms the secret
 * @returns false if the secret needs no confirmation
 * @throws ApiError `machine_secret_not_found` also for an expired secret
 */
export async function confirmSecret(
  tx: Tx,
  appId: string,
  { machineUserId, secretId }: { machineUserId: string; secretId: string },
  userId: string,
  now: Date,
): Promise<boolean> {
  const [row] = await tx.query<{ needs_it: boolean }>(sql`
    WITH found AS (
      SELECT confirm_by FROM organization_machine_secrets
      WHERE app_id = ${appId} AND machine_user_id = ${machineUserId} AND id = ${secretId}
        AND (expires_at IS NULL OR expires_at > ${now}) AND (confirm_by IS NULL OR confirm_by > ${now})),
    confirmed AS (
      UPDATE organization_machine_secrets SET confirm_by = NULL, created_by_user_id = ${userId}
      WHERE app_id = ${appId} AND machine_user_id = ${machineUserId} AND id = ${secretId} AND confirm_by > ${now}
        AND EXISTS (SELECT FROM found)
      RETURNING id)
    SELECT EXISTS (SELECT FROM confirmed) AS needs_it FROM found`);
  if (!row) throw new ApiError('machine_secret_not_found');
  return row.needs_it;
}

/** A secret that was deleted because its creator no longer vouches for it. */
export interface DeletedSecret {
  readonly id: string;
  readonly machineUserId: string;
  readonly userName: string;
  readonly orgId: string;
  readonly organizationName: string;
}

/** @param which condition for `organization_machine_secrets` */
async function deleteSecrets(tx: Tx, appId: string, which: Sql): Promise<DeletedSecret[]> {
  const rows = await tx.query<{ id: string; machine_user_id: string; user_name: string; org_id: string; name: string }>(
    sql`
      WITH deleted AS (
        DELETE FROM organization_machine_secrets WHERE app_id = ${appId} AND ${which} RETURNING id, machine_user_id)
      SELECT s.id, s.machine_user_id, m.user_name, m.org_id, o.name
      FROM deleted s
      JOIN organization_machine_users m ON m.app_id = ${appId} AND m.id = s.machine_user_id
      JOIN organizations o ON o.app_id = ${appId} AND o.id = m.org_id
      ORDER BY s.id`,
  );
  return rows.map((row) => ({
    id: row.id,
    machineUserId: row.machine_user_id,
    userName: row.user_name,
    orgId: row.org_id,
    organizationName: row.name,
  }));
}

/** Deletes the secrets that a user created, in every organization. */
export const deleteSecretsCreatedBy = (tx: Tx, appId: string, userId: string): Promise<DeletedSecret[]> =>
  deleteSecrets(tx, appId, sql`created_by_user_id = ${userId}`);

/**
 * Deletes a secret that was created in a person's name, if this person reports that it was not them, also if another
 * owner has confirmed the secret.
 *
 * @returns undefined if the secret no longer exists
 */
export async function deleteReportedSecret(tx: Tx, appId: string, id: string): Promise<DeletedSecret | undefined> {
  const [secret] = await deleteSecrets(tx, appId, sql`id = ${id}`);
  return secret;
}
