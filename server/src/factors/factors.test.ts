import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { listAudiences } from '../test/access-tokens.ts';
import { withoutTimePassing } from '../test/clock.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import {
  addFactor,
  challenge,
  confirmation,
  enrol,
  factorsUrl,
  finish,
  nextCode,
  setPolicy,
  signInWith,
} from '../test/world/factors.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const reauthentication = `${users}/me/reauthentication`;

let test: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
});
afterAll(() => test?.close());
beforeEach(async () => {
  await setPolicy(world, 'optional');
  person = await world.person();
});

const call = (method: string, url: string, body?: object, token = person.token) =>
  world.call(method as 'GET', url, { token, ...(body && { body }) });
interface ListedFactors {
  readonly factors: readonly { readonly id: string; readonly lastUsedAt: string | null }[];
  readonly recoveryCodes: object;
}
const list = async (token = person.token) => (await call('GET', factorsUrl, undefined, token)).json<ListedFactors>();
const confirm = (id: string, body: object, token = person.token) =>
  call('POST', `${factorsUrl}/${id}/confirmation`, body, token);
const tenMinutes = () => test.clock.advance(600_001);
const me = (token: string) => call('GET', `${users}/me`, undefined, token);

describe('adding an authenticator app', () => {
  it('shows the secret once, as text, address and picture', async () => {
    const { id, secret, uri, qrCode } = (await call('POST', `${factorsUrl}/totp`, { name: 'Phone' })).json<
      Record<string, string>
    >();
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(uri).toBe(
      `otpauth://totp/${world.appName}:${encodeURIComponent(person.email)}?secret=${secret}` +
        `&issuer=${world.appName}&algorithm=SHA1&digits=6&period=30`,
    );
    expect(qrCode).toMatch(/^<svg [^>]*viewBox/);
    expect(JSON.stringify(await list())).not.toContain(secret);
    const stored = await test.db.query<{ sealed_secret: Buffer }>(
      sql`SELECT sealed_secret FROM factors WHERE app_id = ${world.appId} AND id = ${id ?? ''}`,
    );
    expect(stored.map(({ sealed_secret: sealed }) => sealed.length)).toEqual([20 + 37]);
  });

  it('has no effect before it is confirmed', async () => {
    await addFactor(world, person);
    expect(await list()).toEqual({ factors: [], recoveryCodes: { total: 0, unused: 0 } });
    expect((await world.signIn(person.email)).userId).toBe(person.userId);
  });

  it('replaces one that was not confirmed', async () => {
    const first = await addFactor(world, person);
    await addFactor(world, person);
    expect(problem(await confirm(first.id, { code: nextCode(world, first) }))).toBe('404 factor_not_found');
  });

  it('needs a recent authentication, and a recent factor from people who have one', async () => {
    await enrol(world, person);
    tenMinutes();
    expect(problem(await call('POST', `${factorsUrl}/totp`, {}))).toBe('401 reauthentication_required');
    await world.reauthenticate(person);
    const refused = await call('POST', `${factorsUrl}/totp`, {});
    expect([problem(refused), refused.headers['www-authenticate']]).toEqual([
      '401 step_up_required',
      'Bearer error="insufficient_user_authentication", acr_values="urn:gatehouse:acr:2", max_age=600',
    ]);
  });

  it('is refused beyond ten factors', async () => {
    for (let count = 0; count < 10; count += 1) await enrol(world, person);
    expect(problem(await call('POST', `${factorsUrl}/totp`, {}))).toBe('409 factor_limit_exceeded');
  });

  it('is refused while the app uses none', async () => {
    const added = await addFactor(world, person);
    await setPolicy(world, 'off');
    expect(problem(await call('POST', `${factorsUrl}/totp`, {}))).toBe('403 mfa_disabled');
    expect(problem(await confirm(added.id, { code: nextCode(world, added) }))).toBe('403 mfa_disabled');
  });
});

