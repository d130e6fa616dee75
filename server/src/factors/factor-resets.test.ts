import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol, type OwnFactor, setPolicy, signInWith } from '../test/world/factors.ts';
import { optionsOf, setRelyingParty } from '../test/world/passkeys.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';
import { applyFactorResets } from './apply-factor-resets.ts';

const hourMs = 3_600_000;
const users = '/v1/authentication/users';

let test: TestApp;
let world: World;
let person: Person;
let factor: OwnFactor;
let adminFactor: OwnFactor;

beforeAll(async () => {
  test = await buildTestApp();
});
afterAll(() => test?.close());
beforeEach(async () => {
  world = await createWorld(test);
  await setPolicy(world, 'optional');
  adminFactor = await enrol(world, world.admin);
  person = await world.person();
  factor = await enrol(world, person);
  await setDelay(24);
});

const setDelay = (hours: number) =>
  test.db.query(sql`
    UPDATE apps SET settings = jsonb_set(settings, '{mfa,resetDelayHours}', to_jsonb(${hours}::integer))
    WHERE id = ${world.appId}`);
const setSuperAdmin = ({ userId }: Person, is: boolean) =>
  test.db.query(sql`
    UPDATE users SET is_super_admin = ${is} WHERE app_id = ${world.appId} AND id = ${userId}`);
const reset = (whose: Person = person, token = world.admin.token) =>
  world.call('DELETE', `/v1/authorization/users/${whose.userId}/factors`, { token });
const effectiveAt = async (whose?: Person) => (await reset(whose)).json<{ effectiveAt: string }>().effectiveAt;
const hoursAhead = (hours: number) => new Date(test.clock.now().getTime() + hours * hourMs).toISOString();
/** One run of the task, after some time. */
async function after(hours: number): Promise<void> {
  test.clock.advance(hours * hourMs);
  await applyFactorResets.run(test.services, new AbortController().signal);
}
const hasFactor = async ({ userId }: Person = person) => {
  const [row] = await test.db.query<{ has_factor: boolean }>(
    sql`SELECT has_factor FROM users WHERE app_id = ${world.appId} AND id = ${userId}`,
  );
  return row?.has_factor;
};
const isLive = async (token = person.token) => (await world.call('GET', `${users}/me`, { token })).statusCode === 200;
const cancelLink = async ({ email }: Person = person) => {
  const mail = (await world.mails(email)).find((one) => one.purpose === 'factors_reset_requested');
  const [, url = '', token = ''] = /(http\S+\/not-me)#(\S+)/.exec(mail?.text ?? '') ?? [];
  return { url, token };
};
const cancel = async (token: string, app = world.appName) =>
  world.call('POST', `${users}/email/verification/rejection`, { app, body: { token } });
const actions = async () =>
  (
    await test.db.query<{ action: string; actor_id: string }>(sql`
      SELECT action, actor_id FROM audit_events
      WHERE app_id = ${world.appId} AND target_id = ${person.userId} AND action LIKE 'factors.%' ORDER BY id`)
  ).map(({ action, actor_id: actor }) => [action, actor]);

