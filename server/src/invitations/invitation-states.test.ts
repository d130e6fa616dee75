import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import type { InvitationStatus } from './invitation-states.ts';

const dayMs = 86_400_000;
const chosen = 'Secret@slidezAB';

let app: TestApp;
let world: World;
let orgId: string;
let otherOrgId: string;
let email: string;

let counter = 0;

beforeAll(async () => {
  app = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(app);
  orgId = await world.organization(await world.person());
  otherOrgId = await world.organization(await world.person());
  email = `somebody-${(counter += 1)}@example.com`;
});
afterAll(() => app?.close());

const url = (path: string, at = orgId) => `/v1/authorization/organizations/${at}${path}`;

/** The super admin signs in again each time, because an invitation is valid for longer than their session. */
const asAdmin = async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object, at = orgId) => {
  const { token } = await world.signIn(world.admin.email);
  return world.call(method, url(path, at), { token, ...(body && { body }) });
};
const invite = async (at = orgId) => {
  const body = { email, firstName: 'Jane', lastName: 'Roe', role: 'reader' };
  const response = await asAdmin('POST', '/members', body, at);
  expect(response.statusCode).toBe(201);
  return response.json<{ userId: string; invited: boolean }>();
};
const invitation = async (at = orgId) => {
  const response = await asAdmin('GET', '/invitations?pageSize=100', undefined, at);
  return response.json<{ invitations: { id: string; status: InvitationStatus }[] }>().invitations[0];
};
const idOf = async (at = orgId) => (await invitation(at))?.id ?? '';
const resend = async () => asAdmin('POST', `/invitations/${await idOf()}/resend`);
const revoke = async () => asAdmin('DELETE', `/invitations/${await idOf()}`);
const code = async () => (await world.mails(email)).find(({ purpose }) => purpose === 'invitation')?.code ?? '';
const accept = async (verificationCode?: string, at = orgId) =>
  world.call('PUT', '/v1/authentication/users/invite', {
    body: { orgId: at, email, verificationCode: verificationCode ?? (await code()), newPassword: chosen },
  });
/** Verifies the address with the verification code, which keeps the password. */
const verify = async ({ userId, token }: Person) => {
  const mail = (await world.mails(email)).find(({ purpose }) => purpose === 'email_verification');
  const body = { userId, verificationCode: mail?.code };
  const at = '/v1/authentication/users/email/verification';
  expect((await world.call('POST', at, { token, body })).statusCode).toBe(200);
};
const askForReset = async () => {
  await world.call('POST', '/v1/authentication/users/password/reset-request/email', { body: { email } });
  await runTask(app, sendPasswordResets);
  return (await world.mails(email)).find(({ purpose }) => purpose === 'password_reset')?.code;
};
const reset = async (newPassword = chosen) => {
  const body = { email, verificationCode: await askForReset(), newPassword };
  return world.call('PUT', '/v1/authentication/users/password', { body });
};
const signIn = async (with_: string) =>
  world.call('POST', '/v1/authentication/users/sessions', { body: { email, password: with_ } });
const organizationsOf = async (token: string) => {
  const me = await world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', { token });
  const { organizations } = me.json<{ organizations: { id: string; roles: string[] }[] }>();
  return Object.fromEntries(organizations.map(({ id, roles }) => [id, roles]));
};
const holdings = async () => organizationsOf((await signIn(chosen)).json<{ sessionToken: string }>().sessionToken);
const status = (of: 'deactivate' | 'reactivate') => asAdmin('POST', `/${of}`);
const deleteOrganization = (at: string) => asAdmin('DELETE', '', undefined, at);
const userState = async () => {
  const [row] = await app.db.query<{ state: string }>(
    sql`SELECT state FROM users WHERE app_id = ${world.appId} AND email = ${email}`,
  );
  return row?.state;
};

/** The owner of the mailbox can sign in with the password that they chose, and with no other. */
async function expectUsable(): Promise<void> {
  if ((await userState()) === undefined) await world.person({ email, verified: false });
  expect((await reset('Another@slidezAB')).statusCode).toBe(200);
  expect((await signIn('Another@slidezAB')).statusCode).toBe(201);
}

