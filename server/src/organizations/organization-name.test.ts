import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Db, sql } from '../db/db.ts';
import { migrate, readMigrations } from '../db/migrate.ts';
import { openEmptyDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, problem, type World } from '../test/world/world.ts';
import { organizationNameKey } from './organization-name.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { settings: { usersMayCreateOrganizations: true, organizationsPerUser: 1000 } });
});
afterAll(() => app?.close());

let counter = 0;
const url = '/v1/authorization/organizations';
const owner = { adminFirstName: 'Jane', adminLastName: 'Roe' };

/** The calls that name something unique, with the path of the name, and the code of a name that exists. */
const calls = {
  'creation by a person': ['/body/name', 'organization_name_taken'],
  'set-up': ['/body/orgName', 'organization_name_taken'],
  renaming: ['/body/name', 'organization_name_taken'],
  'a machine user': ['/body/userName', 'machine_user_name_taken'],
} as const;
type Call = keyof typeof calls;

async function named(call: Call, name: string) {
  const { token } = world.admin;
  if (call === 'a machine user') {
    return world.call('POST', '/v1/authorization/machine-users', { token, body: { userName: name } });
  }
  if (call === 'set-up') {
    const adminEmail = `namer-${(counter += 1)}@example.com`;
    return world.call('POST', `${url}/setup`, { token, body: { ...owner, orgName: name, adminEmail } });
  }
  const person = await world.person();
  if (call === 'creation by a person') return world.call('POST', url, { token: person.token, body: { name } });
  const orgId = await world.organization(person);
  return world.call('PATCH', `${url}/${orgId}`, { token: person.token, body: { name } });
}
const all = Object.keys(calls) as Call[];

describe('a name that shows more or less than it has is refused', () => {
  test.each([
    ['a soft hyphen', '\u00AD'],
    ['a grapheme joiner', '\u034F'],
    ['a zero-width space', '\u200B'],
    ['a word joiner', '\u2060'],
    ['a Hangul filler', '\u3164'],
    ['a half-width Hangul filler', '\uFFA0'],
    ['an empty Braille pattern', '\u2800'],
    ['an annotation mark', '\uFFF9'],
    ['a noncharacter', '\uFFFE'],
    ['a tag', '\u{E0041}'],
    ['a mark from left to right', '\u200E'],
    ['an Arabic letter mark', '\u061C'],
    ['an embedding', '\u202B'],
    ['an override', '\u202E'],
    ['an isolate', '\u2067'],
    ['a line separator', '\u2028'],
  ])('%s', async (_, character) => {
    for (const call of all) {
      const response = await named(call, `Acme${character} Bank ${(counter += 1)}`);
      expect(problem(response)).toBe('400 validation_failed');
      expect(Object.keys(faults(response))).toEqual([calls[call][0]]);
    }
  });
});

describe('a name counts as taken', () => {
  test.each([
    ['a joiner', 'Ac\u200Dme Bank'],
    ['a non-joiner', 'Acme\u200C Bank'],
    ['a variation selector', 'Acme\uFE0F Bank'],
    ['an ideographic variation selector', 'Acme\u{E0100} Bank'],
    ['a Mongolian variation selector', 'Acme \u180BBank'],
    ['other spaces', 'Acme\u00A0\u3000Bank'],
    ['full-width letters', 'Ａcme Bank'],
    ['another case', 'ACME bank'],
  ])('with %s', async (_, name) => {
    for (const call of all) {
      await named(call, 'Acme Bank');
      expect(problem(await named(call, name))).toBe(`409 ${calls[call][1]}`);
    }
  });

  test.each([
    ['marks that a joiner keeps apart', 'Café', 'Cafe\u200D\u0301'],
    ['marks that a capital letter keeps apart', '\u01F0 Ltd', 'J\u030C LTD'],
    ['another sigma', 'Οδός', 'Οδόσ'],
  ])('with %s', async (_, name, copy) => {
    for (const call of all) {
      await named(call, name);
      expect(problem(await named(call, copy))).toBe(`409 ${calls[call][1]}`);
    }
  });
});

test.each(['شركة می\u200Cخواهم', 'क्\u200Dष', 'Team 👩\u200D💻', 'I ❤\uFE0F Tea', '葛\u{E0100}城'])(
  'people can name an organization %s',
  async (name) => {
    const person = await world.person();
    const created = await world.call('POST', url, { token: person.token, body: { name } });
    expect(created.statusCode).toBe(201);
    const { orgId } = created.json<{ orgId: string }>();
    const shown = await world.call('GET', `${url}/${orgId}`, { token: person.token });
    expect(shown.json()).toMatchObject({ name });
  },
);

