import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { addFactor, enrol, factorsUrl, signInWith } from '../test/world/factors.ts';
import { addPasskey, setRelyingParty, signInByPasskey } from '../test/world/passkeys.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

// The factors that the link in the mail about a new factor removes and keeps.

const users = '/v1/authentication/users';
const dayMs = 24 * 3_600_000;

let test: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  await setRelyingParty(world);
});
afterAll(() => test?.close());
beforeEach(async () => {
  person = await world.person();
});

/** Reads the newest mail. @returns a function that presses the button of its link */
async function linkOfNewestMail() {
  const { purpose, text } = await world.mail(person.email);
  const [, token] = /not-me#(\S+)/.exec(text) ?? [];
  expect([purpose, token]).toEqual(['factor_added', expect.any(String)]);
  return async () => {
    const response = await world.call('POST', `${users}/email/verification/rejection`, { body: { token } });
    expect(response.statusCode).toBe(200);
  };
}

/** The session of a sign-in with a passkey alone. */
async function sessionBy(passkey: Parameters<typeof signInByPasskey>[1]): Promise<{ token: string }> {
  test.clock.advance(1000);
  const response = await signInByPasskey(world, passkey);
  expect(response.statusCode).toBe(201);
  return { token: response.json<{ sessionToken: string }>().sessionToken };
}

const passwordSignIn = () => world.call('POST', `${users}/sessions`, { body: { email: person.email, password } });

describe('within a day, the link', () => {
  it('removes a passkey of the thief of a session, who has signed in with it', async () => {
    const theirs = await addPasskey(world, person);
    const press = await linkOfNewestMail();
    const { token } = await sessionBy(theirs);
    await press();
    expect((await world.call('GET', `${users}/me`, { token })).statusCode).toBe(401);
    expect(problem(await signInByPasskey(world, theirs))).toBe('401 invalid_credentials');
    expect((await passwordSignIn()).statusCode).toBe(201);
  });

  it('removes an authenticator app that was used', async () => {
    const theirs = await enrol(world, person);
    const press = await linkOfNewestMail();
    await signInWith(world, person, theirs);
    await press();
    expect((await passwordSignIn()).statusCode).toBe(201);
  });

  it('removes the factors that were added after it, used, unused or not confirmed', async () => {
    const first = await addPasskey(world, person);
    const press = await linkOfNewestMail();
    const session = await sessionBy(first);
    const second = await addPasskey(world, session);
    const third = await addPasskey(world, await sessionBy(second));
    await addFactor(world, session);
    await press();
    for (const theirs of [first, second, third]) {
      expect(problem(await signInByPasskey(world, theirs))).toBe('401 invalid_credentials');
    }
    const { sessionToken: token } = (await passwordSignIn()).json<{ sessionToken: string }>();
    expect((await world.call('GET', factorsUrl, { token })).json()).toEqual({
      factors: [],
      recoveryCodes: { total: 0, unused: 0 },
    });
  });

  it('keeps the earlier factors, with their recovery codes', async () => {
    const own = await enrol(world, person);
    const theirs = await addPasskey(world, person);
    await (
      await linkOfNewestMail()
    )();
    expect(problem(await signInByPasskey(world, theirs))).toBe('401 invalid_credentials');
    const { token } = await signInWith(world, person, own);
    expect((await world.call('GET', factorsUrl, { token })).json()).toMatchObject({
      factors: [{ id: own.id }],
      recoveryCodes: { total: 10, unused: 10 },
    });
  });
});

describe('the link after a day, when the owner signs in with the factor', () => {
  it('keeps a factor that was used, because the mailbox is only one factor', async () => {
    const own = await addPasskey(world, person);
    const press = await linkOfNewestMail();
    await sessionBy(own);
    test.clock.advance(dayMs);
    await press();
    expect((await signInByPasskey(world, own)).statusCode).toBe(201);
  });

  it('removes a factor that was never used, and keeps a later one that was used', async () => {
    const unused = await addPasskey(world, person);
    const press = await linkOfNewestMail();
    const own = await addPasskey(world, person);
    await sessionBy(own);
    test.clock.advance(dayMs);
    await press();
    expect(problem(await signInByPasskey(world, unused))).toBe('401 invalid_credentials');
    expect((await signInByPasskey(world, own)).statusCode).toBe(201);
  });

  it('a link that removes nothing also keeps later factors', async () => {
    const own = await addPasskey(world, person);
    const press = await linkOfNewestMail();
    await sessionBy(own);
    test.clock.advance(dayMs - 600_000);
    const later = await addPasskey(world, await sessionBy(own));
    test.clock.advance(600_000);
    await press();
    expect((await signInByPasskey(world, later)).statusCode).toBe(201);
  });
});
