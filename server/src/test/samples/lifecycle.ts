import { human, robot, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';

/** Another organization of our owner, manager and member, which the call may delete. */
async function freshOrganization({ world, owner, manager, member }: Stage): Promise<string> {
  const orgId = await world.organization(owner);
  const url = `/v1/authorization/organizations/${orgId}`;
  const { token } = world.admin;
  const of = ({ email }: { email: string }) => ({ email, firstName: 'Jon', lastName: 'Doe' });
  await world.call('POST', `${url}/managers`, { token, body: of(manager) });
  await world.call('POST', `${url}/members`, { token, body: { ...of(member), role: 'reader' } });
  return orgId;
}

async function deactivated(stage: Stage): Promise<string> {
  const orgId = await freshOrganization(stage);
  const url = `/v1/authorization/organizations/${orgId}/deactivate`;
  await stage.world.call('POST', url, { token: stage.world.admin.token });
  return orgId;
}

const governors = ['superAdmin', 'machine'] as const;
const target = ['organization', 'orgId'] as const;

/** Sample calls that create, deactivate and delete organizations. */
export const samplesOfLifecycle: SampleCalls = {
  deactivateOrganization: [
    {
      admits: governors,
      target,
      prepare: async (stage) => ({ as: human(stage.world.admin), params: { orgId: await freshOrganization(stage) } }),
    },
    {
      title: 'that is deactivated',
      admits: governors,
      isNoOp: true,
      whileInactive: true,
      prepare: async (stage) => ({ as: robot(stage.machine), params: { orgId: await deactivated(stage) } }),
    },
  ],
  reactivateOrganization: [
    {
      admits: governors,
      target,
      whileInactive: true,
      prepare: async (stage) => ({ as: robot(stage.machine), params: { orgId: await deactivated(stage) } }),
    },
    {
      title: 'that is active',
      admits: governors,
      isNoOp: true,
      prepare: async (stage) => ({ as: human(stage.world.admin), params: { orgId: await freshOrganization(stage) } }),
    },
  ],
  deleteOrganization: [
    {
      admits: ['superAdmin'],
      target,
      prepare: async (stage) => ({ as: human(stage.world.admin), params: { orgId: await freshOrganization(stage) } }),
    },
  ],
};
