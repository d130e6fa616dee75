import { sql } from '../../db/db.ts';
import { notByManagers } from './members.ts';
import { human, type Prepared, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';
import { keptKey } from '../world/api-keys.ts';
import type { Person } from '../world/world.ts';
import { boundToOne, freshMember } from './users.ts';

const aboveManagers = ['owner', 'superAdmin', 'machine'] as const;
const target = ['api_key', 'apiKeyId'] as const;
const created = ['api_key', 'id'] as const;

/** Samples are called often, and there is a limit. */
async function makeRoom({ world: { test, appId } }: Stage): Promise<void> {
  await test.db.query(sql`DELETE FROM api_keys WHERE app_id = ${appId} AND name <> ${keptKey}`);
}

const rights = { name: 'nightly export', roles: ['reader'] };

async function make(stage: Stage, url: string, token: string, body: object): Promise<{ id: string; key: string }> {
  const response = await stage.world.call('POST', url, { token, body });
  if (response.statusCode !== 201) throw new Error(response.body);
  return response.json();
}

/** A key of our organization, and one of another organization. */
export async function organizationKey(stage: Stage, maker = stage.owner): Promise<{ id: string; key: string }> {
  await makeRoom(stage);
  const urlOf = (orgId: string) => `/v1/authorization/organizations/${orgId}/api-keys`;
  await make(stage, urlOf(stage.neighbourOrgId), stage.neighbour.token, rights);
  return make(stage, urlOf(stage.orgId), maker.token, rights);
}

/** A person, by default a new one, with a personal key; our member has one too. */
export async function personalKey(stage: Stage, owner?: Person) {
  await makeRoom(stage);
  const url = '/v1/authentication/users/me/api-keys';
  const { orgId: organizationId, member } = stage;
  await make(stage, url, member.token, { ...rights, organizationId });
  const person = owner ?? (await freshMember(stage));
  return { person, ...(await make(stage, url, person.token, { ...rights, organizationId })) };
}

const ofOrganization =
  (extra: Partial<Prepared> = {}) =>
  async (stage: Stage): Promise<Prepared> => {
    const { id } = await organizationKey(stage);
    return { as: human(stage.owner), params: { orgId: stage.orgId, apiKeyId: id }, ...extra };
  };

const ofPerson =
  (extra: Partial<Prepared> = {}) =>
  async (stage: Stage): Promise<Prepared> => {
    const { id, person } = await personalKey(stage);
    const self = human(person);
    return { as: self, addressed: self, params: { apiKeyId: id }, ...extra };
  };

const changes = { name: 'monthly export', perMinute: 60, expiresAt: '2100-01-01T00:00:00Z' };

const organizationSamples: SampleCalls = {
  createApiKey: [
    {
      admits: aboveManagers,
      needs: notByManagers('grant'),
      target: created,
      prepare: async (stage) => {
        await makeRoom(stage);
        return { as: human(stage.owner), params: { orgId: stage.orgId }, body: rights };
      },
    },
    {
      title: 'with permissions',
      admits: aboveManagers,
      needs: notByManagers('grant'),
      target: created,
      prepare: async (stage) => {
        await makeRoom(stage);
        const body = { name: 'nightly export', permissions: ['documents:reader'], perMinute: 10 };
        return { as: human(stage.owner), params: { orgId: stage.orgId }, body };
      },
    },
  ],
  listApiKeys: [
    {
      admits: aboveManagers,
      needs: notByManagers('read'),
      prepare: async (stage) => {
        await organizationKey(stage);
        return { as: human(stage.owner), params: { orgId: stage.orgId }, query: { pageSize: '10' } };
      },
    },
  ],
  updateApiKey: [
    { admits: aboveManagers, needs: notByManagers('change'), target, prepare: ofOrganization({ body: changes }) },
  ],
  revokeApiKey: [{ admits: aboveManagers, needs: notByManagers('remove'), target, prepare: ofOrganization() }],
  adoptApiKey: [
    {
      admits: ['owner', 'superAdmin'],
      target,
      prepare: async (stage) => {
        const prepared = await ofOrganization()(stage);
        await stage.world.test.db.query(sql`UPDATE api_keys SET maker_id = NULL WHERE app_id = ${stage.world.appId}`);
        return prepared;
      },
    },
  ],
};

const orgIdOfEvent = ({ orgId }: Stage): string => orgId;

const personalSamples: SampleCalls = {
  createMyApiKey: [
    {
      admits: ['member'],
      outcomes: {
        stranger: 'organization_not_found',
        neighbour: 'organization_not_found',
        superAdmin: 'organization_not_found',
        manager: 'access_denied',
        owner: 'access_denied',
      },
      target: created,
      orgIdOfEvent,
      prepare: async (stage) => {
        await makeRoom(stage);
        return { as: human(stage.member), body: { ...rights, organizationId: stage.orgId } };
      },
    },
  ],
  listMyApiKeys: [
    {
      admits: ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'],
      prepare: async (stage) => ({ as: (await ofPerson()(stage)).as, query: { pageSize: '10' } }),
    },
  ],
  updateMyApiKey: [{ ...boundToOne('api_key_not_found'), target, orgIdOfEvent, prepare: ofPerson({ body: changes }) }],
  revokeMyApiKey: [{ ...boundToOne('api_key_not_found'), target, orgIdOfEvent, prepare: ofPerson() }],
};

/** Sample calls of operations on API keys. */
export const samplesOfApiKeys: SampleCalls = { ...organizationSamples, ...personalSamples };
