import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

const url = '/v1/authentication/users/me';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

const read = (person: Person, query = '') => world.call('GET', url + query, { token: person.token });
const organizations = async (person: Person, query = '?includeOrganizations=true') =>
  (await read(person, query)).json<{ organizations?: { id: string; name: string }[] }>().organizations;

/** Puts a person into that many organizations more. */
async function joinMany({ userId }: Person, count: number) {
  const { appId } = world;
  await app.db.query(sql`
    INSERT INTO organizations (app_id, id, name, name_key, status, created_at, updated_at)
    SELECT ${appId}::bigint, n, 'Many ' || n, 'many ' || n, 'Active', now(), now()
    FROM generate_series(1, ${count}::integer) AS n ON CONFLICT DO NOTHING`);
  await app.db.query(sql`
    INSERT INTO members (app_id, org_id, user_id, id, created_at)
    SELECT ${appId}::bigint, n, ${userId}::bigint, n + ${userId}::bigint, now()
    FROM generate_series(1, ${count}::integer) AS n ON CONFLICT DO NOTHING`);
}

describe('introspection is refused', () => {
  test('introspection is refused without a credential, with a wrong one, and to a machine', async () => {
    expect(problem(await world.call('GET', url))).toBe('401 unauthenticated');
    for (const token of ['gh_s_nonsense', 'nonsense', 'a.b.c']) {
      const response = await world.call('GET', url, { token });
      expect(problem(response)).toBe('401 unauthenticated');
      expect(response.headers['www-authenticate']).toBe('Bearer');
    }
    const { token } = await world.machine();
    expect(problem(await world.call('GET', url, { token }))).toBe('403 human_required');
  });

  test('introspection with the session of another app is refused', async () => {
    const elsewhere = await createWorld(app);
    const { token } = await elsewhere.person();
    expect(problem(await world.call('GET', url, { token }))).toBe('401 unauthenticated');
  });

  test.each([
    ['?includeMetadata=1', '/query/includeMetadata'],
    ['?includeOrganizations=TRUE', '/query/includeOrganizations'],
    ['?organizationId=mine', '/query/organizationId'],
    ['?include=metadata', '/query/include'],
    ['?includeMetadata=true&includeMetadata=true', '/query/includeMetadata'],
  ])('introspection with %s is refused', async (query, pointer) => {
    const response = await read(await world.person(), query);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });
});

describe('introspection', () => {
  test('returns only the user and the session', async () => {
    const person = await world.person({ verified: false });
    const response = await read(person);
    expect(response.statusCode).toBe(200);
    const now = app.clock.now();
    expect(response.json()).toEqual({
      userId: person.userId,
      state: 'ACTIVE',
      firstName: 'Jon',
      lastName: 'Doe',
      displayName: 'Jon Doe',
      phoneNumber: null,
      email: person.email,
      isEmailVerified: false,
      isEmailClaimed: false,
      isPhoneVerified: false,
      session: {
        id: person.sessionId,
        createdAt: now.toISOString(),
        expiresAt: new Date(now.getTime() + 2_592_000_000).toISOString(),
        amr: ['pwd'],
        acr: 1,
        authenticatedAt: now.toISOString(),
      },
    });
  });

  test('adds the metadata when asked', async () => {
    const person = await world.person();
    expect((await read(person, '?includeMetadata=true')).json()).toMatchObject({ metadata: {} });
    const metadata = { plan: 'pro', note: 'ünïcode ✓' };
    await world.call('PUT', `/v1/authentication/users/${person.userId}`, { token: person.token, body: { metadata } });
    expect((await read(person, '?includeMetadata=true')).json()).toMatchObject({ metadata });
    expect((await read(person, '?includeMetadata=false')).json()).not.toHaveProperty('metadata');
  });
});

