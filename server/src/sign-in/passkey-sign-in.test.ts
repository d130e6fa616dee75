import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acrOf } from '../access/second-factor.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sql } from '../db/db.ts';
import { runTask } from '../test/tasks.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { beginByMail, challenge, enrol, factorsUrl, finish, setPolicy } from '../test/world/factors.ts';
import {
  addPasskey,
  assertion,
  createPasskey,
  type Deviation,
  optionsOf,
  type OwnPasskey,
  passkeyUrls,
  refusedDeviations,
  setRelyingParty,
  signInByPasskey,
} from '../test/world/passkeys.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';

let test: TestApp;
let world: World;
let person: Person;
let passkey: OwnPasskey;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
});
afterAll(() => test?.close());
beforeEach(async () => {
  await setPolicy(world, 'optional');
  await setRelyingParty(world);
  person = await world.person();
  passkey = await addPasskey(world, person);
});

const meWith = (token: string) => world.call('GET', `${users}/me`, { token });
const signIn = (body: object) => world.call('POST', passkeyUrls.signIn, { body });
const otherWorld = async (): Promise<World> => {
  const other = await createWorld(test);
  await setRelyingParty(other);
  return other;
};

/** The same response, signed by another key. */
const forged = (options: Parameters<typeof assertion>[1]) =>
  assertion({ ...passkey, key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey }, options);

