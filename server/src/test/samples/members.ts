import { sql } from '../../db/db.ts';
import { overOrganization } from '../../access/access.ts';
import type { OrganizationOperation } from '../../access/organization-states.ts';
import { human, type Prepared, robot, type SampleCalls } from './sample.ts';
import { addTo, type Stage } from './stage.ts';
import { freshMember } from './users.ts';
import type { Person } from '../world/world.ts';

const owners = ['owner', 'superAdmin'] as const;
const aboveManagers = [...owners, 'machine'] as const;
const managers = ['manager', ...aboveManagers] as const;

/** Calls of managers that are refused if the target is an owner or manager. */
export const notByManagers = (operation: OrganizationOperation) =>
  ({
    access: overOrganization(operation, 'ORG_OWNER', 'GENERIC_MACHINE_USER'),
    otherwise: 'access_denied',
  }) as const;

/** Makes a user manager or owner of the organization, as super admin. */
async function grant({ world, orgId }: Stage, noun: 'managers' | 'owners', { email }: Person): Promise<void> {
  const url = `/v1/authorization/organizations/${orgId}/${noun}`;
  const body = { email, firstName: 'Jon', lastName: 'Doe' };
  const response = await world.call('POST', url, { token: world.admin.token, body });
  if (response.statusCode !== 201) throw new Error(response.body);
}

async function freshOwner(stage: Stage): Promise<Person> {
  const person = await stage.world.person();
  await grant(stage, 'owners', person);
  return person;
}

const freshManager = ({ world, orgId }: Stage): Promise<Person> => world.manager(orgId);

/** A manager here and in another organization, and another manager. */
async function managerBesideOthers(stage: Stage): Promise<Prepared> {
  const { world, orgId, owner, neighbourOrgId } = stage;
  const [person, beside] = [await freshManager(stage), await freshManager(stage)];
  await grant({ ...stage, orgId: neighbourOrgId }, 'managers', person);
  const membership = await world.test.db.query<{ id: string }>(sql`
    SELECT id FROM members WHERE app_id = ${world.appId} AND org_id = ${orgId} AND user_id = ${beside.userId}`);
  const params = { orgId, userId: person.userId };
  return { as: human(owner), params, bystanders: [beside.userId, ...membership.map(({ id }) => id)] };
}

const everywhere = 'global:janitor';

/** A user who has a predefined role here and in another organization, and a role of each, and other users. */
async function memberBesideOthers(stage: Stage): Promise<Prepared> {
  const { world, orgId, owner, neighbourOrgId } = stage;
  const body = { roles: [{ key: 'janitor', displayName: 'Everywhere', allowedPermissions: ['doors:open'] }] };
  await world.call('POST', '/v1/authorization/predefined-roles', { token: world.admin.token, body });
  const [person, beside] = [await freshMember(stage), await freshMember(stage)];
  await addTo({ world, orgId: neighbourOrgId }, person.userId, 'writer');
  await addTo(stage, beside.userId, 'writer');
  for (const at of [orgId, neighbourOrgId]) await addTo({ world, orgId: at }, person.userId, everywhere);
  await addTo(stage, beside.userId, everywhere);
  return { as: human(owner), params: { userId: person.userId }, orgId, bystanders: [beside.userId] };
}

const removing = (choose: (stage: Stage) => Promise<Person>) => {
  return async (stage: Stage): Promise<Prepared> => {
    const { userId } = await choose(stage);
    return { as: human(stage.owner), params: { userId }, orgId: stage.orgId };
  };
};

const setting = (roles: string[], choose: (stage: Stage) => Promise<Person>) => {
  return async (stage: Stage): Promise<Prepared> => ({ ...(await removing(choose)(stage)), body: { roles } });
};

const demoting = (choose: (stage: Stage) => Promise<Person>) => {
  return async (stage: Stage): Promise<Prepared> => {
    const { userId } = await choose(stage);
    return { as: human(stage.owner), params: { orgId: stage.orgId, userId } };
  };
};

/** A separate organization with only an owner, a manager and a member. */
export async function ofOurPeople(stage: Stage): Promise<string> {
  const { world, owner, manager, member } = stage;
  const orgId = await world.organization(owner);
  await grant({ ...stage, orgId }, 'managers', manager);
  await addTo({ world, orgId }, member.userId, 'reader');
  return orgId;
}

const target = ['user', 'userId'] as const;

/** Sample calls that change owners, managers and members. */
export const samplesOfMembers: SampleCalls = {
  listManagers: [
    {
      admits: managers,
      prepare: async (stage) => ({
        as: human(stage.manager),
        params: { orgId: await ofOurPeople(stage) },
        query: { pageSize: '100' },
      }),
      answers: ({ owner, manager }) => ({
        metadata: { total: 2 },
        managers: [
          { id: owner.userId, roles: [], managerRoles: ['ORG_OWNER'] },
          { id: manager.userId, roles: [], managerRoles: ['ORG_USER_MANAGER'] },
        ],
      }),
    },
  ],
  removeManager: [
    { admits: owners, target, prepare: demoting(freshManager) },
    { title: 'who is an owner', admits: owners, target, prepare: demoting(freshOwner) },
    { title: 'who manages next door too, beside others', admits: owners, target, prepare: managerBesideOthers },
  ],
  removeUserFromOrganization: [
    { admits: managers, target, prepare: removing(freshMember) },
    {
      title: 'who is a manager',
      admits: aboveManagers,
      needs: notByManagers('remove'),
      target,
      prepare: removing(freshManager),
    },
    {
      title: 'who may be the manager who calls',
      admits: aboveManagers,
      needs: notByManagers('remove'),
      target,
      prepare: async (stage) => ({
        as: human(stage.owner),
        params: { userId: stage.manager.userId },
        orgId: await ofOurPeople(stage),
      }),
    },
    {
      title: 'who is an owner',
      admits: aboveManagers,
      needs: notByManagers('remove'),
      target,
      prepare: removing(freshOwner),
    },
  ],
  setOrganizationUserRoles: [
    { admits: managers, target, names: ['writer'], prepare: setting(['writer'], freshMember) },
    { title: 'to none', admits: managers, target, prepare: setting([], freshMember) },
    {
      title: 'to what they are',
      admits: managers,
      isNoOp: true,
      prepare: async (stage) => ({
        ...(await memberBesideOthers(stage)),
        as: robot(stage.machine),
        body: { roles: ['reader', everywhere] },
      }),
    },
    {
      title: 'to fewer, beside others who keep theirs',
      admits: managers,
      target,
      names: ['reader'],
      prepare: async (stage) => ({ ...(await memberBesideOthers(stage)), body: { roles: ['reader'] } }),
    },
    {
      title: 'of a manager',
      admits: aboveManagers,
      needs: notByManagers('grant'),
      target,
      names: ['writer'],
      prepare: setting(['writer'], freshManager),
    },
    {
      title: 'of an owner',
      admits: aboveManagers,
      needs: notByManagers('grant'),
      target,
      names: ['writer'],
      prepare: setting(['writer'], freshOwner),
    },
  ],
};
