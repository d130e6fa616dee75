import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raw, type Sql, sql } from '../db/db.ts';
import { tablesOf } from './digest.ts';
import { leaveBranding } from './open-business.ts';
import { signOrganizationMachineToken } from './organization-machine-tokens.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { fillApp, type Rows, type Table, tablesOfApps, takeRows } from './tenancy.twin.ts';
import { withStatus } from './world/answers.ts';
import { organizationKey, personalKey } from './world/api-keys.ts';
import { challenge, enrol } from './world/factors.ts';
import { addPasskey, optionsOf, setRelyingParty } from './world/passkeys.ts';
import { securityOf } from './world/policies.ts';
import { createWorld, password } from './world/world.ts';

const foreignKeyViolation = '23503';
const checkViolation = '23514';

let app: TestApp;
let stage: Stage;
let tables: Table[];
/** The rows of a populated app, and an empty app to which they are copied. */
let rows: Rows;
let twinId: string;

/** An invitation with one wrong attempt: a row in tables that a stage leaves empty. */
async function mistypeCode({ world, orgId, owner }: Stage): Promise<void> {
  const names = { email: 'invited@example.com', firstName: 'Ada', lastName: 'Lovelace' };
  const url = `/v1/authorization/organizations/${orgId}/members`;
  await world.call('POST', url, { token: owner.token, body: { ...names, role: 'reader' } });
  const body = { ...names, orgId, verificationCode: 'AAAAAAA', newPassword: password };
  await world.call('PUT', '/v1/authentication/users/invite', { body });
}

/** A pending sign-in of another user with a provider, and a finished one. */
async function signInElsewhere({ world, owner }: Stage): Promise<void> {
  const body = { clientId: 'client', clientSecret: 'secret' };
  const url = '/v1/authorization/idps/google';
  const response = await world.call('POST', url, { token: world.admin.token, body });
  const { id } = response.json<{ id: string }>();
  const now = world.test.clock.now();
  await world.test.db.query(sql`
    INSERT INTO identities (app_id, id, user_id, idp_id, issuer, subject, created_at, last_used_at)
    VALUES (${world.appId}, ${world.test.services.ids.next()}, ${owner.userId}, ${id}, 'issuer', 'subject', ${now},
      ${now})`);
  await world.test.db.query(sql`
    INSERT INTO idp_intents (app_id, id, idp_id, success_url, failure_url, status, created_at, expires_at)
    VALUES (${world.appId}, ${world.test.services.ids.next()}, ${id}, 'http://localhost/', 'http://localhost/', 'created',
      ${now}, ${now})`);
}

/** Stored responses of a human and of a machine user. */
async function sendKeys({ world, machine, orgId, organizationMachines }: Stage): Promise<void> {
  const headers = { 'idempotency-key': 'key' };
  const body = { roles: [{ key: 'auditor', displayName: 'Auditor', allowedPermissions: [] }] };
  for (const { token } of [world.admin, machine]) {
    await world.call('POST', '/v1/authorization/predefined-roles', { token, headers, body });
  }
  const token = await signOrganizationMachineToken(world, organizationMachines.manager);
  const member = { email: 'kept@example.com', firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
  await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token, headers, body: member });
}

/** API keys of every kind of holder. */
async function createApiKeys({ world, orgId, owner, member, machine }: Stage): Promise<void> {
  await personalKey(world, member, orgId);
  for (const maker of [owner, world.admin, machine]) await organizationKey(world, maker, orgId);
}

/** An organization that a person has created. */
async function createOwnOrganization({ world, owner }: Stage): Promise<void> {
  const options = { token: owner.token, body: { name: 'Created' } };
  withStatus(201, await world.call('POST', '/v1/authorization/organizations', options));
}

/** A code that a product could exchange for a session. */
async function createCode({ world, member, orgId }: Stage): Promise<void> {
  const body = { returnTo: 'http://localhost:4000/', codeChallenge: 'c'.repeat(43), organizationId: orgId };
  await world.call('POST', '/v1/authentication/users/me/exchange-codes', { token: member.token, body });
}

