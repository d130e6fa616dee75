import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { requestVerification, verify } from '../test/stranger.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(app, { settings: { sessionIdleSeconds: 2_592_000 } });
});
afterAll(() => app?.close());

const url = '/v1/authorization/super-admins';
const newPassword = 'Secret@slidezAB';
const dayMs = 24 * 3_600_000;

const add = (email: string, extra: object = {}) =>
  world.call('POST', url, { token: world.admin.token, body: { email, ...extra } });
const remove = (userId: string, token = world.admin.token) => world.call('DELETE', `${url}/${userId}`, { token });
const list = async () => {
  const response = await world.call('GET', `${url}?pageSize=100`, { token: world.admin.token });
  return response.json<{ metadata: { total: number }; superAdmins: Record<string, unknown>[] }>();
};
const isSuperAdmin = async (token: string) =>
  (await world.call('GET', `${url}?pageSize=1`, { token })).statusCode === 200;

const reset = (email: string, code: string | undefined) =>
  world.call('PUT', '/v1/authentication/users/password', { body: { email, verificationCode: code, newPassword } });

async function signedInWith(email: string): Promise<string> {
  const body = { email, password: newPassword };
  const response = await world.call('POST', '/v1/authentication/users/sessions', { body });
  return response.json<{ sessionToken: string }>().sessionToken;
}

describe('a user whose address is verified', () => {
  test('is a super admin at once; all super admins are notified, also the new one', async () => {
    const person = await world.person();
    const answer = await add(person.email);
    expect([answer.statusCode, answer.json()]).toEqual([
      201,
      { message: 'Super admin assigned', userId: person.userId, invited: false },
    ]);
    for (const email of [world.admin.email, person.email]) {
      const { purpose, text } = await world.mail(email);
      expect([purpose, text.includes(person.email)]).toEqual(['super_admin_granted', true]);
    }
    expect(await isSuperAdmin((await world.signIn(person.email)).token)).toBe(true);
  });

  test('a user who is already a super admin remains one, and nobody is notified again', async () => {
    const before = (await world.mails(world.admin.email)).length;
    expect((await add(world.admin.email)).json()).toMatchObject({ message: 'Super admin assigned', invited: false });
    expect(await world.mails(world.admin.email)).toHaveLength(before);
  });

  test('a deactivated user is not a super admin', async () => {
    const person = await world.person();
    await world.call('POST', `/v1/authorization/users/${person.userId}/deactivate`, { token: world.admin.token });
    expect(problem(await add(person.email))).toBe('409 user_not_active');
  });
});

describe('an address that nobody has', () => {
  const email = 'Ada.Lovelace@example.com';

  test('is invited, and anyone who sets a password with the code of the mail is a super admin', async () => {
    const invited = await add(email, { resetUrl: 'http://localhost/reset?code={{code}}&email={{email}}' });
    expect(invited.json()).toMatchObject({ message: 'Super admin invited', invited: true });
    expect(await world.mails(world.admin.email)).toEqual([]);
    const { purpose, code, url: link } = await world.mail(email);
    expect(purpose).toBe('super_admin_invited');
    expect(link).toMatch(/^http:\/\/localhost\/reset\?code=[A-Z2-9]{26}&email=Ada\.Lovelace%40example\.com$/);
    app.clock.advance(6 * dayMs);
    expect((await reset(email, code)).statusCode).toBe(200);
    expect(await isSuperAdmin(await signedInWith(email))).toBe(true);
    expect((await world.events()).slice(-3)).toMatchObject([
      { action: 'user.password_reset' },
      { action: 'super_admin.accepted' },
      { action: 'session.created' },
    ]);
  });

  test('notifies all super admins once it is accepted', async () => {
    await add(email);
    await reset(email, (await world.mail(email)).code);
    const { purpose, text } = await world.mail(world.admin.email);
    expect([purpose, text.includes(email)]).toEqual(['super_admin_granted', true]);
  });

  test('can be accepted by any reset of the password, while the invitation is valid', async () => {
    await add(email);
    app.clock.advance(6 * dayMs);
    await world.call('POST', '/v1/authentication/users/password/reset-request/email', { body: { email } });
    await runTask(app, sendPasswordResets);
    const { purpose, code } = await world.mail(email);
    expect(purpose).toBe('password_reset');
    await reset(email, code);
    expect(await isSuperAdmin(await signedInWith(email))).toBe(true);
  });

  test('is no super admin by an invitation that has run out', async () => {
    await add(email);
    const { code } = await world.mail(email);
    app.clock.advance(7 * dayMs);
    expect(problem(await reset(email, code))).toBe('400 code_invalid');
    await world.reauthenticate();
    expect((await add(email)).json()).toMatchObject({ invited: true });
    await reset(email, (await world.mail(email)).code);
    expect(await isSuperAdmin(await signedInWith(email))).toBe(true);
  });

  test('does not become super admin by a code for another role, once the invitation is revoked', async () => {
    const { userId } = (await add(email)).json<{ userId: string }>();
    const { code } = await world.mail(email);
    expect((await remove(userId)).statusCode).toBe(204);
    expect(problem(await reset(email, code))).toBe('400 code_invalid');
    expect(problem(await remove(userId))).toBe('404 user_not_found');
    expect((await list()).metadata.total).toBe(1);
  });

  test('stays invited as super admin when the invitation to an organization ends', async () => {
    const orgId = await world.organization(await world.person());
    const body = { email, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
    await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token: world.admin.token, body });
    await add(email);
    const { code } = await world.mail(email);
    await world.call('DELETE', `/v1/authorization/organizations/${orgId}`, { token: world.admin.token });
    expect((await reset(email, code)).statusCode).toBe(200);
    expect(await isSuperAdmin(await signedInWith(email))).toBe(true);
  });
});

