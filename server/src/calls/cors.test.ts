import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { publicAccess } from '../access/access.ts';
import { route } from './route.ts';
import { routes } from '../routes.ts';
import { buildTestApp, platformKey, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';

const allowed = 'https://app.example.com';
const neighbour = 'https://neighbour.example';
const sleeping = 'https://asleep.example';

/** A failing route, to test how a page sees an unexpected failure. */
const failing = route({
  method: 'GET',
  url: '/v1/failing',
  operationId: 'fail',
  tag: 'platform',
  summary: 'Fails',
  description: 'Fails.',
  access: publicAccess(),
  response: { status: 200, description: 'Never.', body: z.object({}) },
  handler: () => Promise.reject(new Error('failed on purpose')),
});

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp({ routes: [...routes, failing] });
  world = await createWorld(app, { settings: { allowedOrigins: [allowed] } });
  await createWorld(app, { settings: { allowedOrigins: [neighbour] } });
  const asleep = await createWorld(app, { settings: { allowedOrigins: [sleeping] } });
  const options = { app: null, token: platformKey, body: { status: 'INACTIVE' } };
  await world.call('PATCH', `/v1/platform/apps/${asleep.appName}`, options);
});
afterAll(() => app?.close());

const corsHeadersOf = ({ headers }: LightMyRequestResponse): string[] =>
  Object.keys(headers).filter((name) => name.startsWith('access-control-'));

/** `Vary` names `Origin`, once. */
function expectVary({ headers }: LightMyRequestResponse): void {
  const names = String(headers.vary)
    .split(',')
    .map((name) => name.trim().toLowerCase());
  expect(names.filter((name) => name === 'origin')).toEqual(['origin']);
}

const preflight = (
  origin: string | undefined,
  headers: Record<string, string> = {},
  url = '/v1/authentication/users/me',
) =>
  app.app.inject({
    method: 'OPTIONS',
    url,
    headers: { ...(origin !== undefined && { origin }), 'access-control-request-method': 'PUT', ...headers },
  });

describe('a preflight', () => {
  const refused: [string, string | undefined][] = [
    ['without origin', undefined],
    ['of a foreign page', 'https://evil.example'],
    ['of an opaque page', 'null'],
    ['of an inactive app’s page', sleeping],
    ['of a subdomain', 'https://x.app.example.com'],
    ['of the same host by http', 'http://app.example.com'],
    ['of any', '*'],
    ['of all', '%'],
    ['with quotes', '"https://app.example.com"'],
    ['with JSON', '["https://app.example.com"]'],
    ['of bytes', 'https://\u00E4pp.example.com'],
    ['of great length', `https://${'a'.repeat(5000)}.example`],
    ['of our own page', 'http://127.0.0.1:3000'],
  ];

  test.each(refused)('%s is not allowed', async (_what, origin) => {
    const response = await preflight(origin);
    expect(response.statusCode).toBe(403);
    expect(response.json()).toMatchObject({ code: 'origin_not_allowed' });
    expect(corsHeadersOf(response)).toEqual([]);
    expectVary(response);
  });

  test.each([allowed, neighbour])('a preflight of %s is allowed without the app header', async (origin) => {
    const response = await preflight(origin, { 'access-control-request-headers': 'x-evil, authorization' });
    expect([response.statusCode, response.body]).toEqual([204, '']);
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '600',
      'access-control-allow-headers':
        'authorization, content-type, x-app-name, x-iam-orgid, if-match, idempotency-key, x-request-id',
      'x-content-type-options': 'nosniff',
    });
    const methods = String(response.headers['access-control-allow-methods']).split(', ');
    expect(methods).toEqual(expect.arrayContaining(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']));
    expect(response.headers['x-request-id']).toBeDefined();
    expectVary(response);
  });

  test('is answered by the origin alone, for any app that allows it', async () => {
    expect((await preflight(allowed, { 'x-app-name': 'nobody' })).statusCode).toBe(204);
    expect((await preflight('https://evil.example', { 'x-app-name': world.appName })).statusCode).toBe(403);
  });

  test('a preflight for a path without a route does not reveal this', async () => {
    expect((await preflight('https://evil.example', {}, '/nowhere')).statusCode).toBe(404);
  });

  test('an OPTIONS request without a requested method is no preflight', async () => {
    for (const headers of [{}, { origin: allowed }, { origin: 'https://evil.example' }]) {
      const response = await app.app.inject({ method: 'OPTIONS', url: '/v1/authentication/users', headers });
      expect(response.statusCode).toBe(405);
      expect(response.headers.allow).toBe('POST');
      expect(response.json()).toMatchObject({ code: 'method_not_allowed' });
      expectVary(response);
    }
  });
});

