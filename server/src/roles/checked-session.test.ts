import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { withoutTimePassing } from '../test/clock.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { setMfa } from '../test/world/browsers.ts';
import { setOrganizationPolicy } from '../test/world/policies.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const dayMs = 24 * 3_600_000;
const permission = 'documents:reader';

let db: UndoableDb;
let app: TestApp;
let world: World;
let owner: Person;
let machine: { token: string };
let orgId: string;

beforeAll(async () => {
  db = await openTestDatabase();
  app = await buildTestApp({ db });
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner);
  machine = await world.machine();
});
aroundEach((runTest) => withoutTimePassing(() => db.undo(runTest)));
afterAll(() => app?.close());

const check = async (body: object, caller: { token: string } = machine) => {
  const url = `/v1/authorization/organizations/${orgId}/permissions/check`;
  const response = await world.call('POST', url, { token: caller.token, body: { ...body, permissions: [permission] } });
  return response.statusCode === 200 ? response.json<{ results: unknown[] }>().results[0] : problem(response);
};

const allowed = { permission, allowed: true, grantedBy: ['reader'] };
const refused = { permission, allowed: false, grantedBy: [], reason: 'step_up_required' };

const setSession = ({ sessionId }: Person, changes: ReturnType<typeof sql>) =>
  app.db.query(sql`UPDATE sessions SET ${changes} WHERE app_id = ${world.appId} AND id = ${sessionId}`);

/** Makes the session of a member unusable. @returns the id to send */
const unusable: Readonly<Record<string, (member: Person) => Promise<string>>> = {
  'that nobody has': () => Promise.resolve('1'),
  'of another member': async () => (await world.member(orgId, 'reader')).sessionId,
  'of another app': async () => (await (await createWorld(app)).person()).sessionId,
  'that has ended': async ({ sessionId, token }) => {
    await world.call('DELETE', `/v1/authentication/users/sessions/${sessionId}`, { token });
    return sessionId;
  },
  'that has expired': async (member) => {
    await setSession(member, sql`expires_at = ${app.clock.now()}`);
    return member.sessionId;
  },
  'that was not used for too long': async (member) => {
    await setSession(member, sql`idle_expires_at = ${app.clock.now()}`);
    return member.sessionId;
  },
  'that started restricted': async (member) => {
    await setSession(member, sql`restriction = 'recovery'`);
    return member.sessionId;
  },
  'that may only add a factor, because the app requires one now': async ({ sessionId }) => {
    await setMfa(world, { policy: 'required', graceDays: 0 });
    return sessionId;
  },
  'whose grace period has ended': async (member) => {
    await setMfa(world, { policy: 'required', graceDays: 3 });
    await setSession(member, sql`created_at = ${new Date(app.clock.now().getTime() - 3 * dayMs)}`);
    return member.sessionId;
  },
  'whose user has removed every factor': async (member) => {
    await setMfa(world, { policy: 'required', graceDays: 0 });
    await setSession(member, sql`factor_at = ${app.clock.now()}, amr = '{pwd,otp,mfa}'`);
    return member.sessionId;
  },
};

const policies = [
  ['without a security policy', undefined],
  ['with a security policy', { maxSessionHours: 24 }],
] as const;

describe.each(policies)('in an organization %s', (_, policy) => {
  const prepare = async () => {
    const member = await world.member(orgId, 'reader');
    if (policy) await setOrganizationPolicy(world, orgId, policy);
    return member;
  };

  it.each(Object.entries(unusable))('a session allows nothing %s', async (__, spoil) => {
    const member = await prepare();
    const { userId } = member;
    expect(await check({ userId, sessionId: member.sessionId })).toEqual(allowed);
    expect(await check({ userId, sessionId: await spoil(member) })).toEqual(refused);
  });

  it('a session in the grace period counts', async () => {
    const { userId, sessionId } = await prepare();
    await setMfa(world, { policy: 'required', graceDays: 3 });
    expect(await check({ userId, sessionId })).toEqual(allowed);
  });

  it('members who name the session of somebody else get nothing', async () => {
    const member = await prepare();
    const { sessionId } = await world.member(orgId, 'reader');
    expect(await check({ sessionId }, member)).toEqual(refused);
    expect(await check({}, member)).toEqual(allowed);
  });

  it('the session does not disclose more to people who are not members', async () => {
    await prepare();
    const { userId, sessionId } = await world.person();
    const answer = { ...refused, reason: 'not_a_member' };
    expect(await check({ userId, sessionId })).toEqual(answer);
    expect(await check({ userId, sessionId: '1' })).toEqual(answer);
  });
});

it('without a session id, roles decide in an organization without a policy', async () => {
  const { userId } = await world.member(orgId, 'reader');
  await setMfa(world, { policy: 'required', graceDays: 0 });
  expect(await check({ userId })).toEqual(allowed);
});
