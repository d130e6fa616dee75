import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { raw, sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { challengeIn, enrol, finish, nextCode, setPolicy } from '../test/world/factors.ts';
import {
  type Browser,
  browserCookieIn,
  enableSignInCodes,
  requestCode,
  type SentCode,
  sentCode,
  signInByCode,
} from '../test/world/sign-in-codes.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sendSignInCodes } from './send-sign-in-codes.ts';

const users = '/v1/authentication/users';

let app: TestApp;
let world: World;
let counter = 0;
let email: string;

beforeAll(async () => {
  app = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  world = await createWorld(app);
  await enableSignInCodes(world);
});
beforeEach(() => {
  email = `linked-${(counter += 1)}@example.com`;
});
afterAll(() => app?.close());

/** A browser whose network no account has used. */
const anyone = (): Browser => ({ ip: `198.51.${Math.floor(counter / 250)}.${((counter += 1) % 250) + 1}` });
const present = (code: string, browser = anyone()) => signInByCode(world, email, code, browser);
const me = (token: string) => world.call('GET', `${users}/me`, { token });
const count = async (table: 'sessions' | 'codes') => {
  const [row] = await app.db.query<{ n: number }>(
    sql`SELECT count(*)::integer AS n FROM ${raw(table)} WHERE app_id = ${world.appId}`,
  );
  return row?.n;
};
const sessionIn = (response: LightMyRequestResponse) => response.json<{ sessionToken: string }>();

describe('the link', () => {
  let mailed: SentCode;
  beforeEach(async () => {
    await world.person({ email });
    mailed = await sentCode(world, email, anyone());
  });

  it('works in the browser that asked, from any address', async () => {
    const { cookie } = mailed.browser;
    expect(cookie).toMatch(/^sign-in-browser=gh_b_/);
    expect((await present(mailed.longCode, { ...anyone(), cookie })).statusCode).toBe(201);
  });

  it('does not work in another browser, says what to do, and stays valid', async () => {
    const other = await requestCode(world, 'nobody@example.com', anyone());
    const foreign = [undefined, browserCookieIn(other), 'sign-in-browser=gh_b_wrong'];
    for (const cookie of foreign) {
      const response = await present(mailed.longCode, { ...anyone(), ...(cookie !== undefined && { cookie }) });
      expect(problem(response)).toBe('400 code_invalid');
      expect(response.json()).toMatchObject({ detail: expect.stringContaining('Type the short code') });
    }
    expect((await present(mailed.code, { ...anyone(), cookie: String(foreign[1]) })).statusCode).toBe(201);
  });

  it('does not reveal the browser check to anybody without the link', async () => {
    const response = await present('A'.repeat(26));
    expect(response.json()).toMatchObject({ code: 'code_invalid', detail: expect.not.stringContaining('browser') });
  });

  it('works for each request of one browser: two tabs share the cookie', async () => {
    const response = await requestCode(world, email, mailed.browser);
    expect(browserCookieIn(response)).toBe(mailed.browser.cookie);
    expect((await present(mailed.longCode, mailed.browser)).statusCode).toBe(201);
  });

  it('signs in by a POST only: scanners that open the link change nothing', async () => {
    const before = [await count('sessions'), await count('codes')];
    const { cookie } = mailed.browser;
    for (const method of ['GET', 'HEAD', 'OPTIONS'] as const) {
      const url = `${users}/sessions?email=${email}&verificationCode=${mailed.longCode}`;
      expect((await world.call(method, url, { headers: { cookie } })).statusCode).toBeGreaterThanOrEqual(400);
    }
    expect([await count('sessions'), await count('codes')]).toEqual(before);
  });

  it('needs the cookie of this app and host from a browser on https', async () => {
    const secure = await buildTestApp({ env: { TRUST_PROXY: '1', PUBLIC_URL: 'https://id.example.com' } });
    const safe = await createWorld(secure);
    await enableSignInCodes(safe);
    await safe.person({ email });
    const ask = await requestCode(safe, email, anyone());
    await runTask(secure, sendSignInCodes);
    const { url = '' } = await safe.mail(email);
    const longCode = new URL(url).searchParams.get('code') ?? '';
    const cookies = [ask.headers['set-cookie'] ?? []].flat().map(String);
    const own = `__Host-sign-in-browser-${safe.appName}`;
    const named = (name: string) => cookies.find((cookie) => cookie.startsWith(`${name}=`)) ?? '';
    expect(named(own)).toMatch(/; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    const browser = { 'sec-fetch-site': 'same-origin' };
    const from = (name: string) => ({ ...anyone(), cookie: named(name).split(';', 1)[0] ?? '' });
    const refused = await signInByCode(safe, email, longCode, from('sign-in-browser'), browser);
    expect(problem(refused)).toBe('400 code_invalid');
    expect((await signInByCode(safe, email, longCode, from(own), browser)).statusCode).toBe(201);
    await secure.close();
  });

  it('stores neither the code nor the secret of the browser', async () => {
    const [row] = await app.db.query<{ row: string }>(sql`
      SELECT string_agg(c::text, ' ') || (SELECT COALESCE(string_agg(r::text, ' '), '') FROM sign_in_code_requests r)
        AS row FROM codes c WHERE app_id = ${world.appId}`);
    for (const secret of [mailed.code, mailed.longCode, mailed.browser.cookie.split('=')[1] ?? '?']) {
      expect(row?.row).not.toContain(secret);
    }
  });
});

describe('somebody with a second factor', () => {
  it('must enter it, and the code is consumed', async () => {
    const person = await world.person({ email });
    const factor = await enrol(world, person);
    const { code } = await sentCode(world, email, anyone());
    const before = await count('sessions');
    const response = await present(code);
    expect(problem(response)).toBe('403 mfa_required');
    expect(await count('sessions')).toBe(before);
    expect(problem(await present(code))).toBe('400 code_invalid');
    const done = await finish(world, challengeIn(response), { factorId: factor.id, code: nextCode(world, factor) });
    expect((await me(sessionIn(done).sessionToken)).json()).toMatchObject({
      session: { amr: ['email', 'otp', 'mfa'] },
    });
  });

  it('is also asked after a reset in the same hour: two mails are one factor', async () => {
    await enrol(world, await world.person({ email }));
    await world.call('POST', `${users}/password/reset-request/email`, { body: { email } });
    await runTask(app, sendPasswordResets);
    const reset = (await world.mails(email)).find(({ purpose }) => purpose === 'password_reset');
    const body = { email, verificationCode: reset?.code, newPassword: 'Secret@slidezAB' };
    expect((await world.call('PUT', `${users}/password`, { body })).statusCode).toBe(200);
    const { code } = await sentCode(world, email, anyone());
    expect(problem(await present(code))).toBe('403 mfa_required');
  });
});

it('starts a session that can only add a factor, if the app requires one; the code counts as the mailbox', async () => {
  await world.person({ email });
  const { code } = await sentCode(world, email, anyone());
  await setPolicy(world, 'required');
  const { sessionToken: token } = sessionIn(await present(code));
  expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
  await enrol(world, { token });
  expect((await me(token)).statusCode).toBe(200);
  await setPolicy(world, 'optional');
});
