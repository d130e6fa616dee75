import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { sweepCodes } from './sweep-codes.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

const count = async () => {
  const [row] = await app.db.query(sql`
    SELECT (SELECT count(*)::integer FROM codes) AS codes, (SELECT count(*)::integer FROM code_tries) AS tries,
      (SELECT count(*)::integer FROM code_tries_in_vain) AS in_vain`);
  return row;
};
const tryCode = (userId: string, token: string) => {
  const body = { userId, verificationCode: 'AAAAAAA' };
  return world.call('POST', '/v1/authentication/users/email/verification', { token, body });
};

test('deletes expired codes with their attempts, and keeps valid codes', async () => {
  const early = await world.person({ verified: false });
  await tryCode(early.userId, early.token);
  await tryCode(world.admin.userId, world.admin.token);
  app.clock.advance(3_600_000);
  const late = await world.person({ verified: false });
  await tryCode(late.userId, late.token);
  await runTask(app, sweepCodes);
  expect(await count()).toEqual({ codes: 2, tries: 2, in_vain: 0 });
  app.clock.advance(23 * 3_600_000);
  await runTask(app, sweepCodes);
  expect(await count()).toEqual({ codes: 1, tries: 1, in_vain: 0 });
});

test('finds them by an index', async () => {
  const plan = await app.db.transaction(async (tx) => {
    await tx.query(sql`SET LOCAL enable_seqscan = off`);
    return tx.query(sql`
      EXPLAIN SELECT app_id, id FROM codes WHERE expires_at <= ${app.clock.now()} ORDER BY expires_at LIMIT 500`);
  });
  expect(JSON.stringify(plan)).toContain('codes_end');
});
