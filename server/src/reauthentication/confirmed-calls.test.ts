import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { freshForSeconds } from '../access/required-authentication.ts';
import { registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const url = `${users}/me/reauthentication`;
const staleMs = (freshForSeconds + 1) * 1000;

let app: TestApp;
let world: World;
let provider: TestProvider;
let idpId: string;
let person: Person;

beforeAll(async () => {
  app = await buildTestApp();
  provider = await TestProvider.start();
  world = await createWorld(app);
  idpId = await registerProvider(world, provider);
});
beforeEach(async () => {
  person = await world.person();
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});

const renew = (body: object) => world.call('POST', url, { token: person.token, body });
/** Whether the session can make a call that always needs fresh authentication. */
const isFresh = async () => (await world.call('GET', `${users}/me/export`, { token: person.token })).statusCode === 200;
const mailedCode = async () => {
  expect((await world.call('POST', `${url}-request`, { token: person.token })).statusCode).toBe(200);
  return (await world.mail(person.email)).code;
};

describe('the current password in a call serves as authentication for this call only', () => {
  test.each<[what: string, act: (body: object) => ReturnType<typeof renew>]>([
    [
      'a change of the address',
      (body) =>
        world.call('POST', `${users}/me/email`, {
          token: person.token,
          body: { newEmail: `x-${person.email}`, ...body },
        }),
    ],
    [
      'a change of the password',
      (body) =>
        world.call('PUT', `${users}/${person.userId}/password`, {
          token: person.token,
          body: { newPassword: 'Secret@slidezAB', ...body },
        }),
    ],
    ['the deletion of the account', (body) => world.call('DELETE', `${users}/me`, { token: person.token, body })],
  ])('%s', async (_, act) => {
    app.clock.advance(staleMs);
    expect(problem(await act({}))).toBe('401 reauthentication_required');
    expect(problem(await act({ currentPassword: 'wrong' }))).toBe('403 current_password_wrong');
    expect((await act({ currentPassword: password })).statusCode).toBe(200);
    expect(await isFresh()).toBe(false);
  });
});

describe('a value equal to the stored one needs no authentication:', () => {
  test('the stored address of the caller needs no authentication', async () => {
    app.clock.advance(staleMs);
    const ask = (newEmail: string) =>
      world.call('POST', `${users}/me/email`, { token: person.token, body: { newEmail } });
    expect((await ask(person.email)).statusCode).toBe(200);
    expect(problem(await ask(person.email.toUpperCase()))).toBe('401 reauthentication_required');
  });

  test.each<[body: object, answer: number]>([
    [{ enabled: true, trustEmail: true, name: 'Acme SSO', clientId: 'our-client' }, 200],
    [{ enabled: true, trustEmail: false }, 401],
    [{ clientId: 'another' }, 401],
    [{ clientSecret: 'our:secret/0' }, 401],
  ])('a stored value of a provider needs no authentication: %j', async (body, answer) => {
    const { token } = await world.signIn(world.admin.email);
    app.clock.advance(staleMs);
    expect((await world.call('PATCH', `/v1/authorization/idps/${idpId}`, { token, body })).statusCode).toBe(answer);
  });

  test('the setting that requires it more often; other settings need no authentication', async () => {
    const one = await createWorld(app);
    const patch = (body: object) =>
      one.call('PATCH', '/v1/authorization/apps/settings', { token: one.admin.token, body });
    app.clock.advance(staleMs);
    expect((await patch({ stepUp: false, signUpEnabled: true })).statusCode).toBe(200);
    expect(problem(await patch({ stepUp: true }))).toBe('401 reauthentication_required');
    const renewed = await one.call('POST', url, { token: one.admin.token, body: { currentPassword: password } });
    expect(renewed.statusCode).toBe(200);
    expect((await patch({ stepUp: true })).json()).toMatchObject({ stepUp: true });
    app.clock.advance(staleMs);
    // The thief of a session cannot turn the setting off.
    expect(problem(await patch({ stepUp: false }))).toBe('401 reauthentication_required');
  });
});

describe('somebody without a password', () => {
  test('sets one, by a code in the mailbox', async () => {
    await app.db.query(sql`
      UPDATE users SET password_hash = NULL WHERE app_id = ${world.appId} AND id = ${person.userId}`);
    app.clock.advance(staleMs);
    const set = () =>
      world.call('PUT', `${users}/${person.userId}/password`, {
        token: person.token,
        body: { newPassword: 'Secret@slidezAB' },
      });
    expect(problem(await set())).toBe('401 reauthentication_required');
    expect((await renew({ verificationCode: await mailedCode() })).statusCode).toBe(200);
    expect((await set()).statusCode).toBe(200);
    const body = { email: person.email, password: 'Secret@slidezAB' };
    expect((await world.call('POST', `${users}/sessions`, { body })).statusCode).toBe(201);
  });
});
