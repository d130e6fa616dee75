import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { freshForSeconds } from '../access/required-authentication.ts';
import {
  createIntent,
  goThrough,
  newBrowser,
  newVerifier,
  redeem,
  registerProvider,
  visit,
} from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, password, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const url = `${users}/me/reauthentication`;
const staleMs = (freshForSeconds + 1) * 1000;

let app: TestApp;
let world: World;
let provider: TestProvider;
let idpId: string;
let person: Person;

beforeAll(async () => {
  app = await buildTestApp();
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
  world = await createWorld(app);
  idpId = await registerProvider(world, provider);
});
beforeEach(async () => {
  provider.misbehaviour = {};
  person = await world.person();
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});

const seconds = () => Math.floor(app.clock.now().getTime() / 1000);
const renew = (body: object, { token }: { token: string } = person) => world.call('POST', url, { token, body });
/** A call that always needs fresh authentication. */
const exportMe = ({ token }: { token: string } = person) => world.call('GET', `${users}/me/export`, { token });
const isFresh = async (who: { token: string } = person) => (await exportMe(who)).statusCode === 200;
const authenticatedAt = async (sessionId = person.sessionId) => {
  const [row] = await app.db.query<{ authenticated_at: Date }>(
    sql`SELECT authenticated_at FROM sessions WHERE app_id = ${world.appId} AND id = ${sessionId}`,
  );
  return row?.authenticated_at.getTime();
};
const mailedCode = async (who = person) => {
  expect((await world.call('POST', `${url}-request`, { token: who.token })).statusCode).toBe(200);
  return (await world.mail(who.email)).code;
};
const subjectOf = ({ userId }: Person) => `subject of ${userId}`;
async function link(who = person, to = idpId) {
  provider.person = { sub: subjectOf(who) };
  const { codeChallenge, codeVerifier } = newVerifier();
  const response = await redeem(world, await goThrough(world, provider, to, { codeChallenge }), {
    token: who.token,
    codeVerifier,
  });
  expect(response.statusCode).toBe(200);
}
/** A re-authentication with the provider. @param claims the claims of the person who signs in there */
async function roundTrip(claims: object = { sub: subjectOf(person), auth_time: seconds() }) {
  provider.person = { ...claims };
  const { codeChallenge, codeVerifier } = newVerifier();
  const { intentId, intentToken, error } = await goThrough(world, provider, idpId, {
    codeChallenge,
    reauthenticate: true,
  });
  return { error, body: { intentId, idpToken: intentToken, codeVerifier } };
}

describe('an authentication is renewed, in this session only, with the same token,', () => {
  test.each<[proof: string, body: () => Promise<object>]>([
    ['by the current password', () => Promise.resolve({ currentPassword: password })],
    ['by a mailed code', async () => ({ verificationCode: await mailedCode() })],
    ['by a linked provider', async () => (await roundTrip()).body],
    [
      'by a linked provider, under the other name of its token',
      async () => {
        const { idpToken, ...rest } = (await roundTrip()).body;
        return { ...rest, intentToken: idpToken };
      },
    ],
  ])('%s', async (_, body) => {
    await link();
    const other = await world.signIn(person.email);
    app.clock.advance(staleMs);
    expect([await isFresh(), await isFresh(other)]).toEqual([false, false]);
    const response = await renew(await body());
    expect([response.statusCode, response.json()]).toMatchObject([
      200,
      { message: 'Authentication renewed', sessionId: person.sessionId },
    ]);
    expect([await isFresh(), await isFresh(other)]).toEqual([true, false]);
    app.clock.advance(staleMs);
    expect(await isFresh()).toBe(false);
  });

  test('no other call renews an authentication', async () => {
    const before = await authenticatedAt();
    app.clock.advance(120_000);
    await world.call('GET', `${users}/me`, { token: person.token });
    await world.signIn(person.email);
    await link();
    await renew({ currentPassword: 'wrong' });
    await mailedCode();
    await renew({ verificationCode: 'AAAAAAA' });
    const body = { currentPassword: password, newPassword: 'Secret@slidezAB' };
    await world.call('PUT', `${users}/${person.userId}/password`, { token: person.token, body });
    const newEmail = `new-${person.email}`;
    await world.call('POST', `${users}/me/email`, { token: person.token, body: { newEmail } });
    const { code: verificationCode } = await world.mail(newEmail);
    const changed = await world.call('PUT', `${users}/me/email`, { token: person.token, body: { verificationCode } });
    expect(changed.statusCode).toBe(200);
    expect(await authenticatedAt()).toBe(before);
  });
});