describe('confirming a factor', () => {
  it('returns ten recovery codes with the first factor only, and notifies the owner', async () => {
    const first = await enrol(world, person);
    expect(new Set(first.recoveryCodes).size).toBe(10);
    expect(first.recoveryCodes.every((code) => /^([A-HJKMNP-Z2-9]{6}-){2}[A-HJKMNP-Z2-9]{6}$/.test(code))).toBe(true);
    expect((await world.mail(person.email)).subject).toContain('second factor was added');
    expect((await enrol(world, person)).recoveryCodes).toEqual([]);
    expect(await list()).toMatchObject({ factors: [{ id: first.id }, {}], recoveryCodes: { total: 10, unused: 10 } });
  });

  it('is listed with the time of its last use', async () => {
    const factor = await enrol(world, person);
    const lastUse = async (token: string) => (await list(token)).factors.map(({ lastUsedAt }) => lastUsedAt);
    const first = test.clock.now().toISOString();
    expect(await lastUse(person.token)).toEqual([first]);
    test.clock.advance(60_000);
    const { token } = await signInWith(world, person, factor);
    expect(await lastUse(token)).toEqual([test.clock.now().toISOString()]);
  });

  it('counts as two factors in this session', async () => {
    await enrol(world, person);
    expect((await me(person.token)).json()).toMatchObject({ session: { amr: ['pwd', 'otp', 'mfa'] } });
  });

  it.each([
    ['a wrong code', '000000'],
    ['an empty code', ' '],
  ])('is refused with %s', async (_, code) => {
    const added = await addFactor(world, person);
    expect(problem(await confirm(added.id, { code }))).toBe('400 factor_invalid');
    expect((await list()).factors).toEqual([]);
  });

  it('is refused after an hour', async () => {
    const added = await addFactor(world, person);
    test.clock.advance(3_600_000);
    await world.reauthenticate(person);
    expect(problem(await confirm(added.id, { code: nextCode(world, added) }))).toBe('404 factor_not_found');
  });

  it("is refused for another user's factor", async () => {
    const added = await addFactor(world, person);
    const other = await world.person();
    expect(problem(await confirm(added.id, { code: nextCode(world, added) }, other.token))).toBe(
      '404 factor_not_found',
    );
  });

  it('uses the code up, so that it starts no session', async () => {
    const added = await addFactor(world, person);
    const code = nextCode(world, added);
    expect((await confirm(added.id, { code, ...(await confirmation(world, person)) })).statusCode).toBe(200);
    const begun = await challenge(world, person.email);
    expect(problem(await finish(world, begun, { factorId: added.id, code }))).toBe('400 factor_invalid');
  });
});

describe('removing a factor', () => {
  it('ends the other sessions, and with the last one the recovery codes', async () => {
    const factor = await enrol(world, person);
    const other = await signInWith(world, person, factor);
    expect((await call('DELETE', `${factorsUrl}/${factor.id}`)).statusCode).toBe(204);
    expect([(await me(person.token)).statusCode, (await me(other.token)).statusCode]).toEqual([200, 401]);
    expect(await list()).toEqual({ factors: [], recoveryCodes: { total: 0, unused: 0 } });
    expect((await world.mail(person.email)).subject).toContain('was removed');
    expect((await world.signIn(person.email)).userId).toBe(person.userId);
  });

  it('needs a recent factor, not only the password', async () => {
    const factor = await enrol(world, person);
    tenMinutes();
    await world.reauthenticate(person);
    const remove = () => call('DELETE', `${factorsUrl}/${factor.id}`);
    expect(problem(await remove())).toBe('401 step_up_required');
    const wrong = await call('POST', reauthentication, { factorId: factor.id, code: '000000' });
    expect(problem(wrong)).toBe('400 factor_invalid');
    await call('POST', reauthentication, { factorId: factor.id, code: nextCode(world, factor) });
    expect((await remove()).statusCode).toBe(204);
  });

  it('is refused for the last one if the app requires a factor', async () => {
    const [first, second] = [await enrol(world, person), await enrol(world, person)];
    await setPolicy(world, 'required');
    expect((await call('DELETE', `${factorsUrl}/${first.id}`)).statusCode).toBe(204);
    expect(problem(await call('DELETE', `${factorsUrl}/${second.id}`))).toBe('409 last_factor');
  });

  it("is refused for another user's factor", async () => {
    const factor = await enrol(world, person);
    const other = await world.person();
    await enrol(world, other);
    const response = await call('DELETE', `${factorsUrl}/${factor.id}`, undefined, other.token);
    expect(problem(response)).toBe('404 factor_not_found');
  });
});

