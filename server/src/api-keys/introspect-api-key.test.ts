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
let owner: Person;
let orgId: string;
let member: Person;

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app);
  machine = await world.machine();
  owner = await world.person();
  orgId = await world.organization(owner);
  member = await world.member(orgId);
});
afterAll(() => app?.close());

const say = (key: MadeKey | string) => introspected(world, machine, typeof key === 'string' ? key : key.key);
const inactive = { active: false };
const reading = { permissions: ['documents:reader'] };

describe('an API key is described', () => {
  test('an API key of an organization is described', async () => {
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

  test('an API key of a person is described', async () => {
    const key = await personalKey(world, member, orgId);
    expect(await say(key)).toMatchObject({
      active: true,
      sub: member.userId,
      org_id: orgId,
      permissions: ['documents:reader'],
      key_owner: 'user',
    });
  });

  test('one statement describes an API key and others, and its use is recorded once a minute', async () => {
    const chief = await world.person();
    const itsOrgId = await world.organization(chief);
    const keys = [await organizationKey(world, chief, itsOrgId), await organizationKey(world, chief, itsOrgId)];
    await Promise.all(keys.map(say));
    db.take();
    const answers = await Promise.all([...keys, ...keys].map(say));
    expect(answers.map(({ active }) => active)).toEqual([true, true, true, true]);
    expect(db.take().filter((text) => text.includes('api_keys'))).toHaveLength(1);
    const list = await world.call('GET', `${keysOf(itsOrgId)}?pageSize=10`, { token: chief.token });
    const { apiKeys } = list.json<{ apiKeys: { lastUsedAt: string }[] }>();
    expect(apiKeys.map(({ lastUsedAt }) => lastUsedAt)).toEqual(keys.map(() => app.clock.now().toISOString()));
    app.clock.advance(60_000);
    await say(keys[0] ?? '');
    expect(db.take().filter((text) => text.includes('last_used_at ='))).toHaveLength(1);
  });

  test.each([
    ['with a wrong checksum', (key: string) => `${key.slice(0, -1)}${key.endsWith('A') ? 'Q' : 'A'}`],
    ['that is too short', (key: string) => key.slice(0, -1)],
  ])('a key is described as inactive without a query: one %s', async (_, change) => {
    const { key } = await organizationKey(world, owner, orgId);
    await say(key);
    db.take();
    expect(await say(change(key))).toEqual(inactive);
    expect(db.take().filter((text) => text.includes('api_keys'))).toEqual([]);
  });

  test('an API key is described as inactive in another app', async () => {
    const other = await createWorld(app);
    const { key } = await organizationKey(world, owner, orgId);
    expect(await introspected(other, await other.machine(), key)).toEqual(inactive);
  });
});

test('a standard OAuth client gets the same answer at the endpoint of its app', async () => {
  const { key, id } = await organizationKey(world, owner, orgId, reading);
  const { machineUserId, clientSecret } = machine;
  const response = await app.app.inject({
    method: 'POST',
    url: `/apps/${world.appName}/oauth/introspect`,
    headers: {
      authorization: `Basic ${Buffer.from(`${machineUserId}:${clientSecret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    payload: new URLSearchParams({ token: key }).toString(),
  });
  expect(response.json()).toMatchObject({
    active: true,
    kind: 'api_key',
    key_id: id,
    permissions: ['documents:reader'],
  });
});

describe('over its quota a key', () => {
  test('stays active, with the time until the next use', async () => {
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

  test('the time to wait is the real one, also while the refusal is remembered', async () => {
    const key = await organizationKey(world, owner, orgId, { perMinute: 1 });
    const waits: unknown[] = [];
    for (const elapsedMs of [0, 500, 40_000]) {
      app.clock.advance(elapsedMs);
      const { rate } = await say(key);
      waits.push(rate && Object.values(rate));
    }
    app.clock.advance(19_500);
    expect([...waits, await say(key)]).toEqual([
      undefined,
      [0, 60],
      [0, 20],
      expect.not.objectContaining({ rate: expect.anything() }),
    ]);
  });

  test('gets another by a change, at once', async () => {
    const key = await organizationKey(world, owner, orgId, { perMinute: 1 });
    await say(key);
    expect(await say(key)).toHaveProperty('rate');
    const url = `${keysOf(orgId)}/${key.id}`;
    withStatus(200, await world.call('PATCH', url, { token: owner.token, body: { perMinute: null } }));
    expect(await say(key)).not.toHaveProperty('rate');
  });
});

test('no route accepts a key as a credential', async () => {
  for (const { key } of [await organizationKey(world, owner, orgId), await personalKey(world, member, orgId)]) {
    for (const headers of [{}, { cookie: `session-token=${key}` }]) {
      const response = await world.call('GET', '/v1/authentication/users/me', { token: key, headers });
      expect(response.statusCode).toBe(401);
    }
  }
});
