import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, password, type Person, problem, type World } from '../test/world/world.ts';
import { createPasswordHasher } from '../passwords/password-hash.ts';

const url = '/v1/authentication/users/sessions';
const mine = '/v1/authentication/users/me/sessions';
const of = (userId: string) => `/v1/authentication/users/${userId}/sessions`;

let app: TestApp;
let world: World;
let proxied: TestApp;
let behind: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  proxied = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  behind = await createWorld(proxied);
});
afterAll(async () => {
  await app?.close();
  await proxied?.close();
});

const signIn = (body: unknown) => world.call('POST', url, { body });
const setState = (userId: string, state: string) =>
  app.db.query(sql`UPDATE users SET state = ${state} WHERE id = ${userId}`);
const hashOf = async (userId: string) => {
  const [row] = await app.db.query<{ hash: string }>(sql`SELECT password_hash AS hash FROM users WHERE id = ${userId}`);
  return row?.hash ?? '';
};
const isAlive = async ({ token }: { token: string }) =>
  (await world.call('GET', '/v1/authentication/users/me', { token })).statusCode === 200;

interface Listed {
  id: string;
  current: boolean;
}
const idsOf = async (address: string, token: string) => {
  const response = await world.call('GET', address, { token });
  return response.json<{ sessions: Listed[] }>().sessions.map(({ id }) => id);
};

describe('signing in', () => {
  test('is refused in the same way for an unknown address, a wrong password and an invited user', async () => {
    const person = await world.person();
    await world.organization({ ...person, email: 'invited@example.com' });
    const answers = await Promise.all(
      [
        { email: 'nobody@example.com', password },
        { email: person.email, password: `${password}!` },
        { email: person.email, password: '' },
        { email: person.email, password: 'x' },
        { email: 'invited@example.com', password },
        { email: 'invited@example.com', password: '' },
      ].map(signIn),
    );
    for (const answer of answers) {
      expect(problem(answer)).toBe('401 invalid_credentials');
      expect(answer.headers['www-authenticate']).toBe('Bearer');
      expect(answer.cookies).toEqual([]);
    }
    const told = answers.map((answer) => ({ ...answer.json<object>(), requestId: '' }));
    expect(new Set(told.map((problemDocument) => JSON.stringify(problemDocument))).size).toBe(1);
  });

  test('is refused to a deactivated user: the reason is given only with the correct password', async () => {
    const person = await world.person();
    await setState(person.userId, 'INACTIVE');
    const before = await world.rows();
    expect(problem(await signIn({ email: person.email, password: 'wrong password' }))).toBe('401 invalid_credentials');
    expect(problem(await signIn({ email: person.email, password }))).toBe('403 user_inactive');
    expect(await world.rows()).toEqual(before);
  });

  test('is refused with a user of another app', async () => {
    const elsewhere = await createWorld(app);
    const { email } = await elsewhere.person();
    expect(problem(await signIn({ email, password }))).toBe('401 invalid_credentials');
  });

  test.each<[what: string, body: unknown, pointer: string]>([
    ['without address', { password }, '/body/email'],
    ['with something that is no address', { email: 'jon', password }, '/body/email'],
    ['without password', { email: 'jon@example.com' }, '/body/password'],
    ['with an unknown field', { email: 'jon@example.com', password, remember: true }, '/body/remember'],
  ])('is refused %s', async (_, body, pointer) => {
    const response = await signIn(body);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('starts a session, and returns nothing else', async () => {
    const person = await world.person();
    const response = await signIn({ email: ` ${person.email.toUpperCase()} `, password });
    expect(response.statusCode).toBe(201);
    const { sessionId, sessionToken } = response.json<{ sessionId: string; sessionToken: string }>();
    expect(response.json()).toEqual({
      sessionId: expect.stringMatching(/^\d{18}$/),
      sessionToken: expect.stringMatching(/^gh_s_[\w-]{43}$/),
      userId: person.userId,
    });
    expect(response.cookies[0]).toMatchObject({ name: 'session-token', value: sessionToken, maxAge: 2_592_000 });
    expect(await isAlive({ token: sessionToken })).toBe(true);
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'session.created',
      actor: `user ${person.userId}`,
      target: `session ${sessionId}`,
    });
  });

  test('stores the hash of the token only', async () => {
    const person = await world.person();
    const [row] = await app.db.query<{ session: string; hash: Buffer }>(
      sql`SELECT to_jsonb(s)::text AS session, token_hash AS hash FROM sessions s WHERE id = ${person.sessionId}`,
    );
    expect(row?.hash).toHaveLength(32);
    expect(row?.session).not.toContain(person.token);
  });

  test('does not apply the password policy', async () => {
    const person = await world.person();
    const hash = await app.services.passwords.hash('short');
    await app.db.query(sql`UPDATE users SET password_hash = ${hash} WHERE id = ${person.userId}`);
    expect((await signIn({ email: person.email, password: 'short' })).statusCode).toBe(201);
  });

  test('hashes the password again when the parameters have changed, and only with the right one', async () => {
    const person = await world.person();
    const earlier = createPasswordHasher({ parameters: { memoryCost: 128, timeCost: 1, parallelism: 1 } });
    const old = await earlier.hash(password);
    await app.db.query(sql`UPDATE users SET password_hash = ${old} WHERE id = ${person.userId}`);
    await signIn({ email: person.email, password: 'wrong password' });
    expect(await hashOf(person.userId)).toBe(old);
    await world.signIn(person.email);
    const renewed = await hashOf(person.userId);
    expect(renewed).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
    await world.signIn(person.email);
    expect(await hashOf(person.userId)).toBe(renewed);
  });
});

