import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { raw, sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { sweepMails } from './sweep-mails.ts';

const hourMs = 3_600_000;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());
beforeEach(() => app.db.query(sql`DELETE FROM mails`));

const sweep = () => sweepMails.run(app.services, new AbortController().signal);

/** Inserts a mail that got this state this number of hours ago. */
async function mail(id: number, state: string, hoursAgo: number): Promise<void> {
  const then = new Date(app.clock.now().getTime() - hoursAgo * hourMs);
  await app.db.query(sql`
    INSERT INTO mails (app_id, id, user_id, recipient, purpose, state, created_at, due_at, give_up_at, settled_at)
    VALUES (${world.appId}, ${id}, ${world.admin.userId}, 'x@example.com', 'invitation', ${state}, ${then}, ${then},
      ${then},
      ${state === 'QUEUED' ? null : then})`);
}
const ids = async () =>
  (await app.db.query<{ id: string }>(sql`SELECT id FROM mails ORDER BY id`)).map((row) => Number(row.id));

test('removes mails that were sent two days ago, and failed or pending ones after thirty', async () => {
  await mail(1, 'SENT', 47);
  await mail(2, 'SENT', 49);
  await mail(3, 'VOID', 49);
  await mail(4, 'GIVEN_UP', 29 * 24);
  await mail(5, 'GIVEN_UP', 31 * 24);
  await mail(6, 'QUEUED', 29 * 24);
  await mail(7, 'QUEUED', 31 * 24);
  await sweep();
  expect(await ids()).toEqual([1, 4, 6]);
});

test('removes more than one batch', async () => {
  await app.db.query(sql`
    INSERT INTO mails (app_id, id, user_id, recipient, purpose, state, created_at, due_at, give_up_at, settled_at)
    SELECT ${world.appId}::bigint, n, ${world.admin.userId}::bigint, 'x@example.com', 'invitation', 'SENT', 'epoch',
      'epoch', 'epoch', 'epoch'
    FROM generate_series(1, 1201) AS n`);
  await sweep();
  expect(await ids()).toEqual([]);
});

test.each<[what: string, index: string]>([
  ["SELECT id FROM mails WHERE state = 'QUEUED' AND due_at <= now() ORDER BY due_at LIMIT 5", 'mails_due'],
  ["SELECT id FROM mails WHERE state <> 'QUEUED' AND settled_at < now() ORDER BY settled_at LIMIT 5", 'mails_settled'],
  ["SELECT id FROM mails WHERE state = 'GIVEN_UP' ORDER BY id DESC LIMIT 5", 'mails_given_up'],
])('%s is served by %s', async (statement, index) => {
  const plan = await app.db.transaction(async (tx) => {
    await tx.query(sql`SET LOCAL enable_seqscan = off`);
    return tx.query(raw(`EXPLAIN ${statement}`));
  });
  expect(JSON.stringify(plan)).toContain(index);
});

test('the metrics count pending and failed mails', async () => {
  await mail(1, 'QUEUED', 0);
  await mail(2, 'QUEUED', 0);
  await mail(3, 'GIVEN_UP', 0);
  await mail(4, 'SENT', 0);
  const text = await app.app.metrics.text();
  expect(text).toContain('gatehouse_outbox_mails{state="queued"} 2');
  expect(text).toContain('gatehouse_outbox_mails{state="given_up"} 1');
});
