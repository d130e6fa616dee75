import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { goThrough, newVerifier, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const newPassword = 'Secret@slidezAB';

let app: TestApp;
let provider: TestProvider;
let world: World;
let orgId: string;
let idpId: string;
/** Has claimed the account after the invitation. */
let person: Person;
let code: string;

beforeAll(async () => {
  app = await buildTestApp();
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
});
beforeEach(async () => {
  world = await createWorld(app);
  orgId = await world.organization(await world.person());
  idpId = await registerProvider(world, provider);
  person = await world.person({ verified: false });
  const { code: verificationCode } = await world.mail(person.email);
  const body = { email: person.email, firstName: 'Jane', lastName: 'Roe', role: 'reader' };
  const at = `/v1/authorization/organizations/${orgId}/members`;
  expect((await world.call('POST', at, { token: world.admin.token, body })).json()).toMatchObject({ invited: true });
  code = (await world.mail(person.email)).code ?? '';
  const proof = { userId: person.userId, verificationCode };
  const verified = await world.call('POST', `${users}/email/verification`, { token: person.token, body: proof });
  expect(verified.statusCode).toBe(200);
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});

/** Somebody to whom the mail was forwarded accepts the invitation with a password. */
const accept = (headers: Record<string, string> = {}) =>
  world.call('PUT', `${users}/invite`, {
    body: { orgId, email: person.email, verificationCode: code, newPassword },
    headers,
  });
const signIn = (secret: string, headers: Record<string, string> = {}) =>
  world.call('POST', `${users}/sessions`, { body: { email: person.email, password: secret }, headers });
async function link(claims: Readonly<Record<string, unknown>>) {
  provider.person = claims;
  const { codeChallenge, codeVerifier } = newVerifier();
  const back = await goThrough(world, provider, idpId, { codeChallenge });
  expect((await redeem(world, back, { token: person.token, codeVerifier })).statusCode).toBe(200);
}
const subjects = async () =>
  (
    await app.db.query<{ subject: string }>(sql`
      SELECT subject FROM identities WHERE app_id = ${world.appId} AND user_id = ${person.userId}`)
  ).map(({ subject }) => subject);

test('notifies the owner, whose "not me" link removes the password', async () => {
  expect((await accept()).statusCode).toBe(200);
  const { purpose, text } = await world.mail(person.email);
  expect(purpose).toBe('password_reset_done');
  const token = /#(gh_n_\S+)/.exec(text)?.[1];
  const rejected = await world.call('POST', `${users}/email/verification/rejection`, { body: { token } });
  expect(rejected.statusCode).toBe(200);
  expect(problem(await signIn(newPassword))).toBe('401 invalid_credentials');
});

test('forgets the devices that the account knew', async () => {
  const before = String((await signIn(password)).headers['x-device-token']);
  const answer = await accept({ 'x-device-token': before });
  const rows = await app.db.query(sql`
    SELECT 1 FROM devices WHERE app_id = ${world.appId} AND user_id = ${person.userId}`);
  expect(rows).toHaveLength(1);
  const held = String((await signIn(newPassword, { 'x-device-token': before })).headers['x-device-token']);
  expect(held.split('.')).toHaveLength(2);
  expect(answer.headers['x-device-token']).not.toBe(before);
});

test.each([
  ['unlinks an identity whose provider vouches for another address', 'other@example.com', 0],
  ['keeps an identity whose provider vouches for the address', undefined, 1],
])('%s', async (_, email = person.email, count) => {
  await link({ sub: 'sub', email, email_verified: true });
  await accept();
  expect(await subjects()).toHaveLength(count);
});

test('ends sessions, resets the count of failed sign-ins, and is recorded as a reset', async () => {
  const body = { limits: { signInsPerAccountPerHour: 1 } };
  await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
  expect(problem(await signIn('wrong wrong wrong'))).toBe('401 invalid_credentials');
  expect(problem(await signIn(password))).toBe('429 too_many_attempts');
  const answer = await accept();
  const { sessionToken: token } = answer.json<{ sessionToken: string }>();
  expect((await world.call('GET', `${users}/me`, { token })).statusCode).toBe(200);
  expect(problem(await world.call('GET', `${users}/me`, { token: person.token }))).toBe('401 unauthenticated');
  expect((await signIn(newPassword)).statusCode).toBe(201);
  const reset = { action: 'user.password_reset', actor: `user ${person.userId}` };
  expect(await world.events()).toContainEqual(expect.objectContaining(reset));
});

test('notifies a person who became a super admin in the meantime', async () => {
  const at = '/v1/authorization/super-admins';
  const granted = await world.call('POST', at, { token: world.admin.token, body: { email: person.email } });
  expect(granted.statusCode).toBeLessThan(300);
  await accept();
  const purposes = (await world.mails(person.email)).map(({ purpose }) => purpose);
  expect(purposes).toContain('password_reset_done');
});
