import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sql } from '../db/db.ts';
import { goThrough } from '../test/identity-flow.ts';
import { linked } from '../test/samples/identity-providers.ts';
import { withoutTimePassing } from '../test/clock.ts';
import { createStage, type Stage } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import {
  callFrom,
  cookiesOf,
  finishFrom,
  type Jar,
  rememberedBrowser,
  setMfa,
  signInFrom,
} from '../test/world/browsers.ts';
import {
  addFactor,
  challengeIn,
  enrol,
  factorsUrl,
  nextCode,
  type OwnFactor,
  setPolicy,
} from '../test/world/factors.ts';
import { addPasskey, setRelyingParty } from '../test/world/passkeys.ts';
import { enableSignInCodes, sentCode } from '../test/world/sign-in-codes.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const sessions = `${users}/sessions`;
const settingsUrl = '/v1/authorization/apps/settings';
const dayMs = 24 * 3_600_000;

let test: TestApp;
let world: World;
let stage: Stage;
let person: Person;
let factor: OwnFactor;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  stage = await createStage(world);
  await enableSignInCodes(world);
});
afterAll(() => test?.close());

beforeEach(async () => {
  await setPolicy(world, 'optional');
  await setMfa(world, { rememberDays: 30 });
  person = await world.person();
  factor = await enrol(world, person);
});

const from = (jar: Jar, method: 'POST' | 'PUT', url: string, body: object, of = world) =>
  callFrom(of, jar, [method, url], body);
const byPassword = (jar: Jar, email = person.email) => signInFrom(world, jar, email);
const finishIn = (jar: Jar, begun: LightMyRequestResponse, extra: object = {}, own = factor) =>
  finishFrom(world, jar, begun, own, extra);
const remembered = () => rememberedBrowser(world, person.email, factor);

const tokenIn = (response: LightMyRequestResponse) => response.json<{ sessionToken: string }>().sessionToken;
const me = (token: string) => world.call('GET', `${users}/me`, { token });
const call = (method: string, url: string, token: string, body?: object) =>
  world.call(method as 'GET', url, { token, ...(body && { body }) });

const asks = '403 mfa_required';
/** The response to a sign-in with the password. */
const outcome = async (jar: Jar) => problem(await byPassword(jar));
const skips = '201 undefined';

describe('a remembered browser', () => {
  it('signs in with the password alone, and has one factor', async () => {
    const response = await byPassword(await remembered());
    expect(response.statusCode).toBe(201);
    expect(Object.keys(response.json<object>()).toSorted()).toEqual(['sessionId', 'sessionToken', 'userId']);
    expect((await me(tokenIn(response))).json()).toMatchObject({ session: { acr: 1, amr: ['pwd'] } });
  });

  it('signs in to an app that requires a factor, also after the days of grace', async () => {
    await setMfa(world, { policy: 'required', graceDays: 0 });
    const token = tokenIn(await byPassword(await remembered()));
    expect((await me(token)).statusCode).toBe(200);
  });

  it('signs in with a provider and with a mailed code', async () => {
    const { person: user, idpId, provider } = await linked(stage);
    await test.db.query(
      sql`UPDATE apps SET settings = jsonb_set(settings, '{mfa,policy}', '"optional"') WHERE id = ${world.appId}`,
    );
    person = user;
    factor = await enrol(world, person);
    const jar = await remembered();
    const { intentId, intentToken } = await goThrough(world, provider, idpId);
    const fed = await from(jar, 'POST', '/v1/authentication/idp/intents/validate', { intentId, intentToken });
    expect((await me(tokenIn(fed))).json()).toMatchObject({ session: { acr: 1, amr: ['fed'] } });
    const { code } = await sentCode(world, person.email, { ip: '192.0.2.9' });
    const mailed = await from(jar, 'POST', sessions, { email: person.email, verificationCode: code });
    expect((await me(tokenIn(mailed))).json()).toMatchObject({ session: { acr: 1, amr: ['email'] } });
  });

  it('is asked again when the days have passed, counted from the factor and not from later sign-ins', () =>
    withoutTimePassing(async () => {
      const jar = await remembered();
      test.clock.advance(30 * dayMs - 60_000);
      expect(await outcome(jar)).toBe(skips);
      test.clock.advance(60_000);
      expect(await outcome(jar)).toBe(asks);
    }));

  it('has sessions that end when it is no longer remembered', () =>
    withoutTimePassing(async () => {
      const jar = await remembered();
      test.clock.advance(30 * dayMs - 60_000);
      const token = tokenIn(await byPassword(jar));
      expect((await me(token)).statusCode).toBe(200);
      test.clock.advance(60_000);
      expect(problem(await me(token))).toBe('401 unauthenticated');
    }));

  it('renews the session of its cookie, which loses the strength that it had', async () => {
    const jar = await remembered();
    const strong = jar.get('session-token') ?? '';
    expect((await me(strong)).json()).toMatchObject({ session: { acr: 2 } });
    const response = await world.call('POST', sessions, {
      body: { email: person.email, password },
      headers: { cookie: cookiesOf(jar) },
    });
    expect((await me(tokenIn(response))).json()).toMatchObject({ session: { acr: 1, amr: ['pwd'] } });
    expect(problem(await me(strong))).toBe('401 unauthenticated');
  });

  it('remembers several people, each with their own password only', async () => {
    const jar = await remembered();
    const other = await world.person();
    const theirs = await enrol(world, other);
    expect(problem(await byPassword(jar, other.email))).toBe(asks);
    await finishIn(jar, await byPassword(jar, other.email), { rememberDevice: true }, theirs);
    for (const { email } of [person, other]) expect(problem(await byPassword(jar, email))).toBe(skips);
  });

  it('is not remembered for other people who have signed in there', async () => {
    const other = await world.person();
    const theirs = await enrol(world, other);
    const jar: Jar = new Map();
    await finishIn(jar, await byPassword(jar, other.email), {}, theirs);
    await finishIn(jar, await byPassword(jar), { rememberDevice: true });
    expect(await outcome(jar)).toBe(skips);
    expect(problem(await byPassword(jar, other.email))).toBe(asks);
  });

  it('writes who was remembered into the audit and the export', async () => {
    const jar = await remembered();
    const [event] = (await world.events()).filter(({ action }) => action === 'device.remembered').slice(-1);
    expect(event).toMatchObject({ target: `user ${person.userId}` });
    const token = jar.get('session-token') ?? '';
    const exported = (await call('GET', `${users}/me/export`, token)).json<{ devices: object[] }>();
    const until = new Date(test.clock.now().getTime() + 30 * dayMs).toISOString();
    expect(exported.devices).toContainEqual(expect.objectContaining({ rememberedUntil: until }));
    expect(JSON.stringify(exported)).not.toContain('gh_r_');
  });
});

