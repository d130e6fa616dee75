import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { sweepSessions } from './sweep-sessions.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

const sweep = () => sweepSessions.run(app.services, new AbortController().signal);

const ids = async () =>
  (await app.db.query<{ id: string }>(sql`SELECT id FROM sessions WHERE app_id = ${world.appId} ORDER BY id`)).map(
    ({ id }) => id,
  );

test('removes entries that are expired by either limit and keeps valid ones', async () => {
  const [expired, idle, live] = [await world.person(), await world.person(), await world.person()];
  const now = app.clock.now();
  await app.db.query(sql`UPDATE sessions SET expires_at = ${now} WHERE id = ${expired.sessionId}`);
  await app.db.query(sql`UPDATE sessions SET idle_expires_at = ${now} WHERE id = ${idle.sessionId}`);
  await sweep();
  expect(await ids()).toEqual([world.admin.sessionId, live.sessionId]);
});

test('removes more than one batch', async () => {
  const { userId } = await world.person();
  const before = await ids();
  await app.db.query(sql`
    INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at, expires_at,
      idle_expires_at)
    SELECT ${world.appId}::bigint, n, ${userId}::bigint, decode(lpad(n::text, 64, '0'), 'hex'), '{}', 'epoch', 'epoch',
      'epoch', 'epoch', 'epoch'
    FROM generate_series(1, 1201) AS n`);
  await sweep();
  expect(await ids()).toEqual(before);
});

test('finds them by an index, however many live ones there are', async () => {
  const plan = await app.db.transaction(async (tx) => {
    await tx.query(sql`SET LOCAL enable_seqscan = off`);
    return tx.query<{ 'QUERY PLAN': string }>(sql`
      EXPLAIN SELECT app_id, id FROM sessions WHERE LEAST(expires_at, idle_expires_at) <= ${app.clock.now()}
      ORDER BY LEAST(expires_at, idle_expires_at) LIMIT 500`);
  });
  expect(JSON.stringify(plan)).toContain('sessions_end');
});
