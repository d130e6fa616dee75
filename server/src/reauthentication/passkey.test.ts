import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acrOf } from '../access/second-factor.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { challenge, factorsUrl, finish } from '../test/world/factors.ts';
import {
  addPasskey,
  assertion,
  optionsOf,
  type OwnPasskey,
  passkeyUrls,
  refusedDeviations,
  setRelyingParty,
  signInByPasskey,
} from '../test/world/passkeys.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const reauthentication = `${users}/me/reauthentication`;

let test: TestApp;
let world: World;
let person: Person;
let passkey: OwnPasskey;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  await setRelyingParty(world);
});
afterAll(() => test?.close());
beforeEach(async () => {
  person = await world.person();
  passkey = await addPasskey(world, person);
});

const meWith = (token: string) => world.call('GET', `${users}/me`, { token });

describe('a re-authentication with a passkey', () => {
  const begin = (token = person.token) => optionsOf(world, 'reauthenticationOptions', { token });
  const renew = (answer: object, token = person.token) =>
    world.call('POST', reauthentication, { token, body: { assertion: answer } });
  const remove = () => world.call('DELETE', `${factorsUrl}/${passkey.id}`, { token: person.token });

  it('uses the second factor again', async () => {
    test.clock.advance(600_001);
    await world.reauthenticate(person);
    expect(problem(await remove())).toBe('401 step_up_required');
    expect((await renew(assertion(passkey, await begin()))).statusCode).toBe(200);
    expect((await meWith(person.token)).json()).toMatchObject({ session: { amr: ['pwd', 'swk', 'user', 'mfa'] } });
    expect((await remove()).statusCode).toBe(204);
  });

  it.each(refusedDeviations)('is refused %s', async (_, deviation) => {
    expect(problem(await renew(assertion(passkey, await begin(), deviation)))).toBe('400 factor_invalid');
  });

  it('is refused with the challenge of another session', async () => {
    const { sessionToken: token } = (await signInByPasskey(world, passkey)).json<{ sessionToken: string }>();
    const answer = assertion(passkey, await begin(token));
    expect(problem(await renew(answer))).toBe('400 factor_invalid');
    expect((await renew(answer, token)).statusCode).toBe(200);
  });

  it('is refused with the passkey of another person', async () => {
    const other = await addPasskey(world, await world.person());
    const answer = assertion(other, await begin(), { userHandle: null });
    expect(problem(await renew(answer))).toBe('400 factor_invalid');
  });

  it('is refused for a session after a recovery code', async () => {
    const [recoveryCode] = passkey.recoveryCodes;
    const recovered = await finish(world, await challenge(world, person.email), { recoveryCode });
    const { sessionToken: token } = recovered.json<{ sessionToken: string }>();
    const response = await world.call('POST', passkeyUrls.reauthenticationOptions, { token });
    expect(problem(response)).toBe('403 mfa_enrolment_required');
  });
});

describe('the strength of an authentication', () => {
  it.each([
    [['pwd'], 1],
    [['fed'], 1],
    [['pwd', 'otp', 'mfa'], 2],
    [['pwd', 'hwk', 'mfa'], 2],
    [['pwd', 'hwk', 'user', 'mfa'], 3],
    [['swk', 'user', 'mfa'], 3],
    [['pwd', 'user'], 1],
  ] as const)('the strength of %j is %i', (amr, acr) => expect(acrOf(amr)).toBe(acr));
});
