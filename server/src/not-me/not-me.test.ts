import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { linked } from '../test/samples/identity-providers.ts';
import { addTo, createStage, type Stage } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';

let app: TestApp;
let world: World;
let stage: Stage;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { settings: { limits: { rejectionsPerUserPerDay: 2 } } });
  stage = await createStage(world);
});
afterAll(() => app?.close());

const rejectionUrl = '/v1/authentication/users/email/verification/rejection';
const reject = (token: string, of = world) => of.call('POST', rejectionUrl, { body: { token } });

/** The token in the newest mail of a purpose to an address. */
async function tokenIn(email: string, purpose: string): Promise<string> {
  const mail = (await world.mails(email)).find((one) => one.purpose === purpose);
  const [, appName, token] = /\/apps\/([a-z0-9-]+)\/not-me#(\S+)/.exec(mail?.text ?? '') ?? [];
  if (token === undefined || appName !== world.appName) throw new Error(`no link in the mail ${purpose} to ${email}`);
  expect(mail?.html).toContain(`/apps/${world.appName}/not-me#${token}`);
  return token;
}

const isLive = async (token: string) =>
  (await world.call('GET', '/v1/authentication/users/me', { token })).statusCode === 200;

const signInWith = async (email: string, secret = password) =>
  (await world.call('POST', '/v1/authentication/users/sessions', { body: { email, password: secret } })).statusCode;

const row = async (userId: string) => {
  const [user] = await app.db.query<{ email: string; is_email_verified: boolean; password_hash: string | null }>(sql`
    SELECT email, is_email_verified, password_hash FROM users WHERE app_id = ${world.appId} AND id = ${userId}`);
  return user;
};

const verify = async ({ userId, email, token }: Person) => {
  const { code } = await world.mail(email);
  const url = '/v1/authentication/users/email/verification';
  await world.call('POST', url, { token, body: { userId, verificationCode: code } });
};

/** The purposes of the mails after the next run of the background task. */
async function newestPurpose(email: string): Promise<string | undefined> {
  await runTask(app, sendPasswordResets);
  return (await world.mails(email))[0]?.purpose;
}

/** The token of the session that a product gets with an exchange code of another session. */
async function copyOf(token: string): Promise<string> {
  const codeVerifier = 'verifier-of-the-product-which-is-long-enough-43';
  const body = { returnTo: 'http://localhost/start', codeChallenge: hash('sha256', codeVerifier, 'base64url') };
  const created = await world.call('POST', '/v1/authentication/users/me/exchange-codes', { token, body });
  const { code } = created.json<{ code: string }>();
  const url = '/v1/authentication/users/sessions/exchange';
  const response = await world.call('POST', url, { body: { code, codeVerifier, returnTo: body.returnTo } });
  return response.json<{ sessionToken: string }>().sessionToken;
}

/** A person whose account has a session from a new device. */
async function onNewDevice(): Promise<{ person: Person; sessionToken: string; token: string }> {
  const person = await world.person();
  const body = { email: person.email, password };
  const response = await world.call('POST', '/v1/authentication/users/sessions', { body });
  return {
    person,
    sessionToken: response.json<{ sessionToken: string }>().sessionToken,
    token: await tokenIn(person.email, 'new_device'),
  };
}

const newPassword = 'Secret@slidezAB';

async function withChangedPassword(): Promise<{ person: Person; token: string }> {
  const person = await world.person();
  const url = `/v1/authentication/users/${person.userId}/password`;
  await world.call('PUT', url, { token: person.token, body: { currentPassword: password, newPassword } });
  return { person, token: await tokenIn(person.email, 'password_changed') };
}

