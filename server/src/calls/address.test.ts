import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routes } from '../routes.ts';
import { buildTestApp, platformKey, type TestApp } from '../test/setup.ts';
import { listen, rawRequest, send } from '../test/raw-http.ts';
import { createWorld, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let port: number;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  orgId = await world.organization(world.admin);
  port = await listen(app);
});
afterAll(() => app?.close());

const organizations = '/v1/authorization/organizations';
const get = (url: string) => world.call('GET', url, { token: world.admin.token });

describe('malformed ids', () => {
  const ids: [what: string, id: string][] = [
    ['letters', 'abc'],
    ['a negative number', '-1'],
    ['a signed number', '%2B1'],
    ['a fraction', '1.0'],
    ['an exponent', '1e5'],
    ['hexadecimal', '0x1F'],
    ['20 digits', '1'.repeat(20)],
    ['26 digits', '1'.repeat(26)],
    ['more than a bigint holds', '9223372036854775808'],
    ['19 nines', '9'.repeat(19)],
    ['NUL', '%00'],
    ['digits and NUL', '1%00'],
    ['a line feed at the end', '1%0A'],
    ['white space', '%201'],
    ['a quote', "1'"],
    ['SQL', "1'%20OR%20'1'='1"],
    ['a double quote', '%22'],
    ['digits of another script', encodeURIComponent('\u0661\u0662\u0663')],
    ['full-width digits', encodeURIComponent('\uFF11\uFF12')],
    ['an encoded slash', '1%2F2'],
    ['a step up', '%2E%2E%2F1'],
    ['a semicolon', '1;v=2'],
    ['a colon', '1:2'],
    ['null', 'null'],
    ['undefined', 'undefined'],
    ['a name of an object’s own', '__proto__'],
    ['300 digits', '1'.repeat(300)],
    ['an emoji', encodeURIComponent('\u{1F600}')],
  ];

  test.each(ids)('%s', async (_what, id) => {
    const response = await get(`${organizations}/${id}`);
    expect(response.json()).toMatchObject({
      status: 400,
      code: 'validation_failed',
      errors: [{ pointer: '/path/orgId' }],
    });
  });

  test.each(ids)('%s is refused in the organization header', async (_what, id) => {
    const decoded = decodeURIComponent(id);
    const response = await world.call('POST', `${organizations}/users/1`, {
      token: world.admin.token,
      orgId: decoded,
      body: { roles: ['reader'] },
    });
    // White space around a header value is removed, so this value is a well-formed id that does not exist.
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ code: 'validation_failed', errors: [{ pointer: '/headers/x-iam-orgid' }] });
  });

  test.each(['1', '9223372036854775807', '0', '000000000000000001'])('%s is valid, but unknown', async (id) => {
    expect((await get(`${organizations}/${id}`)).json()).toMatchObject({ status: 404, code: 'organization_not_found' });
  });

  test('percent-encoded digits and leading zeros name the same organization', async () => {
    const encoded = orgId.replace(/\d/g, '%3$&');
    expect((await get(`${organizations}/${encoded}`)).json()).toMatchObject({ id: orgId });
    expect((await get(`${organizations}/0${orgId}`)).json()).toMatchObject({ id: orgId });
  });
});

describe('a path that cannot be decoded', () => {
  test.each(['%zz', '%', '%f', '%ff', '%c3%28', '%ed%a0%80', 'a%2', '%00%'])('%s', async (garbage) => {
    for (const path of [`${organizations}/${garbage}`, `/${garbage}`, `/v1/${garbage}/x`]) {
      const answer = await send(port, rawRequest(`GET ${path} HTTP/1.1`, [`X-App-Name: ${world.appName}`]));
      const problem: unknown = JSON.parse(answer.body);
      const requestId = answer.headers.get('x-request-id')?.[0];
      expect(answer.status).toBe(404);
      expect(problem).toMatchObject({ status: 404, code: 'route_not_found', requestId });
      expect(answer.headers.get('content-type')?.[0]).toContain('application/problem+json');
      expect(answer.headers.get('x-content-type-options')).toEqual(['nosniff']);
    }
  });
});

describe('a path without a route', () => {
  const nowhere = [
    '//',
    '/v1',
    '/V1/authentication/users/me',
    '/v1/authentication/users/me/',
    '/v1//authentication/users/me',
    '/v1/authentication/../authentication/users/me',
    '/v1/authentication/./users/me',
    '/v1/authentication/users%2Fme',
    '/v1/authentication/users/me;x=1',
    '/v1/authentication/users/me%20',
    `${organizations}/`,
    `${organizations}/1/`,
    `${organizations}/${'1'.repeat(301)}`,
    '/v1/authorization/organizations/1/2/3',
    '/apps/demo/.well-known/',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/__proto__',
    '/constructor',
  ];

  test.each(nowhere)('the service answers GET %s with 404', async (path) => {
    const answer = await send(port, rawRequest(`GET ${path} HTTP/1.1`, [`X-App-Name: ${world.appName}`]));
    // `users/:userId` matches a name, too. An unauthenticated caller learns nothing.
    expect([401, 404]).toContain(answer.status);
  });

  test.each(['/v1/authentication/users/', '/v1/authorization/machine-users/', `${organizations}/setup/`])(
    'POST %s is not the address without the slash',
    async (path) => {
      const response = await world.call('POST', path, { token: world.admin.token, body: {} });
      expect([404, 405]).toContain(response.statusCode);
      expect((response.headers.allow ?? '').split(', ')).not.toContain('POST');
    },
  );
});

