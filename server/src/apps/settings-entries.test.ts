import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, masterKey, type TestApp } from '../test/setup.ts';
import { createWorld, faults, password, problem, type World } from '../test/world/world.ts';
import { bootstrap } from '../bootstrap.ts';

const productionEnv = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://id.example.com',
  MASTER_KEY: masterKey.toString('base64'),
  ALLOW_EMBEDDED: 'true',
};

let development: TestApp;
let production: TestApp;

beforeAll(async () => {
  development = await buildTestApp();
  production = await buildTestApp({ env: productionEnv });
});
afterAll(async () => {
  await development?.close();
  await production?.close();
});

const url = '/v1/authorization/apps/settings';
const patch = (world: World, body: object) => world.call('PATCH', url, { token: world.admin.token, body });
const get = async (world: World) =>
  (await world.call('GET', url, { token: world.admin.token })).json<
    { warnings?: string[] } & Record<string, unknown>
  >();

/** Entries that an earlier version accepted. */
const store = (world: World, settings: object) =>
  world.test.db.query(sql`
    UPDATE apps SET settings = settings || ${JSON.stringify(settings)}::jsonb WHERE id = ${world.appId}`);

const wildcards: [list: 'allowedOrigins' | 'redirectUrls', entry: string][] = [
  ['allowedOrigins', 'https://*.example.com'],
  ['allowedOrigins', 'https://*'],
  ['allowedOrigins', 'https://app-*.example.com'],
  ['redirectUrls', 'https://*.example.com'],
  ['redirectUrls', 'https://%2A.example.com'],
  ['redirectUrls', 'https://app.example.com/*'],
  ['redirectUrls', 'https://app.example.com/**/verify'],
  ['redirectUrls', 'https://app.example.com/verify?next=*'],
  ['redirectUrls', 'https://app.example.com/verify#*'],
  ['redirectUrls', 'https://app.example.com/*?*'],
];
const alsoRefused: [list: 'allowedOrigins' | 'redirectUrls', entry: string][] = [
  ['redirectUrls', 'https://{{code}}.example.com/verify'],
  ['redirectUrls', 'https://:secret@app.example.com/verify'],
];
const plain: [list: 'allowedOrigins' | 'redirectUrls', entry: string][] = [
  ['allowedOrigins', 'http://app.example.com'],
  ['allowedOrigins', 'http://localhost:4000'],
  ['redirectUrls', 'http://app.example.com/verify'],
];

describe('an entry that is added', () => {
  const refused = [
    ...wildcards.map((row) => ['development', ...row] as const),
    ...alsoRefused.map((row) => ['development', ...row] as const),
    ...[...wildcards, ...plain].map((row) => ['production', ...row] as const),
  ];

  test.each(refused)('is refused in %s: %s %s', async (where, list, entry) => {
    const world = await createWorld(where === 'production' ? production : development);
    const before = await get(world);
    const entries = ['https://fine.example.com', entry];
    const answer = await patch(world, { [list]: entries });
    expect(problem(answer)).toBe('400 validation_failed');
    expect(faults(answer)).toEqual({ [`/body/${list}/1`]: expect.stringContaining(entry) as string });
    const operated = await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, {
      settings: { [list]: entries },
    });
    expect(Object.keys(faults(operated))).toEqual([`/body/settings/${list}/1`]);
    expect(await get(world)).toEqual(before);
  });

  test.each(plain)('may be plain http in development: %s %s', async (list, entry) => {
    const world = await createWorld(development);
    expect((await patch(world, { [list]: [entry] })).statusCode).toBe(200);
  });

  test('is judged when an app is created', async () => {
    const world = await createWorld(development);
    const body = { name: 'wild', displayName: 'Wild', adminEmail: 'wild@example.com', adminPassword: password };
    const settings = { redirectUrls: ['https://*.example.com'], cookieSameSite: 'none' };
    const answer = await world.operate('POST', '/v1/platform/apps', { ...body, settings });
    expect(Object.keys(faults(answer))).toEqual(['/body/settings/redirectUrls/0', '/body/settings/cookieSameSite']);
  });

  test('is judged when the environment makes the first app', async () => {
    const settings = JSON.stringify({ allowedOrigins: ['https://*.example.com'] });
    const first = await buildTestApp({ env: { BOOTSTRAP_SETTINGS: settings } });
    await expect(bootstrap(first.services)).rejects.toThrow(/BOOTSTRAP_SETTINGS is not valid: .*wildcard/);
    await first.close();
  });
});

