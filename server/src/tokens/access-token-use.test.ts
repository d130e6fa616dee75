import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { generateSigningKey, revokeKey } from '../keys/signing-keys.ts';
import { listPublishedKeys } from '../keys/signing-keys.store.ts';
import { publicUrl } from '../test/access-tokens.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { callOf, createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const settings = { audiences: [publicUrl] };

let app: TestApp;
let other: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  other = await buildTestApp({ db: app.db, clock: app.clock });
  world = await createWorld(app, { settings });
});
afterAll(async () => {
  await other?.app.close();
  await app?.close();
});

async function tokenOf({ token }: Pick<Person, 'token'>, organizationId?: string, of: World = world): Promise<string> {
  const response = await of.call('POST', '/v1/authentication/users/me/access-token', {
    token,
    body: { audience: publicUrl, organizationId },
  });
  if (response.statusCode !== 200) throw new Error(response.body);
  return response.json<{ token: string }>().token;
}

const answer = (response: Parameters<typeof problem>[0]) =>
  response.statusCode < 300 ? String(response.statusCode) : problem(response);

/** The responses of both processes to a token. */
const use = async (token: string, path = '/v1/authentication/users/me', of: World = world) => [
  answer(await of.call('GET', path, { token })),
  answer(await callOf(other.app, of.appName)('GET', path, { token })),
];
const both = (outcome: string) => [outcome, outcome];

describe('a token is refused from the next request on, on every process, after', () => {
  test.each<[what: string, end: (person: Person, of: World) => Promise<unknown>]>([
    [
      'signing out',
      ({ sessionId, token }, of) => of.call('DELETE', `/v1/authentication/users/sessions/${sessionId}`, { token }),
    ],
    [
      'the end of all sessions by a super admin',
      ({ userId }, of) => of.call('DELETE', `/v1/authentication/users/${userId}/sessions`, { token: of.admin.token }),
    ],
    [
      'a change of the password in another session',
      async ({ email, userId }, of) => {
        const { token } = await of.signIn(email);
        await of.call('PUT', `/v1/authentication/users/${userId}/password`, {
          token,
          body: { currentPassword: password, newPassword: 'Secret@slidezAB' },
        });
      },
    ],
    [
      'deactivating the person',
      ({ userId }, of) => of.call('POST', `/v1/authorization/users/${userId}/deactivate`, { token: of.admin.token }),
    ],
    [
      'deleting the person',
      ({ userId }, of) => of.call('DELETE', `/v1/authorization/users/${userId}`, { token: of.admin.token }),
    ],
    [
      'signing in again with the same session',
      async ({ token, email }, of) => {
        of.test.clock.advance(1000);
        const response = await of.call('POST', '/v1/authentication/users/sessions', {
          headers: { cookie: `session-token=${token}` },
          body: { email, password },
        });
        expect(response.statusCode).toBe(201);
      },
    ],
    [
      'the end of the session’s idle life',
      ({ sessionId }, of) =>
        of.test.db.query(sql`UPDATE sessions SET idle_expires_at = created_at WHERE id = ${sessionId}`),
    ],
    ['deactivating the app', (_, of) => of.operate('PATCH', `/v1/platform/apps/${of.appName}`, { status: 'INACTIVE' })],
    [
      'taking this API from the audiences',
      (_, of) =>
        of.operate('PATCH', `/v1/platform/apps/${of.appName}`, {
          settings: { audiences: ['https://api.example.com'] },
        }),
    ],
    [
      'revoking the key',
      async (_, of) => {
        const now = of.test.clock.now();
        const [key] = await listPublishedKeys(of.test.db, of.appId, 'oauth', now);
        const spare = await generateSigningKey(of.test.services.sealer, of.appId, 'oauth', now);
        await of.test.db.transaction((tx) => revokeKey(tx, of.appId, key?.kid ?? '', spare, now));
      },
    ],
  ])('%s', async (_, end) => {
    const of = await createWorld(app, { settings });
    const orgId = await of.organization(await of.person());
    const person = await of.member(orgId);
    const tokens = [await tokenOf(person, undefined, of), await tokenOf(person, orgId, of)];
    for (const token of tokens) expect(await use(token, undefined, of)).toEqual(both('200'));
    await end(person, of);
    for (const token of tokens) expect(await use(token, undefined, of)).toEqual(both('401 unauthenticated'));
  });

  test('removing the person from the organization that it names, and no other token', async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const member = await world.member(orgId);
    const [named, plain] = [await tokenOf(member, orgId), await tokenOf(member)];
    const remove = `/v1/authorization/organizations/users/${member.userId}`;
    expect((await world.call('DELETE', remove, { token: owner.token, orgId })).statusCode).toBe(200);
    expect(await use(named)).toEqual(both('401 unauthenticated'));
    expect(await use(plain)).toEqual(both('200'));
    expect(await use(plain, `/v1/authorization/organizations/${orgId}`)).toEqual(both('404 organization_not_found'));
  });

  test('the demotion of an owner, for the rights of owners', async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const second = await world.person();
    const body = { email: second.email, firstName: 'Jon', lastName: 'Doe' };
    await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: owner.token, body });
    const member = await world.call('POST', `/v1/authorization/organizations/users/${second.userId}`, {
      token: owner.token,
      orgId,
      body: { roles: ['reader'] },
    });
    expect(member.statusCode).toBe(200);
    const token = await tokenOf(second, orgId);
    const events = `/v1/authorization/organizations/${orgId}/audit-events?pageSize=1`;
    expect(await use(token, events)).toEqual(both('200'));
    await world.call('DELETE', `/v1/authorization/organizations/${orgId}/managers/${second.userId}`, {
      token: owner.token,
    });
    expect(await use(token, events)).toEqual(both('403 access_denied'));
  });
});

