import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestDatabase } from '../test/database.ts';
import { recordingDb, type RecordingDb } from '../test/recording-db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { introspected, keysOf, type MadeKey, organizationKey, personalKey } from '../test/world/api-keys.ts';
import { withStatus } from '../test/world/answers.ts';
import { createWorld, type Machine, type Person, type World } from '../test/world/world.ts';

let db: RecordingDb;
let app: TestApp;
let world: World;
let machine: Machine;

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app);
  machine = await world.machine();
});
afterAll(() => app?.close());

const say = (key: MadeKey | string) => introspected(world, machine, typeof key === 'string' ? key : key.key);
const inactive = { active: false };

/** An organization of its own for each case: an owner, a manager and a member who holds `reader`. */
interface Scene {
  readonly orgId: string;
  readonly owner: Person;
  readonly manager: Person;
  readonly member: Person;
}

async function scene(): Promise<Scene> {
  const owner = await world.person();
  const orgId = await world.organization(owner);
  return { orgId, owner, manager: await world.manager(orgId), member: await world.member(orgId) };
}

const admin = () => world.admin.token;
const ok = (status: number, method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, options: object) =>
  world.call(method, url, options).then((response) => withStatus(status, response));

const putRoles = (orgId: string, key: string, allowedPermissions: readonly string[]) =>
  ok(200, 'PUT', `/v1/authorization/organizations/${orgId}/roles`, {
    token: admin(),
    body: { roles: [{ key, displayName: key, allowedPermissions }] },
  });
const deleteRole = (orgId: string, key: string) =>
  ok(204, 'DELETE', `/v1/authorization/organizations/${orgId}/roles/${key}`, { token: admin() });
const setRoles = (orgId: string, { userId }: Person, roles: readonly string[]) =>
  ok(200, 'PUT', `/v1/authorization/organizations/users/${userId}/roles`, { token: admin(), orgId, body: { roles } });
const demote = (orgId: string, { userId }: Person) =>
  ok(204, 'DELETE', `/v1/authorization/organizations/${orgId}/managers/${userId}`, { token: admin() });
const remove = (orgId: string, { userId }: Person) =>
  ok(200, 'DELETE', `/v1/authorization/organizations/users/${userId}`, { token: admin(), orgId });
const addOwner = (orgId: string, { email }: Person) =>
  ok(201, 'POST', `/v1/authorization/organizations/${orgId}/owners`, {
    token: admin(),
    body: { email, firstName: 'Jon', lastName: 'Doe' },
  });
const settings = (patch: object) =>
  ok(200, 'PATCH', '/v1/authorization/apps/settings', { token: admin(), body: patch });
const adopt = (orgId: string, { token }: Person, { id }: MadeKey) =>
  world.call('POST', `${keysOf(orgId)}/${id}/adopt`, { token });

const reading = { permissions: ['documents:reader'] };

describe('an API key is described', () => {
  test('of an organization', async () => {
    const { orgId, owner } = await scene();
    const expiresAt = new Date(app.clock.now().getTime() + 3_600_000);
    const key = await organizationKey(world, owner, orgId, { ...reading, expiresAt: expiresAt.toISOString() });
    expect(await say(key)).toEqual({
      active: true,
      kind: 'api_key',
      sub: orgId,
      iss: `http://127.0.0.1:3000/apps/${world.appName}`,
      iat: Math.floor(app.clock.now().getTime() / 1000),
      exp: Math.floor(expiresAt.getTime() / 1000),
      org_id: orgId,
      permissions: ['documents:reader'],
      key_id: key.id,
      key_owner: 'organization',
    });
  });

  test('of a person', async () => {
    const { orgId, member } = await scene();
    const key = await personalKey(world, member, orgId);
    expect(await say(key)).toMatchObject({
      active: true,
      sub: member.userId,
      org_id: orgId,
      permissions: ['documents:reader'],
      key_owner: 'user',
    });
  });

  test('in one statement, together with others, and its use is recorded once a minute', async () => {
    const { orgId, owner } = await scene();
    const keys = [await organizationKey(world, owner, orgId), await organizationKey(world, owner, orgId)];
    await Promise.all(keys.map(say));
    db.take();
    const answers = await Promise.all([...keys, ...keys].map(say));
    expect(answers.map(({ active }) => active)).toEqual([true, true, true, true]);
    expect(db.take().filter((text) => text.includes('api_keys'))).toHaveLength(1);
    const list = await world.call('GET', `${keysOf(orgId)}?pageSize=10`, { token: owner.token });
    const { apiKeys } = list.json<{ apiKeys: { lastUsedAt: string }[] }>();
    expect(apiKeys.map(({ lastUsedAt }) => lastUsedAt)).toEqual(keys.map(() => app.clock.now().toISOString()));
    app.clock.advance(60_000);
    await say(keys[0] ?? '');
    expect(db.take().filter((text) => text.includes('last_used_at ='))).toHaveLength(1);
  });

  test.each([
    ['with a wrong checksum', (key: string) => `${key.slice(0, -1)}${key.endsWith('A') ? 'Q' : 'A'}`],
    ['that is too short', (key: string) => key.slice(0, -1)],
  ])('as inactive without the database: one %s', async (_, change) => {
    const { orgId, owner } = await scene();
    const { key } = await organizationKey(world, owner, orgId);
    await say(key);
    db.take();
    expect(await say(change(key))).toEqual(inactive);
    expect(db.take().filter((text) => text.includes('api_keys'))).toEqual([]);
  });

  test('as inactive in another app', async () => {
    const other = await createWorld(app);
    const { orgId, owner } = await scene();
    const { key } = await organizationKey(world, owner, orgId);
    expect(await introspected(other, await other.machine(), key)).toEqual(inactive);
  });
});