describe('people with a second factor', () => {
  it('need a recent authentication for documented operations, too', async () => {
    const { admin } = world;
    const add = () => call('POST', '/v1/authorization/machine-users', { userName: 'exporter' }, admin.token);
    await test.db.transaction(async (tx) => {
      await tx.query(sql`UPDATE users SET has_factor = true WHERE app_id = ${world.appId} AND id = ${admin.userId}`);
    });
    tenMinutes();
    expect(problem(await add())).toBe('401 step_up_required');
    await test.db.query(sql`UPDATE users SET has_factor = false WHERE app_id = ${world.appId}`);
    expect((await add()).statusCode).toBe(201);
  });

  it('create new recovery codes, and the earlier ones are void', async () => {
    const factor = await enrol(world, person);
    const made = (await call('POST', `${users}/me/recovery-codes`)).json<{ recoveryCodes: string[] }>();
    expect(made.recoveryCodes).toHaveLength(10);
    const use = async (recoveryCode: string | undefined) =>
      (await finish(world, await challenge(world, person.email), { recoveryCode })).statusCode;
    expect([await use(factor.recoveryCodes[0]), await use(made.recoveryCodes[0])]).toEqual([400, 201]);
  });

  it('create no recovery codes without a factor', async () => {
    expect(problem(await call('POST', `${users}/me/recovery-codes`))).toBe('404 factor_not_found');
  });
});

describe('factors in an app that requires a second factor', () => {
  const code = async () => {
    await call('POST', `${reauthentication}-request`);
    return (await world.mail(person.email)).code;
  };

  beforeEach(() => setPolicy(world, 'required'));

  it.each([
    ['sign-in', async () => (await world.signIn(person.email)).token],
    ['sign-up', async () => (await world.person({ verified: false })).token],
  ])('a session after %s without one can only add one', async (_, start) => {
    const token = await start();
    expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
    expect(await list(token)).toMatchObject({ factors: [] });
  });

  it('the first factor is confirmed by the mailbox, too, and the session is then an ordinary one', async () => {
    person = await world.signIn(person.email);
    const added = await addFactor(world, person);
    const first = await confirm(added.id, { code: nextCode(world, added) });
    expect(problem(first)).toBe('400 code_invalid');
    const wrong = await confirm(added.id, { code: nextCode(world, added), verificationCode: 'AAAAAAA' });
    expect(problem(wrong)).toBe('400 code_invalid');
    const done = await confirm(added.id, { code: nextCode(world, added), verificationCode: await code() });
    expect(done.statusCode).toBe(200);
    expect((await me(person.token)).statusCode).toBe(200);
    const { expires_at: ends } = (
      await test.db.query<{ expires_at: Date }>(
        sql`SELECT expires_at FROM sessions WHERE app_id = ${world.appId} AND id = ${person.sessionId}`,
      )
    )[0] ?? { expires_at: test.clock.now() };
    expect(ends.getTime() - test.clock.now().getTime()).toBeGreaterThan(7 * 24 * 3_600_000);
  });

  it('the first factor ends the other sessions that could only add one, of this person alone', async () => {
    const neighbour = await world.person();
    const [theirs, other] = [await world.signIn(neighbour.email), await world.signIn(person.email)];
    person = await world.signIn(person.email);
    const added = await addFactor(world, person);
    await confirm(added.id, { code: nextCode(world, added), verificationCode: await code() });
    expect(problem(await call('GET', factorsUrl, undefined, other.token))).toBe('401 unauthenticated');
    expect((await call('GET', factorsUrl, undefined, theirs.token)).statusCode).toBe(200);
  });

  it('the address must be claimed first', async () => {
    person = await world.person({ verified: false });
    const { code: verificationCode } = await world.mail(person.email);
    const added = await addFactor(world, person);
    expect(problem(await confirm(added.id, { code: nextCode(world, added) }))).toBe('403 account_unclaimed');
    const body = { userId: person.userId, verificationCode };
    expect((await call('POST', `${users}/email/verification`, body)).statusCode).toBe(200);
  });

  it('a session that can only add a factor lasts an hour, and can be ended', async () => {
    const { token, sessionId } = await world.signIn(person.email);
    expect((await call('DELETE', `${users}/sessions/${sessionId}`, undefined, token)).statusCode).toBe(204);
    const second = await world.signIn(person.email);
    test.clock.advance(3_600_000);
    expect(problem(await call('GET', factorsUrl, undefined, second.token))).toBe('401 unauthenticated');
  });

  it('does not affect earlier sessions during the grace period, by default seven days', () =>
    withoutTimePassing(async () => {
      test.clock.advance(7 * 24 * 3_600_000 - 60_001);
      await world.call('GET', `${users}/me`, { token: person.token });
      expect((await me(person.token)).statusCode).toBe(200);
      test.clock.advance(60_001);
      expect(problem(await me(person.token))).toBe('403 mfa_enrolment_required');
    }));

  it('an older session of somebody with a factor is an ordinary one after a code', async () => {
    await setPolicy(world, 'optional');
    const older = await world.signIn(person.email);
    const factor = await enrol(world, person);
    await test.db.query(sql`
      UPDATE apps SET settings = settings || '{"mfa": {"policy": "required", "graceDays": 0}}'::jsonb
      WHERE id = ${world.appId}`);
    expect(problem(await me(older.token))).toBe('403 mfa_enrolment_required');
    const body = { factorId: factor.id, code: nextCode(world, factor) };
    expect((await call('POST', reauthentication, body, older.token)).statusCode).toBe(200);
    expect((await me(older.token)).statusCode).toBe(200);
  });

  it('a session with a factor is restricted after the grace period if the person has removed the factor', async () => {
    await listAudiences(world);
    await setPolicy(world, 'optional');
    const factor = await enrol(world, person);
    expect((await call('DELETE', `${factorsUrl}/${factor.id}`)).statusCode).toBe(204);
    const { token } = (await call('POST', `${users}/me/access-token`, {})).json<{ token: string }>();
    await test.db.query(sql`
      UPDATE apps SET settings = settings || '{"mfa": {"policy": "required", "graceDays": 0}}'::jsonb
      WHERE id = ${world.appId}`);
    expect(problem(await me(person.token))).toBe('403 mfa_enrolment_required');
    expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
  });

  it('an access token of an older session is invalid after the grace period, here and elsewhere', async () => {
    await listAudiences(world);
    await setPolicy(world, 'optional');
    const machine = await world.machine();
    const { token } = (await call('POST', `${users}/me/access-token`, {})).json<{ token: string }>();
    await test.db.query(sql`
      UPDATE apps SET settings = settings || '{"mfa": {"policy": "required", "graceDays": 0}}'::jsonb
      WHERE id = ${world.appId}`);
    expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
    const answer = await call('POST', '/v1/authentication/token/introspection', { token }, machine.token);
    expect(answer.json()).toEqual({ active: false });
  });

  it('does not renew the session of the cookie', async () => {
    const response = await world.call('POST', `${users}/sessions`, {
      body: { email: person.email, password },
      headers: { cookie: `session-token=${person.token}` },
    });
    expect(response.json<{ sessionId: string }>().sessionId).not.toBe(person.sessionId);
    expect((await me(person.token)).statusCode).toBe(200);
  });
});