describe('a token is refused', () => {
  const wrong: [string, () => Promise<string> | string][] = [
    ['that is none', () => 'nonsense'],
    [
      'with one character changed',
      async () => changed(await tokenIn((await unverified()).email, 'email_verification')),
    ],
    ['of a session', async () => (await world.person()).token],
    ['of a claimed account', async () => tokenOfVerified()],
    ['of a deleted user', async () => tokenOfDeleted()],
    ['about a device, sent to an address that the user has left', async () => tokenOfLeft('new_device')],
    ['about an identity, sent to an address that the user has left', async () => tokenOfLeft('identity_linked')],
    ['about a password, sent to an address that the user has left', async () => tokenOfLeft('password_changed')],
  ];
  const unverified = () => world.person({ verified: false });
  const changed = (token: string) => `${token.slice(0, -5)}${token.at(-5) === 'A' ? 'B' : 'A'}${token.slice(-4)}`;
  const tokenOfVerified = async () => {
    const person = await unverified();
    const token = await tokenIn(person.email, 'email_verification');
    await verify(person);
    return token;
  };
  const tokenOfDeleted = async () => {
    const { email, userId } = await unverified();
    const token = await tokenIn(email, 'email_verification');
    await world.call('DELETE', `/v1/authorization/users/${userId}`, { token: world.admin.token });
    return token;
  };
  /** The owner has changed the address, perhaps because somebody else reads the earlier mailbox. */
  const tokenOfLeft = async (purpose: string) => {
    const { person } = await linked(stage);
    const { email, userId, token } = person;
    const newer = { currentPassword: password, newPassword };
    await world.call('PUT', `/v1/authentication/users/${userId}/password`, { token, body: newer });
    expect(await signInWith(email, newPassword)).toBe(201);
    const body = { newEmail: `left-${userId}@example.com`, currentPassword: newPassword };
    await world.call('POST', '/v1/authentication/users/me/email', { token, body });
    const { code } = await world.mail(body.newEmail);
    const change = { token, body: { verificationCode: code } };
    expect((await world.call('PUT', '/v1/authentication/users/me/email', change)).statusCode).toBe(200);
    return tokenIn(email, purpose);
  };

  test.each(wrong)('%s', async (_, make) => {
    const token = await make();
    const before = await world.rows();
    expect(problem(await reject(token))).toBe('400 code_invalid');
    expect(await world.rows()).toEqual(before);
  });

  test('a token of another app is refused', async () => {
    const other = await createWorld(app);
    const { email } = await unverified();
    expect(problem(await reject(await tokenIn(email, 'email_verification'), other))).toBe('400 code_invalid');
  });

  test('a token is refused by every other operation', async () => {
    const person = await unverified();
    const token = await tokenIn(person.email, 'email_verification');
    const body = { userId: person.userId, verificationCode: token };
    const url = '/v1/authentication/users/email/verification';
    expect(problem(await world.call('POST', url, { token, body }))).toBe('401 unauthenticated');
    expect(problem(await world.call('POST', url, { token: person.token, body }))).toMatch(/^400/);
  });
});

