import { expect } from 'vitest';
import { sql } from '../../db/db.ts';
import { overOrganization } from '../../access/access.ts';
import { human, type Prepared, robot, type SampleCalls } from './sample.ts';
import { addTo, type Stage } from './stage.ts';
import { freshMember } from './users.ts';
import { unique } from '../world/names.ts';
import type { World } from '../world/world.ts';

const owners = ['owner', 'superAdmin', 'machine'] as const;
const managers = ['manager', ...owners] as const;
const ofTheApp = ['superAdmin', 'machine'] as const;

/** A role of the organization that a user has, and a role with the same key in another organization. */
async function heldRole({ world, orgId, neighbourOrgId, member }: Stage): Promise<string> {
  const key = 'archivist';
  const body = { roles: [{ key, displayName: unique('Of a while'), allowedPermissions: ['documents:archive'] }] };
  for (const id of [neighbourOrgId, orgId]) {
    await world.call('PUT', `/v1/authorization/organizations/${id}/roles`, { token: world.admin.token, body });
    await addTo({ world, orgId: id }, member.userId, key);
  }
  return key;
}

/** Creates a predefined role. @returns its key, without `global:` */
export async function predefinedRole(world: World): Promise<string> {
  const key = unique('inspector');
  const body = { roles: [{ key, displayName: 'Everywhere', allowedPermissions: ['audit:read'] }] };
  await world.call('POST', '/v1/authorization/predefined-roles', { token: world.admin.token, body });
  return key;
}

/** A number of roles that an app cannot have twice. */
async function makeManyPredefined({ test, appId }: World): Promise<void> {
  await test.db.query(sql`
    INSERT INTO roles (app_id, scope_id, key, display_name, permissions, created_at, updated_at)
    SELECT ${appId}::bigint, 0, 'global:many-' || n, 'One of many', '{}', ${test.clock.now()}::timestamptz,
      ${test.clock.now()}::timestamptz
    FROM generate_series(1, 60) AS n ON CONFLICT DO NOTHING`);
}

/** A predefined role that a user has. */
async function heldPredefinedRole({ world, orgId, member }: Stage): Promise<string> {
  const key = await predefinedRole(world);
  await addTo({ world, orgId }, member.userId, `global:${key}`);
  return key;
}

/** Creates another organization with the maximum number of roles. */
async function makeFullOrganization({ world, neighbour }: Stage): Promise<void> {
  const orgId = await world.organization(neighbour);
  await world.test.db.query(sql`
    INSERT INTO roles (app_id, scope_id, key, display_name, permissions, created_at, updated_at)
    SELECT app_id, scope_id, 'role-' || n, display_name, permissions, created_at, updated_at
    FROM roles, generate_series(1, 198) AS n
    WHERE app_id = ${world.appId} AND scope_id = ${orgId} AND key = 'reader'`);
}

/** The role of the other organization has the same key, but is not ours. */
async function expectRoleGone({ world }: Stage, { as, params = {} }: Prepared): Promise<void> {
  const url = `/v1/authorization/organizations/${params['orgId']}/roles/${params['key']}`;
  const response = await world.call('DELETE', url, { token: as.token });
  expect(response.json()).toMatchObject({ code: 'role_not_found' });
}

const asked = { permissions: ['documents:reader', 'documents:writer', 'next-door:writer'] };
/** The names of the permissions that are allowed. */
const allowing = (...allowed: string[]) => ({
  results: asked.permissions.map((permission) => ({
    permission,
    allowed: allowed.includes(permission),
    ...(!allowed.includes(permission) && { reason: 'no_role_grants_it' }),
  })),
});

