import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { challenge, enrol, factorsUrl, finish, type OwnFactor, signInWith } from '../test/world/factors.ts';
import { createWorld, type Mail, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';

let test: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
});
afterAll(() => test?.close());
beforeEach(async () => {
  person = await world.person();
});

const call = (method: string, url: string) => world.call(method as 'GET', url, { token: person.token });
const me = (token: string) => world.call('GET', `${users}/me`, { token });

const pressNotMe = async (email: string, mail?: Mail) => {
  const { text } = mail ?? (await world.mail(email));
  const [, token] = /\S+not-me#(\S+)/.exec(text) ?? [];
  return world.call('POST', `${users}/email/verification/rejection`, { body: { token } });
};

describe('the link "not me" in a mail about a change of factors', () => {
  const resets = () =>
    test.db
      .query(sql`SELECT 1 FROM password_reset_requests WHERE app_id = ${world.appId}`)
      .then(({ length }) => length);

  it.each([
    ['a removed factor', async (own: OwnFactor) => call('DELETE', `${factorsUrl}/${own.id}`)],
    ['replaced recovery codes', async () => call('POST', `${users}/me/recovery-codes`)],
    [
      'a used recovery code',
      async ({ recoveryCodes: [recoveryCode] }: OwnFactor) =>
        finish(world, await challenge(world, person.email), { recoveryCode }),
    ],
  ])('about %s ends all sessions and starts a reset', async (_, change) => {
    const factor = await enrol(world, person);
    const response = await change(factor);
    expect(response.statusCode).toBeLessThan(300);
    const token =
      response.body === '' ? person.token : (response.json<{ sessionToken?: string }>().sessionToken ?? person.token);
    const before = await resets();
    expect((await pressNotMe(person.email)).statusCode).toBe(200);
    for (const ended of [token, person.token]) expect((await me(ended)).statusCode).toBe(401);
    expect(await resets()).toBe(before + 1);
    expect((await pressNotMe(person.email)).statusCode).toBe(200);
  });

  it('about a removed factor is void after a change of address', async () => {
    const factor = await enrol(world, person);
    await call('DELETE', `${factorsUrl}/${factor.id}`);
    await test.db.query(sql`
      UPDATE users SET email = 'other@example.com', email_key = ${`other-${person.userId}@example.com`}
      WHERE app_id = ${world.appId} AND id = ${person.userId}`);
    expect(problem(await pressNotMe(person.email))).toBe('400 code_invalid');
  });
});

describe('the link "not me" in the mail about a new factor', () => {
  it('removes the factor and ends the sessions', async () => {
    await enrol(world, person);
    expect((await pressNotMe(person.email)).statusCode).toBe(200);
    expect((await me(person.token)).statusCode).toBe(401);
    expect((await world.signIn(person.email)).userId).toBe(person.userId);
  });

  it('keeps a factor that was used since, after a day, because the mailbox is only one factor', async () => {
    const factor = await enrol(world, person);
    const mail = await world.mail(person.email);
    await signInWith(world, person, factor);
    test.clock.advance(24 * 3_600_000);
    expect((await pressNotMe(person.email, mail)).statusCode).toBe(200);
    await challenge(world, person.email);
  });
});