/** A key, what happens, and what introspection says afterwards: permissions, or nothing of a key that is refused. */
interface Case {
  readonly key: (scene: Scene) => Promise<MadeKey>;
  readonly happens: (scene: Scene, key: MadeKey) => Promise<unknown>;
  readonly leaves: readonly string[] | 'refused';
}

const ofOrganization =
  (body: object = {}, who: 'owner' | 'manager' = 'owner') =>
  (its: Scene): Promise<MadeKey> =>
    organizationKey(world, its[who], its.orgId, body);
const ofMember =
  (body: object = {}) =>
  ({ member, orgId }: Scene): Promise<MadeKey> =>
    personalKey(world, member, orgId, body);
const reader = ['documents:reader'];

/** A second owner, so that the first can go. */
const besides = async ({ orgId }: Scene): Promise<Person> => {
  const second = await world.person();
  await addOwner(orgId, second);
  return second;
};

const cases: Readonly<Record<string, Case>> = {
  'personal: its person loses the role': {
    key: ofMember(),
    happens: ({ orgId, member }) => setRoles(orgId, member, []),
    leaves: [],
  },
  'personal: its person gets more than it names': {
    key: ofMember(reading),
    happens: ({ orgId, member }) => setRoles(orgId, member, ['reader', 'writer']),
    leaves: reader,
  },
  'personal: its person is removed': {
    key: ofMember(),
    happens: ({ orgId, member }) => remove(orgId, member),
    leaves: 'refused',
  },
  'personal: its person is removed and comes back': {
    key: ofMember(),
    happens: async ({ orgId, member }) => {
      await remove(orgId, member);
      const url = `/v1/authorization/organizations/users/${member.userId}`;
      await ok(200, 'POST', url, { token: admin(), orgId, body: { roles: ['reader'] } });
    },
    leaves: 'refused',
  },
  'personal: its person is deleted': {
    key: ofMember(),
    happens: ({ member }) => ok(200, 'DELETE', `/v1/authorization/users/${member.userId}`, { token: admin() }),
    leaves: 'refused',
  },
  'a role that it names gets more': {
    key: ofOrganization(),
    happens: ({ orgId }) => putRoles(orgId, 'reader', ['documents:reader', 'documents:print']),
    leaves: ['documents:print', 'documents:reader'],
  },
  'a role gets more than the permissions that it names': {
    key: ofOrganization(reading),
    happens: ({ orgId }) => putRoles(orgId, 'reader', ['documents:reader', 'documents:print']),
    leaves: reader,
  },
  'the role is edited to give none of it': {
    key: ofOrganization(reading),
    happens: ({ orgId }) => putRoles(orgId, 'reader', []),
    leaves: [],
  },
  'the role is deleted': { key: ofOrganization(), happens: ({ orgId }) => deleteRole(orgId, 'reader'), leaves: [] },
  'the role is deleted and another of its name is made': {
    key: ofOrganization(),
    happens: async ({ orgId }) => {
      await deleteRole(orgId, 'reader');
      await putRoles(orgId, 'reader', ['everything']);
    },
    leaves: [],
  },
  'its maker is demoted and holds nothing': {
    key: ofOrganization(),
    happens: async (its) => {
      await besides(its);
      await setRoles(its.orgId, its.owner, []);
      await demote(its.orgId, its.owner);
    },
    leaves: [],
  },
  'its maker is demoted and holds a role that it names': {
    key: ofOrganization({ roles: ['reader', 'writer'] }),
    happens: async (its) => {
      await besides(its);
      await setRoles(its.orgId, its.owner, ['reader']);
      await demote(its.orgId, its.owner);
    },
    leaves: reader,
  },
  'its maker is removed': {
    key: ofOrganization(),
    happens: async (its) => {
      await besides(its);
      await remove(its.orgId, its.owner);
    },
    leaves: 'refused',
  },
  'its maker is removed and comes back': {
    key: ofOrganization(),
    happens: async (its) => {
      await besides(its);
      await remove(its.orgId, its.owner);
      await addOwner(its.orgId, its.owner);
    },
    leaves: 'refused',
  },
  'its maker leaves': {
    key: ofOrganization(),
    happens: async (its) => {
      await besides(its);
      const url = `/v1/authentication/users/me/organizations/${its.orgId}`;
      await ok(204, 'DELETE', url, { token: its.owner.token });
    },
    leaves: 'refused',
  },
  'its maker is deleted': {
    key: ofOrganization(),
    happens: async (its) => {
      await besides(its);
      await ok(200, 'DELETE', `/v1/authorization/users/${its.owner.userId}`, { token: admin() });
    },
    leaves: 'refused',
  },
  'its maker is removed and another owner adopts it': {
    key: ofOrganization(),
    happens: async (its, key) => {
      const second = await besides(its);
      await remove(its.orgId, its.owner);
      withStatus(200, await adopt(its.orgId, second, key));
    },
    leaves: reader,
  },
  'its maker is removed and the super admin adopts it': {
    key: ofOrganization(),
    happens: async (its, key) => {
      await besides(its);
      await remove(its.orgId, its.owner);
      withStatus(200, await adopt(its.orgId, world.admin, key));
    },
    leaves: reader,
  },
  'the organization is deactivated': {
    key: ofOrganization(),
    happens: ({ orgId }) => ok(200, 'POST', `/v1/authorization/organizations/${orgId}/deactivate`, { token: admin() }),
    leaves: 'refused',
  },
  'the organization is deactivated and reactivated': {
    key: ofOrganization(),
    happens: async ({ orgId }) => {
      await ok(200, 'POST', `/v1/authorization/organizations/${orgId}/deactivate`, { token: admin() });
      await ok(200, 'POST', `/v1/authorization/organizations/${orgId}/reactivate`, { token: admin() });
    },
    leaves: reader,
  },
  'the organization is deleted': {
    key: ofOrganization(),
    happens: ({ orgId }) => ok(204, 'DELETE', `/v1/authorization/organizations/${orgId}`, { token: admin() }),
    leaves: 'refused',
  },
  'it is revoked': {
    key: ofOrganization(),
    happens: ({ orgId, owner }, { id }) => ok(204, 'DELETE', `${keysOf(orgId)}/${id}`, { token: owner.token }),
    leaves: 'refused',
  },
  'it expires': {
    key: (its) => {
      const expiresAt = new Date(app.clock.now().getTime() + 1000).toISOString();
      return organizationKey(world, its.owner, its.orgId, { expiresAt });
    },
    happens: () => Promise.resolve(app.clock.advance(1000)),
    leaves: 'refused',
  },
};

