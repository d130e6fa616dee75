import { expect } from 'vitest';
import { sql } from '../../db/db.ts';
import { overOrganization } from '../../access/access.ts';
import { human, type Prepared, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';
import { unique } from '../world/names.ts';

const owners = ['owner', 'superAdmin', 'machine'] as const;
const target = ['organization_machine', 'machineUserId'] as const;
const anHourMs = 3_600_000;

/** A machine user of our organization, created by the super admin. */
async function ourMachine({ world, orgId }: Stage, roles: readonly string[] = ['reader']) {
  const { machineUserId, secretId } = await world.organizationMachine(orgId, { roles });
  return { orgId, machineUserId, secretId };
}

/** A secret of our machine user that ends unless an owner confirms it. */
async function unconfirmed(stage: Stage) {
  const { world } = stage;
  const params = await ourMachine(stage);
  const until = new Date(world.test.clock.now().getTime() + anHourMs);
  await world.test.db.query(sql`
    UPDATE organization_machine_secrets SET confirm_by = ${until}
    WHERE app_id = ${world.appId} AND id = ${params.secretId}`);
  return params;
}

const listOf = async ({ world }: Stage, orgId: string) => {
  const url = `/v1/authorization/organizations/${orgId}/machine-users?pageSize=100`;
  const response = await world.call('GET', url, { token: world.admin.token });
  return response.json<{ machineUsers: { id: string; secrets: { id: string }[] }[] }>().machineUsers;
};

async function expectGone(stage: Stage, { params = {} }: Prepared): Promise<void> {
  const { orgId = '', machineUserId, secretId } = params;
  const machines = await listOf(stage, orgId);
  const found = machines.find(({ id }) => id === machineUserId);
  if (secretId === undefined) expect(found).toBeUndefined();
  else expect(found?.secrets.map(({ id }) => id)).not.toContain(secretId);
}

/** Sample calls of operations on machine users of an organization. */
export const samplesOfOrganizationMachines: SampleCalls = {
  createOrganizationMachineUser: [
    {
      admits: owners,
      target,
      prepare: ({ owner, orgId }) => ({
        as: human(owner),
        params: { orgId },
        body: { userName: unique('exporter'), roles: ['writer'] },
      }),
      names: ['writer'],
    },
    {
      title: 'with the manager role',
      admits: ['owner', 'superAdmin'],
      needs: { access: overOrganization('grant', 'ORG_OWNER'), otherwise: 'access_denied' },
      target,
      prepare: ({ owner, orgId }) => ({
        as: human(owner),
        params: { orgId },
        body: { userName: unique('exporter'), managerRoles: ['ORG_USER_MANAGER'] },
      }),
      names: ['ORG_USER_MANAGER'],
    },
  ],
  listOrganizationMachineUsers: [
    {
      admits: owners,
      prepare: async (stage) => {
        await ourMachine(stage);
        return { as: human(stage.owner), params: { orgId: stage.orgId }, query: { pageSize: '100' } };
      },
    },
  ],
  updateOrganizationMachineUser: [
    {
      admits: owners,
      target,
      prepare: async (stage) => {
        const { orgId, machineUserId } = await ourMachine(stage);
        const body = { userName: unique('importer'), roles: ['writer'] };
        return { as: human(stage.owner), params: { orgId, machineUserId }, body };
      },
      answers: (_, { body }) => ({ userName: body?.['userName'], roles: ['writer'], managerRoles: [] }),
      names: ['roles', 'userName'],
    },
  ],
  deleteOrganizationMachineUser: [
    {
      admits: owners,
      target,
      prepare: async (stage) => {
        const { orgId, machineUserId } = await ourMachine(stage);
        return { as: human(stage.owner), params: { orgId, machineUserId } };
      },
      afterwards: expectGone,
    },
  ],
  createOrganizationMachineSecret: [
    {
      admits: owners,
      target,
      prepare: async (stage) => {
        const { orgId, machineUserId } = await ourMachine(stage);
        return { as: human(stage.owner), params: { orgId, machineUserId }, body: { label: 'deploy pipeline' } };
      },
      answers: () => ({ label: 'deploy pipeline' }),
    },
  ],
  confirmOrganizationMachineSecret: [
    {
      admits: ['owner', 'superAdmin'],
      target,
      prepare: async (stage) => ({ as: human(stage.owner), params: await unconfirmed(stage) }),
      answers: () => ({ message: 'Secret confirmed' }),
    },
    {
      title: 'that needs no confirmation',
      admits: ['owner', 'superAdmin'],
      target,
      isNoOp: true,
      prepare: async (stage) => ({ as: human(stage.owner), params: await ourMachine(stage) }),
    },
  ],
  deleteOrganizationMachineSecret: [
    {
      admits: owners,
      target,
      prepare: async (stage) => ({ as: human(stage.owner), params: await ourMachine(stage) }),
      afterwards: expectGone,
    },
  ],
};