describe('a browser is not remembered', () => {
  it.each([
    ['unless the person wants it', {}, 30],
    ['if the person does not want it', { rememberDevice: false }, 30],
    ['if the app remembers no devices', { rememberDevice: true }, 0],
  ])('%s', async (_, extra, rememberDays) => {
    await setMfa(world, { rememberDays });
    const jar: Jar = new Map();
    expect((await finishIn(jar, await byPassword(jar), extra)).statusCode).toBe(201);
    expect(jar.has('remembered-device')).toBe(false);
    expect(await outcome(jar)).toBe(asks);
  });

  it('a browser is not remembered after a recovery code', async () => {
    const jar: Jar = new Map();
    const { mfaToken } = challengeIn(await byPassword(jar));
    const body = { mfaToken, recoveryCode: factor.recoveryCodes[0], rememberDevice: true };
    expect((await from(jar, 'PUT', `${sessions}/mfa`, body)).statusCode).toBe(201);
    expect(jar.has('remembered-device')).toBe(false);
  });

  it('a browser is not remembered after a wrong code', async () => {
    const jar: Jar = new Map();
    const refused = await finishIn(jar, await byPassword(jar), { rememberDevice: true, code: '000000' });
    expect(problem(refused)).toBe('400 factor_invalid');
    expect(await outcome(jar)).toBe(asks);
  });

  it('a browser is not remembered by the device token, in the cookie or in the header', async () => {
    const jar = await remembered();
    const device = jar.get('device-token') ?? '';
    const cookie = cookiesOf(jar, 'session-token', 'remembered-device');
    for (const headers of [{ cookie }, { 'x-device-token': device }]) {
      expect(problem(await world.call('POST', sessions, { body: { email: person.email, password }, headers }))).toBe(
        asks,
      );
    }
  });

  it('a browser is not remembered by its secret in any header but the cookie', async () => {
    const secret = (await remembered()).get('remembered-device') ?? '';
    for (const headers of [
      { 'x-device-token': secret },
      { cookie: `device-token=${secret}` },
      { 'remembered-device': secret },
    ]) {
      expect(problem(await world.call('POST', sessions, { body: { email: person.email, password }, headers }))).toBe(
        asks,
      );
    }
  });

  it('the secret of a browser is in no body and in no header that scripts can read', async () => {
    const jar = await remembered();
    const secret = jar.get('remembered-device') ?? '';
    const stranger = await world.person();
    await enrol(world, stranger);
    for (const response of [await byPassword(jar), await byPassword(jar, stranger.email)]) {
      const { 'set-cookie': cookies, ...headers } = response.headers;
      expect([JSON.stringify(headers), response.body].join()).not.toContain(secret);
      expect(String(cookies)).not.toContain(secret);
    }
    const begun = await byPassword(jar, stranger.email);
    expect(String(begun.headers['set-cookie'])).not.toContain('gh_r_');
  });

  it('the secret is in a cookie that scripts cannot read, and is stored as a hash', async () => {
    const jar: Jar = new Map();
    const response = await finishIn(jar, await byPassword(jar), { rememberDevice: true });
    const cookie = [response.headers['set-cookie'] ?? []].flat().find((one) => one.startsWith('remembered-device='));
    expect(cookie).toMatch(/; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/);
    const rows = await test.db.query<{ row: string }>(sql`SELECT d::text AS row FROM devices d`);
    expect(rows.map(({ row }) => row).join()).not.toContain(jar.get('remembered-device'));
  });

  it('a browser is not remembered for another person, another app, or with a wrong password', async () => {
    const jar = await remembered();
    expect(problem(await from(jar, 'POST', sessions, { email: person.email, password: `${password}x` }))).toBe(
      '401 invalid_credentials',
    );
    const other = await world.person();
    await enrol(world, other);
    expect(problem(await byPassword(jar, other.email))).toBe(asks);
    const elsewhere = await createWorld(test, { settings: { mfa: { rememberDays: 30 } } });
    const twin = await elsewhere.person({ email: person.email });
    await enrol(elsewhere, twin);
    expect(problem(await from(jar, 'POST', sessions, { email: person.email, password }, elsewhere))).toBe(asks);
  });
});

