import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, password, problem, type World } from '../test/world/world.ts';

const url = '/v1/authentication/users';
const hourMs = 3_600_000;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

let counter = 0;
const freshEmail = () => `somebody-${(counter += 1)}@example.com`;
const signUp = (changes: Record<string, unknown> = {}, of: World = world) =>
  of.call('POST', url, { body: { firstName: 'Jon', lastName: 'Doe', email: freshEmail(), password, ...changes } });

async function storedUser(userId: string) {
  const response = await world.call('GET', `${url}/${userId}?includeMetadata=true`, { token: world.admin.token });
  return response.json<Record<string, unknown>>();
}

async function refused(changes: Record<string, unknown>) {
  const before = await world.rows();
  const response = await signUp(changes);
  expect(await world.rows()).toEqual(before);
  expect(response.cookies).toEqual([]);
  return response;
}

describe('a sign-up is refused', () => {
  const tooLong = `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.example`;
  test.each<[what: string, changes: Record<string, unknown>, pointer: string]>([
    ['without a given name', { firstName: undefined }, '/body/firstName'],
    ['without a family name', { lastName: undefined }, '/body/lastName'],
    ['without an e-mail address', { email: undefined }, '/body/email'],
    ['without a password', { password: undefined }, '/body/password'],
    ['with a blank name', { firstName: ' ' }, '/body/firstName'],
    ['with a line break in the name', { lastName: 'Doe\nBcc: x' }, '/body/lastName'],
    ['with a number for a name', { firstName: 1 }, '/body/firstName'],
    ['with an address without @', { email: 'jon' }, '/body/email'],
    ['with an address without domain', { email: 'jon@' }, '/body/email'],
    ['with an address without local part', { email: '@example.com' }, '/body/email'],
    ['with a domain of one label', { email: 'jon@localhost' }, '/body/email'],
    ['with white space inside the address', { email: 'jon doe@example.com' }, '/body/email'],
    ['with a header line in the address', { email: 'jon@example.com\r\nBcc: eve@example.com' }, '/body/email'],
    ['with two addresses', { email: 'jon@example.com,eve@example.com' }, '/body/email'],
    ['with an address of more than 254 characters', { email: tooLong }, '/body/email'],
    ['with a phone number without +', { phoneNumber: '004915112345678' }, '/body/phoneNumber'],
    ['with a phone number that begins with 0', { phoneNumber: '+04915112345' }, '/body/phoneNumber'],
    ['with 6 digits of a phone number', { phoneNumber: '+123456' }, '/body/phoneNumber'],
    ['with 16 digits of a phone number', { phoneNumber: '+1234567890123456' }, '/body/phoneNumber'],
    ['with a phone number in groups', { phoneNumber: '+49 151 12345678' }, '/body/phoneNumber'],
    ['with a phone number and a line break', { phoneNumber: '+4915112345678\n' }, '/body/phoneNumber'],
    ['with a number as metadata', { metadata: { plan: 1 } }, '/body/metadata/plan'],
    ['with null as metadata', { metadata: { plan: null } }, '/body/metadata/plan'],
    ['with an unknown language', { language: 'de' }, '/body/language'],
    ['with an unknown field', { isEmailVerified: true }, '/body/isEmailVerified'],
  ])('%s', async (_, changes, pointer) => {
    const response = await refused(changes);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('a sign-up is refused with every fault at once, unknown fields by name', async () => {
    const response = await refused({ firstName: '', email: 'jon', role: 'admin', userId: '1' });
    expect(Object.keys(faults(response)).toSorted()).toEqual([
      '/body/email',
      '/body/firstName',
      '/body/role',
      '/body/userId',
    ]);
    expect(faults(response)['/body/role']).toBe('Unknown field.');
  });

  test.each<[what: string, weak: string, reason: RegExp]>([
    ['too short', 'Xq7-Zr2_w', /at least 10 characters/],
    ['too long', 'Xq7-'.repeat(32) + 'x', /at most 128 characters/],
    ['a common one', 'Password123', /most common/],
    ['the e-mail address', 'jonathan.doeson@example.com', /e-mail address or the name/],
    ['the name', 'Jonathan Doeson', /e-mail address or the name/],
  ])('a sign-up with a password that is %s is refused with this reason', async (_, weak, reason) => {
    const person = { firstName: 'Jonathan', lastName: 'Doeson', email: 'jonathan.doeson@example.com' };
    const response = await refused({ ...person, password: weak });
    expect(problem(response)).toBe('400 password_too_weak');
    expect(response.json<{ detail: string }>().detail).toMatch(reason);
  });

  test('a sign-up with metadata that only backends may write is refused', async () => {
    const response = await refused({ metadata: { 'app:plan': 'enterprise' } });
    expect(problem(response)).toBe('403 metadata_key_reserved');
  });

  test('a sign-up with 31 metadata items is refused; 30 are accepted', async () => {
    const items = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, 'value']));
    expect(problem(await refused({ metadata: items(31) }))).toBe('400 metadata_limit_exceeded');
    expect((await signUp({ metadata: items(30) })).statusCode).toBe(201);
  });

  test('a sign-up is refused with more than 30 items together with those of an invited address', async () => {
    const orgId = await world.organization(await world.person());
    const email = freshEmail();
    const body = { email, firstName: 'Jon', lastName: 'Doe' };
    const managers = `/v1/authorization/organizations/${orgId}/managers`;
    const invited = await world.call('POST', managers, { token: world.admin.token, body });
    const { userId } = invited.json<{ userId: string }>();
    const metadata = { 'app:plan': 'pro' };
    await world.call('PUT', `${url}/${userId}`, { token: world.admin.token, body: { metadata } });
    const items = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, 'value']));
    expect(problem(await refused({ email, metadata: items(30) }))).toBe('400 metadata_limit_exceeded');
    expect(await storedUser(userId)).toMatchObject({ userState: 'INVITED', metadata });
    expect((await signUp({ email, metadata: items(29) })).json()).toMatchObject({ userId });
  });

  test('a sign-up is refused if the app does not allow it, before the address is read', async () => {
    const closed = await createWorld(app, { settings: { signUpEnabled: false } });
    expect(problem(await signUp({}, closed))).toBe('403 sign_up_disabled');
    expect(problem(await signUp({ email: closed.admin.email }, closed))).toBe('403 sign_up_disabled');
    expect(await closed.mails(closed.admin.email)).toEqual([]);
  });
});

