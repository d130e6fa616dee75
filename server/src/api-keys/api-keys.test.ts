import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { introspected, keysOf, type MadeKey, organizationKey, personalKey } from '../test/world/api-keys.ts';
import { withStatus } from '../test/world/answers.ts';
import { createWorld, faults, type Machine, password, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let machine: Machine;
let owner: Person;
let manager: Person;
let member: Person;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  machine = await world.machine();
  owner = await world.person();
  orgId = await world.organization(owner);
  manager = await world.manager(orgId);
  member = await world.member(orgId);
});
afterAll(() => app?.close());

const mine = '/v1/authentication/users/me/api-keys';
const newPassword = 'Secret@slidezAB';
const isActive = async ({ key }: MadeKey) => (await introspected(world, machine, key))['active'];

describe('a body is refused', () => {
  const good = { name: 'key', permissions: ['documents:reader'] };
  test.each<[what: string, body: object, pointer: string]>([
    ['without rights', { name: 'key' }, '/body'],
    ['with rights that are null', { name: 'key', roles: null, permissions: null }, '/body'],
    ['with both kinds of rights', { ...good, roles: ['reader'] }, '/body'],
    ['with no role', { name: 'key', roles: [] }, '/body/roles'],
    ['with no permission', { name: 'key', permissions: [] }, '/body/permissions'],
    ['without a name', { ...good, name: ' ' }, '/body/name'],
    ['that expires now', { ...good, expiresAt: '2026-01-01T00:00:00Z' }, '/body/expiresAt'],
    ['that expires too late', { ...good, expiresAt: '9999-12-31T23:59:59Z' }, '/body/expiresAt'],
    ['with a quota of nothing', { ...good, perMinute: 0 }, '/body/perMinute'],
    ['with a field of its own', { ...good, userId: '1' }, '/body/userId'],
  ])('%s', async (_, body, pointer) => {
    const response = await world.call('POST', keysOf(orgId), { token: owner.token, body });
    expect(Object.keys(faults(response))).toContain(pointer);
  });
});

describe('a key may name only permissions that its owner has or may grant:', () => {
  test.each<[what: string, who: () => { token: string }, url: () => string, body: object, code: string]>([
    ['an unknown role', () => owner, () => keysOf(orgId), { roles: ['nobody'] }, 'unknown_role'],
    ['a permission of no role', () => owner, () => keysOf(orgId), { permissions: ['of:none'] }, 'access_denied'],
    ['one of several', () => owner, () => keysOf(orgId), { permissions: ['documents:reader', 'x'] }, 'access_denied'],
    ['for a machine user', () => machine, () => keysOf(orgId), { permissions: ['of:none'] }, 'access_denied'],
    ['a role of others', () => member, () => mine, { roles: ['writer'] }, 'access_denied'],
    ['a permission of others', () => member, () => mine, { permissions: ['documents:writer'] }, 'access_denied'],
    ['what an owner does not hold', () => owner, () => mine, { roles: ['reader'] }, 'access_denied'],
  ])('%s', async (_, who, url, rights, code) => {
    const body = { name: 'key', ...rights, ...(url() === mine && { organizationId: orgId }) };
    const response = await world.call('POST', url(), { token: who().token, body });
    expect(response.json()).toMatchObject({ code });
    expect(await app.db.query(sql`SELECT 1 FROM api_keys WHERE app_id = ${world.appId}`)).toEqual([]);
  });
});

test('the key is shown once, and stored as a hash with its last characters', async () => {
  const made = await organizationKey(world, owner, orgId);
  expect(made.key).toMatch(/^gh_k_[A-Za-z0-9_-]{49}$/);
  const list = await world.call('GET', `${keysOf(orgId)}?pageSize=100`, { token: owner.token });
  expect(list.body).not.toContain(made.key);
  expect(list.json()).toMatchObject({
    metadata: { total: 1 },
    apiKeys: [
      {
        id: made.id,
        roles: ['reader'],
        lastCharacters: made.key.slice(-4),
        lastUsedAt: null,
        maker: { kind: 'user', id: owner.userId },
      },
    ],
  });
  const [row] = await app.db.query<{ line: string }>(sql`
    SELECT to_jsonb(k)::text AS line FROM api_keys k WHERE app_id = ${world.appId} AND id = ${made.id}`);
  expect(row?.line).not.toContain(made.key.slice(5, 40));
  expect(await isActive(made)).toBe(true);
});

test('managers may take part only if the app allows it', async () => {
  const calls = async () => {
    const created = await world.call('POST', keysOf(orgId), {
      token: manager.token,
      body: { name: 'key', roles: ['reader'] },
    });
    const listed = await world.call('GET', `${keysOf(orgId)}?pageSize=1`, { token: manager.token });
    return [created.statusCode, listed.statusCode];
  };
  expect(await calls()).toEqual([403, 403]);
  const url = '/v1/authorization/apps/settings';
  const set = (managersMayMakeApiKeys: boolean) =>
    world.call('PATCH', url, { token: world.admin.token, body: { managersMayMakeApiKeys } });
  await set(true);
  expect(await calls()).toEqual([201, 200]);
  await set(false);
});

