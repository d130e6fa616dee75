import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { recordingDb, type RecordingDb } from '../test/recording-db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

let db: RecordingDb;
let app: TestApp;
let world: World;
let owner: Person;
let manager: Person;
let member: Person;
let machine: { token: string };
let orgId: string;

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner);
  manager = await world.manager(orgId);
  member = await world.member(orgId, 'reader');
  machine = await world.machine();
  const body = {
    roles: [{ key: 'auditor', displayName: 'Auditor', allowedPermissions: ['audit:read', 'documents:reader'] }],
  };
  await world.call('POST', '/v1/authorization/predefined-roles', { token: machine.token, body });
});
afterAll(() => app?.close());

type Caller = { readonly token: string };

interface Result {
  readonly permission: string;
  readonly allowed: boolean;
  readonly grantedBy: readonly string[];
  readonly reason?: string;
}

const check = ({ token }: Caller, body: object, id = orgId) =>
  world.call('POST', `/v1/authorization/organizations/${id}/permissions/check`, { token, body });
const ask = async (caller: Caller, permission: string, userId?: string, id = orgId) => {
  const response = await check(caller, { ...(userId && { userId }), permissions: [permission] }, id);
  return response.json<{ results: Result[] }>().results[0];
};
const refused = (permission: string, reason: string) => ({ permission, allowed: false, grantedBy: [], reason });
const add = (userId: string, roles: string[]) =>
  world.call('POST', `/v1/authorization/organizations/users/${userId}`, {
    token: machine.token,
    orgId,
    body: { roles },
  });
const setStatus = (id: string, status: string) =>
  app.db.query(sql`UPDATE organizations SET status = ${status} WHERE app_id = ${world.appId} AND id = ${id}`);
const setState = (id: string, state: string) =>
  app.db.query(sql`UPDATE users SET state = ${state} WHERE app_id = ${world.appId} AND id = ${id}`);

describe('permissions are not checked', () => {
  const body = { permissions: ['documents:reader'] };

  test('strangers, other tenants and other apps cannot check permissions', async () => {
    const neighbour = await world.person();
    await world.organization(neighbour);
    for (const caller of [await world.person(), neighbour]) {
      expect(problem(await check(caller, body))).toBe('404 organization_not_found');
      expect(problem(await check(caller, { ...body, userId: member.userId }))).toBe('404 organization_not_found');
    }
    const elsewhere = await createWorld(app);
    const url = `/v1/authorization/organizations/${orgId}/permissions/check`;
    const { token } = await elsewhere.machine();
    const foreign = await elsewhere.call('POST', url, { token, body: { ...body, userId: member.userId } });
    expect(problem(foreign)).toBe('404 organization_not_found');
    expect(problem(await check(machine, { ...body, userId: member.userId }, '1'))).toBe('404 organization_not_found');
    expect(problem(await check(machine, body, '1'))).toBe('404 organization_not_found');
  });

  test('a plain member cannot check the permissions of other users', async () => {
    for (const userId of [owner.userId, '1']) {
      expect(problem(await check(member, { ...body, userId }))).toBe('403 access_denied');
    }
  });

  test('a machine that names no user cannot check permissions', async () => {
    const response = await check(machine, body);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual(['/body/userId']);
  });

  test.each<[what: string, body: object, pointer: string]>([
    ['without permissions', {}, '/body/permissions'],
    ['with none', { permissions: [] }, '/body/permissions'],
    ['with 101', { permissions: Array.from({ length: 101 }, (_, index) => `p${index}`) }, '/body/permissions'],
    ['with an empty one', { permissions: [''] }, '/body/permissions/0'],
    ['with one of 201 characters', { permissions: ['p'.repeat(201)] }, '/body/permissions/0'],
    ['with a user id that is none', { userId: 'me', permissions: ['p'] }, '/body/userId'],
    ['with an organization in the body', { orgId: '1', permissions: ['p'] }, '/body/orgId'],
  ])('%s', async (_, wrong, pointer) => {
    const response = await check(member, wrong);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });
});

