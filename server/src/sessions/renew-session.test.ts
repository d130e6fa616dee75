import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { linked } from '../test/samples/identity-providers.ts';
import { createStage, type Stage } from '../test/samples/stage.ts';
import { openTestDatabase } from '../test/database.ts';
import { goThrough, redeem } from '../test/identity-flow.ts';
import { type RecordingDb, recordingDb } from '../test/recording-db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const sessions = '/v1/authentication/users/sessions';
const me = '/v1/authentication/users/me';

let db: RecordingDb;
let app: TestApp;
let world: World;
let stage: Stage;

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app, { settings: { sessionsPerUser: 3 } });
  stage = await createStage(world);
});
afterAll(() => app?.close());

interface Started {
  sessionId: string;
  sessionToken: string;
  userId: string;
}

const cookie = (token: string) => ({ cookie: `session-token=${token}` });

const signIn = (email: string, headers: Record<string, string> = {}, secret = password) =>
  world.call('POST', sessions, { body: { email, password: secret }, headers });

async function signedIn(email: string, headers: Record<string, string> = {}): Promise<Started> {
  const response = await signIn(email, headers);
  expect(response.statusCode).toBe(201);
  return response.json<Started>();
}

const statusOf = async (token: string) => (await world.call('GET', me, { token })).statusCode;

const rowsOf = (userId: string) =>
  app.db.query<{ id: string; amr: string[]; authenticated_at: Date; created_at: Date; expires_at: Date }>(sql`
    SELECT id, amr, authenticated_at, created_at, expires_at FROM sessions
    WHERE app_id = ${world.appId} AND user_id = ${userId} ORDER BY id`);

const idsOf = async (userId: string) => (await rowsOf(userId)).map(({ id }) => id);

describe('a person who signs in again with the cookie of their session', () => {
  test('keeps the session: same id, new token, newer authentication and lifetime', async () => {
    const person = await world.person();
    const [before] = await rowsOf(person.userId);
    app.clock.advance(3_600_000);
    const again = await signedIn(person.email, cookie(person.token));
    expect(again).toMatchObject({ sessionId: person.sessionId, userId: person.userId });
    expect(await statusOf(person.token)).toBe(401);
    expect(await statusOf(again.sessionToken)).toBe(200);
    const [after, ...others] = await rowsOf(person.userId);
    expect(others).toEqual([]);
    const renewed = {
      authenticated_at: app.clock.now(),
      expires_at: new Date((before?.expires_at.getTime() ?? 0) + 3_600_000),
    };
    expect(after).toEqual({ ...before, ...renewed });
  });

  test('gets the new token as cookie', async () => {
    const person = await world.person();
    const response = await signIn(person.email, cookie(person.token));
    const { sessionToken } = response.json<Started>();
    expect(String(response.headers['set-cookie'])).toContain(`session-token=${sessionToken};`);
  });

  test('is in the audit with that session', async () => {
    const person = await world.person();
    await signIn(person.email, cookie(person.token));
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'session.renewed',
      actor: `user ${person.userId}`,
      target: `session ${person.sessionId}`,
    });
  });

  test('takes two statements, like any other sign-in', async () => {
    const person = await world.person();
    db.take();
    await signIn(person.email);
    expect(db.take()).toHaveLength(2);
    await signIn(person.email, cookie(person.token));
    expect(db.take()).toHaveLength(2);
  });

  test('ends that session, and no other, by the link of a mail about the device', async () => {
    const person = await world.person();
    await signIn(person.email, cookie(person.token));
    const mail = (await world.mails(person.email)).find(({ purpose }) => purpose === 'new_device');
    const [, token] = /not-me#(\S+)/.exec(mail?.text ?? '') ?? [];
    await world.call('POST', '/v1/authentication/users/email/verification/rejection', { body: { token } });
    expect(await idsOf(person.userId)).toEqual([]);
  });
});

describe('a new session starts, and no session ends', () => {
  const presented: [string, (person: Person) => Promise<string> | string][] = [
    ['with the cookie of another person', async () => (await world.person()).token],
    ['with the cookie of nothing', () => 'gh_s_nonsense'],
    [
      'with the cookie of the same address in another app',
      async ({ email }) => (await (await createWorld(app)).person({ email })).token,
    ],
    ['with two different cookies', async ({ token }) => `${token}; session-token=${(await world.person()).token}`],
  ];
  test.each(presented)('%s', async (_, present) => {
    const person = await world.person();
    const token = await present(person);
    const before = await world.rows();
    const again = await signedIn(person.email, cookie(token));
    expect(again.sessionId).not.toBe(person.sessionId);
    expect(await idsOf(person.userId)).toEqual([person.sessionId, again.sessionId]);
    expect(await statusOf(person.token)).toBe(200);
    expect(Number((await world.rows())['sessions'])).toBe(Number(before['sessions']) + 1);
  });

  test('a call with a Bearer token, which a public call does not read, begins a new session', async () => {
    const person = await world.person();
    const response = await world.call('POST', sessions, {
      body: { email: person.email, password },
      token: person.token,
    });
    expect(response.json<Started>().sessionId).not.toBe(person.sessionId);
    expect(await statusOf(person.token)).toBe(200);
  });

  test('a call with the cookie of an expired session begins a new session', async () => {
    const person = await world.person();
    await app.db.query(sql`
      UPDATE sessions SET idle_expires_at = ${app.clock.now()} WHERE app_id = ${world.appId}
        AND id = ${person.sessionId}`);
    const again = await signedIn(person.email, cookie(person.token));
    expect(again.sessionId).not.toBe(person.sessionId);
  });

  test('nothing when the password is wrong', async () => {
    const person = await world.person();
    const before = await rowsOf(person.userId);
    expect(problem(await signIn(person.email, cookie(person.token), 'Wrong@password-of-nobody'))).toMatch(/^401/);
    expect(await rowsOf(person.userId)).toEqual(before);
    expect(await statusOf(person.token)).toBe(200);
  });
});

