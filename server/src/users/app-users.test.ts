import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
beforeEach(async () => {
  person = await world.person();
});
afterAll(() => app?.close());

const users = '/v1/authorization/users';
const call = (method: 'GET' | 'POST' | 'DELETE', path: string, token = world.admin.token) =>
  world.call(method, `${users}${path}`, { token });
const remove = (userId: string, token?: string) => call('DELETE', `/${userId}`, token);
const deactivate = (userId: string, token?: string) => call('POST', `/${userId}/deactivate`, token);
const reactivate = (userId: string, token?: string) => call('POST', `/${userId}/reactivate`, token);
const me = (token: string) => world.call('GET', '/v1/authentication/users/me', { token });
const signIn = (email: string) =>
  world.call('POST', '/v1/authentication/users/sessions', { body: { email, password } });

/** @returns the person with a new session, because the promotion ends the earlier ones */
async function makeSuperAdmin({ email }: Person, of = world): Promise<Person> {
  const request = { token: of.admin.token, body: { email } };
  expect((await of.call('POST', '/v1/authorization/super-admins', request)).statusCode).toBe(201);
  return of.signIn(email);
}

async function addOwner(orgId: string, { email }: Person): Promise<void> {
  const body = { email, firstName: 'Jon', lastName: 'Doe' };
  const url = `/v1/authorization/organizations/${orgId}/owners`;
  expect((await world.call('POST', url, { token: world.admin.token, body })).statusCode).toBe(201);
}

async function invited(): Promise<string> {
  const orgId = await world.organization(person);
  const body = { email: `invited-${orgId}@example.com`, firstName: 'Jon', lastName: 'Doe' };
  const url = `/v1/authorization/organizations/${orgId}/managers`;
  return (await world.call('POST', url, { token: person.token, body })).json<{ userId: string }>().userId;
}

describe.each([
  ['deletion', remove],
  ['deactivation', deactivate],
])('%s is refused', (_, act) => {
  test('a machine user cannot do this to a super admin', async () => {
    const { token } = await makeSuperAdmin(person);
    const machine = await world.machine();
    expect(problem(await act(person.userId, machine.token))).toBe('403 access_denied');
    expect((await me(token)).statusCode).toBe(200);
  });

  test('nobody can do this to the last owner of an organization, deactivated organizations included', async () => {
    const orgId = await world.organization(person);
    expect(problem(await act(person.userId))).toBe('409 last_owner');
    const url = `/v1/authorization/organizations/${orgId}/deactivate`;
    await world.call('POST', url, { token: world.admin.token });
    expect(problem(await act(person.userId))).toBe('409 last_owner');
    expect((await me(person.token)).statusCode).toBe(200);
  });

  test('nobody can do this to the last owner if the other is deactivated or only invited', async () => {
    const orgId = await world.organization(person);
    const other = await world.person();
    await addOwner(orgId, other);
    expect((await deactivate(other.userId)).statusCode).toBe(200);
    await addOwner(orgId, { ...other, email: `pending-${orgId}@example.com` });
    expect(problem(await act(person.userId))).toBe('409 last_owner');
  });

  test('nobody can do this to the last super admin, not even the person themselves', async () => {
    const lonely = await createWorld(app);
    const url = act === remove ? `${users}/${lonely.admin.userId}` : `${users}/${lonely.admin.userId}/deactivate`;
    const response = await lonely.call(act === remove ? 'DELETE' : 'POST', url, { token: lonely.admin.token });
    expect(problem(response)).toBe('409 last_super_admin');
  });

  test('an unknown user is not found', async () => {
    expect(problem(await act('1'))).toBe('404 user_not_found');
  });
});

