import { lockApp } from '../apps/apps.store.ts';
import { accepting, overApp } from '../access/access.ts';
import { mutate } from '../calls/mutate.ts';
import { route } from '../calls/route.ts';
import { removeRole } from '../invitations/remove-role.ts';
import { createPredefinedRoles, predefinedRoleList, predefinedRoleParams } from './roles.schema.ts';
import { appScope, listPredefinedRoles, putRoles } from './roles.store.ts';

const prefix = 'global:';
const prefixed = (key: string): string => (key.startsWith(prefix) ? key : prefix + key);

export const predefinedRoleRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/predefined-roles',
    operationId: 'createPredefinedRoles',
    grants: true,
    tag: 'authorization',
    summary: 'Create predefined roles',
    description:
      'Adds roles to all existing and future organizations of the app, under the key `global:<key>`. Omit ' +
      'the prefix in the request. An existing role with the same key is replaced for all users who have ' +
      'it. At most 100 per app, together at most 5,000 permissions with 256 KiB of text.',
    access: accepting({ machineScope: 'roles:write' }, overApp('SUPER_ADMIN', 'GENERIC_MACHINE_USER')),
    audit: 'predefined_roles.created',
    idempotency: 'kept',
    body: createPredefinedRoles,
    response: { status: 201, description: 'The changed roles.', body: predefinedRoleList },
    errors: ['role_limit_exceeded'],
    handler: (call) => {
      const { services, appId, body } = call;
      const roles = body.roles.map((role) => ({ ...role, key: prefix + role.key }));
      return mutate(call, async (tx) => {
        await lockApp(tx, appId);
        const changed = await putRoles(tx, appId, appScope, roles, services.clock.now());
        const keys = new Set(roles.map(({ key }) => key));
        const result = { roles: (await listPredefinedRoles(tx, appId)).filter(({ key }) => keys.has(key)) };
        if (changed.length === 0) return { result, event: undefined };
        const changes = changed.map((key) => `roles.${key}`);
        return { result, event: { target: { kind: 'app', id: appId }, changes } };
      });
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authorization/predefined-roles',
    operationId: 'listPredefinedRoles',
    tag: 'authorization',
    summary: 'List predefined roles',
    description: 'Lists the predefined roles, which all organizations of the app have. At most 100; not paged.',
    access: accepting(
      { accessToken: true, machineScope: 'roles:read' },
      overApp('SUPER_ADMIN', 'GENERIC_MACHINE_USER'),
    ),
    response: { status: 200, description: 'The roles.', body: predefinedRoleList },
    handler: async ({ services, appId }) => ({ roles: await listPredefinedRoles(services.db, appId) }),
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/predefined-roles/:key',
    operationId: 'deletePredefinedRole',
    tag: 'authorization',
    summary: 'Delete a predefined role',
    description:
      'Members of all organizations lose the role from the next permission check on. Pending invitations ' +
      'to the role are void. The prefix `global:` of the key is optional.',
    access: accepting({ machineScope: 'roles:write' }, overApp('SUPER_ADMIN', 'GENERIC_MACHINE_USER')),
    audit: 'predefined_role.deleted',
    params: predefinedRoleParams,
    response: { status: 204, description: 'The role is deleted.' },
    errors: ['role_not_found'],
    handler: (call) => {
      const { appId, params } = call;
      const key = prefixed(params.key);
      return mutate(call, async (tx) => {
        await removeRole(tx, appId, { scopeId: appScope, key }, () => lockApp(tx, appId));
        return { result: undefined, event: { target: { kind: 'app', id: appId }, changes: [`roles.${key}`] } };
      });
    },
  }),
];
