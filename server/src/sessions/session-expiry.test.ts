import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const lifeSeconds = 3600;
const idleSeconds = 600;
const me = '/v1/authentication/users/me';

let app: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { settings: { sessionLifeSeconds: lifeSeconds, sessionIdleSeconds: idleSeconds } });
});
beforeEach(async () => {
  person = await world.person();
});
afterAll(() => app?.close());

const advance = (seconds: number) => app.clock.advance(seconds * 1000);
const status = async (token = person.token) => (await world.call('GET', me, { token })).statusCode;

async function listed() {
  const response = await world.call('GET', `${me}/sessions`, { token: person.token });
  return response.json<{ sessions: { lastSeenAt: string; expiresAt: string }[] }>().sessions[0];
}

describe('a session that is not used', () => {
  test('ends when its idle time is over', async () => {
    advance(idleSeconds - 1);
    expect(await status()).toBe(200);
    advance(idleSeconds);
    expect(problem(await world.call('GET', me, { token: person.token }))).toBe('401 unauthenticated');
  });
});

describe('a session is no longer listed', () => {
  test.each<[when: string, until: number, usedEvery: number]>([
    ['after its idle time', idleSeconds, idleSeconds],
    ['after its maximum lifetime, also if it was used until then', lifeSeconds, 300],
  ])('%s', async (_, until, usedEvery) => {
    const old = person;
    for (let used = 0; used + usedEvery < until; used += usedEvery) {
      advance(usedEvery);
      expect(await status()).toBe(200);
    }
    advance(usedEvery - 1);
    const fresh = await world.signIn(old.email);
    const list = async () => {
      const response = await world.call('GET', `${me}/sessions`, { token: fresh.token });
      return response.json<{ sessions: { id: string }[] }>().sessions.map(({ id }) => id);
    };
    expect(await list()).toEqual([old.sessionId, fresh.sessionId]);
    advance(1);
    expect(await list()).toEqual([fresh.sessionId]);
  });
});

describe('a session that is used', () => {
  test('is prolonged by use, but ends after its maximum lifetime', async () => {
    for (let used = 0; used + 300 < lifeSeconds; used += 300) {
      advance(300);
      expect(await status()).toBe(200);
    }
    advance(299);
    expect(await status()).toBe(200);
    advance(1);
    expect(await status()).toBe(401);
  });

  test('slides however short its idle time is', async () => {
    const brief = await createWorld(app, { settings: { sessionIdleSeconds: 70 } });
    const { token } = await brief.person();
    const statuses = [];
    for (const seconds of [20, 20, 15, 20, 70]) {
      advance(seconds);
      statuses.push((await brief.call('GET', me, { token })).statusCode);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 401]);
  });

  test('is noted at most once a minute', async () => {
    const begun = app.clock.now();
    advance(59);
    expect(await listed()).toMatchObject({ lastSeenAt: begun.toISOString() });
    advance(1);
    const seen = app.clock.now();
    expect(await listed()).toEqual(
      expect.objectContaining({
        lastSeenAt: seen.toISOString(),
        expiresAt: new Date(seen.getTime() + idleSeconds * 1000).toISOString(),
      }),
    );
    advance(59);
    expect(await listed()).toMatchObject({ lastSeenAt: seen.toISOString() });
  });

  test('is prolonged by the present setting of the app', async () => {
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings: { sessionIdleSeconds: 1200 } });
    advance(60);
    await status();
    advance(1199);
    expect(await status()).toBe(200);
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, {
      settings: { sessionIdleSeconds: idleSeconds },
    });
  });
});

describe('session expiry by default', () => {
  test('a session lasts 30 days, and 7 days unused', async () => {
    const usual = await createWorld(app);
    const { token } = await usual.person();
    const answer = await usual.call('GET', me, { token });
    const { createdAt, expiresAt } = answer.json<{ session: { createdAt: string; expiresAt: string } }>().session;
    const day = 86_400;
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(30 * day * 1000);
    const idle = await usual.signIn(usual.admin.email);
    for (const days of [6, 6, 6, 6, 5]) {
      advance(days * day);
      expect((await usual.call('GET', me, { token })).statusCode).toBe(200);
    }
    expect((await usual.call('GET', me, { token: idle.token })).statusCode).toBe(401);
    advance(day);
    expect((await usual.call('GET', me, { token })).statusCode).toBe(401);
  });
});

describe('a deactivated app', () => {
  test('refuses all sessions, and accepts them again when it is active', async () => {
    const setStatus = (state: string) =>
      world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { status: state });
    await setStatus('INACTIVE');
    expect(problem(await world.call('GET', me, { token: person.token }))).toBe('401 unauthenticated');
    await setStatus('ACTIVE');
    expect(await status()).toBe(200);
  });
});
