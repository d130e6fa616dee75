import { expect } from 'vitest';
import { sql } from '../../db/db.ts';
import { overOrganization } from '../../access/access.ts';
import { human, type Prepared, robot, type SampleCall, type SampleCalls } from './sample.ts';
import { samplesOfOrganizationBranding } from './branding.ts';
import { addTo, type Stage } from './stage.ts';
import { freshMember } from './users.ts';
import { unique } from '../world/names.ts';

const everybody = ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin', 'machine'] as const;
const owners = ['owner', 'superAdmin'] as const;
const managers = ['manager', 'owner', 'superAdmin', 'machine'] as const;

let hours = 1000;
/** Every call changes something. */
const nextHours = (): number => (hours += 1);

const organizationSamples: SampleCalls = {
  setupOrganization: [
    {
      admits: ['superAdmin'],
      target: ['organization', 'orgId'],
      prepare: ({ world }) => ({
        as: human(world.admin),
        body: {
          orgName: unique('Founded'),
          adminFirstName: 'Ada',
          adminLastName: 'Lovelace',
          adminEmail: `${unique('founder')}@example.com`,
          customRoles: [{ key: 'editor', displayName: 'Editorial staff', allowedPermissions: ['articles:publish'] }],
          metadata: { plan: 'professional' },
          inviteUrl: 'http://localhost/join?code={{code}}',
        },
      }),
    },
  ],
  createOrganization: [
    {
      admits: ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'],
      target: ['organization', 'orgId'],
      prepare: ({ owner }) => ({
        as: human(owner),
        body: {
          name: unique('Founded'),
          customRoles: [{ key: 'editor', displayName: 'Editorial staff', allowedPermissions: ['articles:publish'] }],
          metadata: { plan: 'free' },
        },
      }),
    },
  ],
  listOrganizations: [
    {
      admits: everybody,
      prepare: ({ member }) => ({ as: human(member), query: { pageSize: '100' } }),
      answers: ({ orgId, neighbourOrgId }) => ({
        metadata: { total: 2 },
        organizations: [{ id: neighbourOrgId }, { id: orgId }],
      }),
    },
    {
      title: 'of the whole app',
      admits: everybody,
      prepare: ({ machine }) => ({ as: robot(machine), query: { pageSize: '100' } }),
    },
  ],
  getOrganization: [
    {
      admits: ['member', ...managers],
      prepare: ({ member, orgId }) => ({ as: human(member), params: { orgId } }),
    },
    {
      title: 'with metadata and roles',
      admits: managers,
      needs: {
        access: overOrganization('see', 'GENERIC_MACHINE_USER', 'ORG_OWNER', 'ORG_USER_MANAGER'),
        otherwise: 'access_denied',
      },
      prepare: ({ manager, orgId }) => ({
        as: human(manager),
        params: { orgId },
        query: { includeMetadata: 'true', includeRoles: 'true' },
      }),
      answers: ({ orgId }) => ({ id: orgId, roles: [{ key: 'reader' }, { key: 'writer' }] }),
    },
  ],
  updateOrganization: [
    {
      admits: managers,
      target: ['organization', 'orgId'],
      prepare: ({ manager, orgId }) => ({
        as: human(manager),
        params: { orgId },
        body: { metadata: { plan: unique('professional') } },
      }),
    },
    {
      title: 'by another name',
      admits: ['owner', 'superAdmin', 'machine'],
      needs: { access: overOrganization('change', 'GENERIC_MACHINE_USER', 'ORG_OWNER'), otherwise: 'access_denied' },
      target: ['organization', 'orgId'],
      prepare: ({ owner, orgId }) => ({ as: human(owner), params: { orgId }, body: { name: unique('Renamed') } }),
    },
    {
      title: 'with nothing new',
      admits: managers,
      isNoOp: true,
      prepare: ({ machine, orgId }) => ({ as: robot(machine), params: { orgId }, body: { metadata: {} } }),
    },
  ],
  getOrganizationSecurity: [
    {
      admits: ['member', ...managers],
      prepare: ({ member, orgId }) => ({ as: human(member), params: { orgId } }),
      answers: () => ({ mfa: 'optional', allowedFactors: null }),
    },
  ],
  updateOrganizationSecurity: [
    {
      admits: owners,
      target: ['organization', 'orgId'],
      prepare: ({ owner, orgId }) => ({ as: human(owner), params: { orgId }, body: { maxSessionHours: nextHours() } }),
    },
  ],
};

