import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { sendPasswordResets } from './send-password-resets.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const url = '/v1/authentication/users/email/verification';
const hourMs = 3_600_000;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

interface Unverified extends Person {
  readonly code: string;
  readonly mailedToken: string;
}

/** Sends a new mail to an unverified person. @returns its code and its token */
async function remail(person: Person): Promise<Unverified> {
  const body = { userId: person.userId, verificationUrl: 'http://localhost/?t={{sessionToken}}' };
  expect((await world.call('POST', `${url}-request`, { token: person.token, body })).statusCode).toBe(200);
  const mail = await world.mail(person.email);
  const mailedToken = new URL(mail.url ?? '').searchParams.get('t') ?? '';
  return { ...person, code: mail.code ?? '', mailedToken };
}
const unverified = async () => remail(await world.person({ verified: false }));

const present = (token: string, userId: string, verificationCode: string) =>
  world.call('POST', url, { token, body: { userId, verificationCode } });

async function isVerified({ token }: Person): Promise<boolean> {
  const me = await world.call('GET', '/v1/authentication/users/me', { token });
  return me.json<{ isEmailVerified: boolean }>().isEmailVerified;
}

describe('asking for a verification mail', () => {
  const request = (token: string | undefined, userId: string) =>
    world.call('POST', `${url}-request`, { token, body: { userId } });

  test('is refused to every other user', async () => {
    const person = await unverified();
    const stranger = await world.person();
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const member = await world.member(orgId);
    const before = await world.rows();
    expect(problem(await request(undefined, person.userId))).toBe('401 unauthenticated');
    expect(problem(await request(person.mailedToken, person.userId))).toBe('401 unauthenticated');
    expect(problem(await request(stranger.token, person.userId))).toBe('404 user_not_found');
    expect(problem(await request(owner.token, member.userId))).toBe('403 access_denied');
    expect(problem(await request(world.admin.token, person.userId))).toBe('403 access_denied');
    expect(problem(await request((await world.machine()).token, '1'))).toBe('404 user_not_found');
    expect((await world.rows())['mails']).toBe(before['mails']);
  });

  test('is refused once the address is verified', async () => {
    const person = await world.person();
    expect(problem(await request(person.token, person.userId))).toBe('409 email_already_verified');
    const machine = await world.machine();
    expect(problem(await request(machine.token, person.userId))).toBe('409 email_already_verified');
  });

  test('is refused with an unknown field or a malformed id', async () => {
    const { token, userId } = await unverified();
    for (const body of [{ userId, email: 'eve@example.com' }, { userId: 'me' }, { userId: Number(userId) }, {}]) {
      expect(problem(await world.call('POST', `${url}-request`, { token, body }))).toBe('400 validation_failed');
    }
  });

  test('is limited for each mailbox under concurrent calls, and does not affect password resets', async () => {
    const limits = { codeRequestsPerAccountPerHour: 3 };
    const few = await createWorld(app, { settings: { limits } });
    const [person, other] = [await few.person({ verified: false }), await few.person({ verified: false })];
    const { token } = await few.machine();
    const ask = (as: string, userId: string) => few.call('POST', `${url}-request`, { token: as, body: { userId } });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => ask(index % 2 ? token : person.token, person.userId)),
    );
    const sent = answers.filter(({ statusCode }) => statusCode === 200);
    // The mail of the sign-up is charged to the quota of mails that other people cause.
    expect([sent.length, answers.length]).toEqual([3, 10]);
    const refused = await ask(person.token, person.userId);
    expect([problem(refused), refused.headers['retry-after']]).toEqual(['429 rate_limited', '1200']);
    expect((await few.mails(person.email)).length).toBe(4);
    expect((await ask(other.token, other.userId)).statusCode).toBe(200);
    const reset = '/v1/authentication/users/password/reset-request/email';
    await few.call('POST', reset, { body: { email: person.email } });
    await sendPasswordResets.run(app.services, new AbortController().signal);
    expect(await few.mail(person.email)).toMatchObject({ purpose: 'password_reset' });
  });

  test('is limited for each client address of people, not for backends', async () => {
    const few = await createWorld(app, { settings: { limits: { codeRequestsPerAddressPerHour: 2 } } });
    const people = [];
    for (let index = 0; index < 3; index += 1) people.push(await few.person({ verified: false }));
    const { token: machine } = await few.machine();
    const ask = (token: string, userId: string) => few.call('POST', `${url}-request`, { token, body: { userId } });
    const answers = [];
    for (const { token, userId } of people) answers.push((await ask(token, userId)).statusCode);
    for (const { userId } of people) answers.push((await ask(machine, userId)).statusCode);
    expect(answers).toEqual([200, 200, 429, 200, 200, 200]);
  });

  test('is for the person and for machines', async () => {
    const person = await unverified();
    const machine = await world.machine();
    for (const token of [person.token, machine.token]) {
      const sent = (await world.mails(person.email)).length;
      const response = await request(token, person.userId);
      expect(response.json()).toEqual({ message: 'Verification email sent' });
      expect(response.statusCode).toBe(200);
      expect(await world.mails(person.email)).toHaveLength(sent + 1);
    }
  });
});

