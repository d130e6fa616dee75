import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { type RecordingDb, recordingDb } from '../test/recording-db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Machine, password, type Person, problem, type World } from '../test/world/world.ts';
import { indexMembersOfBefore } from '../search/index-members.ts';
import { searchMembers } from './organization-users.store.ts';

interface Users {
  metadata: { total: number; nextCursor?: string };
  users: { id: string; email: string; displayName: string; roles: string[]; managerRoles: string[] }[];
}

const usersUrl = '/v1/authorization/organizations/users';

let db: RecordingDb;
let app: TestApp;
let world: World;
let owner: Person;
let machine: Machine;
let orgId: string;
let neighbourOrgId: string;
/** People of the organization by a short name, in the order in which they became members. */
const people = new Map<string, Person>();

const cast: Record<string, [firstName: string, lastName: string, local: string]> = {
  jose: ['José', 'Ñúñez Ibáñez', 'jose.nunez'],
  ahmad: ['أَحْمَد', 'إبراهيم', 'ahmad'],
  huda: ['هدى', 'العلي', 'huda.ali'],
  isik: ['Işık', 'İnce', 'isik_ince'],
  giorgos: ['Γιώργος', 'Παπαδόπουλος', 'giorgos'],
  yuri: ['Юрий', 'Ёлкин', 'yuri+news'],
  wang: ['小明', '王', 'wang'],
  brien: ['Mary-Jane', 'O’Brien', 'mj.obrien'],
  percent: ['100%', 'C_D\\E', 'percent%under_score'],
  long: ['Wolfeschlegelsteinhausen', 'Bergerdorff', 'wolfeschlegelsteinhausenbergerdorff'],
};

async function join(person: Person, role = 'reader', where = orgId): Promise<void> {
  const options = { token: world.admin.token, orgId: where, body: { roles: [role] } };
  const response = await world.call('POST', `${usersUrl}/${person.userId}`, options);
  if (response.statusCode !== 200) throw new Error(response.body);
}

async function named(local: string, firstName: string, lastName: string): Promise<Person> {
  const person = await world.person({ email: `${local}@people.example` });
  const body = { firstName, lastName };
  await world.call('PUT', `/v1/authentication/users/${person.userId}`, { token: person.token, body });
  return person;
}

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app);
  owner = await world.person();
  machine = await world.machine();
  orgId = await world.organization(owner);
  neighbourOrgId = await world.organization(await world.person());
  for (const [name, [firstName, lastName, local]] of Object.entries(cast)) {
    const person = await named(local, firstName, lastName);
    await join(person);
    people.set(name, person);
  }
});
afterAll(() => app?.close());

const list = (query: string, token = machine.token, where = orgId) =>
  world.call('GET', `${usersUrl}?${query}`, { token, orgId: where });
const search = (body: object, query = 'pageSize=100', token = machine.token, where = orgId) =>
  world.call('POST', `${usersUrl}/search?${query}`, { token, orgId: where, body });
/** The people that a search finds, by short name. */
async function found(body: object): Promise<string[]> {
  const { users, metadata } = (await search(body)).json<Users>();
  expect(metadata.total).toBe(users.length);
  const nameOf = new Map([...people].map(([name, { userId }]) => [userId, name]));
  return users.map(({ id }) => nameOf.get(id) ?? (id === owner.userId ? 'owner' : id));
}
const total = async () => (await list('pageSize=1')).json<Users>().metadata.total;