test('managers cannot prolong a key with more rights than they may grant', async () => {
  const url = '/v1/authorization/apps/settings';
  const set = (body: object) => world.call('PATCH', url, { token: world.admin.token, body });
  await set({ managersMayMakeApiKeys: true, managersMayGrantAnyRole: false });
  const expiresAt = new Date(app.clock.now().getTime() + 60_000).toISOString();
  const key = await organizationKey(world, owner, orgId, { roles: ['writer'], expiresAt });
  const change = (body: object) => world.call('PATCH', `${keysOf(orgId)}/${key.id}`, { token: manager.token, body });
  expect(problem(await change({ expiresAt: null }))).toBe('403 access_denied');
  expect(problem(await change({ perMinute: 1000 }))).toBe('403 access_denied');
  await set({ managersMayGrantAnyRole: true });
  const own = await organizationKey(world, manager, orgId, { expiresAt });
  const body = { expiresAt: null };
  const changed = await world.call('PATCH', `${keysOf(orgId)}/${own.id}`, { token: manager.token, body });
  expect(changed.statusCode).toBe(200);
  await set({ managersMayMakeApiKeys: false });
});

describe('there are at most', () => {
  test('20 personal keys, also when many are created at once', async () => {
    const person = await world.member(orgId);
    for (let count = 0; count < 17; count += 1) await personalKey(world, person, orgId);
    const body = { name: 'key', organizationId: orgId, roles: ['reader'] };
    const make = () => world.call('POST', mine, { token: person.token, body });
    const made = await Promise.all([make(), make(), make(), make(), make(), make()]);
    expect(made.filter(({ statusCode }) => statusCode === 201)).toHaveLength(3);
    expect(made.filter(({ statusCode }) => statusCode === 409).map(problem)).toEqual(
      Array.from({ length: 3 }, () => '409 api_key_limit_reached'),
    );
  });

  test('100 keys of an organization, also when many are created at once', async () => {
    const chief = await world.person();
    const full = await world.organization(chief);
    const { id } = await organizationKey(world, chief, full);
    await app.db.query(sql`
      INSERT INTO api_keys
      SELECT (jsonb_populate_record(k, jsonb_build_object('id', n, 'key_hash', '\\x' || lpad(to_hex(n), 8, '0')))).*
      FROM api_keys k, generate_series(1, 97) AS n WHERE k.app_id = ${world.appId} AND k.id = ${id}`);
    const make = (who: { token: string }) =>
      world.call('POST', keysOf(full), { token: who.token, body: { name: 'key', roles: ['reader'] } });
    const made = await Promise.all([make(chief), make(machine), make(world.admin), make(chief), make(machine)]);
    expect(made.map(({ statusCode }) => String(statusCode)).toSorted()).toEqual(['201', '201', '409', '409', '409']);
  });
});

/** A person with a personal key, a session, and a key of their organization that they created. */
async function holder() {
  const person = await world.person();
  const itsOrgId = await world.organization(person);
  const second = await world.person();
  const body = { email: second.email, firstName: 'Jon', lastName: 'Doe' };
  const url = `/v1/authorization/organizations/${itsOrgId}/owners`;
  withStatus(201, await world.call('POST', url, { token: person.token, body }));
  const roles = `/v1/authorization/organizations/users/${person.userId}`;
  const options = { token: world.admin.token, orgId: itsOrgId, body: { roles: ['reader'] } };
  withStatus(200, await world.call('POST', roles, options));
  const personal = await personalKey(world, person, itsOrgId);
  const made = await organizationKey(world, person, itsOrgId);
  return { person, second, orgId: itsOrgId, personal, made };
}
type Holder = Awaited<ReturnType<typeof holder>>;

async function resetPassword({ email }: Person): Promise<void> {
  await world.call('POST', '/v1/authentication/users/password/reset-request/email', { body: { email } });
  await runTask(app, sendPasswordResets);
  const mail = (await world.mails(email)).find(({ purpose }) => purpose === 'password_reset');
  const body = { email, verificationCode: mail?.code, newPassword };
  withStatus(200, await world.call('PUT', '/v1/authentication/users/password', { body }));
}

/** The token of the "not me" link in the newest mail of a purpose. */
async function notMeToken(email: string, purpose: string, about = ''): Promise<string> {
  const mails = await world.mails(email);
  const mail = mails.find((one) => one.purpose === purpose && one.text.includes(about));
  return /not-me#(\S+)/.exec(mail?.text ?? '')?.[1] ?? '';
}

async function reject(token: string): Promise<void> {
  const url = '/v1/authentication/users/email/verification/rejection';
  withStatus(200, await world.call('POST', url, { body: { token } }));
}

