import { accepting, overOrganization } from '../access/access.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { acceptedVersions, etag } from '../http/if-match.ts';
import { etagHeader, organizationParams } from '../organizations/organizations.schema.ts';
import { lockOrganization, raiseVersion } from '../organizations/organizations.store.ts';
import { removeRole } from '../invitations/remove-role.ts';
import { type Role, roleList, roleParams, rolesUpdated, updateRoles } from './roles.schema.ts';
import { listRoles, putRoles } from './roles.store.ts';

/** @returns the version of the organization afterwards, incremented if any role changed */
function updateRolesOf(call: Call, roles: readonly Role[]): Promise<string> {
  const { services, appId, orgId } = call;
  const now = services.clock.now();
  return mutate(call, async (tx) => {
    const version = await lockOrganization(tx, appId, orgId, acceptedVersions(call.request));
    const changed = await putRoles(tx, appId, orgId, roles, now);
    if (changed.length === 0) return { result: version, event: undefined };
    const changes = changed.map((key) => `roles.${key}`);
    const event = { target: { kind: 'organization', id: orgId }, orgId, changes };
    return { result: await raiseVersion(tx, appId, orgId, now), event };
  });
}

export const roleRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/organizations/:orgId/roles',
    operationId: 'listRoles',
    tag: 'authorization',
    summary: 'List the roles of an organization',
    description:
      'Lists the roles that can be granted in the organization, with their permissions: at most 200 roles ' +
      'of the organization and at most 100 predefined roles of the app. Not paged.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'roles:read' },
      overOrganization('read', 'GENERIC_MACHINE_USER', 'ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER'),
    ),
    params: organizationParams,
    response: { status: 200, description: 'The roles.', body: roleList },
    handler: async ({ services, appId, orgId }) => ({ roles: await listRoles(services.db, appId, orgId) }),
  }),

  route({
    method: 'PUT',
    url: '/v1/authorization/organizations/:orgId/roles',
    operationId: 'updateRoles',
    grants: true,
    tag: 'authorization',
    summary: 'Update the roles of an organization',
    description:
      'Adds the listed roles. A role that already exists gets the name and exactly the permissions of the ' +
      'request, effective from the next permission check. Roles that are not listed do not change. At ' +
      'most 100 roles per request, 200 per organization, 500 permissions per role; all roles of the organization ' +
      'together at most 5,000 permissions with 256 KiB of text. With If-Match the change applies only to that ' +
      'version of the organization.',
    access: accepting(
      { accessToken: true, machineScope: 'roles:write' },
      overOrganization('change', 'GENERIC_MACHINE_USER', 'ORG_OWNER'),
    ),
    audit: 'organization.roles_updated',
    params: organizationParams,
    body: updateRoles,
    response: {
      status: 200,
      description: 'The roles are updated.',
      body: rolesUpdated,
      headers: etagHeader,
    },
    errors: ['role_limit_exceeded', 'precondition_failed'],
    handler: async (call) => {
      const version = await updateRolesOf(call, call.body.roles);
      call.reply.header('etag', etag(version));
      return { message: 'Roles updated' };
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/organizations/:orgId/roles/:key',
    operationId: 'deleteRole',
    tag: 'authorization',
    summary: 'Delete a role of an organization',
    description:
      'Members lose the role from the next permission check on and stay members. Pending invitations to ' +
      'the role are void. Predefined roles cannot be deleted with this call.',
    access: accepting(
      { accessToken: true, machineScope: 'roles:write' },
      overOrganization('change', 'GENERIC_MACHINE_USER', 'ORG_OWNER'),
    ),
    audit: 'organization.role_deleted',
    params: roleParams,
    response: { status: 204, description: 'The role is deleted.', headers: etagHeader },
    errors: ['role_not_found', 'precondition_failed'],
    handler: async (call) => {
      const { services, appId, orgId, params } = call;
      const { key } = params;
      const version = await mutate(call, async (tx) => {
        await removeRole(tx, appId, { scopeId: orgId, key }, () =>
          lockOrganization(tx, appId, orgId, acceptedVersions(call.request)),
        );
        const event = { target: { kind: 'organization', id: orgId }, orgId, changes: [`roles.${key}`] };
        return { result: await raiseVersion(tx, appId, orgId, services.clock.now()), event };
      });
      call.reply.header('etag', etag(version));
    },
  }),
];
