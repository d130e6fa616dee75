import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, problem, type World } from '../test/world/world.ts';

const url = '/v1/authorization/machine-users';
const idPattern = /^\d{18}$/;
const secretPattern = /^gh_m_[\w-]{43}$/;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

interface Listed {
  id: string;
  userName: string;
  lastUsedAt: string | null;
  secrets: { id: string; label: string | null; expiresAt: string | null; lastUsedAt: string | null }[];
}

const as = (token = world.admin.token) => ({ token });
const create = (userName: unknown, token?: string) => world.call('POST', url, { ...as(token), body: { userName } });
const addSecret = (id: string, body: object = {}, token?: string) =>
  world.call('POST', `${url}/${id}/secrets`, { ...as(token), body });
const remove = (path: string, token?: string) => world.call('DELETE', `${url}/${path}`, as(token));
const getToken = (clientId: string, clientSecret: string) =>
  world.call('POST', '/v1/authentication/machine-users/access-token', { body: { clientId, clientSecret } });
const listed = async () => {
  const response = await world.call('GET', `${url}?pageSize=100`, as());
  return response.json<{ machineUsers: Listed[] }>().machineUsers;
};
const find = async (id: string) => (await listed()).find((machine) => machine.id === id);
const works = async (token: string) =>
  (await world.call('GET', '/v1/authorization/organizations?pageSize=1', { token })).statusCode === 200;

describe('machine users are the business of super admins', () => {
  test('only super admins manage machine users', async () => {
    const owner = await world.person();
    await world.organization(owner);
    const machine = await world.machine();
    const id = machine.machineUserId;
    const before = await world.rows();
    for (const { token } of [owner, machine]) {
      expect(problem(await create('theirs', token))).toBe('403 access_denied');
      expect(problem(await world.call('GET', `${url}?pageSize=1`, { token }))).toBe('403 access_denied');
      expect(problem(await addSecret(id, {}, token))).toBe('403 access_denied');
      expect(problem(await remove(id, token))).toBe('403 access_denied');
      expect(problem(await remove(`${id}/secrets/${machine.secretId}`, token))).toBe('403 access_denied');
    }
    expect(problem(await world.call('POST', url, { body: { userName: 'x' } }))).toBe('401 unauthenticated');
    expect(await world.rows()).toEqual(before);
  });

  test('super admins manage only machine users of their own app', async () => {
    const elsewhere = await createWorld(app);
    const foreign = await elsewhere.machine();
    const id = foreign.machineUserId;
    expect(problem(await addSecret(id))).toBe('404 machine_user_not_found');
    expect(problem(await remove(id))).toBe('404 machine_user_not_found');
    expect(problem(await remove(`${id}/secrets/${foreign.secretId}`))).toBe('404 machine_user_not_found');
    expect(await find(id)).toBeUndefined();
    const seen = await elsewhere.call('GET', '/v1/authorization/organizations?pageSize=1', { token: foreign.token });
    expect(seen.statusCode).toBe(200);
  });
});

describe('making a machine user', () => {
  test.each<[what: string, body: unknown, pointer: string]>([
    ['without name', {}, '/body/userName'],
    ['with an empty name', { userName: '' }, '/body/userName'],
    ['with a blank name', { userName: '  ' }, '/body/userName'],
    ['with a control character', { userName: 'a\tb' }, '/body/userName'],
    ['with a name of 201 characters', { userName: 'x'.repeat(201) }, '/body/userName'],
    ['with an unknown field', { userName: 'robot', clientSecret: 'mine' }, '/body/clientSecret'],
  ])('is refused %s', async (_, body, pointer) => {
    const response = await world.call('POST', url, { ...as(), body });
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test.each(['taken', 'TAKEN', ' taken ', 'ｔａｋｅｎ'])('is refused with the taken name "%s"', async (name) => {
    await create('taken');
    const before = await world.rows();
    expect(problem(await create(name))).toBe('409 machine_user_name_taken');
    expect(await world.rows()).toEqual(before);
  });

  test('returns its first secret, which no other call returns', async () => {
    const response = await create('literal');
    expect(response.statusCode).toBe(201);
    const { machineUserId, secretId, clientSecret } = response.json<Record<string, string>>();
    expect(response.json()).toEqual({
      machineUserId: expect.stringMatching(idPattern),
      clientId: machineUserId,
      clientSecret: expect.stringMatching(secretPattern),
      secretId: expect.stringMatching(idPattern),
    });
    const [row] = await app.db.query<{ stored: string; hash: Buffer }>(
      sql`SELECT to_jsonb(s)::text AS stored, secret_hash AS hash FROM machine_secrets s WHERE id = ${secretId}`,
    );
    expect(row?.hash).toHaveLength(32);
    expect(row?.stored).not.toContain(clientSecret);
    expect(JSON.stringify(await listed())).not.toContain(clientSecret);
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'machine_user.created',
      actor: `user ${world.admin.userId}`,
      target: `machine ${machineUserId}`,
    });
  });
});