describe('405', () => {
  test.each(['/v1/authentication/users', `${organizations}/1`])(
    'OPTIONS %s allows the methods that exist',
    async (url) => {
      const response = await app.app.inject({ method: 'OPTIONS', url });
      expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([405, 'method_not_allowed']);
      const declared = routes.filter((route) => route.url === url.replace('/1', '/:orgId')).map(({ method }) => method);
      expect(String(response.headers.allow).split(', ')).toEqual(expect.arrayContaining(declared));
    },
  );

  test('a method that is allowed is never refused', async () => {
    for (const url of ['/v1/authentication/users', organizations, '/v1/platform/apps', `${organizations}/1`]) {
      const { headers } = await app.app.inject({ method: 'OPTIONS', url });
      for (const method of String(headers.allow).split(', ')) {
        const response = await app.app.inject({ method: method as 'GET', url });
        expect([method, url, response.statusCode]).not.toEqual([method, url, 405]);
      }
    }
  });
});

describe('HEAD', () => {
  test('responds like GET, without the body', async () => {
    const { statusCode, body, headers } = await world.call('HEAD', `${organizations}/${orgId}`, {
      token: world.admin.token,
    });
    expect([statusCode, body]).toEqual([200, '']);
    expect(headers.etag).toBe((await get(`${organizations}/${orgId}`)).headers.etag);
  });

  test('is refused like GET', async () => {
    expect((await world.call('HEAD', `${organizations}/${orgId}`)).statusCode).toBe(401);
    expect((await world.call('HEAD', '/nowhere')).statusCode).toBe(404);
  });
});

describe('query', () => {
  const faulty: [query: string, pointers: string[]][] = [
    ['', ['/query/pageSize']],
    ['?', ['/query/pageSize']],
    ['?pageSize=', ['/query/pageSize']],
    ['?pageSize=0', ['/query/pageSize']],
    ['?pageSize=101', ['/query/pageSize']],
    ['?pageSize=-1', ['/query/pageSize']],
    ['?pageSize=1e1', ['/query/pageSize']],
    ['?pageSize=0x10', ['/query/pageSize']],
    ['?pageSize=1.5', ['/query/pageSize']],
    ['?pageSize=%201', ['/query/pageSize']],
    ['?pageSize=+1', ['/query/pageSize']],
    ['?pageSize=1%00', ['/query/pageSize']],
    ['?pageSize=99999999999999999999', ['/query/pageSize']],
    ['?pageSize=NaN', ['/query/pageSize']],
    ['?pageSize=%D9%A1', ['/query/pageSize']],
    ['?pageSize=1&pageSize=2', ['/query/pageSize']],
    ['?pageSize[]=1', ['/query/pageSize', '/query/pageSize[]']],
    ['?pageSize=1&page=-1', ['/query/page']],
    ['?pageSize=1&page=1000000000', ['/query/page']],
    ['?pageSize=1&page=0&page=0', ['/query/page']],
    ['?pageSize=1&__proto__=1', ['/query/__proto__']],
    ['?pageSize=1&constructor=1', ['/query/constructor']],
    ['?pageSize=1&toString=1', ['/query/toString']],
    ['?pageSize=1&unknown', ['/query/unknown']],
    ['?pageSize=1&a~b%2Fc=1', ['/query/a~0b~1c']],
    ['?pageSize=1&=1', ['/query/']],
    ['?pageSize=1&%zz=1', ['/query/%zz']],
    ['?pageSize=1&cursor=x', ['/query/cursor']],
    ['?pageSize=1&cursor=', ['/query/cursor']],
    ['?pageSize=1&cursor=.', ['/query/cursor']],
    ['?pageSize=1&cursor=MQ.MQ', ['/query/cursor']],
    ['?pageSize=1&cursor=%00', ['/query/cursor']],
    [`?pageSize=1&cursor=${'A'.repeat(401)}`, ['/query/cursor']],
    ['?pageSize=x&page=y&z=1', ['/query/page', '/query/pageSize', '/query/z']],
  ];

  test.each(faulty)('%s names %j', async (query, pointers) => {
    const response = await get(`${organizations}${query}`);
    expect(response.json()).toMatchObject({ status: 400, code: 'validation_failed' });
    const { errors } = response.json<{ errors: { pointer: string; message: string }[] }>();
    expect(errors.map(({ pointer }) => pointer).toSorted()).toEqual(pointers);
  });

  test('a page far beyond the end is empty and has the true total', async () => {
    const response = await get(`${organizations}?pageSize=100&page=999999999`);
    expect(response.json()).toEqual({ metadata: { total: 1 }, organizations: [] });
  });

  test('is refused if a call has no body', async () => {
    const response = await world.call('GET', '/v1/authentication/token/jwks?x=1');
    expect(response.json()).toMatchObject({ code: 'validation_failed', errors: [{ pointer: '/query/x' }] });
  });

  test('a thousand fields and fifteen thousand characters are validation errors, and not all are listed', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => `f${index}=1`).join('&');
    const { errors } = (await get(`${organizations}?pageSize=1&${many}`)).json<{ errors: unknown[] }>();
    expect(errors).toHaveLength(101);
    expect(errors.at(-1)).toEqual({ pointer: '', message: 'And 900 more errors.' });
    expect((await get(`${organizations}?pageSize=${'1'.repeat(15_000)}`)).statusCode).toBe(400);
  });
});

describe('unknown names of apps in a path are refused:', () => {
  test.each(['DEMO', '-demo', 'd', 'demo%00', '%2e%2e', "demo'", '1demo', 'a'.repeat(41)])('%s', async (name) => {
    const keys = await app.app.inject(`/apps/${name}/.well-known/jwks.json`);
    expect([400, 404]).toContain(keys.statusCode);
    const found = await world.call('GET', `/v1/platform/apps/${name}`, { app: null, token: platformKey });
    expect([400, 404]).toContain(found.statusCode);
  });
});