/** Sample calls of roles and permissions. */
export const samplesOfRoles: SampleCalls = {
  listRoles: [
    {
      admits: ['member', ...managers],
      prepare: ({ member, orgId }) => ({ as: human(member), params: { orgId } }),
    },
  ],
  updateRoles: [
    {
      admits: owners,
      target: ['organization', 'orgId'],
      names: ['analyst'],
      prepare: ({ owner, orgId }) => ({
        as: human(owner),
        params: { orgId },
        body: { roles: [{ key: 'analyst', displayName: unique('Of figures'), allowedPermissions: ['figures:read'] }] },
      }),
    },
    {
      title: 'beside an organization that has as many as it may',
      admits: owners,
      names: ['counter'],
      target: ['organization', 'orgId'],
      prepare: async (stage) => {
        await makeFullOrganization(stage);
        const role = { key: 'counter', displayName: unique('Of many'), allowedPermissions: ['figures:count'] };
        return { as: human(stage.owner), params: { orgId: stage.orgId }, body: { roles: [role] } };
      },
    },
    {
      title: 'that somebody holds',
      admits: owners,
      names: ['archivist'],
      target: ['organization', 'orgId'],
      prepare: async (stage) => {
        const role = { key: await heldRole(stage), displayName: 'Of less', allowedPermissions: ['documents:glance'] };
        return { as: human(stage.owner), params: { orgId: stage.orgId }, body: { roles: [role] } };
      },
    },
    {
      title: 'with nothing new',
      admits: owners,
      isNoOp: true,
      prepare: ({ machine, orgId }) => ({ as: robot(machine), params: { orgId }, body: { roles: [] } }),
    },
  ],
  deleteRole: [
    {
      admits: owners,
      target: ['organization', 'orgId'],
      prepare: async (stage) => ({
        as: human(stage.owner),
        params: { orgId: stage.orgId, key: await heldRole(stage) },
      }),
      afterwards: expectRoleGone,
    },
  ],
  createPredefinedRoles: [
    {
      admits: ofTheApp,
      target: ['app'],
      names: ['auditor'],
      prepare: ({ machine }) => ({
        as: robot(machine),
        body: { roles: [{ key: 'auditor', displayName: unique('Of books'), allowedPermissions: ['books:read'] }] },
      }),
    },
    {
      title: 'beside many others',
      admits: ofTheApp,
      target: ['app'],
      names: ['accountant'],
      prepare: async ({ world, machine }) => {
        await makeManyPredefined(world);
        const role = { key: 'accountant', displayName: unique('Of money'), allowedPermissions: ['money:count'] };
        return { as: robot(machine), body: { roles: [role] } };
      },
    },
  ],
  listPredefinedRoles: [
    {
      admits: ofTheApp,
      prepare: async ({ world }) => {
        await predefinedRole(world);
        return { as: human(world.admin) };
      },
    },
  ],
  deletePredefinedRole: [
    {
      admits: ofTheApp,
      target: ['app'],
      prepare: async (stage) => ({ as: human(stage.world.admin), params: { key: await heldPredefinedRole(stage) } }),
    },
  ],
  checkPermissions: [
    {
      title: 'of a member',
      admits: managers,
      needs: {
        access: overOrganization('read', 'ORG_USER_MANAGER', 'ORG_OWNER', 'GENERIC_MACHINE_USER'),
        otherwise: 'access_denied',
      },
      foreignIn: { 'body.userId': 200 },
      prepare: async (stage) => {
        const { userId } = await freshMember(stage);
        return { as: human(stage.manager), params: { orgId: stage.orgId }, body: { userId, ...asked } };
      },
      answers: () => allowing('documents:reader'),
    },
    {
      title: 'of somebody who holds nothing',
      admits: managers,
      needs: {
        access: overOrganization('read', 'ORG_USER_MANAGER', 'ORG_OWNER', 'GENERIC_MACHINE_USER'),
        otherwise: 'access_denied',
      },
      foreignIn: { 'body.userId': 200 },
      prepare: ({ machine, owner, orgId }) => ({
        as: robot(machine),
        params: { orgId },
        body: { userId: owner.userId, ...asked },
      }),
      answers: () => allowing(),
    },
    {
      title: 'of one’s own',
      admits: ['member', 'manager', 'owner', 'superAdmin'],
      needs: { access: overOrganization('read', 'ORG_MEMBER'), otherwise: 'validation_failed' },
      outcomes: { organizationMachine: 'validation_failed', organizationManagerMachine: 'validation_failed' },
      prepare: ({ member, orgId }) => ({ as: human(member), params: { orgId }, body: asked }),
      answers: () => allowing('documents:reader'),
    },
  ],
};
