import { expect } from 'vitest';
import { sql } from '../../db/db.ts';
import { overUser } from '../../access/access.ts';
import type { ErrorCode } from '../../http/errors.ts';
import { personWithMailedLink } from '../access.callers.ts';
import { type Caller, human, nobody, robot, type SampleCalls } from './sample.ts';
import { addTo, type Stage } from './stage.ts';
import { unique } from '../world/names.ts';
import { enableSignInCodes, requestAndSend } from '../world/sign-in-codes.ts';
import { password, type Person, type World } from '../world/world.ts';

export const humans = ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'] as const;

/** A new member of the organization. */
export async function freshMember(stage: Stage, options: { verified?: boolean } = {}): Promise<Person> {
  const made = await stage.world.person({ verified: true, ...options });
  await addTo(stage, made.userId, 'reader');
  return made;
}

/** A new member, and two callers: the member and the super admin. */
export async function addressing(stage: Stage, options: { verified?: boolean } = {}) {
  const member = await freshMember(stage, options);
  const admin: Caller = human(stage.world.admin);
  return { member, self: human(member), admin };
}

/** The maximum number of devices of a user. */
export async function addDevices({ test, appId }: World, userId: string): Promise<void> {
  await test.db.query(sql`
    INSERT INTO devices (app_id, token_hash, user_id, created_at, last_used_at, expires_at)
    SELECT app_id, sha256((id::text || ' ' || n)::bytea), id, created_at, created_at, created_at + interval '100 days'
    FROM users, generate_series(1, 50) AS n WHERE app_id = ${appId} AND id = ${userId}`);
}

/** Invites an address to our organization. @returns the mail */
export async function inviteTo({ world, orgId, owner }: Stage, email: string) {
  const body = { email, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
  await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token: owner.token, body });
  return world.mail(email);
}

/** A user who was invited to a role of the organization, and the body to accept. */
async function invited(stage: Stage) {
  const email = `${unique('invited')}@example.com`;
  const { code } = await inviteTo(stage, email);
  return { as: nobody, body: { orgId: stage.orgId, email, verificationCode: code, newPassword: 'Secret@slidezAB' } };
}

/** An invited user who requests a code to sign in, and gets the invitation again. */
async function invitedAgain(stage: Stage) {
  const { world, orgId } = stage;
  const { body } = await invited(stage);
  // Another invited user has the maximum number of such codes, and a newer invitation.
  const other = await invited(stage);
  await enableSignInCodes(world);
  for (const email of [other, other, other].map((one) => one.body.email)) await requestAndSend(world, email);
  await requestAndSend(world, body.email);
  const mails = (await world.mails(body.email)).filter(({ purpose }) => purpose === 'invitation');
  expect(mails).toHaveLength(2);
  return { as: nobody, body: { ...body, orgId, verificationCode: mails[0]?.code } };
}

/** Credentials of one user must be refused for another. */
export const boundToOne = (otherwise: ErrorCode) => ({
  admits: ['addressed'] as const,
  needs: { access: overUser('SESSION_OWNER'), otherwise },
  target: ['user', 'userId'] as const,
});