describe('users of an organization are refused', () => {
  test.each<[query: string, pointer: string]>([
    ['', '/query/pageSize'],
    ['pageSize=101', '/query/pageSize'],
    ['pageSize=1&cursor=MQ.AAAAAAAAAAAAAAAAAAAAAA', '/query/cursor'],
    ['pageSize=1&page=0&cursor=MQ.AAAAAAAAAAAAAAAAAAAAAA', '/query/page'],
  ])('users of an organization are refused with "%s"', async (query, pointer) => {
    expect(Object.keys(faults(await list(query)))).toEqual([pointer]);
    expect(Object.keys(faults(await search({ name: 'jon' }, query)))).toEqual([pointer]);
  });

  test.each<[body: object, pointer: string]>([
    [{ name: ' \u0301 ' }, '/body/name'],
    [{ name: 'x'.repeat(201) }, '/body/name'],
    [{ name: 7 }, '/body/name'],
    [{ userId: 'me' }, '/body/userId'],
    [{ phone: '1' }, '/body/phone'],
  ])('a search of users for %j is refused', async (body, pointer) => {
    expect(Object.keys(faults(await search(body)))).toEqual([pointer]);
  });

  test.each(['', ' ', '\u200b'])('blank filters (%j) are accepted and filter nothing', async (blank) => {
    const none = (await search({})).json<{ metadata: unknown }>();
    expect(none).toMatchObject({ metadata: { total: expect.any(Number) } });
    const body = { name: blank, email: blank, userId: blank, role: blank };
    expect((await search(body)).json<{ metadata: unknown }>()).toEqual(none);
  });

  test('users of an organization are refused without the organization header', async () => {
    const { token } = owner;
    expect(problem(await world.call('GET', `${usersUrl}?pageSize=1`, { token }))).toBe('400 org_id_required');
    expect(problem(await world.call('POST', `${usersUrl}/search?pageSize=1`, { token, body: {} }))).toBe(
      '400 org_id_required',
    );
  });

  test('users of an organization are refused to plain members, and to owners of another organization', async () => {
    const member = people.get('jose') ?? owner;
    const neighbour = await world.person();
    await world.organization(neighbour);
    for (const [token, refusal] of [
      [member.token, '403 access_denied'],
      [neighbour.token, '404 organization_not_found'],
    ] as const) {
      expect(problem(await list('pageSize=1', token))).toBe(refusal);
      expect(problem(await search({ name: 'jose' }, 'pageSize=1', token))).toBe(refusal);
    }
  });

  test('a cursor of another search, list or organization is refused', async () => {
    const { nextCursor: searched } = (await search({ email: 'people' }, 'pageSize=1')).json<Users>().metadata;
    const { nextCursor: listed } = (await list('pageSize=1')).json<Users>().metadata;
    expect(searched).toBeDefined();
    expect(listed).toBeDefined();
    const everybody = [
      search({ email: 'people.' }, `pageSize=1&cursor=${searched}`),
      search({ name: 'people' }, `pageSize=1&cursor=${searched}`),
      search({ email: 'people', role: 'reader' }, `pageSize=1&cursor=${searched}`),
      search({ email: 'people' }, `pageSize=1&cursor=${listed}`),
      list(`pageSize=1&cursor=${searched}`),
      list(`pageSize=1&cursor=${listed}`, machine.token, neighbourOrgId),
    ];
    for (const response of await Promise.all(everybody)) {
      expect(Object.keys(faults(response))).toEqual(['/query/cursor']);
    }
  });
});

describe('a list of the users of an organization', () => {
  it('is literal, in the order of membership', async () => {
    const [first, second] = (await list('pageSize=100', owner.token)).json<Users>().users;
    expect(first).toEqual({
      id: owner.userId,
      email: owner.email,
      roles: [],
      firstName: 'Jon',
      lastName: 'Doe',
      displayName: 'Jon Doe',
      managerRoles: ['ORG_OWNER'],
    });
    expect(second).toMatchObject({ displayName: 'José Ñúñez Ibáñez', roles: ['reader'], managerRoles: [] });
    const ids = (await list('pageSize=100')).json<Users>().users.map(({ id }) => id);
    expect(ids).toEqual([owner.userId, ...[...people.values()].map(({ userId }) => userId)]);
  });

  it.each([1, 3, 11, 100])('shows everybody once by pages and by cursors of %i', async (pageSize) => {
    const expected = [owner.userId, ...[...people.values()].map(({ userId }) => userId)];
    const byCursor: string[] = [];
    for (let cursor = ''; ;) {
      const { metadata, users } = (await list(`pageSize=${pageSize}${cursor}`)).json<Users>();
      expect(metadata.total).toBe(expected.length);
      byCursor.push(...users.map(({ id }) => id));
      if (metadata.nextCursor === undefined) break;
      cursor = `&cursor=${metadata.nextCursor}`;
    }
    expect(byCursor).toEqual(expected);
    const pages = Array.from({ length: Math.ceil(expected.length / pageSize) }, (_, page) => page);
    const byPage = await Promise.all(pages.map((page) => list(`pageSize=${pageSize}&page=${page}`)));
    expect(byPage.flatMap((response) => response.json<Users>().users.map(({ id }) => id))).toEqual(expected);
    expect((await list(`pageSize=${pageSize}&page=999`)).json()).toEqual({
      metadata: { total: expected.length },
      users: [],
    });
  });

  it('takes one statement at any size, without a count', async () => {
    db.take();
    await list('pageSize=100', owner.token);
    const statements = db.take().filter((text) => /organizations|members|member_counts/.test(text));
    expect(statements).toHaveLength(1);
    expect(statements.filter((text) => text.includes('count('))).toEqual([]);
  });
});