describe('an entry that is stored', () => {
  const stored = {
    allowedOrigins: ['https://*.example.com', 'http://app.example.com'],
    redirectUrls: ['https://*.example.com/verify', 'http://app.example.com/verify'],
  };

  test('stays through other changes, and cannot be added again after its removal', async () => {
    const world = await createWorld(production);
    await store(world, stored);
    expect((await patch(world, { language: 'ar' })).statusCode).toBe(200);
    const [wildcard = '', ...rest] = stored.redirectUrls;
    const more = [...stored.redirectUrls, 'https://more.example.com/verify'];
    expect((await patch(world, { redirectUrls: more })).statusCode).toBe(200);
    expect((await patch(world, { redirectUrls: rest })).statusCode).toBe(200);
    expect(problem(await patch(world, { redirectUrls: [...rest, wildcard] }))).toBe('400 validation_failed');
  });

  test('causes a warning in responses that contain settings; settings do not accept warnings', async () => {
    const world = await createWorld(production);
    expect(await get(world)).not.toHaveProperty('warnings');
    await store(world, { ...stored, redirectMatching: 'origin' });
    const { warnings = [] } = await get(world);
    expect(warnings).toEqual([
      expect.stringMatching(/^redirectMatching is "origin"/),
      expect.stringMatching(/^allowedOrigins: "https:\/\/\*\.example\.com" has a wildcard/),
      expect.stringMatching(/^allowedOrigins: "http:\/\/app\.example\.com" is plain http/),
      expect.stringMatching(/^redirectUrls: "https:\/\/\*\.example\.com\/verify" has a wildcard/),
      expect.stringMatching(/^redirectUrls: "http:\/\/app\.example\.com\/verify" is plain http/),
    ]);
    const operated = await world.operate('GET', `/v1/platform/apps/${world.appName}`);
    expect(operated.json()).toMatchObject({ settings: { warnings } });
    expect(Object.keys(faults(await patch(world, { warnings: [] })))).toEqual(['/body/warnings']);
    const exact = await patch(world, { redirectMatching: 'exact', allowedOrigins: [], redirectUrls: [] });
    expect(exact.json()).not.toHaveProperty('warnings');
  });
});

describe('the metric', () => {
  test('counts the apps that match by origin', async () => {
    const app = await buildTestApp();
    const metric = async () =>
      /^gatehouse_apps_matching_redirects_by_origin (\d+)$/m.exec((await app.app.inject('/metrics')).body);
    expect((await metric())?.[1]).toBe('0');
    await store(await createWorld(app), { redirectMatching: 'origin' });
    await createWorld(app);
    expect((await metric())?.[1]).toBe('1');
    await app.close();
  });
});

describe('cookieSameSite none', () => {
  test('is refused with the reason while PUBLIC_URL is http', async () => {
    const world = await createWorld(development);
    const answer = await patch(world, { cookieSameSite: 'none' });
    expect(problem(answer)).toBe('400 validation_failed');
    expect(faults(answer)).toEqual({
      '/body/cookieSameSite': expect.stringMatching(/PUBLIC_URL is http, because browsers/) as string,
    });
    await store(world, { cookieSameSite: 'none' });
    expect((await patch(world, { language: 'ar' })).statusCode).toBe(200);
    expect((await patch(world, { cookieSameSite: 'lax' })).statusCode).toBe(200);
  });

  test('is allowed on https', async () => {
    const world = await createWorld(production);
    expect((await patch(world, { cookieSameSite: 'none' })).json()).toMatchObject({ cookieSameSite: 'none' });
  });
});