describe('the allowed events of an invitation are exactly those in the table', () => {
  type Event = 'accept' | 'settle' | 'resend' | 'revoke';

  let userId: string;

  /** The person has signed up, so the account is kept if the invitation ends. */
  const reach: Record<InvitationStatus, () => Promise<unknown>> = {
    pending: () => Promise.resolve(),
    expired: () => Promise.resolve(app.clock.advance(7 * dayMs)),
    accepted: () => accept(),
    revoked: () => revoke(),
  };
  const happen: Record<Event, () => ReturnType<World['call']>> = {
    accept: () => accept(),
    settle: async () => {
      const { token } = await world.signIn(world.admin.email);
      const at = `/v1/authorization/organizations/users/${userId}`;
      return world.call('POST', at, { token, orgId, body: { roles: ['reader'] } });
    },
    resend: () => resend(),
    revoke: () => revoke(),
  };

  test.each<[InvitationStatus, Event, string, InvitationStatus]>([
    ['pending', 'accept', '200', 'accepted'],
    ['pending', 'settle', '200', 'accepted'],
    ['pending', 'resend', '200', 'pending'],
    ['pending', 'revoke', '204', 'revoked'],
    ['expired', 'accept', '400 code_invalid', 'expired'],
    ['expired', 'settle', '200', 'accepted'],
    ['expired', 'resend', '200', 'pending'],
    ['expired', 'revoke', '204', 'revoked'],
    ['accepted', 'accept', '400 code_invalid', 'accepted'],
    ['accepted', 'settle', '200', 'accepted'],
    ['accepted', 'resend', '409 invitation_closed', 'accepted'],
    ['accepted', 'revoke', '409 invitation_closed', 'accepted'],
    ['revoked', 'accept', '400 code_invalid', 'revoked'],
    ['revoked', 'settle', '200', 'revoked'],
    ['revoked', 'resend', '409 invitation_closed', 'revoked'],
    ['revoked', 'revoke', '409 invitation_closed', 'revoked'],
  ])('from %s the event %s answers %s and leads to %s', async (from, event, answer, to) => {
    ({ userId } = await world.person({ email, verified: false }));
    await invite();
    await reach[from]();
    expect((await invitation())?.status).toBe(from);
    const response = await happen[event]();
    expect(response.statusCode < 400 ? String(response.statusCode) : problem(response)).toBe(answer);
    expect((await invitation())?.status).toBe(to);
  });
});

describe('an unknown address', () => {
  test('is accepted only with its code', async () => {
    expect(await invite()).toMatchObject({ invited: true });
    expect(problem(await signIn(password))).toBe('401 invalid_credentials');
    expect(problem(await accept('AAAAAAA'))).toBe('400 code_invalid');
    expect((await accept()).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [orgId]: ['reader'] });
    await expectUsable();
  });

  test('can set the first password with a reset, because it verifies the same mailbox', async () => {
    await invite();
    await invite(otherOrgId);
    expect((await reset()).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [orgId]: ['reader'], [otherOrgId]: ['reader'] });
    expect(problem(await accept())).toBe('400 code_invalid');
    await expectUsable();
  });
});

describe('a user who is known', () => {
  test('a known user whose address is verified gets the role directly, with a mail', async () => {
    const { userId } = await world.person({ email });
    expect(await invite()).toEqual({ message: 'Member assigned', userId, invited: false });
    expect((await world.mail(email)).purpose).toBe('role_granted');
    expect(await invitation()).toBeUndefined();
  });

  test('a known unverified user is invited: a stranger who signed up first gets nothing', async () => {
    const squatter = await world.person({ email, verified: false });
    expect(await invite()).toMatchObject({ userId: squatter.userId, invited: true });
    expect(await organizationsOf(squatter.token)).toEqual({});
    expect((await accept()).statusCode).toBe(200);
    expect((await signIn(password)).statusCode).toBe(401);
    expect((await world.call('GET', '/v1/authentication/users/me', { token: squatter.token })).statusCode).toBe(401);
    expect(await holdings()).toEqual({ [orgId]: ['reader'] });
    await expectUsable();
  });

  test('a known user who verifies the address keeps the password, and must still accept', async () => {
    const person = await world.person({ email, verified: false });
    await invite();
    await invite(otherOrgId);
    await verify(person);
    expect(await organizationsOf(person.token)).toEqual({});
    expect((await resend()).json()).toMatchObject({ message: 'Member assigned', invited: false });
    expect(await organizationsOf(person.token)).toEqual({ [orgId]: ['reader'] });
    expect((await accept(undefined, otherOrgId)).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [orgId]: ['reader'], [otherOrgId]: ['reader'] });
    await expectUsable();
  });
});

