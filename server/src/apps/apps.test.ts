import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, platformKey, type TestApp } from '../test/setup.ts';
import { createWorld, faults, password, problem, type World } from '../test/world/world.ts';
import { defaultSettings } from './apps.schema.ts';

const url = '/v1/platform/apps';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

let counter = 0;
const body = (changes: object = {}) => {
  const name = `product-${(counter += 1)}`;
  return { name, displayName: 'Product', adminEmail: `admin@${name}.example`, adminPassword: password, ...changes };
};
const create = (changes: object = {}) => world.operate('POST', url, body(changes));
const update = (name: string, patch: unknown) => world.operate('PATCH', `${url}/${name}`, patch);
const appCount = async () => (await app.db.query(sql`SELECT 1 FROM apps`)).length;
const called = (name: string, of: object = {}) =>
  world.call('GET', '/v1/authentication/users/me', { app: name, ...of });

describe('the platform API is refused', () => {
  test.each<[what: string, headers: Record<string, string>]>([
    ['without a key', {}],
    ['with a wrong key', { authorization: 'Bearer platform-key-of-somebody-else-0123456' }],
    ['with a part of the key', { authorization: `Bearer ${platformKey.slice(0, -1)}` }],
    ['with an empty key', { authorization: 'Bearer ' }],
    ['with another scheme', { authorization: `Basic ${platformKey}` }],
    ['with the key as a cookie', { cookie: `session-token=${platformKey}` }],
  ])('%s', async (_, headers) => {
    for (const method of ['GET', 'POST'] as const) {
      const response = await world.call(method, url, {
        app: null,
        headers,
        ...(method === 'POST' && { body: body() }),
      });
      expect(problem(response)).toBe('401 unauthenticated');
    }
  });

  test('the platform API is refused to super admins and machines', async () => {
    const { token } = await world.machine();
    for (const caller of [world.admin.token, token]) {
      expect(problem(await world.call('GET', url, { token: caller }))).toBe('401 unauthenticated');
    }
  });

  test('everywhere if no key is configured', async () => {
    const without = await buildTestApp({ env: { PLATFORM_KEY: '' } });
    try {
      for (const authorization of ['Bearer ', `Bearer ${platformKey}`]) {
        const response = await without.app.inject({ method: 'GET', url, headers: { authorization } });
        expect(problem(response)).toBe('404 route_not_found');
      }
    } finally {
      await without.close();
    }
  });

  test('the platform API accepts either of two keys while they rotate, but not both at once', async () => {
    const next = 'platform-key-of-tomorrow-0123456789abc';
    const rotating = await buildTestApp({ env: { PLATFORM_KEY: `${platformKey},${next}` } });
    try {
      const statuses = [platformKey, next, `${platformKey},${next}`].map(async (key) => {
        const headers = { authorization: `Bearer ${key}` };
        return (await rotating.app.inject({ method: 'GET', url, headers })).statusCode;
      });
      expect(await Promise.all(statuses)).toEqual([200, 200, 401]);
    } finally {
      await rotating.close();
    }
  });
});

describe('making an app is refused', () => {
  test.each<[what: string, changes: object, pointer: string]>([
    ['without name', { name: undefined }, '/body/name'],
    ['with a name of one letter', { name: 'a' }, '/body/name'],
    ['with a name of 41 letters', { name: 'a'.repeat(41) }, '/body/name'],
    ['with capitals', { name: 'Product' }, '/body/name'],
    ['with a digit first', { name: '1product' }, '/body/name'],
    ['with a slash', { name: 'a/b' }, '/body/name'],
    ['with a line break', { name: 'product\n' }, '/body/name'],
    ['without display name', { displayName: undefined }, '/body/displayName'],
    ['without admin', { adminEmail: undefined }, '/body/adminEmail'],
    ['with an admin without address', { adminEmail: 'admin' }, '/body/adminEmail'],
    ['without password', { adminPassword: undefined }, '/body/adminPassword'],
    ['with an unknown field', { id: '1' }, '/body/id'],
    ['with an unknown setting', { settings: { signupEnabled: true } }, '/body/settings/signupEnabled'],
  ])('%s', async (_, changes, pointer) => {
    const before = await appCount();
    const response = await create(changes);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
    expect(await appCount()).toBe(before);
  });

  test('an app with a weak admin password is not created', async () => {
    const before = await appCount();
    for (const adminPassword of ['short', 'password123', 'admin@weak.example']) {
      const response = await create({ adminEmail: 'admin@weak.example', adminPassword });
      expect(problem(response)).toBe('400 password_too_weak');
    }
    expect(await appCount()).toBe(before);
  });

  test('an app with a name that is in use is not created, also by a concurrent call', async () => {
    expect(problem(await create({ name: world.appName }))).toBe('409 app_name_taken');
    const responses = await Promise.all(Array.from({ length: 4 }, () => create({ name: 'contested' })));
    const statuses = responses.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b);
    expect(statuses).toEqual([201, 409, 409, 409]);
  });
});

