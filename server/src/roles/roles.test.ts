import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let manager: Person;
let member: Person;
let machine: { token: string };
let orgId: string;
let url: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner);
  manager = await world.manager(orgId);
  member = await world.member(orgId, 'writer');
  machine = await world.machine();
  url = `/v1/authorization/organizations/${orgId}/roles`;
});
afterAll(() => app?.close());

interface Role {
  readonly key: string;
  readonly displayName: string;
  readonly allowedPermissions: readonly string[];
}
type Caller = { readonly token: string };

const role = (key: string, ...allowedPermissions: string[]): Role => ({ key, displayName: key, allowedPermissions });
const put = (roles: unknown, { token }: Caller = owner, headers: Record<string, string> = {}) =>
  world.call('PUT', url, { token, body: { roles }, headers });
const remove = (key: string, { token }: Caller = owner) =>
  world.call('DELETE', `${url}/${encodeURIComponent(key)}`, { token });
const list = async ({ token }: Caller = owner) =>
  (await world.call('GET', url, { token })).json<{ roles: Role[] }>().roles;
const find = async (key: string) => (await list()).find((one) => one.key === key);
const add = (userId: string, roles: string[]) =>
  world.call('POST', `/v1/authorization/organizations/users/${userId}`, {
    token: world.admin.token,
    orgId,
    body: { roles },
  });
const invite = (email: string, key: string) =>
  world.call('POST', `/v1/authorization/organizations/${orgId}/members`, {
    token: owner.token,
    body: { email, firstName: 'Ada', lastName: 'Lovelace', role: key },
  });
const etag = async () =>
  String((await world.call('GET', `/v1/authorization/organizations/${orgId}`, { token: owner.token })).headers['etag']);
const held = async ({ token }: Caller) => {
  const query = `?organizationId=${orgId}`;
  const response = await world.call('GET', `/v1/authentication/users/me${query}`, { token });
  const [organization] = response.json<{ organizations: { roles: string[]; permissions: string[] }[] }>().organizations;
  return organization && { roles: organization.roles, permissions: organization.permissions };
};

describe('roles are not updated', () => {
  test('strangers, members, managers, other tenants and other apps cannot update roles', async () => {
    const neighbour = await world.person();
    await world.organization(neighbour);
    const before = [await list(), await etag(), await world.rows()];
    for (const caller of [await world.person(), neighbour]) {
      expect(problem(await put([role('x')], caller))).toBe('404 organization_not_found');
      expect(problem(await remove('reader', caller))).toBe('404 organization_not_found');
      expect(problem(await world.call('GET', url, { token: caller.token }))).toBe('404 organization_not_found');
    }
    for (const caller of [member, manager]) {
      expect(problem(await put([role('x')], caller))).toBe('403 access_denied');
      expect(problem(await remove('reader', caller))).toBe('403 access_denied');
    }
    const elsewhere = await createWorld(app);
    const { token } = elsewhere.admin;
    const foreign = await elsewhere.call('PUT', url, { token, body: { roles: [role('x')] } });
    expect(problem(foreign)).toBe('404 organization_not_found');
    expect([await list(), await etag()]).toEqual(before.slice(0, 2));
  });

  const like = (key: string): [what: string, roles: unknown, pointer: string] => [
    `with the key "${key}", which looks like a built-in one`,
    [role(key)],
    '/body/roles/0/key',
  ];
  test.each<[what: string, roles: unknown, pointer: string]>([
    ['without a list', undefined, '/body/roles'],
    ['with a key that is a manager role', [role('ORG_OWNER')], '/body/roles/0/key'],
    ['with the other manager role', [role('ORG_USER_MANAGER')], '/body/roles/0/key'],
    ['with the prefix of predefined roles', [role('global:auditor')], '/body/roles/0/key'],
    ...['org-owner', 'Org Owner', 'ORG.USER.MANAGER', 'super_admin', 'SuperAdmin', 'Public', 'ORG_MEMBER'].map(like),
    ...['generic machine user', 'org-machine-user', 'Session Owner', 'global', 'Global Admin', 'g-l.o_b a l-x'].map(
      like,
    ),
    ['with a key that begins with a space', [role(' x')], '/body/roles/0/key'],
    ['with a key of 65 characters', [role('x'.repeat(65))], '/body/roles/0/key'],
    ['with one key twice', [role('x'), role('x', 'a')], '/body/roles'],
    ['with 101 roles', Array.from({ length: 101 }, (_, index) => role(`r${index}`)), '/body/roles'],
    ['without permissions', [{ key: 'x', displayName: 'X' }], '/body/roles/0/allowedPermissions'],
    ['with an empty permission', [role('x', '')], '/body/roles/0/allowedPermissions/0'],
    ['with a permission of 201 characters', [role('x', 'p'.repeat(201))], '/body/roles/0/allowedPermissions/0'],
    [
      'with 501 permissions',
      [role('x', ...Array.from({ length: 501 }, (_, index) => `p${index}`))],
      '/body/roles/0/allowedPermissions',
    ],
    ['with an unknown field', [{ ...role('x'), scopeId: '0' }], '/body/roles/0/scopeId'],
  ])('%s', async (_, roles, pointer) => {
    const before = await etag();
    const response = await put(roles);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
    expect(await etag()).toBe(before);
  });

  test('roles are not updated if the organization has another version than If-Match', async () => {
    const current = await etag();
    for (const roles of [[role('stale', 'a')], []]) {
      expect(problem(await put(roles, owner, { 'if-match': '"0"' }))).toBe('412 precondition_failed');
    }
    expect([await find('stale'), await etag()]).toEqual([undefined, current]);
    expect((await put([role('fresh', 'a')], owner, { 'if-match': current })).statusCode).toBe(200);
  });

  test('beyond 200 roles are refused, and no part of the request is applied', async () => {
    const crowded = await world.organization(await world.person());
    const path = `/v1/authorization/organizations/${crowded}/roles`;
    const batch = (name: string, length: number) => ({
      token: world.admin.token,
      body: { roles: Array.from({ length }, (_, index) => role(`${name}${index}`)) },
    });
    await world.call('PUT', path, batch('a', 99));
    const statuses = await Promise.all(['b', 'c'].map((name) => world.call('PUT', path, batch(name, 60))));
    expect(statuses.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 409]);
    expect(problem(await world.call('PUT', path, batch('d', 40)))).toBe('409 role_limit_exceeded');
    expect((await world.call('PUT', path, batch('d', 39))).statusCode).toBe(200);
    const { roles } = (await world.call('GET', path, { token: world.admin.token })).json<{ roles: Role[] }>();
    expect(roles).toHaveLength(200);
  });
});

