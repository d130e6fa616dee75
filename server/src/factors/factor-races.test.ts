import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { confirmation, enrol, factorsUrl, setPolicy } from '../test/world/factors.ts';
import {
  addPasskey,
  assertion,
  createPasskey,
  optionsOf,
  type Passkey,
  passkeyUrls,
  registration,
  setRelyingParty,
  signInByPasskey,
} from '../test/world/passkeys.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

// Calls that change or use the factors of a person at the same time.

const users = '/v1/authentication/users';

let test: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  test = await buildTestApp();
});
afterAll(() => test?.close());
beforeEach(async () => {
  world = await createWorld(test);
  await setRelyingParty(world);
  person = await world.person();
});

/** Prepares the registration of a passkey, so that only the request must be sent. */
async function prepareRegistration({ token }: { token: string }, passkey: Passkey = createPasskey()) {
  const options = await optionsOf(world, 'registrationOptions', { token });
  const body = { credential: registration({ ...passkey }, options), ...(await confirmation(world, { token })) };
  return () => world.call('POST', passkeyUrls.registration, { token, body });
}

const prepareSignIn = async (passkey: Passkey) => {
  const body = { assertion: assertion(passkey, await optionsOf(world, 'signInOptions')) };
  return () => world.call('POST', passkeyUrls.signIn, { body });
};

const remove = (id: string) => world.call('DELETE', `${factorsUrl}/${id}`, { token: person.token });
const listed = async ({ token }: { token: string } = person) =>
  (await world.call('GET', factorsUrl, { token })).json<{ factors: { id: string }[] }>().factors;

/** Makes all calls at the same time. @returns the problems and statuses, sorted */
const atOnce = async (...calls: (() => ReturnType<World['call']>)[]) =>
  (await Promise.all(calls.map((call) => call())))
    .map((response) => (response.body === '' ? String(response.statusCode) : problem(response)))
    .toSorted();

describe('concurrent requests', () => {
  it('two people register the same credential, each for themselves', async () => {
    const other = await world.person();
    const passkey = createPasskey();
    const calls = [await prepareRegistration(person, passkey), await prepareRegistration(other, passkey)];
    expect(await atOnce(...calls)).toEqual(['201 undefined', '201 undefined']);
    expect([(await listed()).length, (await listed(other)).length]).toEqual([1, 1]);
  });

  it('only one session adds the first factor with the code of the mailbox, and gets recovery codes', async () => {
    const { token } = await world.signIn(person.email);
    const body = await confirmation(world, person);
    const calls = await Promise.all(
      [person.token, token].map(async (by) => {
        const options = await optionsOf(world, 'registrationOptions', { token: by });
        const credential = registration(createPasskey(), options);
        return () => world.call('POST', passkeyUrls.registration, { token: by, body: { credential, ...body } });
      }),
    );
    expect(await atOnce(...calls)).toEqual(['201 undefined', '400 code_invalid']);
    expect(await listed()).toHaveLength(1);
  });

  it('only one of two concurrent requests adds the tenth factor', async () => {
    const first = await addPasskey(world, person);
    for (let count = 1; count < 9; count += 1) await addPasskey(world, person);
    const { sessionToken: token } = (await signInByPasskey(world, first)).json<{ sessionToken: string }>();
    const calls = [await prepareRegistration(person), await prepareRegistration({ token })];
    expect(await atOnce(...calls)).toEqual(['201 undefined', '409 factor_limit_exceeded']);
  });

  it('one of the last two factors is kept in an app that requires one', async () => {
    const [one, other] = [await addPasskey(world, person), await addPasskey(world, person)];
    await setPolicy(world, 'required');
    expect(
      await atOnce(
        ...[one, other].map(
          ({ id }) =>
            () =>
              remove(id),
        ),
      ),
    ).toEqual(['204', '409 last_factor']);
  });

  it.each([1, 2, 3])('a sign-in leaves no session after the administrator removed the passkey, round %i', async () => {
    await enrol(world, world.admin);
    const signIn = await prepareSignIn(await addPasskey(world, person));
    const reset = () =>
      world.call('DELETE', `/v1/authorization/users/${person.userId}/factors`, { token: world.admin.token });
    const [signedIn, removed] = await Promise.all([signIn(), reset()]);
    expect(removed.statusCode).toBe(200);
    const { sessionToken: token = 'none' } = signedIn.json<{ sessionToken?: string }>();
    expect(['201 undefined', '401 invalid_credentials']).toContain(problem(signedIn));
    expect((await world.call('GET', `${users}/me`, { token })).statusCode).toBe(401);
  });
});

describe('a passkey of a deleted account', () => {
  it('is refused, also with options from before, and is free for another person', async () => {
    const passkey = await addPasskey(world, person);
    const signIn = await prepareSignIn(passkey);
    const options = await optionsOf(world, 'signInOptions', { body: { email: person.email } });
    const url = `/v1/authorization/users/${person.userId}`;
    expect((await world.call('DELETE', url, { token: world.admin.token })).statusCode).toBe(200);
    const body = { assertion: assertion(passkey, options) };
    for (const response of [await signIn(), await world.call('POST', passkeyUrls.signIn, { body })]) {
      expect(problem(response)).toBe('401 invalid_credentials');
    }
    const successor = await world.person();
    expect((await (await prepareRegistration(successor, passkey))()).statusCode).toBe(201);
    expect(problem(await signInByPasskey(world, passkey))).toBe('401 invalid_credentials');
  });
});
