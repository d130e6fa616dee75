import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { DatabaseClock } from './database-clock.ts';
import { sql } from './db/db.ts';
import { makePlace, type ServicePlace } from './test/service-place.ts';
import { type ServiceProcess, startService } from './test/service-process.ts';
import { buildTestApp, type TestApp } from './test/setup.ts';
import { createWorld, password, problem, type World } from './test/world/world.ts';

const dayMs = 24 * 3_600_000;
const onServer = process.env['TEST_DATABASE_URL'] !== undefined;
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

describe('the clock of the database', () => {
  const lines: unknown[] = [];
  const reading = (databaseMs: number, takesMs = 0) => {
    const receivedAt = performance.now();
    return { databaseMs, sentAt: receivedAt - takesMs, receivedAt };
  };
  const newClock = () => new DatabaseClock((...line) => lines.push(line));
  const offBy = (clock: DatabaseClock) => Math.round(clock.machineOffsetSeconds) || 0;

  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => {
    lines.length = 0;
    vi.useRealTimers();
  });

  test.each([0, dayMs, -dayMs, 5_000])('is taken over although the machine is %i ms off', (offMs) => {
    const clock = newClock();
    const truth = Date.now();
    vi.setSystemTime(truth + offMs);
    clock.adopt(reading(truth));
    expect(Math.abs(clock.now().getTime() - truth)).toBeLessThan(1_000);
    expect(offBy(clock)).toBe(offMs / 1000);
    // Changes of the machine's clock between two readings have no effect.
    vi.setSystemTime(truth - 7 * dayMs);
    expect(Math.abs(clock.now().getTime() - truth)).toBeLessThan(1_000);
  });

  test('is no later for an answer that took long', () => {
    const clock = newClock();
    expect(clock.adopt(reading(Date.now() - 9_000, 10_000))).toBe(false);
    expect([offBy(clock), lines]).toEqual([0, []]);
  });

  test('is said to be set back when it was, by how much ever', () => {
    const clock = newClock();
    expect(clock.adopt(reading(Date.now() + dayMs))).toBe(false);
    expect(clock.adopt(reading(Date.now() + dayMs))).toBe(false);
    expect(clock.adopt(reading(Date.now()))).toBe(true);
    expect(clock.adopt(reading(Date.now()))).toBe(false);
    expect(clock.adopt(reading(Date.now() - 3_000))).toBe(true);
  });

  test('is warned of once per change, not with each reading', () => {
    const clock = newClock();
    const differ = (...seconds: number[]) => {
      lines.length = 0;
      for (const by of seconds) clock.adopt(reading(Date.now() - by * 1_000));
      return lines.length;
    };
    expect(differ(0, 1, -1, 1.5)).toBe(0);
    expect(differ(86_400, 86_400, 86_401)).toBe(1);
    expect(lines).toEqual([['warn', expect.stringMatching(/^The clock of this machine/), { offsetSeconds: 86_400 }]]);
    expect(differ(40_000, 40_001, 40_000)).toBe(1);
    expect(differ(-3, -3, -2.5, -1.5)).toBe(1);
    expect(differ(0, 0)).toBe(1);
    expect(lines).toEqual([['info', expect.stringMatching(/again$/), expect.anything()]]);
    expect(differ(3)).toBe(1);
  });
});

test('no other file of the product reads the system clock', () => {
  const sources = fileURLToPath(new URL('.', import.meta.url));
  const asking = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:ts|js)$/.test(file) && !/\.test\.ts$|^test\//.test(file))
    .filter((file) => /Date\.now\(|new Date\(\)|\bDate\(\)/.test(readFileSync(join(sources, file), 'utf8')));
  expect(asking.toSorted()).toEqual([
    'database-clock.ts',
    // A library that reads the machine's clock gets the difference, or a time to compare with this clock.
    'federation/provider-cache.ts',
    'federation/provider-configuration.ts',
  ]);
});

describe('services after the clock of the database was a day ahead and was set back', () => {
  let app: TestApp;
  let world: World;

  beforeAll(async () => {
    app = await buildTestApp();
    app.clock.advance(dayMs);
    world = await createWorld(app, {
      settings: { limits: { signInsPerAccountPerHour: 2, signInsPerAddressPerHour: 2 } },
    });
  });
  afterAll(() => app?.close());

  test('a quota that was exhausted then is full again, and the time to retry is at most its period', async () => {
    const person = await world.person();
    const signIn = (of: string) =>
      world.call('POST', '/v1/authentication/users/sessions', { body: { email: person.email, password: of } });
    const failed = async () => [problem(await signIn('Wrong@12345678')), problem(await signIn('Wrong@12345678'))];
    expect(await failed()).toEqual(['401 invalid_credentials', '401 invalid_credentials']);
    expect(problem(await signIn(password))).toBe('429 too_many_attempts');
    app.clock.advance(-dayMs);
    expect(await failed()).toEqual(['401 invalid_credentials', '401 invalid_credentials']);
    const refused = await signIn(password);
    expect(problem(refused)).toBe('429 too_many_attempts');
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(1_800);
    app.clock.advance(dayMs);
  });

  test('the key of an app that was created then signs', async () => {
    const machine = await world.machine();
    app.clock.advance(-dayMs);
    const body = { clientId: machine.machineUserId, clientSecret: machine.clientSecret };
    const answer = await world.call('POST', '/v1/authentication/machine-users/access-token', { body });
    expect(answer.statusCode).toBe(200);
    const { token } = answer.json<{ token: string }>();
    const used = await world.call('GET', '/v1/authorization/organizations?pageSize=1', { token });
    expect(used.statusCode).toBe(200);
    app.clock.advance(dayMs);
  });

  test('a machine that had spent its tokens then gets some', async () => {
    const settings = { limits: { tokenRequestsPerMachinePerMinute: 20 } };
    const limited = await createWorld(app, { settings });
    const machine = await limited.machine();
    const body = { clientId: machine.machineUserId, clientSecret: machine.clientSecret };
    const ask = () => limited.call('POST', '/v1/authentication/machine-users/access-token', { body });
    let last = await ask();
    while (last.statusCode === 200) last = await ask();
    expect(problem(last)).toBe('429 rate_limited');
    app.clock.advance(-dayMs);
    expect((await ask()).statusCode).toBe(200);
    app.clock.advance(dayMs);
  });
});

