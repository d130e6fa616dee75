import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestDatabase } from '../test/database.ts';
import { recordingDb, type RecordingDb } from '../test/recording-db.ts';
import { signAccessToken } from '../test/access-tokens.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Machine, type Person, problem, type World } from '../test/world/world.ts';
import { personWithMailedLink } from '../test/access.callers.ts';

let db: RecordingDb;
let app: TestApp;
let world: World;
let machine: Machine;
let person: Person;

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app);
  machine = await world.machine();
  person = await world.person();
});
afterAll(() => app?.close());

const url = '/v1/authentication/token/introspection';
const introspect = (token: string) => world.call('POST', url, { token: machine.token, body: { token } });
const seconds = (time: Date) => Math.floor(time.getTime() / 1000);

const machineToken = async ({ machineUserId: clientId, clientSecret }: Machine, audience: string | string[]) => {
  const body = { clientId, clientSecret, audience };
  const response = await world.call('POST', '/v1/authentication/machine-users/access-token', { body });
  return response.json<{ token: string }>().token;
};

describe('a token is not active, and the response has no other field:', () => {
  test.each<[what: string, token: () => string | Promise<string>]>([
    ['one that nobody issued', () => `gh_s_${'x'.repeat(43)}`],
    ['something that is no token', () => 'no token at all'],
    ['a JWT that was tampered with', () => `${machine.token.slice(0, -4)}AAAA`],
    ['the token of a verification mail', async () => (await personWithMailedLink(world)).token],
    ['a session of another app', async () => (await (await createWorld(app)).person()).token],
    ['a machine token of another app', async () => (await (await createWorld(app)).machine()).token],
    [
      'a session that has ended',
      async () => {
        const { token, sessionId } = await world.person();
        await world.call('DELETE', `/v1/authentication/users/sessions/${sessionId}`, { token });
        return token;
      },
    ],
    [
      'the session of a deactivated user',
      async () => {
        const { token, userId } = await world.person();
        await world.call('POST', `/v1/authorization/users/${userId}/deactivate`, { token: world.admin.token });
        return token;
      },
    ],
    [
      'the token of a deleted machine user',
      async () => {
        const other = await world.machine();
        const path = `/v1/authorization/machine-users/${other.machineUserId}`;
        await world.call('DELETE', path, { token: world.admin.token });
        return other.token;
      },
    ],
  ])('%s', async (_, token) => {
    const answer = await introspect(await token());
    expect([answer.statusCode, answer.json()]).toEqual([200, { active: false }]);
  });
});

describe('an active token', () => {
  test('an active token of a session returns its user', async () => {
    const now = app.clock.now();
    const fresh = await world.signIn(person.email);
    expect((await introspect(fresh.token)).json()).toEqual({
      active: true,
      kind: 'user',
      token_type: 'Bearer',
      sub: person.userId,
      iss: `http://127.0.0.1:3000/apps/${world.appName}`,
      aud: world.appName,
      iat: seconds(now),
      exp: seconds(now) + 604_800,
      username: person.email,
      client_id: world.appName,
      email_verified: true,
      sid: fresh.sessionId,
      amr: ['pwd'],
      acr: 'urn:gatehouse:acr:1',
      auth_time: seconds(now),
    });
  });

  test.each<[audience: string | string[]]>([['documents'], [['documents', 'pictures']]])(
    'an active token of a machine user for %j says which one it is, although this API would refuse it',
    async (audience) => {
      const token = await machineToken(machine, audience);
      const list = await world.call('GET', '/v1/authorization/users?pageSize=1', { token });
      expect(problem(list)).toBe('401 unauthenticated');
      const { iat, nbf, exp, jti, ...others } = (await introspect(token)).json<Record<string, number>>();
      expect([Number(exp) - Number(iat), Number(iat) - Number(nbf), jti]).toEqual([43_199, 60, expect.any(String)]);
      expect(others).toEqual({
        active: true,
        kind: 'machine',
        token_type: 'Bearer',
        sub: machine.machineUserId,
        iss: `http://127.0.0.1:3000/apps/${world.appName}`,
        aud: audience,
        client_id: machine.machineUserId,
        secret_id: machine.secretId,
        scope: '*',
      });
    },
  );

  test('expires at the returned time', async () => {
    const token = await machineToken(machine, 'documents');
    const { exp } = (await introspect(token)).json<{ exp: number }>();
    const other = await buildTestApp({ db: app.db, clock: { now: () => new Date(exp * 1000), advance: () => {} } });
    const late = await other.services.tokenVerifier.verifyIssued({ id: world.appId, name: world.appName }, token);
    expect(late).toBeUndefined();
    await other.app.close();
  });
});