describe('a delayed reset', () => {
  it('changes nothing before it is due, then removes the factors and ends the sessions', async () => {
    expect(await effectiveAt()).toBe(hoursAhead(24));
    await after(23.99);
    expect([await hasFactor(), await isLive()]).toEqual([true, true]);
    await after(0.01);
    expect([await hasFactor(), await isLive()]).toEqual([false, false]);
    expect((await world.mail(person.email)).purpose).toBe('factors_reset');
    const { userId: admin } = world.admin;
    expect(await actions()).toEqual([
      ['factors.reset_requested', admin],
      ['factors.reset', admin],
    ]);
    expect((await world.signIn(person.email)).token).toMatch(/^gh_s_/);
  });

  it('is not sped up or repeated by a second request', async () => {
    const first = await effectiveAt();
    await setDelay(1);
    expect(await effectiveAt()).toBe(first);
    expect(await actions()).toHaveLength(1);
    await after(2);
    expect(await hasFactor()).toBe(true);
  });

  it('takes effect at once without a waiting time', async () => {
    await setDelay(0);
    expect(await effectiveAt()).toBe(test.clock.now().toISOString());
    expect(await hasFactor()).toBe(false);
  });

  it('is not requested for somebody without a factor', async () => {
    expect(problem(await reset(await world.person()))).toBe('404 factor_not_found');
  });

  it.each<[what: string, change: () => Promise<unknown>]>([
    ['is no super admin any more', () => setSuperAdmin(world.admin, false)],
    [
      'is deactivated',
      () =>
        test.db.query(sql`
          UPDATE users SET state = 'INACTIVE' WHERE app_id = ${world.appId} AND id = ${world.admin.userId}`),
    ],
    [
      'is deleted',
      () => test.db.query(sql`DELETE FROM users WHERE app_id = ${world.appId} AND id = ${world.admin.userId}`),
    ],
  ])('has no effect if the person who requested it %s', async (_, change) => {
    await reset();
    await change();
    await after(25);
    expect([await hasFactor(), await isLive()]).toEqual([true, true]);
  });

  it('is replaced by a request of another super admin if the first requester is no longer super admin', async () => {
    const other = await world.person();
    await setSuperAdmin(other, true);
    await enrol(world, other);
    await reset(person, other.token);
    test.clock.advance(60_000);
    await setSuperAdmin(other, false);
    const { token: old } = await cancelLink();
    await world.reauthenticate();
    expect(await effectiveAt()).toBe(hoursAhead(24));
    expect(problem(await cancel(old))).toBe('400 code_invalid');
    await after(24);
    expect(await hasFactor()).toBe(false);
  });

  it('takes effect once, although several processes and runs apply it', async () => {
    await reset();
    test.clock.advance(24 * hourMs);
    const run = () => applyFactorResets.run(test.services, new AbortController().signal);
    await Promise.all([run(), run(), run()]);
    await run();
    expect((await actions()).filter(([action]) => action === 'factors.reset')).toHaveLength(1);
    expect((await world.mails(person.email)).filter(({ purpose }) => purpose === 'factors_reset')).toHaveLength(1);
  });
});

describe('the cancel link', () => {
  it('shows a page that changes nothing; its button keeps the factors, and nothing else changes', async () => {
    await reset();
    const { url, token } = await cancelLink();
    const page = await world.call('GET', new URL(url).pathname, { app: null });
    expect([page.statusCode, page.body.includes('factor_reset')]).toEqual([200, true]);
    expect((await cancel(token)).statusCode).toBe(200);
    expect(await isLive()).toBe(true);
    await after(25);
    expect(await hasFactor()).toBe(true);
    expect((await signInWith(world, person, factor)).token).toMatch(/^gh_s_/);
    expect(problem(await cancel(token))).toBe('400 code_invalid');
  });

  it('is void when the reset has taken effect, and cancels no later one', async () => {
    await reset();
    const { token } = await cancelLink();
    await after(24);
    expect(problem(await cancel(token))).toBe('400 code_invalid');
    person = { ...person, ...(await world.signIn(person.email)) };
    await enrol(world, person);
    await signInWith(world, world.admin, adminFactor).then((admin) => reset(person, admin.token));
    expect(problem(await cancel(token))).toBe('400 code_invalid');
    await after(24);
    expect(await hasFactor()).toBe(false);
  });

  it('is refused in another app, and with another kind', async () => {
    await reset();
    const { token } = await cancelLink();
    const other = await createWorld(test);
    expect(problem(await cancel(token, other.appName))).toBe('400 code_invalid');
    // The letter only selects the text of the page.
    expect((await cancel(token.replace('gh_n_c', 'gh_n_f'))).statusCode).toBe(200);
    await after(25);
    expect(await hasFactor()).toBe(true);
  });
});

