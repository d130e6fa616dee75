import { hash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

const target = 'https://product.example/signed-in';
const codeVerifier = 'verifier-of-the-product-which-is-long-enough-43';
const codeChallenge = hash('sha256', codeVerifier, 'base64url');
const users = '/v1/authentication/users';

let test: TestApp;
let world: World;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test, { settings: { redirectUrls: [target] } });
});
afterAll(() => test?.close());

it.each([1, 2, 3, 4, 5, 6])('no copy outlives a session that ends while its code is exchanged (%i)', async (round) => {
  const person = await world.person({ verified: true });
  const body = { email: person.email, password };
  const session = (await world.call('POST', `${users}/sessions`, { body })).json<{
    sessionId: string;
    sessionToken: string;
  }>();
  const created = await world.call('POST', `${users}/me/exchange-codes`, {
    token: session.sessionToken,
    body: { returnTo: target, codeChallenge },
  });
  const { code } = created.json<{ code: string }>();
  const exchange = () =>
    world.call('POST', `${users}/sessions/exchange`, { body: { code, codeVerifier, returnTo: target } });
  const end = () => world.call('DELETE', `${users}/sessions/${session.sessionId}`, { token: session.sessionToken });
  const calls = round % 2 === 0 ? [exchange(), end()] : [end(), exchange()];
  const responses = await Promise.all(calls);
  const [exchanged, ended] = round % 2 === 0 ? responses : responses.toReversed();
  expect(ended?.statusCode).toBe(204);
  expect([201, 400]).toContain(exchanged?.statusCode);
  const token = exchanged?.json<{ sessionToken?: string }>().sessionToken ?? session.sessionToken;
  expect((await world.call('GET', `${users}/me`, { token })).statusCode).toBe(401);
});