describe('a taken address', () => {
  test.each<[what: string, first: string, second: string]>([
    ['as it is', 'taken-1@example.com', 'taken-1@example.com'],
    ['in other case', 'Taken-2@example.com', 'tAKEN-2@EXAMPLE.COM'],
    ['with white space around', 'taken-3@example.com', '  taken-3@example.com\t'],
    ['with the domain in its ASCII form', 'taken-4@bücher.example', 'taken-4@XN--BCHER-KVA.example'],
    ['with a decomposed letter', 'tak\u00e9n-5@example.com', 'take\u0301n-5@example.com'],
    ['with a letter that has no composed capital', '\u01f0on-6@example.com', 'J\u030con-6@example.com'],
  ])('is refused %s', async (_, first, second) => {
    expect((await signUp({ email: first })).statusCode).toBe(201);
    const response = await signUp({ email: second });
    expect(problem(response)).toBe('409 email_already_exists');
    expect(response.cookies).toEqual([]);
  });

  test.each([
    ['a dot', 'jo.n-7@example.com', 'jon-7@example.com'],
    ['a plus tag', 'jon-8@example.com', 'jon-8+tag@example.com'],
  ])('is another address with %s', async (_, first, second) => {
    expect((await signUp({ email: first })).statusCode).toBe(201);
    expect((await signUp({ email: second })).statusCode).toBe(201);
  });

  test('an address that is taken in another app is free', async () => {
    const other = await createWorld(app);
    const email = freshEmail();
    expect((await signUp({ email })).statusCode).toBe(201);
    expect((await signUp({ email }, other)).statusCode).toBe(201);
  });

  test('notifies its owner, at most once an hour', async () => {
    const { email } = await world.person();
    const told = async () => (await world.mails(email)).filter(({ purpose }) => purpose === 'sign_up_attempted').length;
    await signUp({ email: (await world.person()).email });
    await signUp({ email: email.toUpperCase() });
    expect(await told()).toBe(1);
    expect((await world.mail(email)).text).toContain('IP address: 127.0.0.1');
    app.clock.advance(hourMs - 1000);
    await signUp({ email });
    expect(await told()).toBe(1);
    app.clock.advance(2000);
    await signUp({ email });
    expect(await told()).toBe(2);
    await Promise.all(Array.from({ length: 8 }, () => signUp({ email })));
    app.clock.advance(hourMs + 1000);
    await Promise.all(Array.from({ length: 8 }, () => signUp({ email })));
    expect(await told()).toBe(3);
  });

  test('has one winner when several sign up with it at the same moment', async () => {
    const email = freshEmail();
    const responses = await Promise.all(
      Array.from({ length: 8 }, (_, index) => signUp({ email: index % 2 ? email.toUpperCase() : email })),
    );
    const outcomes = responses.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b);
    expect(outcomes).toEqual([201, ...Array<number>(7).fill(409)]);
  });
});

