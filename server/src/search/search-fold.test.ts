import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, type Machine, type World } from '../test/world/world.ts';
import { indexMembersOfBefore } from './index-members.ts';
import { earlierSearchKey, partsOfKey, partsOfQuery, partsWithin, type SearchField } from './search-key.ts';
import { isStale } from './search-row.ts';

/** Names and addresses, with queries that find them and queries that do not. */
const cast: Readonly<Record<string, { name: [string, string]; email: string; by: string[]; notBy?: string[] }>> = {
  lukasz: { name: ['Łukasz', 'Śmigły'], email: 'l@x.example', by: ['lukasz', 'ŁUKASZ', 'łuk', 'smigly', 'l', 'ł'] },
  soren: { name: ['Søren', 'Sørensen'], email: 's@x.example', by: ['sorensen', 'SØREN', 'so', 'sø'] },
  strauss: { name: ['Franz', 'Strauß'], email: 'f@x.example', by: ['strauss', 'STRAUSS', 'strauß', 'STRAUẞ'] },
  dang: { name: ['Đặng', 'Văn'], email: 'd@x.example', by: ['dang', 'ĐẶNG', 'đa', 'da'] },
  aegir: { name: ['Ægir', 'Þórðarson'], email: 'a@x.example', by: ['aegir', 'thordarson', 'Þó', 'th', 'æ'] },
  oeuvre: { name: ['Œuvre', 'Ħaż-Żebbuġ'], email: 'o@x.example', by: ['oeuvre', 'haz-zebbug', 'ħa'] },
  thor: { name: ['Ŧor', 'Ŋuur'], email: 't@x.example', by: ['tor', 'nuur', 'ŋu'] },
  fatima: { name: ['فاطمة', 'الزهراء'], email: 'ft@x.example', by: ['فاطمة', 'فاطمه', 'فَاطِمَة', 'الزهرا'] },
  karimi: { name: ['کریمی', 'رضا'], email: 'k@x.example', by: ['كريمي', 'کریمی', 'كر', 'رضا'] },
  arwa: { name: ['أروى', 'آل ثاني'], email: 'ar@x.example', by: ['اروي', 'أروى', 'ال ثانی'], notBy: ['اروا'] },
  room: { name: ['قاعة', '٣٠٧'], email: 'r@x.example', by: ['307', '٣٠٧', '۳۰۷', '30'], notBy: ['306'] },
  hindi: { name: ['Room', '१२३'], email: 'h@x.example', by: ['123', '१२३', '１２３'] },
};
const addresses: Readonly<Record<string, { email: string; by: string[]; notBy?: string[] }>> = {
  idn: {
    email: 'jon@bücher-straße.example',
    by: ['@bücher', 'jon@BÜCHER-STRASSE.example', 'bucher-str', 'xn--bcher-', '@xn--', 'bü', 'xn'],
    notBy: ['example jon', 'examplejon', 'bcher-straße', 'example2'],
  },
  arabic: { email: 'jona@مكتبة.example', by: ['مكتبه', 'jona@مكتبة', '.example', 'مك'] },
};

let app: TestApp;
let world: World;
let machine: Machine;
let orgId: string;
const ids = new Map<string, string>();

async function join(email: string, [firstName, lastName] = ['Jon', 'Doe']): Promise<string> {
  const { userId, token } = await world.person({ email });
  await world.call('PUT', `/v1/authentication/users/${userId}`, { token, body: { firstName, lastName } });
  const options = { token: world.admin.token, orgId, body: { roles: ['reader'] } };
  const url = `/v1/authorization/organizations/users/${userId}`;
  expect((await world.call('POST', url, options)).statusCode).toBe(200);
  return userId;
}

async function found(field: SearchField, text: string): Promise<string[]> {
  const url = '/v1/authorization/organizations/users/search?pageSize=100';
  const response = await world.call('POST', url, { token: machine.token, orgId, body: { [field]: text } });
  if (response.statusCode !== 200) throw new Error(response.body);
  const { users } = response.json<{ users: { id: string }[] }>();
  return users.map(({ id }) => [...ids].find(([, userId]) => userId === id)?.[0] ?? 'somebody');
}

/** The results of a search by the previous release, which folds the query differently. */
async function foundByReleaseBefore(field: SearchField, text: string): Promise<string[]> {
  const key = earlierSearchKey(text);
  const column = { name: sql`name_key`, email: sql`email_key` }[field];
  const rows = await app.db.query<{ user_id: string }>(sql`
    SELECT user_id FROM member_search
    WHERE app_id = ${world.appId} AND parts @> ${partsWithin(orgId, partsOfQuery(field, key))}::integer[]
      AND strpos(${column}, ${key}) > 0`);
  return rows.map(({ user_id: id }) => [...ids].find(([, userId]) => userId === id)?.[0] ?? 'somebody');
}