describe('a sign-up that is rejected', () => {
  test('loses every sign-in method and the verified address; id, address and memberships stay', async () => {
    const { person } = await linked(stage, await world.person({ verified: false }));
    await addTo(stage, person.userId, 'reader');
    const url = '/v1/authentication/users/me/email';
    const body = { newEmail: `new-${person.userId}@example.com`, currentPassword: password };
    await world.call('POST', url, { token: person.token, body });
    const { code } = await world.mail(body.newEmail);

    const response = await reject(await tokenIn(person.email, 'email_verification'));
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ message: 'Rejected' });
    expect(await isLive(person.token)).toBe(false);
    expect(await signInWith(person.email)).toBe(401);
    expect(await row(person.userId)).toEqual({ email: person.email, is_email_verified: false, password_hash: null });
    for (const table of ['sessions', 'identities', 'devices', 'codes']) {
      expect({ table, left: await countOf(table, person.userId) }).toEqual({ table, left: 0 });
    }
    expect(await countOf('members', person.userId)).toBe(1);
    expect(code).toBeDefined();
    expect(await world.mails(person.email)).not.toContainEqual(expect.objectContaining({ purpose: 'password_reset' }));
  });

  const countOf = async (table: string, userId: string) => {
    const rows = await app.db.query(sql`
      SELECT 1 FROM (
        SELECT 'sessions' AS name, user_id FROM sessions WHERE app_id = ${world.appId}
        UNION ALL SELECT 'identities', user_id FROM identities WHERE app_id = ${world.appId}
        UNION ALL SELECT 'devices', user_id FROM devices WHERE app_id = ${world.appId}
        UNION ALL SELECT 'codes', user_id FROM codes WHERE app_id = ${world.appId}
        UNION ALL SELECT 'members', user_id FROM members WHERE app_id = ${world.appId}) AS rows
      WHERE name = ${table} AND user_id = ${userId}`);
    return rows.length;
  };

  test('is in the audit', async () => {
    const person = await world.person({ verified: false });
    await reject(await tokenIn(person.email, 'email_verification'));
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'user.rejected',
      actor: `user ${person.userId}`,
      target: `user ${person.userId}`,
      changes: ['account'],
    });
  });

  test('is rejected by an older mail as well, twice a day for one account', async () => {
    const person = await world.person({ verified: false });
    const first = await tokenIn(person.email, 'email_verification');
    await world.call('POST', '/v1/authentication/users/email/verification-request', {
      token: person.token,
      body: { userId: person.userId },
    });
    const second = await tokenIn(person.email, 'email_verification');
    expect(second).not.toBe(first);
    expect((await reject(first)).statusCode).toBe(200);
    expect((await reject(second)).statusCode).toBe(200);
    const before = await world.rows();
    expect(problem(await reject(first))).toBe('429 rate_limited');
    expect(await world.rows()).toEqual(before);
  });

  test('is rejected although its address was verified, while the account is not claimed', async () => {
    const person = await world.person({ verified: false });
    const token = await tokenIn(person.email, 'email_verification');
    await app.db.query(sql`
      UPDATE users SET is_email_verified = true WHERE app_id = ${world.appId} AND id = ${person.userId}`);
    expect((await reject(token)).statusCode).toBe(200);
    expect(await row(person.userId)).toMatchObject({ is_email_verified: false, password_hash: null });
    expect(await isLive(person.token)).toBe(false);
  });

  test('is claimed by its owner afterwards with a reset', async () => {
    const person = await world.person({ verified: false });
    await reject(await tokenIn(person.email, 'email_verification'));
    const url = '/v1/authentication/users/password';
    await world.call('POST', `${url}/reset-request/email`, { body: { email: person.email } });
    expect(await newestPurpose(person.email)).toBe('password_reset');
    const { code } = await world.mail(person.email);
    const body = { email: person.email, verificationCode: code, newPassword };
    expect((await world.call('PUT', url, { body })).statusCode).toBe(200);
    expect(await signInWith(person.email, newPassword)).toBe(201);
  });

  test('is described in every verification mail', async () => {
    const email = `described-${stage.member.userId}@example.com`;
    const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0' };
    const body = { firstName: 'Jon', lastName: 'Doe', email, password };
    const signedUp = await world.call('POST', '/v1/authentication/users', { body, headers });
    const { userId } = signedUp.json<{ userId: string }>();
    const details = /Device: .*Firefox.*\n.*127\.0\.0\.1\nTime: .* UTC/;
    expect((await world.mail(email)).text).toMatch(details);
    const request = { token: stage.machine.token, body: { userId }, headers: { 'user-agent': 'a backend' } };
    await world.call('POST', '/v1/authentication/users/email/verification-request', request);
    expect((await world.mail(email)).text).toMatch(details);
  });
});