describe('a sign-up', () => {
  test('returns only the session', async () => {
    const response = await signUp();
    expect(response.statusCode).toBe(201);
    expect(response.json()).toEqual({
      sessionId: expect.stringMatching(/^\d{18}$/),
      sessionToken: expect.stringMatching(/^gh_s_[\w-]{43}$/),
      userId: expect.stringMatching(/^\d{18}$/),
    });
  });

  test('sets the cookie', async () => {
    const response = await signUp();
    const value = response.json<{ sessionToken: string }>().sessionToken;
    const attributes = { path: '/', httpOnly: true, sameSite: 'Lax', maxAge: 2_592_000 };
    expect(response.cookies[0]).toEqual({ name: 'session-token', value, ...attributes });
  });

  test('stores the given fields, unverified, with the stored form of the address', async () => {
    const given = { phoneNumber: '+4915112345678', metadata: { plan: 'pro' }, language: 'ar' };
    const response = await signUp({ ...given, email: ' Jon.Doe+News@BÜCHER.example ' });
    const { userId } = response.json<{ userId: string }>();
    expect(await storedUser(userId)).toEqual({
      id: userId,
      firstName: 'Jon',
      lastName: 'Doe',
      displayName: 'Jon Doe',
      phoneNumber: given.phoneNumber,
      email: 'Jon.Doe+News@xn--bcher-kva.example',
      isEmailVerified: false,
      isEmailClaimed: false,
      isPhoneVerified: false,
      userState: 'ACTIVE',
      metadata: given.metadata,
    });
    expect(await world.mail('Jon.Doe+News@xn--bcher-kva.example')).toMatchObject({ purpose: 'email_verification' });
    const [row] = await app.db.query<{ language: string }>(sql`SELECT language FROM users WHERE id = ${userId}`);
    expect(row).toEqual({ language: 'ar' });
  });

  test.each(['Password@123JonDoeInc', 'Secret@slidezAB', 'testJohndoe@12AB'])(
    'takes the password %s',
    async (valid) => {
      expect((await signUp({ password: valid })).statusCode).toBe(201);
    },
  );

  test('takes a password of 128 characters however they are composed', async () => {
    const email = freshEmail();
    expect((await signUp({ email, password: 'e\u0301'.repeat(128) })).statusCode).toBe(201);
    const body = { email, password: '\u00e9'.repeat(128) };
    expect((await world.call('POST', `${url}/sessions`, { body })).statusCode).toBe(201);
  });

  test.each(['+1234567', '+123456789012345'])('takes the phone number %s', async (phoneNumber) => {
    expect((await signUp({ phoneNumber })).statusCode).toBe(201);
  });

  test('ignores an organization id that older clients send', async () => {
    const orgId = await world.organization(await world.person());
    const response = await signUp({ orgId });
    expect(response.statusCode).toBe(201);
    const { sessionToken } = response.json<{ sessionToken: string }>();
    const seen = await world.call('GET', `/v1/authorization/organizations/${orgId}`, { token: sessionToken });
    expect(seen.statusCode).toBe(404);
  });

  test('ignores credentials, valid or not', async () => {
    const body = { firstName: 'Jon', lastName: 'Doe', email: freshEmail(), password, metadata: { 'app:plan': 'x' } };
    const asAdmin = await world.call('POST', url, { token: world.admin.token, body });
    expect(problem(asAdmin)).toBe('403 metadata_key_reserved');
    const withNonsense = await world.call('POST', url, { token: 'gh_s_nonsense', body: { ...body, metadata: {} } });
    expect(withNonsense.statusCode).toBe(201);
  });

  test('is recorded in the audit as an action of the new user', async () => {
    const { userId } = (await signUp()).json<{ userId: string }>();
    const actor = `user ${userId}`;
    expect((await world.events()).at(-1)).toMatchObject({ action: 'user.signed_up', actor, target: actor });
  });
});

describe('sign-up on https', () => {
  test('a second cookie of the app is set, both are secure, SameSite follows the setting of the app', async () => {
    const secure = await buildTestApp({ env: { PUBLIC_URL: 'https://id.example.com' } });
    try {
      const site = await createWorld(secure, { settings: { cookieSameSite: 'none', sessionLifeSeconds: 600 } });
      const response = await signUp({}, site);
      const value = response.json<{ sessionToken: string }>().sessionToken;
      const attributes = { value, path: '/', httpOnly: true, secure: true, sameSite: 'None', maxAge: 600 };
      expect(response.cookies.slice(0, 2)).toEqual([
        { name: 'session-token', ...attributes },
        { name: `__Host-session-token-${site.appName}`, ...attributes },
      ]);
    } finally {
      await secure.close();
    }
  });
});
