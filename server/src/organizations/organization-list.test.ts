import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

const url = '/v1/authorization/organizations';

interface List {
  metadata: { total: number; nextCursor?: string };
  organizations: { id: string; name: string; status: string }[];
}

let app: TestApp;
let world: World;
let owner: Person;
let machine: { token: string };
/** The owner's organizations, in the order of creation. All other organizations of the app belong to other people. */
const theirs: string[] = [];
const all: string[] = [];

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
  machine = await world.machine();
  const neighbour = await world.person();
  for (const own of [true, false, true, true, false, true, true]) {
    const id = await world.organization(own ? owner : neighbour);
    all.push(id);
    if (own) theirs.push(id);
  }
});
afterAll(() => app?.close());

const list = (query: string, { token }: { token: string } = owner) => world.call('GET', url + query, { token });
const read = async (query: string, caller?: { token: string }) => (await list(query, caller)).json<List>();
const ids = ({ organizations }: List) => organizations.map(({ id }) => id);

/** Follows `nextCursor` to the end. */
async function walk(pageSize: number, caller: { token: string }): Promise<List[]> {
  const pages = [await read(`?pageSize=${pageSize}`, caller)];
  for (let next = pages[0]?.metadata.nextCursor; next !== undefined; next = pages.at(-1)?.metadata.nextCursor) {
    pages.push(await read(`?pageSize=${pageSize}&cursor=${next}`, caller));
  }
  return pages;
}

describe('listing organizations is refused', () => {
  test.each<[query: string, pointer: string]>([
    ['', '/query/pageSize'],
    ['?page=0', '/query/pageSize'],
    ['?pageSize=0', '/query/pageSize'],
    ['?pageSize=101', '/query/pageSize'],
    ['?pageSize=-1', '/query/pageSize'],
    ['?pageSize=1.5', '/query/pageSize'],
    ['?pageSize=ten', '/query/pageSize'],
    ['?pageSize=', '/query/pageSize'],
    ['?pageSize=1&pageSize=2', '/query/pageSize'],
    ['?pageSize=1&page=-1', '/query/page'],
    ['?pageSize=1&page=x', '/query/page'],
    ['?pageSize=1&limit=2', '/query/limit'],
    ['?pageSize=1&cursor=nonsense', '/query/cursor'],
    ['?pageSize=1&cursor=', '/query/cursor'],
    ['?pageSize=1&cursor=MQ.AAAAAAAAAAAAAAAAAAAAAA', '/query/cursor'],
  ])('listing organizations with "%s" is refused', async (query, pointer) => {
    const response = await list(query);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('listing organizations without a credential is refused', async () => {
    expect(problem(await world.call('GET', `${url}?pageSize=1`))).toBe('401 unauthenticated');
  });

  test('listing organizations with both a cursor and a page is refused', async () => {
    const { metadata } = await read('?pageSize=1');
    for (const page of [0, 1]) {
      const response = await list(`?pageSize=1&page=${page}&cursor=${metadata.nextCursor}`);
      expect(Object.keys(faults(response))).toEqual(['/query/page']);
    }
  });

  test('a cursor of another caller, list or app, or a changed cursor, is refused', async () => {
    const own = (await read('?pageSize=1')).metadata.nextCursor ?? '';
    await world.machine();
    const { token } = world.admin;
    const machines = await world.call('GET', '/v1/authorization/machine-users?pageSize=1', { token });
    const elsewhere = await createWorld(app);
    await elsewhere.organization(elsewhere.admin);
    await elsewhere.organization(elsewhere.admin);
    const foreign = await elsewhere.call('GET', `${url}?pageSize=1`, { token: elsewhere.admin.token });
    const cursors = [
      (await read('?pageSize=1', world.admin)).metadata.nextCursor,
      machines.json<List>().metadata.nextCursor,
      foreign.json<List>().metadata.nextCursor,
      `${own}A`,
      own.replace(/^./, (first) => (first === 'M' ? 'N' : 'M')),
      own.slice(0, -1),
    ];
    for (const cursor of cursors) {
      expect(cursor).toBeDefined();
      expect(Object.keys(faults(await list(`?pageSize=1&cursor=${cursor}`)))).toEqual(['/query/cursor']);
    }
  });
});

describe('a list of organizations', () => {
  test('is of their own for humans, literally', async () => {
    const only = await world.person();
    const id = await world.organization(only, { name: 'Only one' });
    all.push(id);
    const response = await list('?pageSize=10', only);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      metadata: { total: 1 },
      organizations: [{ id, name: 'Only one', status: 'Active' }],
    });
  });

  test('contains those of an owner, a manager and a member, and none of a user in no organization', async () => {
    const [first = ''] = theirs;
    expect(ids(await read('?pageSize=100'))).toEqual(theirs);
    expect(ids(await read('?pageSize=100', await world.manager(first)))).toEqual([first]);
    expect(ids(await read('?pageSize=100', await world.member(first)))).toEqual([first]);
    expect(await read('?pageSize=100', await world.person())).toEqual({ metadata: { total: 0 }, organizations: [] });
  });

  test('is of all of the app for super admins and machines', async () => {
    for (const caller of [world.admin, machine]) expect(ids(await read('?pageSize=100', caller))).toEqual(all);
  });
});

describe('paging', () => {
  test.each([1, 2, 3, 4, 5, 100])('pages of %i show every item once, in order', async (pageSize) => {
    const count = Math.ceil(theirs.length / pageSize);
    const pages = await Promise.all(
      Array.from({ length: count }, (_, page) => read(`?pageSize=${pageSize}&page=${page}`)),
    );
    expect(pages.flatMap(ids)).toEqual(theirs);
    expect(new Set(pages.map(({ metadata }) => metadata.total))).toEqual(new Set([theirs.length]));
    expect(pages.at(-1)?.metadata).not.toHaveProperty('nextCursor');
  });

  test.each([1, 2, 3, 4, 5, 100])('cursors of %i show every item once, in order', async (pageSize) => {
    for (const [caller, expected] of [
      [owner, theirs],
      [machine, all],
    ] as const) {
      const pages = await walk(pageSize, caller);
      expect(pages.flatMap(ids)).toEqual(expected);
      expect(pages).toHaveLength(Math.ceil(expected.length / pageSize));
      expect(pages.at(-1)?.metadata).toEqual({ total: expected.length });
    }
  });

  test('beyond the end is empty and has the true total', async () => {
    for (const page of [theirs.length, 999_999_999]) {
      expect(await read(`?pageSize=1&page=${page}`)).toEqual({ metadata: { total: theirs.length }, organizations: [] });
    }
  });

  test('paging by cursor shows each existing entry exactly once while others are created', async () => {
    const before = [...all];
    const first = await read('?pageSize=3', machine);
    all.push(await world.organization(await world.person()));
    const rest = await read(`?pageSize=100&cursor=${first.metadata.nextCursor}`, machine);
    expect([...ids(first), ...ids(rest)]).toEqual([...before, all.at(-1)]);
  });
});