describe('a search finds', () => {
  it.each<[body: object, names: string[]]>([
    [{ name: 'JOSE' }, ['jose']],
    [{ name: 'ñunez ib' }, ['jose']],
    [{ name: 'é ñú' }, ['jose']],
    [{ name: 'احمد' }, ['ahmad']],
    [{ name: 'مد ابر' }, ['ahmad']],
    [{ name: 'أَحْمَد' }, ['ahmad']],
    [{ name: 'هدي' }, ['huda']],
    [{ name: 'ISIK' }, ['isik']],
    [{ name: 'ışık ince' }, ['isik']],
    [{ name: 'ΓΙΏΡΓΟΣ' }, ['giorgos']],
    [{ name: 'παπαδοπουλοσ' }, ['giorgos']],
    [{ name: 'елкин' }, ['yuri']],
    [{ name: '小明 王' }, ['wang']],
    [{ name: "o'brien" }, ['brien']],
    [{ name: 'brien' }, ['brien']],
    [{ name: '100%' }, ['percent']],
    [{ name: 'c_d\\e' }, ['percent']],
    [{ name: '%%%' }, []],
    [{ name: '___' }, []],
    [{ email: '%under_' }, ['percent']],
    [{ email: 'undersscore' }, []],
    [{ name: 'Wolfeschlegelsteinhausen Bergerdorff' }, ['long']],
    [{ name: 'schlegelsteinhaus' }, ['long']],
    [{ name: 'schlegelsteinhausx' }, []],
    [{ name: 'wolfesBergerdorff' }, []],
    [{ email: 'JOSE.NUNEZ@people.example' }, ['jose']],
    [{ email: '+news@' }, ['yuri']],
    [{ name: 'jose.nunez' }, []],
    [{ email: 'ibanez' }, []],
    [{ name: 'jose', email: 'jose' }, ['jose']],
    [{ name: 'jose', email: 'huda' }, []],
    [{ name: 'jos', role: 'reader' }, ['jose']],
    [{ name: 'jos', role: 'writer' }, []],
    [{ name: 'jos', role: 'global:reader' }, []],
    [{ role: 'no such role' }, []],
    [{ role: 'ORG_OWNER' }, []],
  ])('a search by %j %j finds its users', async (body, expected) => {
    expect(await found(body)).toEqual(expected);
  });

  it.each<[body: object, names: string[]]>([
    [{ name: 'j' }, ['owner', 'jose', 'brien']],
    [{ name: 'ja' }, ['brien']],
    [{ name: 'an' }, []],
    [{ name: 'ni' }, []],
    [{ name: 'nu' }, ['jose']],
    [{ name: 'ib' }, ['jose']],
    [{ name: '王' }, ['wang']],
    [{ name: '小明' }, ['wang']],
    [{ name: '明' }, []],
    [{ name: 'ال' }, ['huda']],
    [{ name: 'br' }, ['brien']],
    [{ name: "o'" }, ['brien']],
    [{ name: '%' }, []],
    [{ email: 'nu' }, ['jose']],
    [{ email: 'ne' }, ['yuri']],
    [{ email: 'un' }, ['percent']],
    [{ email: 'ov' }, []],
  ])('a search finds the beginning of a word by %j: %j', async (body, expected) => {
    expect(await found(body)).toEqual(expected);
  });

  it('a search by id, by role, or by both finds its users', async () => {
    const { userId } = people.get('huda') ?? owner;
    expect(await found({ userId })).toEqual(['huda']);
    expect(await found({ userId, name: 'huda' })).toEqual([]);
    expect(await found({ userId, name: 'العلي', email: 'huda', role: 'reader' })).toEqual(['huda']);
    expect(await found({ userId: world.admin.userId })).toEqual([]);
    expect(await found({ role: 'reader' })).toEqual([...people.keys()]);
    expect(await found({})).toEqual(['owner', ...people.keys()]);
  });

  it('a search by text together with id or role finds its users', async () => {
    const { userId } = people.get('huda') ?? owner;
    const everybody = { email: '@people.example' };
    expect(await found({ ...everybody, userId })).toEqual(['huda']);
    expect(await found({ ...everybody, role: 'writer' })).toEqual([]);
    await join(people.get('yuri') ?? owner, 'writer');
    expect(await found({ ...everybody, role: 'writer' })).toEqual(['yuri']);
    expect(await found({ userId, role: 'writer' })).toEqual([]);
    const url = `${usersUrl}/${people.get('yuri')?.userId}/roles`;
    const body = { roles: ['reader'] };
    expect((await world.call('PUT', url, { token: world.admin.token, orgId, body })).statusCode).toBe(200);
  });

  it('a search by the roles that people hold here finds each user once', async () => {
    const role = 'global:auditor';
    const body = { roles: [{ key: 'auditor', displayName: 'Auditor', allowedPermissions: ['audit:read'] }] };
    const url = '/v1/authorization/predefined-roles';
    expect((await world.call('POST', url, { token: world.admin.token, body })).statusCode).toBe(201);
    const [here, there] = [await named('vega', 'Vega', 'Lyra'), await named('deneb', 'Deneb', 'Cygni')];
    await join(here, role);
    await join(here, role, neighbourOrgId);
    await join(there, 'reader');
    await join(there, role, neighbourOrgId);
    const ids = async (query: object) => (await search(query)).json<Users>().users.map(({ id }) => id);
    expect(await ids({ role })).toEqual([here.userId]);
    expect(await ids({ role, name: 'deneb' })).toEqual([]);
    expect(await ids({ role, name: 'vega' })).toEqual([here.userId]);
    for (const { token } of [here, there]) {
      await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token });
    }
  });

  it('a search finds nobody of another organization', async () => {
    const person = await named('sirius', 'Sirius', 'Polaris');
    await join(person, 'reader', neighbourOrgId);
    expect(await found({ name: 'sirius' })).toEqual([]);
    const there = await search({ name: 'sirius' }, 'pageSize=1', machine.token, neighbourOrgId);
    expect(there.json<Users>().users).toMatchObject([{ id: person.userId }]);
  });

  it('pages and cursors find the same users, with the total on the first page', async () => {
    const everybody = [...people.values()].map(({ userId }) => userId);
    const first = (await search({ email: '@people.example' }, 'pageSize=4')).json<Users>();
    const { nextCursor } = first.metadata;
    expect(first.metadata.total).toBe(everybody.length);
    const late = await named('late', 'Late', 'Comer');
    await join(late);
    const rest = (await search({ email: '@people.example' }, `pageSize=100&cursor=${nextCursor}`)).json<Users>();
    expect([...first.users, ...rest.users].map(({ id }) => id)).toEqual([...everybody, late.userId]);
    expect(rest.metadata).toEqual({ total: everybody.length });
    const second = (await search({ email: '@people.example' }, 'pageSize=4&page=1')).json<Users>();
    expect(second.users.map(({ id }) => id)).toEqual(everybody.slice(4, 8));
    expect(second.metadata.total).toBe(everybody.length + 1);
    const url = `/v1/authentication/users/me/organizations/${orgId}`;
    expect((await world.call('DELETE', url, { token: late.token })).statusCode).toBe(204);
  });
});

