import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { introspected, keysOf, type MadeKey, organizationKey, personalKey } from '../test/world/api-keys.ts';
import { withStatus } from '../test/world/answers.ts';
import { createWorld, type Machine, type Person, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let machine: Machine;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  machine = await world.machine();
});
afterAll(() => app?.close());

const say = (key: MadeKey | string) => introspected(world, machine, typeof key === 'string' ? key : key.key);
const inactive = { active: false };

/** Each case has a separate organization with an owner, a manager and a member with the role `reader`. */
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

const stringsOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

const reading = { permissions: ['documents:reader'] };

/** A key, an event, and the permissions in introspection afterwards; undefined if the key is refused. */
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

/** A second owner, so that the first owner can leave. */
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
  'its creator is demoted and holds nothing': {
    key: ofOrganization(),
    happens: async (its) => {
      await besides(its);
      await setRoles(its.orgId, its.owner, []);
      await demote(its.orgId, its.owner);
    },
    leaves: [],
  },
  'its creator is demoted and holds a role that it names': {
    key: ofOrganization({ roles: ['reader', 'writer'] }),
    happens: async (its) => {
      await besides(its);
      await setRoles(its.orgId, its.owner, ['reader']);
      await demote(its.orgId, its.owner);
    },
    leaves: reader,
  },
  'its creator is removed': {
    key: ofOrganization(),
    happens: async (its) => {
      await besides(its);
      await remove(its.orgId, its.owner);
    },
    leaves: 'refused',
  },
  'its creator is removed and rejoins': {
    key: ofOrganization(),
    happens: async (its) => {
      await besides(its);
      await remove(its.orgId, its.owner);
      await addOwner(its.orgId, its.owner);
    },
    leaves: 'refused',
  },
  'its creator leaves': {
    key: ofOrganization(),
    happens: async (its) => {
      await besides(its);
      const url = `/v1/authentication/users/me/organizations/${its.orgId}`;
      await ok(204, 'DELETE', url, { token: its.owner.token });
    },
    leaves: 'refused',
  },
  'its creator is deleted': {
    key: ofOrganization(),
    happens: async (its) => {
      await besides(its);
      await ok(200, 'DELETE', `/v1/authorization/users/${its.owner.userId}`, { token: admin() });
    },
    leaves: 'refused',
  },
  'its creator is removed and another owner adopts it': {
    key: ofOrganization(),
    happens: async (its, key) => {
      const second = await besides(its);
      await remove(its.orgId, its.owner);
      withStatus(200, await adopt(its.orgId, second, key));
    },
    leaves: reader,
  },
  'its creator is removed and the super admin adopts it': {
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

describe('the rights of an API key are decided when the key is used:', () => {
  test.each(Object.entries(cases))('%s', async (_, { key: make, happens, leaves }) => {
    const its = await scene();
    const key = await make(its);
    expect(await say(key)).toMatchObject({ active: true });
    await happens(its, key);
    const answer = await say(key);
    expect(answer['active'] === true ? answer['permissions'] : 'refused').toEqual(leaves);
  });
});

describe('a request in flight sees the key before or after the change, and never more:', () => {
  test.each(Object.entries(cases))('%s', async (_, { key: make, happens, leaves }) => {
    const its = await scene();
    const key = await make(its);
    const { permissions: before } = await say(key);
    await app.db.query(sql`UPDATE api_keys SET last_used_at = NULL WHERE app_id = ${world.appId} AND id = ${key.id}`);
    const [, ...answers] = await Promise.all([happens(its, key), say(key), say(key), say(key)]);
    const most = new Set([...stringsOf(before), ...(leaves === 'refused' ? [] : leaves)]);
    for (const answer of answers) expect(stringsOf(answer['permissions']).filter((one) => !most.has(one))).toEqual([]);
    const last = await say(key);
    expect(last['active'] === true ? last['permissions'] : 'refused').toEqual(leaves);
  });
});

describe('a key whose creator is a manager', () => {
  test('grants the roles that managers may grant by the present setting', async () => {
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

describe('a key whose creator is a machine user', () => {
  const made = async () => {
    const maker = await world.machine();
    const { orgId, owner } = await scene();
    return { maker, orgId, owner, key: await organizationKey(world, maker, orgId, reading) };
  };

  test('is valid while the machine user exists, and grants only roles that its scopes allow', async () => {
    const { maker, key } = await made();
    expect(await say(key)).toMatchObject({ active: true, permissions: reader });
    const url = `/v1/authorization/machine-users/${maker.machineUserId}`;
    await ok(200, 'PATCH', url, { token: admin(), body: { scopes: ['members:write'] } });
    expect(await say(key)).toEqual(inactive);
    await ok(200, 'PATCH', url, { token: admin(), body: { scopes: ['api-keys:write'] } });
    expect(await say(key)).toMatchObject({ active: true, permissions: [] });
    await ok(200, 'PATCH', url, { token: admin(), body: { scopes: ['api-keys:write', 'members:write'] } });
    expect(await say(key)).toMatchObject({ active: true, permissions: reader });
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
  const key = await organizationKey(world, await world.signIn(second.email), orgId);
  expect(await say(key)).toMatchObject({ permissions: reader });
  await ok(204, 'DELETE', `/v1/authorization/super-admins/${second.userId}`, { token: admin() });
  expect(await say(key)).toEqual(inactive);
});

test('an owner with all permissions may name each in a personal key, while the app allows it', async () => {
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