/** All characters, and those that a name can consist of. */
const characters = Array.from({ length: 0x11_0000 }, (_, point) => point)
  .filter((point) => point < 0xd8_00 || point > 0xdf_ff)
  .map((point) => String.fromCodePoint(point));

test('no name of one visible character has an empty key', () => {
  const visible = characters.filter((one) => !/[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u.test(one));
  expect(visible.filter((one) => organizationNameKey(one) === '')).toEqual([]);
});

describe('keys of before, which had invisible characters', () => {
  const earlierKey = (name: string) => name.normalize('NFKC').replace(/\s+/gu, ' ').trim().toLowerCase();
  const hidden = characters.filter((one) => /[\p{Cf}\p{Default_Ignorable_Code_Point}]/u.test(one) && one !== '\uFEFF');
  const hiddenParts = Array.from({ length: Math.ceil(hidden.length / 400) }, (_, part) =>
    hidden.slice(part * 400, (part + 1) * 400).join(''),
  );
  /** Names in the order of their creation, and whether the row gets the new key. */
  const earlier: readonly [name: string, isChanged: boolean][] = [
    ['Acme\u2060 Bank', false],
    ['Acme Bank', false],
    ['Beta\u00AD', true],
    ['Bet\u200Ba', false],
    ['Plain', false],
    ['Ελλάς', true],
    ['Cafe\u034F\u0301', true],
    ['J\u030C', true],
    ['Gamma\u2800 \u3164Ltd', true],
    ['Persian می\u200Cخواهم', true],
    ['\u2060', false],
    ...hiddenParts.map((part, index): [string, boolean] => [`All ${part} ${index}`, true]),
  ];

  let db: Db;
  beforeAll(async () => {
    db = await openEmptyDatabase();
    const migrations = readMigrations();
    const last = migrations.findIndex(({ name }) => name === 'keys_of_names');
    await migrate(db, migrations.slice(0, last));
    const now = new Date();
    for (const appId of [1, 2]) {
      await db.query(sql`
        INSERT INTO apps (id, name, display_name, status, settings, created_at, updated_at)
        VALUES (${appId}, ${`app-${appId}`}, 'Demo', 'ACTIVE', '{}', ${now}, ${now})`);
      for (const [id, [name]] of earlier.entries()) {
        await db.query(sql`
          INSERT INTO organizations (app_id, id, name, name_key, status, created_at, updated_at)
          VALUES (${appId}, ${id}, ${name}, ${earlierKey(name)}, 'Active', ${now}, ${now})`);
        await db.query(sql`
          INSERT INTO machine_users (app_id, id, user_name, user_name_key, created_at)
          VALUES (${appId}, ${id}, ${name}, ${earlierKey(name)}, ${now})`);
      }
      for (const orgId of [0, 1]) {
        for (const [index, [name]] of earlier.entries()) {
          await db.query(sql`
            INSERT INTO organization_machine_users
              (app_id, id, org_id, user_name, user_name_key, is_manager, created_at)
            VALUES (${appId}, ${orgId * 100 + index}, ${orgId}, ${name}, ${earlierKey(name)}, false, ${now})`);
        }
      }
    }
    await migrate(db, migrations);
  });
  afterAll(() => db?.close());

  const expected = earlier.map(([name, isChanged]) => (isChanged ? organizationNameKey(name) : earlierKey(name)));
  test.each([1, 2])('are computed again, except those of copies (app %i)', async (appId) => {
    const keysOf = async (statement: ReturnType<typeof sql>) =>
      (await db.query<{ key: string }>(statement)).map(({ key }) => key);
    const ofOrganizations = sql`SELECT name_key AS key FROM organizations WHERE app_id = ${appId} ORDER BY id`;
    const ofMachines = sql`SELECT user_name_key AS key FROM machine_users WHERE app_id = ${appId} ORDER BY id`;
    const ofOrganizationMachines = sql`
      SELECT user_name_key AS key FROM organization_machine_users WHERE app_id = ${appId} ORDER BY org_id, id`;
    expect(await keysOf(ofOrganizations)).toEqual(expected);
    expect(await keysOf(ofMachines)).toEqual(expected);
    expect(await keysOf(ofOrganizationMachines)).toEqual([...expected, ...expected]);
  });
});