/** A notice to the owners of an organization. */
async function changePolicy({ world, owner, orgId }: Stage): Promise<void> {
  const { token } = await world.signIn(owner.email);
  const body = { maxSessionHours: 100 };
  withStatus(200, await world.call('PATCH', securityOf(orgId), { token, body }));
}

/** A sign-in whose second factor is missing. */
async function beginSignIn({ world }: Stage): Promise<void> {
  const person = await world.person();
  await enrol(world, person);
  await challenge(world, person.email);
}

/** A removal of second factors that waits. */
async function requestReset({ world }: Stage): Promise<void> {
  const person = await world.person();
  await app.db.query(sql`
    INSERT INTO factor_resets (app_id, user_id, id, requested_by, created_at, due_at)
    VALUES (${world.appId}, ${person.userId}, 1, ${world.admin.userId}, ${app.clock.now()}, ${app.clock.now()})`);
}

/** A passkey, and challenges for passkeys: of everybody, and of one user. */
async function usePasskeys({ world }: Stage): Promise<void> {
  await setRelyingParty(world);
  const person = await world.person();
  await addPasskey(world, person);
  for (const body of [{}, { email: person.email }]) await optionsOf(world, 'signInOptions', { body });
}

beforeAll(async () => {
  app = await buildTestApp();
  stage = await createStage(await createWorld(app));
  await mistypeCode(stage);
  await signInElsewhere(stage);
  await sendKeys(stage);
  await createApiKeys(stage);
  await createOwnOrganization(stage);
  await beginSignIn(stage);
  await createCode(stage);
  await changePolicy(stage);
  await usePasskeys(stage);
  await requestReset(stage);
  await leaveBranding(stage);
  tables = await tablesOfApps(app.db);
  rows = await takeRows(app.db, tables, stage.world.appId);
  twinId = (await createWorld(app)).appId;
});
afterAll(() => app?.close());

/** Tables that belong to no app, with the reason. */
const outsideApps: Readonly<Record<string, string>> = {
  apps: 'they are the apps; their names are unique in the deployment',
  deployment: 'one row about the deployment itself',
  node_leases: 'ids are unique over all apps',
  schema_migrations: 'the schema is that of the deployment',
};

/** Tables of an app without references, with the reason. */
const withoutReference: Readonly<Record<string, string>> = {
  audit_events: 'every change would lock the row of its app to check the reference; apps are never deleted',
};

interface Key {
  readonly name: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly parent: string;
  readonly parentColumns: readonly string[];
}

const columnsOf = (keys: string, relation: string): Sql => sql`
  ARRAY(SELECT a.attname::text FROM unnest(c.${raw(keys)}) WITH ORDINALITY AS k (number, place)
    JOIN pg_attribute a ON a.attrelid = c.${raw(relation)} AND a.attnum = k.number ORDER BY k.place)`;

const keysOf = (type: 'p' | 'f'): Promise<Key[]> =>
  app.db.query<Key>(sql`
    SELECT c.conname AS name, c.conrelid::regclass::text AS table, ${columnsOf('conkey', 'conrelid')} AS columns,
      c.confrelid::regclass::text AS parent, ${columnsOf('confkey', 'confrelid')} AS "parentColumns"
    FROM pg_constraint c
    WHERE c.contype = ${type} AND c.connamespace = 'public'::regnamespace ORDER BY 2, 1`);

const isOfApp = ({ table }: Key): boolean => !(table in outsideApps);