describe('what a key may do is decided when it is used:', () => {
  test.each(Object.entries(cases))('%s', async (_, { key: make, happens, leaves }) => {
    const its = await scene();
    const key = await make(its);
    expect(await say(key)).toMatchObject({ active: true });
    await happens(its, key);
    const answer = await say(key);
    expect(answer['active'] === true ? answer['permissions'] : 'refused').toEqual(leaves);
  });
});

describe('a key whose maker is a manager', () => {
  test('gives what managers may grant, by the setting of this moment', async () => {
    await settings({ managersMayMakeApiKeys: true });
    const its = await scene();
    const key = await ofOrganization({ roles: ['reader', 'writer'] }, 'manager')(its);
    expect(await say(key)).toMatchObject({ permissions: ['documents:reader', 'documents:writer'] });
    await settings({ managersMayGrantAnyRole: false });
    expect(await say(key)).toMatchObject({ permissions: [] });
    await setRoles(its.orgId, its.manager, ['writer']);
    expect(await say(key)).toMatchObject({ permissions: ['documents:writer'] });
    await settings({ managersMayMakeApiKeys: false, managersMayGrantAnyRole: true });
  });
});

describe('a key whose maker is a machine user', () => {
  const made = async () => {
    const maker = await world.machine();
    const { orgId, owner } = await scene();
    return { maker, orgId, owner, key: await organizationKey(world, maker, orgId, reading) };
  };

  test('is good while the machine user is there and has the scope', async () => {
    const { maker, key } = await made();
    expect(await say(key)).toMatchObject({ active: true, permissions: reader });
    const url = `/v1/authorization/machine-users/${maker.machineUserId}`;
    await ok(200, 'PATCH', url, { token: admin(), body: { scopes: ['members:write'] } });
    expect(await say(key)).toEqual(inactive);
    await ok(200, 'PATCH', url, { token: admin(), body: { scopes: ['api-keys:write'] } });
    expect(await say(key)).toMatchObject({ active: true });
    await ok(204, 'DELETE', url, { token: admin() });
    expect(await say(key)).toEqual(inactive);
  });

  test('is good again when an owner adopts it', async () => {
    const { maker, key, orgId, owner } = await made();
    await ok(204, 'DELETE', `/v1/authorization/machine-users/${maker.machineUserId}`, { token: admin() });
    withStatus(200, await adopt(orgId, owner, key));
    expect(await say(key)).toMatchObject({ active: true, permissions: reader });
  });
});

