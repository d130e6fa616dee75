import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { challenge, enrol, factorsUrl, finish, nextCode, type OwnFactor, setPolicy } from '../test/world/factors.ts';
import {
  addPasskey,
  assertion,
  createPasskey,
  optionsOf,
  type OwnPasskey,
  setRelyingParty,
} from '../test/world/passkeys.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const reauthentication = `${users}/me/reauthentication`;

let test: TestApp;
let world: World;
let person: Person;
let passkey: OwnPasskey;
let app: OwnFactor;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  await setRelyingParty(world);
});
afterAll(() => test?.close());
beforeEach(async () => {
  await setPolicy(world, 'optional');
  person = await world.person();
  passkey = await addPasskey(world, person);
  app = await enrol(world, person);
  test.clock.advance(600_001);
});

const renew = (body: object, token = person.token) => world.call('POST', reauthentication, { token, body });
const removePasskey = (token = person.token) => world.call('DELETE', `${factorsUrl}/${passkey.id}`, { token });
const sign = async (isUserVerified = true) => {
  const options = await optionsOf(world, 'reauthenticationOptions', { token: person.token });
  return { assertion: assertion(passkey, options, { isUserVerified }) };
};
const mailedCode = async () => {
  await world.call('POST', `${reauthentication}-request`, { token: person.token });
  return { verificationCode: (await world.mail(person.email)).code };
};

describe('a user with a passkey cannot remove it', () => {
  it.each<[what: string, proof: () => Promise<object>]>([
    ['the password', () => Promise.resolve({ currentPassword: password })],
    ['a mailed code', mailedCode],
    ['the authenticator app', () => Promise.resolve({ factorId: app.id, code: nextCode(world, app) })],
    ['the passkey without PIN or biometrics', () => sign(false)],
  ])('a passkey cannot be removed after %s', async (_, proof) => {
    expect((await renew(await proof())).statusCode).toBe(200);
    const response = await removePasskey();
    expect([problem(response), response.headers['www-authenticate']]).toEqual([
      '401 step_up_required',
      'Bearer error="insufficient_user_authentication", acr_values="urn:gatehouse:acr:3", max_age=600',
    ]);
  });

  it('a passkey can be removed after an authentication with the passkey', async () => {
    expect((await renew(await sign())).statusCode).toBe(200);
    expect((await removePasskey()).statusCode).toBe(204);
    // The authenticator app is now the strongest factor.
    test.clock.advance(600_001);
    expect((await renew({ factorId: app.id, code: nextCode(world, app) })).statusCode).toBe(200);
    expect((await world.call('POST', `${users}/me/recovery-codes`, { token: person.token })).statusCode).toBe(201);
  });

  it('a passkey can be removed after a recovery code, which replaces every factor', async () => {
    const [recoveryCode] = passkey.recoveryCodes;
    const recovered = await finish(world, await challenge(world, person.email), { recoveryCode });
    expect((await removePasskey(recovered.json<{ sessionToken: string }>().sessionToken)).statusCode).toBe(204);
  });
});

describe('a key that never verifies its owner', () => {
  it('is as strong as an authenticator app', async () => {
    const owner = await world.person();
    const key = createPasskey();
    const added = await addPasskey(world, owner, key, { isUserVerified: false });
    test.clock.advance(600_001);
    const token = owner.token;
    const options = await optionsOf(world, 'reauthenticationOptions', { token });
    expect((await renew({ assertion: assertion(added, options, { isUserVerified: false }) }, token)).statusCode).toBe(
      200,
    );
    expect((await world.call('DELETE', `${factorsUrl}/${added.id}`, { token })).statusCode).toBe(204);
  });
});

describe('the setting stepUpOperations', () => {
  const patch = (body: object) =>
    world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });

  it.each([[['createOrganization']], [['inviteOwner']], [['deleteUser', 'deleteUser']], ['all'], [[['deleteUser']]]])(
    'refuses %j',
    async (stepUpOperations) => {
      await world.reauthenticate();
      expect(problem(await patch({ stepUpOperations }))).toBe('400 validation_failed');
    },
  );

  it('needs recent authentication to be narrowed, but not to be sent unchanged', async () => {
    await world.reauthenticate();
    const body = { stepUpOperations: ['deleteUser', 'createMachineUser'] };
    expect((await patch(body)).json()).toMatchObject(body);
    test.clock.advance(600_001);
    expect((await patch({ stepUpOperations: body.stepUpOperations })).statusCode).toBe(200);
    expect(problem(await patch({ stepUpOperations: [] }))).toBe('401 reauthentication_required');
  });
});

describe('the setting mfa.policy', () => {
  it('off requires no factor, also of people with a factor', async () => {
    await setPolicy(world, 'off');
    expect((await renew({ currentPassword: password })).statusCode).toBe(200);
    expect((await world.call('GET', `${users}/me/export`, { token: person.token })).statusCode).toBe(200);
  });
});