/** A person who may create keys although their account is not claimed. */
const unclaim = ({ userId }: Person) =>
  app.db.query(sql`
    UPDATE users SET claimed_by = NULL WHERE app_id = ${world.appId} AND id = ${userId}`);

/** Events that end keys, and the remaining keys of the person. */
const endings: Readonly<Record<string, { end: (its: Holder) => Promise<unknown>; organizationKeyStays: boolean }>> = {
  'a password reset': { end: ({ person }) => resetPassword(person), organizationKeyStays: true },
  'a password change': {
    end: ({ person: { userId, token } }) =>
      world.call('PUT', `/v1/authentication/users/${userId}/password`, {
        token,
        body: { currentPassword: password, newPassword },
      }),
    organizationKeyStays: true,
  },
  'a claim of the account': {
    end: async ({ person }) => {
      await unclaim(person);
      await resetPassword(person);
    },
    organizationKeyStays: false,
  },
  deactivation: {
    end: async ({ person: { userId } }) => {
      for (const verb of ['deactivate', 'reactivate']) {
        const url = `/v1/authorization/users/${userId}/${verb}`;
        withStatus(200, await world.call('POST', url, { token: world.admin.token }));
      }
    },
    organizationKeyStays: false,
  },
  '"not me" about a device': {
    end: async ({ person: { email } }) => {
      await world.call('POST', '/v1/authentication/users/sessions', { body: { email, password } });
      await reject(await notMeToken(email, 'new_device'));
    },
    organizationKeyStays: true,
  },
  '"not me" about the key of the organization': {
    end: async ({ person: { email }, orgId: organizationId }) => {
      // The key of the organization is the newest.
      expect(organizationId).not.toBe('');
      await reject(await notMeToken(email, 'api_key_created'));
    },
    organizationKeyStays: false,
  },
};

describe('personal keys end, and keys of organizations do as they should, by', () => {
  test.each(Object.entries(endings))('%s', async (_, { end, organizationKeyStays }) => {
    const its = await holder();
    expect([await isActive(its.personal), await isActive(its.made)]).toEqual([true, true]);
    await end(its);
    expect([await isActive(its.personal), await isActive(its.made)]).toEqual([false, organizationKeyStays]);
  });
});

test('an owner adopts a key whose creator was deactivated', async () => {
  const its = await holder();
  await endings['deactivation']?.end(its);
  const list = await world.call('GET', `${keysOf(its.orgId)}?pageSize=10`, { token: its.second.token });
  expect(list.json()).toMatchObject({ apiKeys: [{ id: its.made.id, maker: null }] });
  const url = `${keysOf(its.orgId)}/${its.made.id}/adopt`;
  expect((await world.call('POST', url, { token: its.second.token })).json()).toMatchObject({
    maker: { kind: 'user', id: its.second.userId },
  });
  expect(await isActive(its.made)).toBe(true);
});

describe('the mail about a new key', () => {
  test('names it, and is sent to its creator', async () => {
    const { person, personal } = await holder();
    const mail = (await world.mails(person.email)).filter(({ purpose }) => purpose === 'api_key_created');
    expect(mail).toHaveLength(2);
    expect(mail[0]?.text).toContain('“key”');
    expect(mail.some(({ text, html }) => `${text}${html}`.includes(personal.key))).toBe(false);
  });

  test('is not sent to an address that is not verified', async () => {
    const person = await world.person({ verified: false });
    const roles = `/v1/authorization/organizations/users/${person.userId}`;
    await world.call('POST', roles, { token: world.admin.token, orgId, body: { roles: ['reader'] } });
    await personalKey(world, person, orgId);
    expect((await world.mails(person.email)).map(({ purpose }) => purpose)).not.toContain('api_key_created');
  });
});

describe('a key is not created by a call that waited while', () => {
  test.each<[what: string, run: (person: Person) => Promise<unknown>]>([
    ['the password was reset', resetPassword],
    [
      'the membership ended',
      ({ userId }) =>
        world.call('DELETE', `/v1/authorization/organizations/users/${userId}`, { token: world.admin.token, orgId }),
    ],
    [
      'the account was deactivated',
      ({ userId }) => world.call('POST', `/v1/authorization/users/${userId}/deactivate`, { token: world.admin.token }),
    ],
  ])('%s', async (_, run) => {
    const person = await world.member(orgId);
    const body = { name: 'key', organizationId: orgId, roles: ['reader'] };
    const [made] = await Promise.all([world.call('POST', mine, { token: person.token, body }), run(person)]);
    const isGood = made.statusCode === 201 && (await isActive(made.json<MadeKey>()));
    expect(isGood).toBe(false);
    const left = await app.db.query(sql`
      SELECT 1 FROM api_keys WHERE app_id = ${world.appId} AND user_id = ${person.userId}`);
    expect(left).toEqual([]);
  });
});