test('a key of a super admin who is no member ends with their rights', async () => {
  const second = await world.person();
  await ok(201, 'POST', '/v1/authorization/super-admins', { token: admin(), body: { email: second.email } });
  const { orgId } = await scene();
  const key = await organizationKey(world, second, orgId);
  expect(await say(key)).toMatchObject({ permissions: reader });
  await ok(204, 'DELETE', `/v1/authorization/super-admins/${second.userId}`, { token: admin() });
  expect(await say(key)).toEqual(inactive);
});

test('an owner who holds all permissions may name each in a personal key, while the app says so', async () => {
  const { orgId, owner } = await scene();
  const body = { name: 'key', organizationId: orgId, permissions: ['documents:writer'] };
  const url = '/v1/authentication/users/me/api-keys';
  expect((await world.call('POST', url, { token: owner.token, body })).statusCode).toBe(403);
  await settings({ ownersHoldAllPermissions: true });
  const key = await personalKey(world, owner, orgId, body);
  expect(await say(key)).toMatchObject({ permissions: ['documents:writer'] });
  await settings({ ownersHoldAllPermissions: false });
  expect(await say(key)).toMatchObject({ active: true, permissions: [] });
});

describe('over its quota a key', () => {
  test('stays active, with the time until the next use', async () => {
    const { orgId, owner } = await scene();
    const key = await organizationKey(world, owner, orgId, { perMinute: 2 });
    const answers = await Promise.all([say(key), say(key), say(key)]);
    expect(answers.map(({ active }) => active)).toEqual([true, true, true]);
    const over = answers.filter(({ rate }) => rate !== undefined);
    expect(over).toHaveLength(1);
    expect(over[0]?.['rate']).toEqual({ remaining: 0, retryAfterSeconds: expect.any(Number) });
    app.clock.advance(30_000);
    expect(await say(key)).not.toHaveProperty('rate');
    expect(await say(key)).toHaveProperty('rate');
  });

  test('gets another by a change, at once', async () => {
    const { orgId, owner } = await scene();
    const key = await organizationKey(world, owner, orgId, { perMinute: 1 });
    await say(key);
    expect(await say(key)).toHaveProperty('rate');
    const url = `${keysOf(orgId)}/${key.id}`;
    await ok(200, 'PATCH', url, { token: owner.token, body: { perMinute: null } });
    expect(await say(key)).not.toHaveProperty('rate');
  });
});

test('no route accepts a key as a credential', async () => {
  const { orgId, owner, member } = await scene();
  for (const { key } of [await organizationKey(world, owner, orgId), await personalKey(world, member, orgId)]) {
    for (const headers of [{}, { cookie: `session-token=${key}` }]) {
      const response = await world.call('GET', '/v1/authentication/users/me', { token: key, headers });
      expect(response.statusCode).toBe(401);
    }
  }
});