/** Maximum number of codes of one person and organization that stay valid after a new one. */
const codesKept = 9;

/** Invites a new address, or one whose owner is an active user. */
function inviting(extra: object, options: { known: boolean }) {
  return async ({ world, owner, orgId }: Stage): Promise<Prepared> => {
    const email = options.known ? (await world.person()).email : `${unique('invited')}@example.com`;
    const inviteUrl = 'http://localhost/join?code={{code}}';
    const body = { email, firstName: 'Katherine', lastName: 'Johnson', inviteUrl, ...extra };
    return { as: human(owner), params: { orgId }, body };
  };
}

/** Our organization invites so often that the oldest codes are void, except one of another organization. */
async function invitingAgainAndAgain(stage: Stage): Promise<Prepared> {
  const { world, neighbour, neighbourOrgId } = stage;
  const prepared = await inviting({ role: 'reader' }, { known: false })(stage);
  const url = (orgId: string) => `/v1/authorization/organizations/${orgId}/members`;
  await world.call('POST', url(neighbourOrgId), { token: neighbour.token, body: prepared.body });
  for (let count = 0; count < codesKept; count += 1) {
    await world.call('POST', url(stage.orgId), { token: stage.owner.token, body: prepared.body });
  }
  return prepared;
}

const invitingSamples = (
  admits: SampleCall['admits'],
  extra: object,
  names: string[] = [],
): [SampleCall, SampleCall] => [
  { admits, names, target: ['user', 'userId'], prepare: inviting(extra, { known: false }) },
  {
    title: 'who is an active user',
    admits,
    names,
    target: ['user', 'userId'],
    prepare: inviting(extra, { known: true }),
  },
];

/** Grants a role to the user that `choose` returns. */
function adding(choose: (stage: Stage) => Promise<{ userId: string }> | { userId: string }) {
  return async (stage: Stage): Promise<Prepared> => {
    const { userId } = await choose(stage);
    return { as: human(stage.owner), params: { userId }, orgId: stage.orgId, body: { roles: ['writer'] } };
  };
}

/**
 * A user of another organization and our member are not in the search index, like members from before the index
 * existed.
 */
async function hideFromSearch({ world, member, orgId, neighbourOrgId }: Stage, userId: string): Promise<void> {
  await world.test.db.query(sql`
    UPDATE members SET is_searchable = false
    WHERE app_id = ${world.appId} AND (org_id, user_id) IN (
      (${neighbourOrgId}, ${userId}), (${orgId}, ${member.userId}))`);
}