describe('signing out', () => {
  test('is refused for a session of another user, and for an unknown session', async () => {
    const [person, stranger] = [await world.person(), await world.person()];
    for (const { token } of [stranger, world.admin]) {
      const response = await world.call('DELETE', `${url}/${person.sessionId}`, { token });
      expect(problem(response)).toBe('404 session_not_found');
    }
    expect(problem(await world.call('DELETE', `${url}/1`, { token: person.token }))).toBe('404 session_not_found');
    expect(problem(await world.call('DELETE', `${url}/me`, { token: person.token }))).toBe('400 validation_failed');
    expect(await isAlive(person)).toBe(true);
  });

  test('signing out ends the token at once, and no other', async () => {
    const person = await world.person();
    const other = await world.signIn(person.email);
    const response = await world.call('DELETE', `${url}/${person.sessionId}`, { token: person.token });
    expect(response.statusCode).toBe(204);
    expect(response.body).toBe('');
    expect(await isAlive(person)).toBe(false);
    expect(await isAlive(other)).toBe(true);
    const again = await world.call('DELETE', `${url}/${person.sessionId}`, { token: other.token });
    expect(problem(again)).toBe('404 session_not_found');
  });

  test('works for another session of the same user', async () => {
    const person = await world.person();
    const lost = await world.signIn(person.email);
    await world.call('DELETE', `${url}/${lost.sessionId}`, { token: person.token });
    expect([await isAlive(lost), await isAlive(person)]).toEqual([false, true]);
  });
});