describe("anyone who signed up with another person's address", () => {
  let intruder: Person;
  const email = 'victim@example.com';

  beforeEach(async () => {
    intruder = await world.person({ email, verified: false });
  });

  test('is no super admin, and is signed out once the owner of the mailbox accepts', async () => {
    expect((await add(email)).json()).toMatchObject({ invited: true });
    expect(await isSuperAdmin(intruder.token)).toBe(false);
    await reset(email, (await world.mail(email)).code);
    expect((await world.call('GET', '/v1/authentication/users/me', { token: intruder.token })).statusCode).toBe(401);
    expect(await isSuperAdmin(await signedInWith(email))).toBe(true);
  });

  test('gets no access when the owner verifies the address, and the owner still becomes super admin', async () => {
    const { mailedToken, verificationCode } = await requestVerification(world, intruder);
    await add(email);
    const { code } = await world.mail(email);
    const { userId } = intruder;
    expect((await verify(world, mailedToken, { userId, verificationCode })).statusCode).toBe(200);
    expect((await add(email)).json()).toMatchObject({ invited: true });
    expect(await isSuperAdmin(intruder.token)).toBe(false);
    await reset(email, code);
    expect((await world.call('GET', '/v1/authentication/users/me', { token: intruder.token })).statusCode).toBe(401);
    expect(await isSuperAdmin(await signedInWith(email))).toBe(true);
  });

  test('a user who was only invited to an organization becomes super admin by accepting that', async () => {
    const orgId = await world.organization(await world.person());
    await add(email);
    const person = { email, firstName: 'Ada', lastName: 'Lovelace' };
    const members = `/v1/authorization/organizations/${orgId}/members`;
    await world.call('POST', members, { token: world.admin.token, body: { ...person, role: 'reader' } });
    const { code: verificationCode } = await world.mail(email);
    const body = { orgId, email, verificationCode, newPassword };
    const accepted = await world.call('PUT', '/v1/authentication/users/invite', { body });
    expect(await isSuperAdmin(accepted.json<{ sessionToken: string }>().sessionToken)).toBe(true);
  });
});

describe('taking it away', () => {
  test('works from the next request; the user stays, and everybody is notified', async () => {
    const person = await world.person();
    await add(person.email);
    const { token } = await world.signIn(person.email);
    expect((await remove(person.userId)).statusCode).toBe(204);
    expect(await isSuperAdmin(token)).toBe(false);
    expect((await world.call('GET', '/v1/authentication/users/me', { token })).statusCode).toBe(200);
    for (const { email } of [world.admin, person])
      expect((await world.mail(email)).purpose).toBe('super_admin_removed');
  });

  test('is refused for the last super admin, for other users, and for an unknown user', async () => {
    const person = await world.person();
    expect(problem(await remove(world.admin.userId))).toBe('409 last_super_admin');
    expect(problem(await remove(person.userId))).toBe('404 user_not_found');
    expect(problem(await remove('1'))).toBe('404 user_not_found');
  });

  test('is refused to the second of two who take it from each other', async () => {
    const person = await world.person();
    await add(person.email);
    const { token } = await world.signIn(person.email);
    const answers = await Promise.all([remove(person.userId), remove(world.admin.userId, token)]);
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([204, 409]);
  });
});

test('the list names super admins and those invited, and until when', async () => {
  await add('ada@example.com', { firstName: 'Ada', lastName: 'Lovelace' });
  const until = new Date(app.clock.now().getTime() + 7 * dayMs).toISOString();
  expect(await list()).toMatchObject({
    metadata: { total: 2 },
    superAdmins: [
      { id: world.admin.userId, email: world.admin.email, displayName: 'Super Admin', userState: 'ACTIVE' },
      { email: 'ada@example.com', displayName: 'Ada Lovelace', userState: 'INVITED', invitedUntil: until },
    ],
  });
});

test('the list names a delayed mail for the person to whom it goes', async () => {
  await add('ada@example.com');
  await add('bob@example.com');
  await app.db.query(sql`
    UPDATE mails SET due_at = ${new Date(app.clock.now().getTime() + dayMs)}, attempts = 0, state = 'QUEUED'
    WHERE app_id = ${world.appId} AND purpose = 'super_admin_invited'
      AND user_id = (SELECT id FROM users WHERE app_id = ${world.appId} AND email = 'ada@example.com')`);
  const { superAdmins } = await list();
  expect(superAdmins.filter(({ mail }) => mail === 'delayed').map(({ email }) => email)).toEqual(['ada@example.com']);
});
