import { expect } from 'vitest';
import { sql } from '../../db/db.ts';
import { overUser } from '../../access/access.ts';
import { organizationKey, personalKey } from './api-keys.ts';
import { pngOf } from '../images.ts';
import { enrol } from '../world/factors.ts';
import { codeRequestUrl, enableSignInCodes } from '../world/sign-in-codes.ts';
import { human, nobody, type Prepared, robot, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';
import { freshMember } from './users.ts';
import { unique } from '../world/names.ts';
import { type Person, password } from '../world/world.ts';

const governors = ['superAdmin', 'machine'] as const;
const target = ['user', 'userId'] as const;

/** A machine user must not change super admins. */
const overSuperAdmin = {
  title: 'who is a super admin',
  admits: ['superAdmin'],
  needs: { access: overUser('SUPER_ADMIN'), otherwise: 'access_denied' },
  target,
} as const;

/** A member who is also a super admin or, with an unverified address, only invited to be one. */
async function superAdmin(stage: Stage, options: { verified?: boolean } = {}): Promise<Person> {
  const { world } = stage;
  const person = await freshMember(stage, options);
  const url = '/v1/authorization/super-admins';
  const response = await world.call('POST', url, { token: world.admin.token, body: { email: person.email } });
  if (response.statusCode !== 201) throw new Error(response.body);
  return person;
}

async function inactive(stage: Stage, { userId }: Person): Promise<string> {
  await stage.world.test.db.query(sql`
    UPDATE users SET state = 'INACTIVE' WHERE app_id = ${stage.world.appId} AND id = ${userId}`);
  return userId;
}

/** Called by the super admin, and by the user's own token if it is accepted. */
const bySuperAdmin = ({ world }: Stage, userId: string, addressed?: Person): Prepared => ({
  as: human(world.admin),
  params: { userId },
  ...(addressed && { addressed: human(addressed) }),
});

const overMember = async (stage: Stage): Promise<Prepared> => {
  const member = await freshMember(stage);
  return bySuperAdmin(stage, member.userId, member);
};

/** The user has requested a code to sign in that was not sent yet. */
const overMemberWhoAskedForSignInCode = async (stage: Stage): Promise<Prepared> => {
  await enableSignInCodes(stage.world);
  const member = await freshMember(stage);
  await stage.world.call('POST', codeRequestUrl, { body: { email: member.email } });
  return bySuperAdmin(stage, member.userId, member);
};

/**
 * The user is an owner with a second factor, keys and secrets. The other owners are notified that the secrets expire.
 */
const overOwnerWithKeys = async (stage: Stage): Promise<Prepared> => {
  const { world, orgId } = stage;
  const { test, appId } = world;
  const owner = await freshMember(stage);
  await test.db.query(sql`
    UPDATE members SET is_owner = true WHERE app_id = ${appId} AND org_id = ${orgId} AND user_id = ${owner.userId}`);
  await world.organizationMachine(orgId, { by: owner.token });
  await personalKey(stage, owner);
  await organizationKey(stage, owner);
  await enrol(world, owner);
  return bySuperAdmin(stage, owner.userId, owner);
};

/** An attempt on a code that does not exist was made from the user's client address. */
const overMemberWithAttemptWithoutCode = async (stage: Stage): Promise<Prepared> => {
  const body = { email: `${unique('nobody')}@example.com`, verificationCode: 'AAAAAAA', newPassword: password };
  const response = await stage.world.call('PUT', '/v1/authentication/users/password', { body });
  if (response.statusCode !== 400) throw new Error(response.body);
  return overMember(stage);
};

/** The user has a password reset request that is not processed yet. */
const overMemberWhoAskedForReset = async (stage: Stage): Promise<Prepared> => {
  const member = await freshMember(stage);
  const url = '/v1/authentication/users/password/reset-request/email';
  await stage.world.call('POST', url, { body: { email: member.email } });
  return bySuperAdmin(stage, member.userId, member);
};

/** An attempt on a code that does not exist was made from another user's client address. */
async function attemptWithoutCodeElsewhere({ world, neighbour }: Stage, address: string): Promise<void> {
  const { test, appId } = world;
  await test.db.query(sql`
    UPDATE sessions SET ip = ${address} WHERE app_id = ${appId} AND user_id = ${neighbour.userId}`);
  await test.db.query(sql`
    INSERT INTO code_tries_in_vain (app_id, address, tries, last_at)
    VALUES (${appId}, ${address}, 1, ${test.clock.now()}) ON CONFLICT DO NOTHING`);
}

const elsewhere = '203.0.113.77';

const overAnotherSuperAdmin = async (stage: Stage): Promise<Prepared> =>
  bySuperAdmin(stage, (await superAdmin(stage)).userId);

const changed = { ...overSuperAdmin, prepare: overAnotherSuperAdmin };

const userSamples: SampleCalls = {
  listUsers: [
    {
      admits: governors,
      prepare: ({ world }) => ({ as: human(world.admin), query: { pageSize: '1', includeMetadata: 'true' } }),
      answers: ({ world }) => ({ users: [{ id: world.admin.userId, userState: 'ACTIVE', metadata: {} }] }),
    },
  ],
  deleteUser: [
    { admits: governors, target, prepare: overMember },
    {
      title: 'who tried a code in vain',
      admits: governors,
      target,
      prepare: async (stage) => {
        await attemptWithoutCodeElsewhere(stage, elsewhere);
        return overMemberWithAttemptWithoutCode(stage);
      },
      afterwards: async ({ world }) => {
        const rows = await world.test.db.query<{ address: string }>(sql`
          SELECT address FROM code_tries_in_vain WHERE app_id = ${world.appId}`);
        expect(rows).toEqual([{ address: elsewhere }]);
      },
    },
    { title: 'who asked for a reset', admits: governors, target, prepare: overMemberWhoAskedForReset },
    { title: 'who asked for a code to sign in', admits: governors, target, prepare: overMemberWhoAskedForSignInCode },
    {
      title: 'who has keys and secrets',
      admits: governors,
      target,
      prepare: overOwnerWithKeys,
      tellsMore: ['api_key.adoption_required', 'organization_machine_secret.end_scheduled'],
    },
    changed,
  ],
  deactivateUser: [
    { admits: governors, target, prepare: overMember },
    changed,
    {
      title: 'who is deactivated',
      admits: governors,
      isNoOp: true,
      prepare: async (stage) => ({
        as: robot(stage.machine),
        params: { userId: await inactive(stage, await freshMember(stage)) },
      }),
    },
  ],
  reactivateUser: [
    {
      admits: governors,
      target,
      prepare: async (stage) => ({
        as: robot(stage.machine),
        params: { userId: await inactive(stage, await freshMember(stage)) },
      }),
    },
    {
      ...overSuperAdmin,
      prepare: async (stage) => bySuperAdmin(stage, await inactive(stage, await superAdmin(stage))),
    },
    { title: 'who is active', admits: governors, isNoOp: true, prepare: overMember },
  ],
};

const newAdmin = () => ({
  email: `${unique('new-admin')}@example.com`,
  firstName: 'Ada',
  lastName: 'Lovelace',
  resetUrl: 'http://localhost/reset?code={{code}}',
});

/** Invites a super admin whose mail is delayed by the quota of the mailbox. */
async function delayedAdmin({ world }: Stage): Promise<{ id: string; email: string }> {
  const { db, clock } = world.test;
  const body = newAdmin();
  const response = await world.call('POST', '/v1/authorization/super-admins', { token: world.admin.token, body });
  const { userId: id } = response.json<{ userId: string }>();
  const later = new Date(clock.now().getTime() + 3_600_000);
  await db.query(sql`UPDATE mails SET due_at = ${later} WHERE app_id = ${world.appId} AND user_id = ${id}`);
  return { id, email: body.email };
}

const superAdminSamples: SampleCalls = {
  listSuperAdmins: [
    {
      admits: ['superAdmin'],
      prepare: ({ world }) => ({ as: human(world.admin), query: { pageSize: '1' } }),
      answers: ({ world }) => ({ superAdmins: [{ id: world.admin.userId, userState: 'ACTIVE' }] }),
    },
    {
      title: 'of whom one waits for a mail',
      admits: ['superAdmin'],
      prepare: async (stage) => {
        await delayedAdmin(stage);
        return { as: human(stage.world.admin), query: { pageSize: '100' } };
      },
      answers: () => ({
        superAdmins: [expect.not.objectContaining({ mail: 'delayed' }), { mail: 'delayed' }],
      }),
    },
  ],
  addSuperAdmin: [
    {
      admits: ['superAdmin'],
      target,
      prepare: async ({ world }) => ({ as: human(world.admin), body: { email: (await world.person()).email } }),
    },
    {
      title: 'whose address is unproven',
      admits: ['superAdmin'],
      target,
      prepare: ({ world }) => ({ as: human(world.admin), body: newAdmin() }),
    },
    {
      title: 'beside one who waits for a mail',
      admits: ['superAdmin'],
      target,
      prepare: async (stage) => ({
        as: human(stage.world.admin),
        body: newAdmin(),
        bystanders: [(await delayedAdmin(stage)).id],
      }),
    },
    {
      title: 'who is invited already and waits for the mail',
      admits: ['superAdmin'],
      target,
      prepare: async (stage) => ({
        as: human(stage.world.admin),
        body: { email: (await delayedAdmin(stage)).email },
      }),
    },
    {
      title: 'who is one already',
      admits: ['superAdmin'],
      isNoOp: true,
      prepare: ({ world }) => ({ as: human(world.admin), body: { email: world.admin.email } }),
    },
  ],
  removeSuperAdmin: [
    { admits: ['superAdmin'], target, prepare: overAnotherSuperAdmin },
    {
      title: 'who was only invited',
      admits: ['superAdmin'],
      target,
      prepare: async (stage) => {
        const invited = await superAdmin(stage, { verified: false });
        return bySuperAdmin(stage, invited.userId, invited);
      },
    },
  ],
};

/** Queries about one address: the caller's own, or by a caller who sees the whole app. */
const ofAddress = {
  admits: ['addressed', 'superAdmin', 'machine'],
  needs: { access: overUser('SESSION_OWNER', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER'), otherwise: 'access_denied' },
} as const;

const askingForAddress = async (stage: Stage, as: 'themselves' | 'a machine'): Promise<Prepared> => {
  const member = await freshMember(stage);
  const caller = as === 'a machine' ? robot(stage.machine) : human(member);
  return { as: caller, addressed: human(member), query: { email: member.email } };
};

const readerOf = ({ orgId }: Stage) => ({
  metadata: { total: 1 },
  organizations: [{ id: orgId, status: 'Active', roles: ['reader'] }],
});

const membershipSamples: SampleCalls = {
  listMyManagerRoles: [
    {
      admits: ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'],
      prepare: ({ owner }) => ({ as: human(owner), query: { pageSize: '1' } }),
      answers: ({ orgId }) => ({ managerRoles: [{ orgId, roles: ['ORG_OWNER'] }] }),
    },
  ],
  listOrganizationsByEmail: [
    { ...ofAddress, prepare: (stage) => askingForAddress(stage, 'themselves'), answers: readerOf },
    {
      ...ofAddress,
      title: 'of somebody else',
      prepare: (stage) => askingForAddress(stage, 'a machine'),
      answers: readerOf,
    },
  ],
};

/** The app has a logo. */
async function withLogo({ world }: Stage): Promise<Prepared> {
  const body = { content: pngOf(1, 1) };
  await world.call('PUT', '/v1/authorization/branding/logo', { token: world.admin.token, body });
  return { as: human(world.admin) };
}

const appSamples: SampleCalls = {
  getAppSettings: [{ admits: ['superAdmin'], prepare: ({ world }) => ({ as: human(world.admin) }) }],
  updateAppSettings: [
    {
      admits: ['superAdmin'],
      target: ['app'],
      prepare: ({ world }) => ({ as: human(world.admin), body: { mail: { brandName: unique('A brand') } } }),
    },
    {
      title: 'with nothing new',
      admits: ['superAdmin'],
      isNoOp: true,
      prepare: ({ world }) => ({ as: human(world.admin), body: {} }),
    },
  ],
  getBranding: [
    {
      admits: ['superAdmin'],
      prepare: async ({ world }) => {
        const body = { name: 'Acme' };
        await world.call('PATCH', '/v1/authorization/branding', { token: world.admin.token, body });
        return { as: human(world.admin) };
      },
    },
  ],
  updateBranding: [
    {
      admits: ['superAdmin'],
      target: ['app'],
      prepare: ({ world }) => ({ as: human(world.admin), body: { name: unique('A brand') } }),
    },
  ],
  previewBranding: [
    {
      admits: ['superAdmin'],
      isNoOp: true,
      prepare: ({ world }) => ({ as: human(world.admin), body: { radius: 12 } }),
    },
  ],
  getLogo: [{ admits: ['superAdmin'], prepare: withLogo }],
  setLogo: [
    {
      admits: ['superAdmin'],
      target: ['app'],
      prepare: ({ world }) => ({ as: human(world.admin), body: { content: pngOf(3, 2) } }),
    },
  ],
  deleteLogo: [{ admits: ['superAdmin'], target: ['app'], prepare: withLogo }],
  showLogo: [
    {
      admits: 'everyone',
      prepare: async (stage) => {
        await withLogo(stage);
        const url = '/v1/authorization/branding/logo';
        const response = await stage.world.call('GET', url, { token: stage.world.admin.token });
        const [, app = '', hash = ''] = /apps\/(.+)\/logo\/(.+)$/.exec(response.json<{ url: string }>().url) ?? [];
        return { as: nobody, params: { app, hash } };
      },
    },
  ],
  introspectToken: [
    {
      admits: ['machine'],
      isNoOp: true,
      foreign: 200,
      prepare: async ({ world, machine }) => ({ as: robot(machine), body: { token: (await world.person()).token } }),
      answers: () => ({ active: true, kind: 'user' }),
    },
    {
      title: 'of a machine user',
      admits: ['machine'],
      isNoOp: true,
      foreign: 200,
      prepare: ({ machine }) => ({ as: robot(machine), body: { token: machine.token } }),
      answers: ({ machine }) => ({ active: true, kind: 'machine', sub: machine.machineUserId }),
    },
    {
      title: 'of an API key',
      admits: ['machine'],
      foreign: 200,
      prepare: async (stage) => ({ as: robot(stage.machine), body: { token: (await personalKey(stage)).key } }),
      answers: ({ orgId }) => ({ active: true, kind: 'api_key', org_id: orgId }),
    },
  ],
};

/** Sample calls of operations on the users of an app and its super admins. */
export const samplesOfAppUsers: SampleCalls = {
  ...userSamples,
  ...superAdminSamples,
  ...membershipSamples,
  ...appSamples,
};