describe('my sessions', () => {
  test('are listed, oldest first, without secrets', async () => {
    const person = await world.person();
    const userAgent = 'Browser/1.0';
    const body = { email: person.email, password };
    const second = await world.call('POST', url, { body, headers: { 'user-agent': userAgent } });
    const { sessionId, sessionToken } = second.json<{ sessionId: string; sessionToken: string }>();
    const response = await world.call('GET', mine, { token: sessionToken });
    const now = app.clock.now();
    const times = {
      createdAt: now.toISOString(),
      lastSeenAt: now.toISOString(),
      expiresAt: new Date(now.getTime() + 604_800_000).toISOString(),
      amr: ['pwd'],
      acr: 1,
      authenticatedAt: now.toISOString(),
    };
    expect(response.json()).toEqual({
      sessions: [
        { id: person.sessionId, ...times, userAgent: 'lightMyRequest', ip: '127.0.0.1', current: false },
        { id: sessionId, ...times, userAgent, ip: '127.0.0.1', current: true },
      ],
    });
  });

  test.each([
    ['1.2.3.4', '1.2.3.4'],
    ['1.2.3.4:99', '1.2.3.4'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['evil', '127.0.0.1'],
    ['1.2.3.4, evil', '127.0.0.1'],
    ['evil, 1.2.3.4', '1.2.3.4'],
    ['1.2.3.256', '127.0.0.1'],
    ['', '127.0.0.1'],
  ])('behind a proxy that reports "%s" are those of %s', async (reported, ip) => {
    const headers = { 'x-forwarded-for': reported };
    const body = { email: behind.admin.email, password };
    const { sessionId } = (await behind.call('POST', url, { headers, body })).json<{ sessionId: string }>();
    const response = await behind.call('GET', mine, { token: behind.admin.token });
    const { sessions } = response.json<{ sessions: { id: string; ip: string }[] }>();
    expect(sessions.find(({ id }) => id === sessionId)).toMatchObject({ ip });
  });

  test('end, all but this one', async () => {
    const person = await world.person();
    const others = [await world.signIn(person.email), await world.signIn(person.email)];
    expect((await world.call('DELETE', mine, { token: person.token })).statusCode).toBe(204);
    expect(await Promise.all(others.map(isAlive))).toEqual([false, false]);
    expect(await idsOf(mine, person.token)).toEqual([person.sessionId]);
    const told = (await world.events()).length;
    expect((await world.call('DELETE', mine, { token: person.token })).statusCode).toBe(204);
    expect(await world.events()).toHaveLength(told);
  });

  test('end, this one too with includeCurrent', async () => {
    const [person, bystander] = [await world.person(), await world.person()];
    const other = await world.signIn(person.email);
    const query = '?includeCurrent=true';
    expect((await world.call('DELETE', mine + query, { token: person.token })).statusCode).toBe(204);
    expect(await Promise.all([person, other, bystander].map(isAlive))).toEqual([false, false, true]);
  });

  test.each(['?includeCurrent=yes', '?includeCurent=true'])('do not end with %s', async (query) => {
    const person = await world.person();
    const other = await world.signIn(person.email);
    expect(problem(await world.call('DELETE', mine + query, { token: person.token }))).toBe('400 validation_failed');
    expect(await isAlive(other)).toBe(true);
  });

  test('do not exist for a machine user', async () => {
    const { token } = await world.machine();
    expect(problem(await world.call('GET', mine, { token }))).toBe('403 human_required');
    expect(problem(await world.call('DELETE', mine, { token }))).toBe('403 human_required');
  });
});

describe('the sessions of a user', () => {
  async function refusals(person: Person) {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const member = await world.member(orgId);
    return [
      [person, person.userId, '403 access_denied'],
      [owner, member.userId, '403 access_denied'],
      [member, owner.userId, '404 user_not_found'],
      [await world.person(), person.userId, '404 user_not_found'],
      [world.admin, '1', '404 user_not_found'],
    ] as const;
  }

  test('are no business of theirs here, of owners, or of strangers', async () => {
    const person = await world.person();
    for (const [caller, userId, expected] of await refusals(person)) {
      for (const method of ['GET', 'DELETE'] as const) {
        expect(problem(await world.call(method, of(userId), { token: caller.token }))).toBe(expected);
      }
    }
    expect(await isAlive(person)).toBe(true);
  });

  test('are listed and ended by super admins and machines', async () => {
    for (const { token } of [world.admin, await world.machine()]) {
      const person = await world.person();
      const other = await world.signIn(person.email);
      expect(await idsOf(of(person.userId), token)).toEqual([person.sessionId, other.sessionId]);
      expect((await world.call('DELETE', of(person.userId), { token })).statusCode).toBe(204);
      expect(await Promise.all([person, other].map(isAlive))).toEqual([false, false]);
      expect(await idsOf(of(person.userId), token)).toEqual([]);
    }
  });

  test('are refused from the next request on when the user is deactivated', async () => {
    const person = await world.person();
    await setState(person.userId, 'INACTIVE');
    expect(await isAlive(person)).toBe(false);
    await setState(person.userId, 'ACTIVE');
    expect(await isAlive(person)).toBe(true);
  });
});
