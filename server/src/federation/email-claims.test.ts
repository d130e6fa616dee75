import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { badAddresses } from '../test/email-addresses.ts';
import { goThrough, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let provider: TestProvider;

beforeAll(async () => {
  app = await buildTestApp();
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
  world = await createWorld(app);
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});

test('a claim that is not exactly an address is ignored: no user is linked or created', async () => {
  const idpId = await registerProvider(world, provider);
  for (const email of ['jon@example.com', 'eve@example.com', 'jon@finn.example']) await world.person({ email });
  const users = () => app.db.query(sql`SELECT id, email FROM users ORDER BY id`);
  const before = await users();
  for (const [reason, email] of badAddresses) {
    provider.person = { sub: reason, email, email_verified: true };
    const response = await redeem(world, await goThrough(world, provider, idpId));
    expect([reason, problem(response)]).toEqual([reason, '403 idp_email_unverified']);
  }
  expect(await users()).toEqual(before);
  expect(await app.db.query(sql`SELECT 1 FROM identities`)).toEqual([]);
});

test('an address that the app no longer trusts when the intent is redeemed links and creates nobody', async () => {
  const idpId = await registerProvider(world, provider);
  const { email } = await world.person();
  provider.person = { sub: 'in flight', email, email_verified: true };
  const back = await goThrough(world, provider, idpId);
  const trust = (trustEmail: boolean) =>
    world.call('PATCH', `/v1/authorization/idps/${idpId}`, { token: world.admin.token, body: { trustEmail } });
  expect((await trust(false)).statusCode).toBe(200);
  expect(problem(await redeem(world, back))).toBe('403 idp_email_unverified');
  expect(await app.db.query(sql`SELECT 1 FROM identities`)).toEqual([]);
  // A refusal does not consume the intent.
  expect((await trust(true)).statusCode).toBe(200);
  expect((await redeem(world, back)).statusCode).toBe(200);
});
