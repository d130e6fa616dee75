import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, raw, sql } from '../db/db.ts';
import { limitNames } from '../limits/limits.ts';
import { quotaKey } from '../calls/take-limit.ts';
import { tablesOf } from '../test/digest.ts';
import { enableOrganizationMachines } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { sendSignInCodes } from '../passwordless/send-sign-in-codes.ts';
import { runTask } from '../test/tasks.ts';
import { beginByMail, enrol } from '../test/world/factors.ts';
import { optionsOf, setRelyingParty } from '../test/world/passkeys.ts';
import { enableSignInCodes } from '../test/world/sign-in-codes.ts';
import { personalKey } from '../test/world/api-keys.ts';
import { createWorld, password, type World } from '../test/world/world.ts';
import { mailboxKinds, mailboxName } from '../email/mail-quotas.ts';
import { sendPasswordResets } from './send-password-resets.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  world = await createWorld(app);
});
afterAll(() => app?.close());

const email = 'Zelda.Quux@erase-me.example';
const newEmail = 'zelda@other-place.example';
const phone = '+4915199988877';
const [address, agent] = ['203.0.113.77', 'ErasureBrowser/9.9'];
const subject = 'subject-at-the-provider';
const from = { 'x-forwarded-for': address, 'user-agent': agent };

/** All data about the person, in every form in which it may be stored. */
const words = [email, newEmail, 'zeldafirst', 'quuxlast', phone, 'falconry-secret', address, agent, subject];

/**
 * Tables without data about people, with the reason. A new table must be added here, or the person of the test needs a
 * row in it.
 */
const impersonal: Readonly<Record<string, string>> = {
  apps: 'settings of the product',
  app_branding: 'settings of the product',
  organization_branding: 'settings of an organization',
  app_counts: 'numbers',
  member_counts: 'numbers',
  deployment: 'one row about the deployment',
  node_leases: 'names of processes',
  schema_migrations: 'names of migrations',
  organizations: 'an organization is no person',
  roles: 'a role is no person',
  machine_users: 'a machine is no person',
  machine_secrets: 'a machine is no person',
  organization_machine_users: 'a machine is no person',
  organization_machine_roles: 'a machine is no person',
  signing_keys: 'keys of the app',
  oauth_signing_keys: 'keys of the app',
  api_key_roles: 'names of roles, deleted with the key',
  session_exchanges: 'hashes of codes, deleted with the session',
  identity_providers: 'settings of the product',
  idp_intents: 'encrypted, and deleted after ten minutes',
  rate_limits: 'keyed hashes; those of the person are looked for below',
};

/** Every row of every table as text, bytes in hexadecimal. */
async function dump(db: Db): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const table of await tablesOf(db)) {
    const rows = await db.query<{ line: string }>(sql`SELECT to_jsonb(t)::text AS line FROM ${raw(table)} t`);
    found.set(table, rows.map(({ line }) => line.toLowerCase()).join('\n'));
  }
  return found;
}

const holds = (text: string, word: string): boolean =>
  text.includes(word.toLowerCase()) || text.includes(Buffer.from(word).toString('hex'));

const tablesHolding = (tables: Map<string, string>, some: readonly string[]): string[] =>
  [...tables].flatMap(([table, text]) => (some.some((word) => holds(text, word)) ? [table] : []));

async function call(method: 'POST' | 'PUT' | 'GET', url: string, token: string | undefined, body?: object) {
  return world.call(method, url, { token, headers: from, ...(body && { body }) });
}

async function signUp(): Promise<{ userId: string; sessionToken: string }> {
  const body = { firstName: 'Zeldafirst', lastName: 'Quuxlast', email, password };
  const metadata = { hobby: 'falconry-secret' };
  const response = await call('POST', '/v1/authentication/users', undefined, { ...body, phoneNumber: phone, metadata });
  return response.json();
}

