import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

const url = '/v1/authorization/predefined-roles';

let app: TestApp;
let world: World;
let owner: Person;
let machine: { token: string };
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner);
  machine = await world.machine();
});
afterAll(() => app?.close());

type Caller = { readonly token: string };

const role = (key: string, ...allowedPermissions: string[]) => ({ key, displayName: key, allowedPermissions });
const create = (roles: unknown, { token }: Caller = world.admin) => world.call('POST', url, { token, body: { roles } });
const remove = (key: string, { token }: Caller = world.admin) => world.call('DELETE', `${url}/${key}`, { token });
const list = async ({ token }: Caller = world.admin) => (await world.call('GET', url, { token })).json<object>();
const add = (userId: string, key: string, into = orgId) =>
  world.call('POST', `/v1/authorization/organizations/users/${userId}`, {
    token: machine.token,
    orgId: into,
    body: { roles: [key] },
  });
const rolesOf = async (id: string, of: World = world) => {
  const path = `/v1/authorization/organizations/${id}/roles`;
  return (await of.call('GET', path, { token: of.admin.token })).json<{ roles: { key: string }[] }>().roles;
};
const held = async ({ token }: Caller) => {
  const response = await world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', { token });
  const { organizations } = response.json<{
    organizations: { id: string; roles: string[]; permissions: string[] }[];
  }>();
  return organizations.map(({ roles, permissions }) => ({ roles, permissions }));
};

describe('predefined roles are the business of super admins and machines', () => {
  test('other users cannot manage predefined roles', async () => {
    await create([role('guarded', 'a')]);
    const before = await list();
    for (const caller of [owner, await world.person()]) {
      expect(problem(await create([role('x')], caller))).toBe('403 access_denied');
      expect(problem(await world.call('GET', url, { token: caller.token }))).toBe('403 access_denied');
      expect(problem(await remove('guarded', caller))).toBe('403 access_denied');
    }
    expect(await list()).toEqual(before);
  });

  test('super admins manage only the predefined roles of their own app', async () => {
    const elsewhere = await createWorld(app);
    const theirs = await elsewhere.organization(await elsewhere.person());
    await create([role('ours-only', 'a')]);
    expect((await elsewhere.call('GET', url, { token: elsewhere.admin.token })).json()).toEqual({ roles: [] });
    expect((await rolesOf(theirs, elsewhere)).map(({ key }) => key)).toEqual(['reader', 'writer']);
    const { token } = elsewhere.admin;
    expect(problem(await elsewhere.call('DELETE', `${url}/ours-only`, { token }))).toBe('404 role_not_found');
  });
});

