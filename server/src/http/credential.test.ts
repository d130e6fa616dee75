import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, platformKey, type TestApp } from '../test/setup.ts';
import { listen, rawRequest, send } from '../test/raw-http.ts';
import { createWorld, type Machine, type Person, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let elsewhere: World;
let jon: Person;
let eve: Person;
let machine: Machine;
let port: number;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  elsewhere = await createWorld(app);
  jon = await world.person();
  eve = await world.person();
  machine = await world.machine();
  port = await listen(app);
});
afterAll(() => app?.close());

const me = '/v1/authentication/users/me';
const organizations = '/v1/authorization/organizations?pageSize=1';

/** The user as whom the service authenticates the caller; undefined with 401. */
async function callerOf(headers: Record<string, string>): Promise<string | undefined> {
  const response = await world.call('GET', me, { headers });
  if (response.statusCode === 200) return response.json<{ userId: string }>().userId;
  expect(response.json()).toMatchObject({ status: 401, code: 'unauthenticated' });
  expect(response.headers['www-authenticate']).toBe('Bearer');
  return undefined;
}

/** Characters that a header can contain and that `trim` removes, but HTTP does not. */
const whiteSpaceOfOthers: [string, string][] = [
  ['U+00A0', '\u00A0'],
  ['U+00A0 in UTF-8', '\u00C2\u00A0'],
  ['U+0085', '\u0085'],
  ['U+FEFF in UTF-8', '\u00EF\u00BB\u00BF'],
];

describe('Authorization that is refused', () => {
  const headers: [string, () => string][] = [
    ['no scheme', () => jon.token],
    ['a scheme alone', () => 'Bearer'],
    ['a scheme and white space', () => 'Bearer    '],
    ['another scheme', () => `Basic ${Buffer.from(`${jon.email}:${jon.token}`).toString('base64')}`],
    ['a scheme that begins alike', () => `Bearerx ${jon.token}`],
    ['no space after the scheme', () => `Bearer${jon.token}`],
    ['a comma after the scheme', () => `Bearer, ${jon.token}`],
    ['a token in quotes', () => `Bearer "${jon.token}"`],
    ['two tokens', () => `Bearer ${jon.token} ${jon.token}`],
    ['two tokens with a comma', () => `Bearer ${jon.token}, Bearer ${jon.token}`],
    ['the token twice in one', () => `Bearer ${jon.token}${jon.token}`],
    ['all but the last character', () => `Bearer ${jon.token.slice(0, -1)}`],
    ['one character more', () => `Bearer ${jon.token}A`],
    ['the token in lower case', () => `Bearer ${jon.token.toLowerCase()}`],
    ['the prefix alone', () => 'Bearer gh_s_'],
    ['another prefix', () => `Bearer ${jon.token.replace('gh_s_', 'gh_v_')}`],
    ['a token of 100 KB', () => `Bearer gh_s_${'A'.repeat(100_000)}`],
    ['dots', () => `Bearer ${'.'.repeat(8000)}`],
    ['three empty parts', () => 'Bearer ..'],
    ['the session of another app', () => `Bearer ${elsewhere.admin.token}`],
    ['the platform key', () => `Bearer ${platformKey}`],
    ['a password', () => 'Bearer Password@123JonDoeInc'],
    ['bytes that are no ASCII', () => 'Bearer \u00FF\u00FE'],
    ['SQL', () => "Bearer gh_s_' OR 1=1 --"],
    ...whiteSpaceOfOthers.flatMap(([what, space]): [string, () => string][] => [
      [`${what} before the scheme`, () => `${space}Bearer ${jon.token}`],
      [`${what} after the scheme`, () => `Bearer${space}${jon.token}`],
      [`${what} before the token`, () => `Bearer ${space}${jon.token}`],
      [`${what} after the token`, () => `Bearer ${jon.token}${space}`],
    ]),
  ];

  test.each(headers)('%s', async (_what, authorization) => {
    expect(await callerOf({ authorization: authorization() })).toBeUndefined();
  });

  test('several headers, even if each of them is valid', async () => {
    const line = `Authorization: Bearer ${jon.token}`;
    const request = rawRequest(`GET ${me} HTTP/1.1`, [`X-App-Name: ${world.appName}`, line, line]);
    const answer = await send(port, request);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toEqual(['Bearer']);
  });

  test('a second header of another scheme is refused', async () => {
    const lines = [`Authorization: Basic eDp5`, `Authorization: Bearer ${jon.token}`];
    for (const pair of [lines, lines.toReversed()]) {
      const request = rawRequest(`GET ${me} HTTP/1.1`, [`X-App-Name: ${world.appName}`, ...pair]);
      expect((await send(port, request)).status).toBe(401);
    }
  });
});