describe('the list of machine users', () => {
  test('has the times at which they and their secrets were created and used, to the minute', async () => {
    const made = (await create('listed')).json<Record<string, string>>();
    const { machineUserId = '', clientSecret = '', secretId = '' } = made;
    const createdAt = app.clock.now().toISOString();
    const secret = { id: secretId, label: null, createdAt, expiresAt: null, lastUsedAt: null };
    const unused = {
      id: machineUserId,
      userName: 'listed',
      createdAt,
      lastUsedAt: null,
      scopes: ['*'],
      allowedAudiences: null,
      allowedNetworks: null,
      tokenLifeSeconds: null,
      secrets: [secret],
    };
    expect(await find(machineUserId)).toEqual(unused);
    await getToken(machineUserId, clientSecret);
    const used = app.clock.now().toISOString();
    app.clock.advance(59_000);
    await getToken(machineUserId, clientSecret);
    const once = { ...unused, lastUsedAt: used, secrets: [{ ...secret, lastUsedAt: used }] };
    expect(await find(machineUserId)).toEqual(once);
    app.clock.advance(1000);
    await getToken(machineUserId, clientSecret);
    expect(await find(machineUserId)).toMatchObject({ lastUsedAt: app.clock.now().toISOString() });
  });

  test('needs a page size, and pages', async () => {
    const all = (await listed()).map(({ id }) => id);
    expect(all.length).toBeGreaterThan(2);
    expect(problem(await world.call('GET', url, as()))).toBe('400 validation_failed');
    const first = await world.call('GET', `${url}?pageSize=2`, as());
    const { metadata } = first.json<{ metadata: { total: number; nextCursor: string } }>();
    expect(metadata.total).toBe(all.length);
    const rest = await world.call('GET', `${url}?pageSize=100&cursor=${metadata.nextCursor}`, as());
    const seen = [first, rest].flatMap((page) => page.json<{ machineUsers: Listed[] }>().machineUsers);
    expect(seen.map(({ id }) => id)).toEqual(all);
  });
});