describe('making an app', () => {
  test('returns it with defaults, and its admin can sign in', async () => {
    const given = body({ settings: { signUpEnabled: false } });
    const response = await world.operate('POST', url, given);
    expect(response.statusCode).toBe(201);
    const now = app.clock.now().toISOString();
    const made = {
      name: given.name,
      displayName: 'Product',
      status: 'ACTIVE',
      settings: { ...defaultSettings, signUpEnabled: false },
      createdAt: now,
      updatedAt: now,
    };
    expect(response.json()).toEqual(made);
    expect((await world.operate('GET', `${url}/${given.name}`)).json()).toEqual(made);

    const credential = { email: given.adminEmail, password };
    const signIn = { app: given.name, body: credential };
    const signedIn = await world.call('POST', '/v1/authentication/users/sessions', signIn);
    const { sessionToken: token } = signedIn.json<{ sessionToken: string }>();
    expect((await called(given.name, { token })).json()).toMatchObject({ isEmailVerified: true, state: 'ACTIVE' });
    const machines = await world.call('GET', '/v1/authorization/machine-users?pageSize=1', { app: given.name, token });
    expect(machines.json()).toEqual({ metadata: { total: 0 }, machineUsers: [] });
  });

  test('takes the shortest and the longest name', async () => {
    for (const name of ['ab', `a${'-9'.repeat(19)}z`]) expect((await create({ name })).statusCode).toBe(201);
  });

  test('records the new app in the audit', async () => {
    const { name } = (await create()).json<{ name: string }>();
    const events = await app.db.query(sql`
      SELECT e.action, e.actor_kind FROM audit_events e JOIN apps a ON a.id = e.app_id WHERE a.name = ${name}`);
    expect(events).toEqual([{ action: 'app.created', actor_kind: 'platform' }]);
  });
});

describe('reading apps', () => {
  test('lists them all, oldest first', async () => {
    const names = [(await create()).json<{ name: string }>().name, (await create()).json<{ name: string }>().name];
    const { apps } = (await world.operate('GET', url)).json<{ apps: { name: string }[] }>();
    expect(apps[0]?.name).toBe(world.appName);
    expect(apps.slice(-2).map(({ name }) => name)).toEqual(names);
  });

  test('an unknown app is not found', async () => {
    expect(problem(await world.operate('GET', `${url}/nowhere`))).toBe('404 app_not_found');
    expect(problem(await update('nowhere', { displayName: 'X' }))).toBe('404 app_not_found');
  });
});

