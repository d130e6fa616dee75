import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { raw, sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, faults, password, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from './send-password-resets.ts';

const requestUrl = '/v1/authentication/users/password/reset-request/email';
const url = '/v1/authentication/users/password';
const newPassword = 'Secret@slidezAB';
const hourMs = 3_600_000;
const sent = { message: 'If the account exists, an email has been sent' };

let app: TestApp;
let world: World;
let counter = 0;
let email: string;

beforeAll(async () => {
  app = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  world = await createWorld(app);
});
beforeEach(() => {
  email = `forgetful-${(counter += 1)}@example.com`;
});
afterAll(() => app?.close());

const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
/** Each call comes from a separate address unless it names one, so that limits per address do not matter. */
const anywhere = () => `198.51.${Math.floor(counter / 250)}.${((counter += 1) % 250) + 1}`;
const request = (to: string, extra: object = {}, address = anywhere()) =>
  world.call('POST', requestUrl, { body: { email: to, ...extra }, ...from(address) });
const answer = () => runTask(app, sendPasswordResets);
const resets = async (to: string) => (await world.mails(to)).filter(({ purpose }) => purpose === 'password_reset');
const codes = async (to: string) => (await resets(to)).map(({ code = '' }) => code);
async function codeTo(to: string, address?: string): Promise<string> {
  const before = await codes(to);
  expect((await request(to, {}, address)).json()).toEqual(sent);
  await answer();
  return (await codes(to)).find((code) => !before.includes(code)) ?? 'no code';
}
const reset = (verificationCode: string, changes: object = {}, address = anywhere()) =>
  world.call('PUT', url, { body: { email, verificationCode, newPassword, ...changes }, ...from(address) });
const signIn = async (with_: string, as = email) =>
  (await world.call('POST', '/v1/authentication/users/sessions', { body: { email: as, password: with_ } })).statusCode;
const me = (token: string) => world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', { token });
const setState = (state: string) =>
  app.db.query(sql`UPDATE users SET state = ${state} WHERE app_id = ${world.appId} AND email = ${email}`);
async function invite(orgId: string) {
  const body = { email, firstName: 'Jane', lastName: 'Roe' };
  const invitation = `/v1/authorization/organizations/${orgId}/owners`;
  expect((await world.call('POST', invitation, { token: world.admin.token, body })).statusCode).toBe(201);
}

describe('asking for a reset', () => {
  test.each<[what: string, body: object, answer: string, pointer?: string]>([
    ['without address', { email: undefined }, '400 validation_failed', '/body/email'],
    ['for what is no address', { email: 'nobody' }, '400 validation_failed', '/body/email'],
    ['with an unknown field', { userId: '1' }, '400 validation_failed', '/body/userId'],
    ['with a link that leads elsewhere', { resetUrl: 'https://evil.example/{{code}}' }, '400 redirect_url_not_allowed'],
    ['with a strange placeholder', { resetUrl: 'http://localhost/{{userId}}' }, '400 redirect_url_not_allowed'],
    ['with an overlong link', { resetUrl: `http://localhost/${'x'.repeat(2000)}` }, '400 redirect_url_not_allowed'],
  ])('is refused %s', async (_, body, expected, pointer) => {
    const response = await request('somebody@example.com', body);
    expect(problem(response)).toBe(expected);
    expect(Object.keys(faults(response))).toEqual(pointer === undefined ? [] : [pointer]);
  });

  test('gets the same response for every address by the same single write, without looking up a user', async () => {
    await world.person({ email });
    const strangers = [email, 'nobody@example.com', world.admin.email];
    const answers = await Promise.all(strangers.map((to) => request(to, { orgId: '1' })));
    expect(answers.map((response) => [response.statusCode, response.json()])).toEqual(strangers.map(() => [200, sent]));
    expect(await resets(email)).toEqual([]);
    const [waiting] = await app.db.query(
      sql`SELECT count(*)::integer AS count FROM password_reset_requests WHERE app_id = ${world.appId}`,
    );
    expect(waiting).toEqual({ count: 3 });
    await answer();
    expect(await app.db.query(sql`SELECT 1 FROM password_reset_requests`)).toEqual([]);
    expect(await resets(email)).toHaveLength(1);
    expect(await world.mails('nobody@example.com')).toEqual([]);
  });

  test('sends the code in a link to the stored address, once, regardless of the number of processes', async () => {
    await world.person({ email });
    await request(email.toUpperCase(), { resetUrl: 'http://localhost/reset?code={{code}}&email={{email}}' });
    await Promise.all([answer(), answer(), answer()]);
    const mails = await resets(email);
    expect(mails).toMatchObject([{ to: email, url: expect.stringContaining(`&email=${encodeURIComponent(email)}`) }]);
    expect(mails[0]?.url).toMatch(/^http:\/\/localhost\/reset\?code=[A-Z2-9]{26}&/);
    const told = (await world.events()).filter(({ action }) => action === 'password_reset.requested');
    expect(told.at(-1)).toMatchObject({ actor: 'anonymous ' });
  });

  test('processes each of several requests, even if the planner expects one', async () => {
    const several = [1, 2, 3, 4].map((number) => `forgetful-${number}-of-four@example.com`);
    for (const to of several) await world.person({ email: to });
    await request('nobody@example.com');
    await app.db.query(sql`ANALYZE password_reset_requests`);
    for (const to of several) await request(to);
    await answer();
    expect(await Promise.all(several.map(async (to) => (await resets(to)).length))).toEqual([1, 1, 1, 1]);
  });

  test.each<[what: string, prepare: () => Promise<unknown>, mails: number]>([
    ['an unproven user', () => world.person({ email, verified: false }), 1],
    ['a deactivated user', () => world.person({ email }).then(() => setState('INACTIVE')), 0],
    ['an invited user', async () => invite(await world.organization(await world.person())), 1],
    [
      'an invited user whose invitation has expired',
      async () => {
        await invite(await world.organization(await world.person()));
        await app.db.query(sql`UPDATE invitations SET expires_at = created_at WHERE app_id = ${world.appId}`);
      },
      0,
    ],
    [
      'a user without password',
      () =>
        world
          .person({ email })
          .then(() => app.db.query(sql`UPDATE users SET password_hash = NULL WHERE email = ${email}`)),
      1,
    ],
  ])('a reset is requested by %s', async (_, prepare, mails) => {
    await prepare();
    await request(email);
    await answer();
    expect(await resets(email)).toHaveLength(mails);
  });

  test('is dropped if it is more than an hour old, or of a deactivated app', async () => {
    await world.person({ email });
    await request(email);
    app.clock.advance(hourMs);
    await answer();
    const other = await createWorld(app);
    await other.person({ email });
    await other.call('POST', requestUrl, { body: { email } });
    await other.operate('PATCH', `/v1/platform/apps/${other.appName}`, { status: 'INACTIVE' });
    await answer();
    expect(await resets(email)).toEqual([]);
  });

  test('a request that fails is kept for the next run and does not block others', async () => {
    await world.person({ email });
    const lateEmail = `late-${email}`;
    await world.person({ email: lateEmail });
    await request(email);
    await request(lateEmail);
    const [broken] = await app.db.query<{ id: string }>(sql`SELECT id FROM users WHERE email = ${email}`);
    await app.db.query(sql`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''refused''; END'`);
    await app.db.query(sql`
      CREATE TRIGGER refuse BEFORE INSERT ON codes FOR EACH ROW WHEN (NEW.user_id = ${raw(broken?.id ?? '')})
      EXECUTE FUNCTION refuse()`);
    await expect(answer()).rejects.toThrow('could not be processed');
    expect([await resets(email), await resets(lateEmail)].map((mails) => mails.length)).toEqual([0, 1]);
    await app.db.query(sql`DROP TRIGGER refuse ON codes`);
    await answer();
    expect(await resets(email)).toHaveLength(1);
  });
});

describe('resetting is refused', () => {
  test('every wrong code or address gets the same response, and a row is written each time', async () => {
    await world.person({ email });
    const withoutCode = `codeless-${email}`;
    await world.person({ email: withoutCode });
    const code = await codeTo(email);
    const vain = async () => {
      const [row] = await app.db.query<{ count: number }>(
        sql`SELECT COALESCE(sum(tries), 0)::integer AS count FROM code_tries_in_vain WHERE app_id = ${world.appId}`,
      );
      return row?.count ?? 0;
    };
    const before = await vain();
    const answers = [
      await reset('AAAAAAA'),
      await reset(code, { email: 'nobody@example.com' }),
      await reset(code, { email: withoutCode }),
    ];
    expect(answers.map(problem)).toEqual(Array(3).fill('400 code_invalid'));
    expect(new Set(answers.map((one) => JSON.stringify({ ...one.json<object>(), requestId: '' }))).size).toBe(1);
    expect(await vain()).toBe(before + 2);
    expect([await signIn(newPassword), await signIn(password)]).toEqual([401, 201]);
    const done = await reset(code);
    expect(done.json()).toEqual({ message: 'Password updated' });
    expect(String(done.headers['set-cookie'])).not.toContain('session-token=');
    const [row] = await app.db.query(sql`
      SELECT 1 FROM sessions s JOIN users u ON u.app_id = s.app_id AND u.id = s.user_id WHERE u.email = ${email}`);
    expect(row).toBeUndefined();
  });

  test('a reset with a weak password is refused, and the code stays valid', async () => {
    await world.person({ email });
    const code = await codeTo(email);
    for (const weak of ['short', 'password123', email, 'x'.repeat(129), 'letmein', '12345678']) {
      expect(problem(await reset(code, { newPassword: weak }))).toBe('400 password_too_weak');
    }
    expect((await reset(code)).statusCode).toBe(200);
  });

  test('a reset with the name of the user as password is refused', async () => {
    const body = { email, firstName: 'Bartholomew', lastName: 'Longfellow', password };
    await world.call('POST', '/v1/authentication/users', { body, ...from(anywhere()) });
    expect(problem(await reset(await codeTo(email), { newPassword: 'Bartholomew' }))).toBe('400 password_too_weak');
  });

  test('a reset is refused for a deactivated user', async () => {
    await world.person({ email });
    const code = await codeTo(email);
    await setState('INACTIVE');
    expect(problem(await reset(code))).toBe('403 user_inactive');
  });

  test('a reset is refused after an hour', async () => {
    await world.person({ email });
    const code = await codeTo(email);
    app.clock.advance(hourMs);
    expect(problem(await reset(code))).toBe('400 code_invalid');
  });

  test('a reset with a code that was sent for another purpose is refused', async () => {
    await world.person({ email, verified: false });
    const { code } = await world.mail(email);
    await codeTo(email);
    expect(problem(await reset(code ?? ''))).toBe('400 code_invalid');
  });

  test('a second reset with one code is refused, also concurrently', async () => {
    await world.person({ email });
    const code = await codeTo(email);
    const attempts = Array.from({ length: 8 }, () => reset(code));
    const outcomes = (await Promise.all(attempts)).map(({ statusCode }) => statusCode);
    expect(outcomes.toSorted((a, b) => a - b)).toEqual([200, ...Array(7).fill(400)]);
    expect(problem(await reset(code))).toBe('400 code_invalid');
  });
});

describe('a reset', () => {
  test('ends every session, voids the other codes, notifies the owner', async () => {
    const person = await world.person({ email });
    const [first, second] = [await codeTo(email), await codeTo(email)];
    expect((await reset(first)).statusCode).toBe(200);
    expect((await me(person.token)).statusCode).toBe(401);
    expect([await signIn(password), await signIn(newPassword)]).toEqual([401, 201]);
    expect(problem(await reset(second))).toBe('400 code_invalid');
    expect((await world.mails(email)).map(({ purpose }) => purpose)).toContain('password_reset_done');
    expect((await world.events()).findLast(({ action }) => action === 'user.password_reset')).toMatchObject({
      actor: `user ${person.userId}`,
      target: `user ${person.userId}`,
    });
  });

  test('sets a password for a user without one', async () => {
    await world.person({ email });
    await app.db.query(sql`UPDATE users SET password_hash = NULL WHERE app_id = ${world.appId} AND email = ${email}`);
    expect((await reset(await codeTo(email))).statusCode).toBe(200);
    expect(await signIn(newPassword)).toBe(201);
  });

  test('a reset of a claimed account keeps its data and leaves invitations pending', async () => {
    const person = await world.person({ email, verified: false });
    const { code: verificationCode } = await world.mail(email);
    await invite(await world.organization(await world.person()));
    const proof = { userId: person.userId, verificationCode };
    await world.call('POST', '/v1/authentication/users/email/verification', { token: person.token, body: proof });
    const update = { phoneNumber: '+4915112345678', metadata: { plan: 'pro' } };
    await world.call('PUT', `/v1/authentication/users/${person.userId}`, { token: person.token, body: update });
    expect((await reset(await codeTo(email))).statusCode).toBe(200);
    const at = `/v1/authentication/users/${person.userId}?includeMetadata=true`;
    expect((await world.call('GET', at, { token: world.admin.token })).json()).toMatchObject(update);
    const invitations = sql`
      SELECT status FROM invitations WHERE app_id = ${world.appId} AND user_id = ${person.userId}`;
    expect(await app.db.query(invitations)).toEqual([{ status: 'pending' }]);
  });

  test('verifies the address of an account that a stranger may have created, who loses it', async () => {
    const squatter = await world.person({ email, verified: false });
    const { code: verificationCode } = await world.mail(email);
    const update = { phoneNumber: '+4915112345678', metadata: { plan: 'pro' } };
    await world.call('PUT', `/v1/authentication/users/${squatter.userId}`, { token: squatter.token, body: update });
    const orgId = await world.organization(await world.person());
    await invite(orgId);
    expect((await reset(await codeTo(email))).statusCode).toBe(200);
    expect((await me(squatter.token)).statusCode).toBe(401);
    const owner = await world.call('POST', '/v1/authentication/users/sessions', {
      body: { email, password: newPassword },
    });
    const { sessionToken: token } = owner.json<{ sessionToken: string }>();
    expect((await me(token)).json()).toMatchObject({
      isEmailVerified: true,
      phoneNumber: null,
      organizations: [{ id: orgId, managerRoles: ['ORG_OWNER'] }],
    });
    const body = { userId: squatter.userId, verificationCode };
    const late = await world.call('POST', '/v1/authentication/users/email/verification', { token, body });
    expect(problem(late)).toBe('400 code_invalid');
    expect((await world.events()).findLast(({ action }) => action === 'invitation.accepted')).toMatchObject({
      changes: ['managerRoles.ORG_OWNER'],
    });
  });

  test('lets an invited user sign in who lost the invitation mail', async () => {
    const orgId = await world.organization(await world.person());
    await invite(orgId);
    expect((await reset(await codeTo(email))).statusCode).toBe(200);
    const session = await world.call('POST', '/v1/authentication/users/sessions', {
      body: { email, password: newPassword },
    });
    const { sessionToken } = session.json<{ sessionToken: string }>();
    expect((await me(sessionToken)).json()).toMatchObject({ organizations: [{ id: orgId }], isEmailVerified: true });
  });
});

describe('a stranger who knows the address', () => {
  const guess = (times: number, address: (index: number) => string) =>
    Promise.all(Array.from({ length: times }, (_, index) => reset('AAAAAAA', {}, address(index))));

  test('cannot invalidate the code that the owner requested, and causes at most three mails at a time', async () => {
    await world.person({ email });
    const code = await codeTo(email);
    for (let index = 0; index < 10; index += 1) await request(email);
    await answer();
    expect(await resets(email)).toHaveLength(3);
    expect((await reset(code)).statusCode).toBe(200);
  });

  test('gets 5 attempts for each code with 50 requests from one address; the owner keeps theirs', async () => {
    await world.person({ email });
    const code = await codeTo(email);
    await guess(50, () => '203.0.113.9');
    expect(problem(await reset(code, {}, '203.0.113.9'))).toBe('400 code_invalid');
    const [counted] = await app.db.query(sql`
      SELECT c.tries FROM codes c JOIN users u ON u.app_id = c.app_id AND u.id = c.user_id
      WHERE u.email = ${email} AND c.purpose = 'password_reset'`);
    expect(counted).toEqual({ tries: 5 });
    expect((await reset(code, {}, '192.0.2.1')).statusCode).toBe(200);
  });

  test('gets 45 attempts in all from everywhere; the last 5 are for the address that requested the code', async () => {
    await world.person({ email });
    const code = await codeTo(email, '192.0.2.77');
    await guess(70, (index) => `203.0.113.${index}`);
    expect(problem(await reset(code, {}, '203.0.113.200'))).toBe('400 code_invalid');
    await guess(4, () => '192.0.2.77');
    expect((await reset(code, {}, '192.0.2.77')).statusCode).toBe(200);
  });

  test('cannot replace the code that the owner requested by exhausting it and requesting again', async () => {
    await world.person({ email });
    const code = await codeTo(email, '192.0.2.79');
    await guess(45, (index) => `203.0.113.${index}`);
    for (let index = 0; index < 3; index += 1) await codeTo(email, '203.0.113.100');
    expect((await reset(code, {}, '192.0.2.79')).statusCode).toBe(200);
  });

  test('a stranger who exhausts a code does not prevent the owner from getting another', async () => {
    await world.person({ email });
    for (let index = 0; index < 3; index += 1) await codeTo(email);
    await guess(60, (index) => `203.0.113.${index}`);
    const code = await codeTo(email, '192.0.2.78');
    expect((await reset(code, {}, '192.0.2.78')).statusCode).toBe(200);
  });
});