describe('a token for one organization', () => {
  let owner: Person;
  let here: string;
  let there: string;
  let token: string;
  beforeAll(async () => {
    owner = await world.person();
    here = await world.organization(owner);
    there = await world.organization(owner);
    token = await tokenOf(owner, here);
  });
  const get = async <Answer>(path: string) => (await world.call('GET', path, { token })).json<Answer>();

  test('shows that organization alone, in every list', async () => {
    const list = await get<{ metadata: { total: number }; organizations: { id: string }[] }>(
      '/v1/authorization/organizations?pageSize=10',
    );
    expect([list.metadata.total, list.organizations.map(({ id }) => id)]).toEqual([1, [here]]);
    const roles = await get<{ metadata: { total: number }; managerRoles: { orgId: string }[] }>(
      '/v1/authentication/users/me/manager-roles',
    );
    expect([roles.metadata.total, roles.managerRoles.map(({ orgId }) => orgId)]).toEqual([1, [here]]);
    const byEmail = await get<{ organizations: { id: string }[] }>(
      `/v1/authentication/users/organizations?email=${encodeURIComponent(owner.email)}`,
    );
    expect(byEmail.organizations.map(({ id }) => id)).toEqual([here]);
    const me = await get<{ organizations: { id: string }[] }>('/v1/authentication/users/me?includeOrganizations=true');
    expect(me.organizations.map(({ id }) => id)).toEqual([here]);
    const elsewhere = await get<{ organizations: { id: string }[] }>(
      `/v1/authentication/users/me?organizationId=${there}`,
    );
    expect(elsewhere.organizations).toEqual([]);
  });

  test('acts there, and every other organization does not exist', async () => {
    const member = await world.member(there);
    const paths = (orgId: string) => [
      `/v1/authorization/organizations/${orgId}`,
      `/v1/authorization/organizations/${orgId}/roles`,
      `/v1/authorization/organizations/${orgId}/managers?pageSize=1`,
    ];
    for (const path of paths(here)) expect(await use(token, path)).toEqual(both('200'));
    for (const path of [...paths(there), ...paths('1')]) {
      expect(await use(token, path)).toEqual(both('404 organization_not_found'));
    }
    const patch = { token, body: { metadata: { plan: 'pro' } } };
    expect(answer(await world.call('PATCH', `/v1/authorization/organizations/${here}`, patch))).toBe('200');
    expect(answer(await world.call('PATCH', `/v1/authorization/organizations/${there}`, patch))).toBe(
      '404 organization_not_found',
    );
    expect(await use(token, `/v1/authentication/users/${member.userId}`)).toEqual(both('404 user_not_found'));
    const permissions = { token, body: { permissions: ['x'] } };
    const check = (orgId: string) =>
      world.call('POST', `/v1/authorization/organizations/${orgId}/permissions/check`, permissions);
    expect([answer(await check(here)), answer(await check(there))]).toEqual(['200', '404 organization_not_found']);
  });

  test('does not pull in people of another organization by their ids', async () => {
    const member = await world.member(there);
    const add = () =>
      world.call('POST', `/v1/authorization/organizations/users/${member.userId}`, {
        token,
        orgId: here,
        body: { roles: ['reader'] },
      });
    expect(answer(await add())).toBe('404 user_not_found');
  });

  test('has no rights of a super admin, even if its owner is one', async () => {
    const { admin } = world;
    await world.call('POST', `/v1/authorization/organizations/users/${admin.userId}`, {
      token: admin.token,
      orgId: here,
      body: { roles: ['reader'] },
    });
    const bound = await tokenOf(admin, here);
    const free = await tokenOf(admin);
    expect(await use(bound, `/v1/authorization/organizations/${here}`)).toEqual(both('200'));
    for (const path of [
      '/v1/authorization/users?pageSize=1',
      '/v1/authorization/audit-events?pageSize=1',
      '/v1/authorization/apps/settings',
      `/v1/authorization/organizations/${here}/audit-events?pageSize=1`,
    ]) {
      expect(await use(free, path)).toEqual(both('200'));
      expect(await use(bound, path)).toEqual(both('403 access_denied'));
    }
    expect(await use(bound, `/v1/authorization/organizations/${there}`)).toEqual(both('404 organization_not_found'));
  });

  test('grants nothing while the organization is deactivated', async () => {
    const closed = await world.organization(owner);
    const bound = await tokenOf(owner, closed);
    await world.call('POST', `/v1/authorization/organizations/${closed}/deactivate`, { token: world.admin.token });
    expect(await use(bound, `/v1/authorization/organizations/${closed}/roles`)).toEqual(
      both('403 organization_inactive'),
    );
  });
});