describe('a check', () => {
  test('responds for the caller by default, in the order of the request', async () => {
    const response = await check(member, { permissions: ['documents:writer', 'documents:reader', 'nothing'] });
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      userId: member.userId,
      orgId,
      results: [
        refused('documents:writer', 'no_role_grants_it'),
        { permission: 'documents:reader', allowed: true, grantedBy: ['reader'] },
        refused('nothing', 'no_role_grants_it'),
      ],
    });
  });

  test('responds to owners, managers, super admins and machines about others', async () => {
    const { userId } = member;
    for (const caller of [owner, manager, world.admin, machine]) {
      const response = await check(caller, { userId, permissions: ['documents:reader'] });
      expect(response.json()).toMatchObject({ userId, results: [{ allowed: true, grantedBy: ['reader'] }] });
    }
  });

  test('names every role that grants a permission', async () => {
    const person = await world.person();
    await add(person.userId, ['writer', 'reader', 'global:auditor']);
    expect(await ask(person, 'documents:reader')).toEqual({
      permission: 'documents:reader',
      allowed: true,
      grantedBy: ['global:auditor', 'reader'],
    });
  });

  test('compares permissions literally', async () => {
    const others = ['documents:READER', 'documents:*', '%', 'documents:reader ', 'documents', '__proto__', '0'];
    for (const permission of others) {
      expect(await ask(member, permission)).toEqual(refused(permission, 'no_role_grants_it'));
    }
  });

  test.each(['__proto__', 'constructor', '0', '"', '\\', 'é'])('a check finds %s', async (permission) => {
    const body = { roles: [{ key: 'odd', displayName: 'Odd', allowedPermissions: [permission] }] };
    await world.call('PUT', `/v1/authorization/organizations/${orgId}/roles`, { token: owner.token, body });
    const person = await world.person();
    await add(person.userId, ['odd']);
    expect(await ask(person, permission)).toEqual({ permission, allowed: true, grantedBy: ['odd'] });
  });

  test('counts roles only: owners, managers and super admins have no permissions without a role', async () => {
    for (const caller of [owner, manager]) {
      expect(await ask(caller, 'documents:reader')).toEqual(refused('documents:reader', 'no_role_grants_it'));
    }
    expect(await ask(world.admin, 'documents:reader')).toEqual(refused('documents:reader', 'not_a_member'));
  });

  test('does not count permissions in another organization', async () => {
    const person = await world.person();
    const next = await world.organization(await world.person());
    const url = `/v1/authorization/organizations/users/${person.userId}`;
    await world.call('POST', url, { token: machine.token, orgId: next, body: { roles: ['writer'] } });
    await add(person.userId, ['reader']);
    expect(await ask(person, 'documents:writer')).toEqual(refused('documents:writer', 'no_role_grants_it'));
    expect(await ask(person, 'documents:writer', undefined, next)).toMatchObject({ allowed: true });
  });

  test('does not reveal whether people outside exist', async () => {
    const invited = `invited-${orgId}@example.com`;
    const body = { email: invited, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
    const made = await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, {
      token: owner.token,
      body,
    });
    const inactive = await world.person();
    await setState(inactive.userId, 'INACTIVE');
    const elsewhere = await (await createWorld(app)).person();
    const outsiders = [
      (await world.person()).userId,
      made.json<{ userId: string }>().userId,
      inactive.userId,
      elsewhere.userId,
      '1',
    ];
    for (const caller of [owner, manager, machine]) {
      for (const userId of outsiders) {
        expect(await ask(caller, 'documents:reader', userId)).toEqual(refused('documents:reader', 'not_a_member'));
      }
    }
  });

  test('a check of a hundred permissions takes one query, which also decides on access', async () => {
    await check(machine, { userId: member.userId, permissions: ['documents:reader'] });
    const permissions = Array.from({ length: 100 }, (_, index) => `p${index}`);
    db.take();
    const response = await check(machine, { userId: member.userId, permissions });
    expect(response.json<{ results: Result[] }>().results).toHaveLength(100);
    // Whether the machine user is valid, and the result of its check.
    expect(db.take()).toHaveLength(2);
  });
});

