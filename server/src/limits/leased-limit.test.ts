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

/** A share that nobody has taken of. */
const shareOf = (count: number) => ({ keyHash: randomBytes(32), count, periodSeconds: 60 });
type Share = ReturnType<typeof shareOf>;

/** What a process of its own would have. */
const startProcess = () => createLeasedLimit(app.db, app.clock);

/** How many of so many tries got a unit. */
async function granted(limit: ReturnType<typeof startProcess>, share: Share, tries: number): Promise<number> {
  const waits = await Promise.all(Array.from({ length: tries }, () => limit.take(appId, share)));
  return waits.filter((wait) => wait === undefined).length;
}

test.each([1, 7, 19, 20, 39, 600])('of a share of %i as many are taken at once, and none more', async (count) => {
  const limit = startProcess();
  const share = shareOf(count);
  expect(await granted(limit, share, count + 25)).toBe(count);
  expect(await limit.take(appId, share)).toBeGreaterThan(0);
});

test('several processes together take no more than there is', async () => {
  const share = shareOf(100);
  const processes = [startProcess(), startProcess(), startProcess()];
  const taken = await Promise.all(processes.map((limit) => granted(limit, share, 60)));
  expect(taken.reduce((sum, count) => sum + count, 0)).toBe(100);
});

test('what was taken comes back over the period, though a second of it is not asked for again', async () => {
  const limit = startProcess();
  const share = shareOf(60);
  expect(await granted(limit, share, 80)).toBe(60);
  app.clock.advance(999);
  expect(await granted(limit, share, 5)).toBe(0);
  app.clock.advance(1);
  expect(await granted(limit, share, 5)).toBe(1);
  app.clock.advance(60_000);
  expect(await granted(limit, share, 80)).toBe(60);
});

test('who waits as long as they were told gets one', async () => {
  const limit = startProcess();
  const share = shareOf(200);
  await granted(limit, share, 300);
  const wait = (await limit.take(appId, share)) ?? 0;
  expect(wait).toBeLessThanOrEqual(1);
  app.clock.advance(Math.ceil(wait * 1000));
  expect(await limit.take(appId, share)).toBeUndefined();
});

test('what is not spent in time is not spent later: a share is never more than itself', async () => {
  const limit = startProcess();
  const share = shareOf(100);
  expect(await limit.take(appId, share)).toBeUndefined();
  app.clock.advance(60_000);
  expect(await granted(limit, share, 150)).toBe(100);
});

test('the share of one app is not that of another', async () => {
  const other = await createWorld(app);
  const limit = startProcess();
  const share = shareOf(1);
  expect(await limit.take(appId, share)).toBeUndefined();
  expect(await limit.take(other.appId, share)).toBeUndefined();
  expect(await limit.take(appId, share)).toBeGreaterThan(0);
});

test('a flood is turned away without the database', async () => {
  const limit = startProcess();
  const share = shareOf(1);
  await limit.take(appId, share);
  await limit.take(appId, share);
  await app.db.query(sql`DELETE FROM rate_limits WHERE app_id = ${appId} AND key_hash = ${share.keyHash}`);
  expect(await granted(limit, share, 50)).toBe(0);
  app.clock.advance(1_000);
  expect(await granted(limit, share, 50)).toBe(1);
});