describe('a request is not valid', () => {
  test.each<[what: string, body: object, pointers: string[]]>([
    ['without a proof', {}, ['/body']],
    ['with two', { currentPassword: password, verificationCode: 'ABCDEFG' }, ['/body']],
    ['with an intent and no token', { intentId: '1', codeVerifier: 'x' }, ['/body/idpToken']],
    [
      'with an intent and two tokens',
      { intentId: '1', codeVerifier: 'x', idpToken: 'a', intentToken: 'a' },
      ['/body/idpToken'],
    ],
    ['with an intent and no verifier', { intentId: '1', idpToken: 'x' }, ['/body/idpToken']],
    ['with a token and no intent', { currentPassword: password, idpToken: 'x' }, ['/body/idpToken']],
    ['with an unknown field', { currentPassword: password, userId: '1' }, ['/body/userId']],
  ])('%s', async (_, body, pointers) => {
    const response = await renew(body);
    expect([problem(response), Object.keys(faults(response))]).toEqual(['400 validation_failed', pointers]);
  });

  test('an intent that re-authenticates without a code challenge is not valid', async () => {
    const body = { idpId, successUrl: 'http://localhost/a', failureUrl: 'http://localhost/b', reauthenticate: true };
    const response = await world.call('POST', '/v1/authentication/idp/intents/create', { body });
    expect(Object.keys(faults(response))).toEqual(['/body/codeChallenge']);
  });
});

describe('a confirmation is refused, and the session does not become fresh:', () => {
  const withoutPassword = () =>
    app.db.query(sql`UPDATE users SET password_hash = NULL WHERE app_id = ${world.appId} AND id = ${person.userId}`);

  test.each<[what: string, attempt: () => Promise<Awaited<ReturnType<typeof renew>>>, answer: string]>([
    ['a wrong password', () => renew({ currentPassword: 'wrong' }), '403 current_password_wrong'],
    [
      'any password of somebody who has none',
      async () => {
        await withoutPassword();
        return renew({ currentPassword: password });
      },
      '403 current_password_wrong',
    ],
    ['a wrong code', () => renew({ verificationCode: 'AAAAAAA' }), '400 code_invalid'],
    [
      'the code of somebody else',
      async () => renew({ verificationCode: await mailedCode(await world.person()) }),
      '400 code_invalid',
    ],
    [
      'a code that was replaced',
      async () => {
        const code = await mailedCode();
        await mailedCode();
        return renew({ verificationCode: code });
      },
      '400 code_invalid',
    ],
    [
      'a code that has expired',
      async () => {
        const code = await mailedCode();
        app.clock.advance(15 * 60_000);
        return renew({ verificationCode: code });
      },
      '400 code_invalid',
    ],
    [
      'a code for another purpose',
      async () => {
        const newEmail = `other-${person.email}`;
        await world.call('POST', `${users}/me/email`, {
          token: person.token,
          body: { newEmail, currentPassword: password },
        });
        return renew({ verificationCode: (await world.mail(newEmail)).code });
      },
      '400 code_invalid',
    ],
    [
      'an identity of somebody else',
      async () => {
        const other = await world.person();
        await link(other);
        return renew((await roundTrip({ sub: subjectOf(other), auth_time: seconds() })).body);
      },
      '400 intent_invalid',
    ],
    [
      'an identity of nobody',
      async () => renew((await roundTrip({ sub: 'nobody', auth_time: seconds() })).body),
      '400 intent_invalid',
    ],
    [
      'an intent that was made to sign in',
      async () => {
        provider.person = { sub: subjectOf(person), auth_time: seconds() };
        const { codeChallenge, codeVerifier } = newVerifier();
        const { intentId, intentToken: idpToken } = await goThrough(world, provider, idpId, { codeChallenge });
        return renew({ intentId, idpToken, codeVerifier });
      },
      '400 intent_invalid',
    ],
    [
      'an intent with the verifier of another client',
      async () => renew({ ...(await roundTrip()).body, codeVerifier: newVerifier().codeVerifier }),
      '400 intent_invalid',
    ],
  ])('%s', async (_, attempt, answer) => {
    app.clock.advance(staleMs);
    expect(problem(await attempt())).toBe(answer);
    expect(await isFresh()).toBe(false);
  });

  test('a proof that was used', async () => {
    await link();
    for (const body of [{ verificationCode: await mailedCode() }, (await roundTrip()).body]) {
      expect((await renew(body)).statusCode).toBe(200);
      expect((await renew(body)).statusCode).toBe(400);
    }
  });

  test('every proof of a machine is refused', async () => {
    const { token } = await world.machine();
    expect(problem(await renew({ currentPassword: password }, { token }))).toBe('403 human_required');
  });
});

