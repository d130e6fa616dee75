import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from './send-password-resets.ts';

const users = '/v1/authentication/users';
const limits = { codeRequestsPerAccountPerHour: 3, mailsPerMailboxPerHour: 3 };

let app: TestApp;
let world: World;
let counter = 0;
/** The mailbox of an uninvolved person. */
let victim: string;

beforeAll(async () => {
  app = await buildTestApp();
});
beforeEach(async () => {
  victim = `victim-${(counter += 1)}@example.com`;
  world = await createWorld(app, { settings: { limits } });
});
afterAll(() => app?.close());

const stranger = () => world.person({ email: victim, verified: false });
const leave = async ({ token }: Person) => {
  const answer = await world.call('DELETE', `${users}/me`, { token, body: { currentPassword: password } });
  expect(answer.statusCode).toBe(200);
};
const purposes = async () => (await world.mails(victim)).map(({ purpose }) => purpose);
const countOf = async (purpose: string) => (await purposes()).filter((found) => found === purpose).length;

describe("a user with another person's address cannot send any number of mails to it", () => {
  test('a user cannot send more mails than the quota by changing the password', async () => {
    const { userId, token } = await stranger();
    const other = 'Secret@slidezAB';
    for (const [currentPassword, newPassword] of [
      [password, other],
      [other, password],
    ]) {
      const body = { currentPassword, newPassword };
      expect((await world.call('PUT', `${users}/${userId}/password`, { token, body })).statusCode).toBe(200);
    }
    expect(await purposes()).toEqual(['email_verification']);
  });

  test('a user cannot send more mails than the quota by signing in from one new device after another', async () => {
    await stranger();
    const body = { email: victim, password };
    expect((await world.call('POST', `${users}/sessions`, { body })).statusCode).toBe(201);
    expect(await purposes()).toEqual(['email_verification']);
  });

  test('a user cannot send more mails than the quota by signing up and deleting the account repeatedly', async () => {
    // The mails of an account are deleted with it, so the mails of each account are counted separately.
    const found: string[][] = [];
    for (let index = 0; index < 5; index += 1) {
      const made = await stranger();
      found.push(await purposes());
      await leave(made);
    }
    expect(found).toEqual([['email_verification'], ['email_verification'], ['email_verification'], [], []]);
    const { token, userId } = await stranger();
    const request = () => world.call('POST', `${users}/email/verification-request`, { token, body: { userId } });
    for (let index = 0; index < 3; index += 1) expect((await request()).statusCode).toBe(200);
    expect(problem(await request())).toBe('429 rate_limited');
    app.clock.advance(3_600_000);
    expect((await request()).statusCode).toBe(200);
  });

  test('sign-ups and deletions send no more mails than the quota and keep a pending invitation', async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const body = { email: victim, firstName: 'Jane', lastName: 'Roe', role: 'reader' };
    await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token: owner.token, body });
    for (let index = 0; index < 5; index += 1) await leave(await stranger());
    expect(await countOf('invitation')).toBe(0);
    await world.call('POST', `${users}/password/reset-request/email`, { body: { email: victim } });
    await runTask(app, sendPasswordResets);
    const { code: verificationCode } = await world.mail(victim);
    const reset = { email: victim, verificationCode, newPassword: password };
    expect((await world.call('PUT', `${users}/password`, { body: reset })).statusCode).toBe(200);
    const { token } = await world.signIn(victim);
    const me = await world.call('GET', `${users}/me?includeOrganizations=true`, { token });
    expect(me.json()).toMatchObject({ organizations: [{ id: orgId, roles: ['reader'] }] });
  });

  test('a user cannot send more mails than the quota by requesting resets of many accounts', async () => {
    let mails = 0;
    for (let index = 0; index < 5; index += 1) {
      const made = await stranger();
      await world.call('POST', `${users}/password/reset-request/email`, { body: { email: victim } });
      await runTask(app, sendPasswordResets);
      mails += await countOf('password_reset');
      await leave(made);
    }
    expect(mails).toBe(3);
  });

  test('a user cannot send more mails than the quota by requesting address changes from many accounts', async () => {
    const statuses: number[] = [];
    for (let index = 0; index < 5; index += 1) {
      const { token } = await world.person();
      const body = { newEmail: victim, currentPassword: password };
      statuses.push((await world.call('POST', `${users}/me/email`, { token, body })).statusCode);
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect(await countOf('email_change')).toBe(3);
  });
});

test('a user with a verified address is notified of a changed password and of new devices', async () => {
  const { userId, token } = await world.person({ email: victim });
  const body = { currentPassword: password, newPassword: 'Secret@slidezAB' };
  await world.call('PUT', `${users}/${userId}/password`, { token, body });
  await world.call('POST', `${users}/sessions`, { body: { email: victim, password: 'Secret@slidezAB' } });
  expect((await purposes()).slice(0, 2)).toEqual(['new_device', 'password_changed']);
});

test('a deleted account leaves an invited user only if its own address is invited', async () => {
  const owner = await world.person();
  const url = `/v1/authorization/organizations/${await world.organization(owner)}/members`;
  const body = { email: 'somebody-else@example.com', firstName: 'Jane', lastName: 'Roe', role: 'reader' };
  expect((await world.call('POST', url, { token: owner.token, body })).statusCode).toBe(201);
  await leave(await stranger());
  expect(await app.db.query(sql`SELECT 1 FROM users WHERE app_id = ${world.appId} AND email = ${victim}`)).toEqual([]);
});
