import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { sql } from '../db/db.ts';
import { publicUrl } from '../test/access-tokens.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';
import type { OrganizationMachine, OrganizationMachineOptions } from '../test/world/machines.ts';

const api = 'https://api.example.com';
const settings = { audiences: [api], organizationMachineUsers: true };

let app: TestApp;
let world: World;
let owner: Person;
let orgId: string;
let machine: OrganizationMachine;

const create = (options: OrganizationMachineOptions = {}) =>
  world.organizationMachine(orgId, { by: owner.token, ...options });

beforeAll(async () => void (app = await buildTestApp()));
beforeEach(async () => {
  world = await createWorld(app, { settings });
  owner = await world.person();
  orgId = await world.organization(owner);
  machine = await create({ roles: ['writer'], managerRoles: ['ORG_USER_MANAGER'] });
});
afterAll(() => app?.close());

const ask = (body: object = {}, { machineUserId, clientSecret } = machine, of = world) =>
  of.call('POST', '/v1/authentication/machine-users/access-token', {
    body: { clientId: machineUserId, clientSecret, ...body },
  });
const tokenOf = async (of = machine, body: object = {}) => (await ask(body, of)).json<{ token: string }>().token;
const organizationUrl = (id = orgId) => `/v1/authorization/organizations/${id}`;
/** The response to a call with the token: the organization, or a refusal. */
const use = async (token: string, id = orgId) => {
  const response = await world.call('GET', organizationUrl(id), { token });
  return response.statusCode === 200 ? '200' : problem(response);
};
const byOwner = (method: 'POST' | 'PATCH' | 'DELETE' | 'PUT', path: string, body?: object) =>
  world.call(method, `${organizationUrl()}${path}`, { token: owner.token, ...(body && { body: { ...body } }) });
const byAdmin = (method: 'POST' | 'PATCH' | 'DELETE', url: string, body?: object) =>
  world.call(method, url, { token: world.admin.token, ...(body && { body: { ...body } }) });

