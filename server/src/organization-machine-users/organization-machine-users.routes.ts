import { isDeepStrictEqual } from 'node:util';
import { sql } from '../db/db.ts';
import { accepting, overOrganization, type OverOrganization } from '../access/access.ts';
import type { OrganizationOperation } from '../access/organization-states.ts';
import { requireFreshForChange } from '../calls/fresh-authentication.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';
import { readPage } from '../lists/pagination.ts';
import { makeSecret } from '../machine-users/make-secret.ts';
import { machineUserCreated } from '../machine-users/machine-users.schema.ts';
import { organizationNameKey } from '../organizations/organization-name.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { lockOrganization } from '../organizations/organizations.store.ts';
import { resolveRoles } from '../roles/roles.store.ts';
import { checkMayGive, lockMaker, requireEnabled } from './may-give.ts';
import {
  insertOrganizationMachineSecret,
  listOrganizationMachineSecrets,
} from './organization-machine-secrets.store.ts';
import {
  createOrganizationMachineUser,
  organizationMachineUser,
  organizationMachineUserList,
  organizationMachineUserListQuery,
  organizationMachineUserParams,
  type OrganizationMachinePatch,
  patchOrganizationMachineUser,
} from './organization-machine-users.schema.ts';
import {
  countOrganizationMachines,
  deleteOrganizationMachine,
  findOrganizationMachine,
  insertOrganizationMachine,
  lockOrganizationMachine,
  type MachineGrants,
  type MachineOfOrganization,
  organizationMachineColumns,
  type OrganizationMachineUser,
  patchMachineRow,
  setMachineRoles,
  toOrganizationMachine,
} from './organization-machine-users.store.ts';
import { tellMaker } from './tell-maker.ts';
import { toMachineResource } from './to-resource.ts';

/** Maximum number of machine users of one organization. */
const machineLimit = 100;

const overMachines = (operation: OrganizationOperation): OverOrganization =>
  accepting(
    { machineScope: 'organization-machine-users:write' },
    overOrganization(operation, 'ORG_OWNER', 'GENERIC_MACHINE_USER'),
  );

const targetOf = (id: string) => ({ kind: 'organization_machine', id });

/** The roles of the machine user after a patch. */
const grantsAfter = (stored: MachineGrants, { roles, managerRoles }: OrganizationMachinePatch): MachineGrants => ({
  roles: roles ? [...new Set(roles)] : stored.roles,
  isManager: managerRoles ? managerRoles.length > 0 : stored.isManager,
});

/** The roles that a patch adds. */
const addedBy = (stored: MachineGrants, after: MachineGrants): MachineGrants => ({
  roles: after.roles.filter((key) => !stored.roles.includes(key)),
  isManager: after.isManager && !stored.isManager,
});

/** Names of the fields that a patch changes. The order of the roles does not matter. */
function changesOf(
  stored: OrganizationMachineUser,
  after: MachineGrants,
  { userName = stored.userName }: OrganizationMachinePatch,
): readonly (keyof OrganizationMachinePatch)[] {
  const fields = {
    userName: userName !== stored.userName,
    roles: !isDeepStrictEqual(new Set(after.roles), new Set(stored.roles)),
    managerRoles: after.isManager !== stored.isManager,
  };
  return (Object.keys(fields) as (keyof typeof fields)[]).filter((name) => fields[name]);
}

/** The stored machine user of the call, with its secrets. */
async function readResource(
  { appId }: Call,
  tx: Parameters<typeof listOrganizationMachineSecrets>[0],
  machine: MachineOfOrganization,
) {
  const found = await findOrganizationMachine(tx, appId, machine);
  if (!found) throw new ApiError('machine_user_not_found');
  const secrets = await listOrganizationMachineSecrets(tx, appId, [found.id]);
  return toMachineResource(found, secrets.get(found.id) ?? []);
}