describe('a sign-in with a passkey alone', () => {
  const refused = '401 invalid_credentials';

  it('starts a session of two factors that cannot be phished', async () => {
    const response = await signInByPasskey(world, passkey);
    const { userId, sessionToken } = response.json<{ userId: string; sessionToken: string }>();
    expect([response.statusCode, userId]).toEqual([201, person.userId]);
    const { session } = (await meWith(sessionToken)).json<{ session: { amr: string[] } }>();
    expect(session.amr).toEqual(['swk', 'user', 'mfa']);
    expect(acrOf(session.amr)).toBe(3);
    expect(response.headers['set-cookie']).toEqual(
      expect.arrayContaining([expect.stringContaining('session-token='), expect.stringContaining('device-token=')]),
    );
  });

  it('counts as a recent second factor', async () => {
    const { sessionToken: token } = (await signInByPasskey(world, passkey)).json<{ sessionToken: string }>();
    expect((await world.call('DELETE', `${factorsUrl}/${passkey.id}`, { token })).statusCode).toBe(204);
  });

  it('distinguishes keys in hardware from those that can be synchronized', async () => {
    const bound = await addPasskey(world, person, createPasskey({ isSynchronized: false }));
    const { sessionToken } = (await signInByPasskey(world, bound)).json<{ sessionToken: string }>();
    expect((await meWith(sessionToken)).json()).toMatchObject({ session: { amr: ['hwk', 'user', 'mfa'] } });
  });

  it('renews the session of the cookie', async () => {
    const options = await optionsOf(world, 'signInOptions');
    const response = await world.call('POST', passkeyUrls.signIn, {
      body: { assertion: assertion(passkey, options) },
      headers: { cookie: `session-token=${person.token}` },
    });
    expect(response.json()).toMatchObject({ sessionId: person.sessionId });
  });

  it('works with an e-mail address, whose passkeys the options name', async () => {
    const body = { email: person.email.toUpperCase() };
    const { allowCredentials } = await optionsOf(world, 'signInOptions', { body });
    expect(allowCredentials).toContainEqual({ type: 'public-key', id: passkey.credentialId.toString('base64url') });
    expect((await signInByPasskey(world, passkey, { userHandle: null }, body)).statusCode).toBe(201);
  });

  it.each(refusedDeviations)('is refused %s', async (_, deviation) => {
    expect(problem(await signInByPasskey(world, passkey, deviation))).toBe(refused);
  });

  it('is refused without PIN or biometrics', async () => {
    const response = await signInByPasskey(world, passkey, { isUserVerified: false });
    expect([problem(response), response.json<{ detail: string }>().detail]).toEqual([
      refused,
      expect.stringContaining('not verified the person'),
    ]);
  });

  it('is refused without a user handle, unless the caller named the account', async () => {
    expect(problem(await signInByPasskey(world, passkey, { userHandle: null }))).toBe(refused);
  });

  it('is refused with the key of another person', async () => {
    expect(problem(await signIn({ assertion: forged(await optionsOf(world, 'signInOptions')) }))).toBe(refused);
  });

  it('is refused by another passkey than one of the account that the caller named', async () => {
    const other = await addPasskey(world, await world.person());
    expect(problem(await signInByPasskey(world, other, {}, { email: person.email }))).toBe(refused);
    expect(problem(await signInByPasskey(world, other, {}, { email: 'unknown@example.com' }))).toBe(refused);
  });

  it('is refused in another app', async () => {
    const other = await otherWorld();
    expect(problem(await signInByPasskey(other, passkey))).toBe(refused);
    const options = await optionsOf(other, 'signInOptions');
    expect(problem(await signIn({ assertion: assertion(passkey, options) }))).toBe(refused);
  });

  it('is refused a second time with the same response, and after five minutes', async () => {
    const body = { assertion: assertion(passkey, await optionsOf(world, 'signInOptions')) };
    expect((await signIn(body)).statusCode).toBe(201);
    expect(problem(await signIn(body))).toBe(refused);
    const late = { assertion: assertion(passkey, await optionsOf(world, 'signInOptions')) };
    test.clock.advance(300_000);
    expect(problem(await signIn(late))).toBe(refused);
  });

  it('accepts a challenge once, when two calls send it at the same time', async () => {
    const options = await optionsOf(world, 'signInOptions');
    const both = await Promise.all([1, 2].map(() => signIn({ assertion: assertion(passkey, options) })));
    expect(both.map(({ statusCode }) => statusCode).toSorted((one, other) => one - other)).toEqual([201, 401]);
  });

  it('uses the challenge up, also if the response is wrong', async () => {
    const options = await optionsOf(world, 'signInOptions');
    expect(problem(await signIn({ assertion: forged(options) }))).toBe(refused);
    expect(problem(await signIn({ assertion: assertion(passkey, options) }))).toBe(refused);
  });

  it.each([
    ['a registration', () => optionsOf(world, 'registrationOptions', { token: person.token })],
    ['a re-authentication', () => optionsOf(world, 'reauthenticationOptions', { token: person.token })],
    [
      'a second factor',
      async () => {
        const { mfaToken, device } = await challenge(world, person.email);
        const headers = { 'x-device-token': device };
        return optionsOf(world, 'secondFactorOptions', { body: { mfaToken }, headers });
      },
    ],
  ])('refuses the challenge of %s', async (_, begin) => {
    expect(problem(await signIn({ assertion: assertion(passkey, await begin()) }))).toBe(refused);
  });

  it.each([
    ['a malformed id', { id: '!' }],
    ['no response', { response: undefined }],
    ['another type', { type: 'password' }],
  ])('is refused with %s', async (_, change) => {
    const valid = assertion(passkey, await optionsOf(world, 'signInOptions'));
    expect(problem(await signIn({ assertion: { ...valid, ...change } }))).toBe('400 validation_failed');
  });

  it.each([
    ['clientDataJSON', 'e30'],
    ['clientDataJSON', Buffer.from('[1]').toString('base64url')],
    ['authenticatorData', 'AAAA'],
    ['signature', 'AAAA'],
  ])('is refused with a malformed %s', async (field, value) => {
    const valid = assertion(passkey, await optionsOf(world, 'signInOptions'));
    const response = { ...valid.response, [field]: value };
    expect(problem(await signIn({ assertion: { ...valid, response } }))).toBe(refused);
  });

  it('is refused for a deactivated person', async () => {
    const url = `/v1/authorization/users/${person.userId}/deactivate`;
    await world.call('POST', url, { token: world.admin.token });
    expect(problem(await signInByPasskey(world, passkey))).toBe('403 user_inactive');
  });

  it('is refused after an administrator removed the factors of the person', async () => {
    await enrol(world, world.admin);
    const url = `/v1/authorization/users/${person.userId}/factors`;
    expect((await world.call('DELETE', url, { token: world.admin.token })).statusCode).toBe(200);
    expect(problem(await signInByPasskey(world, passkey))).toBe(refused);
  });

  it('is refused after the owner of the mailbox claims an account that a stranger created', async () => {
    const stranger = await world.person({ verified: false });
    await beginByMail(world, stranger);
    const theirs = await addPasskey(world, stranger);
    expect((await signInByPasskey(world, theirs)).statusCode).toBe(201);
    await world.call('POST', `${users}/password/reset-request/email`, { body: { email: stranger.email } });
    await runTask(test, sendPasswordResets);
    const { code: verificationCode } = await world.mail(stranger.email);
    const body = { email: stranger.email, verificationCode, newPassword: 'Another@password-1' };
    expect((await world.call('PUT', `${users}/password`, { body })).statusCode).toBe(200);
    expect(problem(await signInByPasskey(world, theirs))).toBe(refused);
  });

  it('records a security event when it is wrong', async () => {
    await signInByPasskey(world, passkey, { isUserVerified: false });
    const events = await test.db.query(
      sql`SELECT 1 FROM audit_events WHERE app_id = ${world.appId} AND action = 'sign_in.failed'`,
    );
    expect(events.length).toBeGreaterThan(0);
  });

  it('is refused in an app that disables it, but not as second factor', async () => {
    const other = await createWorld(test, { settings: { signInMethods: ['password'] } });
    await setRelyingParty(other);
    const owner = await other.person();
    await addPasskey(other, owner);
    const body = { assertion: assertion(passkey, await optionsOf(world, 'signInOptions')) };
    for (const [url, content] of [
      [passkeyUrls.signInOptions, {}],
      [passkeyUrls.signIn, body],
    ] as const) {
      expect(problem(await other.call('POST', url, { body: content }))).toBe('403 sign_in_method_disabled');
    }
    const { mfaToken, device } = await challenge(other, owner.email);
    const headers = { 'x-device-token': device };
    expect(
      (await other.call('POST', passkeyUrls.secondFactorOptions, { body: { mfaToken }, headers })).statusCode,
    ).toBe(201);
  });

  it('is possible in an app without a relying party only after it is set', async () => {
    const other = await createWorld(test, { settings: { hostedPages: false } });
    expect(problem(await other.call('POST', passkeyUrls.signInOptions, { body: {} }))).toBe(
      '409 relying_party_missing',
    );
    const body = { assertion: assertion(passkey, await optionsOf(world, 'signInOptions')) };
    expect(problem(await other.call('POST', passkeyUrls.signIn, { body }))).toBe('409 relying_party_missing');
  });
});

