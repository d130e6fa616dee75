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

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner);
  manager = await world.manager(orgId);
  member = await world.member(orgId);
  machine = await world.machine();
  const { appId } = world;
  await app.db.query(sql`
    INSERT INTO roles (app_id, scope_id, key, display_name, permissions, created_at, updated_at)
    VALUES (${appId}, 0, 'global:auditor', 'Auditor', '{audit:read}', now(), now())`);
});
afterAll(() => app?.close());

const urlOf = ({ userId }: { userId: string }) => `/v1/authorization/organizations/users/${userId}`;
const add = (user: { userId: string }, roles: unknown, { token }: { token: string } = owner, into = orgId) =>
  world.call('POST', urlOf(user), { token, orgId: into, body: { roles } });
const held = async ({ userId }: { userId: string }, into = orgId) => {
  const rows = await app.db.query<{ role_key: string }>(
    sql`SELECT role_key FROM member_roles WHERE org_id = ${into} AND user_id = ${userId} ORDER BY role_key`,
  );
  return rows.map((row) => row.role_key);
};
async function refused(...attempt: Parameters<typeof add>) {
  const before = await world.rows();
  const response = await add(...attempt);
  expect(await world.rows()).toEqual(before);
  return problem(response);
}

describe('adding a user is refused', () => {
  test('adding a user without the id of the organization, or with a malformed one, is refused', async () => {
    const { token } = owner;
    const body = { roles: ['reader'] };
    expect(problem(await world.call('POST', urlOf(member), { token, body }))).toBe('400 org_id_required');
    expect(problem(await world.call('POST', urlOf(member), { token, body, orgId: '' }))).toBe('400 org_id_required');
    const malformed = await world.call('POST', urlOf(member), { token, body, orgId: 'mine' });
    expect(problem(malformed)).toBe('400 validation_failed');
    expect(Object.keys(faults(malformed))).toEqual(['/headers/x-iam-orgid']);
  });

  test.each<[what: string, body: unknown, pointer: string]>([
    ['without roles', {}, '/body/roles'],
    ['with no role', { roles: [] }, '/body/roles'],
    ['with text for roles', { roles: 'reader' }, '/body/roles'],
    ['with an empty role', { roles: [''] }, '/body/roles/0'],
    ['with a number as role', { roles: ['reader', 1] }, '/body/roles/1'],
    ['with 101 roles', { roles: Array(101).fill('reader') }, '/body/roles'],
    ['with an unknown field', { roles: ['reader'], orgId: '1' }, '/body/orgId'],
  ])('%s', async (_, body, pointer) => {
    const response = await world.call('POST', urlOf(member), { token: owner.token, orgId, body });
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('adding a user is refused for everyone who neither owns nor manages the organization', async () => {
    const neighbour = await world.person();
    await world.organization(neighbour);
    const elsewhere = await createWorld(app);
    expect(problem(await world.call('POST', urlOf(member), { orgId, body: { roles: ['reader'] } }))).toBe(
      '401 unauthenticated',
    );
    expect(await refused(member, ['writer'], elsewhere.admin)).toBe('401 unauthenticated');
    expect(await refused(member, ['writer'], member)).toBe('403 access_denied');
    expect(await refused(member, ['writer'], await world.person())).toBe('404 organization_not_found');
    expect(await refused(member, ['writer'], neighbour)).toBe('404 organization_not_found');
    expect(await refused(member, ['writer'], world.admin, '1')).toBe('404 organization_not_found');
  });

  test.each(['nobody-defined-this', 'ORG_OWNER', 'ORG_USER_MANAGER', 'auditor', 'global:reader', 'READER'])(
    'adding a user with the unknown role %s is refused by its name, and nothing is added',
    async (role) => {
      const response = await add(member, ['writer', role]);
      expect(problem(response)).toBe('400 unknown_role');
      expect(response.json<{ detail: string }>().detail).toContain(`"${role}"`);
      expect(await held(member)).toEqual(['reader']);
    },
  );

  test('adding a user with a role of another organization is refused to every caller', async () => {
    const theirs = await world.organization(owner, { roles: ['theirs', 'reader'] });
    for (const caller of [owner, machine, world.admin]) {
      expect(await refused(member, ['theirs'], caller)).toBe('400 unknown_role');
    }
    expect((await add(member, ['theirs'], owner, theirs)).statusCode).toBe(200);
    expect([await held(member), await held(member, theirs)]).toEqual([['reader'], ['theirs']]);
  });

  test.each(['INVITED', 'INACTIVE'])('adding a user who is %s is refused', async (state) => {
    const person = await world.person();
    await app.db.query(
      sql`UPDATE users SET state = ${state}, password_hash = NULL, claimed_by = NULL WHERE id = ${person.userId}`,
    );
    for (const caller of [machine, world.admin]) {
      expect(await refused(person, ['reader'], caller)).toBe('409 user_not_active');
    }
  });
});

/** Two calls that grant a role: by user id, and by e-mail address. */
const ways: [
  way: string,
  grant: (of: World, user: Person, role: string, caller: { token: string }, into: string) => ReturnType<World['call']>,
][] = [
  [
    'by id',
    (of, user, role, { token }, into) => of.call('POST', urlOf(user), { token, orgId: into, body: { roles: [role] } }),
  ],
  [
    'by e-mail',
    (of, { email }, role, { token }, into) => {
      const body = { email, firstName: 'Jon', lastName: 'Doe', role };
      return of.call('POST', `/v1/authorization/organizations/${into}/members`, { token, body });
    },
  ],
];

describe('people that a caller may name', () => {
  test('owners and managers: no user whom they cannot see', async () => {
    const stranger = await world.person();
    const elsewhere = await createWorld(app);
    const foreign = await elsewhere.person();
    for (const caller of [owner, manager]) {
      for (const user of [stranger, foreign, world.admin, { userId: '1' }]) {
        expect(await refused(user, ['reader'], caller)).toBe('404 user_not_found');
      }
    }
    expect(await refused(foreign, ['reader'], machine)).toBe('404 user_not_found');
    expect(await refused(foreign, ['reader'], world.admin)).toBe('404 user_not_found');
  });

  test('owners and managers: no user with whom they only share an organization', async () => {
    const shared = await world.organization(await world.person());
    const colleague = await world.member(shared);
    const { token } = world.admin;
    const body = { email: owner.email, firstName: 'Jon', lastName: 'Doe', role: 'reader' };
    await world.call('POST', `/v1/authorization/organizations/${shared}/members`, { token, body });
    expect(await refused(colleague, ['reader'], owner)).toBe('404 user_not_found');
  });

  test('owners and managers name members of other organizations that they own or manage', async () => {
    const second = await world.organization(owner);
    const known = await world.member(second);
    expect((await add(known, ['reader'], owner)).statusCode).toBe(200);

    const body = { email: manager.email, firstName: 'Jon', lastName: 'Doe' };
    const { token } = owner;
    await world.call('POST', `/v1/authorization/organizations/${second}/managers`, { token, body });
    const another = await world.member(second);
    expect((await add(another, ['reader'], manager)).statusCode).toBe(200);
    expect(await held(another)).toEqual(['reader']);
  });

  test('super admins and machines name any user of the app', async () => {
    for (const caller of [machine, world.admin]) {
      const stranger = await world.person({ verified: false });
      expect((await add(stranger, ['reader'], caller)).statusCode).toBe(200);
      expect(await held(stranger)).toEqual(['reader']);
    }
  });
});

describe('a manager', () => {
  test.each(ways)('never changes an owner, another manager or themselves %s', async (_, grant) => {
    const other = await world.manager(orgId);
    const before = await world.rows();
    for (const user of [owner, other, manager]) {
      expect(problem(await grant(world, user, 'reader', manager, orgId))).toBe('403 access_denied');
    }
    expect(await world.rows()).toEqual(before);
  });

  test('changes members', async () => {
    const somebody = await world.member(orgId);
    expect((await add(somebody, ['writer'], manager)).statusCode).toBe(200);
    expect(await held(somebody)).toEqual(['reader', 'writer']);
  });

  test.each(ways)('grants only roles that they have, if the app requires it, %s', async (_, grant) => {
    const strict = await createWorld(app, { settings: { managersMayGrantAnyRole: false } });
    const strictOwner = await strict.person();
    const into = await strict.organization(strictOwner);
    const [limited, somebody] = [await strict.manager(into), await strict.member(into)];
    const before = await strict.rows();
    expect(problem(await grant(strict, somebody, 'writer', limited, into))).toBe('403 access_denied');
    expect(await strict.rows()).toEqual(before);
    await grant(strict, limited, 'writer', strictOwner, into);
    await grant(strict, somebody, 'writer', limited, into);
    expect([await held(limited, into), await held(somebody, into)]).toEqual([['writer'], ['reader', 'writer']]);
  });

  test('a manager who owns the organization too counts as an owner', async () => {
    const both = await world.manager(orgId);
    const body = { email: both.email, firstName: 'Jon', lastName: 'Doe' };
    await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: owner.token, body });
    expect((await add(both, ['reader'], both)).statusCode).toBe(200);
  });

  test('is changed by owners, super admins and machines, and stays a manager', async () => {
    for (const caller of [owner, machine, world.admin]) {
      expect((await add(manager, ['reader'], caller)).statusCode).toBe(200);
    }
    expect((await add(owner, ['writer'], owner)).statusCode).toBe(200);
    const [row] = await app.db.query(sql`
      SELECT is_owner, is_manager FROM members WHERE org_id = ${orgId} AND user_id = ${manager.userId}`);
    expect(row).toEqual({ is_owner: false, is_manager: true });
  });
});