describe('the size of all roles of an organization', () => {
  const many = (key: string, count: number, length = 8): Role =>
    role(key, ...Array.from({ length: count }, (_, index) => `${key}${index}`.padEnd(length, '-')));
  const putRoles = (id: string, roles: readonly Role[]) =>
    world.call('PUT', `/v1/authorization/organizations/${id}/roles`, { token: owner.token, body: { roles } });
  const groups = (names: string, count: number, length?: number) =>
    names.split('').map((name) => many(name, count, length));

  const accented = role('m', ...Array.from({ length: 55 }, (_, index) => `${index}`.padEnd(200, 'é')));

  test.each<[string, Role[], Role, Role]>([
    ['5,000 permissions', groups('abcdefghi', 500), many('j', 479), many('k', 21)],
    ['256 KiB of permissions', groups('abcdefghijkl', 100, 200), many('m', 110, 200), many('n', 2, 200)],
    ['256 KiB, not characters', groups('abcdefghijkl', 100, 200), accented, many('n', 2, 200)],
  ])('is limited to %s', async (_, first, last, more) => {
    const id = await world.organization(owner);
    for (const part of [first.slice(0, 6), first.slice(6)]) expect((await putRoles(id, part)).statusCode).toBe(200);
    expect((await putRoles(id, [last])).statusCode).toBe(200);
    expect(problem(await putRoles(id, [more]))).toBe('409 role_limit_exceeded');
    const longer = role(last.key, ...last.allowedPermissions, ...more.allowedPermissions);
    expect(problem(await putRoles(id, [longer]))).toBe('409 role_limit_exceeded');
    expect((await putRoles(id, [role(last.key), more])).statusCode).toBe(200);
  });

  test('does not count permissions that a request repeats', async () => {
    const id = await world.organization(owner);
    const repeated = 'abcdefghijkl'.split('').map((key) => role(key, ...Array<string>(500).fill('same')));
    expect((await putRoles(id, repeated)).statusCode).toBe(200);
  });

  test('counts no other organization', async () => {
    for (const id of [await world.organization(owner), await world.organization(owner)]) {
      expect((await putRoles(id, groups('abcdef', 500))).statusCode).toBe(200);
    }
  });

  test('can stay above the limit, but not grow', async () => {
    const id = await world.organization(owner);
    await putRoles(id, [many('old', 500), many('other', 2)]);
    const names = Array.from({ length: 6000 }, (_, index) => `stored ${index}`);
    await app.db.query(sql`UPDATE roles SET permissions = ${names}::text[] WHERE scope_id = ${id} AND key = 'old'`);
    expect(problem(await putRoles(id, [many('other', 3)]))).toBe('409 role_limit_exceeded');
    expect((await putRoles(id, [many('other', 1)])).statusCode).toBe(200);
    expect((await putRoles(id, [{ ...many('other', 1), displayName: 'Renamed' }])).statusCode).toBe(200);
  });

  test('is limited for new organizations, too', async () => {
    const response = await world.call('POST', '/v1/authorization/organizations/setup', {
      token: world.admin.token,
      body: {
        orgName: 'Too large',
        adminFirstName: 'Ada',
        adminLastName: 'Lovelace',
        adminEmail: owner.email,
        customRoles: groups('abcdefghijk', 500),
      },
    });
    expect(problem(response)).toBe('409 role_limit_exceeded');
  });
});