describe('a machine user that is limited to audiences gets a description of', () => {
  let limited: Machine;
  beforeAll(async () => {
    limited = await world.machine();
    const path = `/v1/authorization/machine-users/${limited.machineUserId}`;
    await world.reauthenticate();
    await world.call('PATCH', path, { token: world.admin.token, body: { allowedAudiences: ['documents'] } });
  });

  test.each<[what: string, token: () => string | Promise<string>, active: boolean]>([
    ['no tokens for another audience', () => machineToken(machine, 'pictures'), false],
    ['no tokens for this API', () => machine.token, false],
    ['no access token of a person for another audience', () => signAccessToken(world, person.token), false],
    ['tokens for its audience', () => machineToken(machine, 'documents'), true],
    ['tokens for its audience and another', () => machineToken(machine, ['pictures', 'documents']), true],
    ['sessions, which have no audience', async () => (await world.signIn(person.email)).token, true],
  ])('%s', async (_, token, active) => {
    const answer = await world.call('POST', url, { token: limited.token, body: { token: await token() } });
    expect(answer.json()).toMatchObject({ active });
  });
});

describe('it is refused', () => {
  test.each<[who: string, token: () => string, answer: string]>([
    ['to a user', () => person.token, '403 access_denied'],
    ['to a super admin', () => world.admin.token, '403 access_denied'],
  ])('%s', async (_, token, answer) => {
    const response = await world.call('POST', url, { token: token(), body: { token: machine.token } });
    expect(problem(response)).toBe(answer);
  });

  test.each([
    ['without a token', {}],
    ['with an empty one', { token: '' }],
    ['with an oversized one', { token: 'x'.repeat(8193) }],
  ])('%s', async (_, body) => {
    const response = await world.call('POST', url, { token: machine.token, body });
    expect(Object.keys(faults(response))).toEqual(['/body/token']);
  });
});

test('concurrent calls share their statements, and each gets its own result', async () => {
  const ended = await world.signIn(person.email);
  await world.call('DELETE', `/v1/authentication/users/sessions/${ended.sessionId}`, { token: ended.token });
  const other = await world.machine();
  const asked = [person.token, ended.token, machine.token, other.token, 'gh_s_unknown', `${machine.token}x`];
  const expected = [person.userId, undefined, machine.machineUserId, other.machineUserId, undefined, undefined];
  const askAll = () => Promise.all(Array.from({ length: 4 }, () => asked.map(introspect)).flat());
  await askAll();
  db.take();
  const answers = await askAll();
  expect(answers.map((answer) => answer.json<{ sub?: string }>().sub)).toEqual(
    [expected, expected, expected, expected].flat(),
  );
  expect(db.take().length).toBeLessThan(answers.length / 2);
});

test('introspection counts as use: a session does not expire while backends introspect it', async () => {
  const dayMs = 24 * 3_600_000;
  const used = await world.signIn(person.email);
  const unused = await world.signIn(person.email);
  for (let days = 0; days < 10; days += 2) {
    app.clock.advance(2 * dayMs);
    machine = await world.machine();
    expect((await introspect(used.token)).json()).toMatchObject({ active: true });
  }
  expect((await introspect(unused.token)).json()).toEqual({ active: false });
});
