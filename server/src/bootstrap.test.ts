import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Db, sql } from './db/db.ts';
import { openTestDatabase } from './test/database.ts';
import { buildTestApp, type TestApp } from './test/setup.ts';
import { bootstrap } from './bootstrap.ts';

const adminEmail = 'root@example.com';
const adminPassword = 'Password@123JonDoeInc';
const production = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://id.example.com',
  MASTER_KEY: randomBytes(32).toString('base64'),
  ALLOW_EMBEDDED: 'true',
};

let db: Db;
let running: TestApp | undefined;

beforeEach(async () => {
  db = await openTestDatabase();
});
afterEach(async () => {
  await (running ?? db).close();
  running = undefined;
});

async function start(env: Record<string, string> = {}): Promise<TestApp> {
  running = await buildTestApp({ db, env });
  return running;
}
const signIn = async ({ app }: TestApp, name: string, email: string, password: string) => {
  const url = '/v1/authentication/users/sessions';
  const headers = { 'x-app-name': name };
  return (await app.inject({ method: 'POST', url, headers, payload: { email, password } })).statusCode;
};
const counts = async () => {
  const [row] = await db.query(sql`
    SELECT (SELECT count(*) FROM apps) AS apps, (SELECT count(*) FROM users) AS users,
      (SELECT count(*) FROM signing_keys) AS keys`);
  return row;
};
const nothing = { apps: '0', users: '0', keys: '0' };
const one = { apps: '1', users: '1', keys: '1' };

describe('the first start is refused', () => {
  test('the first start is refused without an admin in production, and names the missing variables', async () => {
    const { services } = await start(production);
    await expect(bootstrap(services)).rejects.toThrow(/BOOTSTRAP_ADMIN_EMAIL and BOOTSTRAP_ADMIN_PASSWORD/);
    expect(await counts()).toEqual(nothing);
  });

  test('the first start is refused without an admin if the network can reach the service', async () => {
    const env = { HOST: '0.0.0.0', SMTP_URL: 'smtp://localhost', MASTER_KEY: production.MASTER_KEY };
    const { services } = await start(env);
    await expect(bootstrap(services)).rejects.toThrow(/development feature/);
    expect(await counts()).toEqual(nothing);
  });

  test.each<[what: string, env: Record<string, string>, reason: RegExp]>([
    ['a weak password', { BOOTSTRAP_ADMIN_PASSWORD: 'password123' }, /too weak/],
    ['an unknown setting', { BOOTSTRAP_SETTINGS: '{"signupEnabled":false}' }, /signupEnabled/],
    ['a setting that is out of range', { BOOTSTRAP_SETTINGS: '{"machineTokenLifeSeconds":1}' }, /At least 300/],
  ])('the first start is refused with %s', async (_, env, reason) => {
    const admin = { BOOTSTRAP_ADMIN_EMAIL: adminEmail, BOOTSTRAP_ADMIN_PASSWORD: adminPassword };
    const { services } = await start({ ...admin, ...env });
    await expect(bootstrap(services)).rejects.toThrow(reason);
    expect(await counts()).toEqual(nothing);
  });
});

describe('the first start', () => {
  test('makes the app of the environment with its verified super admin', async () => {
    const service = await start({
      ...production,
      BOOTSTRAP_APP: 'shop',
      BOOTSTRAP_ADMIN_EMAIL: adminEmail,
      BOOTSTRAP_ADMIN_PASSWORD: adminPassword,
      BOOTSTRAP_SETTINGS: '{"signUpEnabled":false}',
    });
    const made = await bootstrap(service.services);
    expect(made).toEqual({ name: 'shop', adminEmail, generatedPassword: undefined });
    expect(await counts()).toEqual(one);
    const [row] = await db.query(sql`
      SELECT a.settings, u.is_email_verified, u.is_super_admin FROM apps a JOIN users u ON u.app_id = a.id`);
    expect(row).toEqual({ settings: { signUpEnabled: false }, is_email_verified: true, is_super_admin: true });
    expect(await signIn(service, 'shop', adminEmail, adminPassword)).toBe(201);
  });

  test('the first start in development creates a demo app and a password', async () => {
    const service = await start();
    const made = await bootstrap(service.services);
    expect(made).toMatchObject({ name: 'demo', adminEmail: 'admin@example.com' });
    expect(made?.generatedPassword).toMatch(/^[\w-]{16}$/);
    expect(await signIn(service, 'demo', 'admin@example.com', made?.generatedPassword ?? '')).toBe(201);
  });

  test('the first start in development takes the name from the environment', async () => {
    const { services } = await start({ BOOTSTRAP_APP: 'shop' });
    expect(await bootstrap(services)).toMatchObject({ name: 'shop', adminEmail: 'admin@example.com' });
  });
});

describe('a later start', () => {
  test('creates nothing, with any environment', async () => {
    const { services } = await start({ BOOTSTRAP_APP: 'shop' });
    await bootstrap(services);
    expect(await bootstrap(services)).toBeUndefined();
    const other = await buildTestApp({ db, env: { BOOTSTRAP_APP: 'other', BOOTSTRAP_SETTINGS: '{"nonsense":1}' } });
    expect(await bootstrap(other.services)).toBeUndefined();
    await other.app.close();
    expect(await counts()).toEqual(one);
  });

  test('needs no admin in production', async () => {
    const { services } = await start({ MASTER_KEY: production.MASTER_KEY });
    await bootstrap(services);
    const later = await buildTestApp({ db, env: production });
    expect(await bootstrap(later.services)).toBeUndefined();
    await later.app.close();
  });

  test('only one of several concurrent starts creates the app', async () => {
    const { services } = await start();
    const made = await Promise.all(Array.from({ length: 4 }, () => bootstrap(services)));
    expect(made.filter((first) => first !== undefined)).toHaveLength(1);
    expect(await counts()).toEqual(one);
  });
});

test.each<[what: string, env: Record<string, string>, expected: object]>([
  ['a trial', {}, { usersMayCreateOrganizations: true }],
  [
    'a trial with a setting',
    { BOOTSTRAP_SETTINGS: '{"usersMayCreateOrganizations":false}' },
    { usersMayCreateOrganizations: false },
  ],
  ['an admin of the operator', { BOOTSTRAP_ADMIN_EMAIL: adminEmail, BOOTSTRAP_ADMIN_PASSWORD: adminPassword }, {}],
  ['production', { ...production, BOOTSTRAP_ADMIN_EMAIL: adminEmail, BOOTSTRAP_ADMIN_PASSWORD: adminPassword }, {}],
])('the first start decides who may create organizations: %s', async (_what, env, expected) => {
  const { services } = await start(env);
  await bootstrap(services);
  expect(await db.query(sql`SELECT settings FROM apps`)).toEqual([{ settings: expected }]);
});