describe('the token of a machine user of an organization', () => {
  it('has its permissions there, and no claim `roles`', async () => {
    const token = await tokenOf();
    const { sub, client_id, secret_id, exp = 0, iat = 0, nbf = 0, jti, iss, ...claims } = decodeJwt(token);
    expect([sub, client_id, secret_id]).toEqual([machine.machineUserId, machine.machineUserId, machine.secretId]);
    expect([iss, exp - iat, iat - nbf, typeof jti]).toEqual([`${publicUrl}/apps/${world.appName}`, 600, 60, 'string']);
    expect(claims).toEqual({
      aud: publicUrl,
      token_use: 'organization_machine',
      org_id: orgId,
      org_roles: ['writer'],
      org_manager_roles: ['ORG_USER_MANAGER'],
      permissions: ['documents:writer'],
    });
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
  });

  it('shows nothing of other machine users, even under the same names', async () => {
    await create({ roles: ['reader'] });
    const next = await world.organization(await world.person());
    await world.call('PUT', `${organizationUrl(next)}/roles`, {
      token: world.admin.token,
      body: { roles: [{ key: 'writer', displayName: 'W', allowedPermissions: ['next-door'] }] },
    });
    const claims = decodeJwt(await tokenOf());
    expect([claims['org_roles'], claims['permissions']]).toEqual([['writer'], ['documents:writer']]);
  });

  it('is verified by the second key set and not by the first', async () => {
    const { kid } = decodeProtectedHeader(await tokenOf());
    const kidsAt = async (path: string) => {
      const response = await world.call('GET', `/apps/${world.appName}${path}`, { app: null });
      return response.json<{ keys: { kid: string }[] }>().keys.map((key) => key.kid);
    };
    expect(await kidsAt('/oauth/jwks')).toContain(kid);
    expect(await kidsAt('/.well-known/jwks.json')).not.toContain(kid);
  });

  test.each<[life: number, expected: number]>([
    [60, 60],
    [3600, 600],
  ])('the token lives %i seconds of the app as %i', async (accessTokenLifeSeconds, expected) => {
    await byAdmin('PATCH', '/v1/authorization/apps/settings', { accessTokenLifeSeconds });
    const { expiresInSeconds, token } = (await ask()).json<{ expiresInSeconds: number; token: string }>();
    const { exp = 0, iat = 0 } = decodeJwt(token);
    expect([expiresInSeconds, exp - iat]).toEqual([expected, expected]);
  });

  it('expires with its secret', async () => {
    const expiresAt = new Date(app.clock.now().getTime() + 120_000).toISOString();
    const added = await byOwner('POST', `/machine-users/${machine.machineUserId}/secrets`, { expiresAt });
    const { clientSecret } = added.json<{ clientSecret: string }>();
    const token = await tokenOf({ ...machine, clientSecret });
    expect(decodeJwt(token).exp).toBe(Math.floor(new Date(expiresAt).getTime() / 1000));
    app.clock.advance(120_000);
    expect(await use(token)).toBe('401 unauthenticated');
    expect(problem(await ask({}, { ...machine, clientSecret }))).toBe('401 invalid_client');
  });

  test.each<[audience: unknown, answer: string]>([
    [publicUrl, publicUrl],
    [api, api],
    [[api], api],
  ])('the token of a machine user is accepted for %j', async (audience, expected) => {
    const token = await tokenOf(machine, { audience });
    expect(decodeJwt(token).aud).toBe(expected);
    expect(await use(token)).toBe(expected === publicUrl ? '200' : '401 unauthenticated');
  });

  test.each<[audience: () => unknown, problem: string]>([
    [() => 'https://other.example.com', '400 audience_not_allowed'],
    [() => world.appName, '400 audience_not_allowed'],
    [() => [api, publicUrl], '400 validation_failed'],
  ])('the token of a machine user is refused for anything else', async (audience, expected) => {
    expect(problem(await ask({ audience: audience() }))).toBe(expected);
  });

  it('is for its organization in its app only', async () => {
    const next = await world.organization(owner);
    const token = await tokenOf();
    expect(await use(token)).toBe('200');
    expect(await use(token, next)).toBe('404 organization_not_found');
    const elsewhere = await createWorld(app, { settings });
    const response = await elsewhere.call('GET', organizationUrl(), { token });
    expect(problem(response)).toBe('401 unauthenticated');
    expect(problem(await ask({}, machine, elsewhere))).toBe('401 invalid_client');
  });
});

describe('a secret', () => {
  test.each<[what: string, credential: () => Partial<OrganizationMachine> & { clientId?: string }]>([
    ['that is wrong', () => ({ clientSecret: `gh_o_${'x'.repeat(43)}` })],
    ['of another machine user', () => ({ machineUserId: '1' })],
    [
      'with the prefix of machine users of the app',
      () => ({ clientSecret: machine.clientSecret.replace('_o_', '_m_') }),
    ],
    ['for an id that is none', () => ({ machineUserId: 'exporter' })],
  ])('%s is refused', async (_, credential) => {
    expect(problem(await ask({}, { ...machine, ...credential() }))).toBe('401 invalid_client');
  });

  it('a secret of a machine user of the app is refused with the other prefix', async () => {
    const robot = await world.machine();
    const clientSecret = robot.clientSecret.replace('_m_', '_o_');
    expect(problem(await ask({}, { ...robot, clientSecret }))).toBe('401 invalid_client');
  });

  it('is limited after it was verified', async () => {
    await byAdmin('PATCH', '/v1/authorization/apps/settings', { limits: { tokenRequestsPerMachinePerMinute: 1 } });
    expect(problem(await ask({}, { ...machine, clientSecret: 'gh_o_wrong' }))).toBe('401 invalid_client');
    expect((await ask()).statusCode).toBe(200);
    expect(problem(await ask())).toBe('429 rate_limited');
  });

  it('a secret and its machine user show when they were last used', async () => {
    await ask();
    const response = await world.call('GET', `${organizationUrl()}/machine-users?pageSize=1`, { token: owner.token });
    const now = app.clock.now().toISOString();
    expect(response.json()).toMatchObject({ machineUsers: [{ lastUsedAt: now, secrets: [{ lastUsedAt: now }] }] });
  });
});