const adminsOnly = overOrganization('grant', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER');
const notByManagers = {
  access: overOrganization('grant', 'ORG_OWNER', 'GENERIC_MACHINE_USER'),
  otherwise: 'access_denied',
} as const;
const added = { target: ['user', 'userId'], names: ['writer'] } as const;

const memberSamples: SampleCalls = {
  inviteManager: invitingSamples(owners, {}),
  inviteOwner: invitingSamples(owners, {}),
  inviteMember: [
    ...invitingSamples(managers, { role: 'reader' }, ['reader']),
    {
      title: 'who was invited often',
      admits: managers,
      names: ['reader'],
      target: ['user', 'userId'],
      prepare: invitingAgainAndAgain,
    },
  ],
  addUserToOrganization: [
    { ...added, admits: managers, prepare: adding(freshMember) },
    {
      ...added,
      title: 'who is a manager',
      admits: ['owner', 'superAdmin', 'machine'],
      needs: notByManagers,
      prepare: adding(({ manager }) => manager),
    },
    {
      ...added,
      title: 'who is an owner',
      admits: ['owner', 'superAdmin', 'machine'],
      needs: notByManagers,
      prepare: adding(({ owner }) => owner),
    },
    {
      ...added,
      title: 'who owns the organization next door',
      admits: managers,
      prepare: adding(async (stage) => {
        const { world, neighbourOrgId } = stage;
        const person = await world.person();
        const body = { email: person.email, firstName: 'Jon', lastName: 'Doe' };
        const url = `/v1/authorization/organizations/${neighbourOrgId}/owners`;
        await world.call('POST', url, { token: world.admin.token, body });
        await addTo(stage, person.userId, 'reader');
        return person;
      }),
    },
    {
      ...added,
      title: 'whom owners and managers only sit beside',
      admits: ['superAdmin', 'machine'],
      needs: { access: adminsOnly, otherwise: 'user_not_found' },
      prepare: async (stage) => {
        const { world, neighbourOrgId } = stage;
        const { userId } = await world.person();
        await addTo({ world, orgId: neighbourOrgId }, userId, 'reader');
        await hideFromSearch(stage, userId);
        return { ...(await adding(() => ({ userId }))(stage)), as: robot(stage.machine) };
      },
      afterwards: async ({ world, member, orgId, neighbourOrgId }, { params = {} }) => {
        const found = await world.test.db.query(sql`
          SELECT org_id, user_id FROM members
          WHERE app_id = ${world.appId} AND is_searchable AND (org_id, user_id) IN (
            (${neighbourOrgId}, ${params['userId']}), (${orgId}, ${member.userId}))`);
        expect(found).toEqual([]);
      },
    },
    {
      ...added,
      title: 'whom owners and managers do not know',
      admits: ['superAdmin', 'machine'],
      needs: { access: adminsOnly, otherwise: 'user_not_found' },
      prepare: async (stage) => {
        const prepared = await adding(({ world }) => world.person())(stage);
        return { ...prepared, as: human(stage.world.admin) };
      },
    },
  ],
};

const machineSamples: SampleCalls = {
  createMachineUser: [
    {
      admits: ['superAdmin'],
      target: ['machine', 'machineUserId'],
      prepare: ({ world }) => ({ as: human(world.admin), body: { userName: unique('automaton') } }),
    },
    {
      title: 'with an idempotency key',
      admits: ['superAdmin'],
      target: ['machine', 'machineUserId'],
      prepare: ({ world }) => ({
        as: human(world.admin),
        headers: { 'idempotency-key': unique('key') },
        body: { userName: unique('automaton') },
      }),
    },
    {
      title: 'with scopes',
      admits: ['superAdmin'],
      target: ['machine', 'machineUserId'],
      prepare: ({ world }) => ({
        as: human(world.admin),
        body: { userName: unique('automaton'), scopes: ['members:read', 'audit:read'] },
      }),
    },
  ],
  updateMachineUser: [
    {
      admits: ['superAdmin'],
      target: ['machine', 'machineUserId'],
      prepare: async ({ world }) => {
        const { machineUserId } = await world.machine();
        const body = {
          userName: unique('automaton'),
          scopes: ['members:read'],
          allowedAudiences: ['https://billing.example.com'],
          allowedNetworks: ['10.0.0.0/8'],
          tokenLifeSeconds: 600,
        };
        return { as: human(world.admin), params: { machineUserId }, body };
      },
    },
  ],
  listMachineUsers: [
    { admits: ['superAdmin'], prepare: ({ world }) => ({ as: human(world.admin), query: { pageSize: '100' } }) },
  ],
  deleteMachineUser: [
    {
      admits: ['superAdmin'],
      target: ['machine', 'machineUserId'],
      prepare: async ({ world }) => {
        const { machineUserId } = await world.machine();
        return { as: human(world.admin), params: { machineUserId } };
      },
    },
  ],
  createMachineSecret: [
    {
      admits: ['superAdmin'],
      target: ['machine', 'machineUserId'],
      prepare: async ({ world }) => {
        const { machineUserId } = await world.machine();
        const url = `/v1/authorization/machine-users/${machineUserId}/secrets`;
        for (const label of ['second', 'third']) {
          await world.call('POST', url, { token: world.admin.token, body: { label } });
        }
        return { as: human(world.admin), params: { machineUserId }, body: { label: 'deploy pipeline' } };
      },
    },
  ],
  deleteMachineSecret: [
    {
      admits: ['superAdmin'],
      target: ['machine', 'machineUserId'],
      prepare: async ({ world }) => {
        const { machineUserId, secretId } = await world.machine();
        return { as: human(world.admin), params: { machineUserId, secretId } };
      },
    },
  ],
};

/** Sample calls under `/v1/authorization`. */
export const samplesOfOrganizations: SampleCalls = {
  ...organizationSamples,
  ...samplesOfOrganizationBranding,
  ...memberSamples,
  ...machineSamples,
};