export const organizationMachineUserRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/organizations/:orgId/machine-users',
    operationId: 'createOrganizationMachineUser',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Create a machine user of an organization',
    description:
      'Creates a machine user that belongs to the organization, with its first secret. The secret is shown only ' +
      'once. The machine user acts in this organization only, with the roles given here; at most 100 machine users ' +
      'per organization. A machine user of the app also needs the scopes for the roles that it grants: ' +
      '`organizations:read`, `roles:read`, and `members:write` for roles.',
    access: overMachines('grant'),
    audit: 'organization_machine_user.created',
    idempotency: 'kept',
    params: organizationParams,
    body: createOrganizationMachineUser,
    response: { status: 201, description: 'The machine user is created.', body: machineUserCreated },
    errors: [
      'organization_machine_users_disabled',
      'machine_user_name_taken',
      'machine_user_limit_exceeded',
      'unknown_role',
      'access_denied',
    ],
    authorize: async (call) => {
      await requireEnabled(call);
      const { roles = [], managerRoles = [] } = call.body;
      checkMayGive(call, { roles, isManager: managerRoles.length > 0 });
    },
    handler: (call) => {
      const { services, appId, orgId, body } = call;
      const { userName, managerRoles = [] } = body;
      const keys = [...new Set(body.roles ?? [])];
      const isManager = managerRoles.length > 0;
      const id = services.ids.next();
      const { clientSecret, stored } = makeSecret(services, 'gh_o_');
      return mutate(call, async (tx) => {
        const createdBy = await lockMaker(tx, call);
        await lockOrganization(tx, appId, orgId, undefined);
        if ((await countOrganizationMachines(tx, appId, orgId)) >= machineLimit)
          throw new ApiError('machine_user_limit_exceeded');
        const roles = await resolveRoles(tx, appId, orgId, keys);
        const userNameKey = organizationNameKey(userName);
        await insertOrganizationMachine(tx, appId, orgId, { id, userName, userNameKey, isManager, now: stored.now });
        await setMachineRoles(tx, appId, { orgId, machineUserId: id }, roles);
        await insertOrganizationMachineSecret(tx, appId, id, { ...stored, createdBy });
        await tellMaker(tx, call, { secretId: stored.id, userName });
        const changes = [...keys.map((key) => `roles.${key}`), ...managerRoles.map((role) => `managerRoles.${role}`)];
        const result = { machineUserId: id, clientId: id, clientSecret, secretId: stored.id };
        return { result, event: { target: targetOf(id), orgId, changes } };
      });
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authorization/organizations/:orgId/machine-users',
    operationId: 'listOrganizationMachineUsers',
    tag: 'authorization',
    summary: 'List the machine users of an organization',
    description:
      'Lists the machine users of the organization with their roles and their secrets, without the secret values.',
    access: overMachines('read'),
    params: organizationParams,
    query: organizationMachineUserListQuery,
    response: { status: 200, description: 'A page of machine users.', body: organizationMachineUserList },
    errors: ['organization_machine_users_disabled'],
    handler: async (call) => {
      const { services, appId, orgId } = call;
      await requireEnabled(call);
      const machines = sql`organization_machine_users m WHERE m.app_id = ${appId} AND m.org_id = ${orgId}`;
      const { metadata, items } = await readPage(call, {
        paging: call.query,
        total: sql`SELECT count(*) AS total FROM ${machines}`,
        rows: ({ after, limit }) => sql`SELECT ${organizationMachineColumns} FROM ${machines} ${after} ${limit}`,
        key: sql`m.id`,
        toItem: toOrganizationMachine,
      });
      const ids = items.map((item) => item.id);
      const secrets = await listOrganizationMachineSecrets(services.db, appId, ids);
      return { metadata, machineUsers: items.map((item) => toMachineResource(item, secrets.get(item.id) ?? [])) };
    },
  }),

  route({
    method: 'PATCH',
    url: '/v1/authorization/organizations/:orgId/machine-users/:machineUserId',
    operationId: 'updateOrganizationMachineUser',
    freshAuthentication: 'always',
    freshAuthenticationFor: 'changes',
    tag: 'authorization',
    summary: 'Update a machine user of an organization',
    description:
      'Changes name, roles and manager role. Absent fields stay unchanged. Each list replaces the stored one. At ' +
      'this API the change is effective from the next request on; a token that another service verifies shows the ' +
      'roles from the time when it was issued.',
    access: overMachines('grant'),
    audit: 'organization_machine_user.updated',
    params: organizationMachineUserParams,
    body: patchOrganizationMachineUser,
    response: { status: 200, description: 'The changed machine user.', body: organizationMachineUser },
    errors: [
      'organization_machine_users_disabled',
      'machine_user_not_found',
      'machine_user_name_taken',
      'unknown_role',
      'access_denied',
    ],
    handler: async (call) => {
      const { appId, orgId, params, body } = call;
      await requireEnabled(call);
      return mutate(call, async (tx) => {
        await lockMaker(tx, call);
        await lockOrganization(tx, appId, orgId, undefined);
        const stored = await lockOrganizationMachine(tx, appId, params);
        const after = grantsAfter(stored, body);
        const changes = changesOf(stored, after, body);
        if (changes.length === 0) return { result: await readResource(call, tx, params), event: undefined };
        requireFreshForChange(call);
        if (changes.some((name) => name !== 'userName')) checkMayGive(call, addedBy(stored, after));
        if (changes.includes('roles'))
          await setMachineRoles(tx, appId, params, await resolveRoles(tx, appId, orgId, after.roles));
        await patchMachineRow(tx, appId, params, {
          userName: body.userName,
          userNameKey: body.userName === undefined ? undefined : organizationNameKey(body.userName),
          isManager: after.isManager,
        });
        const event = { target: targetOf(params.machineUserId), orgId, changes };
        return { result: await readResource(call, tx, params), event };
      });
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/organizations/:orgId/machine-users/:machineUserId',
    operationId: 'deleteOrganizationMachineUser',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Delete a machine user of an organization',
    description: 'Deletes a machine user with its secrets. This API refuses its tokens at once.',
    access: overMachines('remove'),
    audit: 'organization_machine_user.deleted',
    params: organizationMachineUserParams,
    response: { status: 204, description: 'The machine user is deleted.' },
    errors: ['organization_machine_users_disabled', 'machine_user_not_found'],
    handler: async (call) => {
      const { appId, orgId, params } = call;
      await requireEnabled(call);
      return mutate(call, async (tx) => {
        await deleteOrganizationMachine(tx, appId, params);
        return { result: undefined, event: { target: targetOf(params.machineUserId), orgId } };
      });
    },
  }),
];