describe('an address invited by two organizations', () => {
  test('is a member of both after the first acceptance', async () => {
    await invite();
    const first = await code();
    await invite(otherOrgId);
    expect((await accept(first)).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [orgId]: ['reader'], [otherOrgId]: ['reader'] });
    expect([(await invitation())?.status, (await invitation(otherOrgId))?.status]).toEqual(['accepted', 'accepted']);
    await expectUsable();
  });

  test('is a member of the organization with the valid invitation, and of the other after resending', async () => {
    await invite();
    app.clock.advance(4 * dayMs);
    await invite(otherOrgId);
    app.clock.advance(4 * dayMs);
    expect((await accept(undefined, otherOrgId)).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [otherOrgId]: ['reader'] });
    expect((await invitation())?.status).toBe('expired');
    expect((await resend()).json()).toMatchObject({ invited: false });
    expect(await holdings()).toEqual({ [orgId]: ['reader'], [otherOrgId]: ['reader'] });
  });

  test('stays invited by the second if the first revokes it or is deleted', async () => {
    await invite();
    await invite(otherOrgId);
    const second = await code();
    expect((await revoke()).statusCode).toBe(204);
    await deleteOrganization(orgId);
    expect(await userState()).toBe('INVITED');
    expect((await accept(second, otherOrgId)).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [otherOrgId]: ['reader'] });
    await expectUsable();
  });
});

describe('an invitation that expired', () => {
  test('can be accepted after it is sent again, only with the new code', async () => {
    await invite();
    const old = await code();
    app.clock.advance(7 * dayMs);
    expect(problem(await accept(old))).toBe('400 code_invalid');
    expect(await askForReset()).toBeUndefined();
    expect((await resend()).json()).toMatchObject({ message: 'Invitation resent', invited: true });
    expect(problem(await accept(old))).toBe('400 code_invalid');
    expect((await accept()).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [orgId]: ['reader'] });
    await expectUsable();
  });

  test('frees the address for a sign-up, without the offered roles', async () => {
    await invite();
    app.clock.advance(7 * dayMs);
    const person = await world.person({ email });
    expect(await organizationsOf(person.token)).toEqual({});
    await expectUsable();
  });
});

describe('an invitation that was revoked', () => {
  test('deletes an address that was only invited: it is unknown again', async () => {
    const { userId } = await invite();
    const old = await code();
    await revoke();
    expect(await userState()).toBeUndefined();
    expect(problem(await accept(old))).toBe('400 code_invalid');
    const again = await invite();
    expect(again.userId).not.toBe(userId);
    expect(problem(await accept(old))).toBe('400 code_invalid');
    expect((await accept()).statusCode).toBe(200);
    await expectUsable();
  });

  test('grants nothing to a user who signed up meanwhile, and keeps their account', async () => {
    await invite();
    const person = await world.person({ email });
    await revoke();
    expect(await organizationsOf(person.token)).toEqual({});
    expect((await reset()).statusCode).toBe(200);
    expect(await holdings()).toEqual({});
    await expectUsable();
  });
});

describe('invitations while the organization is deactivated', () => {
  test('no invitation is created; an earlier one can be accepted, and is effective after reactivation', async () => {
    await invite();
    await status('deactivate');
    expect(problem(await resend())).toBe('409 organization_inactive_state');
    expect((await accept()).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [orgId]: [] });
    await status('reactivate');
    expect(await holdings()).toEqual({ [orgId]: ['reader'] });
    await expectUsable();
  });

  test('an invitation can be taken back', async () => {
    await invite();
    await status('deactivate');
    expect((await revoke()).statusCode).toBe(204);
    expect(await userState()).toBeUndefined();
    await expectUsable();
  });

  test('an invitation that expires meanwhile cannot be accepted afterwards until it is sent again', async () => {
    await invite();
    await status('deactivate');
    app.clock.advance(8 * dayMs);
    await status('reactivate');
    expect(problem(await accept())).toBe('400 code_invalid');
    expect((await resend()).statusCode).toBe(200);
    expect((await accept()).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [orgId]: ['reader'] });
  });
});

describe('an organization that is deleted', () => {
  test('deletes its invitations, and users without another invitation', async () => {
    await invite();
    const old = await code();
    await deleteOrganization(orgId);
    expect(await userState()).toBeUndefined();
    expect(problem(await accept(old))).toBe('400 code_invalid');
    await expectUsable();
  });
});