describe('a code is invalid', () => {
  test('a wrong code is invalid', async () => {
    const person = await unverified();
    for (const wrong of ['AAAAAAA', person.code.slice(1), `${person.code}A`, ' ', '0']) {
      expect(problem(await present(person.token, person.userId, wrong))).toBe('400 code_invalid');
    }
    expect(await isVerified(person)).toBe(false);
  });

  test('a code of another user, another app or an invitation is invalid', async () => {
    const [person, other] = [await unverified(), await unverified()];
    const elsewhere = await createWorld(app);
    const foreign = await elsewhere.person({ verified: false });
    const { code: foreignCode = '' } = await elsewhere.mail(foreign.email);
    const orgId = await world.organization(person);
    const invitation = await world.mail(person.email);
    expect(invitation).toMatchObject({ purpose: 'invitation' });
    expect(orgId).toMatch(/^\d+$/);
    for (const code of [other.code, foreignCode, invitation.code ?? '']) {
      expect(problem(await present(person.token, person.userId, code))).toBe('400 code_invalid');
    }
    expect(await isVerified(person)).toBe(false);
  });

  test('a code is invalid when a newer one was sent', async () => {
    const old = await unverified();
    const renewed = await remail(old);
    expect(problem(await present(old.token, old.userId, old.code))).toBe('400 code_invalid');
    expect((await present(renewed.token, renewed.userId, renewed.code)).statusCode).toBe(200);
  });

  test('a code is invalid after its use', async () => {
    const person = await unverified();
    expect((await present(person.token, person.userId, person.code)).statusCode).toBe(200);
    expect(problem(await present(person.token, person.userId, person.code))).toBe('400 code_invalid');
  });

  test('a code is invalid after 24 hours, and so is its token', async () => {
    const inTime = await unverified();
    const late = await unverified();
    app.clock.advance(24 * hourMs - 1000);
    expect((await present(inTime.token, inTime.userId, inTime.code)).statusCode).toBe(200);
    app.clock.advance(1000);
    expect(problem(await present(late.mailedToken, late.userId, late.code))).toBe('401 unauthenticated');
    expect(problem(await present(late.token, late.userId, late.code))).toBe('400 code_invalid');
  });

  test('an invalid code gets the same response for every reason', async () => {
    const person = await unverified();
    const used = await unverified();
    await present(used.token, used.userId, used.code);
    const answer = async (of: Unverified, code: string) => {
      const response = await present(of.token, of.userId, code);
      return { ...response.json<object>(), requestId: '' };
    };
    expect(await answer(used, used.code)).toEqual(await answer(person, 'AAAAAAA'));
  });
});