describe('the options for an e-mail address', () => {
  const ask = (email: string) => optionsOf(world, 'signInOptions', { body: { email } });

  it('do not reveal who has an account or a passkey, or whether there are several', async () => {
    const without = await world.person();
    const several = await world.person();
    for (let count = 0; count < 3; count += 1) await addPasskey(world, several);
    for (const email of [several.email, person.email, without.email, 'unknown@example.com']) {
      const [first, again] = [await ask(email), await ask(email.toUpperCase())];
      expect(Object.keys(first)).toEqual(Object.keys(await ask(person.email)));
      const credential = { type: 'public-key', id: expect.stringMatching(/^[\w-]{22,86}$/) };
      expect(first.allowCredentials).toEqual([credential, credential, credential]);
      const ids = (first.allowCredentials ?? []).map(({ id }) => Buffer.from(id, 'base64url'));
      expect(ids).toEqual(ids.toSorted((one, other) => Buffer.compare(one, other)));
      expect(again.allowCredentials).toEqual(first.allowCredentials);
      expect(again.challenge).not.toBe(first.challenge);
    }
    expect((await ask(without.email)).allowCredentials).not.toEqual(
      (await ask('unknown@example.com')).allowCredentials,
    );
  });

  it('invent ids that look random: the bytes do not determine the length', async () => {
    const addresses = Array.from({ length: 60 }, (_, index) => `unknown-${index}@example.com`);
    const invented = (await Promise.all(addresses.map(ask))).flatMap(({ allowCredentials = [] }) =>
      allowCredentials.map(({ id }) => Buffer.from(id, 'base64url')),
    );
    const lengths = [16, 20, 32, 48, 64];
    expect([...new Set(invented.map((id) => id.length))].toSorted((one, other) => one - other)).toEqual(lengths);
    for (const length of lengths) {
      const ids = invented.filter((id) => id.length === length);
      for (let place = 0; place < length; place += 1) {
        for (const divisor of [2, 3, 5]) {
          expect(new Set(ids.map((id) => (id[place] ?? 0) % divisor)).size).toBeGreaterThan(1);
        }
      }
    }
  });

  it('invent another passkey in another app', async () => {
    const other = await otherWorld();
    const theirs = await optionsOf(other, 'signInOptions', { body: { email: 'unknown@example.com' } });
    expect(theirs.allowCredentials).not.toEqual((await ask('unknown@example.com')).allowCredentials);
  });

  it('lead to the same refusal for real and for invented passkeys', async () => {
    const places = [0, 1, 2].flatMap((place) => [
      [person.email, place] as const,
      ['unknown@example.com', place] as const,
    ]);
    const answers = await Promise.all(
      places.map(async ([email, place]) => {
        const options = await ask(email);
        const credentialId = Buffer.from(options.allowCredentials?.[place]?.id ?? '', 'base64url');
        const guess = { ...createPasskey(), credentialId };
        const response = await signIn({ assertion: assertion(guess, options, { userHandle: null }) });
        const { requestId: _, ...body } = response.json<{ requestId: string }>();
        return [response.statusCode, body];
      }),
    );
    expect(answers).toEqual(answers.map(() => answers[0]));
    expect(answers[0]?.[0]).toBe(401);
  });
});

