import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { goThrough } from '../test/identity-flow.ts';
import { linked } from '../test/samples/identity-providers.ts';
import { inviteTo } from '../test/samples/users.ts';
import { createStage, type Stage } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import {
  challenge,
  challengeIn,
  enrol,
  factorsUrl,
  finish,
  nextCode,
  type OwnFactor,
  setPolicy,
  signInWith,
} from '../test/world/factors.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';
import { stepOf, totpCode } from '../factors/totp.ts';

const users = '/v1/authentication/users';
const sessions = `${users}/sessions`;

let test: TestApp;
let world: World;
let stage: Stage;
let person: Person;
let factor: OwnFactor;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  stage = await createStage(world);
});
afterAll(() => test?.close());
beforeEach(async () => {
  await setPolicy(world, 'optional');
  person = await world.person();
  factor = await enrol(world, person);
});

const code = (of = factor) => ({ factorId: of.id, code: nextCode(world, of) });
const meWith = (token: string) => world.call('GET', `${users}/me`, { token });
const signIn = (body: object, headers = {}) => world.call('POST', sessions, { body, headers });
/** The rows that a sign-in adds. */
const written = () =>
  test.db.query(sql`
  SELECT (SELECT count(*) FROM sessions WHERE app_id = ${world.appId}) AS sessions,
    (SELECT count(*) FROM devices WHERE app_id = ${world.appId}) AS devices`);
const byPassword = () => signIn({ email: person.email, password });

describe('the right password of somebody with a second factor', () => {
  it('starts no session, makes no device known, and names the factors', async () => {
    const before = await written();
    const response = await byPassword();
    expect(problem(response)).toBe('403 mfa_required');
    expect(response.json()).toMatchObject({
      mfaToken: expect.stringMatching(/^gh_f_[\w-]{43}$/),
      factors: [{ id: factor.id, kind: 'totp', name: 'Phone' }],
    });
    expect(Object.keys(response.json()).toSorted()).toEqual(
      ['code', 'detail', 'factors', 'mfaToken', 'requestId', 'status', 'title', 'type'].toSorted(),
    );
    expect(String(response.headers['set-cookie'])).not.toContain('session-token');
    expect(await written()).toEqual(before);
  });

  it('names no factor if the password is wrong', async () => {
    const response = await signIn({ email: person.email, password: `${password}x` });
    expect([problem(response), response.json()]).toEqual([
      '401 invalid_credentials',
      expect.not.objectContaining({ factors: expect.anything() }),
    ]);
  });

  it('starts a session after the code, with the documented response', async () => {
    const response = await finish(world, await challenge(world, person.email), code());
    expect(response.statusCode).toBe(201);
    const { sessionToken, userId, ...rest } = response.json<Record<string, string>>();
    expect([userId, Object.keys(rest)]).toEqual([person.userId, ['sessionId']]);
    expect((await meWith(sessionToken ?? '')).json()).toMatchObject({ session: { amr: ['pwd', 'otp', 'mfa'] } });
  });

  it('renews the session of the cookie after the code', async () => {
    const first = await signInWith(world, person, factor);
    const begun = await challenge(world, person.email);
    const response = await world.call('PUT', `${sessions}/mfa`, {
      body: { mfaToken: begun.mfaToken, ...code() },
      headers: { 'x-device-token': begun.device, cookie: `session-token=${first.token}` },
    });
    expect([response.statusCode, response.json<{ sessionId: string }>().sessionId]).toEqual([201, first.sessionId]);
    expect(problem(await meWith(first.token))).toBe('401 unauthenticated');
  });

  it('requires no factor while the app does not use factors', async () => {
    await setPolicy(world, 'off');
    expect((await byPassword()).statusCode).toBe(201);
  });
});

