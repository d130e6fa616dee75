import { expect } from 'vitest';
import { sql } from '../../db/db.ts';
import { sendPasswordResets } from '../../accounts/send-password-resets.ts';
import { human, nobody, type Prepared, type SampleCalls } from './sample.ts';
import { addTo, type Stage } from './stage.ts';
import { linked } from './identity-providers.ts';
import { expectNothingLeftOver } from './invitations.ts';
import { boundToOne, freshMember } from './users.ts';
import { unique } from '../world/names.ts';
import { runTask } from '../tasks.ts';
import { createWorld, password, type Person } from '../world/world.ts';

/** Makes a user manager or owner of the organization, as super admin. */
async function grant({ world, orgId }: Stage, noun: 'managers' | 'owners', { email }: Person): Promise<void> {
  const url = `/v1/authorization/organizations/${orgId}/${noun}`;
  const body = { email, firstName: 'Jon', lastName: 'Doe' };
  const response = await world.call('POST', url, { token: world.admin.token, body });
  if (response.statusCode !== 201) throw new Error(response.body);
}

/** Restores the memberships, also of a caller who left; a second owner allows the first one to leave. */
async function gather(stage: Stage): Promise<Person> {
  const { world, owner, manager, member } = stage;
  await grant(stage, 'owners', owner);
  await grant(stage, 'managers', manager);
  await addTo(stage, member.userId, 'reader');
  await addTo(stage, world.admin.userId, 'reader');
  const secondOwner = await world.person();
  await grant(stage, 'owners', secondOwner);
  return secondOwner;
}

const leaving = (who: (stage: Stage) => Promise<Person>) => {
  return async (stage: Stage): Promise<Prepared> => {
    const person = await who(stage);
    return { as: human(person), addressed: human(person), params: { orgId: stage.orgId } };
  };
};

/** A password reset of a user, up to the code in the mailbox. */
export async function codeOfReset({ world }: Stage, email: string): Promise<string> {
  await world.call('POST', '/v1/authentication/users/password/reset-request/email', { body: { email } });
  await runTask(world.test, sendPasswordResets);
  return (await world.mail(email)).code ?? '';
}