describe('updating an app', () => {
  test.each<[what: string, patch: unknown, pointer: string]>([
    ['nothing', {}, '/body'],
    ['its name', { name: 'other', displayName: 'Other' }, '/body/name'],
    ['an unknown status', { status: 'DELETED' }, '/body/status'],
    ['an unknown setting', { settings: { colour: 'red' } }, '/body/settings/colour'],
    [
      'an origin with a path',
      { settings: { allowedOrigins: ['https://a.example/x'] } },
      '/body/settings/allowedOrigins/0',
    ],
    [
      'an origin with a slash',
      { settings: { allowedOrigins: ['https://a.example/'] } },
      '/body/settings/allowedOrigins/0',
    ],
    ['any origin', { settings: { allowedOrigins: ['*'] } }, '/body/settings/allowedOrigins/0'],
    ['the origin null', { settings: { allowedOrigins: ['null'] } }, '/body/settings/allowedOrigins/0'],
    ['a redirect without host', { settings: { redirectUrls: ['/path'] } }, '/body/settings/redirectUrls/0'],
    ['a script as redirect', { settings: { redirectUrls: ['javascript:x'] } }, '/body/settings/redirectUrls/0'],
    ['a token life of 299 s', { settings: { machineTokenLifeSeconds: 299 } }, '/body/settings/machineTokenLifeSeconds'],
    ['one of 43,200 s', { settings: { machineTokenLifeSeconds: 43_200 } }, '/body/settings/machineTokenLifeSeconds'],
    ['a strict cookie', { settings: { cookieSameSite: 'strict' } }, '/body/settings/cookieSameSite'],
    ['an unknown language', { settings: { language: 'de' } }, '/body/settings/language'],
    ['a session of no time', { settings: { sessionLifeSeconds: 0 } }, '/body/settings/sessionLifeSeconds'],
    [
      'a backend that is no network',
      { settings: { trustedBackends: ['10.0.0.0/33'] } },
      '/body/settings/trustedBackends/0',
    ],
    ['null for a setting', { settings: { signUpEnabled: null } }, '/body/settings/signUpEnabled'],
    ['a text with NUL', { settings: { mail: { texts: { title: 'a\0' } } } }, '/body/settings/mail/texts/title'],
    [
      'a text with half a surrogate pair',
      { settings: { mail: { texts: { title: '\ud83d' } } } },
      '/body/settings/mail/texts/title',
    ],
    ['an unknown limit', { settings: { limits: { signInsPerMoon: 1 } } }, '/body/settings/limits/signInsPerMoon'],
    [
      'a limit of nothing',
      { settings: { limits: { invitationsPerDay: 0 } } },
      '/body/settings/limits/invitationsPerDay',
    ],
    [
      'a limit that is no whole number',
      { settings: { limits: { invitationsPerDay: 1.5 } } },
      '/body/settings/limits/invitationsPerDay',
    ],
    ['a redirect with NUL', { settings: { redirectUrls: ['https://a.example/\0'] } }, '/body/settings/redirectUrls/0'],
    [
      'a redirect with half a surrogate pair',
      { settings: { redirectUrls: ['https://a.example/\ud83d'] } },
      '/body/settings/redirectUrls/0',
    ],
  ])('refuses %s', async (_, patch, pointer) => {
    const before = (await world.operate('GET', `${url}/${world.appName}`)).json<object>();
    const response = await update(world.appName, patch);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
    expect((await world.operate('GET', `${url}/${world.appName}`)).json()).toEqual(before);
  });

  test.each(['verificationUrl', 'resetUrl', 'inviteUrl'])(
    'refuses as %s a value that a mail may not contain',
    async (name) => {
      const redirectUrls = ['https://a.example'];
      const made = (await create({ settings: { redirectUrls } })).json<{ name: string }>();
      const count = await appCount();
      for (const link of ['javascript:alert(1)', 'https://evil.example/{{code}}', 'https://a.example/{{unknown}}']) {
        const settings = { redirectUrls, [name]: link };
        expect(problem(await create({ settings }))).toBe('400 redirect_url_not_allowed');
        expect(problem(await update(made.name, { settings }))).toBe('400 redirect_url_not_allowed');
      }
      expect(await appCount()).toBe(count);
      expect((await world.operate('GET', `${url}/${made.name}`)).json()).toEqual(made);
    },
  );

  test('refuses a default link that the app itself would not allow', async () => {
    const redirectUrls = ['https://a.example'];
    const verificationUrl = 'https://a.example/v?c={{code}}';
    for (const settings of [{ verificationUrl }, { redirectUrls, inviteUrl: 'https://a.example/{{password}}' }]) {
      expect(problem(await create({ settings }))).toBe('400 redirect_url_not_allowed');
    }
    const { name } = (await create({ settings: { redirectUrls, verificationUrl } })).json<{ name: string }>();
    for (const settings of [{ redirectUrls: [] }, { resetUrl: 'https://evil.example/' }]) {
      expect(problem(await update(name, { settings }))).toBe('400 redirect_url_not_allowed');
    }
    const settings = { redirectUrls, verificationUrl, resetUrl: null };
    expect((await world.operate('GET', `${url}/${name}`)).json()).toMatchObject({ settings });
  });

  test('merges settings: fields that are not named stay', async () => {
    const { name } = (await create({ settings: { language: 'ar', redirectUrls: ['https://a.example'] } })).json<{
      name: string;
    }>();
    app.clock.advance(1000);
    const response = await update(name, { displayName: 'Renamed', settings: { redirectUrls: ['https://b.example'] } });
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      displayName: 'Renamed',
      status: 'ACTIVE',
      settings: { ...defaultSettings, language: 'ar', redirectUrls: ['https://b.example'] },
      updatedAt: app.clock.now().toISOString(),
    });
  });

  test('merges the branding of mails and the limits, too', async () => {
    const before = { mail: { fromName: 'Acme', color: '#1f6feb' }, limits: { invitationsPerDay: 5 } };
    const { name } = (await create({ settings: before })).json<{ name: string }>();
    await update(name, {
      settings: { mail: { brandName: 'Acme Cloud', color: null }, limits: { signUpsPerAddressPerHour: 1 } },
    });
    const { settings } = (await world.operate('GET', `${url}/${name}`)).json<{ settings: object }>();
    expect(settings).toMatchObject({
      mail: { fromName: 'Acme', color: null, brandName: 'Acme Cloud' },
      limits: { ...defaultSettings.limits, invitationsPerDay: 5, signUpsPerAddressPerHour: 1 },
    });
  });

  test('concurrently in different settings keeps all of them', async () => {
    const { name } = (await create()).json<{ name: string }>();
    const patches = [
      { language: 'ar' },
      { signUpEnabled: false },
      { sessionLifeSeconds: 600 },
      { managersMayGrantAnyRole: false },
    ];
    await Promise.all(patches.map((settings) => update(name, { settings })));
    const merged = { language: 'ar', signUpEnabled: false, sessionLifeSeconds: 600, managersMayGrantAnyRole: false };
    expect((await world.operate('GET', `${url}/${name}`)).json()).toMatchObject({ settings: merged });
  });
});