describe('links in mails about a claimed account', () => {
  test('the link of a new device ends that session alone and starts a reset', async () => {
    const { person, sessionToken, token } = await onNewDevice();
    expect((await reject(token)).statusCode).toBe(200);
    expect(await isLive(sessionToken)).toBe(false);
    expect(await isLive(person.token)).toBe(true);
    expect(await signInWith(person.email)).toBe(201);
    expect(await newestPurpose(person.email)).toBe('password_reset');
    const events = await world.events();
    expect(
      events.find(({ action, target }) => action === 'user.rejected' && target === `user ${person.userId}`),
    ).toMatchObject({
      changes: ['session'],
    });
  });

  test('the link of a new device ends the sessions that products got with codes of that session, too', async () => {
    const { person, sessionToken, token } = await onNewDevice();
    const copy = await copyOf(sessionToken);
    const copyOfCopy = await copyOf(copy);
    const copyOfOther = await copyOf(person.token);
    expect((await reject(token)).statusCode).toBe(200);
    expect([await isLive(copy), await isLive(copyOfCopy), await isLive(copyOfOther)]).toEqual([false, false, true]);
  });

  test('the link of a new device ends those sessions also after that session has expired', async () => {
    const { sessionToken, token } = await onNewDevice();
    const copy = await copyOf(sessionToken);
    const me = await world.call('GET', '/v1/authentication/users/me', { token: sessionToken });
    const { id } = me.json<{ session: { id: string } }>().session;
    await app.db.query(sql`DELETE FROM sessions WHERE app_id = ${world.appId} AND id = ${id}`);
    expect(await isLive(copy)).toBe(true);
    await reject(token);
    expect(await isLive(copy)).toBe(false);
  });

  test('the link of an identity unlinks it, ends all sessions and starts a reset', async () => {
    const { person } = await linked(stage);
    await linked(stage, person);
    expect((await reject(await tokenIn(person.email, 'identity_linked'))).statusCode).toBe(200);
    expect(await isLive(person.token)).toBe(false);
    const left = await app.db.query(sql`
      SELECT 1 FROM identities WHERE app_id = ${world.appId} AND user_id = ${person.userId}`);
    expect(left).toHaveLength(1);
    expect(await newestPurpose(person.email)).toBe('password_reset');
  });

  test('the link of a password removes it, ends all sessions and starts a reset', async () => {
    const { person, token } = await withChangedPassword();
    expect((await reject(token)).statusCode).toBe(200);
    expect(await isLive(person.token)).toBe(false);
    expect(await signInWith(person.email, newPassword)).toBe(401);
    expect(await newestPurpose(person.email)).toBe('password_reset');
    expect((await row(person.userId))?.is_email_verified).toBe(true);
  });

  test('an old link of a password leaves the one that was set later', async () => {
    const { person, token } = await withChangedPassword();
    const url = `/v1/authentication/users/${person.userId}/password`;
    const later = 'testJohndoe@12AB';
    await world.call('PUT', url, { token: person.token, body: { currentPassword: newPassword, newPassword: later } });
    expect((await reject(token)).statusCode).toBe(200);
    expect(await signInWith(person.email, later)).toBe(201);
  });

  test('every link voids a pending change of address', async () => {
    const { person, token } = await onNewDevice();
    const body = { newEmail: `moved-${person.userId}@example.com`, currentPassword: password };
    await world.call('POST', '/v1/authentication/users/me/email', { token: person.token, body });
    const { code } = await world.mail(body.newEmail);
    await reject(token);
    const change = { token: person.token, body: { verificationCode: code } };
    expect(problem(await world.call('PUT', '/v1/authentication/users/me/email', change))).toBe('400 code_invalid');
  });
});

describe('the page', () => {
  const page = (headers: Record<string, string> = {}) =>
    world.call('GET', `/apps/${world.appName}/not-me`, { app: null, headers });

  test('is of an app', async () => {
    expect(problem(await world.call('GET', '/apps/nobody/not-me', { app: null }))).toBe('404 app_not_found');
    expect(problem(await world.call('GET', '/apps/%00/not-me', { app: null }))).toBe('400 validation_failed');
  });

  test('cannot be stored or framed, and runs only its own script', async () => {
    const { statusCode, headers } = await page();
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'same-origin' });
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(
      /default-src 'none'; script-src 'sha256-[^']+'; connect-src 'self'; style-src 'sha256-[^']+'/,
    );
    expect(policy).toMatch(/frame-ancestors 'none'/);
    expect(policy).not.toMatch(/unsafe|\*/);
  });

  test.each([
    [undefined, 'lang="en" dir="ltr"'],
    ['fr, ar;q=0.8', 'lang="ar" dir="rtl"'],
    ['ar-SA', 'lang="ar" dir="rtl"'],
    ['en-GB,ar', 'lang="en" dir="ltr"'],
  ])('speaks the language of the browser: %s', async (language, expected) => {
    const { body } = await page(language === undefined ? {} : { 'accept-language': language });
    expect(body).toContain(expected);
  });

  test('changes nothing', async () => {
    const before = await world.rows();
    await page();
    expect(await world.rows()).toEqual(before);
  });
});

/** The last test, because it moves the clock. */
test('a link is valid for 30 days', async () => {
  const [early, late] = [await world.person({ verified: false }), await world.person({ verified: false })];
  const tokens = [await tokenIn(early.email, 'email_verification'), await tokenIn(late.email, 'email_verification')];
  app.clock.advance(30 * 24 * 3_600_000 - 1);
  expect((await reject(tokens[0] ?? '')).statusCode).toBe(200);
  app.clock.advance(1);
  expect(problem(await reject(tokens[1] ?? ''))).toBe('400 code_invalid');
});