describe('concurrent requests', () => {
  const acts = { delete: remove, deactivate };
  const pairs = [
    ['delete', 'delete'],
    ['delete', 'deactivate'],
    ['deactivate', 'deactivate'],
  ] as const;

  test.each(pairs)('%s and %s leave an organization an owner', async (first, second) => {
    const other = await world.person();
    const orgId = await world.organization(person);
    await addOwner(orgId, other);
    const answers = await Promise.all([acts[first](person.userId), acts[second](other.userId)]);
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 409]);
  });

  test.each(pairs)('%s and %s leave an app a super admin', async (first, second) => {
    const small = await createWorld(app);
    const other = await makeSuperAdmin(await small.person(), small);
    const act = (verb: 'delete' | 'deactivate', { userId, token: by }: Person) =>
      small.call(
        verb === 'delete' ? 'DELETE' : 'POST',
        verb === 'delete' ? `${users}/${userId}` : `${users}/${userId}/deactivate`,
        { token: by },
      );
    const answers = await Promise.all([act(first, small.admin), act(second, other)]);
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 409]);
  });
});

describe('a deactivated user', () => {
  test('is signed out at once, keeps all data, and can sign in again after the reactivation', async () => {
    const orgId = await world.organization(await world.person());
    const member = await world.member(orgId);
    const answer = await deactivate(member.userId);
    expect([answer.statusCode, answer.json()]).toEqual([200, { message: 'User deactivated' }]);
    expect(problem(await me(member.token))).toBe('401 unauthenticated');
    expect(problem(await signIn(member.email))).toBe('403 user_inactive');

    expect((await reactivate(member.userId)).json()).toEqual({ message: 'User reactivated' });
    expect(problem(await me(member.token))).toBe('401 unauthenticated');
    const { token } = await world.signIn(member.email);
    const url = '/v1/authentication/users/me?includeOrganizations=true';
    expect((await world.call('GET', url, { token })).json()).toMatchObject({
      organizations: [{ id: orgId, roles: ['reader'] }],
    });
  });

  test('a deactivated super admin is one again when reactivated; all super admins are notified of both', async () => {
    await makeSuperAdmin(person);
    await deactivate(person.userId);
    expect((await world.mail(world.admin.email)).purpose).toBe('super_admin_removed');
    expect((await world.mail(person.email)).purpose).toBe('super_admin_removed');
    await reactivate(person.userId);
    expect((await world.mail(world.admin.email)).purpose).toBe('super_admin_granted');
    const { token } = await world.signIn(person.email);
    expect((await call('GET', '?pageSize=1', token)).statusCode).toBe(200);
  });

  test('is not somebody who was only invited', async () => {
    const userId = await invited();
    expect(problem(await deactivate(userId))).toBe('409 user_not_active');
    expect(problem(await reactivate(userId))).toBe('409 user_not_active');
  });

  test('does not find the code that was asked for before', async () => {
    const rows = () =>
      app.db.query(sql`SELECT purpose FROM codes WHERE app_id = ${world.appId} AND user_id = ${person.userId}`);
    await app.db.query(sql`
      INSERT INTO codes (app_id, id, user_id, purpose, code_hash, created_at, expires_at)
      VALUES (${world.appId}, ${app.services.ids.next()}, ${person.userId}, 'email_change', 'x', now(),
        now() + interval '1 day')`);
    await deactivate(person.userId);
    expect(await rows()).toEqual([]);
  });
});