describe('Authorization that is accepted', () => {
  test.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('%s', async (scheme) => {
    expect(await callerOf({ authorization: `${scheme} ${jon.token}` })).toBe(jon.userId);
  });

  test('more white space than needed is accepted', async () => {
    expect(await callerOf({ authorization: `  Bearer \t  ${jon.token}  ` })).toBe(jon.userId);
  });
});

describe('cookies', () => {
  const pair = (value: string) => `session-token=${value}`;
  const none: [string, () => string][] = [
    ['an empty value', () => pair('')],
    ['two different values', () => `${pair(jon.token)}; ${pair(eve.token)}`],
    ['a valid value and a wrong one', () => `${pair(jon.token)}; ${pair('gh_s_wrong')}`],
    ['a valid value and an empty one', () => `${pair('')}; ${pair(jon.token)}`],
    ['another name', () => `sessiontoken=${jon.token}`],
    ['a name that ends alike', () => `my-session-token=${jon.token}`],
    ['a name in another case', () => `Session-Token=${jon.token}`],
    ['a value within another', () => `theme="session-token=${jon.token}"`],
    ['100 KB', () => pair(`gh_s_${'A'.repeat(100_000)}`)],
    ['thousands of cookies', () => Array.from({ length: 5000 }, (_, index) => pair(`gh_s_${index}`)).join('; ')],
    ['the session of another app', () => pair(elsewhere.admin.token)],
    ['a machine token of another app', () => pair('e30.e30.AAAA')],
    ['the token of a machine of this app', () => pair(machine.token)],
    ['the secret of a machine', () => pair(machine.clientSecret)],
    ['the platform key', () => pair(platformKey)],
    ...whiteSpaceOfOthers.flatMap(([what, space]): [string, () => string][] => [
      [`a name that begins with ${what}`, () => `${space}${pair(jon.token)}`],
      [`a name that ends with ${what}`, () => `session-token${space}=${jon.token}`],
      [`a value that begins with ${what}`, () => pair(`${space}${jon.token}`)],
      [`a value that ends with ${what}`, () => pair(`${jon.token}${space}`)],
    ]),
  ];

  test.each(none)('%s: the caller is nobody', async (_what, cookie) => {
    expect(await callerOf({ cookie: cookie() })).toBeUndefined();
  });

  const some: [string, () => string][] = [
    ['alone', () => pair(jon.token)],
    ['twice the same', () => `${pair(jon.token)}; ${pair(jon.token)}`],
    ['among others', () => `theme=dark;${pair(jon.token)};   lang=en`],
    ['in quotes', () => pair(`"${jon.token}"`)],
    ['with spaces and tabs around name and value', () => `a=b; \t session-token\t = \t${jon.token} \t;c=d`],
    ['in addition to a cookie without a name', () => `=nameless; bare; ${pair(jon.token)}`],
    [
      'of this app, regardless of a token that another app has put beside it',
      () => `__Host-session-token-${world.appName}=${jon.token}; ${pair(elsewhere.admin.token)}`,
    ],
    [
      'in addition to the cookie of another app',
      () => `__Host-session-token-${elsewhere.appName}=${elsewhere.admin.token}; ${pair(jon.token)}`,
    ],
  ];

  test.each(some)('%s: the caller is the signed-in human', async (_what, cookie) => {
    expect(await callerOf({ cookie: cookie() })).toBe(jon.userId);
  });

  test('several Cookie headers count together', async () => {
    const lines = [`Cookie: ${pair(jon.token)}`, `Cookie: ${pair(eve.token)}`];
    const request = rawRequest(`GET ${me} HTTP/1.1`, [`X-App-Name: ${world.appName}`, ...lines]);
    expect((await send(port, request)).status).toBe(401);
  });
});