describe('adding a user', () => {
  test('returns the literal message, with roles in the order of the request', async () => {
    const person = await world.person();
    const response = await add(person, ['writer', 'reader'], world.admin);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ message: `User ${person.userId} added to ${orgId} as writer, reader` });
    const reversed = await add(person, ['reader', 'writer'], world.admin);
    expect(reversed.json()).toEqual({ message: `User ${person.userId} added to ${orgId} as reader, writer` });
  });

  test('adds to the existing entries, and can be repeated', async () => {
    const person = await world.member(orgId);
    for (const roles of [['writer'], ['writer', 'reader'], ['writer', 'writer'], ['global:auditor']]) {
      expect((await add(person, roles)).statusCode).toBe(200);
    }
    expect(await held(person)).toEqual(['global:auditor', 'reader', 'writer']);
    const members = await app.db.query(
      sql`SELECT 1 FROM members WHERE org_id = ${orgId} AND user_id = ${person.userId}`,
    );
    expect(members).toHaveLength(1);
  });

  test('gives the permissions of the roles from the next call on', async () => {
    const person = await world.person();
    await add(person, ['reader', 'global:auditor'], machine);
    const query = `?organizationId=${orgId}`;
    const me = await world.call('GET', `/v1/authentication/users/me${query}`, { token: person.token });
    expect(me.json()).toMatchObject({
      organizations: [{ roles: ['global:auditor', 'reader'], permissions: ['audit:read', 'documents:reader'] }],
    });
  });

  test('is recorded in the audit, with the names of the roles', async () => {
    const person = await world.person();
    await add(person, ['reader'], machine);
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'member.roles_added',
      target: `user ${person.userId}`,
      changes: ['roles.reader'],
    });
    await add(person, ['writer', 'reader', 'writer'], machine);
    expect((await world.events()).at(-1)).toMatchObject({ changes: ['roles.writer'] });
    const before = await world.rows();
    await add(person, ['reader', 'writer'], machine);
    expect(await world.rows()).toEqual(before);
  });

  test('concurrently with others keeps all roles', async () => {
    const person = await world.person();
    const attempts = ['reader', 'writer', 'global:auditor', 'reader'].map((role) => add(person, [role], machine));
    expect((await Promise.all(attempts)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
    expect(await held(person)).toEqual(['global:auditor', 'reader', 'writer']);
  });
});