describe('search results after a change', () => {
  it('a search finds the new name after a change, in every organization', async () => {
    const person = await named('mutable', 'Before', 'Marriage');
    await join(person);
    await join(person, 'reader', neighbourOrgId);
    const body = { lastName: 'Afterwards' };
    await world.call('PUT', `/v1/authentication/users/${person.userId}`, { token: person.token, body });
    for (const where of [orgId, neighbourOrgId]) {
      const count = async (name: string) =>
        (await search({ name }, 'pageSize=1', machine.token, where)).json<Users>().metadata.total;
      expect([await count('marriage'), await count('before after')]).toEqual([0, 1]);
    }
  });

  it('a search follows users who leave and come back', async () => {
    const person = await named('wanderer', 'Wanda', 'Wanderer');
    const nobody = await total();
    await join(person);
    await join(person, 'writer');
    expect(await total()).toBe(nobody + 1);
    expect((await search({ name: 'wanderer' })).json<Users>().users).toMatchObject([{ roles: ['reader', 'writer'] }]);
    await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token: person.token });
    expect([await total(), (await search({ name: 'wanderer' })).json<Users>().metadata.total]).toEqual([nobody, 0]);
    await join(person);
    expect((await search({ name: 'wanderer' })).json<Users>().metadata.total).toBe(1);
  });

  it('a search finds the names that an acceptance of an invitation brings', async () => {
    const email = 'newcomer@people.example';
    const body = { email, firstName: 'Typed', lastName: 'Byothers', role: 'reader' };
    await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token: owner.token, body });
    expect((await search({ email: 'newcomer' })).json<Users>().metadata.total).toBe(0);
    const { code } = await world.mail(email);
    const accepted = await world.call('PUT', '/v1/authentication/users/invite', {
      body: { orgId, email, verificationCode: code, newPassword: password, firstName: 'Chosen', lastName: 'Myself' },
    });
    expect(accepted.statusCode).toBe(200);
    expect((await search({ name: 'byothers' })).json<Users>().metadata.total).toBe(0);
    expect((await search({ name: 'chosen myself', email })).json<Users>().users).toMatchObject([{ roles: ['reader'] }]);
  });

  it('a search finds the result of two concurrent changes', async () => {
    const person = await named('racer', 'Slow', 'Racer');
    const rename = { token: person.token, body: { firstName: 'Fast' } };
    await Promise.all([join(person), world.call('PUT', `/v1/authentication/users/${person.userId}`, rename)]);
    expect((await search({ name: 'fast racer' })).json<Users>().metadata.total).toBe(1);
    expect((await search({ name: 'slow racer' })).json<Users>().metadata.total).toBe(0);
  });
});

