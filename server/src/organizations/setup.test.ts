import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, password, problem, type World } from '../test/world/world.ts';

const url = '/v1/authorization/organizations/setup';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

let counter = 0;
const setUp = (changes: object = {}, token: string | undefined = world.admin.token, of: World = world) => {
  const number = (counter += 1);
  const admin = { adminFirstName: 'Jane', adminLastName: 'Roe', adminEmail: `founder-${number}@example.com` };
  return of.call('POST', url, { token, body: { orgName: `Organization ${number}`, ...admin, ...changes } });
};
const items = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, 'v']));
const role = (key: string, extra: object = {}) => ({ key, displayName: key, allowedPermissions: [], ...extra });

async function refused(changes: object) {
  const before = await world.rows();
  const response = await setUp(changes);
  expect(await world.rows()).toEqual(before);
  return response;
}

describe('setting up an organization is refused', () => {
  test('setting up an organization is refused to everyone but a super admin', async () => {
    const owner = await world.person();
    await world.organization(owner);
    const machine = await world.machine();
    const before = await world.rows();
    expect(problem(await world.call('POST', url, { body: {} }))).toBe('401 unauthenticated');
    expect(problem(await setUp({}, owner.token))).toBe('403 access_denied');
    expect(problem(await setUp({}, machine.token))).toBe('403 access_denied');
    const elsewhere = await createWorld(app);
    expect(problem(await setUp({}, elsewhere.admin.token))).toBe('401 unauthenticated');
    expect(await world.rows()).toEqual(before);
  });

  test.each<[what: string, changes: object, pointer: string]>([
    ['without name', { orgName: undefined }, '/body/orgName'],
    ['with a blank name', { orgName: ' \t ' }, '/body/orgName'],
    ['with a name of 201 characters', { orgName: 'x'.repeat(201) }, '/body/orgName'],
    ['with a line break in the name', { orgName: 'Ac\nme' }, '/body/orgName'],
    ['without owner', { adminEmail: undefined }, '/body/adminEmail'],
    ['with something that is no address', { adminEmail: 'jane' }, '/body/adminEmail'],
    ['without given name', { adminFirstName: undefined }, '/body/adminFirstName'],
    ['without family name', { adminLastName: undefined }, '/body/adminLastName'],
    ['with an unknown field', { status: 'Active' }, '/body/status'],
    ['with a number in metadata', { metadata: { a: 1 } }, '/body/metadata/a'],
    ['with a role twice', { customRoles: [role('writer'), role('writer')] }, '/body/customRoles'],
    ['with the name of a manager role', { customRoles: [role('ORG_OWNER')] }, '/body/customRoles/0/key'],
    ['with a role of the app', { customRoles: [role('global:writer')] }, '/body/customRoles/0/key'],
    ['with a role that has no key', { customRoles: [role('', { displayName: 'Writer' })] }, '/body/customRoles/0/key'],
    ['with a role key of 65 characters', { customRoles: [role('x'.repeat(65))] }, '/body/customRoles/0/key'],
    ['with a nameless role', { customRoles: [role('a', { displayName: '' })] }, '/body/customRoles/0/displayName'],
    [
      'with a permission of 201 characters',
      { customRoles: [role('a', { allowedPermissions: ['x'.repeat(201)] })] },
      '/body/customRoles/0/allowedPermissions/0',
    ],
    ['with an unknown field of a role', { customRoles: [role('a', { scope: 'all' })] }, '/body/customRoles/0/scope'],
  ])('%s', async (_, changes, pointer) => {
    const response = await refused(changes);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('setting up an organization with 31 metadata items is refused', async () => {
    expect(problem(await refused({ metadata: items(31) }))).toBe('400 metadata_limit_exceeded');
  });

  test('setting up an organization with a link to a foreign page is refused', async () => {
    const response = await refused({ inviteUrl: 'https://evil.example/?c={{code}}' });
    expect(problem(response)).toBe('400 redirect_url_not_allowed');
  });
});

describe('a name', () => {
  test.each<[what: string, first: string, second: string]>([
    ['as it is', 'Taken', 'Taken'],
    ['in other case', 'Straßen AG', 'STRAßEN ag'],
    ['with other white space', 'Acme Holding', '  Acme \u00a0  Holding '],
    ['in compatibility forms', 'Office 2', 'Ｏｆｆｉｃｅ ②'],
    ['with a ligature', 'Efficient', 'E\ufb03cient'],
    ['with a decomposed letter', 'Caf\u00e9', 'Cafe\u0301'],
  ])('is taken %s, and the refusal leaves nothing behind', async (_, first, second) => {
    expect((await setUp({ orgName: first })).statusCode).toBe(201);
    expect(problem(await refused({ orgName: second, customRoles: [role('a')] }))).toBe('409 organization_name_taken');
  });

  test('a name of an organization of another app is free', async () => {
    const elsewhere = await createWorld(app);
    expect((await setUp({ orgName: 'In both' })).statusCode).toBe(201);
    expect((await setUp({ orgName: 'In both' }, elsewhere.admin.token, elsewhere)).statusCode).toBe(201);
  });

  test('has one winner, and the others leave no user, mail or event behind', async () => {
    const before = await world.rows();
    const responses = await Promise.all(Array.from({ length: 6 }, () => setUp({ orgName: 'Contested' })));
    expect(responses.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([
      201,
      ...Array(5).fill(409),
    ]);
    const after = await world.rows();
    for (const kind of ['users', 'organizations', 'invitations', 'codes', 'mails', 'audit_events']) {
      expect([kind, Number(after[kind]) - Number(before[kind])]).toEqual([kind, 1]);
    }
  });
});

describe('setting up an organization', () => {
  test('a setup for a verified address adds the owner at once', async () => {
    const owner = await world.person();
    const response = await setUp({ orgName: 'Proven', adminEmail: owner.email.toUpperCase() });
    expect(response.statusCode).toBe(201);
    const { orgId } = response.json<{ orgId: string }>();
    expect(orgId).toMatch(/^\d{18}$/);
    expect(response.json()).toEqual({
      message: 'Organization created',
      orgId,
      ownerUserId: owner.userId,
      invited: false,
    });
    const me = await world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', { token: owner.token });
    expect(me.json()).toMatchObject({
      displayName: 'Jon Doe',
      organizations: [{ id: orgId, name: 'Proven', status: 'Active', managerRoles: ['ORG_OWNER'], roles: [] }],
    });
    expect(await world.mail(owner.email)).toMatchObject({ purpose: 'role_granted' });
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'organization.created',
      actor: `user ${world.admin.userId}`,
      target: `organization ${orgId}`,
    });
  });

  test('a setup for an unknown address invites the owner, who owns the organization after accepting', async () => {
    const inviteUrl = 'http://localhost:5173/join?c={{code}}&e={{email}}&o={{orgId}}';
    const response = await setUp({ adminEmail: 'founder@example.com', inviteUrl });
    const { orgId, ownerUserId } = response.json<{ orgId: string; ownerUserId: string }>();
    expect(response.json()).toMatchObject({ invited: true });
    const { url: link = '' } = await world.mail('founder@example.com');
    const code = new URL(link).searchParams.get('c') ?? '';
    expect(code).toMatch(/^[A-HJKMNP-Z2-9]{26}$/);
    expect(link).toBe(`http://localhost:5173/join?c=${code}&e=founder%40example.com&o=${orgId}`);
    const body = { orgId, email: 'founder@example.com', verificationCode: code, newPassword: password };
    const accepted = await world.call('PUT', '/v1/authentication/users/invite', { body });
    expect(accepted.json()).toMatchObject({ userId: ownerUserId });
    const { sessionToken } = accepted.json<{ sessionToken: string }>();
    const patch = { token: sessionToken, body: { name: 'Renamed by its owner' } };
    expect((await world.call('PATCH', `/v1/authorization/organizations/${orgId}`, patch)).statusCode).toBe(200);
  });

  test('stores roles and metadata', async () => {
    const customRoles = [
      { key: 'writer', displayName: 'Writer', allowedPermissions: ['documents:write', 'documents:read'] },
      { key: 'Quality co.', displayName: 'Qualität', allowedPermissions: [] },
    ];
    const { orgId } = (await setUp({ customRoles, metadata: items(30) })).json<{ orgId: string }>();
    const query = '?includeMetadata=true&includeRoles=true';
    const { token } = world.admin;
    const found = await world.call('GET', `/v1/authorization/organizations/${orgId}${query}`, { token });
    const { roles, metadata } = found.json<{ roles: typeof customRoles; metadata: object }>();
    expect(metadata).toEqual(items(30));
    expect(roles.map((stored) => ({ ...stored, allowedPermissions: stored.allowedPermissions.toSorted() }))).toEqual([
      { key: 'Quality co.', displayName: 'Qualität', allowedPermissions: [] },
      { key: 'writer', displayName: 'Writer', allowedPermissions: ['documents:read', 'documents:write'] },
    ]);
  });

  test('stores a permission that is named twice once', async () => {
    const customRoles = [role('writer', { allowedPermissions: ['write', 'write'] })];
    const { orgId } = (await setUp({ customRoles })).json<{ orgId: string }>();
    const [row] = await app.db.query(sql`SELECT permissions FROM roles WHERE scope_id = ${orgId}`);
    expect(row).toEqual({ permissions: ['write'] });
  });
});