describe('decided at use:', () => {
  const url = () => `/machine-users/${machine.machineUserId}`;

  test.each<[what: string, change: () => Promise<unknown>, token: string, secret: string]>([
    ['the machine user is deleted', () => byOwner('DELETE', url()), '401 unauthenticated', '401 invalid_client'],
    [
      'the secret is deleted',
      () => byOwner('DELETE', `${url()}/secrets/${machine.secretId}`),
      '401 unauthenticated',
      '401 invalid_client',
    ],
    [
      'the setting is turned off',
      () => byAdmin('PATCH', '/v1/authorization/apps/settings', { organizationMachineUsers: false }),
      '401 unauthenticated',
      '403 organization_machine_users_disabled',
    ],
    [
      'the organization is deactivated',
      () => byAdmin('POST', `${organizationUrl()}/deactivate`),
      '403 organization_inactive',
      '403 organization_inactive',
    ],
    [
      'the organization is deleted',
      () => byAdmin('DELETE', organizationUrl()),
      '401 unauthenticated',
      '401 invalid_client',
    ],
    [
      'the key is revoked',
      () =>
        app.db.query(sql`
          UPDATE oauth_signing_keys SET revoked_at = ${app.clock.now()} WHERE app_id = ${world.appId}`),
      '401 unauthenticated',
      '200',
    ],
  ])('%s', async (_, change, expectedOfToken, expectedOfSecret) => {
    const token = await tokenOf();
    expect(await use(token)).toBe('200');
    await change();
    expect(await use(token)).toBe(expectedOfToken);
    const again = await ask();
    expect(again.statusCode === 200 ? '200' : problem(again)).toBe(expectedOfSecret);
  });

  test('the status of one organization decides nothing about machine users of another', async () => {
    const next = await world.organization(owner);
    const neighbour = await world.organizationMachine(next);
    const tokens = [await tokenOf(), await tokenOf(neighbour)] as const;
    await byAdmin('POST', `${organizationUrl(next)}/deactivate`);
    expect([await use(tokens[0]), await use(tokens[1], next)]).toEqual(['200', '403 organization_inactive']);
    expect((await ask()).statusCode).toBe(200);
    expect(problem(await ask({}, neighbour))).toBe('403 organization_inactive');
  });

  test('an organization that is active again has its machine users again', async () => {
    const token = await tokenOf();
    await byAdmin('POST', `${organizationUrl()}/deactivate`);
    await byAdmin('POST', `${organizationUrl()}/reactivate`);
    expect(await use(token)).toBe('200');
  });

  test('the manager role is taken away', async () => {
    const token = await tokenOf();
    const list = () => world.call('GET', '/v1/authorization/organizations/users?pageSize=9', { token, orgId });
    expect((await list()).statusCode).toBe(200);
    await byOwner('PATCH', url(), { managerRoles: [] });
    expect(problem(await list())).toBe('403 access_denied');
    expect(await use(token)).toBe('200');
  });

  test('permissions of a new token follow the roles as they are now', async () => {
    const permissions = async () => decodeJwt(await tokenOf())['permissions'];
    await byOwner('PUT', '/roles', { roles: [{ key: 'writer', displayName: 'W', allowedPermissions: ['a', 'b'] }] });
    expect(await permissions()).toEqual(['a', 'b']);
    await byOwner('DELETE', '/roles/writer');
    expect(await permissions()).toEqual([]);
  });
});

