import { expect } from 'vitest';
import { sql } from '../../db/db.ts';
import { human, robot, type SampleCall, type SampleCalls } from './sample.ts';
import { addTo, type Stage } from './stage.ts';

const owners: SampleCall['admits'] = ['owner', 'superAdmin', 'machine'];
const query = { pageSize: '100' };

/** The newest event of an actor, in the form of the list. */
async function newestBy({ world }: Stage, actorId: string) {
  const [row] = await world.test.db.query<{ id: string; action: string }>(sql`
    SELECT id, action FROM audit_events WHERE app_id = ${world.appId} AND actor_id = ${actorId} ORDER BY id DESC
    LIMIT 1`);
  return row ?? { id: '', action: '' };
}

/** A super admin, who is only a member of another organization, changes the organization; then its owner does. */
async function changeByOutsider({ world, owner, orgId, neighbourOrgId }: Stage): Promise<void> {
  await addTo({ world, orgId: neighbourOrgId }, world.admin.userId, 'reader');
  for (const { token } of [world.admin, owner]) {
    const body = { metadata: { plan: 'pro' } };
    await world.call('PATCH', `/v1/authorization/organizations/${orgId}`, { token, body });
  }
}

async function deletedOrganization({ world, owner }: Stage): Promise<string> {
  const orgId = await world.organization(owner);
  const response = await world.call('DELETE', `/v1/authorization/organizations/${orgId}`, { token: world.admin.token });
  if (response.statusCode >= 300) throw new Error(response.body);
  return orgId;
}

const gone = 'organization_not_found';
const nobodyInParticular = expect.not.objectContaining({ id: expect.anything() });

/** Sample calls of the lists of audit events. */
export const samplesOfAudit: SampleCalls = {
  listOrganizationAuditEvents: [
    {
      admits: owners,
      // The newest event of all belongs to another organization.
      prepare: async ({ world, owner, orgId, neighbour, neighbourOrgId }) => {
        const body = { metadata: { plan: 'pro' } };
        const url = (id: string) => `/v1/authorization/organizations/${id}`;
        await world.call('PATCH', url(orgId), { token: owner.token, body });
        await world.call('PATCH', url(neighbourOrgId), { token: neighbour.token, body });
        return { as: human(owner), params: { orgId }, query: { pageSize: '1' } };
      },
      answers: ({ orgId }) => ({ events: [{ orgId }] }),
    },
    {
      title: 'of one action by one actor',
      admits: owners,
      foreignIn: { 'query.actorId': 200 },
      prepare: async (stage) => {
        const { owner, orgId, world } = stage;
        const url = `/v1/authorization/organizations/${orgId}`;
        await world.call('PATCH', url, { token: owner.token, body: { metadata: { plan: 'pro' } } });
        const { action } = await newestBy(stage, owner.userId);
        return { as: human(owner), params: { orgId }, query: { ...query, actorId: owner.userId, action } };
      },
    },
    {
      title: 'as its owner, changed by an outsider',
      admits: owners,
      prepare: async (stage) => {
        await changeByOutsider(stage);
        return { as: human(stage.owner), params: { orgId: stage.orgId }, query: { pageSize: '2' } };
      },
      answers: ({ owner }) => ({ events: [{ actor: { id: owner.userId } }, { actor: nobodyInParticular }] }),
    },
    {
      title: 'of a deleted organization, after another was deleted',
      afterDeletion: true,
      admits: ['superAdmin', 'machine'],
      outcomes: { owner: gone, manager: gone, member: gone, ownerByTokenHere: 'unauthenticated' },
      prepare: async (stage) => {
        await deletedOrganization(stage);
        return { as: robot(stage.machine), params: { orgId: await deletedOrganization(stage) }, query };
      },
    },
  ],
  listAuditEvents: [
    {
      admits: ['superAdmin', 'machine'],
      prepare: ({ machine }) => ({ as: robot(machine), query }),
    },
    {
      title: 'of one action by one actor',
      admits: ['superAdmin', 'machine'],
      foreign: 200,
      prepare: async (stage) => {
        const { action } = await newestBy(stage, stage.world.admin.userId);
        const { userId } = stage.world.admin;
        return { as: human(stage.world.admin), query: { ...query, actorId: userId, action } };
      },
    },
  ],
};
