import type { Db, Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { displayName } from './display-name.ts';
import { isStale, searchableEmail, searchableName, toSearchColumns } from './search-row.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

interface Member {
  readonly org_id: string;
  readonly user_id: string;
}

interface NamedMember extends Member {
  id: string;
  first_name: string;
  last_name: string;
  email: string;
}

/** The members with their names, locked until the transaction ends. */
function readNames(tx: Tx, appId: string, members: readonly Member[]): Promise<NamedMember[]> {
  return tx.query<NamedMember>(sql`
    SELECT m.org_id, m.user_id, m.id, u.first_name, u.last_name, u.email
    FROM unnest(${members.map((member) => member.org_id)}::bigint[],
      ${members.map((member) => member.user_id)}::bigint[])
      AS asked (org_id, user_id)
    JOIN members m ON m.app_id = ${appId} AND m.org_id = asked.org_id AND m.user_id = asked.user_id
    JOIN users u ON u.app_id = ${appId} AND u.id = m.user_id
    ORDER BY m.user_id, m.org_id
    FOR SHARE OF u FOR KEY SHARE OF m`);
}

/** Search parts of a member. */
function toSearchRow(member: NamedMember) {
  const name = searchableName(displayName({ firstName: member.first_name, lastName: member.last_name }));
  return { ...member, ...toSearchColumns(member.org_id, name, searchableEmail(member.email)) };
}

/** Updates the search index for members with their present names. */
async function indexMembers(tx: Tx, appId: string, members: readonly Member[]): Promise<void> {
  const rows = (await readNames(tx, appId, members)).map(toSearchRow);
  if (rows.length === 0) return;
  const [orgIds, userIds] = [rows.map((row) => row.org_id), rows.map((row) => row.user_id)];
  await tx.query(sql`
    WITH indexed AS (
      INSERT INTO member_search (app_id, user_id, org_id, member_id, name_key, email_key, parts)
      SELECT ${appId}::bigint, user_id, org_id, member_id, name_key, email_key, parts::integer[]
      FROM unnest(${userIds}::bigint[], ${orgIds}::bigint[], ${rows.map((row) => row.id)}::bigint[],
        ${rows.map((row) => row.nameKey)}::text[], ${rows.map((row) => row.emailKey)}::text[],
        ${rows.map((row) => row.parts)}::text[]) AS row (user_id, org_id, member_id, name_key, email_key, parts)
      ON CONFLICT (app_id, user_id, org_id) DO UPDATE SET
        name_key = EXCLUDED.name_key, email_key = EXCLUDED.email_key, parts = EXCLUDED.parts)
    UPDATE members m SET is_searchable = true
    FROM unnest(${orgIds}::bigint[], ${userIds}::bigint[]) AS row (org_id, user_id)
    WHERE m.app_id = ${appId} AND m.org_id = row.org_id AND m.user_id = row.user_id AND NOT m.is_searchable`);
}

/** Adds a member to the search index. */
export async function indexMember(tx: Tx, appId: string, member: { orgId: string; userId: string }): Promise<void> {
  await indexMembers(tx, appId, [{ org_id: member.orgId, user_id: member.userId }]);
}

/** Updates the search index in all organizations of a user. Call this after a change of name or address. */
export async function indexUser(tx: Tx, appId: string, userId: string): Promise<void> {
  for (let after = '0', read = batchSize; read === batchSize;) {
    const members = await tx.query<Member>(sql`
      SELECT org_id, user_id FROM members WHERE app_id = ${appId} AND user_id = ${userId} AND org_id > ${after}
      ORDER BY org_id LIMIT ${batchSize}`);
    await indexMembers(tx, appId, members);
    read = members.length;
    after = members.at(-1)?.org_id ?? after;
  }
}

/** Members of one organization that are not in the search index, or not in the current version of the fold. */
function unsearchable(db: Queryable, appId: string, orgId: string): Promise<Member[]> {
  return db.query<Member>(sql`
    (SELECT org_id, user_id FROM members WHERE app_id = ${appId} AND org_id = ${orgId} AND NOT is_searchable
      ORDER BY id LIMIT ${batchSize})
    UNION
    (SELECT org_id, user_id FROM member_search WHERE app_id = ${appId} AND org_id = ${orgId} AND ${isStale}
      ORDER BY user_id LIMIT ${batchSize})`);
}

/** Whether an organization has members that are not in the search index, or not in the current version of the fold. */
export const isUnsearchable = (appId: string, orgId: string): Sql => sql`
  (EXISTS (SELECT FROM members WHERE app_id = ${appId} AND org_id = ${orgId} AND NOT is_searchable)
    OR EXISTS (SELECT FROM member_search WHERE app_id = ${appId} AND org_id = ${orgId} AND ${isStale}))`;

/**
 * Adds every missing member of an organization to the search index. Usually there is nothing to do: rows are missing or
 * outdated only after an upgrade, or if a process of the previous release wrote them.
 */
export async function indexOrganization(db: Db, appId: string, orgId: string, signal?: AbortSignal): Promise<void> {
  for (;;) {
    const members = await unsearchable(db, appId, orgId);
    if (members.length === 0 || signal?.aborted) return;
    await db.transaction((tx) => indexMembers(tx, appId, members));
  }
}

/**
 * An organization of any app with members that are not in the search index, or not in the current version of the fold.
 */
export async function findUnsearchable(db: Queryable): Promise<{ appId: string; orgId: string } | undefined> {
  const [row] = await db.query<{ app_id: string; org_id: string }>(sql`
    (SELECT app_id, org_id FROM members WHERE NOT is_searchable ORDER BY app_id, org_id LIMIT 1)
    UNION ALL
    (SELECT app_id, org_id FROM member_search WHERE ${isStale} ORDER BY app_id, org_id LIMIT 1)
    LIMIT 1`);
  return row && { appId: row.app_id, orgId: row.org_id };
}