describe('a machine user with the role of a manager', () => {
  const call = async (method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', url: string, body?: object) => {
    const token = await tokenOf();
    return world.call(method, `/v1/authorization/${url}`, { token, orgId, ...(body && { body: { ...body } }) });
  };

  it('changes metadata, and not the name', async () => {
    const url = `organizations/${orgId}`;
    expect((await call('PATCH', url, { metadata: { plan: 'pro' } })).statusCode).toBe(200);
    expect(problem(await call('PATCH', url, { name: 'Mine' }))).toBe('403 access_denied');
    const events = await world.events();
    expect(events.findLast(({ action }) => action === 'organization.updated')?.actor).toBe(
      `organization_machine ${machine.machineUserId}`,
    );
  });

  it('invites members and changes their roles, and names only members of its organization', async () => {
    const names = { firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
    const invited = await call('POST', `organizations/${orgId}/members`, { email: 'ada@example.com', ...names });
    expect(invited.statusCode).toBe(201);
    const member = await world.member(orgId);
    const url = `organizations/users/${member.userId}`;
    expect((await call('POST', url, { roles: ['writer'] })).statusCode).toBe(200);
    expect((await call('PUT', `${url}/roles`, { roles: ['reader'] })).statusCode).toBe(200);
    expect((await call('DELETE', url)).statusCode).toBe(200);
    const stranger = await world.person();
    const other = `organizations/users/${stranger.userId}`;
    expect(problem(await call('POST', other, { roles: ['writer'] }))).toBe('404 user_not_found');
  });

  test.each<[operation: string, url: () => string]>([
    ['managers', () => `organizations/${orgId}/managers?pageSize=9`],
    ['invitations', () => `organizations/${orgId}/invitations?pageSize=9`],
    ['users', () => 'organizations/users?pageSize=9'],
    ['roles', () => `organizations/${orgId}/roles`],
  ])('lists %s', async (_, url) => {
    expect((await call('GET', url())).statusCode).toBe(200);
  });

  it('checks permissions of members and reads them', async () => {
    const { userId } = await world.member(orgId);
    const check = { userId, permissions: ['documents:reader'] };
    const checked = await call('POST', `organizations/${orgId}/permissions/check`, check);
    expect(checked.json()).toMatchObject({ results: [{ allowed: true }] });
    const token = await tokenOf();
    const read = async (id: string) => world.call('GET', `/v1/authentication/users/${id}`, { token });
    expect((await read(userId)).json()).not.toHaveProperty('phoneNumber');
    expect((await read(userId)).statusCode).toBe(200);
    expect(problem(await read((await world.person()).userId))).toBe('404 user_not_found');
  });

  it('does not touch owners and managers, nor roles that managers may not grant', async () => {
    const manager = await world.manager(orgId);
    for (const { userId } of [owner, manager]) {
      expect(problem(await call('DELETE', `organizations/users/${userId}`))).toBe('403 access_denied');
      expect(problem(await call('PUT', `organizations/users/${userId}/roles`, { roles: ['writer'] }))).toBe(
        '403 access_denied',
      );
    }
    await byAdmin('PATCH', '/v1/authorization/apps/settings', { managersMayGrantAnyRole: false });
    const member = await world.member(orgId, 'writer');
    const url = `organizations/users/${member.userId}`;
    expect((await call('POST', url, { roles: ['writer'] })).statusCode).toBe(200);
    expect(problem(await call('PUT', `${url}/roles`, { roles: ['writer', 'reader'] }))).toBe('403 access_denied');
  });

  test.each<[method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object]>([
    ['POST', '/managers', { email: 'a@example.com', firstName: 'A', lastName: 'B' }],
    ['POST', '/owners', { email: 'a@example.com', firstName: 'A', lastName: 'B' }],
    ['POST', '/machine-users', { userName: 'twin' }],
    ['PUT', '/roles', { roles: [] }],
    ['DELETE', '/roles/writer'],
    ['DELETE', ''],
  ])('is refused if only humans are allowed: %s %s', async (method, path, body) => {
    expect(problem(await call(method, `organizations/${orgId}${path}`, body))).toBe('403 human_required');
  });

  it('cannot leave', async () => {
    const token = await tokenOf();
    const response = await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token });
    expect(problem(response)).toBe('403 human_required');
  });
});