describe('every table of an app', () => {
  it('exists, and has a reason if it belongs to no app', async () => {
    const names = new Set(await tablesOf(app.db));
    expect(Object.keys(outsideApps).filter((name) => !names.has(name))).toEqual([]);
    expect((await keysOf('p')).map(({ table }) => table).toSorted()).toEqual([...names]);
  });

  it('begins its primary key with the app', async () => {
    const keys = (await keysOf('p')).filter(isOfApp);
    expect(keys.filter(({ columns }) => columns[0] !== 'app_id')).toEqual([]);
    expect(keys.length).toBeGreaterThan(10);
  });

  it('is unique within the app only, by constraint and by index', async () => {
    const indexes = await app.db.query<{ table: string; name: string; first: string }>(sql`
      SELECT i.indrelid::regclass::text AS table, i.indexrelid::regclass::text AS name, a.attname AS first
      FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid AND t.relnamespace = 'public'::regnamespace
      LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      WHERE i.indisunique`);
    const ofApps = indexes.filter(({ table }) => !(table in outsideApps));
    expect(ofApps.filter(({ first }) => first !== 'app_id')).toEqual([]);
  });

  it('refers to other tables within the app only', async () => {
    const keys = (await keysOf('f')).filter(({ parent }) => !(parent in outsideApps));
    const isComposite = ({ columns, parentColumns }: Key) =>
      columns.length > 1 && columns[0] === 'app_id' && parentColumns[0] === 'app_id';
    expect(keys.filter((key) => !isComposite(key))).toEqual([]);
  });

  it('has an index for each reference, which finds the referring rows of a deleted row', async () => {
    const indexes = await app.db.query<{ table: string; columns: string[] }>(sql`
      SELECT c.indrelid::regclass::text AS table, ${columnsOf('indkey', 'indrelid')} AS columns
      FROM pg_index c JOIN pg_class t ON t.oid = c.indrelid AND t.relnamespace = 'public'::regnamespace`);
    const isFound = ({ table, columns }: Key) =>
      indexes.some((index) => {
        const leading = new Set(index.columns.slice(0, columns.length));
        return index.table === table && columns.every((column) => leading.has(column));
      });
    expect((await keysOf('f')).filter((key) => !isFound(key))).toEqual([]);
  });

  it('refers to its app, directly or through its references', async () => {
    const keys = await keysOf('f');
    const referring = new Set(keys.filter(({ columns }) => columns.includes('app_id')).map(({ table }) => table));
    const lone = (await keysOf('p')).filter(isOfApp).filter(({ table }) => !referring.has(table));
    expect(lone.map(({ table }) => table)).toEqual(Object.keys(withoutReference));
  });
});

describe('a reference to a row of another app', () => {
  const refersTo = (keys: readonly Key[], table: string, parent: string): boolean =>
    keys.some((key) => key.table === table && (key.parent === parent || refersTo(keys, key.parent, parent)));

  /** All tables except the referenced one; of the referencing tables only the one under test. */
  const withoutParent = (keys: readonly Key[], { table, parent }: Key): Table[] =>
    tables.filter(({ name }) => name === table || (name !== parent && !refersTo(keys, name, parent)));

  /** The rows of the table that hold this reference: each may be empty, and a row may hold several. */
  const rowsWith = async ({ table, columns }: Key): Promise<string> => {
    const [found] = await app.db.query<{ rows: string }>(sql`
      SELECT COALESCE(jsonb_agg(line), '[]')::text AS rows FROM jsonb_array_elements(${rows.get(table)}::jsonb) AS line
      WHERE NOT EXISTS (SELECT FROM unnest(${columns}::text[]) AS name WHERE line ->> name IS NULL)`);
    return found?.rows ?? '[]';
  };

  it('cannot be stored, of any kind', async () => {
    const keys = (await keysOf('f')).filter(({ parent }) => !(parent in outsideApps));
    expect(keys.length).toBeGreaterThan(10);
    for (const key of keys) {
      const referring = await rowsWith(key);
      expect([key.name, referring]).not.toEqual([key.name, '[]']);
      await fillApp(app.db, tables, twinId, new Map(), 'theirs');
      const some = new Map([...rows, [key.table, referring]]);
      const tried = fillApp(app.db, withoutParent(keys, key), twinId, some, 'theirs');
      await expect(tried).rejects.toMatchObject({ sqlState: foreignKeyViolation, constraint: key.name });
    }
  });

  it('is the only guard that keeps a copy of the app from being stored', async () => {
    await fillApp(app.db, tables, twinId, rows, 'theirs');
    expect([...(await takeRows(app.db, tables, twinId)).keys()]).toEqual([...rows.keys()]);
  });
});

describe('a role of another organization', () => {
  it.each(['member_roles', 'invitations', 'api_key_roles'])('cannot be stored in %s', async (table) => {
    const tried = app.db.query(sql`
      UPDATE ${raw(table)} SET scope_id = ${stage.neighbourOrgId} WHERE org_id = ${stage.orgId} AND scope_id = org_id`);
    await expect(tried).rejects.toMatchObject({ sqlState: checkViolation });
  });
});