describe('organizations of introspection', () => {
  test('are present only on request, and an empty list for users without organizations', async () => {
    const person = await world.person();
    expect((await read(person)).json()).not.toHaveProperty('organizations');
    expect(await organizations(person)).toEqual([]);
  });

  test('return the roles, manager roles and permissions of the user there', async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner, { name: 'What am I' });
    const membership = { id: orgId, name: 'What am I', status: 'Active', roles: [], managerRoles: [], permissions: [] };
    expect(await organizations(owner)).toEqual([{ ...membership, managerRoles: ['ORG_OWNER'] }]);

    const manager = await world.manager(orgId);
    expect(await organizations(manager)).toEqual([{ ...membership, managerRoles: ['ORG_USER_MANAGER'] }]);

    const member = await world.member(orgId, 'writer');
    const held = { ...membership, roles: ['writer'], permissions: ['documents:writer'] };
    expect(await organizations(member)).toEqual([held]);
    await world.call('POST', `/v1/authorization/organizations/users/${member.userId}`, {
      token: owner.token,
      orgId,
      body: { roles: ['reader'] },
    });
    const both = { roles: ['reader', 'writer'], permissions: ['documents:reader', 'documents:writer'] };
    expect(await organizations(member)).toEqual([{ ...membership, ...both }]);
  });

  test('are those of the user and no others, in the order of their creation', async () => {
    const person = await world.person();
    const first = await world.organization(person);
    await world.organization(await world.person());
    const second = await world.organization(person);
    expect((await organizations(person))?.map(({ id }) => id)).toEqual([first, second]);
  });

  test('do not include roles of a pending invitation', async () => {
    const person = await world.person({ verified: false });
    await world.organization(person);
    expect(await organizations(person)).toEqual([]);
  });

  test('are returned with `isSuperAdmin`', async () => {
    const person = await world.person();
    for (const [who, isSuperAdmin] of [
      [person, false],
      [world.admin, true],
    ] as const) {
      for (const query of ['?includeOrganizations=true', '?organizationId=1']) {
        const answer = await world.call('GET', `/v1/authentication/users/me${query}`, { token: who.token });
        expect(answer.json()).toMatchObject({ isSuperAdmin });
      }
      const plain = await world.call('GET', '/v1/authentication/users/me', { token: who.token });
      expect(plain.json()).not.toHaveProperty('isSuperAdmin');
    }
  });

  test('contain only the organization of organizationId, or none if the user is not a member', async () => {
    const person = await world.person();
    const orgId = await world.organization(person);
    await world.organization(person);
    const foreign = await world.organization(await world.person());
    for (const more of ['', '&includeOrganizations=true']) {
      expect(await organizations(person, `?organizationId=${orgId}${more}`)).toMatchObject([{ id: orgId }]);
      expect(await organizations(person, `?organizationId=${foreign}${more}`)).toEqual([]);
    }
  });

  test('are empty of rights while the organization is inactive', async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const member = await world.member(orgId);
    await app.db.query(sql`UPDATE organizations SET status = 'Inactive' WHERE id = ${orgId}`);
    for (const person of [owner, member]) {
      const inactive = { id: orgId, status: 'Inactive', roles: [], managerRoles: [], permissions: [] };
      expect(await organizations(person)).toMatchObject([inactive]);
    }
  });

  test('are all of them up to 100, then 100 and the word that there are more', async () => {
    const person = await world.person();
    await joinMany(person, 100);
    const full = (await read(person, '?includeOrganizations=true')).json<{ organizations: unknown[] }>();
    expect(full.organizations).toHaveLength(100);
    expect(full).not.toHaveProperty('organizationsTruncated');
    await joinMany(person, 101);
    const more = (await read(person, '?includeOrganizations=true')).json<{ organizations: unknown[] }>();
    expect(more.organizations).toHaveLength(100);
    expect(more).toHaveProperty('organizationsTruncated', true);
    expect(await organizations(person, '?organizationId=101')).toMatchObject([{ id: '101' }]);
  });
});

describe('permissions of many large roles', () => {
  const sizes = [10, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500] as const;

  test('are shown up to 1 MiB in all, those of the smallest organizations first', async () => {
    const person = await world.person();
    const ids: string[] = [];
    for (const count of sizes.toReversed()) {
      const id = await world.organization(await world.person());
      const names = Array.from({ length: count }, (_, index) => `${index}`.padEnd(200, '-'));
      const role = { key: 'large', displayName: 'Large', allowedPermissions: names };
      const { token } = world.admin;
      await world.call('PUT', `/v1/authorization/organizations/${id}/roles`, { token, body: { roles: [role] } });
      const body = { roles: ['large'] };
      await world.call('POST', `/v1/authorization/organizations/users/${person.userId}`, { token, orgId: id, body });
      ids.push(id);
    }
    const get = async (query: string) => {
      const response = await world.call('GET', `/v1/authentication/users/me?${query}`, { token: person.token });
      return response.json<{ organizations: Shown[] }>().organizations;
    };
    const all = await get('includeOrganizations=true');
    expect(all.map(({ id }) => id)).toEqual(ids);
    expect(all.map(({ roles }) => roles)).toEqual(ids.map(() => ['large']));
    const shown = all.map(({ permissions }) => permissions.length);
    expect(shown).toEqual([...Array<number>(10).fill(500), 0, 0, 10]);
    expect(all.map(({ permissionsTruncated = false }) => permissionsTruncated)).toEqual(
      shown.map((count) => count === 0),
    );
    for (const id of ids) {
      const [one] = await get(`organizationId=${id}`);
      expect(one).toMatchObject({ id, permissions: { length: id === ids.at(-1) ? 10 : 500 } });
      expect(one).not.toHaveProperty('permissionsTruncated');
    }
    const exported = await world.call('GET', '/v1/authentication/users/me/export', { token: person.token });
    expect(exported.json()).toHaveProperty('organizations', all);
  });

  interface Shown {
    readonly id: string;
    readonly roles: string[];
    readonly permissions: string[];
    readonly permissionsTruncated?: true;
  }
});
