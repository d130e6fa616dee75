import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { recordingDb, type RecordingDb } from '../test/recording-db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import {
  type Browser,
  codeRequestUrl,
  enableSignInCodes,
  requestCode,
  type SentCode,
  sentCode,
  signInByCode,
} from '../test/world/sign-in-codes.ts';
import { createWorld, faults, password, type Person, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sendSignInCodes } from './send-sign-in-codes.ts';

const users = '/v1/authentication/users';
const minuteMs = 60_000;
const sent = { message: 'If the account exists, an email has been sent' };

let db: RecordingDb;
let app: TestApp;
let world: World;
let counter = 0;
let email: string;

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db, env: { TRUST_PROXY: '1' } });
  world = await createWorld(app);
  await enableSignInCodes(world);
});
beforeEach(() => {
  email = `wordless-${(counter += 1)}@example.com`;
});
afterAll(() => app?.close());

/** A browser whose network no account has used. */
const anyone = (): Browser => ({ ip: `198.51.${Math.floor(counter / 250)}.${((counter += 1) % 250) + 1}` });
const answer = () => runTask(app, sendSignInCodes);
const codeMails = async (to = email) => (await world.mails(to)).filter(({ purpose }) => purpose === 'sign_in_code');
const present = (code: string, browser = anyone(), as = email) => signInByCode(world, as, code, browser);
const me = (token: string) => world.call('GET', `${users}/me?includeOrganizations=true`, { token });
const countSessions = async () => {
  const [row] = await app.db.query<{ n: number }>(
    sql`SELECT count(*)::integer AS n FROM sessions WHERE app_id = ${world.appId}`,
  );
  return row?.n ?? 0;
};
const sessionIn = (response: LightMyRequestResponse) =>
  response.json<{ sessionId: string; sessionToken: string; userId: string }>();
const setState = (state: string) =>
  app.db.query(sql`UPDATE users SET state = ${state} WHERE app_id = ${world.appId} AND email = ${email}`);

/** An organization, and an address that is invited to it. */
async function invite(): Promise<string> {
  const orgId = await world.organization(await world.person());
  const body = { email, firstName: 'Jane', lastName: 'Roe' };
  const url = `/v1/authorization/organizations/${orgId}/owners`;
  expect((await world.call('POST', url, { token: world.admin.token, body })).statusCode).toBe(201);
  return orgId;
}

