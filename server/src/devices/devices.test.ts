import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, problem, type World } from '../test/world/world.ts';
import { sweepDevices } from './sweep-devices.ts';

const sessions = '/v1/authentication/users/sessions';
const day = 86_400_000;

let app: TestApp;
let world: World;
let https: TestApp;
let secure: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  https = await buildTestApp({ env: { PUBLIC_URL: 'https://id.example.com' } });
  secure = await createWorld(https);
});
afterAll(async () => {
  await app?.close();
  await https?.close();
});

const signIn = (email: string, headers: Record<string, string> = {}, of = world) =>
  of.call('POST', sessions, { body: { email, password }, headers });
const held = (response: { headers: Record<string, unknown> }) => String(response.headers['x-device-token']);
const withHeader = (device: string) => ({ 'x-device-token': device });
const withCookies = (...pairs: [name: string, value: string][]) => ({
  cookie: pairs.map(([name, value]) => `${name}=${value}`).join('; '),
});
const deviceCount = async (userId: string) =>
  (await app.db.query(sql`SELECT 1 FROM devices WHERE user_id = ${userId}`)).length;
const newDeviceMails = async (email: string) =>
  (await world.mails(email)).filter(({ purpose }) => purpose === 'new_device');

describe('the device token', () => {
  test('is given by every sign-in method, in a cookie and in a header, and stored as a hash', async () => {
    const { email, userId } = await world.person();
    const response = await signIn(email);
    const device = held(response);
    expect(device).toMatch(/^gh_d_[\w-]{43}$/);
    expect(response.cookies[1]).toEqual({
      name: 'device-token',
      value: device,
      path: '/',
      httpOnly: true,
      sameSite: 'Lax',
      maxAge: 180 * 24 * 3600,
    });
    const rows = await app.db.query<{ hash: Buffer }>(sql`
      SELECT token_hash AS hash FROM devices WHERE user_id = ${userId}`);
    expect(rows.map(({ hash }) => hash.length)).toEqual([32, 32]);
  });

  test('is in no response that signs nobody in', async () => {
    const { email } = await world.person();
    const refused = await world.call('POST', sessions, { body: { email, password: 'wrong' } });
    expect([refused.cookies, refused.headers['x-device-token']]).toEqual([[], undefined]);
  });

  test('stays the same for a known device', async () => {
    const { email, userId } = await world.person();
    const device = held(await signIn(email));
    const before = await deviceCount(userId);
    expect(held(await signIn(email, withHeader(device)))).toBe(device);
    expect(held(await signIn(email, withCookies(['device-token', device])))).toBe(device);
    expect(await deviceCount(userId)).toBe(before);
  });

  test('each of several people on one device is known there: at most the latest five', async () => {
    const people = await Promise.all(Array.from({ length: 6 }, () => world.person()));
    let device = '';
    for (const { email } of people) device = held(await signIn(email, withHeader(device)));
    expect(device.split('.')).toHaveLength(5);
    const mails = await Promise.all(people.map(async ({ email }) => (await newDeviceMails(email)).length));
    expect(mails).toEqual([1, 1, 1, 1, 1, 1]);
    const [first, second] = people;
    if (!first || !second) throw new Error('nobody is there');
    expect(held(await signIn(second.email, withHeader(device))).split('.')).toEqual([
      ...device.split('.').slice(1),
      device.split('.')[0],
    ]);
    expect(
      held(await signIn(first.email, withHeader(device)))
        .split('.')
        .slice(0, 4),
    ).toEqual(device.split('.').slice(1));
  });

  test.each<[what: string, headers: (device: string) => Record<string, string>]>([
    ['nothing', () => ({})],
    ['nonsense', () => withHeader('nonsense')],
    ['a token nobody has', () => withHeader(`gh_d_${'x'.repeat(43)}`)],
    [
      'a header that is not a token, with a cookie that is',
      (device) => ({ ...withHeader('x'), ...withCookies(['device-token', device]) }),
    ],
    ['several different cookies', (device) => withCookies(['device-token', device], ['device-token', 'another'])],
    ['a session token', () => withHeader(`gh_s_${'x'.repeat(43)}`)],
    ['thousands of tokens', (device) => withHeader(`${`gh_d_${'x'.repeat(43)}.`.repeat(100)}${device}`)],
  ])('is not known by %s', async (_, headers) => {
    const { email, userId } = await world.person();
    const device = held(await signIn(email));
    const before = await deviceCount(userId);
    const response = await signIn(email, headers(device));
    expect(response.statusCode).toBe(201);
    expect(await deviceCount(userId)).toBe(before + 1);
    expect(held(response).split('.').length).toBeLessThanOrEqual(5);
  });

  test('a device token of another app is ignored', async () => {
    const elsewhere = await createWorld(app);
    const { email, userId } = await world.person();
    const { email: theirs } = await elsewhere.person({ email });
    const device = held(await signIn(theirs, {}, elsewhere));
    await signIn(email, withHeader(device));
    expect(await deviceCount(userId)).toBe(2);
  });

  test('is valid for 180 days after the last sign-in', async () => {
    const { email, userId } = await world.person();
    const device = held(await signIn(email));
    for (const days of [179, 179]) {
      app.clock.advance(days * day);
      expect(held(await signIn(email, withHeader(device)))).toBe(device);
    }
    app.clock.advance(180 * day);
    expect(held(await signIn(email, withHeader(device)))).not.toBe(device);
    await sweepDevices.run(app.services, new AbortController().signal);
    expect(await deviceCount(userId)).toBe(1);
  });

  test('is deleted when the account gets another owner', async () => {
    const fresh = await createWorld(app);
    const { email, userId } = await fresh.person({ verified: false });
    const device = held(await signIn(email, {}, fresh));
    const body = { orgName: `For ${email}`, adminFirstName: 'A', adminLastName: 'B', adminEmail: email };
    const setup = await fresh.call('POST', '/v1/authorization/organizations/setup', { token: fresh.admin.token, body });
    const { code } = await fresh.mail(email);
    const newPassword = 'Another@password-of-the-owner';
    const acceptance = { orgId: setup.json<{ orgId: string }>().orgId, email, verificationCode: code, newPassword };
    const accepted = await fresh.call('PUT', '/v1/authentication/users/invite', { body: acceptance });
    expect(accepted.json()).toMatchObject({ message: 'Invitation accepted' });
    expect(await deviceCount(userId)).toBe(1);
    const stale = await fresh.call('POST', sessions, {
      body: { email, password: newPassword },
      headers: withHeader(device),
    });
    expect(held(stale)).not.toBe(device);
  });

  test('are at most fifty per account, also for a program that stores none', async () => {
    const { email, userId } = await world.person();
    const keeper = held(await signIn(email));
    await app.db.query(sql`
      INSERT INTO devices (app_id, token_hash, user_id, created_at, last_used_at, expires_at)
      SELECT ${world.appId}::bigint, decode(lpad(n::text, 64, '0'), 'hex'), ${userId}::bigint, 'epoch', 'epoch',
        ${app.clock.now()}::timestamptz + interval '1 day' FROM generate_series(1, 60) AS n`);
    await signIn(email);
    expect(await deviceCount(userId)).toBe(50);
    expect(held(await signIn(email, withHeader(keeper)))).toBe(keeper);
  });
});