describe('a deactivated app', () => {
  test('responds with 403 to public calls and 401 to others, until it is active again', async () => {
    const product = await createWorld(app);
    const machine = await product.machine();
    const person = await product.person();
    const publicCalls = [
      ['POST', '/v1/authentication/users', { ...body(), email: 'x@example.com' }],
      ['POST', '/v1/authentication/users/sessions', { email: person.email, password }],
      ['PUT', '/v1/authentication/users/invite', {}],
      ['POST', '/v1/authentication/machine-users/access-token', { clientId: machine.machineUserId, clientSecret: 'x' }],
      ['GET', '/v1/authentication/token/jwks', undefined],
    ] as const;
    expect((await update(product.appName, { status: 'INACTIVE' })).json()).toMatchObject({ status: 'INACTIVE' });
    for (const [method, path, sent] of publicCalls) {
      const response = await product.call(method, path, sent === undefined ? {} : { body: sent });
      expect([path, problem(response)]).toEqual([path, '403 app_inactive']);
    }
    for (const { token } of [product.admin, machine, person]) {
      const response = await product.call('GET', '/v1/authorization/organizations?pageSize=1', { token });
      expect(problem(response)).toBe('401 unauthenticated');
    }
    expect(problem(await called(product.appName))).toBe('401 unauthenticated');

    await update(product.appName, { status: 'ACTIVE' });
    for (const { token } of [product.admin, machine, person]) {
      const response = await product.call('GET', '/v1/authorization/organizations?pageSize=1', { token });
      expect(response.statusCode).toBe(200);
    }
  });

  test('has no effect in other apps', async () => {
    const product = await createWorld(app);
    await update(product.appName, { status: 'INACTIVE' });
    expect((await called(world.appName, { token: world.admin.token })).statusCode).toBe(200);
  });
});