/** Leaves a row in every table that can have one. */
async function liveALittle(): Promise<{ userId: string; sessionToken: string }> {
  const users = '/v1/authentication/users';
  const made = await signUp();
  const { userId } = made;
  let token = made.sessionToken;
  const orgId = await world.organization(await world.person());
  const invitee = { email, firstName: 'Zeldafirst', lastName: 'Quuxlast' };
  const organization = `/v1/authorization/organizations/${orgId}`;
  const { token: admin } = world.admin;
  await world.call('POST', `${organization}/managers`, { token: admin, body: invitee });
  await call('POST', `${users}/email/verification`, token, { userId, verificationCode: 'AAAAAAA' });
  await call('POST', `${users}/email/verification-request`, token, { userId });
  const { code } = await world.mail(email);
  await call('POST', `${users}/email/verification`, token, { userId, verificationCode: code });
  const roles = `/v1/authorization/organizations/users/${userId}`;
  await world.call('POST', roles, { token: admin, orgId, body: { roles: ['reader'] } });
  await world.call('POST', `${organization}/managers`, { token: admin, body: invitee });
  await world.call('POST', '/v1/authorization/super-admins', { token: admin, body: { email } });
  // The promotion ends all sessions and forgets all devices.
  const signedIn = await call('POST', `${users}/sessions`, undefined, { email, password });
  token = signedIn.json<{ sessionToken: string }>().sessionToken;
  const body = { firstName: 'Some', lastName: 'Body', email: 'somebody@else.example', role: 'reader' };
  await world.call('POST', `${organization}/members`, { token, headers: { 'idempotency-key': 'once' }, body });
  await call('POST', `${users}/sessions`, undefined, { email, password });
  await call('POST', `${users}/sessions`, undefined, { email, password: 'Wrong@password-of-hers' });
  await call('PUT', `${users}/password`, undefined, { email, verificationCode: 'AAAAAAA', newPassword: password });
  await call('POST', `${users}/password/reset-request/email`, undefined, { email });
  await runTask(app, sendPasswordResets);
  await call('PUT', `${users}/password`, undefined, { email, verificationCode: 'AAAAAAA', newPassword: password });
  await call('POST', `${users}/password/reset-request/email`, undefined, { email });
  await enableSignInCodes(world);
  await call('POST', `${users}/sessions/email-code`, undefined, { email });
  await runTask(app, sendSignInCodes);
  await call('POST', `${users}/sessions/email-code`, undefined, { email });
  await call('PUT', `${users}/${userId}/password`, token, { currentPassword: 'wrong', newPassword: password });
  await call('POST', `${users}/me/email`, token, { newEmail, currentPassword: password });
  await call('GET', `/v1/authorization/organizations/${orgId}?includeMetadata=true`, token);
  await personalKey(world, { token }, orgId, { name: 'laptop of Zeldafirst' });
  await beginByMail(world, { token });
  await enrol(world, { token });
  await setRelyingParty(world);
  await optionsOf(world, 'reauthenticationOptions', { token });
  await app.db.query(sql`
    INSERT INTO mfa_challenges (app_id, token_hash, user_id, amr, device_hash, quota_names, quota_keys, created_at,
      expires_at)
    VALUES (${world.appId}, '\x01', ${userId}, '{pwd}', '\x01', '{}', '{}', ${app.clock.now()}, ${app.clock.now()})`);
  await app.db.query(sql`
    INSERT INTO factor_resets (app_id, user_id, id, requested_by, created_at, due_at)
    VALUES (${world.appId}, ${userId}, 1, ${userId}, ${app.clock.now()}, ${app.clock.now()})`);
  await app.db.query(sql`
    INSERT INTO organization_creators (app_id, org_id, user_id) VALUES (${world.appId}, ${orgId}, ${userId})`);
  await enableOrganizationMachines(world);
  const { secretId } = await world.organizationMachine(orgId);
  await app.db.query(sql`
    UPDATE organization_machine_secrets SET created_by_user_id = ${userId}
    WHERE app_id = ${world.appId} AND id = ${secretId}`);
  await linkIdentity(userId);
  return { userId, sessionToken: token };
}

/** Links an identity as a sign-in at a provider would. */
async function linkIdentity(userId: string): Promise<void> {
  const { appId } = world;
  await app.db.query(sql`
    WITH provider AS (
      INSERT INTO identity_providers (app_id, id, type, name, issuer, client_id, sealed_client_secret, scopes,
        trust_email, enabled, created_at, updated_at)
      VALUES (${appId}, 1, 'oidc', 'A provider', 'https://idp.example', 'client', 'x', '{openid}', true, true, now(), now()))
    SELECT 1`);
  await app.db.query(sql`
    INSERT INTO identities (app_id, id, user_id, idp_id, issuer, subject, email, created_at, last_used_at)
    VALUES (${appId}, 2, ${userId}, 1, 'https://idp.example', ${subject}, ${email}, now(), now())`);
}

test('the audit and the invitations of a deleted user keep only the id of the user', async () => {
  const { userId, sessionToken } = await liveALittle();
  const lived = await dump(app.db);
  const expected = [...lived.keys()].filter((table) => !(table in impersonal));
  expect(tablesHolding(lived, [...words, userId])).toEqual(expected);
  expect(words.filter((word) => tablesHolding(lived, [word]).length === 0)).toEqual([]);
  const hers = limitNames.flatMap((name) =>
    [
      userId,
      email.toLowerCase(),
      `email_change ${userId}`,
      `${userId} ${address}`,
      ...mailboxKinds.map((kind) => mailboxName(kind, email)),
    ].map((whose) => quotaKey(app.services, name, whose)),
  );
  const shares = () => app.db.query(sql`SELECT 1 FROM rate_limits WHERE key_hash = ANY (${hers}::bytea[])`);
  expect((await shares()).length).toBeGreaterThan(0);

  const url = `/v1/authorization/users/${userId}`;
  const deleted = await world.call('DELETE', url, { token: sessionToken, headers: from });
  expect(deleted.statusCode).toBe(200);

  const left = await dump(app.db);
  expect(tablesHolding(left, words)).toEqual([]);
  expect(tablesHolding(left, [userId])).toEqual(['audit_events', 'invitations']);
  expect(await shares()).toEqual([]);
});

test('wrong codes that other people sent without an account stay counted', async () => {
  const elsewhere = (ip: string) => ({ 'x-forwarded-for': ip });
  const [hers, theirs] = ['198.51.100.1', '198.51.100.2'];
  const person = await world.person();
  const other = await world.person();
  for (const [{ email: of }, ip] of [
    [person, hers],
    [other, theirs],
  ] as const) {
    const body = { email: of, password };
    await world.call('POST', '/v1/authentication/users/sessions', { body, headers: elsewhere(ip) });
    const wrong = { email: 'nobody@else.example', verificationCode: 'AAAAAAA', newPassword: password };
    await world.call('PUT', '/v1/authentication/users/password', { body: wrong, headers: elsewhere(ip) });
  }
  const counted = async () => {
    const rows = await app.db.query<{ address: string }>(sql`
      SELECT address FROM code_tries_in_vain WHERE app_id = ${world.appId} AND address LIKE '198.51.100.%'`);
    return rows.map((row) => row.address).toSorted((one, two) => one.localeCompare(two));
  };
  expect(await counted()).toEqual([hers, theirs]);
  await world.call('DELETE', `/v1/authorization/users/${person.userId}`, { token: world.admin.token });
  expect(await counted()).toEqual([theirs]);
});
