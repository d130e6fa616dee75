import { sql } from '../../db/db.ts';
import { human, type Prepared, type SampleCall } from './sample.ts';
import { ownPassword, personWithOwnPassword } from './accounts.ts';
import { addTo, type Stage } from './stage.ts';
import { notByManagers, ofOurPeople } from './members.ts';
import { boundToOne, freshMember } from './users.ts';
import { unique } from '../world/names.ts';
import type { Person } from '../world/world.ts';

const aboveManagers = ['owner', 'superAdmin', 'machine'] as const;
const managers = ['manager', ...aboveManagers] as const;
const target = ['user', 'userId'] as const;

/** The default of the app. */
export async function letManagersGrantAnyRole({ world: { test, appId } }: Stage): Promise<void> {
  const isSet = sql`id = ${appId} AND settings -> 'managersMayGrantAnyRole' IS NOT NULL`;
  if ((await test.db.query(sql`SELECT 1 FROM apps WHERE ${isSet}`)).length === 0) return;
  await test.db.query(sql`UPDATE apps SET settings = settings - 'managersMayGrantAnyRole' WHERE ${isSet}`);
}

async function letManagersGrantTheirOwnRoles({ world }: Stage): Promise<void> {
  const body = { settings: { managersMayGrantAnyRole: false } };
  const response = await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, body);
  if (response.statusCode !== 200) throw new Error(response.body);
}

const invitee = ({ email }: { email: string }) => ({ email, firstName: 'Jon', lastName: 'Doe', role: 'reader' });

/** Names a user of a separate organization with the same members, by address. */
const naming = (choose: (stage: Stage) => Person) => {
  return async (stage: Stage): Promise<Prepared> => {
    const orgId = await ofOurPeople(stage);
    return { as: human(stage.owner), params: { orgId }, body: invitee(choose(stage)) };
  };
};

type Noun = 'members' | 'owners';

async function invite(
  { world, orgId, token }: Pick<Stage, 'world' | 'orgId'> & { token: string },
  email: string,
  noun: Noun = 'members',
) {
  const url = `/v1/authorization/organizations/${orgId}/${noun}`;
  const { role, ...body } = invitee({ email });
  const response = await world.call('POST', url, { token, body: noun === 'members' ? { ...body, role } : body });
  if (response.statusCode !== 201) throw new Error(response.body);
  return response.json<{ userId: string }>().userId;
}

interface Invited {
  readonly person: Person;
  /** Another user with the same invitation, and an invitation of the person in another organization. */
  readonly bystanders: readonly string[];
}

/**
 * A user whose address was verified in the meantime, with an invitation to our role, one of another organization, and
 * another invited user.
 */
async function invitedBesideOthers(stage: Stage, noun: Noun = 'members'): Promise<Invited> {
  const { world, owner, neighbour, neighbourOrgId } = stage;
  const person = await world.person({ verified: false });
  const { code: verificationCode } = await world.mail(person.email);
  const other = await invite({ ...stage, token: owner.token }, `${unique('beside')}@example.com`, noun);
  await invite({ ...stage, token: owner.token }, person.email, noun);
  await invite({ world, orgId: neighbourOrgId, token: neighbour.token }, person.email, noun);
  const { userId, token } = person;
  await world.call('POST', '/v1/authentication/users/email/verification', {
    token,
    body: { userId, verificationCode },
  });
  const [nextDoor] = await world.test.db.query<{ id: string }>(sql`
    SELECT id FROM invitations
    WHERE app_id = ${world.appId} AND org_id = ${neighbourOrgId} AND user_id = ${userId}`);
  return { person, bystanders: [other, nextDoor?.id ?? ''] };
}

/** A user who never verified the address of the sign-up, with pending invitations, and other invited users. */
async function awaitedBesideOthers(stage: Stage): Promise<Invited> {
  const { world, owner } = stage;
  const person = await personWithOwnPassword(stage);
  await invite({ ...stage, token: owner.token }, person.email);
  const other = await invite({ ...stage, token: owner.token }, `${unique('beside')}@example.com`);
  await world.call('POST', '/v1/authorization/super-admins', {
    token: world.admin.token,
    body: { email: person.email },
  });
  return { person, bystanders: [other] };
}

const awaited = 'with an unproven address that invitations wait for';

const roleOfOthers = 'global:steward';

/**
 * Creates a predefined role that one user has here, and our manager only in another organization; managers may grant
 * only roles that they have.
 */
async function grantToOthers(stage: Stage, orgId: string): Promise<void> {
  const { world, neighbourOrgId, manager } = stage;
  const body = { roles: [{ key: 'steward', displayName: 'Everywhere', allowedPermissions: ['audit:read'] }] };
  await world.call('POST', '/v1/authorization/predefined-roles', { token: world.admin.token, body });
  await addTo({ world, orgId: neighbourOrgId }, manager.userId, roleOfOthers);
  await addTo({ world, orgId }, stage.member.userId, roleOfOthers);
  await letManagersGrantTheirOwnRoles(stage);
}

/** Adds a role that our manager does not have in the organization to a plain member. */
async function addingRoleOfOthers(stage: Stage): Promise<Prepared> {
  const orgId = await ofOurPeople(stage);
  const { userId } = await freshMember({ ...stage, orgId });
  await grantToOthers(stage, orgId);
  return { as: human(stage.owner), params: { userId }, orgId, body: { roles: [roleOfOthers] } };
}

