import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { signOrganizationMachineToken } from '../test/organization-machine-tokens.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let manager: Person;
let member: Person;
let machine: { token: string };
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  machine = await world.machine();
  const body = { roles: [{ key: 'auditor', displayName: 'Auditor', allowedPermissions: ['audit:read'] }] };
  await world.call('POST', '/v1/authorization/predefined-roles', { token: world.admin.token, body });
});
beforeEach(async () => {
  owner = await world.person();
  orgId = await world.organization(owner);
  manager = await world.manager(orgId);
  member = await world.member(orgId);
});
afterAll(() => app?.close());

type Caller = { token: string };

const usersUrl = '/v1/authorization/organizations/users';
const managersUrl = () => `/v1/authorization/organizations/${orgId}/managers`;
const invitee = (person: Person) => ({ email: person.email, firstName: 'Jon', lastName: 'Doe' });
const remove = (userId: string, { token }: Caller = owner, from = orgId) =>
  world.call('DELETE', `${usersUrl}/${userId}`, { token, orgId: from });
const demote = (userId: string, { token }: Caller = owner) =>
  world.call('DELETE', `${managersUrl()}/${userId}`, { token });
const setRoles = (userId: string, roles: unknown, { token }: Caller = owner, into = orgId) =>
  world.call('PUT', `${usersUrl}/${userId}/roles`, { token, orgId: into, body: { roles } });
const add = (userId: string, roles: string[], { token }: Caller = world.admin) =>
  world.call('POST', `${usersUrl}/${userId}`, { token, orgId, body: { roles } });
