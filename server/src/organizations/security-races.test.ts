import { afterAll, aroundEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { type BarrierDb, barrierDb } from '../test/barrier-db.ts';
import { withoutTimePassing } from '../test/clock.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { withStatus } from '../test/world/answers.ts';
import { enrol } from '../test/world/factors.ts';
import { securityOf, setOrganizationPolicy } from '../test/world/policies.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

let db: BarrierDb;
let app: TestApp;
let world: World;
let owner: Person;
let orgId: string;

beforeAll(async () => {
  db = barrierDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app);
});
afterAll(() => app?.close());
aroundEach((runTest) => withoutTimePassing(runTest));
beforeEach(async () => {
  owner = await world.person();
  orgId = await world.organization(owner);
});

test('a change that was authorized before the policy was tightened is refused', async () => {
  const { token } = owner;
  const held = db.hold('caller.is_owner', 'after');
  const answer = world.call('PATCH', securityOf(orgId), { token, body: { rememberDays: 30 } }).then(problem);
  await held.reached;
  await setOrganizationPolicy(world, orgId, { mfa: 'required' });
  held.release();
  expect(await answer).toBe('401 step_up_required');
});

describe('a permission check accepts no session', () => {
  const check = async (sessionId: string) => {
    const machine = await world.machine();
    const response = await world.call('POST', `/v1/authorization/organizations/${orgId}/permissions/check`, {
      token: machine.token,
      body: { userId: owner.userId, sessionId, permissions: ['documents:reader'] },
    });
    return withStatus(200, response).json<{ results: { reason: string }[] }>().results[0]?.reason;
  };

  test.each<[what: string, outdate: () => Promise<unknown>]>([
    [
      'that can only add a factor',
      () => app.db.query(sql`UPDATE sessions SET restriction = 'enrolment' WHERE id = ${owner.sessionId}`),
    ],
    [
      'that has expired',
      () => app.db.query(sql`UPDATE sessions SET expires_at = created_at WHERE id = ${owner.sessionId}`),
    ],
    [
      'that was not used for too long',
      () => app.db.query(sql`UPDATE sessions SET idle_expires_at = created_at WHERE id = ${owner.sessionId}`),
    ],
  ])('%s', async (_, outdate) => {
    await enrol(world, owner);
    await setOrganizationPolicy(world, orgId, { mfa: 'required', maxSessionHours: 8 });
    expect(await check(owner.sessionId)).toBe('no_role_grants_it');
    await outdate();
    expect(await check(owner.sessionId)).toBe('step_up_required');
  });
});
