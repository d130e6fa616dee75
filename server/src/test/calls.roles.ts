import { overOrganization } from '../http/access.ts';
import { human, robot, type SampleCalls } from './calls.sample.ts';
import { addTo, type Stage } from './calls.stage.ts';
import { freshMember, unique } from './calls.users.ts';

const owners = ['owner', 'superAdmin', 'machine'] as const;
const managers = ['manager', ...owners] as const;
const ofTheApp = ['superAdmin', 'machine'] as const;

/** A role of the organization that somebody holds, beside one of the same key next door. */
async function heldRole({ world, orgId, neighbourOrgId, member }: Stage): Promise<string> {
  const key = 'archivist';
  const body = { roles: [{ key, displayName: unique('Of a while'), allowedPermissions: ['documents:archive'] }] };
  for (const id of [neighbourOrgId, orgId]) {
    await world.call('PUT', `/v1/authorization/organizations/${id}/roles`, { token: world.admin.token, body });
    await addTo({ world, orgId: id }, member.userId, key);
  }
  return key;
}

/** A predefined role that somebody holds. */
async function heldPredefinedRole({ world, orgId, member }: Stage): Promise<string> {
  const key = unique('inspector');
  const body = { roles: [{ key, displayName: 'Everywhere', allowedPermissions: ['audit:read'] }] };
  await world.call('POST', '/v1/authorization/predefined-roles', { token: world.admin.token, body });
  await addTo({ world, orgId }, member.userId, `global:${key}`);
  return key;
}

const asked = { permissions: ['documents:reader', 'documents:writer'] };

/** How to call what is about roles and permissions. */
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
  ],
  listPredefinedRoles: [{ admits: ofTheApp, prepare: ({ world }) => ({ as: human(world.admin) }) }],
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
    },
    {
      title: 'of one’s own',
      admits: ['member', 'manager', 'owner', 'superAdmin'],
      needs: { access: overOrganization('read', 'ORG_MEMBER'), otherwise: 'validation_failed' },
      prepare: ({ member, orgId }) => ({ as: human(member), params: { orgId }, body: asked }),
    },
  ],
};
