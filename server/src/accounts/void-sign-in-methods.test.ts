import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, raw, type Sql, sql } from '../db/db.ts';
import { registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { enableOrganizationMachines } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { hijack } from '../test/stranger.ts';
import { beginByMail, enrol } from '../test/world/factors.ts';
import { optionsOf, setRelyingParty } from '../test/world/passkeys.ts';
import { personalKey } from '../test/world/api-keys.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { voidSignInMethods } from './void-sign-in-methods.ts';

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

/** The meaning of each table that references `users` for an account. A new table needs an entry. */
const roleOf: Readonly<Record<string, 'sign-in method' | 'data' | 'relation'>> = {
  sessions: 'sign-in method',
  identities: 'sign-in method',
  devices: 'sign-in method',
  factors: 'sign-in method',
  recovery_codes: 'sign-in method',
  // Sign-ins whose second factor is missing.
  mfa_challenges: 'sign-in method',
  passkey_challenges: 'sign-in method',
  // Codes that a product can exchange for a session; they end with the session that created them.
  session_exchanges: 'sign-in method',
  // A stranger may have asked for the removal of the factors.
  factor_resets: 'sign-in method',
  // Personal keys and keys of organizations are in the same table.
  api_keys: 'sign-in method',
  api_key_roles: 'sign-in method',
  codes: 'sign-in method',
  // Attempts to guess a code, which are deleted with the code.
  code_tries: 'sign-in method',
  mails: 'data',
  // Responses to calls with an idempotency key. Only the signed-in user can request them again.
  idempotency_keys: 'data',
  members: 'relation',
  member_search: 'relation',
  member_roles: 'relation',
  // Secrets that the user created for an organization; a stranger who created them may have a copy.
  organization_machine_secrets: 'sign-in method',
  // Counts an organization in the quota of its creator. It grants no access: the membership is a row of `members`.
  organization_creators: 'relation',
  invitations: 'relation',
};

interface Reference {
  readonly table: string;
  readonly parent: string;
}

/** Tables that reference `users`, also through another table. */
async function tablesAbout(db: Db): Promise<string[]> {
  const references = await db.query<Reference>(sql`
    SELECT child.relname AS table, parent.relname AS parent FROM pg_constraint c
    JOIN pg_class child ON child.oid = c.conrelid JOIN pg_class parent ON parent.oid = c.confrelid
    WHERE c.contype = 'f'`);
  const found = new Set(['users']);
  for (let size = 0; size !== found.size;) {
    size = found.size;
    for (const { table, parent } of references) if (found.has(parent)) found.add(table);
  }
  found.delete('users');
  return [...found].toSorted();
}

test('every table that references users is a sign-in method, data or a relation', async () => {
  expect(await tablesAbout(app.db)).toEqual(Object.keys(roleOf).toSorted());
});

/** Conditions that find rows without the id of the user. */
const throughParent: Readonly<Record<string, (userId: string) => Sql>> = {
  code_tries: (userId) => sql`code_id IN (SELECT id FROM codes WHERE app_id = ${world.appId} AND user_id = ${userId})`,
  session_exchanges: (userId) =>
    sql`session_id IN (SELECT id FROM sessions WHERE app_id = ${world.appId} AND user_id = ${userId})`,
  api_key_roles: (userId) =>
    sql`key_id IN (SELECT id FROM api_keys WHERE app_id = ${world.appId} AND user_id = ${userId})`,
  organization_machine_secrets: (userId) => sql`created_by_user_id = ${userId}`,
};

/** The tables that have a row of an account. */
async function filled(userId: string): Promise<string[]> {
  const tables: string[] = [];
  for (const table of Object.keys(roleOf)) {
    const isOfUser = throughParent[table]?.(userId) ?? sql`user_id = ${userId}`;
    const rows = await app.db.query(
      sql`SELECT 1 FROM ${raw(table)} WHERE app_id = ${world.appId} AND ${isOfUser} LIMIT 1`,
    );
    if (rows.length > 0) tables.push(table);
  }
  return tables.toSorted();
}

test('rule (P) empties every sign-in method, and keeps data and relations', async () => {
  const { admin } = world;
  const email = 'owner@mailbox.example';
  const idpId = await registerProvider(world, provider);
  const { userId, token } = await hijack(world, { provider, idpId }, email, { clicked: true });
  const orgId = await world.organization(await world.person());
  const roles = `/v1/authorization/organizations/users/${userId}`;
  await world.call('POST', roles, { token: admin.token, orgId, body: { roles: ['reader'] } });
  await personalKey(world, { token }, orgId);
  const body = { email, firstName: 'Jane', lastName: 'Roe' };
  await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: admin.token, body });
  await enableOrganizationMachines(world);
  await app.db.query(sql`
    INSERT INTO organization_creators (app_id, org_id, user_id) VALUES (${world.appId}, ${orgId}, ${userId})`);
  const { secretId } = await world.organizationMachine(orgId);
  await app.db.query(sql`
    UPDATE organization_machine_secrets SET created_by_user_id = ${userId}
    WHERE app_id = ${world.appId} AND id = ${secretId}`);
  await beginByMail(world, { token });
  await enrol(world, { token });
  await setRelyingParty(world);
  await optionsOf(world, 'reauthenticationOptions', { token });
  const product = { returnTo: 'http://localhost:4000/', codeChallenge: 'c'.repeat(43) };
  await world.call('POST', '/v1/authentication/users/me/exchange-codes', { token, body: product });
  await app.db.query(sql`
    INSERT INTO mfa_challenges (app_id, token_hash, user_id, amr, device_hash, quota_names, quota_keys, created_at,
      expires_at)
    VALUES (${world.appId}, '\x01', ${userId}, '{pwd}', '\x01', '{}', '{}', ${app.clock.now()}, ${app.clock.now()})`);
  await app.db.query(sql`
    INSERT INTO factor_resets (app_id, user_id, id, requested_by, created_at, due_at)
    VALUES (${world.appId}, ${userId}, 1, ${userId}, ${app.clock.now()}, ${app.clock.now()})`);
  const wrong = { userId, verificationCode: 'AAAAAAA' };
  await world.call('POST', '/v1/authentication/users/email/verification', { token, body: wrong });
  await app.db.query(sql`
    INSERT INTO idempotency_keys (app_id, key_hash, user_id, request_hash, sealed_answer, expires_at)
    VALUES (${world.appId}, '\x01', ${userId}, '\x01', '\x01', ${app.clock.now()})`);
  expect(await filled(userId)).toEqual(Object.keys(roleOf).toSorted());

  await app.db.transaction(async (tx) => {
    expect(await voidSignInMethods(tx, { services: app.services, appId: world.appId }, userId)).not.toEqual([]);
  });
  expect(await filled(userId)).toEqual(
    Object.keys(roleOf)
      .filter((table) => roleOf[table] !== 'sign-in method')
      .toSorted(),
  );
});