/** Writes the rows as the previous release does. @returns their number */
async function writeAsReleaseBefore(): Promise<number> {
  const members = await app.db.query<{ org_id: string; user_id: string; name: string; email: string }>(sql`
    SELECT m.org_id, m.user_id, u.first_name || ' ' || u.last_name AS name, u.email FROM members m
    JOIN users u ON u.app_id = m.app_id AND u.id = m.user_id WHERE m.app_id = ${world.appId}`);
  for (const { org_id: org, user_id: user, name, email } of members) {
    const [nameKey, emailKey] = [earlierSearchKey(name), earlierSearchKey(email)];
    const parts = partsWithin(org, [...partsOfKey('name', nameKey), ...partsOfKey('email', emailKey)]);
    await app.db.query(sql`
      UPDATE member_search SET name_key = ${nameKey}, email_key = ${emailKey}, parts = ${parts}::integer[]
      WHERE app_id = ${world.appId} AND org_id = ${org} AND user_id = ${user}`);
  }
  return members.length;
}

const countStale = async (): Promise<number> => {
  const [row] = await app.db.query<{ count: number }>(
    sql`SELECT count(*)::integer AS count FROM member_search WHERE ${isStale}`,
  );
  return row?.count ?? 0;
};

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  machine = await world.machine();
  orgId = await world.organization(await world.person());
  for (const [who, { name, email }] of Object.entries(cast)) ids.set(who, await join(email, name));
  for (const [who, { email }] of Object.entries(addresses)) ids.set(who, await join(email));
});
afterAll(() => app?.close());

const searches = [
  ...Object.entries(cast).map(([who, { by, notBy = [] }]) => ({ who, field: 'name' as const, by, notBy })),
  ...Object.entries(addresses).map(([who, { by, notBy = [] }]) => ({ who, field: 'email' as const, by, notBy })),
];

describe.each([
  ['rows of this release', () => Promise.resolve(0)],
  ['rows of the release before', writeAsReleaseBefore],
])('among %s', (_, prepare) => {
  it.each(searches)('a search by $field finds $who by every spelling', async ({ who, field, by, notBy }) => {
    await prepare();
    const missed = [];
    for (const text of by) if (!(await found(field, text)).includes(who)) missed.push(text);
    const wrong = [];
    for (const text of notBy) if ((await found(field, text)).includes(who)) wrong.push(text);
    expect({ missed, wrong }).toEqual({ missed: [], wrong: [] });
  });
});

describe('rows of the release before', () => {
  beforeEach(async () => {
    await writeAsReleaseBefore();
    expect(await countStale()).toBeGreaterThan(5);
  });

  it('are folded again in the background, by several processes at once and after a stop', async () => {
    await indexMembersOfBefore.run(app.services, AbortSignal.abort());
    expect(await countStale()).toBeGreaterThan(0);
    await Promise.all([runTask(app, indexMembersOfBefore), runTask(app, indexMembersOfBefore)]);
    expect(await countStale()).toBe(0);
    expect(await found('name', 'sorensen')).toEqual(['soren']);
  });

  it('are folded again if a process of that release writes them after this one did', async () => {
    await runTask(app, indexMembersOfBefore);
    await writeAsReleaseBefore();
    expect(await found('name', 'strauss')).toEqual(['strauss']);
    await writeAsReleaseBefore();
    await runTask(app, indexMembersOfBefore);
    expect(await countStale()).toBe(0);
  });

  it('stay as they are if both folds make the same of them', async () => {
    const ascii = sql`
      SELECT xmin, ctid FROM member_search WHERE user_id <> ALL (${[...ids.values()]}::bigint[]) ORDER BY user_id`;
    const before = await app.db.query(ascii);
    await runTask(app, indexMembersOfBefore);
    expect(before).not.toEqual([]);
    expect(await app.db.query(ascii)).toEqual(before);
  });

  it('are found by an index', async () => {
    const plan = await app.db.transaction(async (tx) => {
      await tx.query(sql`SET LOCAL enable_seqscan = off`);
      return tx.query(sql`
        EXPLAIN SELECT org_id, user_id FROM member_search
        WHERE app_id = ${world.appId} AND org_id = ${orgId} AND ${isStale} ORDER BY user_id LIMIT 500`);
    });
    expect(JSON.stringify(plan)).toContain('member_search_stale');
  });
});

it('processes of the release before find the rows of this one by their own fold', async () => {
  await runTask(app, indexMembersOfBefore);
  expect(await foundByReleaseBefore('name', 'Łukasz')).toEqual(['lukasz']);
  expect(await foundByReleaseBefore('name', 'فاطمة')).toEqual(['fatima']);
  expect(await foundByReleaseBefore('name', 'کریمی')).toEqual(['karimi']);
  expect(await foundByReleaseBefore('email', 'xn--bcher-')).toEqual(['idn']);
});
