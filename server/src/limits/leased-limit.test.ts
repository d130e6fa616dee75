import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld } from '../test/world/world.ts';
import { createLeasedLimit } from './leased-limit.ts';

let app: TestApp;
let appId: string;

beforeAll(async () => {
  app = await buildTestApp();
  ({ appId } = await createWorld(app));
});
afterAll(() => app?.close());

/** An unused quota. */
const quotaOf = (count: number) => ({ keyHash: randomBytes(32), count, periodSeconds: 60 });
type Quota = ReturnType<typeof quotaOf>;

/** A limit as in a separate process. */
const startProcess = () => createLeasedLimit(app.db, app.clock);

/** The number of attempts, of this number, that got a unit. */
async function granted(limit: ReturnType<typeof startProcess>, quota: Quota, tries: number): Promise<number> {
  const waits = await Promise.all(Array.from({ length: tries }, () => limit.take(appId, quota)));
  return waits.filter((wait) => wait === undefined).length;
}

test.each([1, 7, 19, 20, 39, 600])('exactly %i units of a quota are consumed concurrently', async (count) => {
  const limit = startProcess();
  const quota = quotaOf(count);
  expect(await granted(limit, quota, count + 25)).toBe(count);
  expect(await limit.take(appId, quota)).toBeGreaterThan(0);
});

test('several processes together never exceed the quota', async () => {
  const quota = quotaOf(100);
  const processes = [startProcess(), startProcess(), startProcess()];
  const taken = await Promise.all(processes.map((limit) => granted(limit, quota, 60)));
  expect(taken.reduce((sum, count) => sum + count, 0)).toBe(100);
});

test('units are refilled over the period, and the database is not asked again within a second', async () => {
  const limit = startProcess();
  const quota = quotaOf(60);
  expect(await granted(limit, quota, 80)).toBe(60);
  app.clock.advance(999);
  expect(await granted(limit, quota, 5)).toBe(0);
  app.clock.advance(1);
  expect(await granted(limit, quota, 5)).toBe(1);
  app.clock.advance(60_000);
  expect(await granted(limit, quota, 80)).toBe(60);
});

test('a caller who waits for the returned time gets a unit', async () => {
  const limit = startProcess();
  const quota = quotaOf(200);
  await granted(limit, quota, 300);
  const wait = (await limit.take(appId, quota)) ?? 0;
  expect(wait).toBeLessThanOrEqual(1);
  app.clock.advance(Math.ceil(wait * 1000));
  expect(await limit.take(appId, quota)).toBeUndefined();
});

test('the returned time is longer than that for which a refusal is remembered', async () => {
  const limit = startProcess();
  const quota = quotaOf(1);
  await limit.take(appId, quota);
  expect(await limit.take(appId, quota)).toBe(60);
  app.clock.advance(400);
  expect(await limit.take(appId, quota)).toBe(59.6);
  app.clock.advance(29_600);
  expect(await limit.take(appId, quota)).toBe(30);
  app.clock.advance(30_000);
  expect(await limit.take(appId, quota)).toBeUndefined();
});

test('units that are not used in time are lost, so the quota is never exceeded', async () => {
  const limit = startProcess();
  const quota = quotaOf(100);
  expect(await limit.take(appId, quota)).toBeUndefined();
  app.clock.advance(60_000);
  expect(await granted(limit, quota, 150)).toBe(100);
});

test('each app has separate quotas', async () => {
  const other = await createWorld(app);
  const limit = startProcess();
  const quota = quotaOf(1);
  expect(await limit.take(appId, quota)).toBeUndefined();
  expect(await limit.take(other.appId, quota)).toBeUndefined();
  expect(await limit.take(appId, quota)).toBeGreaterThan(0);
});

test('a flood is refused without the database', async () => {
  const limit = startProcess();
  const quota = quotaOf(1);
  await limit.take(appId, quota);
  await limit.take(appId, quota);
  await app.db.query(sql`DELETE FROM rate_limits WHERE app_id = ${appId} AND key_hash = ${quota.keyHash}`);
  expect(await granted(limit, quota, 50)).toBe(0);
  app.clock.advance(1_000);
  expect(await granted(limit, quota, 50)).toBe(1);
});