describe('nothing is granted', () => {
  test('nothing is granted while the user is not active, and everything is granted again afterwards', async () => {
    const { userId, token } = await world.person();
    await add(userId, ['reader']);
    await setState(userId, 'INACTIVE');
    expect(await ask(owner, 'documents:reader', userId)).toEqual(refused('documents:reader', 'user_inactive'));
    expect(problem(await check({ token }, { permissions: ['documents:reader'] }))).toBe('401 unauthenticated');
    await setState(userId, 'ACTIVE');
    expect(await ask(owner, 'documents:reader', userId)).toMatchObject({ allowed: true });
  });

  test('nothing is granted while the organization is inactive, and everything again afterwards', async () => {
    const closing = await world.organization(await world.person());
    const url = `/v1/authorization/organizations/users/${member.userId}`;
    await world.call('POST', url, { token: machine.token, orgId: closing, body: { roles: ['reader'] } });
    await setStatus(closing, 'Inactive');
    for (const caller of [machine, world.admin]) {
      const result = await ask(caller, 'documents:reader', member.userId, closing);
      expect(result).toEqual(refused('documents:reader', 'organization_inactive'));
    }
    const me = await world.call('GET', `/v1/authentication/users/me?organizationId=${closing}`, {
      token: member.token,
    });
    expect(me.json()).toMatchObject({ organizations: [{ status: 'Inactive', roles: [], permissions: [] }] });
    await setStatus(closing, 'Active');
    expect(await ask(machine, 'documents:reader', member.userId, closing)).toMatchObject({ allowed: true });
  });

  test('a permission is not granted from the very call that revokes it', async () => {
    const { userId } = await world.person();
    const put = (allowedPermissions: string[]) =>
      world.call('PUT', `/v1/authorization/organizations/${orgId}/roles`, {
        token: owner.token,
        body: { roles: [{ key: 'fleeting', displayName: 'F', allowedPermissions }] },
      });
    await put(['fleeting:use']);
    await add(userId, ['fleeting']);
    expect(await ask(machine, 'fleeting:use', userId)).toMatchObject({ allowed: true });
    await put([]);
    expect(await ask(machine, 'fleeting:use', userId)).toEqual(refused('fleeting:use', 'no_role_grants_it'));
    await put(['fleeting:use']);
    await world.call('DELETE', `/v1/authorization/organizations/${orgId}/roles/fleeting`, { token: owner.token });
    expect(await ask(machine, 'fleeting:use', userId)).toEqual(refused('fleeting:use', 'no_role_grants_it'));
  });
});

test('the check and introspection never differ', async () => {
  const people = await Promise.all(
    [['reader'], ['reader', 'writer'], ['global:auditor']].map(async (roles) => {
      const person = await world.person();
      await add(person.userId, roles);
      return person;
    }),
  );
  for (const { token, userId } of people) {
    const me = await world.call('GET', `/v1/authentication/users/me?organizationId=${orgId}`, { token });
    const { permissions = [] } = me.json<{ organizations: { permissions: string[] }[] }>().organizations[0] ?? {};
    const asked = ['documents:reader', 'documents:writer', 'audit:read'];
    const { results } = (await check(machine, { userId, permissions: asked })).json<{ results: Result[] }>();
    expect(
      results
        .filter(({ allowed }) => allowed)
        .map(({ permission }) => permission)
        .toSorted(),
    ).toEqual(permissions);
  }
});

test('concurrent checks get the same results as single ones', async () => {
  const stranger = await world.person();
  const elsewhere = await createWorld(app);
  const foreign = await elsewhere.machine();
  const body = { permissions: ['documents:reader', 'audit:read'] };
  const others = { ...body, userId: owner.userId };
  const url = `/v1/authorization/organizations/${orgId}/permissions/check`;
  const calls = [
    () => check(member, body),
    () => check(owner, { ...body, userId: member.userId }),
    () => check(member, others),
    () => check(stranger, body),
    () => check(machine, others),
    () => check(machine, others, '1'),
    () => elsewhere.call('POST', url, { token: foreign.token, body: others }),
  ];
  const answerOf = ({ body: text }: { body: string }) => text.replace(/"requestId":"[^"]*"/, '');
  const alone: string[] = [];
  for (const call of calls) alone.push(answerOf(await call()));
  const together = await Promise.all(calls.map((call) => call()));
  expect(together.map(answerOf)).toEqual(alone);
  expect(together.map((response) => response.statusCode)).toEqual([200, 200, 403, 404, 200, 404, 404]);
});

test('questions of one moment share a statement, each with its own relation', async () => {
  const asker = { isMachine: false, isSuperAdmin: false, userId: member.userId };
  const { userId } = member;
  const { appId } = world;
  const question = { appId, orgId, asker, userId, sessionId: undefined, permissions: ['documents:reader'] };
  const elsewhere = await createWorld(app);
  const questions = [
    question,
    { ...question, orgId: '1' },
    { ...question, asker: { ...asker, isMachine: true } },
    { ...question, asker: { ...asker, userId: elsewhere.admin.userId } },
  ];
  db.take();
  const answers = await Promise.all(questions.map(app.services.checkPermissions));
  expect(db.take()).toHaveLength(1);
  expect(answers.map(({ relation }) => relation?.held)).toEqual([
    ['ORG_MEMBER'],
    undefined,
    ['GENERIC_MACHINE_USER'],
    [],
  ]);
  expect(answers.map(({ results }) => results.map(({ allowed }) => allowed))).toEqual([[true], [], [true], [true]]);
});
