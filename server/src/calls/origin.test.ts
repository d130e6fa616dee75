import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, masterKey, platformKey, type TestApp } from '../test/setup.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

const allowed = 'https://app.example.com';
const own = 'http://127.0.0.1:3000';

interface Place {
  readonly app: TestApp;
  readonly world: World;
}

let development: Place;
let production: Place;

async function openPlace(env: Record<string, string>): Promise<Place> {
  const app = await buildTestApp({ env });
  return { app, world: await createWorld(app, { settings: { allowedOrigins: [allowed] } }) };
}

beforeAll(async () => {
  development = await openPlace({});
  production = await openPlace({
    NODE_ENV: 'production',
    PUBLIC_URL: own,
    ALLOW_EMBEDDED: 'true',
    MASTER_KEY: masterKey.toString('base64'),
  });
});
afterAll(async () => {
  await development?.app.close();
  await production?.app.close();
});

type Verdict = 'passes' | 'fails';

/** The headers by which a browser describes the page that sends a request, and whether a cookie is accepted. */
const pages: [who: string, headers: Record<string, string>, outside: Verdict, inProduction: Verdict][] = [
  ['no browser', {}, 'passes', 'passes'],
  ['our own page', { origin: own }, 'passes', 'passes'],
  ['our own page, told twice', { origin: own, 'sec-fetch-site': 'same-origin' }, 'passes', 'passes'],
  ['an allowed page', { origin: allowed, 'sec-fetch-site': 'cross-site' }, 'passes', 'passes'],
  ['localhost at our port', { origin: 'http://localhost:3000' }, 'passes', 'fails'],
  ['IPv6 loopback at our port', { origin: 'http://[::1]:3000' }, 'passes', 'fails'],
  ['localhost at another port', { origin: 'http://localhost:3001' }, 'fails', 'fails'],
  ['localhost without a port', { origin: 'http://localhost' }, 'fails', 'fails'],
  ['localhost by https', { origin: 'https://localhost:3000' }, 'fails', 'fails'],
  ['a name that begins with localhost', { origin: 'http://localhost.evil.example:3000' }, 'fails', 'fails'],
  ['a subdomain of localhost', { origin: 'http://evil.localhost:3000' }, 'fails', 'fails'],
  ['a loopback user name', { origin: 'http://localhost:3000@evil.example' }, 'fails', 'fails'],
  ['a foreign page', { origin: 'https://evil.example' }, 'fails', 'fails'],
  [
    'a foreign page that claims more',
    { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    'fails',
    'fails',
  ],
  ['an opaque page', { origin: 'null' }, 'fails', 'fails'],
  ['an opaque page of the same origin', { origin: 'null', 'sec-fetch-site': 'same-origin' }, 'fails', 'fails'],
  ['an empty origin', { origin: '' }, 'fails', 'fails'],
  ['no URL', { origin: 'app.example.com' }, 'fails', 'fails'],
  ['the allowed host by http', { origin: 'http://app.example.com' }, 'fails', 'fails'],
  ['the allowed host at another port', { origin: 'https://app.example.com:8443' }, 'fails', 'fails'],
  ['a subdomain of the allowed host', { origin: 'https://x.app.example.com' }, 'fails', 'fails'],
  ['the allowed host as a prefix', { origin: 'https://app.example.com.evil.example' }, 'fails', 'fails'],
  ['the allowed host in capitals', { origin: 'https://APP.example.com' }, 'fails', 'fails'],
  ['the allowed origin and a slash', { origin: `${allowed}/` }, 'fails', 'fails'],
  ['two origins', { origin: `${allowed} ${own}` }, 'fails', 'fails'],
  ['the same origin, without Origin', { 'sec-fetch-site': 'same-origin' }, 'passes', 'passes'],
  ['the user, by the address bar', { 'sec-fetch-site': 'none' }, 'passes', 'passes'],
  ['another site, without Origin', { 'sec-fetch-site': 'cross-site' }, 'fails', 'fails'],
  ['the same site, without Origin', { 'sec-fetch-site': 'same-site' }, 'fails', 'fails'],
  ['an unknown site', { 'sec-fetch-site': 'Same-Origin' }, 'fails', 'fails'],
  ['an empty site', { 'sec-fetch-site': '' }, 'fails', 'fails'],
];

const me = '/v1/authentication/users/me';
const organizationSetup = '/v1/authorization/organizations/setup';
const cookieOf = ({ world }: Place) => ({ cookie: `session-token=${world.admin.token}` });

/** 403 of the origin check, or the response of a call that passes the check. */
async function verdictOf(request: Promise<{ statusCode: number; json: () => unknown }>): Promise<Verdict> {
  const response = await request;
  if (response.statusCode !== 403) return 'passes';
  expect(response.json()).toMatchObject({ code: 'origin_not_allowed' });
  return 'fails';
}

describe.each([
  ['outside production', () => development, 2],
  ['in production', () => production, 3],
] as const)('%s', (_where, place, column) => {
  describe.each(pages)('%s', (...row) => {
    const [, headers] = row;
    const expected = row[column];

    test('a change by cookie', async () => {
      const { world } = place();
      const options = { headers: { ...cookieOf(place()), ...headers }, body: {} };
      expect(await verdictOf(world.call('POST', organizationSetup, options))).toBe(expected);
      expect(await verdictOf(world.call('PATCH', '/v1/authorization/organizations/1', options))).toBe(expected);
      expect(await verdictOf(world.call('DELETE', '/v1/authorization/machine-users/1', options))).toBe(expected);
    });

    test('signing in, which sets a cookie', async () => {
      const { world } = place();
      const body = { email: world.admin.email, password };
      const response = await world.call('POST', '/v1/authentication/users/sessions', { headers, body });
      expect([response.statusCode, response.headers['set-cookie'] !== undefined]).toEqual(
        expected === 'passes' ? [201, true] : [403, false],
      );
    });

    test('reading with the cookie is not a change', async () => {
      const { world } = place();
      const options = { headers: { ...cookieOf(place()), ...headers } };
      expect((await world.call('GET', me, options)).statusCode).toBe(200);
      expect((await world.call('HEAD', me, options)).statusCode).toBe(200);
    });

    test('a change with a Bearer token needs no origin, with or without a cookie', async () => {
      const { world } = place();
      for (const cookie of [{}, cookieOf(place())]) {
        const options = { token: world.admin.token, headers: { ...cookie, ...headers }, body: {} };
        expect(await verdictOf(world.call('POST', organizationSetup, options))).toBe('passes');
      }
    });

    test("public calls that set no cookie, and the platform's", async () => {
      const { world } = place();
      const body = { clientId: '1', clientSecret: 'x' };
      const options = { headers: { ...cookieOf(place()), ...headers }, body };
      expect((await world.call('POST', '/v1/authentication/machine-users/access-token', options)).statusCode).toBe(401);
      const platform = await world.call('POST', '/v1/platform/apps', { token: platformKey, headers, body: {} });
      expect(platform.statusCode).toBe(400);
    });
  });
});

describe('an origin', () => {
  test('an origin that only another app allows is foreign', async () => {
    const { app, world } = development;
    const other = await createWorld(app, { settings: { allowedOrigins: ['https://other.example'] } });
    const headers = { cookie: `session-token=${world.admin.token}`, origin: 'https://other.example' };
    expect(await verdictOf(world.call('POST', organizationSetup, { headers, body: {} }))).toBe('fails');
    const theirs = { ...headers, cookie: `session-token=${other.admin.token}` };
    expect(await verdictOf(other.call('POST', organizationSetup, { headers: theirs, body: {} }))).toBe('passes');
  });

  test('an origin that is removed from the settings is refused from the next call on', async () => {
    const { world } = development;
    const origin = 'https://withdrawn.example';
    const headers = { ...cookieOf(development), origin };
    const set = (allowedOrigins: string[]) =>
      world.call('PATCH', `/v1/platform/apps/${world.appName}`, {
        app: null,
        token: platformKey,
        body: { settings: { allowedOrigins } },
      });
    await set([allowed, origin]);
    expect(await verdictOf(world.call('POST', organizationSetup, { headers, body: {} }))).toBe('passes');
    await set([allowed]);
    expect(await verdictOf(world.call('POST', organizationSetup, { headers, body: {} }))).toBe('fails');
  });

  test('a refused origin changes nothing', async () => {
    const { world } = development;
    const url = '/v1/authorization/machine-users';
    const headers = { ...cookieOf(development), origin: 'https://evil.example' };
    expect((await world.call('POST', url, { headers, body: { userName: 'foreign' } })).statusCode).toBe(403);
    const list = await world.call('GET', `${url}?pageSize=100`, { token: world.admin.token });
    expect(list.json()).toMatchObject({ machineUsers: [] });
  });
});
