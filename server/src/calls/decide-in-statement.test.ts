import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { recordingDb, type RecordingDb } from '../test/recording-db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Machine, type Person, problem, type World } from '../test/world/world.ts';

// Refusals of a route that decides in its statement, and their order. `test/statements.test.ts` counts statements.

let db: RecordingDb;
let app: TestApp;
let world: World;
let owner: Person;
let member: Person;
let stranger: Person;
let machine: Machine;
let orgId: string;
let inactiveOrgId: string;

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app);
  [owner, stranger] = [await world.person(), await world.person()];
  machine = await world.machine();
  orgId = await world.organization(owner);
  inactiveOrgId = await world.organization(owner);
  member = await world.member(orgId);
  await world.member(orgId);
  await db.query(sql`
    UPDATE organizations SET status = 'Inactive' WHERE app_id = ${world.appId} AND id = ${inactiveOrgId}`);
});
afterAll(() => app?.close());

interface Listing {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly path: (id: string) => string;
  readonly body?: object;
}

const listings: readonly Listing[] = [
  { name: 'list of users', method: 'GET', path: () => 'organizations/users' },
  { name: 'search by name', method: 'POST', path: () => 'organizations/users/search', body: { name: 'person' } },
  { name: 'search by role', method: 'POST', path: () => 'organizations/users/search', body: { role: 'reader' } },
  { name: 'list of managers', method: 'GET', path: (id) => `organizations/${id}/managers` },
];

describe.each(listings)('a $name', ({ method, path, body }) => {
  const ask = (who: { token: string }, query: string, id = orgId) =>
    world.call(method, `/v1/authorization/${path(id)}?pageSize=1${query}`, {
      token: who.token,
      orgId: id,
      ...(body && { body }),
    });

  it.each(['', '&cursor=forged', '&cursor=forged&page=0'])(
    'refuses access before it reads the query "%s"',
    async (query) => {
      expect(problem(await ask(stranger, query))).toBe('404 organization_not_found');
      expect(problem(await ask(machine, query, '1'))).toBe('404 organization_not_found');
      expect(problem(await ask(member, query))).toBe('403 access_denied');
      expect(problem(await ask(owner, query, inactiveOrgId))).toBe('403 organization_inactive');
    },
  );

  it('refuses a cursor of another list', async () => {
    for (const query of ['&cursor=forged', `&cursor=${Buffer.from('1/1').toString('base64url')}.forged`]) {
      const response = await ask(owner, query);
      expect(problem(response)).toBe('400 validation_failed');
      expect(faults(response)).toEqual({ '/query/cursor': 'Not a cursor of this list.' });
    }
    const both = await ask(owner, '&cursor=forged&page=0');
    expect(faults(both)).toEqual({ '/query/page': 'Cannot be combined with cursor.' });
  });

  it('refuses a cursor of another organization, also to members of both', async () => {
    const { metadata } = (await ask(machine, '')).json<{ metadata: { nextCursor?: string } }>();
    if (metadata.nextCursor === undefined) return;
    expect(problem(await ask(machine, `&cursor=${metadata.nextCursor}`, inactiveOrgId))).toBe('400 validation_failed');
  });

  it('selects no row without access', async () => {
    db.take();
    await ask(stranger, '');
    const text = db.take().find((statement) => statement.includes('page AS MATERIALIZED')) ?? '';
    expect(text.match(/EXISTS \(SELECT FROM granted\)/g)?.length).toBeGreaterThanOrEqual(2);
  });
});

describe('GET of an organization', () => {
  const get = (who: { token: string }, query = '', id = orgId) =>
    world.call('GET', `/v1/authorization/organizations/${id}${query}`, { token: who.token });

  it('refuses access before it refuses metadata', async () => {
    for (const query of ['', '?includeMetadata=true', '?includeRoles=true']) {
      expect(problem(await get(stranger, query))).toBe('404 organization_not_found');
      expect(problem(await get(machine, query, '1'))).toBe('404 organization_not_found');
    }
    expect(problem(await get(member, '?includeMetadata=true'))).toBe('403 access_denied');
  });

  it('lists the roles in the order of the list of roles', async () => {
    const { roles } = (await get(member, '?includeRoles=true')).json<{ roles: { key: string }[] }>();
    const listed = await world.call('GET', `/v1/authorization/organizations/${orgId}/roles`, { token: member.token });
    expect(roles).toEqual(listed.json<{ roles: object[] }>().roles);
    expect(roles.length).toBeGreaterThan(0);
  });
});

describe('GET of a user', () => {
  const get = (who: { token: string }, userId: string, query = '') =>
    world.call('GET', `/v1/authentication/users/${userId}${query}`, { token: who.token });

  it('refuses access before it refuses metadata', async () => {
    for (const query of ['', '?includeMetadata=true']) {
      expect(problem(await get(stranger, member.userId, query))).toBe('404 user_not_found');
      expect(problem(await get(member, owner.userId, query))).toBe('404 user_not_found');
      expect(problem(await get(machine, '1', query))).toBe('404 user_not_found');
      expect(problem(await get(world.admin, '1', query))).toBe('404 user_not_found');
    }
    expect(problem(await get(owner, member.userId, '?includeMetadata=true'))).toBe('403 access_denied');
    expect((await get(owner, member.userId)).statusCode).toBe(200);
  });
});
