import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { setIf, setList } from '../db/set-list.ts';
import { ApiError } from '../http/errors.ts';
import type { RoleReference } from '../roles/roles.store.ts';

/** The roles of a machine user in its organization. */
export interface MachineGrants {
  readonly roles: readonly string[];
  readonly isManager: boolean;
}

/** A machine user of an organization in a list, without its secrets. */
export interface OrganizationMachineUser extends MachineGrants {
  readonly id: string;
  readonly userName: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

export interface OrganizationMachineRow {
  id: string;
  user_name: string;
  is_manager: boolean;
  created_at: Date;
  last_used_at: Date | null;
  roles: string[];
}

/** The columns of `organization_machine_users m` that `toOrganizationMachine` reads. */
export const organizationMachineColumns = sql`
  m.id, m.user_name, m.is_manager, m.created_at, m.last_used_at,
  ARRAY(SELECT held.role_key FROM organization_machine_roles held
    WHERE held.app_id = m.app_id AND held.org_id = m.org_id AND held.machine_user_id = m.id
    ORDER BY held.role_key COLLATE "C") AS roles`;

export const toOrganizationMachine = (row: OrganizationMachineRow): OrganizationMachineUser => ({
  id: row.id,
  userName: row.user_name,
  roles: row.roles,
  isManager: row.is_manager,
  createdAt: row.created_at,
  lastUsedAt: row.last_used_at,
});

/** Finds a machine user of an organization. */
export interface MachineOfOrganization {
  readonly orgId: string;
  readonly machineUserId: string;
}

const nameIsUnique = { organization_machine_users_user_name_key: 'machine_user_name_taken' } as const;

/** @throws ApiError `machine_user_name_taken` */
export async function insertOrganizationMachine(
  tx: Tx,
  appId: string,
  orgId: string,
  machine: { id: string; userName: string; userNameKey: string; isManager: boolean; now: Date },
): Promise<void> {
  const { id, userName, userNameKey, isManager, now } = machine;
  await tx.query(
    sql`
      INSERT INTO organization_machine_users (app_id, id, org_id, user_name, user_name_key, is_manager, created_at)
      VALUES (${appId}, ${id}, ${orgId}, ${userName}, ${userNameKey}, ${isManager}, ${now})`,
    nameIsUnique,
  );
}

export async function countOrganizationMachines(tx: Tx, appId: string, orgId: string): Promise<number> {
  const [row] = await tx.query<{ count: string }>(
    sql`SELECT count(*) FROM organization_machine_users WHERE app_id = ${appId} AND org_id = ${orgId}`,
  );
  return Number(row?.count ?? 0);
}

export async function findOrganizationMachine(
  db: Queryable,
  appId: string,
  { orgId, machineUserId }: MachineOfOrganization,
): Promise<OrganizationMachineUser | undefined> {
  const [row] = await db.query<OrganizationMachineRow>(sql`
    SELECT ${organizationMachineColumns} FROM organization_machine_users m
    WHERE m.app_id = ${appId} AND m.org_id = ${orgId} AND m.id = ${machineUserId}`);
  return row && toOrganizationMachine(row);
}

/**
 * Locks a machine user until the transaction ends. @returns its roles @throws ApiError `machine_user_not_found`
 */
export async function lockOrganizationMachine(
  tx: Tx,
  appId: string,
  machine: MachineOfOrganization,
): Promise<OrganizationMachineUser> {
  const rows = await tx.query(sql`
    SELECT 1 FROM organization_machine_users
    WHERE app_id = ${appId} AND org_id = ${machine.orgId} AND id = ${machine.machineUserId} FOR NO KEY UPDATE`);
  // A separate statement, because only a statement that begins after the lock sees earlier changes of the roles.
  const found = rows.length > 0 ? await findOrganizationMachine(tx, appId, machine) : undefined;
  if (!found) throw new ApiError('machine_user_not_found');
  return found;
}

/** Changes name and manager role of a locked machine user. @throws ApiError `machine_user_name_taken` */
export async function patchMachineRow(
  tx: Tx,
  appId: string,
  { orgId, machineUserId }: MachineOfOrganization,
  patch: { userName?: string | undefined; userNameKey?: string | undefined; isManager?: boolean | undefined },
): Promise<void> {
  const changes = setList(patch, {
    userName: (name) => setIf(sql`user_name`, name),
    userNameKey: (key) => setIf(sql`user_name_key`, key),
    isManager: (is) => setIf(sql`is_manager`, is),
  });
  await tx.query(
    sql`
      UPDATE organization_machine_users SET ${changes}
      WHERE app_id = ${appId} AND org_id = ${orgId} AND id = ${machineUserId}`,
    nameIsUnique,
  );
}

/** Sets exactly these roles for a locked machine user. */
export async function setMachineRoles(
  tx: Tx,
  appId: string,
  { orgId, machineUserId }: MachineOfOrganization,
  roles: readonly RoleReference[],
): Promise<void> {
  await tx.query(sql`
    WITH wanted AS (
      SELECT scope_id, key FROM unnest(${roles.map((role) => role.scopeId)}::bigint[],
        ${roles.map((role) => role.key)}::text[]) AS wanted (scope_id, key)),
    removed AS (
      DELETE FROM organization_machine_roles held
      WHERE held.app_id = ${appId} AND held.org_id = ${orgId} AND held.machine_user_id = ${machineUserId}
        AND (held.scope_id, held.role_key) NOT IN (SELECT scope_id, key FROM wanted))
    INSERT INTO organization_machine_roles (app_id, org_id, machine_user_id, scope_id, role_key)
    SELECT ${appId}::bigint, ${orgId}::bigint, ${machineUserId}::bigint, scope_id, key FROM wanted
    ON CONFLICT DO NOTHING`);
}

/** @throws ApiError `machine_user_not_found` */
export async function deleteOrganizationMachine(
  tx: Tx,
  appId: string,
  { orgId, machineUserId }: MachineOfOrganization,
): Promise<void> {
  const rows = await tx.query(sql`
    DELETE FROM organization_machine_users
    WHERE app_id = ${appId} AND org_id = ${orgId} AND id = ${machineUserId} RETURNING id`);
  if (rows.length === 0) throw new ApiError('machine_user_not_found');
}

/** The name of an organization, for mails. */
export async function getOrganizationName(tx: Tx, appId: string, orgId: string): Promise<string> {
  const [row] = await tx.query<{ name: string }>(
    sql`SELECT name FROM organizations WHERE app_id = ${appId} AND id = ${orgId}`,
  );
  return row?.name ?? '';
}

/** A machine user of any organization, for the operator. */
interface MachineOfApp {
  readonly id: string;
  readonly userName: string;
  readonly orgId: string;
  readonly organizationName: string;
  readonly isManager: boolean;
  readonly secrets: number;
  readonly lastUsedAt: Date | null;
}

/** The machine users of all organizations of an app, for the operator. */
export async function listMachinesOfApp(db: Queryable, appId: string): Promise<MachineOfApp[]> {
  const rows = await db.query<{
    id: string;
    user_name: string;
    org_id: string;
    name: string;
    is_manager: boolean;
    secrets: string;
    last_used_at: Date | null;
  }>(sql`
    SELECT m.id, m.user_name, m.org_id, o.name, m.is_manager, m.last_used_at,
      (SELECT count(*) FROM organization_machine_secrets s WHERE s.app_id = ${appId} AND s.machine_user_id = m.id)
        AS secrets
    FROM organization_machine_users m JOIN organizations o ON o.app_id = ${appId} AND o.id = m.org_id
    WHERE m.app_id = ${appId} ORDER BY m.id`);
  return rows.map((row) => ({
    id: row.id,
    userName: row.user_name,
    orgId: row.org_id,
    organizationName: row.name,
    isManager: row.is_manager,
    secrets: Number(row.secrets),
    lastUsedAt: row.last_used_at,
  }));
}

/**
 * Deletes a machine user of any organization of an app. @returns the organization; undefined if there is no such
 * machine user
 */
export async function deleteMachineOfApp(tx: Tx, appId: string, machineUserId: string): Promise<string | undefined> {
  const [row] = await tx.query<{ org_id: string }>(sql`
    DELETE FROM organization_machine_users WHERE app_id = ${appId} AND id = ${machineUserId} RETURNING org_id`);
  return row?.org_id;
}
