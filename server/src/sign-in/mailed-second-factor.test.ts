import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sql } from '../db/db.ts';
import { inviteTo } from '../test/samples/users.ts';
import { createStage, type Stage } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { setMfa } from '../test/world/browsers.ts';
import {
  type Challenge,
  challenge,
  challengeIn,
  enrol,
  factorsUrl,
  finish,
  nextCode,
  type OwnFactor,
  setPolicy,
} from '../test/world/factors.ts';
import { enableSignInCodes, sentCode, signInByCode } from '../test/world/sign-in-codes.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const sessions = `${users}/sessions`;
const url = `${sessions}/mfa/email-code`;
const withMail = ['totp', 'passkey', 'email'];

let test: TestApp;
let world: World;
let stage: Stage;
let person: Person;
let factor: OwnFactor;

beforeAll(async () => {
  test = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  world = await createWorld(test);
  stage = await createStage(world);
  await enableSignInCodes(world);
});
afterAll(() => test?.close());
beforeEach(async () => {
  await setPolicy(world, 'optional');
  await setMfa(world, { factors: withMail });
  person = await world.person();
  factor = await enrol(world, person);
});

const begin = () => challenge(world, person.email);
const send = ({ mfaToken, device }: Challenge, ip = '192.0.2.1') =>
  world.call('POST', url, { body: { mfaToken }, headers: { 'x-device-token': device, 'x-forwarded-for': ip } });
const mailsOf = async (email = person.email) =>
  (await world.mails(email)).filter(({ purpose }) => purpose === 'second_factor_code');
/** The newest mailed code. */
const mailed = async (email = person.email) => (await mailsOf(email))[0]?.code ?? '';
const finishWith = (begun: Challenge, code: string, factorId = person.userId) =>
  finish(world, begun, { factorId, code });
const tokenIn = (response: { json: () => unknown }) => (response.json() as { sessionToken: string }).sessionToken;
const me = (token: string) => world.call('GET', `${users}/me`, { token });
const kindsIn = (response: { json: () => unknown }) =>
  (response.json() as { factors: { kind: string }[] }).factors.map(({ kind }) => kind);

const refused = '400 factor_invalid';
const notAllowed = '403 factor_not_allowed';

describe('a mailed code as second factor', () => {
  it('is listed with the factors, with a masked address', async () => {
    const response = await world.call('POST', sessions, { body: { email: person.email, password } });
    expect(response.json()).toMatchObject({
      factors: [
        { id: factor.id, kind: 'totp', name: 'Phone' },
        { id: person.userId, kind: 'email', name: `${person.email[0] ?? ''}…@example.com` },
      ],
    });
  });

  it('finishes the sign-in with the strength 2', async () => {
    const begun = await begin();
    expect((await send(begun)).json()).toEqual({ message: 'Verification email sent' });
    const token = tokenIn(await finishWith(begun, await mailed()));
    expect((await me(token)).json()).toMatchObject({ session: { acr: 2, amr: ['pwd', 'email', 'mfa'] } });
  });

  it('finishes the sign-in to an app that requires a factor, also after the days of grace', async () => {
    await setMfa(world, { policy: 'required', graceDays: 0 });
    const begun = await begin();
    await send(begun);
    const token = tokenIn(await finishWith(begun, await mailed()));
    expect((await me(token)).statusCode).toBe(200);
    await setMfa(world, { factors: ['totp', 'passkey'] });
    expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
  });

  it('changes no factor, and does not count as step-up', async () => {
    const begun = await begin();
    await send(begun);
    const token = tokenIn(await finishWith(begun, await mailed()));
    for (const [method, path] of [
      ['DELETE', `${factorsUrl}/${factor.id}`],
      ['POST', `${users}/me/recovery-codes`],
      ['POST', `${factorsUrl}/totp`],
    ] as const) {
      const response = await world.call(method, path, { token, ...(path.endsWith('totp') && { body: {} }) });
      expect(problem(response)).toBe('401 step_up_required');
    }
    await send(await begin());
    const body = { factorId: person.userId, code: await mailed() };
    expect(problem(await world.call('POST', `${users}/me/reauthentication`, { token, body }))).toBe(refused);
  });

  it('gives the device no separate limit and does not make the factor unnecessary', async () => {
    await setMfa(world, { rememberDays: 30 });
    const begun = await begin();
    await send(begun);
    const response = await finish(world, begun, {
      factorId: person.userId,
      code: await mailed(),
      rememberDevice: true,
    });
    expect(response.statusCode).toBe(201);
    expect(String(response.headers['set-cookie'])).not.toContain('remembered-device');
    const rows = await test.db.query(sql`
      SELECT 1 FROM devices WHERE app_id = ${world.appId} AND user_id = ${person.userId} AND factor_at IS NOT NULL`);
    expect(rows).toEqual([]);
  });

  it('works once, also in two sign-ins at the same time', async () => {
    const begun = [await begin(), await begin()];
    await send(begun[0] as Challenge);
    const code = await mailed();
    const statuses = (await Promise.all(begun.map((one) => finishWith(one, code)))).map(({ statusCode }) => statusCode);
    expect(new Set(statuses)).toEqual(new Set([201, 400]));
  });

  it('is valid for ten minutes', async () => {
    await send(await begin());
    const code = await mailed();
    test.clock.advance(600_000);
    expect(problem(await finishWith(await begin(), code))).toBe(refused);
  });

  it('is stored as a hash', async () => {
    await send(await begin());
    const rows = await test.db.query<{ row: string }>(sql`SELECT c::text AS row FROM codes c`);
    expect(rows.map(({ row }) => row).join()).not.toContain(await mailed());
  });
});