describe('verifying', () => {
  test.each<[what: string, typed: (code: string) => string]>([
    ['as it was sent', (code) => code],
    ['in lower case', (code) => code.toLowerCase()],
    ['with white space around', (code) => ` \t${code}\n`],
  ])('works with the code %s', async (_, typed) => {
    const person = await unverified();
    const response = await present(person.token, person.userId, typed(person.code));
    expect(response.json()).toEqual({ message: 'Email verified' });
    expect(response.statusCode).toBe(200);
    expect(await isVerified(person)).toBe(true);
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'user.email_verified',
      actor: `user ${person.userId}`,
      target: `user ${person.userId}`,
    });
  });

  test('keeps password and session', async () => {
    const person = await unverified();
    await present(person.token, person.userId, person.code);
    expect(await isVerified(await world.signIn(person.email))).toBe(true);
    expect(await isVerified(person)).toBe(true);
  });

  test('is refused for the session of another user, even of a super admin or a machine user', async () => {
    const person = await unverified();
    const stranger = await unverified();
    const verify = async (token: string | undefined) =>
      problem(await world.call('POST', url, { token, body: { userId: person.userId, verificationCode: person.code } }));
    expect(await verify(undefined)).toBe('401 unauthenticated');
    expect(await verify(stranger.token)).toBe('404 user_not_found');
    expect(await verify(stranger.mailedToken)).toBe('404 user_not_found');
    expect(await verify(world.admin.token)).toBe('403 access_denied');
    expect(await verify((await world.machine()).token)).toBe('403 access_denied');
    expect(await isVerified(person)).toBe(false);
  });
});

describe('the mailed token', () => {
  test('verifies its own address with the code', async () => {
    const person = await unverified();
    const response = await present(person.mailedToken, person.userId, person.code);
    expect(response.statusCode).toBe(200);
    expect(await isVerified(person)).toBe(true);
  });

  test('the mailed token does not replace the code', async () => {
    const person = await unverified();
    expect(problem(await present(person.mailedToken, person.userId, 'AAAAAAA'))).toBe('400 code_invalid');
  });

  test('ends with the code, when it is used or replaced', async () => {
    const used = await unverified();
    await present(used.token, used.userId, used.code);
    expect(problem(await present(used.mailedToken, used.userId, used.code))).toBe('401 unauthenticated');
    const old = await unverified();
    const renewed = await remail(old);
    expect(problem(await present(old.mailedToken, old.userId, renewed.code))).toBe('401 unauthenticated');
  });

  test('is neither a credential of another app nor a cookie', async () => {
    const person = await unverified();
    const { appName } = await createWorld(app);
    const body = { userId: person.userId, verificationCode: person.code };
    expect(problem(await world.call('POST', url, { app: appName, token: person.mailedToken, body }))).toBe(
      '401 unauthenticated',
    );
    const asCookie = { headers: { cookie: `session-token=${person.mailedToken}` }, body };
    expect(problem(await world.call('POST', url, asCookie))).toBe('401 unauthenticated');
    const me = { headers: { cookie: `session-token=${person.mailedToken}` } };
    expect(problem(await world.call('GET', '/v1/authentication/users/me', me))).toBe('401 unauthenticated');
  });

  test.each<['GET' | 'PUT' | 'DELETE' | 'POST', string]>([
    ['GET', '/v1/authentication/users/me'],
    ['GET', '/v1/authentication/users/me/sessions'],
    ['DELETE', '/v1/authentication/users/me/sessions'],
    ['GET', '/v1/authentication/users/:userId'],
    ['PUT', '/v1/authentication/users/:userId'],
    ['DELETE', '/v1/authentication/users/sessions/:sessionId'],
    ['POST', '/v1/authentication/users/email/verification-request'],
    ['GET', '/v1/authorization/organizations?pageSize=1'],
  ])('is refused at %s %s', async (method, path) => {
    const person = await unverified();
    const at = path.replace(':userId', person.userId).replace(':sessionId', person.sessionId);
    const body = method === 'PUT' ? { firstName: 'Eve' } : { userId: person.userId };
    const sent = method === 'PUT' || method === 'POST' ? { body } : {};
    const response = await world.call(method, at, { token: person.mailedToken, ...sent });
    expect(problem(response)).toBe('401 unauthenticated');
  });
});