describe('a role of the same key in another organization', () => {
  test('is not deleted, and gives no permissions', async () => {
    const elsewhere = await world.organization(await world.person());
    const path = `/v1/authorization/organizations/${elsewhere}/roles`;
    const body = { roles: [role('writer', 'elsewhere:write'), role('only elsewhere', 'a')] };
    expect((await world.call('PUT', path, { token: world.admin.token, body })).statusCode).toBe(200);
    expect(problem(await remove('only elsewhere'))).toBe('404 role_not_found');
    const check = await world.call('POST', `/v1/authorization/organizations/${orgId}/permissions/check`, {
      token: member.token,
      body: { permissions: ['elsewhere:write'] },
    });
    expect(check.json()).toMatchObject({ results: [{ allowed: false }] });
  });
});

describe('updating roles', () => {
  test('adds new ones and answers literally', async () => {
    const response = await put([{ key: 'Team lead 2.0', displayName: 'Lead', allowedPermissions: ['b', 'a', 'b'] }]);
    expect([response.statusCode, response.json()]).toEqual([200, { message: 'Roles updated' }]);
    expect(await find('Team lead 2.0')).toEqual({
      key: 'Team lead 2.0',
      displayName: 'Lead',
      allowedPermissions: ['b', 'a'],
    });
  });

  test('is for owners, super admins and machines', async () => {
    for (const [index, caller] of [owner, world.admin, machine].entries()) {
      expect((await put([role('shared', `by-${index}`)], caller)).statusCode).toBe(200);
      expect((await find('shared'))?.allowedPermissions).toEqual([`by-${index}`]);
    }
  });

  test('sets exactly the listed permissions of each listed role, and does not change unlisted roles', async () => {
    await put([role('kept', 'kept:read', 'kept:write'), role('narrowed', 'x:read', 'x:write')]);
    const before = await find('kept');
    await put([role('narrowed', 'x:read', 'x:new')]);
    expect((await find('narrowed'))?.allowedPermissions).toEqual(['x:read', 'x:new']);
    expect(await find('kept')).toEqual(before);
  });

  test('takes effect for users with the role from the next call', async () => {
    await put([role('shifting', 'shift:early')]);
    const person = await world.person();
    await add(person.userId, ['shifting']);
    expect(await held(person)).toEqual({ roles: ['shifting'], permissions: ['shift:early'] });
    await put([role('shifting', 'shift:late')]);
    expect(await held(person)).toEqual({ roles: ['shifting'], permissions: ['shift:late'] });
    await put([role('shifting')]);
    expect(await held(person)).toEqual({ roles: ['shifting'], permissions: [] });
  });

  test('raises the version of the organization and records in the audit which roles changed', async () => {
    await put([role('first', 'a'), role('second', 'a')]);
    const before = await etag();
    const response = await put([role('first', 'a'), role('second', 'b'), role('third')]);
    expect(response.headers['etag']).not.toBe(before);
    expect(await etag()).toBe(response.headers['etag']);
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'organization.roles_updated',
      target: `organization ${orgId}`,
      changes: ['roles.second', 'roles.third'],
    });
  });

  test('updating roles to their present values changes nothing', async () => {
    await put([role('same', 'a')]);
    const [before, events] = [await etag(), (await world.events()).length];
    for (const roles of [[role('same', 'a')], []]) {
      const response = await put(roles);
      expect([response.json(), response.headers['etag']]).toEqual([{ message: 'Roles updated' }, before]);
    }
    expect(await world.events()).toHaveLength(events);
  });

  test('concurrently applies the change of each request to each role', async () => {
    const requests = Array.from({ length: 8 }, (_, index) => [
      role(`own-${index}`, 'a'),
      role('common', `of-${index}`),
    ]);
    const responses = await Promise.all(requests.map((roles, index) => put(index % 2 ? roles : roles.toReversed())));
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(requests.map(() => 200));
    const roles = await list();
    for (const [index] of requests.entries()) expect(roles).toContainEqual(role(`own-${index}`, 'a'));
    expect(roles.filter(({ key }) => key === 'common')).toHaveLength(1);
  });
});

