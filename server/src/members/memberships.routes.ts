import { sql } from '../db/db.ts';
import { accepting, overApp } from '../access/access.ts';
import { stepUpField } from '../access/organization-policy.ts';
import { seesWholeApp } from '../access/relations.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { type Paging, readPage } from '../lists/pagination.ts';
import { type Call, route } from '../calls/route.ts';
import { emailKey } from '../http/email-address.ts';
import {
  managerRoleList,
  managerRolesQuery,
  organizationsByEmailQuery,
  organizationsOfUser,
} from './memberships.schema.ts';
import { countMemberships, type MembershipRow, membershipsPage } from './memberships.store.ts';
import { toManagerRoles } from './members.store.ts';

const defaultPageSize = 100;

const paged = <Query extends Omit<Paging, 'pageSize'> & { pageSize?: number | undefined }>(query: Query): Paging => ({
  ...query,
  pageSize: query.pageSize ?? defaultPageSize,
});

/** Super admins and machine users can use any address. Other callers can use only their own. */
function checkOwnAddress({ actor }: Call, email: string): void {
  if (seesWholeApp(actor)) return;
  if (actor.kind === 'user' && emailKey(actor.user.email) === emailKey(email)) return;
  throw new ApiError('access_denied', { detail: 'You may use only your own address.', isDenial: true });
}

export const membershipRoutes = [
  route({
    method: 'GET',
    url: '/v1/authentication/users/me/manager-roles',
    operationId: 'listMyManagerRoles',
    tag: 'authentication',
    summary: 'List my manager roles',
    description:
      'Lists the organizations that the caller owns or manages. A deactivated organization is listed ' +
      'without roles, and so is an organization whose security policy the session does not meet. Paging is optional: ' +
      'without it the response has the first 100.',
    access: accepting({ accessToken: true }, overApp('SESSION_OWNER')),
    query: managerRolesQuery,
    response: { status: 200, description: 'A page of manager roles.', body: managerRoleList },
    handler: async (call) => {
      const { appId, query, services } = call;
      const now = services.clock.now();
      const whose = { userId: signedIn(call.actor).user.id, managersOnly: true, actor: call.actor, now };
      const page = await readPage(call, {
        paging: paged(query),
        filters: whose.userId,
        total: countMemberships(appId, whose),
        totalTravels: true,
        rows: ({ after, limit }) => membershipsPage(appId, whose, sql`${after} ${limit}`),
        key: sql`m.org_id`,
        toItem: (row: MembershipRow) => ({
          orgId: row.id,
          orgName: row.name,
          roles: row.unmet ? [] : toManagerRoles(row),
          ...stepUpField(row.unmet),
        }),
      });
      return { metadata: page.metadata, managerRoles: page.items };
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authentication/users/organizations',
    operationId: 'listOrganizationsByEmail',
    tag: 'authentication',
    summary: 'List the organizations of an address',
    description:
      'Lists the organizations of the user with this address, with the roles of the user. Super admins ' +
      'and machine users can use any address; the list is empty if no user has it. Other callers can use ' +
      'only their own address. A deactivated organization is listed without roles. So is an organization whose ' +
      'security policy the session of the caller does not meet. Machine users are exempt. Paging is optional: ' +
      'without it the response has the first 100.',
    access: accepting(
      { accessToken: true, machineScope: 'members:read' },
      overApp('SESSION_OWNER', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER'),
    ),
    query: organizationsByEmailQuery,
    response: { status: 200, description: 'A page of organizations.', body: organizationsOfUser },
    errors: ['access_denied'],
    handler: async (call) => {
      const { appId, query, services } = call;
      checkOwnAddress(call, query.email);
      const now = services.clock.now();
      const whose = { emailKey: emailKey(query.email), managersOnly: false, actor: call.actor, now };
      const page = await readPage(call, {
        paging: paged(query),
        filters: whose.emailKey,
        total: countMemberships(appId, whose),
        totalTravels: true,
        rows: ({ after, limit }) => membershipsPage(appId, whose, sql`${after} ${limit}`),
        key: sql`m.org_id`,
        toItem: ({ id, name, status, roles, unmet }: MembershipRow) => ({
          id,
          name,
          status,
          roles: unmet ? [] : roles,
          ...stepUpField(unmet),
        }),
      });
      return { metadata: page.metadata, organizations: page.items };
    },
  }),
];