describe('a remembered browser is asked again after', () => {
  const admin = async () => {
    const { token } = world.admin;
    return (body: object) => call('PATCH', settingsUrl, token, body);
  };

  it.each<[string, () => Promise<object>]>([
    [
      'a change of the password',
      () =>
        call('PUT', `${users}/${person.userId}/password`, person.token, {
          currentPassword: password,
          newPassword: password,
        }),
    ],
    [
      'a password reset',
      async () => {
        await world.call('POST', `${users}/password/reset-request/email`, { body: { email: person.email } });
        await runTask(test, sendPasswordResets);
        const mail = (await world.mails(person.email)).find(({ purpose }) => purpose === 'password_reset');
        const body = { email: person.email, verificationCode: mail?.code, newPassword: password };
        return world.call('PUT', `${users}/password`, { body });
      },
    ],
    [
      'a further factor',
      async () => {
        await setRelyingParty(world);
        await addPasskey(world, person);
        return { statusCode: 201 };
      },
    ],
    [
      'the removal of a factor',
      async () => {
        const other = await addFactor(world, person);
        const url = `${factorsUrl}/${other.id}`;
        await call('POST', `${url}/confirmation`, person.token, { code: nextCode(world, other) });
        // The device is remembered again after the addition, so only the removal is tested.
        await test.db.query(sql`
          UPDATE devices SET remembered_user_version = u.remember_version FROM users u
          WHERE u.id = ${person.userId} AND devices.user_id = u.id AND remember_hash IS NOT NULL`);
        return call('DELETE', url, person.token);
      },
    ],
    [
      'the link "not me" in the mail about its first sign-in',
      async () => {
        const mail = (await world.mails(person.email)).find(({ purpose }) => purpose === 'new_device');
        const [, token] = /not-me#(\S+)/.exec(mail?.text ?? '') ?? [];
        return world.call('POST', `${users}/email/verification/rejection`, { body: { token } });
      },
    ],
    ['the end of all sessions', () => call('DELETE', `${users}/${person.userId}/sessions`, world.admin.token)],
    ['another number of days', async () => (await admin())({ mfa: { rememberDays: 31 } })],
    [
      'another policy, and the earlier one again',
      async () => {
        await (
          await admin()
        )({ mfa: { policy: 'off' } });
        return (await admin())({ mfa: { policy: 'optional' } });
      },
    ],
    ['other kinds of factors', async () => (await admin())({ mfa: { factors: ['totp'] } })],
    ['another grace', async () => (await admin())({ mfa: { graceDays: 3 } })],
  ])('%s', async (_, change) => {
    const jar = await remembered();
    expect(await outcome(jar)).toBe(skips);
    await world.reauthenticate();
    expect(await change()).toMatchObject({ statusCode: expect.toSatisfy((status: number) => status < 300) });
    expect(await outcome(jar)).toBe(asks);
  });

  it('an administrator removed the factors, and the person has added one again', async () => {
    const jar = await remembered();
    await enrol(world, world.admin);
    const removed = await call('DELETE', `/v1/authorization/users/${person.userId}/factors`, world.admin.token);
    expect(removed.statusCode).toBe(200);
    const again = await world.signIn(person.email);
    await enrol(world, again);
    expect(await outcome(jar)).toBe(asks);
  });

  it('a remembered browser is not asked again after a change of another setting', async () => {
    const jar = await remembered();
    await call('PATCH', settingsUrl, world.admin.token, { sessionsPerUser: 50, mfa: { rememberDays: 30 } });
    expect(await outcome(jar)).toBe(skips);
  });
});