describe('a further secret', () => {
  test.each<[what: string, body: object, pointer: string]>([
    ['with an empty label', { label: '' }, '/body/label'],
    ['with a label of 101 characters', { label: 'x'.repeat(101) }, '/body/label'],
    ['with a time that is none', { expiresAt: 'tomorrow' }, '/body/expiresAt'],
    ['with a day only', { expiresAt: '2999-01-01' }, '/body/expiresAt'],
    ['with a time that is past', { expiresAt: '2020-01-01T00:00:00Z' }, '/body/expiresAt'],
    ['with a time that is in the year 10000 in UTC', { expiresAt: '9999-12-31T23:59:59-00:01' }, '/body/expiresAt'],
    ['with a year of five digits', { expiresAt: '+010000-01-01T00:00:00Z' }, '/body/expiresAt'],
    ['with a secret of one’s own', { clientSecret: 'x' }, '/body/clientSecret'],
  ])('is refused %s', async (_, body, pointer) => {
    const { machineUserId } = await world.machine();
    const response = await addSecret(machineUserId, body);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('is refused for a machine user that is not there', async () => {
    expect(problem(await addSecret('1'))).toBe('404 machine_user_not_found');
    expect(problem(await addSecret('robot'))).toBe('400 validation_failed');
  });

  test('works in addition to the first secret, with the given label and time', async () => {
    const { machineUserId, clientSecret } = await world.machine();
    const plain = await addSecret(machineUserId);
    expect(plain.statusCode).toBe(201);
    const shape = {
      secretId: expect.stringMatching(idPattern),
      clientSecret: expect.stringMatching(secretPattern),
    };
    expect(plain.json()).toEqual(shape);
    const full = await addSecret(machineUserId, { label: ' deploy ', expiresAt: '2999-01-01t02:00:00+02:00' });
    expect(full.json()).toEqual({ ...shape, label: 'deploy', expiresAt: '2999-01-01T00:00:00.000Z' });
    for (const secret of [clientSecret, plain.json<Record<string, string>>()['clientSecret'] ?? '']) {
      expect((await getToken(machineUserId, secret)).statusCode).toBe(200);
    }
  });

  test('counts to at most 5 secrets, even with concurrent requests', async () => {
    const { machineUserId, secretId } = await world.machine();
    const responses = await Promise.all(Array.from({ length: 10 }, () => addSecret(machineUserId)));
    const outcomes = responses.map(({ statusCode }) => statusCode);
    expect(outcomes.filter((status) => status === 201)).toHaveLength(4);
    expect(outcomes.filter((status) => status === 409)).toHaveLength(6);
    expect(problem(await addSecret(machineUserId))).toBe('409 machine_secret_limit_exceeded');
    expect((await find(machineUserId))?.secrets).toHaveLength(5);
    expect((await remove(`${machineUserId}/secrets/${secretId}`)).statusCode).toBe(204);
    expect((await addSecret(machineUserId)).statusCode).toBe(201);
  });

  test('stops when its time is over, and its tokens with it', async () => {
    const { machineUserId, token: lasting } = await world.machine();
    const expiresAt = new Date(app.clock.now().getTime() + 3_600_000).toISOString();
    const { clientSecret = '' } = (await addSecret(machineUserId, { expiresAt })).json<Record<string, string>>();
    app.clock.advance(3_599_000);
    const { token } = (await getToken(machineUserId, clientSecret)).json<{ token: string }>();
    expect(await works(token)).toBe(true);
    app.clock.advance(1000);
    expect(problem(await getToken(machineUserId, clientSecret))).toBe('401 invalid_client');
    expect([await works(token), await works(lasting)]).toEqual([false, true]);
  });

  test.each<[what: string, endsAfterMs: number, expected: number]>([
    ['ends with its secret', 600_000, 601],
    ['ends with its secret within a second', 999, 1],
    ['has its own lifetime if the secret lives longer', 86_400_000, 43_199],
  ])('a token for another service %s', async (_, endsAfterMs, expected) => {
    app.clock.advance(1000 - (app.clock.now().getTime() % 1000));
    await world.reauthenticate();
    const { machineUserId } = await world.machine();
    const end = new Date(app.clock.now().getTime() + endsAfterMs);
    const made = await addSecret(machineUserId, { expiresAt: end.toISOString() });
    const { clientSecret } = made.json<{ clientSecret: string }>();
    const body = { clientId: machineUserId, clientSecret, audience: 'documents' };
    const response = await world.call('POST', '/v1/authentication/machine-users/access-token', { body });
    const { token, expiresInSeconds } = response.json<{ token: string; expiresInSeconds: number }>();
    const { iat, exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      iat: number;
      exp: number;
    };
    expect([exp - iat, expiresInSeconds, exp * 1000 <= end.getTime()]).toEqual([expected, expected, true]);
  });
});

describe('deleting', () => {
  beforeAll(() => world.reauthenticate());

  test('is refused for an unknown one', async () => {
    const [machine, other] = [await world.machine(), await world.machine()];
    expect(problem(await remove('1'))).toBe('404 machine_user_not_found');
    expect(problem(await remove(`1/secrets/${machine.secretId}`))).toBe('404 machine_user_not_found');
    const foreign = `${machine.machineUserId}/secrets/${other.secretId}`;
    expect(problem(await remove(foreign))).toBe('404 machine_secret_not_found');
    expect(await works(other.token)).toBe(true);
  });

  test('a secret refuses its tokens at once, and those of no other secret', async () => {
    const { machineUserId, secretId, clientSecret, token } = await world.machine();
    const second = (await addSecret(machineUserId)).json<Record<string, string>>()['clientSecret'] ?? '';
    const other = (await getToken(machineUserId, second)).json<{ token: string }>().token;
    expect(await works(token)).toBe(true);
    const response = await remove(`${machineUserId}/secrets/${secretId}`);
    expect([response.statusCode, response.body]).toEqual([204, '']);
    expect([await works(token), await works(other)]).toEqual([false, true]);
    expect(problem(await getToken(machineUserId, clientSecret))).toBe('401 invalid_client');
    expect(problem(await remove(`${machineUserId}/secrets/${secretId}`))).toBe('404 machine_secret_not_found');
  });

  test('a machine user refuses its tokens at once and frees its name', async () => {
    const { machineUserId, clientSecret, token } = await world.machine('short-lived');
    expect(await works(token)).toBe(true);
    expect((await remove(machineUserId)).statusCode).toBe(204);
    expect(await works(token)).toBe(false);
    expect(problem(await getToken(machineUserId, clientSecret))).toBe('401 invalid_client');
    expect(await find(machineUserId)).toBeUndefined();
    expect((await create('short-lived')).statusCode).toBe(201);
  });
});
