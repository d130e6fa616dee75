import { sql } from '../db/db.ts';
import { accepting, overOrganization } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { route } from '../calls/route.ts';
import { withdrawInvitations } from '../invitations/withdraw-invitations.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { endSecretsOfFormerOwner } from '../organization-machine-users/former-owners.ts';
import { lockUser } from '../users/users.store.ts';
import { checkNotLastOwner } from './last-owner.ts';
import { managerList, managerParams, managersQuery } from './members.schema.ts';
import { findManagerRoles, managerGrants, takeManagerRoles } from './members.store.ts';
import { managersOf } from './organization-users.store.ts';
import { readUsers } from './read-users.ts';

export const managerRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/organizations/:orgId/managers',
    operationId: 'listManagers',
    tag: 'authorization',
    summary: 'List the owners and managers of an organization',
    description: 'Lists the owners and managers of the organization with their roles.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'members:read' },
      overOrganization('read', 'ORG_OWNER', 'ORG_USER_MANAGER', 'GENERIC_MACHINE_USER'),
    ),
    decidesInStatement: 'by-declaration',
    params: organizationParams,
    query: managersQuery,
    response: { status: 200, description: 'A page of owners and managers.', body: managerList },
    handler: async (call) => {
      const managers = managersOf(call.appId, call.orgId);
      const { metadata, users } = await readUsers(call, {
        paging: call.query,
        total: sql`SELECT count(*) AS total FROM (${managers}) AS managers`,
        totalTravels: true,
        members: ({ after, limit }) => sql`${managers} ${after} ${limit}`,
        key: sql`m.id`,
      });
      return { metadata, managers: users };
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/organizations/:orgId/managers/:userId',
    operationId: 'removeManager',
    tag: 'authorization',
    summary: 'Remove the manager roles of a user',
    description:
      'Removes the roles owner and manager from the user, who stays a member with all other roles. ' +
      'Pending invitations to manager roles are revoked. Owners can remove their own manager roles. The ' +
      'last active owner cannot be removed.',
    access: accepting({ accessToken: true }, overOrganization('remove', 'ORG_OWNER')),
    audit: 'organization.manager_removed',
    params: managerParams,
    response: { status: 204, description: 'The manager roles are removed.' },
    errors: ['user_not_found', 'last_owner'],
    handler: (call) => {
      const { appId, orgId, params } = call;
      return mutate(call, async (tx) => {
        const { id: userId } = await lockUser(tx, appId, params.userId);
        const held = await findManagerRoles(tx, appId, orgId, userId);
        if (held.length === 0) {
          throw new ApiError('user_not_found', { detail: 'The organization has no owner or manager with this id.' });
        }
        await checkNotLastOwner(tx, appId, userId, orgId);
        await takeManagerRoles(tx, appId, orgId, userId);
        const withdrawn = await withdrawInvitations(tx, call, userId, managerGrants);
        const changes = held.map((role) => `managerRoles.${role}`);
        const ended = await endSecretsOfFormerOwner(tx, call, userId);
        const event = [{ target: { kind: 'user', id: userId }, orgId, changes }, ...withdrawn, ...ended];
        return { result: undefined, event };
      });
    },
  }),
];