describe('a mailed code is refused', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['by default', () => setPolicy(world, 'optional')],
    ['if the app does not allow it', () => setMfa(world, { factors: ['totp'] })],
    [
      'to an address that is not claimed',
      () =>
        test.db.query(sql`UPDATE users SET claimed_by = NULL WHERE app_id = ${world.appId} AND id = ${person.userId}`),
    ],
    [
      'to an address that is not verified',
      () =>
        test.db.query(sql`
          UPDATE users SET is_email_verified = false, claimed_by = NULL
          WHERE app_id = ${world.appId} AND id = ${person.userId}`),
    ],
  ])('%s', async (_, change) => {
    const before = await begin();
    await send(before);
    const code = await mailed();
    await change();
    const response = await world.call('POST', sessions, { body: { email: person.email, password } });
    expect(kindsIn(response)).toEqual(['totp']);
    expect(problem(await send(challengeIn(response)))).toBe(notAllowed);
    for (const begun of [before, challengeIn(response)]) expect(problem(await finishWith(begun, code))).toBe(refused);
    expect(await mailsOf()).toHaveLength(1);
  });

  it('a mailed code is refused after a sign-in with a mailed code', async () => {
    await send(await begin());
    const spare = await mailed();
    const { code, browser } = await sentCode(world, person.email, { ip: '192.0.2.4' });
    const response = await signInByCode(world, person.email, code, browser);
    expect(kindsIn(response)).toEqual(['totp']);
    const begun = challengeIn(response);
    expect(problem(await send(begun))).toBe(notAllowed);
    expect(problem(await finishWith(begun, spare))).toBe(refused);
  });

  it('a mailed code is refused after a sign-in with a provider, whose account may own the mailbox', async () => {
    const begun = await begin();
    await send(begun);
    const spare = await mailed();
    await test.db.query(sql`
      UPDATE mfa_challenges SET amr = '{fed}' WHERE app_id = ${world.appId} AND user_id = ${person.userId}`);
    expect(problem(await send(begun))).toBe(notAllowed);
    expect(problem(await finishWith(begun, spare))).toBe(refused);
  });

  it('a mailed code is refused for an hour after a password reset', async () => {
    await world.call('POST', `${users}/password/reset-request/email`, { body: { email: person.email } });
    await runTask(test, sendPasswordResets);
    const mail = (await world.mails(person.email)).find(({ purpose }) => purpose === 'password_reset');
    const body = { email: person.email, verificationCode: mail?.code, newPassword: password };
    expect((await world.call('PUT', `${users}/password`, { body })).statusCode).toBe(200);
    test.clock.advance(3_599_000);
    expect(problem(await send(await begin()))).toBe(notAllowed);
    test.clock.advance(1000);
    const begun = await begin();
    expect((await send(begun)).statusCode).toBe(200);
    expect((await finishWith(begun, await mailed())).statusCode).toBe(201);
  });

  it('a mailed code is refused after an invitation by mail, which sets the password', async () => {
    person = await world.person({ verified: false });
    const { code: verification } = await world.mail(person.email);
    const { code: invited } = await inviteTo(stage, person.email);
    const verify = { userId: person.userId, verificationCode: verification };
    await world.call('POST', `${users}/email/verification`, { token: person.token, body: verify });
    factor = await enrol(world, person);
    expect((await send(await begin())).statusCode).toBe(200);
    const body = { email: person.email, orgId: stage.orgId, verificationCode: invited, newPassword: password };
    const response = await world.call('PUT', `${users}/invite`, { body });
    expect(kindsIn(response)).toEqual(['totp']);
    expect(problem(await send(challengeIn(response)))).toBe(notAllowed);
  });

  it('a mailed code is refused with a wrong token, another device, or a used token', async () => {
    const [begun, other] = [await begin(), await begin()];
    for (const wrong of [
      { ...begun, mfaToken: `${begun.mfaToken}x` },
      { ...begun, device: other.device },
      { ...begun, mfaToken: person.token },
    ]) {
      expect(problem(await send(wrong))).toBe('401 unauthenticated');
    }
    expect((await finish(world, begun, { factorId: factor.id, code: nextCode(world, factor) })).statusCode).toBe(201);
    expect(problem(await send(begun))).toBe('401 unauthenticated');
    expect(await mailsOf()).toEqual([]);
  });

  it('a code of another person or purpose is refused, also as the code of an authenticator app', async () => {
    const other = await world.person();
    await enrol(world, other);
    await send(await challenge(world, other.email));
    const begun = await begin();
    expect(problem(await finishWith(begun, await mailed(other.email)))).toBe(refused);
    expect(problem(await finishWith(begun, await mailed(other.email), other.userId))).toBe(refused);
    await world.call('POST', `${users}/me/reauthentication-request`, { token: person.token });
    expect(problem(await finishWith(begun, (await world.mail(person.email)).code ?? ''))).toBe(refused);
    await send(begun);
    expect(problem(await finishWith(begun, await mailed(), factor.id))).toBe(refused);
  });

  it('elsewhere: it does not sign in and changes nothing', async () => {
    await send(await begin());
    const verificationCode = await mailed();
    const { email, token } = person;
    for (const [method, path, body] of [
      ['POST', sessions, { email, verificationCode }],
      ['PUT', `${users}/password`, { email, verificationCode, newPassword: 'Another@password-1' }],
      ['POST', `${users}/me/reauthentication`, { verificationCode }],
    ] as const) {
      expect(problem(await world.call(method, path, { body, token }))).toBe('400 code_invalid');
    }
  });
});