describe('members from before there was a search', () => {
  const forget = () =>
    app.db.transaction(async (tx) => {
      await tx.query(sql`DELETE FROM member_search WHERE app_id = ${world.appId}`);
      await tx.query(sql`UPDATE members SET is_searchable = false WHERE app_id = ${world.appId}`);
    });
  const unsearchable = () => app.db.query(sql`SELECT 1 FROM members WHERE NOT is_searchable`);

  it('are found by the first search already', async () => {
    await forget();
    expect(await found({ name: 'josé' })).toEqual(['jose']);
    const elsewhere = await app.db.query(sql`SELECT 1 FROM members WHERE org_id <> ${orgId} AND is_searchable`);
    expect(elsewhere).toEqual([]);
  });

  it('are not taken for indexed when another member joins', async () => {
    await forget();
    await world.member(orgId);
    expect(await unsearchable()).not.toEqual([]);
    expect(await found({ name: 'josé' })).toEqual(['jose']);
  });

  it('are indexed in the background, and by searches at the same time', async () => {
    await forget();
    const signal = new AbortController().signal;
    const [who] = await Promise.all([
      found({ name: 'josé' }),
      indexMembersOfBefore.run(app.services, signal),
      indexMembersOfBefore.run(app.services, signal),
    ]);
    expect(who).toEqual(['jose']);
    expect(await unsearchable()).toEqual([]);
  });

  it('are unchanged when the process must stop', async () => {
    await forget();
    await indexMembersOfBefore.run(app.services, AbortSignal.abort());
    expect(await unsearchable()).not.toEqual([]);
  });
});

test('a search is served by the index, for every estimate of the planner about app and organization', async () => {
  const plan = await app.db.transaction(async (tx) => {
    await tx.query(sql`SET LOCAL enable_seqscan = off`);
    const wanted = { name: 'jose', email: 'people', role: 'reader' };
    return tx.query<{ 'QUERY PLAN': string }>(sql`EXPLAIN ${searchMembers(world.appId, orgId, wanted)}`);
  });
  expect(JSON.stringify(plan)).toContain('member_search_parts');
});