describe('a reset of another super admin', () => {
  it.each([
    [0, 24],
    [12, 24],
    [72, 72],
  ])('is delayed, with the setting %i, for %i hours, and all super admins are notified', async (setting, hours) => {
    await setDelay(setting);
    await setSuperAdmin(person, true);
    expect(await effectiveAt()).toBe(hoursAhead(hours));
    for (const { email } of [world.admin, person]) {
      const purposes = (await world.mails(email)).map(({ purpose }) => purpose);
      expect(purposes).toContain('super_admin_factors_reset');
    }
    await after(hours - 0.01);
    expect(await hasFactor()).toBe(true);
    await after(0.01);
    expect(await hasFactor()).toBe(false);
  });

  it('is cancelled by the owner', async () => {
    await setSuperAdmin(person, true);
    await reset();
    expect((await cancel((await cancelLink()).token)).statusCode).toBe(200);
    await after(25);
    expect(await hasFactor()).toBe(true);
  });
});

describe('the waiting time cannot be skipped', () => {
  const superAdmins = '/v1/authorization/super-admins';
  const demote = async () => {
    await setSuperAdmin(person, true);
    await world.call('DELETE', `${superAdmins}/${person.userId}`, { token: world.admin.token });
  };

  it('by removing the rights of a super admin first', async () => {
    await setDelay(0);
    await demote();
    expect(await effectiveAt()).toBe(hoursAhead(24));
    expect(await hasFactor()).toBe(true);
  });

  it('by removing the rights while the request waits', async () => {
    await setDelay(0);
    await setSuperAdmin(person, true);
    const due = await effectiveAt();
    await demote();
    expect(await effectiveAt()).toBe(due);
    expect(await hasFactor()).toBe(true);
  });

  it('but the request for another person does not make it longer', async () => {
    await effectiveAt();
    const other = await world.person();
    await enrol(world, other);
    await setDelay(0);
    expect(await effectiveAt(other)).toBe(hoursAhead(0));
  });

  it('by shortening the setting while the request waits', async () => {
    const due = await effectiveAt();
    await setDelay(0);
    expect(await effectiveAt()).toBe(due);
    expect(await hasFactor()).toBe(true);
  });
});

describe('other callers cannot reset factors', () => {
  it.each<[who: string, token: () => Promise<string>, expected: string]>([
    ['oneself, as a super admin', () => setSuperAdmin(person, true).then(() => person.token), '403 access_denied'],
    ['oneself', () => Promise.resolve(person.token), '403 access_denied'],
    ['a stranger', async () => (await world.person()).token, '404 user_not_found'],
    ['a machine user', async () => (await world.machine()).token, '403 access_denied'],
    [
      'a super admin without a factor',
      async () => {
        const other = await world.person();
        await setSuperAdmin(other, true);
        return other.token;
      },
      '401 step_up_required',
    ],
  ])('%s', async (_, token, expected) => {
    expect(problem(await reset(person, await token()))).toBe(expected);
    await after(100);
    expect(await hasFactor()).toBe(true);
  });
});

describe('the setting mfa.resetDelayHours', () => {
  const patch = (resetDelayHours: unknown) =>
    world.call('PATCH', '/v1/authorization/apps/settings', {
      token: world.admin.token,
      body: { mfa: { resetDelayHours } },
    });

  it.each([[-1], [73], [0.5], ['24'], [null]])('refuses %j', async (hours) => {
    expect(problem(await patch(hours))).toBe('400 validation_failed');
  });

  it('changes only with the recent factor of a super admin who has one', async () => {
    expect((await patch(48)).statusCode).toBe(200);
    test.clock.advance(600_001);
    await world.reauthenticate();
    expect(problem(await patch(0))).toBe('401 step_up_required');
  });
});

it('a reset leaves the passkey that somebody else is adding', async () => {
  await setRelyingParty(world);
  await setDelay(0);
  const other = await world.person();
  await optionsOf(world, 'registrationOptions', { token: other.token });
  const waiting = () => test.db.query(sql`SELECT 1 FROM passkey_challenges WHERE app_id = ${world.appId}`);
  expect(await waiting()).toHaveLength(1);
  await reset();
  expect(await hasFactor()).toBe(false);
  expect(await waiting()).toHaveLength(1);
});
