import { sql } from '../db/db.ts';
import { accepting, overOrganizationInHeader } from '../access/access.ts';
import type { Paging } from '../lists/pagination.ts';
import { type Call, noAudit, nothingKept, route } from '../calls/route.ts';
import { totalOfOrganization } from '../counts.ts';
import { indexOrganization, isUnsearchable } from '../search/member-search.store.ts';
import { organizationUsers, organizationUsersQuery, searchOrganizationUsers } from './organization-users.schema.ts';
import { isByText, membersAmongFound, membersOf, type Search, searchMembers } from './organization-users.store.ts';
import { readUsers } from './read-users.ts';

const mayList = ['ORG_OWNER', 'ORG_USER_MANAGER', 'GENERIC_MACHINE_USER'] as const;

/** Lists all members in the order in which they joined. The total is stored. */
function listUsers(call: Call, paging: Paging) {
  const { appId, orgId } = call;
  return readUsers(call, {
    paging,
    total: totalOfOrganization(appId, orgId),
    members: ({ after, limit }) => sql`${membersOf(appId, orgId)} ${after} ${limit}`,
    key: sql`m.id`,
  });
}

/**
 * Orders the results of a search. They are selected before they are sorted. Otherwise the planner might walk through
 * the members in order until it has found enough, and read all of a large organization for a rare name.
 */
function searchUsers(call: Call, paging: Paging, search: Search) {
  const { services, appId, orgId } = call;
  return readUsers(call, {
    paging,
    filters: [search.name, search.email, search.userId, search.role],
    common: sql`found AS MATERIALIZED (${searchMembers(appId, orgId, search)})`,
    total: sql`SELECT count(*) AS total FROM found`,
    totalTravels: true,
    members: ({ after, limit }) => membersAmongFound(appId, orgId, sql`${after} ${limit}`),
    key: sql`found.id`,
    ...(isByText(search) && {
      index: {
        isIncomplete: isUnsearchable(appId, orgId),
        complete: () => indexOrganization(services.db, appId, orgId),
      },
    }),
  });
}

const isEmpty = (search: Search): boolean => Object.values(search).every((value) => value === undefined);

export const organizationUserRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/organizations/users',
    operationId: 'listOrganizationUsers',
    tag: 'authorization',
    summary: 'List the users of an organization',
    description: 'Lists the members of the organization with their roles, in the order in which they joined.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'members:read' },
      overOrganizationInHeader('read', ...mayList),
    ),
    decidesInStatement: 'by-declaration',
    query: organizationUsersQuery,
    response: { status: 200, description: 'A page of users.', body: organizationUsers },
    handler: (call) => listUsers(call, call.query),
  }),

  route({
    method: 'POST',
    url: '/v1/authorization/organizations/users/search',
    operationId: 'searchOrganizationUsers',
    tag: 'authorization',
    summary: 'Search the users of an organization',
    description:
      'Returns the users that match all criteria of the body. Names and addresses are compared without ' +
      'case, accents, Arabic vowel signs and forms of alef; `%` and `_` are ordinary characters. The ' +
      'total is counted for the first page and repeated on pages that its cursors lead to.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'members:read' },
      overOrganizationInHeader('read', ...mayList),
    ),
    decidesInStatement: 'by-declaration',
    audit: noAudit('It only reads; nothing changes.'),
    idempotency: nothingKept('It only reads.'),
    query: organizationUsersQuery,
    body: searchOrganizationUsers,
    response: { status: 200, description: 'A page of the users found.', body: organizationUsers },
    handler: (call) => (isEmpty(call.body) ? listUsers(call, call.query) : searchUsers(call, call.query, call.body)),
  }),
];
