import type { Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { setIf, setList } from '../db/set-list.ts';
import { countInApp, totalOfApp } from '../counts.ts';
import { ApiError } from '../http/errors.ts';
import { mergeMetadata, type Metadata } from '../metadata.ts';
import type { Granted } from '../calls/decide-in-statement.ts';
import { organizationNameKey } from './organization-name.ts';
import type { Actor } from '../access/actor.ts';
import type { OrganizationStatus } from '../access/organization-states.ts';
import { inOrganizationOf } from '../access/relations.ts';
import type { Role } from '../roles/roles.schema.ts';
import { rolesAsJson } from '../roles/roles.store.ts';
import type { OrganizationPatch } from './organizations.schema.ts';

/** Unique constraints of the name of an organization. */
export const nameIsUnique = { organizations_name_key: 'organization_name_taken' } as const;

/** @throws ApiError `organization_name_taken` */
export async function insertOrganization(
  tx: Tx,
  appId: string,
  organization: { id: string; name: string; metadata: Metadata; now: Date },
): Promise<void> {
  const { id, name, metadata, now } = organization;
  await tx.query(
    sql`
      WITH added AS (
        INSERT INTO organizations (app_id, id, name, name_key, status, metadata, created_at, updated_at)
        VALUES (${appId}, ${id}, ${name}, ${organizationNameKey(name)}, 'Active', ${JSON.stringify(metadata)}::jsonb,
          ${now}, ${now})
        RETURNING id)
      ${countInApp(appId, 'organizations', sql`added`, 1)}`,
    nameIsUnique,
  );
}

/** How many organizations a user has created for themselves. Deleted ones do not count. */
export async function countOrganizationsCreatedBy(tx: Tx, appId: string, userId: string): Promise<number> {
  const [row] = await tx.query<{ total: number }>(
    sql`SELECT count(*)::integer AS total FROM organization_creators WHERE app_id = ${appId} AND user_id = ${userId}`,
  );
  return row?.total ?? 0;
}

/** Records who created an organization. The organization counts in the quota of this user. */
export async function insertCreator(tx: Tx, appId: string, orgId: string, userId: string): Promise<void> {
  await tx.query(
    sql`INSERT INTO organization_creators (app_id, org_id, user_id) VALUES (${appId}, ${orgId}, ${userId})`,
  );
}

/** Columns of the GET of an organization, in addition to the caller's relation. */
export interface OrganizationRow {
  id: string;
  name: string;
  version: string;
  created_at: Date;
  updated_at: Date;
  metadata: Metadata | null;
  roles: Role[] | null;
}

/** The columns of an {@link OrganizationRow}, for `readOrganization`. */
export const organizationColumns = (appId: string, shows: { metadata: boolean; roles: boolean }): Sql => sql`,
  o.name, o.version, o.created_at, o.updated_at, CASE WHEN ${shows.metadata}::boolean THEN o.metadata END AS metadata,
  ${shows.roles ? rolesAsJson(appId, sql`o.id`) : sql`NULL`} AS roles`;

/**
 * Locks the organization against deletion until the transaction ends. Call this before adding anything to it. Lock
 * order: user, organization, memberships.
 *
 * @throws ApiError `organization_not_found`
 */
export async function keepOrganization(tx: Tx, appId: string, orgId: string): Promise<{ id: string; name: string }> {
  const [row] = await tx.query<{ id: string; name: string }>(
    sql`SELECT id, name FROM organizations WHERE app_id = ${appId} AND id = ${orgId} FOR KEY SHARE`,
  );
  if (!row) throw new ApiError('organization_not_found');
  return row;
}

/**
 * SQL parts of the organization list: FROM clause, sort key and total. The total of the app is stored; the total of a
 * user is counted.
 */
export function organizationsOf(
  appId: string,
  member: (Actor & { kind: 'user' }) | undefined,
): { from: Sql; key: Sql; total: Sql; totalTravels: boolean } {
  if (!member) {
    const from = sql`FROM organizations o WHERE o.app_id = ${appId}`;
    return { from, key: sql`o.id`, total: totalOfApp(appId, 'organizations'), totalTravels: false };
  }
  const theirs = sql`
    m.app_id = ${appId} AND m.user_id = ${member.user.id} ${inOrganizationOf(member, sql`m.org_id`)}`;
  return {
    from: sql`FROM members m JOIN organizations o ON o.app_id = ${appId} AND o.id = m.org_id WHERE ${theirs}`,
    key: sql`m.org_id`,
    total: sql`SELECT count(*) AS total FROM members m WHERE ${theirs}`,
    totalTravels: true,
  };
}

/**
 * The statement that updates an organization (see `mutateOrganization`). It applies only if the status permits the
 * update, the version is one of `versions` and at most 30 metadata keys remain. All are conditions on the row itself,
 * so they hold under concurrent writers.
 *
 * @param versions the versions that If-Match accepts; undefined accepts any
 */
export function patchOrganization(
  granted: Granted,
  appId: string,
  patch: OrganizationPatch,
  versions: readonly string[] | undefined,
  now: Date,
): Sql {
  const { merged, fits } = mergeMetadata(sql`o.metadata`, patch.metadata ?? {});
  const changes = setList(patch, {
    name: (name) => [
      setIf(sql`name`, name),
      setIf(sql`name_key`, name === undefined ? undefined : organizationNameKey(name)),
    ],
    metadata: () => sql`metadata = ${merged}`,
  });
  return sql`
    UPDATE organizations o SET ${changes}, version = o.version + 1, updated_at = ${now}
    FROM ${granted.relation}
    WHERE o.app_id = ${appId} AND o.id = ${granted.id} AND o.status = ANY (${granted.statuses})
      AND (${versions ?? null}::bigint[] IS NULL OR o.version = ANY (${versions ?? null}::bigint[]))
      AND ${fits}
    RETURNING o.version`;
}

/** The statement that sets the status of an organization. It changes nothing if the organization has that status. */
export const setStatus = (granted: Granted, appId: string, status: OrganizationStatus, now: Date): Sql => sql`
  UPDATE organizations o SET status = ${status}, version = o.version + 1, updated_at = ${now}
  FROM ${granted.relation}
  WHERE o.app_id = ${appId} AND o.id = ${granted.id} AND o.status <> ${status}
  RETURNING o.version`;

/**
 * Locks an organization for deletion. Concurrent additions (`keepOrganization`) have finished, or wait and then fail
 * with `organization_not_found`.
 *
 * @throws ApiError `organization_not_found`
 */
export async function closeOrganization(tx: Tx, appId: string, orgId: string): Promise<void> {
  const rows = await tx.query(sql`SELECT 1 FROM organizations WHERE app_id = ${appId} AND id = ${orgId} FOR UPDATE`);
  if (rows.length === 0) throw new ApiError('organization_not_found');
}

/**
 * Deletes an organization that is locked for deletion, with its roles, members and invitations. Its members stay users
 * of the app, and its audit events are kept. The total of the app is decremented last. Deleting the members takes long,
 * and the counter row would stay locked meanwhile.
 */
export async function deleteOrganization(tx: Tx, appId: string, orgId: string): Promise<void> {
  await tx.query(sql`DELETE FROM organizations WHERE app_id = ${appId} AND id = ${orgId}`);
  await tx.query(countInApp(appId, 'organizations', sql`(VALUES (${orgId}::bigint)) AS deleted (id)`, -1));
}

/**
 * Locks an organization until the transaction ends, against other changes of its parts.
 *
 * @param versions the versions that If-Match accepts; undefined accepts any
 * @returns its version
 * @throws ApiError `organization_not_found`, `precondition_failed`
 */
export async function lockOrganization(
  tx: Tx,
  appId: string,
  orgId: string,
  versions: readonly string[] | undefined,
): Promise<string> {
  const [row] = await tx.query<{ version: string }>(
    sql`SELECT version FROM organizations WHERE app_id = ${appId} AND id = ${orgId} FOR NO KEY UPDATE`,
  );
  if (!row) throw new ApiError('organization_not_found');
  if (versions !== undefined && !versions.includes(row.version)) throw new ApiError('precondition_failed');
  return row.version;
}

/** Increments the version after a change to a part of the organization, such as its roles. @returns the new version */
export async function raiseVersion(tx: Tx, appId: string, orgId: string, now: Date): Promise<string> {
  const [row] = await tx.query<{ version: string }>(sql`
    UPDATE organizations SET version = version + 1, updated_at = ${now}
    WHERE app_id = ${appId} AND id = ${orgId} RETURNING version`);
  if (!row) throw new ApiError('organization_not_found');
  return row.version;
}
