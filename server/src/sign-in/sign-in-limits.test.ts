import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SettingsPatch } from '../apps/apps.schema.ts';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { callOf, createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const sessions = '/v1/authentication/users/sessions';
const dayMs = 86_400_000;

/** Two processes on one database, behind a proxy that says who calls. */
let app: TestApp;
let other: TestApp;

beforeAll(async () => {
  app = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  other = await buildTestApp({ db: app.db, clock: app.clock, env: { TRUST_PROXY: '1' } });
});
afterAll(async () => {
  await other?.app.close();
  await app?.close();
});

interface Try {
  email: string;
  given?: string;
  from?: string;
  device?: string;
  world: World;
  process?: TestApp;
}

/** Sends a password from an address; by default a wrong one. */
function attempt({
  email,
  given = 'Wrong@password-of-nobody',
  from = '203.0.113.7',
  device,
  world,
  process = app,
}: Try) {
  const headers = { 'x-forwarded-for': from, ...(device !== undefined && { 'x-device-token': device }) };
  return callOf(process.app, world.appName)('POST', sessions, { body: { email, password: given }, headers });
}

const limited = (limits: NonNullable<SettingsPatch['limits']>) => createWorld(app, { settings: { limits } });
const times = <Result>(count: number, make: (index: number) => Result) =>
  Array.from({ length: count }, (_, index) => make(index));
const deviceOf = (response: { headers: Record<string, unknown> }) => String(response.headers['x-device-token']);
const count = (answers: readonly { statusCode: number }[]) =>
  Object.fromEntries(
    [...new Set(answers.map(({ statusCode }) => statusCode))]
      .toSorted((a, b) => a - b)
      .map((status) => [status, answers.filter(({ statusCode }) => statusCode === status).length]),
  );

describe('attempts against one account', () => {
  let world: World;
  let person: Person;
  beforeEach(async () => {
    world = await limited({ signInsPerAccountPerHour: 5 });
    person = await world.person();
  });

  const exhaust = (email = person.email) =>
    Promise.all(
      times(40, (index) => attempt({ world, email, from: `198.51.100.${index}`, process: index % 2 ? app : other })),
    );

  test('do not exceed the limit, from many addresses and on many processes at once', async () => {
    expect(count(await exhaust())).toEqual({ 401: 5, 429: 35 });
  });

  test('are counted in the same way for an unknown address', async () => {
    expect(count(await exhaust('nobody@example.com'))).toEqual({ 401: 5, 429: 35 });
    const [known, unknown] = [
      await attempt({ world, email: person.email }),
      await attempt({ world, email: 'nobody@example.com' }),
    ];
    expect(problem(known)).toBe('401 invalid_credentials');
    expect(problem(unknown)).toBe('429 too_many_attempts');
    await exhaust();
    const locked = await attempt({ world, email: person.email });
    const strip = (response: typeof locked) => ({ ...response.json<object>(), requestId: '' });
    expect(strip(locked)).toEqual(strip(unknown));
    expect(Object.keys(locked.headers)).toEqual(Object.keys(unknown.headers));
  });

  test('are the same account in any spelling of the address', async () => {
    await exhaust();
    expect(problem(await attempt({ world, email: person.email.toUpperCase() }))).toBe('429 too_many_attempts');
  });

  test('are refused with the correct password too, and no hash is compared', async () => {
    await exhaust();
    const refused = await attempt({ world, email: person.email, given: password });
    expect(problem(refused)).toBe('429 too_many_attempts');
    expect(refused.headers['retry-after']).toBe('720');
    expect(refused.cookies).toEqual([]);
  });

  test('are available again after some time', async () => {
    await exhaust();
    app.clock.advance(719_000);
    expect((await attempt({ world, email: person.email })).headers['retry-after']).toBe('1');
    app.clock.advance(1_000);
    const answers = [
      await attempt({ world, email: person.email }),
      await attempt({ world, email: person.email, given: password }),
    ];
    expect(answers.map(problem)).toEqual(['401 invalid_credentials', '429 too_many_attempts']);
  });

  test('correct attempts are not counted, even many concurrent ones', async () => {
    const right = () => attempt({ world, email: person.email, given: password });
    for (let round = 0; round < 4; round += 1) {
      expect(count(await Promise.all(times(3, right)))).toEqual({ 201: 3 });
    }
    expect(count(await exhaust())).toEqual({ 401: 5, 429: 35 });
  });

  test('are recorded as locked in the audit, with the account, once a minute', async () => {
    app.clock.advance(60_000);
    await exhaust();
    const events = (await world.securityEvents()).filter(({ action }) => action === 'sign_in.locked');
    expect(events[0]).toMatchObject({ actor: 'anonymous ', target: `user ${person.userId}` });
    const before = events.length;
    await attempt({ world, email: person.email, from: '198.51.100.1' });
    const after = (await world.securityEvents()).filter(({ action }) => action === 'sign_in.locked').length;
    expect(after - before).toBeLessThanOrEqual(1);
  });

  test('change only counts', async () => {
    await exhaust();
    const before = await world.rows();
    await exhaust();
    expect(await world.rows()).toEqual(before);
  });

  test('do not lock out an owner with a known device', async () => {
    const { email } = person;
    const device = deviceOf(await attempt({ world, email, given: password, from: '192.0.2.1' }));
    await exhaust();
    // The attacker is in the same network.
    await Promise.all(times(300, () => attempt({ world, email, from: '192.0.2.1' })));
    expect(problem(await attempt({ world, email, given: password, from: '192.0.2.1' }))).toBe('429 too_many_attempts');
    for (const process of [app, other]) {
      const owner = await attempt({ world, email, given: password, from: '192.0.2.1', device, process });
      expect(owner.statusCode).toBe(201);
      expect(deviceOf(owner)).toBe(device);
    }
  });

  test('do not lock out an owner who resets the password, even while the attempts continue', async () => {
    const { email } = person;
    await exhaust();
    const request = '/v1/authentication/users/password/reset-request/email';
    await world.call('POST', request, { body: { email } });
    await sendPasswordResets.run(app.services, new AbortController().signal);
    const { code } = await world.mail(email);
    const newPassword = 'Another@password-of-the-owner';
    const reset = await world.call('PUT', '/v1/authentication/users/password', {
      body: { email, verificationCode: code, newPassword },
    });
    expect(reset.statusCode).toBe(200);
    expect((await attempt({ world, email, given: newPassword, from: '192.0.2.99' })).statusCode).toBe(201);
    await exhaust();
    expect(problem(await attempt({ world, email, given: newPassword }))).toBe('429 too_many_attempts');
    expect((await attempt({ world, email, given: newPassword, device: deviceOf(reset) })).statusCode).toBe(201);
  });
});

describe('attempts from one address', () => {
  let world: World;
  beforeEach(async () => {
    world = await limited({ signInsPerAddressPerHour: 5 });
  });

  test('do not exceed the limit, regardless of the accounts, and an IPv6 network counts as one address', async () => {
    const answers = await Promise.all(
      times(20, (index) =>
        attempt({ world, email: `person-${index}@example.com`, from: `2001:db8:1:2::${index + 1}` }),
      ),
    );
    expect(count(answers)).toEqual({ 401: 5, 429: 15 });
    const neighbour = await attempt({ world, email: 'person-1@example.com', from: '2001:db8:1:3::1' });
    expect(neighbour.statusCode).toBe(401);
  });

  test('do not affect accounts once there are too many', async () => {
    const strict = await limited({ signInsPerAddressPerHour: 3, signInsPerAccountPerHour: 4 });
    const person = await strict.person();
    await Promise.all(times(20, () => attempt({ world: strict, email: person.email })));
    const elsewhere = await attempt({ world: strict, email: person.email, given: password, from: '192.0.2.1' });
    expect(elsewhere.statusCode).toBe(201);
  });

  test('are refunded if they were correct: many people may share one address', async () => {
    const people = await Promise.all(times(3, () => world.person()));
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all(people.map(({ email }) => attempt({ world, email, given: password })));
      expect(count(answers)).toEqual({ 201: 3 });
    }
  });

  test('are counted for the user of a trusted backend; other callers are not believed', async () => {
    const trusting = await createWorld(app, {
      settings: { limits: { signInsPerAddressPerHour: 1 }, trustedBackends: ['203.0.113.50'] },
    });
    const body = { email: 'nobody@example.com', password };
    const call = (from: string, user: string) =>
      trusting.call('POST', sessions, { body, headers: { 'x-forwarded-for': from, 'x-end-user-ip': user } });
    const answers = [
      await call('203.0.113.50', '192.0.2.1'),
      await call('203.0.113.50', '192.0.2.2'),
      await call('203.0.113.50', '192.0.2.1'),
      await call('203.0.113.60', '192.0.2.3'),
      await call('203.0.113.60', '192.0.2.4'),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([401, 401, 429, 401, 429]);
  });
});

describe('the quota of a known device', () => {
  test('is a separate code, and consumed like any other', async () => {
    const world = await limited({ signInsPerDevicePerHour: 3, signInsPerAccountPerHour: 4 });
    const { email } = await world.person();
    const device = deviceOf(await attempt({ world, email, given: password }));
    const answers = await Promise.all(
      times(20, (index) => attempt({ world, email, device, process: index % 2 ? app : other })),
    );
    expect(count(answers)).toEqual({ 401: 3, 429: 17 });
    const locked = await attempt({ world, email, given: password, device });
    expect([problem(locked), locked.headers['retry-after']]).toEqual(['429 too_many_attempts', '1200']);
    // From other networks the owner can still sign in, because the device consumed only its own quota.
    expect((await attempt({ world, email, given: password })).statusCode).toBe(201);
  });

  test.each<[what: string, ageMs: number, status: number]>([
    ['is consumed for 180 days after the last sign-in', 180 * dayMs - 1, 201],
    ['is not for a device that is no longer known', 180 * dayMs, 429],
  ])('%s', async (_, ageMs, status) => {
    const world = await limited({ signInsPerAccountPerHour: 1 });
    const { email } = await world.person();
    const device = deviceOf(await attempt({ world, email, given: password }));
    app.clock.advance(ageMs);
    expect(problem(await attempt({ world, email }))).toBe('401 invalid_credentials');
    expect((await attempt({ world, email, given: password, device })).statusCode).toBe(status);
  });

  test('is for one account only: it helps with no other', async () => {
    const world = await limited({ signInsPerAccountPerHour: 1 });
    const [attacker, victim] = [await world.person(), await world.person()];
    const device = deviceOf(await attempt({ world, email: attacker.email, given: password }));
    const answers = [
      await attempt({ world, email: victim.email, device }),
      await attempt({ world, email: victim.email, device }),
    ];
    expect(answers.map(problem)).toEqual(['401 invalid_credentials', '429 too_many_attempts']);
  });
});

describe('an app', () => {
  test('counts for itself', async () => {
    const [one, two] = [
      await limited({ signInsPerAccountPerHour: 1, signInsPerAddressPerHour: 1 }),
      await limited({ signInsPerAccountPerHour: 1, signInsPerAddressPerHour: 1 }),
    ];
    const email = 'nobody@example.com';
    const statuses = [];
    for (const world of [one, one, two, two]) statuses.push((await attempt({ world, email })).statusCode);
    expect(statuses).toEqual([401, 429, 401, 429]);
  });
});

test('counts name nobody', async () => {
  const world = await limited({ signInsPerAccountPerHour: 5 });
  const { email } = await world.person();
  const device = deviceOf(await attempt({ world, email, given: password }));
  await attempt({ world, email, device });
  const rows = await app.db.query(sql`
    SELECT r::text AS row FROM rate_limits r WHERE app_id = ${world.appId}
    UNION ALL SELECT d::text FROM devices d WHERE app_id = ${world.appId}`);
  expect(JSON.stringify(rows)).not.toMatch(/example\.com|203\.0\.113|gh_d_/);
});
