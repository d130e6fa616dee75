import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findApp } from '../apps/apps.store.ts';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, problem, type World } from '../test/world/world.ts';
import { limitNames, limits } from './limits.ts';
import { sweepLimits } from '../calls/sweep-limits.ts';
import { tryLimit } from '../calls/take-limit.ts';

/** Two processes on one database. */
let app: TestApp;
let other: TestApp;

beforeAll(async () => {
  app = await buildTestApp();
  other = await buildTestApp({ db: app.db });
});
afterAll(async () => {
  await other?.app.close();
  await app?.close();
});

let counter = 0;

interface From {
  process?: TestApp;
  world: World;
  ip?: string;
  headers?: Record<string, string>;
  body?: string;
}

function signUp({ process = app, world, ip = '203.0.113.7', headers = {}, body }: From) {
  const email = `somebody-${(counter += 1)}@example.com`;
  return process.app.inject({
    method: 'POST',
    url: '/v1/authentication/users',
    remoteAddress: ip,
    headers: { 'x-app-name': world.appName, 'content-type': 'application/json', ...headers },
    payload: body ?? JSON.stringify({ firstName: 'Ada', lastName: 'Lovelace', email, password }),
  });
}

const statuses = (answers: readonly { statusCode: number }[]) =>
  answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b);
/** An app whose quotas are all unused. */
async function limited(count: number): Promise<World> {
  const world = await createWorld(app, { settings: { limits: { signUpsPerAddressPerHour: count } } });
  await app.db.query(sql`DELETE FROM rate_limits WHERE app_id = ${world.appId}`);
  return world;
}
const times = <Result>(count: number, make: () => Result) => Array.from({ length: count }, make);

describe('a limit per address', () => {
  test('allows exactly its number, over all processes and under concurrent calls', async () => {
    const world = await limited(3);
    const answers = await Promise.all([
      ...times(25, () => signUp({ world })),
      ...times(25, () => signUp({ world, process: other })),
    ]);
    expect(statuses(answers)).toEqual([...times(3, () => 201), ...times(47, () => 429)]);
  });

  test('returns the time to retry, and then allows one call', async () => {
    const world = await limited(4);
    await Promise.all(times(4, () => signUp({ world })));
    const refused = await signUp({ world });
    expect(problem(refused)).toBe('429 rate_limited');
    expect(refused.headers['retry-after']).toBe('900');
    app.clock.advance(899_000);
    expect((await signUp({ world })).headers['retry-after']).toBe('1');
    app.clock.advance(1_000);
    expect(statuses([await signUp({ world }), await signUp({ world })])).toEqual([201, 429]);
    app.clock.advance(3_600_000);
    expect(statuses(await Promise.all(times(5, () => signUp({ world }))))).toEqual([201, 201, 201, 201, 429]);
  });

  test('counts each address and each app separately, and an IPv6 network of 64 bits as one address', async () => {
    const world = await limited(1);
    const neighbour = await limited(1);
    const outcomes = [];
    for (const from of [
      { world, ip: '203.0.113.7' },
      { world, ip: '::ffff:203.0.113.7' },
      { world, ip: '203.0.113.8' },
      { world: neighbour, ip: '203.0.113.7' },
      { world, ip: '2001:db8:1:2::1' },
      { world, ip: '2001:db8:1:2:ffff::9' },
      { world, ip: '2001:db8:1:3::1' },
    ]) {
      outcomes.push((await signUp(from)).statusCode);
    }
    expect(outcomes).toEqual([201, 429, 201, 201, 201, 429, 201]);
  });

  test('refuses before origin and body are checked, and after the app', async () => {
    const world = await limited(1);
    await signUp({ world });
    const headers = { origin: 'https://evil.example' };
    expect(problem(await signUp({ world, headers, body: '{' }))).toBe('429 rate_limited');
    expect(problem(await signUp({ world, headers: { 'x-app-name': 'nobody' } }))).toBe('404 app_not_found');
  });

  test('changes only the count', async () => {
    const world = await limited(1);
    await signUp({ world });
    const before = await world.rows();
    await signUp({ world });
    expect(await world.rows()).toEqual(before);
  });
});

describe('taking a unit', () => {
  test.each(limitNames)('the limit of %s admits exactly its number, separately for each subject', async (name) => {
    const world = await createWorld(app, { settings: { limits: { [name]: 2 } } });
    const found = await findApp(app.db, world.appId);
    if (!found) throw new Error('no app');
    const take = (whose: string) => tryLimit(app.services, found, name, whose);
    const waits = await Promise.all(times(3, () => take('one')));
    expect(waits.filter((wait) => wait === undefined)).toHaveLength(2);
    expect(await take('one')).toBe(limits[name].periodSeconds / 2);
    expect(await take('two')).toBeUndefined();
  });

  test('allows every unit of a number that does not divide a second evenly', async () => {
    const world = await limited(7_001);
    const found = await findApp(app.db, world.appId);
    if (!found) throw new Error('no app');
    const take = () => tryLimit(app.services, found, 'signUpsPerAddressPerHour', 'one');
    await take();
    await app.db.query(sql`
      UPDATE rate_limits SET full_at = full_at + 6999 * floor(3600000000.0 / 7001) * interval '1 microsecond'
      WHERE app_id = ${world.appId}`);
    expect([await take(), await take()]).toEqual([undefined, 1]);
  });
});

describe('stored data of a limit', () => {
  test('stores neither address nor person', async () => {
    const world = await limited(5);
    await signUp({ world });
    const rows = await app.db.query<{ row: string }>(sql`
      SELECT r::text || encode(key_hash, 'escape') AS row FROM rate_limits r WHERE app_id = ${world.appId}`);
    expect(rows).not.toEqual([]);
    expect(JSON.stringify(rows)).not.toMatch(/203\.0|somebody|signUps/);
  });

  test('is deleted once the quota is full again, and not before', async () => {
    const world = await limited(1);
    const count = async () => (await app.db.query(sql`SELECT 1 FROM rate_limits WHERE app_id = ${world.appId}`)).length;
    const sweep = () => sweepLimits.run(app.services, new AbortController().signal);
    await signUp({ world });
    app.clock.advance(3_599_000);
    await sweep();
    expect(await count()).toBe(1);
    app.clock.advance(1_000);
    await sweep();
    expect(await count()).toBe(0);
  });
});
