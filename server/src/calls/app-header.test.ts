import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, platformKey, type TestApp } from '../test/setup.ts';
import { exchange, listen, parseAnswers, rawRequest } from '../test/raw-http.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let inactive: World;
let port: number;

const publicUrl = '/v1/authentication/token/jwks';
const ownUrl = '/v1/authentication/users/me';

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { name: 'demo' });
  inactive = await createWorld(app, { name: 'asleep' });
  await setStatus('asleep', 'INACTIVE');
  port = await listen(app);
});
afterAll(() => app?.close());

async function setStatus(name: string, status: 'ACTIVE' | 'INACTIVE'): Promise<void> {
  const response = await world.call('PATCH', `/v1/platform/apps/${name}`, {
    app: null,
    token: platformKey,
    body: { status },
  });
  expect(response.statusCode).toBe(200);
}

const faulty: [what: string, name: string | null, status: number, code: string][] = [
  ['no name', null, 400, 'app_name_required'],
  ['an empty name', '', 400, 'app_name_required'],
  ['the name of no app', 'nobody', 404, 'app_not_found'],
  ['another case', 'DEMO', 404, 'app_not_found'],
  ['a name and white space within', 'de mo', 404, 'app_not_found'],
  ['two names', 'demo, demo', 404, 'app_not_found'],
  ['a name in quotes', '"demo"', 404, 'app_not_found'],
  ['SQL', "demo' OR '1'='1", 404, 'app_not_found'],
  ['a pattern', 'dem%', 404, 'app_not_found'],
  ['a path', '../demo', 404, 'app_not_found'],
  ['a name of an object’s own', '__proto__', 404, 'app_not_found'],
  ['letters of other scripts', 'd\u00E9mo', 404, 'app_not_found'],
  ['a very long name', 'a'.repeat(10_000), 404, 'app_not_found'],
];

describe.each([
  ['of a public call', publicUrl],
  ['of an authenticated call', ownUrl],
])('the app header %s', (_kind, url) => {
  test.each(faulty)('%s is refused', async (_what, name, status, code) => {
    const response = await world.call('GET', url, { app: name, token: world.admin.token });
    expect(response.json()).toMatchObject({ status, code });
  });

  test('sent twice is refused', async () => {
    const request = rawRequest(`GET ${url} HTTP/1.1`, [
      'X-App-Name: demo',
      'X-App-Name: demo',
      `Authorization: Bearer ${world.admin.token}`,
    ]);
    const [answer] = parseAnswers(await exchange(port, request));
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ status: 404, code: 'app_not_found' });
  });

  test('names the app in any case of the header name', async () => {
    const headers = { 'X-APP-NAME': 'demo' };
    const response = await world.call('GET', url, { app: null, token: world.admin.token, headers });
    expect(response.statusCode).toBe(200);
  });
});

describe('a deactivated app', () => {
  const publicCalls: [string, 'GET' | 'POST', string, unknown][] = [
    ['its keys', 'GET', publicUrl, undefined],
    ['signing in', 'POST', '/v1/authentication/users/sessions', { email: 'admin@asleep.example', password }],
    [
      'signing up',
      'POST',
      '/v1/authentication/users',
      { email: 'x@example.com', password, firstName: 'J', lastName: 'D' },
    ],
    ['a machine token', 'POST', '/v1/authentication/machine-users/access-token', { clientId: '1', clientSecret: 'x' }],
  ];

  test.each(publicCalls)('refuses %s', async (_what, method, url, body) => {
    const response = await inactive.call(method, url, { body });
    expect(response.json()).toMatchObject({ status: 403, code: 'app_inactive' });
    expect(response.headers['set-cookie']).toBeUndefined();
  });

  test('has no valid sessions while it is inactive, and has them again afterwards', async () => {
    const { token } = inactive.admin;
    const response = await inactive.call('GET', ownUrl, { token });
    expect(response.json()).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(response.headers['www-authenticate']).toBe('Bearer');
    await setStatus('asleep', 'ACTIVE');
    expect((await inactive.call('GET', ownUrl, { token })).statusCode).toBe(200);
    await setStatus('asleep', 'INACTIVE');
    expect((await inactive.call('GET', ownUrl, { token })).statusCode).toBe(401);
  });

  test.each(publicCalls.slice(1))('is refused before the body is looked at: %s', async (_what, method, url) => {
    for (const [type, body] of [
      ['text/plain', 'x'],
      ['application/json', '{'],
      ['application/json', '{}'],
    ]) {
      const response = await inactive.call(method, url, { headers: { 'content-type': String(type) }, body });
      expect(response.json()).toMatchObject({ status: 403, code: 'app_inactive' });
    }
  });
});