describe.runIf(onServer).each([
  ['ahead', dayMs],
  ['behind', -dayMs],
])('a process whose clock is a day %s', (_name, offMs) => {
  let place: ServicePlace;
  let right: ServiceProcess;
  let wrong: ServiceProcess;
  let token: string;
  const limits = { signInsPerAccountPerHour: 2 };

  beforeAll(async () => {
    place = await makePlace();
    const env = {
      ...place.env,
      BOOTSTRAP_ADMIN_EMAIL: 'admin@example.com',
      BOOTSTRAP_ADMIN_PASSWORD: password,
      BOOTSTRAP_SETTINGS: JSON.stringify({ limits }),
    };
    // The one whose clock is wrong makes the app and its key.
    wrong = await startService(env, { clockOffMs: offMs });
    right = await startService(env);
    token = await signIn(wrong);
  });
  afterAll(async () => {
    await Promise.all([wrong?.stop('SIGKILL'), right?.stop('SIGKILL')]);
    await place?.remove();
  });

  const email = 'admin@example.com';
  const sessions = '/v1/authentication/users/sessions';
  const created = async <Body>(answer: Response): Promise<Body> => {
    expect([200, 201]).toContain(answer.status);
    return (await answer.json()) as Body;
  };
  const signIn = async (at: ServiceProcess) =>
    (await created<{ sessionToken: string }>(await at.call('POST', sessions, { body: { email, password } })))
      .sessionToken;
  const both = () => [right, wrong];

  test('takes sessions and machine tokens of the other process, and the other takes its', async () => {
    const made = await wrong.call('POST', '/v1/authorization/machine-users', { token, body: { userName: 'robot' } });
    const { machineUserId: clientId, clientSecret } = await created<{ machineUserId: string; clientSecret: string }>(
      made,
    );
    for (const issuer of both()) {
      const session = await signIn(issuer);
      const body = { clientId, clientSecret };
      const asked = await issuer.call('POST', '/v1/authentication/machine-users/access-token', { body });
      const { token: machineToken } = await created<{ token: string }>(asked);
      const claims = JSON.parse(Buffer.from(machineToken.split('.')[1] ?? '', 'base64url').toString()) as {
        nbf: number;
        exp: number;
      };
      expect(claims.nbf).toBeLessThanOrEqual(Date.now() / 1000);
      expect(claims.exp).toBeLessThan((Date.now() + dayMs) / 1000);
      for (const process of both()) {
        for (const bearer of [session, machineToken]) {
          const used = await process.call('GET', '/v1/authorization/organizations?pageSize=1', { token: bearer });
          expect(used.status).toBe(200);
        }
      }
    }
  });

  test('returns a wait that fits the quota, and shares the quota with the other', async () => {
    const attempt = (at: ServiceProcess) =>
      at.call('POST', sessions, { body: { email, password: 'Wrong@12345678' }, headers: { 'x-device': 'none' } });
    const answers = [];
    for (const at of [wrong, right, wrong, right]) answers.push(await attempt(at));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 429, 429]);
    const waits = answers.slice(2).map(({ headers }) => Number(headers.get('retry-after')));
    expect(Math.min(...waits)).toBeGreaterThan(0);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_800);
  });

  test('does not store a time when it is disabled', async () => {
    await wrong.call('POST', '/v1/authentication/users/password/reset', { body: { email } });
    const later = await place.onDatabase((db) =>
      db.query<{ name: string; away: number }>(sql`
        SELECT 'user' AS name, extract(epoch FROM created_at - now())::float8 AS away FROM users
        UNION ALL SELECT 'session', extract(epoch FROM created_at - now())::float8 FROM sessions
        UNION ALL SELECT 'key', extract(epoch FROM active_from - now())::float8 FROM signing_keys
        UNION ALL SELECT 'event', extract(epoch FROM time - now())::float8 FROM audit_events`),
    );
    expect(new Set(later.map(({ name }) => name))).toEqual(new Set(['user', 'session', 'key', 'event']));
    expect(later.filter(({ away }) => Math.abs(away) > 3_600)).toEqual([]);
  });

  test('logs one warning, and its metric shows the difference', async () => {
    const metric = async (at: ServiceProcess) =>
      Number(/^gatehouse_clock_offset_seconds (\S+)$/m.exec(await (await at.call('GET', '/metrics')).text())?.[1]);
    expect(Math.abs((await metric(wrong)) - offMs / 1000)).toBeLessThan(60);
    expect(Math.abs(await metric(right))).toBeLessThan(60);
    const warnings = (at: ServiceProcess) =>
      at
        .stdout()
        .split('\n')
        .filter((line) => line.includes('The clock of this machine'));
    expect(warnings(right)).toEqual([]);
    expect(warnings(wrong)).toHaveLength(1);
  });
});