describe('device cookies on https', () => {
  test('the twin cookie of the app is set and preferred', async () => {
    const { email } = await secure.person({ verified: false });
    const twin = `__Host-device-token-${secure.appName}`;
    const first = await signIn(email, {}, secure);
    const attributes = { value: held(first), path: '/', httpOnly: true, secure: true, sameSite: 'Lax' };
    expect(first.cookies.slice(2)).toEqual([
      { name: 'device-token', ...attributes, maxAge: 15_552_000 },
      { name: twin, ...attributes, maxAge: 15_552_000 },
    ]);
    const foreign: [string, string] = ['device-token', `gh_d_${'x'.repeat(43)}`];
    expect(held(await signIn(email, withCookies(foreign, [twin, held(first)]), secure))).toBe(held(first));
  });
});

describe('pages of other origins', () => {
  test.each([
    ['POST', sessions],
    ['PUT', '/v1/authentication/users/password'],
  ] as const)('cannot make a browser %s %s, which sets the cookie', async (method, url) => {
    const headers = { origin: 'https://evil.example' };
    expect(problem(await world.call(method, url, { body: {}, headers }))).toBe('403 origin_not_allowed');
  });
});

describe('the mail about a new device', () => {
  const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';

  test('names the place, and is sent once per network a day', async () => {
    const { email } = await world.person();
    await signIn(email, { 'user-agent': firefox });
    await signIn(email, { 'user-agent': 'curl/8.0' });
    const mails = await newDeviceMails(email);
    expect(mails).toHaveLength(1);
    expect(mails[0]?.text).toContain('Firefox');
    expect(mails[0]?.text).toContain('127.0.0.1');
    app.clock.advance(day);
    await signIn(email);
    expect(await newDeviceMails(email)).toHaveLength(2);
  });

  test('is not sent for the device that signed up, nor for one that is known', async () => {
    const { email } = await world.person();
    await world.signIn(email);
    await world.signIn(email);
    expect(await newDeviceMails(email)).toEqual([]);
  });

  test('is sent a few times a day at most', async () => {
    const behind = await buildTestApp({ db: app.db, clock: app.clock, env: { TRUST_PROXY: '1' } });
    const brief = await createWorld(behind, { settings: { limits: { newDeviceMailsPerUserPerDay: 2 } } });
    const { email } = await brief.person();
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
      await signIn(email, { 'x-forwarded-for': address }, brief);
    }
    expect((await brief.mails(email)).filter(({ purpose }) => purpose === 'new_device')).toHaveLength(2);
    await behind.app.close();
  });
});