describe('an mfaToken', () => {
  const refused = '401 unauthenticated';

  it.each([
    ['that nobody issued', (token: string) => `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`],
    ['of another kind', () => person.token],
  ])('%s is refused', async (_, change) => {
    const begun = await challenge(world, person.email);
    expect(problem(await finish(world, { ...begun, mfaToken: change(begun.mfaToken) }, code()))).toBe(refused);
  });

  it('works once', async () => {
    const begun = await challenge(world, person.email);
    expect((await finish(world, begun, code())).statusCode).toBe(201);
    expect(problem(await finish(world, begun, code()))).toBe(refused);
  });

  it('works only on the device that began the sign-in', async () => {
    const begun = await challenge(world, person.email);
    const other = await challenge(world, person.email);
    for (const device of ['', other.device]) {
      expect(problem(await finish(world, { ...begun, device }, code()))).toBe(refused);
    }
  });

  it('expires after ten minutes', async () => {
    const begun = await challenge(world, person.email);
    test.clock.advance(600_000);
    expect(
      problem(
        await finish(world, begun, { factorId: factor.id, code: totpCode(factor.secret, stepOf(test.clock.now())) }),
      ),
    ).toBe(refused);
  });

  it('is invalid in another app', async () => {
    const begun = await challenge(world, person.email);
    const other = await createWorld(test);
    expect(problem(await finish(other, begun, code()))).toBe(refused);
  });

  it('is no session and no device', async () => {
    const { mfaToken } = await challenge(world, person.email);
    expect(problem(await meWith(mfaToken))).toBe(refused);
    const headers = { 'x-device-token': mfaToken };
    const again = await world.call('POST', `${users}/sessions`, { body: { email: person.email, password }, headers });
    // A device that is not known gets a new token.
    expect(again.headers['x-device-token']).toMatch(/^gh_d_/);
    expect(problem(again)).toBe('403 mfa_required');
  });

  it.each([
    [
      'a change of the password',
      () =>
        world.call('PUT', `${users}/${person.userId}/password`, {
          token: person.token,
          body: { currentPassword: password, newPassword: 'Another@password-1' },
        }),
    ],
    [
      'the end of all sessions',
      () => world.call('DELETE', `${users}/${person.userId}/sessions`, { token: world.admin.token }),
    ],
    ['the removal of a factor', () => world.call('DELETE', `${factorsUrl}/${factor.id}`, { token: person.token })],
    [
      'a deactivation',
      () => world.call('POST', `/v1/authorization/users/${person.userId}/deactivate`, { token: world.admin.token }),
    ],
  ])('is void after %s', async (_, change) => {
    const begun = await challenge(world, person.email);
    const answer = { factorId: factor.id, code: nextCode(world, factor) };
    expect((await change()).statusCode).toBeLessThan(300);
    expect(problem(await finish(world, begun, answer))).toBe(refused);
  });
});

describe('a code', () => {
  const refused = '400 factor_invalid';
  const wrong = { code: '000000' };

  it('is accepted once, also by another sign-in', async () => {
    const used = code();
    const [first, second] = [await challenge(world, person.email), await challenge(world, person.email)];
    expect((await finish(world, first, used)).statusCode).toBe(201);
    expect(problem(await finish(world, second, used))).toBe(refused);
  });

  it('is accepted once, when two calls send it at the same time', async () => {
    const used = code();
    const begun = await Promise.all([challenge(world, person.email), challenge(world, person.email)]);
    const statuses = await Promise.all(begun.map(async (one) => (await finish(world, one, used)).statusCode));
    expect(new Set(statuses)).toEqual(new Set([201, 400]));
  });

  it('a code of an earlier step is refused after a later one', async () => {
    const [earlier, later] = [code(), code()];
    expect((await finish(world, await challenge(world, person.email), later)).statusCode).toBe(201);
    expect(problem(await finish(world, await challenge(world, person.email), earlier))).toBe(refused);
  });

  it('a code of another person is refused', async () => {
    const other = await world.person();
    const theirs = await enrol(world, other);
    expect(problem(await finish(world, await challenge(world, person.email), code(theirs)))).toBe(refused);
  });

  it('a code of a factor that was not confirmed is refused', async () => {
    const added = await world.call('POST', `${factorsUrl}/totp`, { token: person.token, body: {} });
    const { id } = added.json<{ id: string }>();
    const answer = { factorId: id, code: nextCode(world, factor) };
    expect(problem(await finish(world, await challenge(world, person.email), answer))).toBe(refused);
  });

  it('does not use the mfaToken up when it is wrong', async () => {
    const begun = await challenge(world, person.email);
    expect(problem(await finish(world, begun, { factorId: factor.id, ...wrong }))).toBe(refused);
    expect((await finish(world, begun, code())).statusCode).toBe(201);
  });

  it('records a security event about the person when it is wrong', async () => {
    await finish(world, await challenge(world, person.email), { factorId: factor.id, ...wrong });
    const events = await test.db.query(sql`
      SELECT 1 FROM audit_events WHERE app_id = ${world.appId} AND action = 'factor.failed'
        AND target_id = ${person.userId}`);
    expect(events).toHaveLength(1);
  });

  it.each([[{}], [{ factorId: '1' }], [{ code: '123456' }], [{ factorId: '1', code: '123456', recoveryCode: 'x' }]])(
    'is needed, or a recovery code: %j',
    async (body) => {
      expect(problem(await finish(world, await challenge(world, person.email), body))).toBe('400 validation_failed');
    },
  );
});