describe('a token for an organization that was', () => {
  const isActive = async (token: string) => {
    const machine = await world.machine();
    const url = '/v1/authentication/token/introspection';
    const inJson = await world.call('POST', url, { token: machine.token, body: { token } });
    const form = { token, client_id: machine.machineUserId, client_secret: machine.clientSecret };
    const inForm = await world.call('POST', `/apps/${world.appName}/oauth/introspect`, { app: null, form });
    return [inJson, inForm].map((response) => response.json<{ active: boolean }>().active);
  };

  async function tokensOfMember() {
    const orgId = await world.organization(await world.person());
    const member = await world.member(orgId);
    const url = `/v1/authorization/organizations/${orgId}`;
    return { url, named: await tokenOf(member, orgId), plain: await tokenOf(member) };
  }

  const end = async (method: 'POST' | 'DELETE', url: string) => {
    expect((await world.call(method, url, { token: world.admin.token })).statusCode).toBeLessThan(300);
  };

  test('deactivated is not active, and cannot be used until the reactivation', async () => {
    const { url, named, plain } = await tokensOfMember();
    expect(await isActive(named)).toEqual([true, true]);
    await end('POST', `${url}/deactivate`);
    expect(await isActive(named)).toEqual([false, false]);
    for (const path of [`${url}/roles`, `${url}/managers?pageSize=1`, '/v1/authentication/users/me']) {
      expect([path, await use(named, path)]).toEqual([path, both('403 organization_inactive')]);
    }
    expect([await isActive(plain), await use(plain)]).toEqual([[true, true], both('200')]);
    await end('POST', `${url}/reactivate`);
    expect([await isActive(named), await use(named)]).toEqual([[true, true], both('200')]);
  });

  test('deleted is not active, and refused', async () => {
    const { url, named, plain } = await tokensOfMember();
    await end('POST', `${url}/deactivate`);
    await end('DELETE', url);
    expect([await isActive(named), await use(named)]).toEqual([[false, false], both('401 unauthenticated')]);
    expect([await isActive(plain), await use(plain)]).toEqual([[true, true], both('200')]);
  });
});

test('a token is not taken from a cookie', async () => {
  const token = await tokenOf(await world.person());
  for (const name of ['session-token', `__Host-session-token-${world.appName}`]) {
    const response = await world.call('GET', '/v1/authentication/users/me', {
      headers: { cookie: `${name}=${token}` },
    });
    expect(problem(response)).toBe('401 unauthenticated');
  }
});

test('using a token does not lengthen the session', async () => {
  const person = await world.person();
  const token = await tokenOf(person);
  app.clock.advance(120_000);
  const idle = () =>
    app.db.query(sql`SELECT idle_expires_at, last_seen_at FROM sessions WHERE id = ${person.sessionId}`);
  const before = await idle();
  expect(await use(token)).toEqual(both('200'));
  expect(await idle()).toEqual(before);
});

describe('introspection', () => {
  test('describes an access token of any audience, until its session ends', async () => {
    const robot = await world.machine();
    const person = await world.person();
    const orgId = await world.organization(person);
    const token = await tokenOf(person, orgId);
    const introspect = async () =>
      (
        await world.call('POST', '/v1/authentication/token/introspection', { token: robot.token, body: { token } })
      ).json<object>();
    expect(await introspect()).toMatchObject({
      active: true,
      kind: 'user',
      sub: person.userId,
      sid: person.sessionId,
      aud: publicUrl,
      org_id: orgId,
      email_verified: true,
    });
    await world.call('DELETE', `/v1/authentication/users/sessions/${person.sessionId}`, { token: person.token });
    expect(await introspect()).toEqual({ active: false });
  });
});
