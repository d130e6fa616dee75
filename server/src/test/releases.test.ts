import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { type Db, sql } from '../db/db.ts';
import { isCurrent, migrate } from '../db/migrate.ts';
import { createSealer } from '../keys/seal.ts';
import { reseal } from '../operate/reseal.ts';
import { createTestClock } from './clock.ts';
import { openEmptyDatabase } from './database.ts';
import { buildTestApp, masterKey, type TestApp } from './setup.ts';
import { problem } from './world/world.ts';

/**
 * Dumps of databases that releases filled through their API (`.ci/tools/dump-release.js`). Each is migrated to the
 * present schema, and every response of the release must still be returned.
 */
const directory = new URL('fixtures/releases/', import.meta.url);
const releases = readdirSync(directory).flatMap((file) => /^(.+)\.sql$/.exec(file)?.[1] ?? []);

const call = z.object({
  as: z.string(),
  path: z.string(),
  headers: z.record(z.string(), z.string()),
});
const credentials = z.object({ email: z.string(), password: z.string() });
const record = z.object({
  time: z.coerce.date(),
  tokens: z.record(z.string(), z.string()),
  people: z.array(credentials),
  machine: z.object({ clientId: z.string(), clientSecret: z.string() }),
  invitation: z.object({ orgId: z.string(), email: z.string(), verificationCode: z.string() }),
  organization: z.object({ path: z.string(), metadata: z.record(z.string(), z.string()) }),
  answers: z.array(call.extend({ body: z.unknown() })),
  replay: call.extend({ body: z.unknown(), answer: z.unknown() }).optional(),
});

const read = (name: string): string => readFileSync(new URL(name, directory), 'utf8');

/** Fields that differ between calls, because every call is a use. */
const changing = new Set(['lastSeenAt', 'lastUsedAt', 'expiresAt', 'exportedAt']);

/**
 * Responses that a later release must still return: the same values, and lists of the same length. Fields may be added.
 */
function stillAnswered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stillAnswered);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !changing.has(key));
  return expect.objectContaining(Object.fromEntries(kept.map(([key, inner]) => [key, stillAnswered(inner)])));
}

async function load(db: Db, dump: string): Promise<void> {
  await db.transaction((tx) => tx.script(dump));
}

describe.each(releases)('a database of %s', (release) => {
  const stored = record.parse(JSON.parse(read(`${release}.json`)));
  let running: TestApp;

  const send = (
    method: 'GET' | 'POST' | 'PATCH' | 'PUT',
    path: string,
    options: Partial<z.infer<typeof call>> & { body?: unknown } = {},
  ) =>
    running.app.inject({
      method,
      url: path,
      headers: {
        ...(options.as !== 'platform' && { 'x-app-name': 'demo' }),
        ...(options.as !== undefined &&
          stored.tokens[options.as] !== undefined && { authorization: `Bearer ${stored.tokens[options.as]}` }),
        ...options.headers,
      },
      ...(options.body !== undefined && { payload: options.body as object }),
    });

  beforeAll(async () => {
    const db = await openEmptyDatabase();
    await load(db, read(`${release}.sql`));
    await migrate(db);
    expect(await isCurrent(db)).toBe(true);
    running = await buildTestApp({ db, clock: createTestClock(stored.time) });
  });
  afterAll(() => running?.close());

  test.each(stored.answers)('still returns $as at $path', async ({ body, ...asked }) => {
    const response = await send('GET', asked.path, asked);
    expect([response.statusCode, response.json()]).toEqual([200, stillAnswered(body)]);
  });

  test('lets people sign in with their passwords', async () => {
    for (const payload of stored.people) {
      expect((await send('POST', '/v1/authentication/users/sessions', { body: payload })).statusCode).toBe(201);
    }
  });

  test('keeps the rights of the machine user', async () => {
    const asked = await send('POST', '/v1/authentication/machine-users/access-token', { body: stored.machine });
    const { token } = asked.json<{ token: string }>();
    const headers = { authorization: `Bearer ${token}` };
    for (const path of [
      'organizations?pageSize=1',
      'users?pageSize=1',
      'audit-events?pageSize=1',
      'predefined-roles',
    ]) {
      const response = await send('GET', `/v1/authorization/${path}`, { headers });
      expect([path, response.statusCode]).toEqual([path, 200]);
    }
    const audience = 'https://billing.example.com';
    const other = await send('POST', '/v1/authentication/machine-users/access-token', {
      body: { ...stored.machine, audience },
    });
    expect(other.statusCode).toBe(200);
    const billing = other.json<{ token: string }>().token;
    expect(decodeJwt(billing).aud).toBe(audience);
    const elsewhere = { authorization: `Bearer ${billing}` };
    expect(problem(await send('GET', '/v1/authorization/users?pageSize=1', { headers: elsewhere }))).toBe(
      '401 unauthenticated',
    );
    const [created] = await running.db.query<{ scopes: string[] }>(sql`SELECT scopes FROM machine_users`);
    expect(created?.scopes).toEqual(['*']);
    const { path } = stored.organization;
    const write = await send('PATCH', path, { headers, body: { metadata: { plan: 'pro' } } });
    expect([write.statusCode, write.json()]).toEqual([200, { message: 'Organization Data Updated' }]);
  });

  test('issues a token for the secret of the machine user', async () => {
    const response = await send('POST', '/v1/authentication/machine-users/access-token', { body: stored.machine });
    expect(response.statusCode).toBe(200);
  });

  test('keeps stored responses of idempotency keys', async () => {
    if (!stored.replay) return;
    const { answer, ...asked } = stored.replay;
    const response = await send('POST', asked.path, asked);
    expect([response.headers['idempotent-replayed'], response.json()]).toEqual(['true', answer]);
  });

  test('lets the invited person accept with the mailed code', async () => {
    const body = { ...stored.invitation, newPassword: 'testJohndoe@12AB' };
    const response = await send('PUT', '/v1/authentication/users/invite', { body });
    expect(response.statusCode).toBe(200);
    const me = await send('GET', '/v1/authentication/users/me?includeOrganizations=true', {
      headers: { authorization: `Bearer ${response.json().sessionToken}` },
    });
    expect(me.json().organizations).toMatchObject([{ id: stored.invitation.orgId, roles: ['writer'] }]);
  });

  test('has no sealed value that the master key does not open', async () => {
    const next = randomBytes(32);
    const { keys, mails, secrets } = await reseal(running.db, createSealer({ current: next, old: [masterKey] }));
    expect([keys, mails > 0, secrets]).toEqual([2, true, stored.replay ? 2 : 0]);
    await reseal(running.db, createSealer({ current: masterKey, old: [next] }));
  });

  test('can be changed like any other', async () => {
    const { path, metadata } = stored.organization;
    const body = { metadata: { upgraded: 'yes' } };
    expect((await send('PATCH', path, { as: 'owner', body })).statusCode).toBe(200);
    const after = await send('GET', `${path}?includeMetadata=true`, { as: 'owner' });
    expect(after.json().metadata).toEqual({ ...metadata, upgraded: 'yes' });
  });
});

test('there is a dump of every release', () => {
  const changelog = readFileSync(new URL('../../../CHANGELOG.md', import.meta.url), 'utf8');
  const released = Array.from(changelog.matchAll(/^## (\d+\.\d+\.\d+)/gm), ([, version]) => version);
  expect(new Set(released)).toEqual(new Set(releases));
});