describe('a passkey as second factor', () => {
  const refused = '400 factor_invalid';
  const begin = async () => {
    const begun = await challenge(world, person.email);
    const request = { body: { mfaToken: begun.mfaToken }, headers: { 'x-device-token': begun.device } };
    return { begun, options: await optionsOf(world, 'secondFactorOptions', request), request };
  };
  const attempt = async (deviation: Deviation = {}, of = passkey) => {
    const { begun, options } = await begin();
    return finish(world, begun, { assertion: assertion(of, options, deviation) });
  };

  it('finishes a sign-in with a password', async () => {
    const { begun, options } = await begin();
    expect(options).toMatchObject({
      rpId: 'example.com',
      userVerification: 'preferred',
      allowCredentials: [{ id: passkey.credentialId.toString('base64url'), transports: ['internal', 'hybrid'] }],
    });
    const finished = await finish(world, begun, { assertion: assertion(passkey, options) });
    expect(finished.statusCode).toBe(201);
    const { sessionToken } = finished.json<{ sessionToken: string }>();
    const { session } = (await meWith(sessionToken)).json<{ session: { amr: string[] } }>();
    expect([session.amr, acrOf(session.amr)]).toEqual([['pwd', 'swk', 'user', 'mfa'], 3]);
  });

  it('needs no PIN or biometrics, but is weaker without', async () => {
    const { sessionToken } = (await attempt({ isUserVerified: false })).json<{ sessionToken: string }>();
    const { session } = (await meWith(sessionToken)).json<{ session: { amr: string[] } }>();
    expect([session.amr, acrOf(session.amr)]).toEqual([['pwd', 'swk', 'mfa'], 2]);
  });

  it('is listed in the refusal of the password', async () => {
    const response = await world.call('POST', `${users}/sessions`, { body: { email: person.email, password } });
    expect(response.json()).toMatchObject({ code: 'mfa_required', factors: [{ id: passkey.id, kind: 'passkey' }] });
  });

  it.each(refusedDeviations)('is refused %s', async (_, deviation) => {
    expect(problem(await attempt(deviation))).toBe(refused);
  });

  it('is refused if it is of another person, or signed by another key', async () => {
    const other = await addPasskey(world, await world.person());
    expect(problem(await attempt({ userHandle: null }, other))).toBe(refused);
    const { begun, options } = await begin();
    expect(problem(await finish(world, begun, { assertion: forged(options) }))).toBe(refused);
  });

  it('is refused with the challenge of another sign-in of the person', async () => {
    const [one, other] = [await begin(), await begin()];
    const answer = { assertion: assertion(passkey, other.options) };
    expect(problem(await finish(world, one.begun, answer))).toBe(refused);
    expect((await finish(world, other.begun, answer)).statusCode).toBe(201);
  });

  it('is refused with the challenge of a sign-in with a passkey alone', async () => {
    const { begun } = await begin();
    const options = await optionsOf(world, 'signInOptions');
    expect(problem(await finish(world, begun, { assertion: assertion(passkey, options) }))).toBe(refused);
  });

  it('is refused twice with the same response, also by a parallel call', async () => {
    const { begun, options } = await begin();
    const answer = { assertion: assertion(passkey, options) };
    const both = await Promise.all([finish(world, begun, answer), finish(world, begun, answer)]);
    const statuses = both.map(({ statusCode }) => statusCode).toSorted((one, other) => one - other);
    expect(statuses[0]).toBe(201);
    expect([400, 401]).toContain(statuses[1]);
  });

  it('is counted with the wrong codes of the person', async () => {
    world = await createWorld(test, { settings: { limits: { secondFactorsPerUserPerHour: 2 } } });
    await setRelyingParty(world);
    person = await world.person();
    passkey = await addPasskey(world, person);
    const answers = [await attempt({ rpId: 'x' }), await attempt({ rpId: 'x' }), await attempt()];
    expect(answers.map(problem)).toEqual([refused, refused, '429 rate_limited']);
    world = await createWorld(test);
  });

  it.each([
    ['another device', { 'x-device-token': 'gh_d_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
    ['no device', {}],
  ])('gets no options on %s', async (_, headers) => {
    const { request } = await begin();
    const response = await world.call('POST', passkeyUrls.secondFactorOptions, { body: request.body, headers });
    expect(problem(response)).toBe('401 unauthenticated');
  });

  it('gets no options in another app', async () => {
    const { request } = await begin();
    const response = await (await otherWorld()).call('POST', passkeyUrls.secondFactorOptions, request);
    expect(problem(response)).toBe('401 unauthenticated');
  });

  it('is refused after it is removed', async () => {
    await enrol(world, person);
    const { begun, options } = await begin();
    await test.db.query(sql`DELETE FROM factors WHERE app_id = ${world.appId} AND id = ${passkey.id}`);
    expect(problem(await finish(world, begun, { assertion: assertion(passkey, options) }))).toBe(refused);
  });
});

describe('a signature counter', () => {
  const regressions = () =>
    test.db.query(
      sql`SELECT 1 FROM audit_events WHERE app_id = ${world.appId} AND action = 'factor.counter_regressed'
        AND target_id = ${passkey.id}`,
    );
  const listed = async () => {
    const response = await world.call('GET', factorsUrl, { token: person.token });
    return response.json<{ factors: { passkey: { counterRegressedAt: string | null } }[] }>().factors[0]?.passkey;
  };

  it('a counter that goes back is recorded, not refused', async () => {
    for (const counter of [5, 6]) expect((await signInByPasskey(world, passkey, { counter })).statusCode).toBe(201);
    expect([await regressions(), (await listed())?.counterRegressedAt]).toEqual([[], null]);
    expect((await signInByPasskey(world, passkey, { counter: 6 })).statusCode).toBe(201);
    expect(await regressions()).toHaveLength(1);
    expect((await listed())?.counterRegressedAt).toBe(test.clock.now().toISOString());
    expect((await signInByPasskey(world, passkey, { counter: 7 })).statusCode).toBe(201);
    expect(await regressions()).toHaveLength(1);
  });

  it('a counter that stays 0 belongs to an authenticator without a counter', async () => {
    for (let round = 0; round < 2; round += 1) await signInByPasskey(world, passkey, { counter: 0 });
    expect(await regressions()).toEqual([]);
  });
});
