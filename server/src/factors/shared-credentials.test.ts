import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { confirmation, factorsUrl } from '../test/world/factors.ts';
import {
  addPasskey,
  assertion,
  createPasskey,
  optionsOf,
  type OwnPasskey,
  type Passkey,
  passkeyUrls,
  registration,
  setRelyingParty,
  signInByPasskey,
} from '../test/world/passkeys.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

// A stranger registers the credential ids that the options for an e-mail address name.

let test: TestApp;
let world: World;
let owner: Person;
let passkey: OwnPasskey;
let stranger: Person;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  await setRelyingParty(world);
});
afterAll(() => test?.close());
beforeEach(async () => {
  [owner, stranger] = [await world.person(), await world.person()];
  passkey = await addPasskey(world, owner);
});

const idsFor = async (email: string) =>
  (await optionsOf(world, 'signInOptions', { body: { email } })).allowCredentials?.map(({ id }) => id) ?? [];
const copyOf = (id: string): Passkey => createPasskey({ credentialId: Buffer.from(id, 'base64url') });
async function register({ token }: Person, of: Passkey) {
  const credential = registration(of, await optionsOf(world, 'registrationOptions', { token }));
  const body = { credential, ...(await confirmation(world, { token })) };
  return world.call('POST', passkeyUrls.registration, { token, body });
}
const userOf = (response: { json: <Body>() => Body }) => response.json<{ userId?: string }>().userId;
const own = () => passkey.credentialId.toString('base64url');

it('gets the same answers for real and for invented ids', async () => {
  const real = await idsFor(owner.email);
  expect(real).toContain(own());
  const answers: [status: number, keys: string[]][] = [];
  for (const id of [...real, ...(await idsFor('nobody@example.com'))]) {
    const response = await register(stranger, copyOf(id));
    answers.push([response.statusCode, Object.keys(response.json<object>()).filter((key) => key !== 'recoveryCodes')]);
  }
  expect(answers[0]?.[0]).toBe(201);
  expect(answers).toEqual(answers.map(() => answers[0]));
});

it('signs in to their own account only, and does not disturb the owner', async () => {
  const theirs = copyOf(own());
  expect((await register(stranger, theirs)).statusCode).toBe(201);
  const anybody = await signInByPasskey(world, theirs);
  expect([anybody.statusCode, userOf(anybody)]).toEqual([201, stranger.userId]);
  const named = await signInByPasskey(world, theirs, {}, { email: stranger.email });
  expect([named.statusCode, userOf(named)]).toEqual([201, stranger.userId]);
  for (const body of [{}, { email: owner.email }]) {
    const right = await signInByPasskey(world, passkey, {}, body);
    expect([right.statusCode, userOf(right)]).toEqual([201, owner.userId]);
    const forged = { userHandle: passkey.userHandle };
    expect(problem(await signInByPasskey(world, theirs, forged, body))).toBe('401 invalid_credentials');
    expect(problem(await signInByPasskey(world, theirs, { userHandle: null }, body))).toBe('401 invalid_credentials');
  }
});

it('sees the id in the options of both accounts, each with its own passkeys', async () => {
  await register(stranger, copyOf(own()));
  for (const { token } of [owner, stranger]) {
    const options = await optionsOf(world, 'registrationOptions', { token });
    expect(options).toMatchObject({ excludeCredentials: [{ id: own() }] });
    const again = await optionsOf(world, 'reauthenticationOptions', { token });
    expect(again.allowCredentials?.map(({ id }) => id)).toEqual([own()]);
  }
  expect(await idsFor(owner.email)).toContain(own());
  expect(await idsFor(stranger.email)).toContain(own());
});

it('confirms the stranger, not the owner, in a session', async () => {
  const theirs = copyOf(own());
  await register(stranger, theirs);
  const confirm = async ({ token }: Person, of: Passkey) => {
    const options = await optionsOf(world, 'reauthenticationOptions', { token });
    const body = { assertion: assertion(of, options) };
    return problem(await world.call('POST', '/v1/authentication/users/me/reauthentication', { token, body }));
  };
  expect(await confirm(stranger, theirs)).toBe('200 undefined');
  expect(await confirm(owner, passkey)).toBe('200 undefined');
  expect(await confirm(owner, theirs)).toBe('400 factor_invalid');
  expect(await confirm(stranger, passkey)).toBe('400 factor_invalid');
});

it('is refused a second time, as is the owner', async () => {
  expect((await register(stranger, copyOf(own()))).statusCode).toBe(201);
  expect(problem(await register(stranger, copyOf(own())))).toBe('400 factor_invalid');
  expect(problem(await register(owner, copyOf(own())))).toBe('400 factor_invalid');
});

it('keeps the passkey after the owner removed theirs, and the owner can add it again', async () => {
  const theirs = copyOf(own());
  await register(stranger, theirs);
  await test.db.query(sql`DELETE FROM factors WHERE app_id = ${world.appId} AND id = ${passkey.id}`);
  expect((await register(owner, passkey)).statusCode).toBe(201);
  expect(userOf(await signInByPasskey(world, passkey))).toBe(owner.userId);
  expect(userOf(await signInByPasskey(world, theirs))).toBe(stranger.userId);
});

it('can be one of several strangers, whose passkeys are deleted alone', async () => {
  const [one, two] = [copyOf(own()), copyOf(own())];
  const second = await world.person();
  const added = await register(stranger, one);
  expect((await register(second, two)).statusCode).toBe(201);
  const { id } = added.json<{ id: string }>();
  const gone = await world.call('DELETE', `${factorsUrl}/${id}`, { token: stranger.token });
  expect(gone.statusCode).toBeLessThan(300);
  expect(problem(await signInByPasskey(world, one))).toBe('401 invalid_credentials');
  expect(userOf(await signInByPasskey(world, two))).toBe(second.userId);
  expect(userOf(await signInByPasskey(world, passkey))).toBe(owner.userId);
});