describe('a deleted user', () => {
  test('is deleted at once, and the address is free', async () => {
    const machine = await world.machine();
    const answer = await remove(person.userId, machine.token);
    expect([answer.statusCode, answer.json()]).toEqual([200, { message: `User ${person.userId} deleted` }]);
    expect(problem(await me(person.token))).toBe('401 unauthenticated');
    expect(problem(await signIn(person.email))).toBe('401 invalid_credentials');
    expect(problem(await remove(person.userId, machine.token))).toBe('404 user_not_found');
    expect((await world.person({ email: person.email })).userId).not.toBe(person.userId);
  });

  test('a deleted user is not counted anywhere', async () => {
    const orgId = await world.organization(await world.person());
    const member = await world.member(orgId);
    const totals = async () => {
      const ofApp = await call('GET', '?pageSize=1');
      const url = '/v1/authorization/organizations/users?pageSize=1';
      const ofOrganization = await world.call('GET', url, { token: world.admin.token, orgId });
      return [ofApp, ofOrganization].map((one) => one.json<{ metadata: { total: number } }>().metadata.total);
    };
    const [before = 0] = await totals();
    expect(await totals()).toEqual([before, 2]);
    await remove(member.userId);
    expect(await totals()).toEqual([before - 1, 1]);
  });

  test('the deletion of a super admin notifies the others', async () => {
    const { token } = await makeSuperAdmin(person);
    await remove(person.userId, token);
    const { purpose, text } = await world.mail(world.admin.email);
    expect([purpose, text.includes(person.email)]).toEqual(['super_admin_removed', true]);
  });

  test('keeps the id in the audit, without an address', async () => {
    await remove(person.userId, (await world.machine()).token);
    const events = await app.db.query(sql`
      SELECT action, ip IS NULL AS cleared FROM audit_events
      WHERE app_id = ${world.appId} AND (actor_id = ${person.userId} OR target_id = ${person.userId}) ORDER BY id`);
    expect(events).toEqual([
      { action: 'user.signed_up', cleared: true },
      { action: 'user.email_verified', cleared: true },
      { action: 'user.deleted', cleared: false },
    ]);
  });

  test('a super admin who deletes themselves has no address in the deletion event', async () => {
    const { token } = await makeSuperAdmin(person);
    await remove(person.userId, token);
    const events = await app.db.query(sql`
      SELECT action FROM audit_events
      WHERE app_id = ${world.appId} AND actor_id = ${person.userId} AND (ip IS NOT NULL OR user_agent IS NOT NULL)`);
    expect(events).toEqual([]);
  });
});

describe('the list of users', () => {
  test('is complete, in order, with true totals, by cursor and by page', async () => {
    const small = await createWorld(app);
    const made = [small.admin, await small.person(), await small.person({ verified: false })];
    const list = (query: string) => small.call('GET', `${users}?${query}`, { token: small.admin.token });
    interface Page {
      metadata: { total: number; nextCursor?: string };
      users: Record<string, unknown>[];
    }
    const first = (await list('pageSize=2')).json<Page>();
    expect(first.metadata.total).toBe(3);
    const second = (await list(`pageSize=2&cursor=${first.metadata.nextCursor}`)).json<Page>();
    expect([...first.users, ...second.users].map(({ id }) => id)).toEqual(made.map(({ userId }) => userId));
    expect(second).toEqual({
      metadata: { total: 3 },
      users: [
        {
          id: made[2]?.userId,
          firstName: 'Jon',
          lastName: 'Doe',
          displayName: 'Jon Doe',
          phoneNumber: null,
          email: made[2]?.email,
          isEmailVerified: false,
          isEmailClaimed: false,
          isPhoneVerified: false,
          userState: 'ACTIVE',
        },
      ],
    });
    expect((await list('pageSize=2&page=1')).json()).toEqual(second);
    expect((await list('pageSize=2&page=9')).json()).toEqual({ metadata: { total: 3 }, users: [] });
  });

  test('shows metadata when asked', async () => {
    const small = await createWorld(app);
    const { userId, token } = small.admin;
    const body = { metadata: { plan: 'pro' } };
    await small.call('PUT', `/v1/authentication/users/${userId}`, { token, body });
    const list = await small.call('GET', `${users}?pageSize=1&includeMetadata=true`, { token });
    expect(list.json()).toMatchObject({ users: [{ id: userId, metadata: { plan: 'pro' } }] });
  });
});

describe('a machine', () => {
  test.each<[what: string, method: 'PUT' | 'DELETE', path: string, body: object | undefined]>([
    ['the data', 'PUT', '', { firstName: 'Owned' }],
    ['no data', 'PUT', '', {}],
    ['the sessions', 'DELETE', '/sessions', undefined],
  ])('cannot change %s of a super admin', async (_, method, path, body) => {
    const { token } = await world.machine();
    const url = `/v1/authentication/users/${world.admin.userId}${path}`;
    expect(problem(await world.call(method, url, { token, ...(body && { body }) }))).toBe('403 access_denied');
    expect((await me(world.admin.token)).json()).toMatchObject({ firstName: 'Super' });
  });
});