describe('creating predefined roles', () => {
  test.each<[what: string, roles: unknown, pointer: string]>([
    ['without a list', undefined, '/body/roles'],
    ['with none', [], '/body/roles'],
    ['with a typed prefix', [role('global:x')], '/body/roles/0/key'],
    ['with a manager role', [role('ORG_USER_MANAGER')], '/body/roles/0/key'],
    ['with a built-in name in another spelling', [role('super-admin')], '/body/roles/0/key'],
    ['with the prefix typed twice', [role('global')], '/body/roles/0/key'],
    ['with one key twice', [role('x'), role('x')], '/body/roles'],
  ])('is refused %s', async (_, roles, pointer) => {
    const response = await create(roles);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('stores them with the prefix and returns them', async () => {
    for (const [index, caller] of [world.admin, machine].entries()) {
      const response = await create([role(`made-${index}`, 'a')], caller);
      const made = { ...role(`global:made-${index}`, 'a'), displayName: `made-${index}` };
      expect([response.statusCode, response.json()]).toEqual([201, { roles: [made] }]);
      expect(await list(caller)).toMatchObject({ roles: expect.arrayContaining([made]) });
    }
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'predefined_roles.created',
      changes: ['roles.global:made-1'],
    });
  });

  test('grants them to existing and to new organizations', async () => {
    await create([role('everywhere', 'a')]);
    const later = await world.organization(await world.person());
    for (const id of [orgId, later]) {
      expect((await rolesOf(id)).map(({ key }) => key)).toContain('global:everywhere');
    }
  });

  test('replaces an existing key, for everybody who has it', async () => {
    await create([role('replaced', 'early', 'both')]);
    const person = await world.person();
    await add(person.userId, 'global:replaced');
    await create([role('replaced', 'late', 'both')]);
    expect(await held(person)).toEqual([{ roles: ['global:replaced'], permissions: ['both', 'late'] }]);
  });

  test('creating predefined roles with the same values changes nothing', async () => {
    await create([role('unchanged', 'a')]);
    const events = (await world.events()).length;
    expect((await create([role('unchanged', 'a')])).statusCode).toBe(201);
    expect(await world.events()).toHaveLength(events);
  });

  test('stops at 100, also when many are made at the same moment', async () => {
    const full = await createWorld(app);
    const batch = (name: string, length: number) =>
      full.call('POST', url, {
        token: full.admin.token,
        body: { roles: Array.from({ length }, (_, index) => role(`${name}${index}`)) },
      });
    const outcomes = await Promise.all([batch('a', 60), batch('b', 60)]);
    expect(outcomes.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([201, 409]);
    expect(problem(await batch('c', 41))).toBe('409 role_limit_exceeded');
    expect((await batch('c', 40)).statusCode).toBe(201);
  });
});

describe('the size of all predefined roles', () => {
  test('is limited to 5,000 permissions, apart from the roles of organizations', async () => {
    const full = await createWorld(app);
    const { token } = full.admin;
    const id = await full.organization(await full.person());
    const batch = (names: string) =>
      names.split('').map((name) => role(name, ...Array.from({ length: 500 }, (_, index) => `${name}${index}`)));
    const path = `/v1/authorization/organizations/${id}/roles`;
    expect((await full.call('PUT', path, { token, body: { roles: batch('abcdefghi') } })).statusCode).toBe(200);
    expect((await full.call('POST', url, { token, body: { roles: batch('abcdefghij') } })).statusCode).toBe(201);
    const further = await full.call('POST', url, { token, body: { roles: [role('k', 'one more')] } });
    expect(problem(further)).toBe('409 role_limit_exceeded');
  });
});

describe('a predefined role', () => {
  test('is granted by id and by e-mail like any other', async () => {
    await create([role('granted', 'audit:read')]);
    const [byId, byEmail] = [await world.person(), await world.person()];
    expect((await add(byId.userId, 'global:granted')).json()).toEqual({
      message: `User ${byId.userId} added to ${orgId} as global:granted`,
    });
    const body = { email: byEmail.email, firstName: 'Jon', lastName: 'Doe', role: 'global:granted' };
    const path = `/v1/authorization/organizations/${orgId}/members`;
    expect((await world.call('POST', path, { token: owner.token, body })).statusCode).toBe(201);
    for (const person of [byId, byEmail]) {
      expect(await held(person)).toEqual([{ roles: ['global:granted'], permissions: ['audit:read'] }]);
    }
  });

  test('is not known without its prefix', async () => {
    await create([role('plain', 'a')]);
    const { userId } = await world.person();
    expect(problem(await add(userId, 'plain'))).toBe('400 unknown_role');
  });
});

describe('deleting a predefined role', () => {
  test('is refused for an unknown user', async () => {
    for (const key of ['nothing', 'global:nothing', 'reader', 'global:global:made-0']) {
      expect(problem(await remove(key))).toBe('404 role_not_found');
    }
  });

  test.each(['gone', 'global:gone'])('a deletion by the key %s revokes the role everywhere', async (key) => {
    await create([role('gone', 'a')]);
    const next = await world.organization(await world.person());
    const [here, there] = [await world.person(), await world.person()];
    await add(here.userId, 'global:gone');
    await add(there.userId, 'global:gone', next);
    expect((await remove(key)).statusCode).toBe(204);
    for (const person of [here, there]) expect(await held(person)).toEqual([{ roles: [], permissions: [] }]);
    for (const id of [orgId, next]) expect((await rolesOf(id)).map((one) => one.key)).not.toContain('global:gone');
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'predefined_role.deleted',
      changes: ['roles.global:gone'],
    });
    await create([role('gone', 'a')]);
    expect(await held(here)).toEqual([{ roles: [], permissions: [] }]);
    await remove('gone');
  });

  test('voids invitations to it in every organization', async () => {
    await create([role('offered', 'a')]);
    const next = await world.organization(await world.person());
    for (const [index, id] of [orgId, next].entries()) {
      const body = {
        email: `offered-${index}@example.com`,
        firstName: 'Ada',
        lastName: 'Lovelace',
        role: 'global:offered',
      };
      const path = `/v1/authorization/organizations/${id}/members`;
      await world.call('POST', path, { token: world.admin.token, body });
    }
    await remove('offered');
    const left = await app.db.query(
      sql`SELECT 1 FROM users WHERE app_id = ${world.appId} AND email LIKE 'offered-%@example.com'`,
    );
    expect(left).toEqual([]);
  });

  test('does not affect a role of an organization with the same key', async () => {
    await create([role('reader', 'global:read')]);
    const person = await world.person();
    await add(person.userId, 'reader');
    await add(person.userId, 'global:reader');
    expect(await held(person)).toEqual([
      { roles: ['global:reader', 'reader'], permissions: ['documents:reader', 'global:read'] },
    ]);
    await remove('reader');
    expect(await held(person)).toEqual([{ roles: ['reader'], permissions: ['documents:reader'] }]);
  });
});