describe('Bearer and cookie', () => {
  const cookie = () => ({ cookie: `session-token=${eve.token}` });

  test('the Bearer wins', async () => {
    expect(await callerOf({ ...cookie(), authorization: `Bearer ${jon.token}` })).toBe(jon.userId);
  });

  test.each(['Bearer', 'Bearer wrong', 'Bearer gh_s_wrong', 'Bearer e30.e30.AAAA', 'Bearer gh_v_wrong'])(
    '%s does not fall back to the cookie',
    async (authorization) => {
      expect(await callerOf({ ...cookie(), authorization })).toBeUndefined();
    },
  );

  test("a machine token takes precedence over a human's cookie", async () => {
    const options = { token: machine.token, headers: cookie() };
    expect((await world.call('GET', me, options)).json()).toMatchObject({ status: 403, code: 'human_required' });
    expect((await world.call('GET', organizations, options)).statusCode).toBe(200);
  });
});

describe('public routes ignore credentials', () => {
  const bad: [string, Record<string, string>][] = [
    ['a wrong Bearer', { authorization: 'Bearer wrong' }],
    ['an empty Bearer', { authorization: 'Bearer' }],
    ['another scheme', { authorization: 'Basic eDp5' }],
    ['a wrong cookie', { cookie: 'session-token=wrong' }],
    ['several cookies', { cookie: 'session-token=a; session-token=b' }],
  ];

  test.each(bad)('%s', async (_what, headers) => {
    expect((await world.call('GET', '/v1/authentication/token/jwks', { headers })).statusCode).toBe(200);
    const body = { email: jon.email, password: 'Password@123JonDoeInc' };
    const response = await world.call('POST', '/v1/authentication/users/sessions', { headers, body });
    expect(response.statusCode).toBe(201);
  });
});

describe('every 401', () => {
  const calls: [string, 'GET' | 'POST', string, unknown][] = [
    ['of a wrong password', 'POST', '/v1/authentication/users/sessions', { email: 'x@example.com', password: 'x' }],
    [
      'of a wrong secret',
      'POST',
      '/v1/authentication/machine-users/access-token',
      { clientId: '1', clientSecret: 'x' },
    ],
    ['of the platform', 'GET', '/v1/platform/apps', undefined],
    ['of a call without credential', 'GET', me, undefined],
  ];

  test.each(calls)('%s says how to authenticate', async (_what, method, url, body) => {
    const response = await world.call(method, url, { body });
    expect(response.statusCode).toBe(401);
    expect(response.headers['www-authenticate']).toBe('Bearer');
  });
});

describe('the platform key', () => {
  test.each([
    '',
    'Bearer',
    `Bearer ${platformKey}x`,
    `Bearer ${platformKey.slice(1)}`,
    `Basic ${platformKey}`,
    platformKey,
  ])('"%s" is not accepted', async (authorization) => {
    const response = await world.call('GET', '/v1/platform/apps', { app: null, headers: { authorization } });
    expect(response.json()).toMatchObject({ status: 401, code: 'unauthenticated' });
  });

  test('is no cookie', async () => {
    const headers = { cookie: `session-token=${platformKey}` };
    expect((await world.call('GET', '/v1/platform/apps', { app: null, headers })).statusCode).toBe(401);
  });
});