const makeOwner = async (person: Person) => {
  const url = `/v1/authorization/organizations/${orgId}/owners`;
  const response = await world.call('POST', url, { token: owner.token, body: invitee(person) });
  expect(response.statusCode).toBe(201);
};
const users = async () => {
  const url = `${usersUrl}?pageSize=100`;
  const response = await world.call('GET', url, { token: world.admin.token, orgId });
  return response.json<{
    metadata: { total: number };
    users: { id: string; roles: string[]; managerRoles: string[] }[];
  }>();
};
const held = async (userId: string) => {
  const found = (await users()).users.find(({ id }) => id === userId);
  return found && { roles: found.roles, managerRoles: found.managerRoles };
};
const deactivate = (userId: string) => app.db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE id = ${userId}`);
const lastEvent = async () => (await world.events()).at(-1);

describe('actions that managers may not take', () => {
  const whom: [string, () => Person | Promise<Person>][] = [
    ['an owner', () => owner],
    ['another manager', () => world.manager(orgId)],
    ['themselves', () => manager],
  ];

  test.each(whom)('remove %s', async (_, choose) => {
    const { userId } = await choose();
    const before = await world.rows();
    expect(problem(await remove(userId, manager))).toBe('403 access_denied');
    expect(await world.rows()).toEqual(before);
  });

  test.each(whom)('set the roles of %s', async (_, choose) => {
    const { userId } = await choose();
    const before = await world.rows();
    for (const roles of [[], ['reader']]) {
      expect(problem(await setRoles(userId, roles, manager))).toBe('403 access_denied');
    }
    expect(await world.rows()).toEqual(before);
  });

  test.each(whom)('take the manager roles of %s', async (_, choose) => {
    const { userId } = await choose();
    const before = await held(userId);
    expect(problem(await demote(userId, manager))).toBe('403 access_denied');
    expect(await held(userId)).toEqual(before);
  });

  test('grant roles that they do not have, if the app allows it; removing is not restricted', async () => {
    const strict = { settings: { managersMayGrantAnyRole: false } };
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, strict);
    await add(member.userId, ['reader', 'writer']);
    await add(manager.userId, ['global:auditor']);
    expect(problem(await setRoles(member.userId, ['reader', 'writer', 'global:auditor'], member))).toBe(
      '403 access_denied',
    );
    expect((await setRoles(member.userId, ['reader', 'global:auditor'], manager)).statusCode).toBe(200);
    expect(problem(await setRoles(member.userId, ['writer'], manager))).toBe('403 access_denied');
    expect(await held(member.userId)).toMatchObject({ roles: ['global:auditor', 'reader'] });
    const lenient = { settings: { managersMayGrantAnyRole: true } };
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, lenient);
  });
});

describe('users who are not members', () => {
  test.each<[string, () => Promise<string>]>([
    ['nobody', () => Promise.resolve('1')],
    ['a person of the app', async () => (await world.person()).userId],
    ['a machine', async () => (await world.machine()).machineUserId],
    [
      'an owner next door',
      async () => {
        const person = await world.person();
        await world.organization(person);
        return person.userId;
      },
    ],
  ])('cannot be changed: %s', async (_, choose) => {
    const userId = await choose();
    const before = await world.rows();
    for (const caller of [owner, manager, world.admin, machine]) {
      expect(problem(await remove(userId, caller))).toBe('404 user_not_found');
      expect(problem(await setRoles(userId, ['reader'], caller))).toBe('404 user_not_found');
    }
    expect(problem(await demote(userId))).toBe('404 user_not_found');
    expect(await world.rows()).toEqual(before);
  });

  test('cannot change anybody, even owners of another organization', async () => {
    const neighbour = await world.person();
    const nextDoor = await world.organization(neighbour);
    const before = await world.rows();
    expect(problem(await remove(member.userId, neighbour))).toBe('404 organization_not_found');
    expect(problem(await remove(member.userId, neighbour, nextDoor))).toBe('404 user_not_found');
    expect(problem(await setRoles(member.userId, [], neighbour, nextDoor))).toBe('404 user_not_found');
    expect(problem(await demote(manager.userId, neighbour))).toBe('404 organization_not_found');
    expect(await world.rows()).toEqual(before);
  });

  test('are people of an organization without a manager role to the list of managers', async () => {
    expect(problem(await demote(member.userId))).toBe('404 user_not_found');
    expect(problem(await world.call('GET', `${managersUrl()}?pageSize=9`, { token: member.token }))).toBe(
      '403 access_denied',
    );
  });
});

describe('a removed user', () => {
  test('loses the organization, roles and manager roles, and stays a user of the app', async () => {
    await makeOwner(member);
    await add(member.userId, ['writer', 'global:auditor']);
    const response = await remove(member.userId);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ message: `User ${member.userId} removed from organization ${orgId}` });
    expect(await users()).toMatchObject({
      metadata: { total: 2 },
      users: [{ id: owner.userId }, { id: manager.userId }],
    });
    const me = await world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', {
      token: member.token,
    });
    expect(me.json()).toMatchObject({ organizations: [] });
    const seen = await world.call('GET', `/v1/authorization/organizations/${orgId}`, { token: member.token });
    expect(problem(seen)).toBe('404 organization_not_found');
    expect(problem(await remove(member.userId))).toBe('404 user_not_found');
    expect(await lastEvent()).toMatchObject({
      action: 'member.removed',
      target: `user ${member.userId}`,
      changes: ['managerRoles.ORG_OWNER', 'roles.global:auditor', 'roles.reader', 'roles.writer'],
    });
  });

  test('may have been removed by a manager, a machine or a super admin', async () => {
    for (const caller of [manager, machine, world.admin]) {
      const { userId } = await world.member(orgId);
      expect((await remove(userId, caller)).statusCode).toBe(200);
      expect(await held(userId)).toBeUndefined();
    }
  });

  test('rejoins without the former roles', async () => {
    await remove(member.userId);
    await add(member.userId, ['writer']);
    expect(await held(member.userId)).toEqual({ roles: ['writer'], managerRoles: [] });
    expect(await users()).toMatchObject({ metadata: { total: 3 } });
  });

  test('is counted once, however many requests remove them', async () => {
    const responses = await Promise.all(Array.from({ length: 6 }, () => remove(member.userId)));
    expect(responses.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([
      200, 404, 404, 404, 404, 404,
    ]);
    expect(await users()).toMatchObject({ metadata: { total: 2 } });
  });

  test('a manager cannot remove a user who becomes an owner meanwhile', async () => {
    const [removed, promoted] = await Promise.all([
      remove(member.userId, manager),
      world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, {
        token: owner.token,
        body: invitee(member),
      }),
    ]);
    expect(promoted.statusCode).toBe(201);
    expect([200, 403]).toContain(removed.statusCode);
    expect(await held(member.userId)).toMatchObject({ managerRoles: ['ORG_OWNER'] });
  });
});

describe('the roles of a user', () => {
  test('are exactly those of the request; manager roles stay', async () => {
    await makeOwner(member);
    const response = await setRoles(member.userId, ['writer', 'global:auditor']);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      message: `User ${member.userId} now has writer, global:auditor in organization ${orgId}`,
    });
    expect(await held(member.userId)).toEqual({ roles: ['global:auditor', 'writer'], managerRoles: ['ORG_OWNER'] });
    expect(await lastEvent()).toMatchObject({
      action: 'member.roles_set',
      changes: ['roles.writer', 'roles.global:auditor', 'roles.reader'],
    });
  });

  test('may be empty: the user stays a member', async () => {
    expect((await setRoles(member.userId, [], manager)).json()).toEqual({
      message: `User ${member.userId} now has no role in organization ${orgId}`,
    });
    expect(await held(member.userId)).toEqual({ roles: [], managerRoles: [] });
    expect(await users()).toMatchObject({ metadata: { total: 3 } });
  });

  test('named twice are stored once, and a request without a change writes nothing', async () => {
    expect((await setRoles(member.userId, ['writer', 'writer'])).statusCode).toBe(200);
    expect(await held(member.userId)).toMatchObject({ roles: ['writer'] });
    const before = await world.rows();
    expect((await setRoles(member.userId, ['writer'])).statusCode).toBe(200);
    expect(await world.rows()).toEqual(before);
  });

  test.each<[unknown, string]>([
    [undefined, '400 validation_failed'],
    ['reader', '400 validation_failed'],
    [[''], '400 validation_failed'],
    [Array.from({ length: 301 }, (_, index) => `role-${index}`), '400 validation_failed'],
    [['reader', 'nobody-defined-this'], '400 unknown_role'],
    [['ORG_OWNER'], '400 unknown_role'],
    [['auditor'], '400 unknown_role'],
  ])('cannot be %j', async (roles, answer) => {
    const before = await world.rows();
    expect(problem(await setRoles(member.userId, roles))).toBe(answer);
    expect(await world.rows()).toEqual(before);
    expect(await held(member.userId)).toMatchObject({ roles: ['reader'] });
  });

  test('the roles of a deactivated user can be removed, but not granted', async () => {
    await add(member.userId, ['writer']);
    await deactivate(member.userId);
    expect(problem(await setRoles(member.userId, ['global:auditor']))).toBe('409 user_not_active');
    expect((await setRoles(member.userId, ['writer'])).statusCode).toBe(200);
    expect(await held(member.userId)).toMatchObject({ roles: ['writer'] });
  });

  test('need the header', async () => {
    const response = await world.call('PUT', `${usersUrl}/1/roles`, { token: owner.token, body: { roles: [] } });
    expect(problem(response)).toBe('400 org_id_required');
    const malformed = await world.call('DELETE', `${usersUrl}/x`, { token: owner.token, orgId });
    expect(Object.keys(faults(malformed))).toEqual(['/path/userId']);
  });
});

describe('the managers', () => {
  const list = async (query = 'pageSize=100') => {
    const response = await world.call('GET', `${managersUrl()}?${query}`, { token: manager.token });
    return response.json<{ metadata: { total: number; nextCursor?: string }; managers: { id: string }[] }>();
  };

  test('are listed with their permissions, members are not', async () => {
    await makeOwner(manager);
    await add(manager.userId, ['writer']);
    expect(await list()).toEqual({
      metadata: { total: 2 },
      managers: [
        expect.objectContaining({
          id: owner.userId,
          email: owner.email,
          displayName: 'Jon Doe',
          managerRoles: ['ORG_OWNER'],
        }),
        expect.objectContaining({
          id: manager.userId,
          roles: ['writer'],
          managerRoles: ['ORG_OWNER', 'ORG_USER_MANAGER'],
        }),
      ],
    });
  });

  test('are paged', async () => {
    const { metadata, managers } = await list('pageSize=1');
    expect([metadata.total, managers.map(({ id }) => id)]).toEqual([2, [owner.userId]]);
    const next = await list(`pageSize=1&cursor=${metadata.nextCursor}`);
    expect(next).toMatchObject({ metadata: { total: 2 }, managers: [{ id: manager.userId }] });
    expect(next.metadata).not.toHaveProperty('nextCursor');
  });

  test('lose only the manager roles', async () => {
    await add(manager.userId, ['writer']);
    await makeOwner(manager);
    const response = await demote(manager.userId);
    expect([response.statusCode, response.body]).toEqual([204, '']);
    expect(await held(manager.userId)).toEqual({ roles: ['writer'], managerRoles: [] });
    expect(await lastEvent()).toMatchObject({
      action: 'organization.manager_removed',
      changes: ['managerRoles.ORG_OWNER', 'managerRoles.ORG_USER_MANAGER'],
    });
    expect(problem(await world.call('GET', `${managersUrl()}?pageSize=9`, { token: manager.token }))).toBe(
      '403 access_denied',
    );
    expect(problem(await demote(manager.userId))).toBe('404 user_not_found');
  });

  test('managers who are owners too may revoke their own roles if there is another owner', async () => {
    await makeOwner(manager);
    expect((await demote(owner.userId)).statusCode).toBe(204);
    expect(problem(await demote(manager.userId, manager))).toBe('409 last_owner');
  });
});

describe('members of a deactivated organization', () => {
  test('super admins and machines remove, but cannot grant', async () => {
    const url = `/v1/authorization/organizations/${orgId}/deactivate`;
    await world.call('POST', url, { token: world.admin.token });
    expect(problem(await remove(member.userId))).toBe('403 organization_inactive');
    expect(problem(await setRoles(member.userId, [], machine))).toBe('409 organization_inactive_state');
    expect(problem(await remove(owner.userId, machine))).toBe('409 last_owner');
    expect((await remove(member.userId, machine)).statusCode).toBe(200);
    expect((await demote(manager.userId, world.admin)).statusCode).toBe(204);
  });
});

describe('a machine user of the organization that is a manager', () => {
  test('grants only roles that it holds itself, where the app demands it', async () => {
    await app.db.query(sql`
      UPDATE apps SET settings = settings || '{"organizationMachineUsers": true, "managersMayGrantAnyRole": false}'
      WHERE id = ${world.appId}`);
    const managing = await world.organizationMachine(orgId, { roles: ['reader'], managerRoles: ['ORG_USER_MANAGER'] });
    await world.organizationMachine(orgId, { roles: ['writer'] });
    const token = await signOrganizationMachineToken(world, { orgId, ...managing });
    expect((await setRoles(member.userId, ['reader'], { token })).statusCode).toBe(200);
    expect(problem(await setRoles(member.userId, ['writer'], { token }))).toBe('403 access_denied');
  });
});
