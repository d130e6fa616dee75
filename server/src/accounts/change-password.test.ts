import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, faults, password, type Person, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from './send-password-resets.ts';

const newPassword = 'Secret@slidezAB';

let app: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
beforeEach(async () => {
  person = await world.person();
});
afterAll(() => app?.close());

const change = (changes: object = {}, { userId, token }: { userId: string; token: string } = person) =>
  world.call('PUT', `/v1/authentication/users/${userId}/password`, {
    token,
    body: { currentPassword: password, newPassword, ...changes },
  });
const signIn = async (with_: string) => {
  const body = { email: person.email, password: with_ };
  return (await world.call('POST', '/v1/authentication/users/sessions', { body })).statusCode;
};
const isSignedIn = async (token: string) =>
  (await world.call('GET', '/v1/authentication/users/me', { token })).statusCode === 200;

describe('changing the password is refused', () => {
  test.each<[what: string, changes: object, answer: string, pointers?: string[]]>([
    ['without the new one', { newPassword: undefined }, '400 validation_failed', ['/body/newPassword']],
    ['with an unknown field', { email: 'x@example.com' }, '400 validation_failed', ['/body/email']],
    ['with a wrong current one', { currentPassword: 'Password@123JonDoe' }, '403 current_password_wrong'],
    ['with an empty current one', { currentPassword: '' }, '403 current_password_wrong'],
    ['with a weak new one', { newPassword: 'password123' }, '400 password_too_weak'],
  ])('%s', async (_, changes, answer, pointers = []) => {
    const other = await world.signIn(person.email);
    const response = await change(changes);
    expect(problem(response)).toBe(answer);
    expect(Object.keys(faults(response))).toEqual(pointers);
    expect([await isSignedIn(other.token), await signIn(password)]).toEqual([true, 201]);
  });

  test('others cannot change a password: strangers, super admins, machine users', async () => {
    const { userId } = person;
    const others = [(await world.person()).token, world.admin.token, (await world.machine()).token];
    const answers = await Promise.all(others.map((token) => change({}, { userId, token })));
    expect(answers.map(problem)).toEqual(['404 user_not_found', '403 access_denied', '403 access_denied']);
  });

  test('a user without a password cannot change it, and the response says how to get one', async () => {
    await app.db.query(
      sql`UPDATE users SET password_hash = NULL WHERE app_id = ${world.appId} AND id = ${person.userId}`,
    );
    const response = await change();
    expect(problem(response)).toBe('403 current_password_wrong');
    expect(response.json<{ detail: string }>().detail).toContain('password reset');
  });
});

test('wrong current passwords are counted, also concurrent ones, and a correct one resets the count', async () => {
  world = await createWorld(app, { settings: { limits: { passwordChecksPerUserPerHour: 20 } } });
  person = await world.person();
  const wrong = async (times: number) => {
    const attempts = Array.from({ length: times }, () => change({ currentPassword: 'wrong' }));
    return (await Promise.all(attempts)).map(problem);
  };
  await wrong(19);
  expect((await change({ newPassword: password })).statusCode).toBe(200);
  expect((await wrong(50)).filter((answer) => answer === '403 current_password_wrong')).toHaveLength(20);
  const refused = await change();
  expect([problem(refused), refused.headers['retry-after']]).toEqual(['429 rate_limited', '180']);
});

describe('changing the password', () => {
  test('ends the other sessions, keeps this one, notifies the owner', async () => {
    const other = await world.signIn(person.email);
    const response = await change();
    expect([response.statusCode, response.json()]).toEqual([200, { message: 'Password updated' }]);
    expect([await isSignedIn(person.token), await isSignedIn(other.token)]).toEqual([true, false]);
    expect([await signIn(password), await signIn(newPassword)]).toEqual([401, 201]);
    const told = (await world.mails(person.email)).filter(({ purpose }) => purpose === 'password_changed');
    expect(told.map(({ text }) => text.includes(newPassword))).toEqual([false]);
  });

  test('voids a code for a password reset', async () => {
    const body = { email: person.email };
    await world.call('POST', '/v1/authentication/users/password/reset-request/email', { body });
    await runTask(app, sendPasswordResets);
    const { code: verificationCode } = await world.mail(person.email);
    expect((await change()).statusCode).toBe(200);
    const late = { ...body, verificationCode, newPassword: 'testJohndoe@12AB' };
    expect(problem(await world.call('PUT', '/v1/authentication/users/password', { body: late }))).toBe(
      '400 code_invalid',
    );
  });

  test('twice concurrently happens once: the current password of the other call is then wrong', async () => {
    const answers = await Promise.all([change(), change({ newPassword: 'testJohndoe@12AB' })]);
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 403]);
  });
});
