import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { goThrough, newVerifier, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol } from '../test/world/factors.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';

/** The administrator of a provider with `trustEmail`, who names the address of somebody else, is the attacker. */
let app: TestApp;
let world: World;
let provider: TestProvider;
let idpId: string;

beforeAll(async () => {
  app = await buildTestApp();
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
});
beforeEach(async () => {
  world = await createWorld(app);
  idpId = await registerProvider(world, provider);
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});

const superAdmins = '/v1/authorization/super-admins';
const newPassword = 'Secret@slidezAB';

const come = async (email: string) => {
  provider.person = { sub: 'attacker', email, email_verified: true };
  return redeem(world, await goThrough(world, provider, idpId));
};
const link = async ({ token }: { token: string }) => {
  provider.person = { sub: 'attacker' };
  const { codeChallenge, codeVerifier } = newVerifier();
  return redeem(world, await goThrough(world, provider, idpId, { codeChallenge }), { token, codeVerifier });
};
const add = (email: string) => world.call('POST', superAdmins, { token: world.admin.token, body: { email } });
const accept = async (email: string) => {
  const { code: verificationCode } = await world.mail(email);
  const body = { email, verificationCode, newPassword };
  return world.call('PUT', '/v1/authentication/users/password', { body });
};
const tokenOf = (response: { json<T>(): T }) => response.json<{ sessionToken: string }>().sessionToken;
const statusOf = async (token: string) => (await world.call('GET', `${superAdmins}?pageSize=1`, { token })).statusCode;
const signIn = async (email: string) =>
  tokenOf(await world.call('POST', '/v1/authentication/users/sessions', { body: { email, password: newPassword } }));

it('a provider does not claim the account of a person who is invited as a super admin', async () => {
  const email = 'ada@example.com';
  await add(email);
  expect(problem(await come(email))).toBe('403 idp_link_required');
  expect((await accept(email)).statusCode).toBe(200);
  expect(problem(await come(email))).toBe('403 idp_link_required');
  expect(await statusOf(await signIn(email))).toBe(200);
});

it('a provider does not link the account of a person who is invited as a super admin', async () => {
  const { email } = await world.person({ verified: false });
  await add(email);
  expect(problem(await come(email))).toBe('403 idp_link_required');
});

it('a provider can claim the account again after the invitation has expired', async () => {
  const email = 'ada@example.com';
  await add(email);
  app.clock.advance(8 * 24 * 3_600_000);
  expect((await come(email)).statusCode).toBe(200);
});

it('an account that a provider has created is invited, and the acceptance ends its sign-in methods', async () => {
  const email = 'ada@example.com';
  const token = tokenOf(await come(email));
  await enrol(world, { token });
  expect((await add(email)).json()).toMatchObject({ message: 'Super admin invited', invited: true });
  expect(await statusOf(token)).toBe(403);
  expect((await accept(email)).statusCode).toBe(200);
  expect(await statusOf(token)).toBe(401);
  expect(problem(await come(email))).toBe('403 idp_link_required');
  expect(await statusOf(await signIn(email))).toBe(200);
});

it('an account that a provider has linked by address is invited', async () => {
  const person = await world.person();
  const token = tokenOf(await come(person.email));
  expect((await add(person.email)).json()).toMatchObject({ invited: true });
  expect(await statusOf(token)).toBe(403);
  expect((await accept(person.email)).statusCode).toBe(200);
  expect([await statusOf(token), await statusOf(person.token)]).toEqual([401, 401]);
  expect(problem(await come(person.email))).toBe('403 idp_link_required');
});

it('an identity that was linked to an unclaimed account does not open the account of the super admin', async () => {
  const person = await world.person({ verified: false });
  await link(person);
  await add(person.email);
  // The known identity claims the account, because the provider vouches for its address. This voids the code.
  expect((await come(person.email)).statusCode).toBe(200);
  expect((await add(person.email)).json()).toMatchObject({ invited: true });
  expect((await accept(person.email)).statusCode).toBe(200);
  expect(problem(await come(person.email))).toBe('403 idp_link_required');
});

it('sessions, access tokens and remembered devices from before the promotion end', async () => {
  const person = await world.person();
  const body = { audience: app.services.config.publicUrl };
  await world.call('PATCH', '/v1/authorization/apps/settings', {
    token: world.admin.token,
    body: { audiences: [body.audience] },
  });
  const issued = await world.call('POST', '/v1/authentication/users/me/access-token', { token: person.token, body });
  const { token } = issued.json<{ token: string }>();
  expect(await statusOf(token)).toBe(403);
  expect((await add(person.email)).json()).toMatchObject({ message: 'Super admin assigned', invited: false });
  expect([await statusOf(token), await statusOf(person.token)]).toEqual([401, 401]);
  const devices = await app.db.query(sql`
    SELECT 1 FROM devices WHERE app_id = ${world.appId} AND user_id = ${person.userId}`);
  expect(devices).toEqual([]);
  expect(await statusOf((await world.signIn(person.email)).token)).toBe(200);
});

it('a provider that is linked to somebody else does not matter', async () => {
  expect((await link(await world.person())).statusCode).toBe(200);
  const person = await world.person();
  expect((await add(person.email)).json()).toMatchObject({ message: 'Super admin assigned', invited: false });
});

it('a super admin who is added again keeps sessions and identities', async () => {
  expect((await link(world.admin)).statusCode).toBe(200);
  expect((await add(world.admin.email)).json()).toMatchObject({ message: 'Super admin assigned' });
  expect(await statusOf(world.admin.token)).toBe(200);
  expect((await come(world.admin.email)).statusCode).toBe(200);
});