describe('wrong codes', () => {
  const limits = (values: object) =>
    test.db.query(sql`
    UPDATE apps SET settings = jsonb_set(settings, '{limits}', settings -> 'limits' || ${JSON.stringify(values)}::jsonb)
    WHERE id = ${limited.appId}`);
  let limited: World;

  beforeEach(async () => {
    limited = await createWorld(test);
    person = await limited.person();
    factor = await enrol(limited, person);
  });

  it('are counted for all sign-ins of a person together, also in parallel', async () => {
    await limits({ secondFactorsPerUserPerHour: 3 });
    const begun = await Promise.all(Array.from({ length: 6 }, () => challenge(limited, person.email)));
    const answers = await Promise.all(
      begun.map((one) => finish(limited, one, { factorId: factor.id, code: '000000' })),
    );
    const statuses = answers.map(({ statusCode }) => statusCode);
    expect(statuses.filter((status) => status === 400)).toHaveLength(3);
    expect(statuses.filter((status) => status === 429)).toHaveLength(3);
    const next = await challenge(limited, person.email);
    expect(problem(await finish(limited, next, code()))).toBe('429 rate_limited');
  });

  it('wrong codes of strangers leave a separate limit for the owner on a known device', async () => {
    await limits({ secondFactorsPerUserPerHour: 1 });
    const known = await challenge(limited, person.email);
    const { headers } = await finish(limited, known, code());
    const device = String(headers['x-device-token']);
    const stranger = await challenge(limited, person.email);
    for (const status of [400, 429]) {
      expect((await finish(limited, stranger, { factorId: factor.id, code: '000000' })).statusCode).toBe(status);
    }
    const response = await limited.call('POST', sessions, {
      body: { email: person.email, password },
      headers: { 'x-device-token': device },
    });
    expect((await finish(limited, challengeIn(response), code())).statusCode).toBe(201);
  });

  /** The result of a wrong factor from a device. */
  const wrongFrom = async (device: string) => {
    const headers = { 'x-device-token': device };
    const response = await limited.call('POST', sessions, { body: { email: person.email, password }, headers });
    return (await finish(limited, challengeIn(response), { factorId: factor.id, code: '000000' })).statusCode;
  };
  const deviceOf = async ({ email }: Person, own: OwnFactor) => {
    const { headers } = await finish(limited, await challenge(limited, email), code(own));
    return String(headers['x-device-token']);
  };

  it('have no separate limit on a device that only another account knows', async () => {
    await limits({ secondFactorsPerUserPerHour: 1 });
    const other = await limited.person();
    const device = await deviceOf(other, await enrol(limited, other));
    expect([await wrongFrom(device), await wrongFrom(device)]).toEqual([400, 429]);
  });

  it('wrong codes from one known device share a count over all sign-ins', async () => {
    await limits({ secondFactorsPerDevicePerHour: 2 });
    const device = await deviceOf(person, factor);
    expect([await wrongFrom(device), await wrongFrom(device), await wrongFrom(device)]).toEqual([400, 400, 429]);
  });

  it('wrong codes from one address are counted, regardless of the accounts', async () => {
    await limits({ secondFactorsPerAddressPerHour: 1 });
    const begun = await challenge(limited, person.email);
    expect((await finish(limited, begun, { factorId: factor.id, code: '000000' })).statusCode).toBe(400);
    expect(problem(await finish(limited, begun, code()))).toBe('429 rate_limited');
  });

  it('are not held against people who then succeed', async () => {
    await limits({ secondFactorsPerUserPerHour: 2, secondFactorsPerAddressPerHour: 3 });
    for (let round = 0; round < 4; round += 1) {
      const begun = await challenge(limited, person.email);
      expect((await finish(limited, begun, code())).statusCode).toBe(201);
    }
  });

  it('leave the attempts at the password counted until the sign-in is finished', async () => {
    await limits({ signInsPerAccountPerHour: 2 });
    await challenge(limited, person.email);
    const second = await challenge(limited, person.email);
    const third = await limited.call('POST', sessions, { body: { email: person.email, password } });
    expect(problem(third)).toBe('429 too_many_attempts');
    expect((await finish(limited, second, code())).statusCode).toBe(201);
    await challenge(limited, person.email);
  });
});