/** An invited user who requests a password reset instead of accepting. */
async function invitedAndResetting(stage: Stage): Promise<Prepared> {
  const { world, orgId, owner, stranger } = stage;
  // Another user has the maximum number of codes.
  for (let count = 0; count < 3; count += 1) await codeOfReset(stage, stranger.email);
  const email = `${unique('invited')}@example.com`;
  const body = { email, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
  const url = `/v1/authorization/organizations/${orgId}/members`;
  const response = await world.call('POST', url, { token: owner.token, body });
  const verificationCode = await codeOfReset(stage, email);
  const { userId: id } = response.json<{ userId: string }>();
  return { as: { ...nobody, id }, body: { email, verificationCode, newPassword: 'Secret@slidezAB' } };
}

const resetting = (options: { verified: boolean }) => {
  return async (stage: Stage): Promise<Prepared> => {
    const { userId, email } = await freshMember(stage, options);
    const verificationCode = await codeOfReset(stage, email);
    return { as: { ...nobody, id: userId }, body: { email, verificationCode, newPassword: 'Secret@slidezAB' } };
  };
};

const passwordSamples: SampleCalls = {
  requestPasswordReset: [
    {
      admits: 'everyone',
      prepare: async ({ world }) => ({
        as: nobody,
        body: { email: (await world.person()).email, resetUrl: 'http://localhost/reset?code={{code}}' },
      }),
    },
  ],
  resetPassword: [
    { admits: 'everyone', target: ['user', 'userId'], foreign: 'code_invalid', prepare: resetting({ verified: true }) },
    {
      title: 'of an account that is verified, but not claimed',
      admits: 'everyone',
      target: ['user', 'userId'],
      foreign: 'code_invalid',
      prepare: async (stage) => {
        const { userId, email } = await freshMember(stage);
        await stage.world.test.db.query(sql`
          UPDATE users SET claimed_by = NULL WHERE app_id = ${stage.world.appId} AND id = ${userId}`);
        const verificationCode = await codeOfReset(stage, email);
        return { as: { ...nobody, id: userId }, body: { email, verificationCode, newPassword: 'Secret@slidezAB' } };
      },
    },
    {
      title: 'of an account that nobody had proven',
      admits: 'everyone',
      target: ['user', 'userId'],
      foreign: 'code_invalid',
      prepare: resetting({ verified: false }),
    },
    {
      title: 'of an address that somebody has in another app too',
      admits: 'everyone',
      target: ['user', 'userId'],
      foreign: 'code_invalid',
      prepare: async (stage) => {
        const { world } = stage;
        const { email } = await (await createWorld(world.test)).person();
        const { userId: id } = await world.person({ email });
        // Counts for the address in our app; counts of other apps must not change.
        const wrong = { email, password: 'Wrong@123JonDoeInc' };
        await world.call('POST', '/v1/authentication/users/sessions', { body: wrong });
        const body = { email, verificationCode: await codeOfReset(stage, email), newPassword: 'Secret@slidezAB' };
        return { as: { ...nobody, id }, body };
      },
    },
    {
      title: 'of an account that nobody had proven, with an identity',
      admits: 'everyone',
      target: ['user', 'userId'],
      foreign: 'code_invalid',
      prepare: async (stage) => {
        const { world } = stage;
        const { person } = await linked(stage);
        await world.test.db.query(sql`
          UPDATE users SET is_email_verified = false, claimed_by = NULL WHERE app_id = ${world.appId}
            AND id = ${person.userId}`);
        const verificationCode = await codeOfReset(stage, person.email);
        const body = { email: person.email, verificationCode, newPassword: 'Secret@slidezAB' };
        return { as: { ...nobody, id: person.userId }, body };
      },
    },
    {
      title: 'of somebody with an identity, as somebody else has one',
      admits: 'everyone',
      target: ['user', 'userId'],
      foreign: 'code_invalid',
      prepare: async (stage) => {
        const { person: bystander } = await linked(stage);
        const { person } = await linked(stage);
        const verificationCode = await codeOfReset(stage, person.email);
        const body = { email: person.email, verificationCode, newPassword: 'Secret@slidezAB' };
        return { as: { ...nobody, id: person.userId }, body, bystanders: [bystander.userId] };
      },
      afterwards: async ({ world }, { as }) => {
        const left = await world.test.db.query(sql`
          SELECT 1 FROM identities WHERE app_id = ${world.appId} AND user_id = ${as.id}`);
        expect(left).toEqual([]);
      },
    },
    {
      title: 'of somebody who was only invited',
      admits: 'everyone',
      target: ['user', 'userId'],
      foreign: 'code_invalid',
      tellsMore: ['invitation.accepted'],
      prepare: invitedAndResetting,
    },
  ],
  changePassword: [
    {
      admits: ['addressed'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const person = await freshMember(stage);
        await stage.world.signIn(person.email);
        const body = { currentPassword: password, newPassword: 'Secret@slidezAB' };
        return { as: human(person), addressed: human(person), params: { userId: person.userId }, body };
      },
    },
  ],
};

const humans = ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'] as const;

/** A user with a unique password. */
export async function personWithOwnPassword({ world }: Stage): Promise<Person> {
  const email = `${unique('own-password')}@example.com`;
  const body = { firstName: 'Jon', lastName: 'Doe', email, password: ownPassword };
  const response = await world.call('POST', '/v1/authentication/users', { body });
  const {
    userId,
    sessionId,
    sessionToken: token,
  } = response.json<Record<'userId' | 'sessionId' | 'sessionToken', string>>();
  return { userId, sessionId, token, email };
}

export const ownPassword = 'Own@password-of-one';

/** A user who got a code at the address to which they want to change. */
async function changingAddress(stage: Stage): Promise<Prepared> {
  const person = await freshMember(stage);
  const newEmail = `${unique('new-address')}@example.com`;
  const url = '/v1/authentication/users/me/email';
  await stage.world.call('POST', url, { token: person.token, body: { newEmail, currentPassword: password } });
  const { code: verificationCode } = await stage.world.mail(newEmail);
  await stage.world.signIn(person.email);
  return { as: human(person), addressed: human(person), body: { verificationCode } };
}

const addressSamples: SampleCalls = {
  requestEmailChange: [
    {
      admits: humans,
      target: ['user', 'userId'],
      prepare: async ({ world }) => ({
        as: human(await world.person()),
        body: { newEmail: `${unique('wanted')}@example.com`, currentPassword: password },
      }),
    },
    {
      title: 'to an address that somebody has in another app',
      admits: humans,
      target: ['user', 'userId'],
      prepare: async ({ world }) => {
        const { email: newEmail } = await (await createWorld(world.test)).person();
        return { as: human(await world.person()), body: { newEmail, currentPassword: password } };
      },
      afterwards: async ({ world }, { body }) => {
        expect(await world.mail(String(body?.['newEmail']))).toMatchObject({ purpose: 'email_change' });
      },
    },
  ],
  changeEmail: [{ ...boundToOne('code_invalid'), foreign: 'code_invalid', prepare: changingAddress }],
  exportMe: [
    {
      admits: humans,
      prepare: async (stage) => {
        await linked(stage);
        return { as: human(stage.stranger) };
      },
      answers: ({ stranger }) => ({
        user: { id: stranger.userId, email: stranger.email },
        sessions: [{ id: stranger.sessionId }],
        devices: [{}],
        organizations: [],
        invitations: [],
        identities: [],
        mails: [{ recipient: stranger.email, purpose: 'email_verification' }],
      }),
    },
  ],
  deleteMe: [
    {
      ...boundToOne('current_password_wrong'),
      leavesNoClient: true,
      prepare: async (stage) => {
        const person = await personWithOwnPassword(stage);
        return { as: human(person), addressed: human(person), body: { currentPassword: ownPassword } };
      },
      afterwards: expectNothingLeftOver,
    },
    {
      ...boundToOne('current_password_wrong'),
      title: 'who is a super admin beside another',
      leavesNoClient: true,
      prepare: async (stage) => {
        const { world } = stage;
        const person = await personWithOwnPassword(stage);
        await world.test.db.query(sql`
          UPDATE users SET is_super_admin = true, is_email_verified = true
          WHERE app_id = ${world.appId} AND id = ${person.userId}`);
        return { as: human(person), addressed: human(person), body: { currentPassword: ownPassword } };
      },
    },
  ],
};

/** Sample calls of operations on one's own account. */
export const samplesOfAccounts: SampleCalls = {
  ...passwordSamples,
  ...addressSamples,
  leaveOrganization: [
    {
      admits: ['addressed', 'member', 'manager', 'owner', 'superAdmin'],
      target: ['user', 'userId'],
      prepare: leaving(async (stage) => {
        await gather(stage);
        return freshMember(stage);
      }),
    },
    {
      title: 'as an owner beside another',
      admits: ['addressed', 'member', 'manager', 'owner', 'superAdmin'],
      target: ['user', 'userId'],
      prepare: leaving(gather),
      afterwards: async ({ world, owner, orgId }) => {
        const response = await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, {
          token: owner.token,
        });
        expect(response.json()).toMatchObject({ code: 'last_owner' });
      },
    },
  ],
};