const userSamples: SampleCalls = {
  signUp: [
    {
      admits: 'everyone',
      target: ['user', 'userId'],
      prepare: () => ({
        as: nobody,
        body: {
          firstName: 'Grace',
          lastName: 'Hopper',
          email: `${unique('signed-up')}@example.com`,
          password,
          phoneNumber: '+4915112345678',
          metadata: { plan: 'professional' },
          verificationUrl: 'http://localhost/verify?code={{code}}',
        },
      }),
    },
    {
      title: 'with the cookie of somebody else',
      admits: 'everyone',
      target: ['user', 'userId'],
      prepare: ({ stranger }) => ({
        as: nobody,
        headers: { cookie: `session-token=${stranger.token}` },
        body: { firstName: 'Grace', lastName: 'Hopper', email: `${unique('signed-up')}@example.com`, password },
        bystanders: [stranger.userId],
      }),
    },
  ],
  requestEmailVerification: [
    {
      admits: ['addressed', 'machine'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const { member, self } = await addressing(stage, { verified: false });
        const body = { userId: member.userId, verificationUrl: 'http://localhost/verify?code={{code}}' };
        return { as: self, addressed: self, body };
      },
    },
    {
      title: 'after a code that has no long one',
      admits: ['addressed', 'machine'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const { member, self } = await addressing(stage, { verified: false });
        await stage.world.test.db.query(sql`
          UPDATE codes SET long_hash = NULL WHERE app_id = ${stage.world.appId} AND user_id = ${member.userId}`);
        return { as: self, addressed: self, body: { userId: member.userId } };
      },
    },
  ],
  verifyEmail: [
    {
      admits: ['addressed'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const { member, self } = await addressing(stage, { verified: false });
        const { code } = await stage.world.mail(member.email);
        return { as: self, addressed: self, body: { userId: member.userId, verificationCode: code } };
      },
    },
    {
      title: 'with the code of the link',
      admits: ['addressed'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const { member, self } = await addressing(stage, { verified: false });
        const body = { userId: member.userId, verificationUrl: 'http://localhost/verify?code={{code}}' };
        const { token } = member;
        await stage.world.call('POST', '/v1/authentication/users/email/verification-request', { token, body });
        const { searchParams } = new URL((await stage.world.mail(member.email)).url ?? '');
        const verificationCode = searchParams.get('code');
        return { as: self, addressed: self, body: { userId: member.userId, verificationCode } };
      },
    },
    {
      title: 'with the token of the mail and the password',
      admits: ['addressed'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const { userId, email, token } = await personWithMailedLink(stage.world);
        await addTo(stage, userId, 'reader');
        const { code } = await stage.world.mail(email);
        const self: Caller = { kind: 'user', id: userId, token };
        return { as: self, addressed: self, body: { userId, verificationCode: code, currentPassword: password } };
      },
    },
    {
      title: 'with the token of the mail',
      admits: ['addressed'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const { userId, email, token } = await personWithMailedLink(stage.world);
        await addTo(stage, userId, 'reader');
        const { code } = await stage.world.mail(email);
        const self: Caller = { kind: 'user', id: userId, token };
        return { as: self, addressed: self, body: { userId, verificationCode: code } };
      },
    },
  ],
  getMe: [
    { admits: humans, prepare: ({ owner }) => ({ as: human(owner) }) },
    {
      title: 'with everything',
      admits: humans,
      prepare: ({ member }) => ({
        as: human(member),
        query: { includeMetadata: 'true', includeOrganizations: 'true' },
      }),
      answers: ({ orgId, neighbourOrgId }) => ({
        organizations: [
          { id: neighbourOrgId, roles: ['writer'], managerRoles: [], permissions: ['next-door:writer'] },
          { id: orgId, roles: ['reader'], managerRoles: [], permissions: ['documents:reader'] },
        ],
      }),
    },
    {
      title: 'in one organization',
      admits: humans,
      foreign: 200,
      prepare: ({ member, orgId }) => ({ as: human(member), query: { organizationId: orgId } }),
      answers: ({ orgId }) => ({ organizations: [{ id: orgId }] }),
    },
  ],
  getUser: [
    {
      admits: ['addressed', 'superAdmin', 'machine', 'owner', 'manager'],
      prepare: async (stage) => {
        const { member, self } = await addressing(stage);
        return { as: human(stage.owner), addressed: self, params: { userId: member.userId } };
      },
    },
    {
      title: 'with metadata',
      admits: ['addressed', 'superAdmin', 'machine'],
      needs: { access: overUser('SESSION_OWNER', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER'), otherwise: 'access_denied' },
      prepare: async (stage) => {
        const { member, self, admin } = await addressing(stage);
        return { as: admin, addressed: self, params: { userId: member.userId }, query: { includeMetadata: 'true' } };
      },
    },
  ],
  updateUser: [
    {
      admits: ['addressed', 'superAdmin', 'machine'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const { member, self } = await addressing(stage);
        const body = { firstName: 'Katherine', phoneNumber: '+4915112345679', metadata: { plan: 'professional' } };
        return { as: self, addressed: self, params: { userId: member.userId }, body };
      },
    },
    {
      title: 'with what backends trust',
      admits: ['superAdmin', 'machine'],
      needs: { access: overUser('SUPER_ADMIN', 'GENERIC_MACHINE_USER'), otherwise: 'metadata_key_reserved' },
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const { member, self } = await addressing(stage);
        const body = { metadata: { 'app:plan': 'professional' } };
        return { as: robot(stage.machine), addressed: self, params: { userId: member.userId }, body };
      },
    },
    {
      title: 'with nothing new',
      admits: ['addressed', 'superAdmin', 'machine'],
      isNoOp: true,
      prepare: async (stage) => {
        const { member, self, admin } = await addressing(stage);
        return { as: admin, addressed: self, params: { userId: member.userId }, body: { metadata: {} } };
      },
    },
  ],
};

const acceptance = {
  admits: 'everyone',
  target: ['user', 'userId'],
  foreign: 'code_invalid',
  prepare: invited,
} as const;

const invitationSamples: SampleCalls = {
  acceptInvitation: [
    acceptance,
    { ...acceptance, title: 'that was sent again after a request to sign in', prepare: invitedAgain },
    {
      ...acceptance,
      title: 'to an account that is claimed',
      tellsMore: ['user.password_reset'],
      prepare: async (stage) => {
        const { email, userId } = await stage.world.person({ verified: false });
        const { code } = await inviteTo(stage, email);
        await stage.world.test.db.query(sql`
          UPDATE users SET is_email_verified = true, claimed_by = 'verification'
          WHERE app_id = ${stage.world.appId} AND id = ${userId}`);
        const body = { orgId: stage.orgId, email, verificationCode: code, newPassword: 'Secret@slidezAB' };
        return { as: { ...nobody, id: userId }, body };
      },
    },
  ],
  acceptInvitationByPost: [acceptance],
  acceptMyInvitation: [
    {
      ...boundToOne('code_invalid'),
      foreign: 'code_invalid',
      prepare: async (stage) => {
        const person = await stage.world.person({ verified: false });
        const { code } = await inviteTo(stage, person.email);
        const body = { orgId: stage.orgId, verificationCode: code };
        return { as: human(person), addressed: human(person), body };
      },
    },
  ],
};

/** Sample calls under `/v1/authentication/users`. */
export const samplesOfUsers: SampleCalls = { ...userSamples, ...invitationSamples };