async function addingOwnRole(stage: Stage): Promise<Prepared> {
  const prepared = await addingRoleOfOthers(stage);
  await addTo({ world: stage.world, orgId: prepared.orgId ?? '' }, stage.manager.userId, 'writer');
  return { ...prepared, body: { roles: ['writer'] } };
}

const throughManagers = { admits: aboveManagers, needs: notByManagers('grant') } as const;

/** Further sample calls of grants: refusals for managers, and unaffected users. */
export const samplesOfGrants: Readonly<Record<string, readonly SampleCall[]>> = {
  inviteMember: [
    { ...throughManagers, title: 'who is an owner', target, names: ['reader'], prepare: naming(({ owner }) => owner) },
    {
      ...throughManagers,
      title: 'who may be the manager who calls',
      target,
      names: ['reader'],
      prepare: naming(({ manager }) => manager),
    },
    {
      title: 'who was invited before beside others',
      admits: managers,
      target,
      names: ['reader'],
      prepare: async (stage) => {
        const { person, bystanders } = await invitedBesideOthers(stage);
        return { as: human(stage.owner), params: { orgId: stage.orgId }, body: invitee(person), bystanders };
      },
    },
  ],
  addUserToOrganization: [
    {
      title: 'who was invited before beside others',
      admits: managers,
      target,
      names: ['reader'],
      prepare: async (stage) => {
        const { person, bystanders } = await invitedBesideOthers(stage);
        await addTo(stage, person.userId, 'writer');
        return {
          as: human(stage.owner),
          params: { userId: person.userId },
          orgId: stage.orgId,
          body: { roles: ['reader'] },
          bystanders,
        };
      },
    },
    {
      ...throughManagers,
      title: 'to a role that the manager does not hold, where managers grant what they hold',
      target,
      names: [roleOfOthers],
      prepare: addingRoleOfOthers,
    },
    {
      title: 'to a role that the manager holds, where managers grant what they hold',
      admits: managers,
      target,
      names: ['writer'],
      prepare: addingOwnRole,
    },
  ],
  setOrganizationUserRoles: [
    {
      ...throughManagers,
      title: 'to one that the manager does not hold, where managers grant what they hold',
      target,
      names: [roleOfOthers],
      prepare: addingRoleOfOthers,
    },
  ],
  removeUserFromOrganization: [
    {
      title: 'who was invited before beside others',
      admits: managers,
      target,
      tellsMore: ['invitation.revoked'],
      prepare: async (stage) => {
        const { person, bystanders } = await invitedBesideOthers(stage);
        await addTo(stage, person.userId, 'writer');
        return { as: human(stage.owner), params: { userId: person.userId }, orgId: stage.orgId, bystanders };
      },
    },
  ],
  removeManager: [
    {
      title: 'who was invited as owner before beside others',
      admits: ['owner', 'superAdmin'],
      target,
      tellsMore: ['invitation.revoked'],
      prepare: async (stage) => {
        const { world, orgId, owner } = stage;
        const { person, bystanders } = await invitedBesideOthers(stage, 'owners');
        const { role: _, ...body } = invitee(person);
        await world.call('POST', `/v1/authorization/organizations/${orgId}/managers`, { token: owner.token, body });
        return { as: human(owner), params: { orgId, userId: person.userId }, bystanders };
      },
    },
  ],
  signUp: [
    {
      title: 'with an address that was invited',
      admits: 'everyone',
      target,
      prepare: async (stage) => {
        const email = `${unique('invited')}@example.com`;
        const bystander = await invite({ ...stage, token: stage.owner.token }, `${unique('beside')}@example.com`);
        await invite({ ...stage, token: stage.owner.token }, email);
        const body = { firstName: 'Grace', lastName: 'Hopper', email, password: 'Password@123JonDoeInc' };
        return { as: { kind: 'anonymous', id: null, token: undefined }, body, bystanders: [bystander] };
      },
    },
  ],
  exportMe: [
    {
      title: awaited,
      admits: ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'],
      prepare: async (stage) => ({ as: human((await awaitedBesideOthers(stage)).person) }),
      answers: () => ({ invitations: [] }),
    },
  ],
  changeEmail: [
    {
      ...boundToOne('code_invalid'),
      title: awaited,
      foreign: 'code_invalid',
      tellsMore: ['invitation.resent'],
      prepare: async (stage) => {
        const { world } = stage;
        const { person, bystanders } = await awaitedBesideOthers(stage);
        const newEmail = `${unique('new-address')}@example.com`;
        const body = { newEmail, currentPassword: ownPassword };
        await world.call('POST', '/v1/authentication/users/me/email', { token: person.token, body });
        const { code: verificationCode } = await world.mail(newEmail);
        return { as: human(person), addressed: human(person), body: { verificationCode }, bystanders };
      },
    },
  ],
  deleteMe: [
    {
      ...boundToOne('current_password_wrong'),
      title: awaited,
      leavesNoClient: true,
      tellsMore: ['invitation.resent'],
      prepare: async (stage) => {
        const { person, bystanders } = await awaitedBesideOthers(stage);
        return { as: human(person), addressed: human(person), body: { currentPassword: ownPassword }, bystanders };
      },
    },
  ],
};