describe('the mails', () => {
  it('are at most three while their codes are valid, and each of the three codes works', async () => {
    const begun = await begin();
    for (let count = 0; count < 5; count += 1) expect((await send(begun)).statusCode).toBe(200);
    const codes = (await mailsOf()).map(({ code = '' }) => code);
    expect(codes).toHaveLength(3);
    expect((await finishWith(begun, codes[2] ?? '')).statusCode).toBe(201);
    expect(problem(await finishWith(await begin(), codes[0] ?? ''))).toBe(refused);
  });

  it('mails that a stranger with the password requests do not invalidate the mails of the owner', async () => {
    const begun = await begin();
    await send(begun);
    const code = await mailed();
    const stranger = await begin();
    for (let count = 0; count < 5; count += 1) await send(stranger, '198.51.100.7');
    expect((await finishWith(begun, code)).statusCode).toBe(201);
  });

  it('are limited for each mailbox, with a separate count for a device on which a factor was used', async () => {
    const known = await finish(world, await begin(), { factorId: factor.id, code: nextCode(world, factor) });
    const limits = { codeRequestsPerAccountPerHour: 1, reservedCodeMailsPerAccountPerHour: 1 };
    await test.db.query(sql`
      UPDATE apps SET settings = settings || jsonb_build_object('limits',
        settings -> 'limits' || ${JSON.stringify(limits)}::jsonb) WHERE id = ${world.appId}`);
    const stranger = await begin();
    expect((await send(stranger)).statusCode).toBe(200);
    const second = await send(stranger, '198.51.100.8');
    expect([problem(second), Number(second.headers['retry-after']) > 0]).toEqual(['429 rate_limited', true]);
    const owner = await world.call('POST', sessions, {
      body: { email: person.email, password },
      headers: { 'x-device-token': String(known.headers['x-device-token']) },
    });
    expect((await send(challengeIn(owner), '192.0.2.9')).statusCode).toBe(200);
  });
});

it('a change of address needs a recent factor, because the mailbox can be one', async () => {
  test.clock.advance(600_001);
  const { token } = person;
  await world.reauthenticate(person);
  const body = { newEmail: `new-${person.email}`, currentPassword: password };
  expect(problem(await world.call('POST', `${users}/me/email`, { token, body }))).toBe('401 step_up_required');
});

describe('attempts', () => {
  it('are counted over all sign-ins, before the comparison', async () => {
    await test.db.query(sql`
      UPDATE apps SET settings = jsonb_set(settings, '{limits,secondFactorsPerUserPerHour}', '4')
      WHERE id = ${world.appId}`);
    const begun = await Promise.all([begin(), begin(), begin()]);
    await send(begun[0]);
    const guesses = begun.flatMap((one) => Array.from({ length: 3 }, () => finishWith(one, 'AAAAAAA')));
    const statuses = (await Promise.all(guesses)).map(({ statusCode }) => statusCode);
    expect(statuses.filter((status) => status === 400)).toHaveLength(4);
    expect((await finishWith(begun[0], await mailed())).statusCode).toBe(429);
  });
});