describe('the list of roles', () => {
  test('has those of the organization and the predefined ones, for members too', async () => {
    const body = { roles: [role('auditor', 'audit:read')] };
    await world.call('POST', '/v1/authorization/predefined-roles', { token: machine.token, body });
    const roles = await list();
    expect(roles.at(-1)).toEqual({ ...role('global:auditor', 'audit:read'), displayName: 'auditor' });
    expect(roles.map(({ key }) => key)).toEqual(expect.arrayContaining(['reader', 'writer']));
    for (const caller of [member, manager, machine, world.admin]) expect(await list(caller)).toEqual(roles);
  });

  test('shows nothing of another organization', async () => {
    const next = await world.organization(await world.person(), { roles: ['theirs'] });
    expect(await find('theirs')).toBeUndefined();
    const response = await world.call('GET', `/v1/authorization/organizations/${next}/roles`, { token: owner.token });
    expect(problem(response)).toBe('404 organization_not_found');
  });
});

describe('deleting a role', () => {
  test('is refused for a role that is not of the organization', async () => {
    const before = await etag();
    for (const key of ['nothing', 'global:auditor', 'ORG_OWNER', 'READER', ' reader']) {
      expect(problem(await remove(key))).toBe('404 role_not_found');
    }
    expect(problem(await remove('x'.repeat(101)))).toBe('400 validation_failed');
    expect(await etag()).toBe(before);
  });

  test('removes it from its members at once, who stay members with their other roles', async () => {
    await put([role('short lived', 'a'), role('lasting', 'b')]);
    const [both, only] = [await world.person(), await world.person()];
    await add(both.userId, ['short lived', 'lasting']);
    await add(only.userId, ['short lived']);
    const before = await etag();
    const response = await remove('short lived');
    expect([response.statusCode, response.body]).toEqual([204, '']);
    expect(await held(both)).toEqual({ roles: ['lasting'], permissions: ['b'] });
    expect(await held(only)).toEqual({ roles: [], permissions: [] });
    expect(await etag()).not.toBe(before);
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'organization.role_deleted',
      target: `organization ${orgId}`,
      changes: ['roles.short lived'],
    });
  });

  test('is not undone by a new role of the same key', async () => {
    await put([role('reborn', 'a')]);
    const person = await world.person();
    await add(person.userId, ['reborn']);
    await remove('reborn');
    await put([role('reborn', 'a')]);
    expect(await held(person)).toEqual({ roles: [], permissions: [] });
  });

  test('does not affect the role with the same key in another organization', async () => {
    const neighbour = await world.person();
    const next = await world.organization(neighbour, { roles: ['twin'] });
    await put([role('twin', 'a')]);
    await remove('twin');
    const path = `/v1/authorization/organizations/${next}/roles`;
    const { roles } = (await world.call('GET', path, { token: neighbour.token })).json<{ roles: Role[] }>();
    expect(roles).toContainEqual(expect.objectContaining({ key: 'twin' }));
  });

  test('ends invitations to it, and deletes users who were only invited to it', async () => {
    await put([role('offered', 'a')]);
    const [one, two] = ['only-offered@example.com', 'also-reader@example.com'];
    await invite(one, 'offered');
    const { code } = await world.mail(one);
    await invite(two, 'offered');
    await invite(two, 'reader');
    await remove('offered');
    const accept = (email: string, verificationCode: string | undefined) =>
      world.call('PUT', '/v1/authentication/users/invite', {
        body: { orgId, email, verificationCode, newPassword: 'Secret@slidezAB' },
      });
    expect(problem(await accept(one, code))).toBe('400 code_invalid');
    const left = await app.db.query<{ email: string }>(
      sql`SELECT email FROM users WHERE app_id = ${world.appId} AND email = ANY (${[one, two]}::text[])`,
    );
    expect(left).toEqual([{ email: two }]);
    const accepted = await accept(two, (await world.mail(two)).code);
    expect(accepted.statusCode).toBe(200);
    expect(await held({ token: accepted.json<{ sessionToken: string }>().sessionToken })).toMatchObject({
      roles: ['reader'],
    });
  });

  test('no user has the role after it is deleted while it is being granted', async () => {
    for (let round = 0; round < 5; round += 1) {
      await put([role('contested', 'a')]);
      const people = [await world.person(), await world.person()];
      const [removed, ...given] = await Promise.all([
        remove('contested'),
        ...people.map(({ userId }) => add(userId, ['contested'])),
        invite(`contested-${round}@example.com`, 'contested'),
      ]);
      expect(removed?.statusCode).toBe(204);
      for (const response of given) {
        expect(['200', '201', '400 unknown_role']).toContain(
          response.statusCode < 400 ? String(response.statusCode) : problem(response),
        );
      }
      const rows = await app.db.query(sql`
        SELECT 1 FROM member_roles WHERE app_id = ${world.appId} AND role_key = 'contested'
        UNION ALL SELECT 1 FROM invitations WHERE app_id = ${world.appId} AND role_key = 'contested'`);
      expect(rows).toEqual([]);
    }
  });
});
