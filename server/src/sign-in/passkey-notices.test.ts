import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import {
  addPasskey,
  assertion,
  optionsOf,
  passkeyUrls,
  setRelyingParty,
  signInByPasskey,
} from '../test/world/passkeys.ts';
import { createWorld, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  await setRelyingParty(world);
});
afterAll(() => test?.close());

it('a sign-in with a passkey notifies the owner about a device that the account does not know, once', async () => {
  const person = await world.person();
  const passkey = await addPasskey(world, person);
  const notices = async () => (await world.mails(person.email)).filter(({ purpose }) => purpose === 'new_device');
  const first = await signInByPasskey(world, passkey);
  expect(await notices()).toHaveLength(1);
  // The quota of these mails is refilled.
  test.clock.advance(25 * 3_600_000);
  const body = { assertion: assertion(passkey, await optionsOf(world, 'signInOptions', {})) };
  const headers = { 'x-device-token': String(first.headers['x-device-token']) };
  expect((await world.call('POST', passkeyUrls.signIn, { body, headers })).statusCode).toBe(201);
  expect(await notices()).toHaveLength(1);
});