describe('a request for a code', () => {
  test.each<[what: string, body: object, answer: string, pointer?: string]>([
    ['without address', { email: undefined }, '400 validation_failed', '/body/email'],
    ['for what is no address', { email: 'nobody' }, '400 validation_failed', '/body/email'],
    ['with an unknown field', { userId: '1' }, '400 validation_failed', '/body/userId'],
    [
      'with a link that leads elsewhere',
      { signInUrl: 'https://evil.example/{{code}}' },
      '400 redirect_url_not_allowed',
    ],
    ['with a strange placeholder', { signInUrl: 'http://localhost/{{userId}}' }, '400 redirect_url_not_allowed'],
  ])('is refused %s', async (_, body, expected, pointer) => {
    const response = await requestCode(world, email, anyone(), body);
    expect(problem(response)).toBe(expected);
    expect(Object.keys(faults(response))).toEqual(pointer === undefined ? [] : [pointer]);
  });

  it('is refused from a foreign page, because it sets a cookie', async () => {
    const headers = { origin: 'https://evil.example' };
    const response = await world.call('POST', codeRequestUrl, { body: { email }, headers });
    expect(problem(response)).toBe('403 origin_not_allowed');
  });

  it('gets the same response for every address, by the same statements', async () => {
    const [active, inactive] = [email, `inactive-${email}`];
    await world.person({ email: active });
    await world.person({ email: inactive });
    await app.db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE email = ${inactive}`);
    email = `invited-${active}`;
    await invite();
    const addresses = [active, inactive, email, 'nobody@example.com', world.admin.email];
    const asked: unknown[] = [];
    for (const to of addresses) {
      db.take();
      const response = await requestCode(world, to, anyone());
      const { date: _, 'x-request-id': __, 'set-cookie': cookie, ...headers } = response.headers;
      const bound = String(cookie).replace(/gh_b_[\w-]{43}/, 'secret');
      asked.push([response.statusCode, response.json(), headers, bound, db.take()]);
    }
    expect(asked.map((one) => JSON.stringify(one))).toEqual(addresses.map(() => JSON.stringify(asked[0])));
    expect(asked[0]).toMatchObject([200, sent, {}, expect.stringContaining('HttpOnly'), expect.any(Array)]);
  });

  it('sends a code and a link to an active user, once, with the circumstances', async () => {
    await world.person({ email });
    const browser = anyone();
    await requestCode(world, email.toUpperCase(), browser);
    await Promise.all([answer(), answer(), answer()]);
    const [mail, ...others] = await codeMails();
    expect(others).toEqual([]);
    expect(mail).toMatchObject({
      to: email,
      code: expect.stringMatching(/^[A-Z2-9]{7}$/),
      url: expect.stringMatching(/^http:\/\/localhost\/sign-in\?code=[A-Z2-9]{26}$/),
    });
    expect(mail?.text).toContain(browser.ip);
    expect(await world.events()).toContainEqual(
      expect.objectContaining({ action: 'sign_in_code.requested', actor: 'anonymous ' }),
    );
  });

  it('sends an invited user the invitation again, without voiding the code of the first mail', async () => {
    const orgId = await invite();
    const [first] = await world.mails(email);
    for (let request = 0; request < 12; request += 1) {
      await requestCode(world, email, anyone());
      await answer();
    }
    const mails = await world.mails(email);
    expect(mails.map(({ purpose }) => purpose)).toEqual(['invitation', 'invitation', 'invitation', 'invitation']);
    expect(await codeMails()).toEqual([]);
    const resent = await app.db.query(sql`
      SELECT ip, user_agent FROM audit_events WHERE app_id = ${world.appId} AND org_id = ${orgId}
        AND action = 'invitation.resent'`);
    expect(resent).toEqual([1, 2, 3].map(() => ({ ip: null, user_agent: null })));
    const body = { orgId, email, verificationCode: first?.code, newPassword: password };
    expect((await world.call('PUT', `${users}/invite`, { body })).statusCode).toBe(200);
  });

  it('sends an invited super admin that invitation again', async () => {
    const { token } = world.admin;
    await world.call('POST', '/v1/authorization/super-admins', { token, body: { email } });
    await requestCode(world, email, anyone());
    await answer();
    const mails = await world.mails(email);
    expect(mails.map(({ purpose }) => purpose)).toEqual(['super_admin_invited', 'super_admin_invited']);
    const body = { email, verificationCode: mails[0]?.code, newPassword: password };
    expect((await world.call('PUT', `${users}/password`, { body })).statusCode).toBe(200);
  });

  test.each<[who: string, prepare: () => Promise<unknown>]>([
    ['an unknown address', () => Promise.resolve()],
    ['a deactivated user', () => world.person({ email }).then(() => setState('INACTIVE'))],
    [
      'an invited user whose invitation has expired',
      async () => {
        await invite();
        await app.db.query(sql`UPDATE invitations SET expires_at = created_at WHERE email = ${email}`);
      },
    ],
    [
      'a request that has waited for ten minutes',
      async () => {
        await world.person({ email });
        await requestCode(world, email, anyone());
        app.clock.advance(10 * minuteMs);
      },
    ],
    [
      'an app that has disabled codes in the meantime',
      async () => {
        await world.person({ email });
        await requestCode(world, email, anyone());
        await app.db.query(sql`UPDATE apps SET settings = settings - 'signInMethods' WHERE id = ${world.appId}`);
        await answer();
        await enableSignInCodes(world);
      },
    ],
  ])('sends nothing to %s', async (_, prepare) => {
    await prepare();
    const before = (await world.mails(email)).length;
    if (!_.includes('app') && !_.includes('waited')) await requestCode(world, email, anyone());
    await answer();
    expect(await world.mails(email)).toHaveLength(before);
  });

  it('sends a stranger three mails while their codes are valid, and still sends the owner one', async () => {
    await world.person({ email });
    const home: Browser = { ip: '203.0.113.9' };
    await app.db.query(sql`
      UPDATE sessions SET ip = ${home.ip} WHERE app_id = ${world.appId}
        AND user_id = (SELECT id FROM users WHERE app_id = ${world.appId} AND email = ${email})`);
    for (let request = 0; request < 5; request += 1) await sentCode(world, email, anyone());
    expect(await codeMails()).toHaveLength(3);
    const { code } = await sentCode(world, email, home);
    expect(await codeMails()).toHaveLength(4);
    expect((await present(code, home)).statusCode).toBe(201);
  });

  it('is limited per mailbox, with a reserve for networks that the account has used', async () => {
    const strict = await createWorld(app, { settings: { limits: { codeRequestsPerAccountPerHour: 2 } } });
    await enableSignInCodes(strict);
    const home: Browser = { ip: '203.0.113.10' };
    await strict.person({ email });
    await app.db.query(sql`UPDATE sessions SET ip = ${home.ip} WHERE app_id = ${strict.appId}`);
    await app.db.query(sql`
      UPDATE apps SET settings = jsonb_set(settings, '{limits,reservedCodeMailsPerAccountPerHour}', '1')
      WHERE id = ${strict.appId}`);
    const ask = async (to: string, browser: Browser) => {
      await requestCode(strict, to, browser);
      await answer();
      return (await strict.mails(email)).filter(({ purpose }) => purpose === 'sign_in_code').length;
    };
    const plus = email.replace('@', '+tag@');
    await strict.person({ email: plus });
    const amounts = [await ask(email, anyone()), await ask(email, anyone())];
    amounts.push(await ask(email, anyone()), await ask(email, home), await ask(email, home));
    expect(amounts).toEqual([1, 2, 2, 3, 3]);
    await ask(plus, anyone());
    expect((await strict.mails(plus)).filter(({ purpose }) => purpose === 'sign_in_code')).toEqual([]);
    // Resets have a separate quota.
    await strict.call('POST', `${users}/password/reset-request/email`, { body: { email } });
    await runTask(app, sendPasswordResets);
    expect((await strict.mails(email)).some(({ purpose }) => purpose === 'password_reset')).toBe(true);
  });

  it('is limited per client address', async () => {
    const strict = await createWorld(app, { settings: { limits: { codeRequestsPerAddressPerHour: 2 } } });
    await enableSignInCodes(strict);
    const browser = anyone();
    const answers = [];
    for (const to of ['a@example.com', 'b@example.com', 'c@example.com']) {
      answers.push((await requestCode(strict, to, browser)).statusCode);
    }
    expect(answers).toEqual([200, 200, 429]);
  });
});

describe('a code', () => {
  let person: Person;
  let mailed: SentCode;
  beforeEach(async () => {
    person = await world.person({ email });
    mailed = await sentCode(world, email, anyone());
  });

  it('starts a session with the documented response, once', async () => {
    const response = await present(mailed.code);
    expect(response.statusCode).toBe(201);
    expect(Object.keys(response.json())).toEqual(['sessionId', 'sessionToken', 'userId']);
    expect(String(response.headers['set-cookie'])).toContain('session-token=');
    const { sessionToken, userId } = sessionIn(response);
    expect(userId).toBe(person.userId);
    expect((await me(sessionToken)).json()).toMatchObject({ email, session: { amr: ['email'] } });
    expect(problem(await present(mailed.code))).toBe('400 code_invalid');
  });

  it('starts one session if it is presented several times at once', async () => {
    const before = await countSessions();
    const answers = await Promise.all([1, 2, 3, 4].map(() => present(mailed.code)));
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([201, 400, 400, 400]);
    expect(await countSessions()).toBe(before + 1);
  });

  it('leaves other sessions, the password and personal data unchanged', async () => {
    expect((await present(mailed.code)).statusCode).toBe(201);
    expect((await me(person.token)).statusCode).toBe(200);
    expect((await world.signIn(email)).userId).toBe(person.userId);
  });

  it('renews the session whose cookie the browser has', async () => {
    const cookie = `session-token=${person.token}`;
    const response = await present(mailed.code, { ...anyone(), cookie });
    expect(sessionIn(response).sessionId).toBe(person.sessionId);
    expect((await me(person.token)).statusCode).toBe(401);
  });

  test.each<[what: string, body: object]>([
    ['with a password, too', { password }],
    ['without either', { verificationCode: undefined }],
    ['with null for both', { verificationCode: null, password: null }],
    ['with an unknown field', { userId: '1' }],
  ])('is refused %s', async (_, body) => {
    const response = await world.call('POST', `${users}/sessions`, {
      body: { email, verificationCode: mailed.code, ...body },
    });
    expect(problem(response)).toBe('400 validation_failed');
    expect((await present(mailed.code)).statusCode).toBe(201);
  });

  it('is refused if it is another user’s, another app’s or of another purpose, by the same statements', async () => {
    const victim = await world.person({ email: `other-${email}` });
    const elsewhere = await createWorld(app);
    await enableSignInCodes(elsewhere);
    await elsewhere.person({ email });
    await world.call('POST', `${users}/password/reset-request/email`, { body: { email } });
    await runTask(app, sendPasswordResets);
    const reset = (await world.mails(email)).find(({ purpose }) => purpose === 'password_reset');
    const refused = async (attempt: () => Promise<LightMyRequestResponse>) => {
      db.take();
      const response = await attempt();
      return [problem(response), db.take()] as const;
    };
    const outcomes = [
      await refused(() => present(reset?.code ?? '')),
      await refused(() => present(mailed.code, anyone(), victim.email)),
      await refused(() => present(mailed.code, anyone(), 'nobody@example.com')),
      await refused(() => signInByCode(elsewhere, email, mailed.code, anyone())),
      await refused(() => present('AAAAAAA')),
      await refused(() => present('A'.repeat(30))),
    ];
    expect(outcomes.map(([code]) => code)).toEqual(outcomes.map(() => '400 code_invalid'));
    const [[, expected]] = outcomes as [(typeof outcomes)[0]];
    // The last statement writes the security event.
    for (const [, statements] of outcomes) {
      expect(statements).toHaveLength(expected.length);
      expect(statements.slice(0, -1)).toEqual(expected.slice(0, -1));
    }
    // The code is also invalid as the code of a reset.
    const body = { email, verificationCode: mailed.code, newPassword: 'Secret@slidezAB' };
    expect(problem(await world.call('PUT', `${users}/password`, { body }))).toBe('400 code_invalid');
    expect((await present(mailed.code)).statusCode).toBe(201);
  });

  it('is valid for ten minutes', async () => {
    app.clock.advance(10 * minuteMs - 1000);
    const late = await sentCode(world, email, anyone());
    app.clock.advance(1000);
    expect(problem(await present(mailed.code))).toBe('400 code_invalid');
    expect((await present(late.code)).statusCode).toBe(201);
  });

  it('may be one of the newest three, each of which voids the others when it is used', async () => {
    const [second, third] = [await sentCode(world, email, anyone()), await sentCode(world, email, anyone())];
    expect((await present(second.code)).statusCode).toBe(201);
    for (const { code, longCode, browser } of [mailed, third]) {
      expect(problem(await present(code))).toBe('400 code_invalid');
      expect(problem(await present(longCode, browser))).toBe('400 code_invalid');
    }
  });

  it('survives the attempts and requests of a stranger', async () => {
    const stranger = anyone();
    for (let attempt = 0; attempt < 8; attempt += 1) await present('AAAAAAA', stranger);
    for (let request = 0; request < 5; request += 1) await requestCode(world, email, stranger);
    await answer();
    expect(problem(await present(mailed.code, stranger))).toBe('400 code_invalid');
    expect((await present(mailed.code, mailed.browser)).statusCode).toBe(201);
  });

  it('is exhausted after many attempts, except for the browser that requested it', async () => {
    for (let attempt = 0; attempt < 50; attempt += 1) await present('AAAAAAA');
    expect(problem(await present(mailed.code))).toBe('400 code_invalid');
    expect((await present(mailed.code, mailed.browser)).statusCode).toBe(201);
  });

  test.each<[what: string, change: () => Promise<LightMyRequestResponse>]>([
    [
      'the password changes',
      () =>
        world.call('PUT', `${users}/${person.userId}/password`, {
          token: person.token,
          body: { currentPassword: password, newPassword: 'Secret@slidezAB' },
        }),
    ],
    [
      'the user is deactivated',
      () => world.call('POST', `/v1/authorization/users/${person.userId}/deactivate`, { token: world.admin.token }),
    ],
  ])('is void after %s', async (_, change) => {
    expect((await change()).statusCode).toBeLessThan(300);
    expect(problem(await present(mailed.code))).toBe('400 code_invalid');
  });

  it('is void after a change of address', async () => {
    const newEmail = `new-${email}`;
    const { token } = person;
    await world.call('POST', `${users}/me/email`, { token, body: { newEmail, currentPassword: password } });
    const { code: verificationCode } = await world.mail(newEmail);
    const changed = await world.call('PUT', `${users}/me/email`, { token, body: { verificationCode } });
    expect(changed.statusCode).toBe(200);
    for (const as of [email, newEmail])
      expect(problem(await present(mailed.code, anyone(), as))).toBe('400 code_invalid');
  });

  it('is refused with its own error if the user was deactivated a moment ago', async () => {
    await setState('INACTIVE');
    expect(problem(await present(mailed.code))).toBe('403 user_inactive');
    expect(problem(await present('AAAAAAA'))).toBe('400 code_invalid');
  });

  it('is refused in an app that is deactivated', async () => {
    await app.db.query(sql`UPDATE apps SET status = 'INACTIVE' WHERE id = ${world.appId}`);
    const response = await present(mailed.code);
    await app.db.query(sql`UPDATE apps SET status = 'ACTIVE' WHERE id = ${world.appId}`);
    expect(problem(response)).toBe('403 app_inactive');
  });

  it('is refused from a foreign page', async () => {
    const response = await signInByCode(world, email, mailed.code, anyone(), { origin: 'https://evil.example' });
    expect(problem(response)).toBe('403 origin_not_allowed');
  });

  it('makes the device known, and the owner gets a mail about a new one', async () => {
    const notices = async () => (await world.mails(email)).filter(({ purpose }) => purpose === 'new_device').length;
    const before = await notices();
    const first = await present(mailed.code);
    expect(await notices()).toBe(before + 1);
    const { code, browser } = await sentCode(world, email, anyone());
    const headers = { 'x-device-token': String(first.headers['x-device-token']) };
    expect((await signInByCode(world, email, code, browser, headers)).statusCode).toBe(201);
    expect(await notices()).toBe(before + 1);
  });

  it('is written to the audit, and a wrong one as a security event', async () => {
    await present('AAAAAAA');
    const { sessionId } = sessionIn(await present(mailed.code));
    const events = await world.events();
    expect(events).toContainEqual(
      expect.objectContaining({
        action: 'session.created',
        target: `session ${sessionId}`,
        actor: `user ${person.userId}`,
      }),
    );
    expect(await world.securityEvents()).toContainEqual(
      expect.objectContaining({ action: 'code.failed', target: `user ${person.userId}` }),
    );
  });
});