/** Calls and their results, regardless of the page that makes them. */
const calls: [
  what: string,
  status: number,
  call: (headers: Record<string, string>) => Promise<LightMyRequestResponse>,
][] = [
  [
    'success',
    200,
    (headers) => world.call('GET', '/v1/authentication/users/me', { token: world.admin.token, headers }),
  ],
  [
    '201',
    201,
    (headers) =>
      world.person().then((person) =>
        world.call('POST', '/v1/authentication/users/sessions', {
          body: { email: person.email, password: 'Password@123JonDoeInc' },
          headers,
        }),
      ),
  ],
  [
    '204',
    204,
    (headers) => world.call('DELETE', '/v1/authentication/users/me/sessions', { token: world.admin.token, headers }),
  ],
  [
    'validation',
    400,
    (headers) => world.call('GET', '/v1/authorization/organizations', { token: world.admin.token, headers }),
  ],
  [
    'malformed',
    400,
    (headers) =>
      world.call('POST', '/v1/authorization/machine-users', {
        token: world.admin.token,
        headers: { ...headers, 'content-type': 'application/json' },
        body: '{',
      }),
  ],
  ['401', 401, (headers) => world.call('GET', '/v1/authentication/users/me', { headers })],
  ['404 of a route', 404, (headers) => world.call('GET', '/nowhere', { headers })],
  [
    '404 of a resource',
    404,
    (headers) => world.call('GET', '/v1/authorization/organizations/1', { token: world.admin.token, headers }),
  ],
  ['405', 405, (headers) => world.call('GET', '/v1/authentication/users', { headers })],
  [
    '413',
    413,
    (headers) =>
      world.call('POST', '/v1/authorization/machine-users', {
        token: world.admin.token,
        headers: { ...headers, 'content-type': 'application/json' },
        body: 'x'.repeat(300_000),
      }),
  ],
  [
    '415',
    415,
    (headers) =>
      world.call('POST', '/v1/authorization/machine-users', {
        token: world.admin.token,
        headers: { ...headers, 'content-type': 'text/plain' },
        body: 'x',
      }),
  ],
  ['500', 500, (headers) => world.call('GET', '/v1/failing', { headers })],
  ['HEAD', 200, (headers) => world.call('HEAD', '/v1/authentication/token/jwks', { headers })],
];

describe('an answer', () => {
  test.each(calls)('%s can be read by an allowed page', async (what, status, call) => {
    // Pages of other origins cannot sign in, so the app must allow the origin of this page.
    const response = await call({ origin: allowed });
    expect([what, response.statusCode]).toEqual([what, status]);
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': allowed,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'ETag, X-Request-Id, Retry-After, Location',
    });
    expectVary(response);
  });

  test.each(calls)('%s cannot be read by another page', async (what, status, call) => {
    for (const origin of ['https://evil.example', neighbour, sleeping, 'null', 'http://localhost:3000', '*']) {
      const response = await call({ origin });
      const statuses = what === '201' ? [403, 201] : [status];
      expect(statuses).toContain(response.statusCode);
      expect(corsHeadersOf(response)).toEqual([]);
      expectVary(response);
    }
  });

  test.each(calls)('the response %s varies by origin even without an origin', async (_what, status, call) => {
    const response = await call({});
    expect(response.statusCode).toBe(status);
    expect(corsHeadersOf(response)).toEqual([]);
    expectVary(response);
  });

  test('no page can read a response to a call without an app, or with an unknown or inactive app', async () => {
    for (const [name, origin] of [
      [null, allowed],
      ['nobody', allowed],
      ['', allowed],
    ] as const) {
      const response = await world.call('GET', '/v1/authentication/users/me', { app: name, headers: { origin } });
      expect(corsHeadersOf(response)).toEqual([]);
      expectVary(response);
    }
  });
});

describe('below /apps/ and /idps/', () => {
  const below = (rest: string) => `/apps/${world.appName}/${rest}`;
  const headers = () => ({ origin: allowed, 'x-app-name': world.appName });

  test.each<[method: 'GET' | 'POST' | 'DELETE' | 'OPTIONS', path: () => string]>([
    ['GET', () => below('sign-in')],
    ['DELETE', () => below('sign-in')],
    ['OPTIONS', () => below('sign-in')],
    ['GET', () => below('nowhere')],
    ['POST', () => below('nowhere')],
    ['GET', () => below('nowhere?x=/apps/demo/oauth/jwks')],
    ['GET', () => below('oauth')],
    ['GET', () => below('oauth/jwks/x')],
    ['GET', () => below('.well-known/nothing')],
    ['GET', () => below('')],
    ['GET', () => '/apps/'],
    ['GET', () => '/apps/nobody/sign-in'],
    ['GET', () => '/apps/%/sign-in'],
    ['GET', () => below('s%69gn-in')],
    ['GET', () => below('sign-in').replace('/a', '/%61')],
    ['GET', () => below('not-me')],
    ['GET', () => below('not-me').replace('/a', '/%61')],
    ['GET', () => below('nowhere').replace('/a', '/%61')],
    ['GET', () => '/idps/start/1'],
    ['GET', () => '/idps/callback'],
    ['GET', () => '/idps/nowhere'],
  ])('no page can read the page %s %o', async (method, path) => {
    for (const accept of ['text/html', 'application/json', '*/*']) {
      const more = method === 'OPTIONS' ? { 'access-control-request-method': 'GET' } : {};
      const response = await app.app.inject({ method, url: path(), headers: { ...headers(), ...more, accept } });
      expect(corsHeadersOf(response)).toEqual([]);
      expectVary(response);
    }
  });

  test.each(['oauth/jwks', '.well-known/jwks.json'])('an allowed page can read the key set %s', async (path) => {
    const url = below(path);
    const response = await app.app.inject({ url, headers: headers() });
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({ 'access-control-allow-origin': allowed });
    expect((await preflight(allowed, {}, url)).statusCode).toBe(204);
    const refused = await app.app.inject({ url: `${url}?x=1`, headers: headers() });
    expect(refused.statusCode).toBe(400);
    expect(refused.headers).toMatchObject({ 'access-control-allow-origin': allowed });
    expect(corsHeadersOf(await app.app.inject({ url, headers: { ...headers(), origin: neighbour } }))).toEqual([]);
  });
});

describe('pages and probes', () => {
  test.each([
    '/healthz',
    '/openapi.json',
    '/docs',
    '/llms.txt',
    '/errors/internal_error',
    '/errors/nothing',
    '/dev/mailbox',
  ])('%s varies by origin, once', async (url) => {
    for (const headers of [{}, { origin: 'https://evil.example' }]) {
      const response = await app.app.inject({ url, headers: { host: 'localhost', ...headers } });
      expect(corsHeadersOf(response)).toEqual([]);
      expectVary(response);
    }
  });
});