describe('the round trip to a provider', () => {
  test('asks the provider to authenticate the person again, other intents do not', async () => {
    const sentTo = async (more: object) => {
      const { authUrl } = await createIntent(world, idpId, { ...more });
      const { location = '' } = (await visit(world, newBrowser(), authUrl)).headers;
      return new URL(location).searchParams.get('max_age');
    };
    const { codeChallenge } = newVerifier();
    expect(await sentTo({ codeChallenge, reauthenticate: true })).toBe('0');
    expect(await sentTo({ codeChallenge })).toBe(null);
  });

  test.each<[what: string, claims: () => object]>([
    ['says nothing of the time', () => ({})],
    // More than the tolerance of 60 seconds: the library's clock may differ from the test's by a rounded second.
    ['says that it was before', () => ({ auth_time: seconds() - 65 })],
    ['says something else than a time', () => ({ auth_time: 'now' })],
  ])('fails if the provider %s', async (_, claims) => {
    await link();
    expect((await roundTrip({ sub: subjectOf(person), ...claims() })).error).toBe('provider_response_invalid');
  });

  test('may take the person longer than the tolerance between two clocks', async () => {
    await link();
    provider.person = { sub: subjectOf(person), auth_time: seconds() };
    const now = provider.now;
    provider.now = () => {
      // The provider asked for consent for five minutes after it had authenticated the person.
      app.clock.advance(300_000);
      provider.now = now;
      return now();
    };
    expect((await roundTrip({ sub: subjectOf(person), auth_time: seconds() })).error).toBeUndefined();
  });

  test('starts when the person returns, not when the token is presented', async () => {
    await link();
    app.clock.advance(staleMs);
    const { body } = await roundTrip();
    app.clock.advance(540_000);
    expect((await renew(body)).statusCode).toBe(200);
    expect(await isFresh()).toBe(true);
    app.clock.advance(61_000);
    expect(await isFresh()).toBe(false);
  });

  test('the round trip to a provider neither signs in nor links', async () => {
    await link();
    const { body } = await roundTrip();
    const back = { intentId: body.intentId ?? '', intentToken: body.idpToken ?? '' };
    const { codeVerifier } = body;
    expect(problem(await redeem(world, back, { codeVerifier }))).toBe('400 intent_invalid');
    expect(problem(await redeem(world, back, { codeVerifier, token: person.token }))).toBe('400 intent_invalid');
    expect((await renew(body)).statusCode).toBe(200);
  });
});

describe('a code', () => {
  test('is not mailed to an address that was never verified', async () => {
    const stranger = await world.person({ verified: false });
    const before = (await world.mails(stranger.email)).length;
    expect(problem(await world.call('POST', `${url}-request`, { token: stranger.token }))).toBe(
      '403 account_unclaimed',
    );
    expect(await world.mails(stranger.email)).toHaveLength(before);
  });

  test('says from where it was requested', async () => {
    await mailedCode();
    const { purpose, text } = await world.mail(person.email);
    expect([purpose, text.includes('127.0.0.1')]).toEqual(['reauthentication', true]);
  });

  test('is void after a change of the password', async () => {
    const verificationCode = await mailedCode();
    const body = { currentPassword: password, newPassword: 'Secret@slidezAB' };
    await world.call('PUT', `${users}/${person.userId}/password`, { token: person.token, body });
    expect(problem(await renew({ verificationCode }))).toBe('400 code_invalid');
  });

  test('is mailed so often and no more', async () => {
    const strict = await createWorld(app, { settings: { limits: { codeRequestsPerAccountPerHour: 2 } } });
    const { token } = await strict.person();
    const answers = [1, 2, 3].map(() => strict.call('POST', `${url}-request`, { token }));
    expect((await Promise.all(answers)).map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([
      200, 200, 429,
    ]);
  });
});

describe('failed attempts are counted', () => {
  test('failed passwords are counted, also concurrently, together with those of other calls', async () => {
    const strict = await createWorld(app, { settings: { limits: { passwordChecksPerUserPerHour: 5 } } });
    const { token } = await strict.person();
    const attempt = (currentPassword: string) => strict.call('POST', url, { token, body: { currentPassword } });
    const answers = await Promise.all(Array.from({ length: 12 }, () => attempt('wrong')));
    expect(answers.filter(({ statusCode }) => statusCode === 403)).toHaveLength(5);
    expect(problem(await attempt(password))).toBe('429 rate_limited');
    const body = { currentPassword: password };
    expect(problem(await strict.call('DELETE', `${users}/me`, { token, body }))).toBe('429 rate_limited');
  });

  test('failed codes are counted, also concurrently', async () => {
    const verificationCode = await mailedCode();
    await Promise.all(Array.from({ length: 12 }, () => renew({ verificationCode: 'AAAAAAA' })));
    expect(problem(await renew({ verificationCode }))).toBe('400 code_invalid');
  });
});