describe('an address that was invited and signs up', () => {
  test('gets no access by that; the invitation is still for the owner of the mailbox', async () => {
    const { userId } = await invite();
    const squatter = await world.person({ email, verified: false });
    expect(squatter.userId).toBe(userId);
    expect(await organizationsOf(squatter.token)).toEqual({});
    expect((await accept()).statusCode).toBe(200);
    expect((await signIn(password)).statusCode).toBe(401);
    expect(await holdings()).toEqual({ [orgId]: ['reader'] });
    await expectUsable();
  });

  test('a reset by an invited user replaces the password and accepts the invitation', async () => {
    await invite();
    const squatter = await world.person({ email, verified: false });
    expect((await reset()).statusCode).toBe(200);
    expect((await signIn(password)).statusCode).toBe(401);
    expect((await world.call('GET', '/v1/authentication/users/me', { token: squatter.token })).statusCode).toBe(401);
    expect(await holdings()).toEqual({ [orgId]: ['reader'] });
    await expectUsable();
  });

  test('an invited user who verifies the mailbox by the code keeps password and invitation', async () => {
    await invite();
    const person = await world.person({ email });
    expect(await organizationsOf(person.token)).toEqual({});
    expect((await signIn(password)).statusCode).toBe(201);
    expect((await accept()).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [orgId]: ['reader'] });
    await expectUsable();
  });
});

describe('a stranger who signs up with an invited address and deletes or moves the account', () => {
  const settled: [how: string, go: (stranger: Person) => Promise<void>][] = [
    [
      'for good',
      async ({ token }) => {
        const body = { currentPassword: password };
        expect((await world.call('DELETE', '/v1/authentication/users/me', { token, body })).statusCode).toBe(200);
      },
    ],
    [
      'to another address',
      async ({ token }) => {
        const own = `stranger-of-${email}`;
        const at = '/v1/authentication/users/me/email';
        await world.call('POST', at, { token, body: { newEmail: own, currentPassword: password } });
        const body = { verificationCode: (await world.mail(own)).code };
        expect((await world.call('PUT', at, { token, body })).statusCode).toBe(200);
        const { json } = await world.call('GET', '/v1/authentication/users/me/export', { token });
        expect(json()).toMatchObject({ user: { email: own }, organizations: [], invitations: [] });
      },
    ],
  ];

  test.each(settled)('keeps it for the owner of the mailbox, who is notified: %s', async (_, go) => {
    const { userId } = await invite();
    const stranger = await world.person({ email, verified: false });
    expect(stranger.userId).toBe(userId);
    await invite(otherOrgId);
    const before = await code();
    const bystander = { email: `bystander-of-${email}`, firstName: 'Jo', lastName: 'Roe', role: 'reader' };
    const { userId: bystanderId } = (await asAdmin('POST', '/members', bystander)).json<{ userId: string }>();
    await go(stranger);
    expect([await userState(), (await invitation())?.status]).toEqual(['INVITED', 'pending']);
    const ofBystander = sql`
      SELECT user_id FROM invitations WHERE app_id = ${world.appId} AND email = ${bystander.email}`;
    expect(await app.db.query(ofBystander)).toEqual([{ user_id: bystanderId }]);
    expect(problem(await accept(before, otherOrgId))).toBe('400 code_invalid');
    const mails = (await world.mails(email)).filter(({ purpose }) => purpose === 'invitation');
    expect(mails.slice(0, 2).map(({ code: newer }) => newer)).not.toContain(before);
    expect((await accept(undefined, otherOrgId)).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [orgId]: ['reader'], [otherOrgId]: ['reader'] });
    const resent = (await world.events()).filter(({ action }) => action === 'invitation.resent');
    expect(resent.map(({ target }) => target)).toEqual([
      `invitation ${await idOf()}`,
      `invitation ${await idOf(otherOrgId)}`,
    ]);
    await expectUsable();
  });

  test.each(settled)('keeps an expired one, which can be sent again, without a mail: %s', async (_, go) => {
    await invite();
    app.clock.advance(7 * dayMs);
    const stranger = await world.person({ email, verified: false });
    const outdated = await code();
    await go(stranger);
    expect([await userState(), (await invitation())?.status]).toEqual(['INVITED', 'expired']);
    expect(['', outdated]).toContain(await code());
    expect((await resend()).statusCode).toBe(200);
    expect((await accept()).statusCode).toBe(200);
    expect(await holdings()).toEqual({ [orgId]: ['reader'] });
  });

  test.each(settled)('declines an invitation as super admin too: %s', async (_, go) => {
    const stranger = await world.person({ email, verified: false });
    const { token } = await world.signIn(world.admin.email);
    await world.call('POST', '/v1/authorization/super-admins', { token, body: { email } });
    await go(stranger);
    expect((await reset()).statusCode).toBe(200);
    const mine = (await signIn(chosen)).json<{ sessionToken: string }>().sessionToken;
    expect((await world.call('GET', '/v1/authorization/users?pageSize=1', { token: mine })).statusCode).toBe(200);
  });

  test('deletes an address without an invitation', async () => {
    const stranger = await world.person({ email, verified: false });
    await settled[0]?.[1](stranger);
    expect(await userState()).toBeUndefined();
  });
});
