import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const me = '/v1/authentication/users/me';
const sessions = '/v1/authentication/users/sessions';

let http: TestApp;
let https: TestApp;
let world: World;
let secure: World;
let twin: string;

beforeAll(async () => {
  http = await buildTestApp();
  https = await buildTestApp({ env: { PUBLIC_URL: 'https://id.example.com' } });
  world = await createWorld(http);
  secure = await createWorld(https);
  twin = `__Host-session-token-${secure.appName}`;
});
afterAll(async () => {
  await http?.close();
  await https?.close();
});

const cookie = (...pairs: [name: string, value: string][]) => ({
  headers: { cookie: pairs.map(([name, value]) => `${name}=${value}`).join('; ') },
});
const whoIs = async (of: World, ...pairs: [name: string, value: string][]) => {
  const response = await of.call('GET', me, cookie(...pairs));
  return response.statusCode === 200 ? response.json<{ userId: string }>().userId : problem(response);
};
const signOut = (of: World, person: Person, ...pairs: [name: string, value: string][]) =>
  of.call('DELETE', `${sessions}/${person.sessionId}`, { token: person.token, ...cookie(...pairs) });

describe('the cookie', () => {
  test('is a credential', async () => {
    const person = await world.person();
    expect(await whoIs(world, ['session-token', person.token])).toBe(person.userId);
    expect(await whoIs(world, ['theme', 'dark'], ['session-token', `"${person.token}"`])).toBe(person.userId);
  });

  test.each<[what: string, pairs: [string, string][]]>([
    ['an empty one', [['session-token', '']]],
    ['one of another name', [['session-tokens', 'gh_s_x']]],
    ['nonsense', [['session-token', 'nonsense']]],
  ])('is none: %s', async (_, pairs) => {
    expect(await whoIs(world, ...pairs)).toBe('401 unauthenticated');
  });

  test('is ignored if the request has a Bearer token, valid or not', async () => {
    const [person, other] = [await world.person(), await world.person()];
    const both = (token: string) => world.call('GET', me, { token, ...cookie(['session-token', person.token]) });
    expect((await both(other.token)).json()).toMatchObject({ userId: other.userId });
    expect(problem(await both('gh_s_nonsense'))).toBe('401 unauthenticated');
    expect(problem(await both(''))).toBe('401 unauthenticated');
  });

  test('is ignored if there are several different ones; two equal ones count as one', async () => {
    const [person, other] = [await world.person(), await world.person()];
    const first: [string, string] = ['session-token', person.token];
    const second: [string, string] = ['session-token', other.token];
    expect(await whoIs(world, first, second)).toBe('401 unauthenticated');
    expect(await whoIs(world, second, ['session-token', 'nonsense'])).toBe('401 unauthenticated');
    expect(await whoIs(world, first, first)).toBe(person.userId);
  });

  test('the cookie of another app is ignored', async () => {
    const elsewhere = await createWorld(http);
    const { token } = await elsewhere.person();
    expect(await whoIs(world, ['session-token', token])).toBe('401 unauthenticated');
  });
});

describe('the second cookie of the app on https', () => {
  test('is preferred, so that another app on the same host has no effect', async () => {
    const person = await secure.person({ verified: false });
    const elsewhere = await createWorld(https);
    const other = await elsewhere.person({ verified: false });
    const both: [string, string][] = [
      ['session-token', other.token],
      [twin, person.token],
    ];
    expect(await whoIs(secure, ...both)).toBe(person.userId);
    expect(await whoIs(elsewhere, ...both)).toBe(other.userId);
    expect(await whoIs(secure, [twin, person.token])).toBe(person.userId);
  });

  test('is used if several session-token cookies are ignored', async () => {
    const person = await secure.person({ verified: false });
    const confused: [string, string][] = [
      ['session-token', 'one'],
      ['session-token', 'two'],
    ];
    expect(await whoIs(secure, ...confused)).toBe('401 unauthenticated');
    expect(await whoIs(secure, ...confused, [twin, person.token])).toBe(person.userId);
  });

  test('the second cookie of another app is ignored', async () => {
    const person = await secure.person({ verified: false });
    expect(await whoIs(secure, ['__Host-session-token-other', person.token])).toBe('401 unauthenticated');
  });
});

