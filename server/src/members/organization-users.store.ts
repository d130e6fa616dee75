import { type Sql, empty, join, sql } from '../db/db.ts';
import {
  isSubstring,
  partsOfQuery,
  partsWithin,
  type SearchField,
  searchKey,
  separators,
} from '../search/search-key.ts';

/** A row of the list; `id` is the membership id, by which the list is ordered. */
export interface OrganizationUserRow {
  id: string;
  user_id: string;
  email: string;
  first_name: string;
  last_name: string;
  is_owner: boolean;
  is_manager: boolean;
  roles: string[];
}

/** Search criteria for users. */
export interface Search {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  readonly userId?: string | undefined;
  readonly role?: string | undefined;
}

/** Users of the page `members`, a short list of `id`, `user_id` and the manager roles. */
export const usersOfPage = (appId: string, orgId: string, members: Sql): Sql => sql`
  WITH members_of_page AS MATERIALIZED (${members})
  SELECT m.id, m.user_id, u.email, u.first_name, u.last_name, m.is_owner, m.is_manager,
    ARRAY(SELECT mr.role_key FROM member_roles mr
      WHERE mr.app_id = ${appId} AND mr.org_id = ${orgId} AND mr.user_id = m.user_id) AS roles
  FROM members_of_page m
  JOIN users u ON u.app_id = ${appId} AND u.id = m.user_id`;

/** All members of an organization: `id` of the membership, `user_id`, and the manager roles. */
export const membersOf = (appId: string, orgId: string): Sql => sql`
  SELECT m.id, m.user_id, m.is_owner, m.is_manager FROM members m WHERE m.app_id = ${appId} AND m.org_id = ${orgId}`;

/** Restricts the list to owners and managers. */
export const managersOf = (appId: string, orgId: string): Sql =>
  sql`${membersOf(appId, orgId)} AND (m.is_owner OR m.is_manager)`;

/** The members of a page of search results. The page is limited before it is joined. */
export const membersAmongFound = (appId: string, orgId: string, continuation: Sql): Sql => sql`
  SELECT m.id, m.user_id, m.is_owner, m.is_manager
  FROM (SELECT found.id, found.user_id FROM found WHERE true ${continuation}) AS found
  JOIN members m ON m.app_id = ${appId} AND m.org_id = ${orgId} AND m.user_id = found.user_id`;

const keyColumns = { name: sql`s.name_key`, email: sql`s.email_key` } as const;

/** Compares the text, because the index may contain the same hash for different parts. */
function contains(field: SearchField, key: string): Sql {
  if (isSubstring(key)) return sql`strpos(${keyColumns[field]}, ${key}) > 0`;
  const blanks = ' '.repeat(separators.length);
  const beginning = ` ${Array.from(key)
    .map((character) => (separators.includes(character) ? ' ' : character))
    .join('')}`;
  return sql`strpos(' ' || translate(${keyColumns[field]}, ${separators}, ${blanks}), ${beginning}) > 0`;
}

const hasRole = (appId: string, orgId: string, userId: Sql, role: string): Sql => sql`
  EXISTS (SELECT 1 FROM member_roles mr WHERE mr.app_id = ${appId} AND mr.org_id = ${orgId} AND mr.user_id = ${userId}
    AND mr.scope_id = ${scopeOf(orgId, role)} AND mr.role_key = ${role})`;

/** Predefined roles of the app are recognized by their prefix. */
const scopeOf = (orgId: string, role: string): string => (role.startsWith('global:') ? '0' : orgId);

/**
 * Finds members by name or address, and by the other filters.
 *
 * The indexed hashes include the organization, so they find only its members. The first step has no other conditions: a
 * plan for the average app would walk through all members of the organization, which may be the largest.
 */
function searchedByText(appId: string, orgId: string, search: Search, texts: [SearchField, string][]): Sql {
  const parts = texts.flatMap(([field, key]) => partsOfQuery(field, key));
  const conditions = [
    sql`s.app_id = ${appId}`,
    sql`s.org_id = ${orgId}`,
    ...texts.map(([field, key]) => contains(field, key)),
    ...(search.userId === undefined ? [] : [sql`s.user_id = ${search.userId}`]),
    ...(search.role === undefined ? [] : [hasRole(appId, orgId, sql`s.user_id`, search.role)]),
  ];
  return sql`
    WITH s AS MATERIALIZED (
      SELECT app_id, org_id, user_id, member_id, name_key, email_key FROM member_search
      WHERE parts @> ${partsWithin(orgId, parts)}::integer[])
    SELECT s.member_id AS id, s.user_id FROM s WHERE ${join(conditions, ' AND ')}`;
}

/** Finds members by id or role only. */
function searchedByFacts(appId: string, orgId: string, { userId, role }: Search): Sql {
  if (userId !== undefined) {
    const withRole = role === undefined ? empty : sql`AND ${hasRole(appId, orgId, sql`m.user_id`, role)}`;
    return sql`${membersOf(appId, orgId)} AND m.user_id = ${userId} ${withRole}`;
  }
  if (role === undefined) return membersOf(appId, orgId);
  return sql`
    SELECT m.id, m.user_id FROM member_roles mr
    JOIN members m ON m.app_id = ${appId} AND m.org_id = ${orgId} AND m.user_id = mr.user_id
    WHERE mr.app_id = ${appId} AND mr.scope_id = ${scopeOf(orgId, role)} AND mr.role_key = ${role}
      AND mr.org_id = ${orgId}`;
}

/** Whether a search uses the search index. */
export const isByText = ({ name, email }: Search): boolean => name !== undefined || email !== undefined;

/** The members that a search finds: `id` of the membership, `user_id`. */
export function searchMembers(appId: string, orgId: string, search: Search): Sql {
  const texts = (['name', 'email'] as const).flatMap((field): [SearchField, string][] => {
    const text = search[field];
    return text === undefined ? [] : [[field, searchKey(text)]];
  });
  return texts.length > 0 ? searchedByText(appId, orgId, search, texts) : searchedByFacts(appId, orgId, search);
}