describe('a call in flight while', () => {
  const url = () => `/machine-users/${machine.machineUserId}`;

  test.each<[what: string, change: () => Promise<unknown>, refusals: string[]]>([
    ['the manager role is taken away', () => byOwner('PATCH', url(), { managerRoles: [] }), ['403 access_denied']],
    [
      'the machine user is deleted',
      () => byOwner('DELETE', url()),
      ['401 unauthenticated', '404 organization_not_found'],
    ],
    ['the secret is deleted', () => byOwner('DELETE', `${url()}/secrets/${machine.secretId}`), ['401 unauthenticated']],
    [
      'the organization is deactivated',
      () => byAdmin('POST', `${organizationUrl()}/deactivate`),
      ['403 organization_inactive'],
    ],
    [
      'the organization is deleted',
      () => byAdmin('DELETE', organizationUrl()),
      ['401 unauthenticated', '404 organization_not_found'],
    ],
  ])('%s either succeeds or changes nothing', async (_, change, refusals) => {
    const token = await tokenOf();
    const patch = (key: string) =>
      world.call('PATCH', organizationUrl(), { token, body: { metadata: { [key]: 'x' } } });
    const [before, , after] = await Promise.all([patch('before'), change(), patch('after')]);
    const answers = [before, after].map((one) => (one.statusCode === 200 ? '200' : problem(one)));
    expect(['200', ...refusals]).toEqual(expect.arrayContaining(answers));
    const [row] = await app.db.query<{ metadata: Record<string, string> }>(
      sql`SELECT metadata FROM organizations WHERE app_id = ${world.appId} AND id = ${orgId}`,
    );
    const stored = Object.keys(row?.metadata ?? {});
    const accepted = ['before', 'after'].filter((_key, index) => answers[index] === '200');
    expect(row ? stored.toSorted() : accepted.toSorted()).toEqual(accepted.toSorted());
    expect(refusals).toContain(problem(await patch('late')));
  });
});

test('a response is kept under an idempotency key, and deleted with the machine user', async () => {
  const token = await tokenOf();
  const body = { email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
  const invite = () =>
    world.call('POST', `${organizationUrl()}/members`, { token, body, headers: { 'idempotency-key': 'once' } });
  const first = await invite();
  const second = await invite();
  expect([first.statusCode, second.body, second.headers['idempotent-replayed']]).toEqual([201, first.body, 'true']);
  const kept = () => app.db.query(sql`SELECT 1 FROM idempotency_keys WHERE app_id = ${world.appId}`);
  expect(await kept()).toHaveLength(1);
  await byOwner('DELETE', `/machine-users/${machine.machineUserId}`);
  expect(await kept()).toHaveLength(0);
});

describe('introspection', () => {
  const introspect = async (token: string) => {
    const robot = await world.machine();
    const response = await world.call('POST', '/v1/authentication/token/introspection', {
      token: robot.token,
      body: { token },
    });
    return response.json<object>();
  };

  test.each([publicUrl, api])('describes a token for %s', async (audience) => {
    expect(await introspect(await tokenOf(machine, { audience }))).toMatchObject({
      active: true,
      kind: 'organization_machine',
      sub: machine.machineUserId,
      client_id: machine.machineUserId,
      secret_id: machine.secretId,
      aud: audience,
      org_id: orgId,
    });
  });

  it('returns inactive when the organization, the audience or the secret no longer exists', async () => {
    const token = await tokenOf(machine, { audience: api });
    await byAdmin('PATCH', '/v1/authorization/apps/settings', { audiences: ['https://new.example.com'] });
    expect(await introspect(token)).toEqual({ active: false });
    const here = await tokenOf();
    await byAdmin('POST', `${organizationUrl()}/deactivate`);
    expect(await introspect(here)).toEqual({ active: false });
  });

  it('is not for machine users of organizations', async () => {
    const token = await tokenOf();
    const response = await world.call('POST', '/v1/authentication/token/introspection', { token, body: { token } });
    expect(problem(response)).toBe('403 access_denied');
  });
});

test('an app of a version with one key set gets its second set with the first token', async () => {
  await app.db.query(sql`DELETE FROM oauth_signing_keys WHERE app_id = ${world.appId}`);
  expect(await use(await tokenOf())).toBe('200');
});