test('two sign-ins at once with one cookie both get a token that works, and the old one fails', async () => {
  const person = await world.person();
  const both = await Promise.all([1, 2].map(() => signedIn(person.email, cookie(person.token))));
  expect(await Promise.all(both.map(({ sessionToken }) => statusOf(sessionToken)))).toSatisfy((statuses: number[]) =>
    statuses.every((status) => status === 200),
  );
  expect(await statusOf(person.token)).toBe(401);
  const ids = new Set(both.map(({ sessionId }) => sessionId));
  expect(ids).toContain(person.sessionId);
  expect((await idsOf(person.userId)).length).toBe(2);
});

describe('the number of live sessions of one person is limited', () => {
  test('the longest unused one ends, not the oldest', async () => {
    const person = await world.person();
    app.clock.advance(120_000);
    const second = await signedIn(person.email);
    app.clock.advance(120_000);
    const third = await signedIn(person.email);
    app.clock.advance(120_000);
    expect(await statusOf(person.token)).toBe(200);
    const fourth = await signedIn(person.email);
    expect(await idsOf(person.userId)).toEqual([person.sessionId, third.sessionId, fourth.sessionId]);
    expect(await statusOf(second.sessionToken)).toBe(401);
  });

  test('never the one that is presented, however long it was not used', async () => {
    const person = await world.person();
    for (let count = 0; count < 2; count += 1) {
      app.clock.advance(120_000);
      await signIn(person.email);
    }
    const again = await signedIn(person.email, cookie(person.token));
    expect(again.sessionId).toBe(person.sessionId);
    expect(await idsOf(person.userId)).toHaveLength(3);
  });

  test('expired ones do not count, and a lower number applies from the next sign-in', async () => {
    const person = await world.person();
    await app.db.query(sql`
      INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at,
        expires_at,
        idle_expires_at)
      SELECT app_id, id + n, user_id, sha256((id + n)::text::bytea), amr, authenticated_at, created_at,
        last_seen_at + interval '1 hour', CASE WHEN n > 5 THEN created_at ELSE expires_at END, idle_expires_at
      FROM sessions, generate_series(1, 10) AS n WHERE app_id = ${world.appId} AND id = ${person.sessionId}`);
    const again = await signedIn(person.email);
    const live = await app.db.query<{ id: string }>(sql`
      SELECT id FROM sessions WHERE app_id = ${world.appId} AND user_id = ${person.userId}
        AND LEAST(expires_at, idle_expires_at) > ${app.clock.now()}`);
    expect(live).toHaveLength(3);
    expect(live.map(({ id }) => id)).toContain(again.sessionId);
  });

  test('the limit of sessions of one person ends no session of others', async () => {
    const [person, other] = [await world.person(), await world.person()];
    for (let count = 0; count < 4; count += 1) await signIn(person.email);
    expect(await idsOf(other.userId)).toEqual([other.sessionId]);
  });
});

describe('other ways to a session renew it as well:', () => {
  beforeEach(() => world.reauthenticate());

  test('a sign-in with a provider renews the session', async () => {
    const { person, idpId, provider } = await linked(stage);
    const arrive = async (token: string) => {
      provider.person = { sub: `of-${person.userId}` };
      const back = await goThrough(world, provider, idpId);
      return (await redeem(world, back, { headers: cookie(token) })).json<Started>();
    };
    const again = await arrive(person.token);
    expect(again).toMatchObject({ sessionId: person.sessionId, userId: person.userId });
    expect(await statusOf(person.token)).toBe(401);
    expect(await statusOf(again.sessionToken)).toBe(200);
    expect((await rowsOf(person.userId)).at(-1)).toMatchObject({ id: person.sessionId, amr: ['fed'] });
    expect((await world.events()).at(-1)).toMatchObject({ action: 'session.renewed' });
    const started = await arrive((await world.person()).token);
    expect(started.sessionId).not.toBe(person.sessionId);
  });

  test('a sign-in with a provider renews it, and the limit also applies', async () => {
    const { person, idpId, provider } = await linked(stage);
    for (let count = 0; count < 4; count += 1) {
      app.clock.advance(60_000);
      provider.person = { sub: `of-${person.userId}` };
      await redeem(world, await goThrough(world, provider, idpId));
    }
    expect(await idsOf(person.userId)).toHaveLength(3);
  });
});
