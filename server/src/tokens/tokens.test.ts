import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Machine, problem, type World } from '../test/world/world.ts';

const url = '/v1/authentication/machine-users/access-token';

let app: TestApp;
let world: World;
let machine: Machine;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  machine = await world.machine();
});
afterAll(() => app?.close());

const request = (changes: object = {}, of: World = world, from: Machine = machine) =>
  of.call('POST', url, { body: { clientId: from.machineUserId, clientSecret: from.clientSecret, ...changes } });
const tokenFor = async (...attempt: Parameters<typeof request>) =>
  (await request(...attempt)).json<{ token: string }>().token;
const use = async (token: string, of: World = world) => {
  const response = await of.call('GET', '/v1/authorization/organizations?pageSize=1', { token });
  return response.statusCode === 200 ? '200' : problem(response);
};

describe('a token is refused', () => {
  test('a token with any fault of the credential is refused with one answer', async () => {
    const other = await world.machine();
    const elsewhere = await createWorld(app);
    const foreign = await elsewhere.machine();
    const attempts: object[] = [
      { clientSecret: `${machine.clientSecret}x` },
      { clientSecret: machine.clientSecret.slice(0, -1) },
      { clientSecret: machine.clientSecret.toUpperCase() },
      { clientSecret: other.clientSecret },
      { clientId: other.machineUserId },
      { clientId: '1' },
      { clientId: 'robot' },
      { clientId: '9'.repeat(100) },
      { clientId: ` ${machine.machineUserId}` },
      { clientId: foreign.machineUserId, clientSecret: foreign.clientSecret },
    ];
    const answers = await Promise.all(attempts.map((changes) => request(changes)));
    expect(answers.map(problem)).toEqual(attempts.map(() => '401 invalid_client'));
    const told = answers.map((answer) => JSON.stringify({ ...answer.json<object>(), requestId: '' }));
    expect(new Set(told).size).toBe(1);
    expect(answers[0]?.headers['www-authenticate']).toBe('Bearer');
  });

  test.each<[what: string, changes: object, pointer: string]>([
    ['without id', { clientId: undefined }, '/body/clientId'],
    ['without secret', { clientSecret: undefined }, '/body/clientSecret'],
    ['with an empty secret', { clientSecret: '' }, '/body/clientSecret'],
    ['with a number as id', { clientId: 1 }, '/body/clientId'],
    ['with an unknown field', { scope: 'all' }, '/body/scope'],
    ['with an empty audience', { audience: '' }, '/body/audience'],
    ['with no audience in a list', { audience: [] }, '/body/audience'],
    ['with 6 audiences', { audience: ['a', 'b', 'c', 'd', 'e', 'f'] }, '/body/audience'],
    ['with a number as audience', { audience: 1 }, '/body/audience'],
  ])('%s', async (_, changes, pointer) => {
    const response = await request(changes);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('a token with the name of the app as audience is refused, alone or among others', async () => {
    const { appName } = world;
    for (const audience of [appName, [appName], ['https://billing.example.com', appName]]) {
      const response = await request({ audience });
      expect(problem(response)).toBe('400 validation_failed');
      expect(Object.keys(faults(response))).toEqual(['/body/audience']);
    }
  });

  test('a token is refused by an app that is not named, does not exist or is deactivated', async () => {
    const body = { clientId: machine.machineUserId, clientSecret: machine.clientSecret };
    expect(problem(await world.call('POST', url, { app: null, body }))).toBe('400 app_name_required');
    expect(problem(await world.call('POST', url, { app: 'nowhere', body }))).toBe('404 app_not_found');
    const closed = await createWorld(app);
    const theirs = await closed.machine();
    await closed.operate('PATCH', `/v1/platform/apps/${closed.appName}`, { status: 'INACTIVE' });
    expect(problem(await request({}, closed, theirs))).toBe('403 app_inactive');
    expect(await use(theirs.token, closed)).toBe('401 unauthenticated');
  });
});

describe('a token', () => {
  test('is returned only with its lifetime', async () => {
    const response = await request();
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      expiresInSeconds: 43_199,
    });
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.cookies).toEqual([]);
  });

  test('has these claims and this header, and no others', async () => {
    const token = await tokenFor();
    const { keys } = (await world.call('GET', '/v1/authentication/token/jwks')).json<{ keys: { kid: string }[] }>();
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: keys[0]?.kid });
    const issuedAt = Math.floor(app.clock.now().getTime() / 1000) - 1;
    expect(decodeJwt(token)).toEqual({
      iss: `http://127.0.0.1:3000/apps/${world.appName}`,
      aud: world.appName,
      sub: machine.machineUserId,
      client_id: machine.machineUserId,
      secret_id: machine.secretId,
      roles: ['GENERIC_MACHINE_USER'],
      scope: '*',
      iat: issuedAt,
      nbf: issuedAt - 60,
      exp: issuedAt + 43_199,
      jti: expect.stringMatching(/^[\w-]{20,}$/),
    });
  });

  test.each([0, 1, 60])('is accepted by a verifier without leeway whose clock is %i seconds behind', async (behind) => {
    const keys = createLocalJWKSet((await world.call('GET', '/v1/authentication/token/jwks')).json<JSONWebKeySet>());
    const currentDate = new Date(app.clock.now().getTime() - behind * 1000);
    const { payload } = await jwtVerify(await tokenFor(), keys, { currentDate, clockTolerance: 0 });
    expect(payload.sub).toBe(machine.machineUserId);
  });

  test('is accepted by a verifier that checks iat without leeway and is one second behind', async () => {
    const keys = createLocalJWKSet((await world.call('GET', '/v1/authentication/token/jwks')).json<JSONWebKeySet>());
    const options = { currentDate: new Date(app.clock.now().getTime() - 1000), clockTolerance: 0, maxTokenAge: '13 h' };
    await expect(jwtVerify(await tokenFor(), keys, options)).resolves.toBeDefined();
  });

  test('is another one each time', async () => {
    const tokens = await Promise.all(Array.from({ length: 5 }, () => tokenFor()));
    expect(new Set(tokens.map((token) => decodeJwt(token).jti)).size).toBe(5);
  });

  test('is issued also if the request has a credential', async () => {
    const body = { clientId: machine.machineUserId, clientSecret: machine.clientSecret };
    expect((await world.call('POST', url, { token: 'nonsense', body })).statusCode).toBe(200);
  });

  test('is for this API, in this app', async () => {
    const elsewhere = await createWorld(app);
    const token = await tokenFor();
    expect([await use(token), await use(token, elsewhere)]).toEqual(['200', '401 unauthenticated']);
  });

  test.each<[what: string, audience: string | string[]]>([
    ['one', 'https://billing.example.com'],
    ['one in a list', ['https://billing.example.com']],
    ['five', ['a', 'b', 'c', 'd', 'e']],
  ])('a token with %s audience has exactly that audience, and is refused here', async (_, audience) => {
    const token = await tokenFor({ audience });
    expect(decodeJwt(token).aud).toEqual(audience);
    expect(await use(token)).toBe('401 unauthenticated');
  });

  test('is valid for its lifetime and no second more', async () => {
    const token = await tokenFor();
    app.clock.advance(43_197_000);
    expect(await use(token)).toBe('200');
    app.clock.advance(1000);
    expect(await use(token)).toBe('401 unauthenticated');
    expect(await use(await tokenFor())).toBe('200');
  });

  test('lasts as long as the app sets, from the next one', async () => {
    const short = await createWorld(app, { settings: { machineTokenLifeSeconds: 300 } });
    const theirs = await short.machine();
    const response = await request({}, short, theirs);
    const { token, expiresInSeconds } = response.json<{ token: string; expiresInSeconds: number }>();
    const { iat = 0, exp } = decodeJwt(token);
    expect([expiresInSeconds, exp]).toEqual([300, iat + 300]);
    app.clock.advance(298_000);
    expect(await use(token, short)).toBe('200');
    app.clock.advance(1000);
    expect(await use(token, short)).toBe('401 unauthenticated');
    const settings = { machineTokenLifeSeconds: 600 };
    await short.operate('PATCH', `/v1/platform/apps/${short.appName}`, { settings });
    expect((await request({}, short, theirs)).json()).toMatchObject({ expiresInSeconds: 600 });
  });

  test('is refused from the next call on when the app is deactivated', async () => {
    const closing = await createWorld(app);
    const { token } = await closing.machine();
    const setStatus = (status: string) => closing.operate('PATCH', `/v1/platform/apps/${closing.appName}`, { status });
    expect(await use(token, closing)).toBe('200');
    await setStatus('INACTIVE');
    expect(await use(token, closing)).toBe('401 unauthenticated');
    await setStatus('ACTIVE');
    expect(await use(token, closing)).toBe('200');
  });

  test('is no cookie', async () => {
    const headers = { cookie: `session-token=${await tokenFor()}` };
    const response = await world.call('GET', '/v1/authentication/users/me', { headers });
    expect([401, 403]).toContain(response.statusCode);
  });
});
