import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { whileLocked } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { sweepEvents } from './sweep-events.ts';

const dayMs = 24 * 3_600_000;

let app: TestApp;
let keeping: World;
let forgetting: World;

beforeAll(async () => {
  app = await buildTestApp();
  keeping = await createWorld(app);
  forgetting = await createWorld(app, { settings: { auditRetentionDays: 30 } });
});
afterAll(() => app?.close());

/** Inserts events of the app, one for each millisecond before this number of days ago. */
async function addEvents({ appId }: World, count: number, daysAgo: number): Promise<void> {
  const newest = new Date(app.clock.now().getTime() - daysAgo * dayMs);
  await app.db.query(sql`
    INSERT INTO audit_events (app_id, id, time, action, actor_kind, target_kind, changes)
    SELECT ${appId}::bigint, n, ${newest}::timestamptz - n * interval '1 millisecond', 'noun.verbed', 'user', 'user',
      '{}'
    FROM generate_series(0, ${count - 1}::integer) AS n`);
}

async function countOf({ appId }: World): Promise<number> {
  const [row] = await app.db.query<{ count: number }>(sql`
    SELECT count(*)::integer FROM audit_events WHERE app_id = ${appId}`);
  return row?.count ?? 0;
}

beforeEach(() => app.db.query(sql`DELETE FROM audit_events`));

test('events past the retention of their app go, however many, and no others', async () => {
  await addEvents(keeping, 10, 400);
  await addEvents(forgetting, 1_203, 30.1);
  await addEvents(forgetting, 7, 29.9);
  await runTask(app, sweepEvents);
  expect([await countOf(keeping), await countOf(forgetting)]).toEqual([10, 7]);
});

test('a shortened retention applies from the next run, and so does a removed one', async () => {
  const retain = (auditRetentionDays: number | null) =>
    forgetting.operate('PATCH', `/v1/platform/apps/${forgetting.appName}`, { settings: { auditRetentionDays } });
  await addEvents(forgetting, 5, 10);
  await retain(null);
  await runTask(app, sweepEvents);
  // The change of the setting also writes an event.
  expect(await countOf(forgetting)).toBe(5 + 1);
  await retain(1);
  await runTask(app, sweepEvents);
  expect(await countOf(forgetting)).toBe(2);
  await retain(30);
});

test('several processes remove together without waiting for one another', async () => {
  await addEvents(forgetting, 3_000, 40);
  await Promise.all([runTask(app, sweepEvents), runTask(app, sweepEvents), runTask(app, sweepEvents)]);
  expect(await countOf(forgetting)).toBe(0);
});

test('a process that must stop removes no further rows', async () => {
  await addEvents(forgetting, 3, 40);
  await sweepEvents.run(app.services, AbortSignal.abort());
  expect(await countOf(forgetting)).toBe(3);
});

test('locked rows are left for later', async () => {
  await addEvents(forgetting, 3, 40);
  if (app.db.engine === 'embedded') return;
  const first = sql`SELECT 1 FROM audit_events WHERE app_id = ${forgetting.appId} AND id = 1 FOR UPDATE`;
  await whileLocked(app.db, first, async () => {
    await runTask(app, sweepEvents);
    expect(await countOf(forgetting)).toBe(1);
  });
});