describe('a browser on https', () => {
  const sites = ['same-origin', 'same-site', 'cross-site', 'none', 'nonsense', ''];
  const asBrowser = async (of: World, site: string, ...pairs: [name: string, value: string][]) => {
    const headers = { ...cookie(...pairs).headers, 'sec-fetch-site': site };
    const response = await of.call('GET', me, { headers });
    return response.statusCode === 200 ? response.json<{ userId: string }>().userId : problem(response);
  };

  test.each(sites)(
    'a browser with %j uses only the second cookie: a sibling domain can overwrite the plain cookie',
    async (site) => {
      const person = await secure.person({ verified: false });
      const attacker = await secure.person({ verified: false });
      const tossed: [string, string] = ['session-token', attacker.token];
      expect(await asBrowser(secure, site, tossed)).toBe('401 unauthenticated');
      expect(await asBrowser(secure, site, tossed, [twin, ''])).toBe('401 unauthenticated');
      expect(await asBrowser(secure, site, tossed, [twin, 'a'], [twin, 'b'])).toBe('401 unauthenticated');
      expect(await asBrowser(secure, site, tossed, [twin, person.token])).toBe(person.userId);
    },
  );

  test.each(['\u00A0', '\u00C2\u00A0', '\u0085'])('a cookie whose name begins with %j is ignored', async (space) => {
    const attacker = await secure.person({ verified: false });
    const tossed: [string, string] = [`${space}${twin}`, attacker.token];
    expect(await asBrowser(secure, 'same-origin', tossed)).toBe('401 unauthenticated');
    const person = await secure.person({ verified: false });
    expect(await asBrowser(secure, 'same-origin', tossed, [twin, person.token])).toBe(person.userId);
  });

  test('presents its devices by the twin only', async () => {
    const { email } = await secure.person({ verified: false });
    const signIn = (headers: Record<string, string>) =>
      secure.call('POST', sessions, {
        body: { email, password },
        headers: { 'sec-fetch-site': 'same-origin', ...headers },
      });
    const device = String((await signIn({})).headers['x-device-token']);
    const withPlain = await signIn({ cookie: `device-token=${device}` });
    expect(withPlain.headers['x-device-token']).not.toBe(device);
    const withTwin = await signIn({ cookie: `__Host-device-token-${secure.appName}=${device}` });
    expect(withTwin.headers['x-device-token']).toBe(device);
  });

  test('is distinguished from a program, which also has the plain cookie', async () => {
    const person = await secure.person({ verified: false });
    expect(await whoIs(secure, ['session-token', person.token])).toBe(person.userId);
  });

  test('a browser on http has the plain cookie', async () => {
    const person = await world.person();
    expect(await asBrowser(world, 'same-origin', ['session-token', person.token])).toBe(person.userId);
  });
});

describe('signing out', () => {
  const cleared = (name: string) => ({ name, value: '', maxAge: 0, path: '/', httpOnly: true, sameSite: 'Lax' });

  test('clears the cookie that held the session', async () => {
    const person = await world.person();
    const response = await signOut(world, person, ['session-token', person.token]);
    expect(response.statusCode).toBe(204);
    expect(response.cookies).toEqual([cleared('session-token')]);
  });

  test('keeps a cookie with another session or a foreign value', async () => {
    const person = await world.person();
    const other = await world.signIn(person.email);
    const response = await signOut(world, person, ['session-token', other.token]);
    expect([response.statusCode, response.cookies]).toEqual([204, []]);
    expect(await whoIs(world, ['session-token', other.token])).toBe(other.userId);
    expect((await signOut(world, other, ['session-token', 'nonsense'])).cookies).toEqual([]);
    expect((await signOut(world, await world.person())).cookies).toEqual([]);
  });

  test('everywhere clears the cookie only if its own session ends too', async () => {
    const person = await world.person();
    const outcomes = [];
    for (const query of ['', '?includeCurrent=true']) {
      const response = await world.call('DELETE', `${me}/sessions${query}`, cookie(['session-token', person.token]));
      outcomes.push([response.statusCode, response.cookies]);
    }
    expect(outcomes).toEqual([
      [204, []],
      [204, [cleared('session-token')]],
    ]);
  });

  test('clears on https only the cookies that had the session: both, or the second one', async () => {
    const person = await secure.person({ verified: false });
    const again = await secure.signIn(person.email);
    const both: [string, string][] = [
      ['session-token', person.token],
      [twin, person.token],
    ];
    const response = await signOut(secure, person, ...both);
    expect(response.cookies).toEqual([
      { ...cleared('session-token'), secure: true },
      { ...cleared(twin), secure: true },
    ]);
    const foreign: [string, string] = ['session-token', 'gh_s_of-another-app'];
    expect((await signOut(secure, again, foreign, [twin, again.token])).cookies).toEqual([
      { ...cleared(twin), secure: true },
    ]);
  });
});

describe('SameSite', () => {
  test.each(['lax', 'none'] as const)('is the setting %s of the app', async (cookieSameSite) => {
    const site = await createWorld(https, { settings: { cookieSameSite } });
    const response = await site.call('POST', sessions, { body: { email: site.admin.email, password } });
    const sameSite = cookieSameSite === 'lax' ? 'Lax' : 'None';
    expect(response.cookies).toMatchObject([
      { name: 'session-token', sameSite, secure: true },
      { name: `__Host-session-token-${site.appName}`, sameSite, secure: true },
      { name: 'device-token', sameSite, secure: true },
      { name: `__Host-device-token-${site.appName}`, sameSite, secure: true },
    ]);
  });
});