describe('a super admin', () => {
  beforeAll(async () => {
    world = await createWorld(test);
  });

  const reset = (userId: string) =>
    call('DELETE', `/v1/authorization/users/${userId}/factors`, undefined, world.admin.token);

  it('needs a second factor to remove those of others', async () => {
    await enrol(world, person);
    await world.reauthenticate();
    const refused = await reset(person.userId);
    expect([problem(refused), refused.json<{ detail: string }>().detail]).toEqual([
      '401 step_up_required',
      expect.stringContaining('second factor themselves'),
    ]);
  });

  it('removes them all: sessions and devices end, and the owner is notified', async () => {
    const factor = await enrol(world, person);
    await enrol(world, world.admin);
    expect((await reset(person.userId)).json()).toMatchObject({ effectiveAt: test.clock.now().toISOString() });
    expect((await me(person.token)).statusCode).toBe(401);
    const devices = sql`SELECT 1 FROM devices WHERE app_id = ${world.appId} AND user_id = ${person.userId}`;
    expect(await test.db.query(devices)).toEqual([]);
    expect((await world.mail(person.email)).subject).toContain('were removed');
    person = await world.signIn(person.email);
    expect(await list()).toEqual({ factors: [], recoveryCodes: { total: 0, unused: 0 } });
    expect(factor.recoveryCodes).toHaveLength(10);
    expect(problem(await reset(person.userId))).toBe('404 factor_not_found');
  });

  it('cannot remove their own', async () => {
    expect(problem(await reset(world.admin.userId))).toBe('403 access_denied');
  });
});