describe('a recovery code', () => {
  const withCode = async (recoveryCode = factor.recoveryCodes[0]) =>
    finish(world, await challenge(world, person.email), { recoveryCode });

  it('works once, in any spelling', async () => {
    const spelled = ` ${factor.recoveryCodes[1]?.toLowerCase().replaceAll('-', ' ')} `;
    expect((await withCode(spelled)).statusCode).toBe(201);
    expect(problem(await withCode(factor.recoveryCodes[1]))).toBe('400 factor_invalid');
    const listed = await world.call('GET', factorsUrl, { token: (await signInWith(world, person, factor)).token });
    expect(listed.json()).toMatchObject({ recoveryCodes: { total: 10, unused: 9 } });
  });

  it('works once, when two calls send it at the same time', async () => {
    const statuses = (await Promise.all([withCode(), withCode()])).map(({ statusCode }) => statusCode);
    expect(new Set(statuses)).toEqual(new Set([201, 400]));
  });

  it('a recovery code of another person is refused', async () => {
    const theirs = await enrol(world, await world.person());
    expect(problem(await withCode(theirs.recoveryCodes[0]))).toBe('400 factor_invalid');
  });

  it('starts a session of 15 minutes that can only replace the factor', async () => {
    const { sessionToken: token } = (await withCode()).json<{ sessionToken: string }>();
    expect(problem(await meWith(token))).toBe('403 mfa_enrolment_required');
    const added = await enrol(world, { token });
    expect((await world.call('DELETE', `${factorsUrl}/${factor.id}`, { token })).statusCode).toBe(204);
    expect(problem(await meWith(token))).toBe('403 mfa_enrolment_required');
    const fresh = await signInWith(world, person, added);
    expect((await meWith(fresh.token)).statusCode).toBe(200);
    test.clock.advance(15 * 60_000);
    expect(problem(await world.call('GET', factorsUrl, { token }))).toBe('401 unauthenticated');
  });

  it('is sent to the owner by mail', async () => {
    await withCode();
    expect((await world.mail(person.email)).subject).toContain('recovery code');
  });

  it('is not a session for other services', async () => {
    const { sessionToken: token } = (await withCode()).json<{ sessionToken: string }>();
    const machine = await world.machine();
    const response = await world.call('POST', '/v1/authentication/token/introspection', {
      token: machine.token,
      body: { token },
    });
    expect(response.json()).toEqual({ active: false });
  });
});

describe('every other sign-in method', () => {
  it('asks for the factor: an invitation, which takes effect together with the password', async () => {
    person = await world.person({ verified: false });
    const { code: verification } = await world.mail(person.email);
    const { code: invited } = await inviteTo(stage, person.email);
    const verify = { userId: person.userId, verificationCode: verification };
    await world.call('POST', `${users}/email/verification`, { token: person.token, body: verify });
    factor = await enrol(world, person);
    const newPassword = 'Another@password-2';
    const body = { email: person.email, orgId: stage.orgId, verificationCode: invited, newPassword };
    const response = await world.call('PUT', `${users}/invite`, { body });
    expect((await finish(world, challengeIn(response), code())).statusCode).toBe(201);
    expect(problem(await signIn({ email: person.email, password: newPassword }))).toBe('403 mfa_required');
    const members = await test.db.query(sql`
      SELECT 1 FROM members WHERE app_id = ${world.appId} AND org_id = ${stage.orgId} AND user_id = ${person.userId}`);
    expect(members).toHaveLength(1);
  });

  it('asks for the factor: a provider', async () => {
    await world.reauthenticate(person);
    await world.reauthenticate();
    const { idpId, provider } = await linked(stage, person);
    const { intentId, intentToken } = await goThrough(world, provider, idpId);
    const response = await world.call('POST', '/v1/authentication/idp/intents/validate', {
      body: { intentId, idpToken: intentToken },
    });
    const finished = await finish(world, challengeIn(response), code());
    expect(finished.statusCode).toBe(201);
    const { sessionToken } = finished.json<{ sessionToken: string }>();
    expect((await meWith(sessionToken)).json()).toMatchObject({ session: { amr: ['fed', 'otp', 'mfa'] } });
  });
});
