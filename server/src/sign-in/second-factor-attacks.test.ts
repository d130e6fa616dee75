import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { raw, sql } from '../db/db.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { toBase32 } from '../factors/totp.ts';
import { routes } from '../routes.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import {
  addFactor,
  challenge,
  challengeIn,
  enrol,
  factorsUrl,
  finish,
  fromBase32,
  nextCode,
  type OwnFactor,
  setPolicy,
  signInWith,
  beginByMail,
  confirmation,
} from '../test/world/factors.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

// Attacks, by the credentials of the attacker.

const users = '/v1/authentication/users';
const settingsUrl = '/v1/authorization/apps/settings';
const tenMinutesMs = 600_001;
const dayMs = 86_400_000;

let test: TestApp;
let world: World;
let person: Person;
let logged: string[] = [];

beforeAll(async () => {
  const stream = { write: (line: string) => void logged.push(line) };
  test = await buildTestApp({ logger: { level: 'trace', stream } });
});
beforeEach(async () => {
  logged = [];
  world = await createWorld(test);
  person = await world.person();
});
afterAll(() => test?.close());

const call = (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, body?: object, token?: string) =>
  world.call(method, url, { token, ...(body && { body }) });
const signIn = (device?: string, withPassword = password) =>
  world.call('POST', `${users}/sessions`, {
    body: { email: person.email, password: withPassword },
    ...(device !== undefined && { headers: { 'x-device-token': device } }),
  });
const deviceOf = ({ headers }: Awaited<ReturnType<typeof signIn>>) => String(headers['x-device-token']);
const me = async (token: string) => (await call('GET', `${users}/me`, undefined, token)).statusCode;
const code = (factor: OwnFactor) => ({ factorId: factor.id, code: nextCode(world, factor) });
const wrong = (factor: OwnFactor) => ({ factorId: factor.id, code: '000000' });
const stepUp = (token: string, body: object) => call('POST', `${users}/me/reauthentication`, body, token);
const limit = (name: string, count: number) =>
  test.db.query(sql`
    UPDATE apps SET settings = jsonb_set(settings, '{limits}',
      settings -> 'limits' || jsonb_build_object(${name}::text, ${count}::integer))
    WHERE id = ${world.appId}`);
const statuses = (responses: readonly { statusCode: number }[]) => responses.map(({ statusCode }) => statusCode);
/** The caller re-authenticates with the password, after the last use of the factor is too old. */
const ageFactor = async (who: { token: string }) => {
  test.clock.advance(tenMinutesMs);
  await world.reauthenticate(who);
};

describe('somebody with the password', () => {
  it('a thief who signed in on many devices before the factor was added has one count of attempts', async () => {
    const devices = [];
    for (let count = 0; count < 3; count += 1) devices.push(deviceOf(await signIn()));
    const factor = await enrol(world, person);
    await limit('secondFactorsPerUserPerHour', 2);
    const answers = [];
    for (const device of devices) {
      answers.push(await finish(world, challengeIn(await signIn(device)), wrong(factor)));
    }
    expect(statuses(answers)).toEqual([400, 400, 429]);
  });

  it('cannot lock the owner out of the step-up in a session in which the factor was used', async () => {
    const factor = await enrol(world, person);
    await limit('secondFactorsPerUserPerHour', 1);
    const begun = await challenge(world, person.email);
    expect(statuses([await finish(world, begun, wrong(factor)), await finish(world, begun, wrong(factor))])).toEqual([
      400, 429,
    ]);
    expect((await stepUp(person.token, code(factor))).statusCode).toBe(200);
  });

  it('has no further attempts in sessions from before the factor was added', async () => {
    const old = await Promise.all([world.signIn(person.email), world.signIn(person.email)]);
    const factor = await enrol(world, person);
    await limit('secondFactorsPerUserPerHour', 1);
    const answers = statuses(await Promise.all(old.map(({ token }) => stepUp(token, wrong(factor)))));
    expect(new Set(answers)).toEqual(new Set([400, 429]));
  });

  it('cannot add the first factor in a session from before the app required one, without the mailbox', async () => {
    await setPolicy(world, 'required');
    const added = await addFactor(world, person);
    const confirm = (body: object) =>
      call('POST', `${factorsUrl}/${added.id}/confirmation`, { code: nextCode(world, added), ...body }, person.token);
    expect(problem(await confirm({}))).toBe('400 code_invalid');
    await call('POST', `${users}/me/reauthentication-request`, undefined, person.token);
    expect((await confirm({ verificationCode: (await world.mail(person.email)).code })).statusCode).toBe(200);
  });

  it('cannot exhaust the attempts with which the owner confirms the first factor', async () => {
    await limit('secondFactorsPerUserPerHour', 1);
    await limit('secondFactorsPerDevicePerHour', 2);
    const thief = await world.signIn(person.email);
    const other = await addFactor(world, thief);
    const url = `${factorsUrl}/${other.id}/confirmation`;
    const answers = [];
    for (let count = 0; count < 3; count += 1) answers.push(await call('POST', url, { code: '000000' }, thief.token));
    expect(statuses(answers)).toEqual([400, 400, 429]);
    expect((await enrol(world, person)).recoveryCodes).toHaveLength(10);
  });

  it('loses the restricted session for adding the first factor when the owner adds it', async () => {
    await setPolicy(world, 'required');
    const begun = [await signIn(), await signIn()];
    const tokens = begun.map((response) => response.json<{ sessionToken: string }>().sessionToken);
    const [ofThief = '', ofOwner = ''] = tokens;
    const added = await addFactor(world, { token: ofOwner });
    await call('POST', `${users}/me/reauthentication-request`, undefined, ofOwner);
    const { code: verificationCode } = await world.mail(person.email);
    const body = { code: nextCode(world, added), verificationCode };
    expect((await call('POST', `${factorsUrl}/${added.id}/confirmation`, body, ofOwner)).statusCode).toBe(200);
    expect(await me(ofOwner)).toBe(200);
    expect((await call('GET', factorsUrl, undefined, ofThief)).statusCode).toBe(401);
  });

  it.each([1, 2, 3])('gets one session from parallel calls for one sign-in, round %i', async () => {
    const factor = await enrol(world, person);
    const begun = await challenge(world, person.email);
    const right = code(factor);
    const [first = '', second = ''] = factor.recoveryCodes;
    const proofs = [right, right, { recoveryCode: first }, { recoveryCode: second }];
    const answers = await Promise.all(proofs.map((proof) => finish(world, begun, proof)));
    expect(statuses(answers).filter((status) => status === 201)).toHaveLength(1);
  });

  it('cannot use the recovery code of another person', async () => {
    await enrol(world, person);
    const other = await world.person();
    const [recoveryCode = ''] = (await enrol(world, other)).recoveryCodes;
    const begun = await challenge(world, person.email);
    expect(problem(await finish(world, begun, { recoveryCode }))).toBe('400 factor_invalid');
    expect((await finish(world, await challenge(world, other.email), { recoveryCode })).statusCode).toBe(201);
  });

  it('keeps no session that a parallel removal of the factor missed', async () => {
    const factor = await enrol(world, person);
    const owner = await signInWith(world, person, factor);
    const begun = await challenge(world, person.email);
    const [finished, removed] = await Promise.all([
      finish(world, begun, code(factor)),
      call('DELETE', `${factorsUrl}/${factor.id}`, undefined, owner.token),
    ]);
    expect(removed.statusCode).toBe(204);
    const { sessionToken = '' } = finished.json<{ sessionToken?: string }>();
    expect(await me(sessionToken)).toBe(401);
  });

  it('cannot finish a sign-in that began before the user was deactivated and activated again', async () => {
    const factor = await enrol(world, person);
    const begun = await challenge(world, person.email);
    await world.reauthenticate();
    for (const change of ['deactivate', 'reactivate']) {
      const url = `/v1/authorization/users/${person.userId}/${change}`;
      expect((await call('POST', url, undefined, world.admin.token)).statusCode).toBeLessThan(300);
    }
    expect((await finish(world, begun, code(factor))).statusCode).toBe(401);
  });

  it('cannot finish a sign-in that began before the owner rejected another one', async () => {
    const factor = await enrol(world, person);
    await signInWith(world, person, factor);
    const mail = (await world.mails(person.email)).find(({ purpose }) => purpose === 'new_device');
    const [, token] = /not-me#(\S+)/.exec(mail?.text ?? '') ?? [];
    const begun = await challenge(world, person.email);
    expect((await call('POST', `${users}/email/verification/rejection`, { token })).statusCode).toBe(200);
    expect(problem(await finish(world, begun, code(factor)))).toBe('401 unauthenticated');
  });

  it('cannot finish a sign-in of a deleted account, or of a new one with the same address', async () => {
    const old = await enrol(world, person);
    const begun = await challenge(world, person.email);
    expect((await call('DELETE', `${users}/me`, {}, person.token)).statusCode).toBe(200);
    person = await world.person({ email: person.email });
    await enrol(world, person);
    expect((await finish(world, begun, code(old))).statusCode).toBe(401);
    const again = await challenge(world, person.email);
    expect(problem(await finish(world, again, code(old)))).toBe('400 factor_invalid');
    expect(problem(await finish(world, again, { recoveryCode: old.recoveryCodes[0] }))).toBe('400 factor_invalid');
  });
});

describe('somebody who signs up with the address of another person', () => {
  it('removes the factors when the owner of the mailbox resets the password', async () => {
    const attacker = await world.person({ email: 'victim@example.com', verified: false });
    await beginByMail(world, attacker);
    await enrol(world, attacker);
    const newPassword = 'Secret@slidezAB';
    await call('POST', `${users}/password/reset-request/email`, { email: attacker.email });
    await runTask(test, sendPasswordResets);
    const { code: verificationCode } = await world.mail(attacker.email);
    await call('PUT', `${users}/password`, { email: attacker.email, verificationCode, newPassword });
    expect(await me(attacker.token)).toBe(401);
    const body = { email: attacker.email, password: newPassword };
    const token = (await call('POST', `${users}/sessions`, body)).json<{ sessionToken: string }>().sessionToken;
    expect((await call('GET', factorsUrl, undefined, token)).json()).toEqual({
      factors: [],
      recoveryCodes: { total: 0, unused: 0 },
    });
  });
});

describe('somebody with the mailbox', () => {
  it('a thief who resets the password gets no further attempts at the factor', async () => {
    const factor = await enrol(world, person);
    await limit('secondFactorsPerUserPerHour', 1);
    const stranger = await challenge(world, person.email);
    await finish(world, stranger, wrong(factor));
    await call('POST', `${users}/password/reset-request/email`, { email: person.email });
    await runTask(test, sendPasswordResets);
    const { code: verificationCode } = await world.mail(person.email);
    const newPassword = 'Secret@slidezAB';
    const reset = await call('PUT', `${users}/password`, { email: person.email, verificationCode, newPassword });
    expect(reset.statusCode).toBe(200);
    const begun = challengeIn(await signIn(deviceOf(reset), newPassword));
    expect((await finish(world, begun, wrong(factor))).statusCode).toBe(429);
  });
});

describe('the thief of a session', () => {
  const notMe = async () => {
    const { text } = await world.mail(person.email);
    const [, token] = /\S+not-me#(\S+)/.exec(text) ?? [];
    return () => call('POST', `${users}/email/verification/rejection`, { token });
  };

  it('cannot make an added factor permanent by a step-up', async () => {
    const factor = await enrol(world, person);
    const press = await notMe();
    expect((await stepUp(person.token, code(factor))).statusCode).toBe(200);
    expect((await press()).statusCode).toBe(200);
    expect((await signIn()).statusCode).toBe(201);
  });

  it("a thief with a super admin's session changes no protection of second factors without a recent one", async () => {
    await enrol(world, world.admin);
    const change = async (body: object) => problem(await call('PATCH', settingsUrl, body, world.admin.token));
    await ageFactor(world.admin);
    for (const protection of [
      { mfa: { policy: 'off' } },
      { mfa: { policy: 'required' } },
      { limits: { secondFactorsPerUserPerHour: 1_000_000 } },
      { limits: { secondFactorsPerDevicePerHour: 1_000_000 } },
      { limits: { secondFactorsPerAddressPerHour: 1_000_000 } },
    ]) {
      expect(await change(protection)).toBe('401 step_up_required');
    }
    await setPolicy(world, 'required');
    expect(await change({ mfa: { policy: 'optional' } })).toBe('401 step_up_required');
    expect(await change({ mfa: { policy: 'required' }, signUpEnabled: true })).toBe('200 undefined');
  });

  it("a thief with a super admin's session needs a recent authentication to raise the limits of attempts", async () => {
    test.clock.advance(tenMinutesMs);
    const body = { limits: { secondFactorsPerUserPerHour: 1_000_000 } };
    expect(problem(await call('PATCH', settingsUrl, body, world.admin.token))).toBe('401 reauthentication_required');
  });

  it("a thief with a super admin's session makes nobody a super admin without a recent factor", async () => {
    const factor = await enrol(world, world.admin);
    const grant = () => call('POST', '/v1/authorization/super-admins', { email: person.email }, world.admin.token);
    await ageFactor(world.admin);
    expect(problem(await grant())).toBe('401 step_up_required');
    expect((await stepUp(world.admin.token, code(factor))).statusCode).toBe(200);
    expect((await grant()).statusCode).toBe(201);
  });
});

describe('the owner', () => {
  it('keeps a known device after many sign-ins that were not finished', async () => {
    const factor = await enrol(world, person);
    let device = deviceOf(await finish(world, await challenge(world, person.email), code(factor)));
    for (let count = 0; count < 7; count += 1) device = deviceOf(await signIn(device));
    await limit('secondFactorsPerUserPerHour', 1);
    const stranger = await challenge(world, person.email);
    await finish(world, stranger, wrong(factor));
    expect((await finish(world, challengeIn(await signIn(device)), code(factor))).statusCode).toBe(201);
  });

  it.each<[what: string, ageMs: number, status: number]>([
    ['has attempts of a device on which the factor was used, for 180 days', 180 * dayMs - 1, 201],
    ['has no attempts of a device that is no longer known', 180 * dayMs, 429],
  ])('%s', async (_, ageMs, status) => {
    const factor = await enrol(world, person);
    const device = deviceOf(await finish(world, await challenge(world, person.email), code(factor)));
    await limit('secondFactorsPerUserPerHour', 1);
    test.clock.advance(ageMs);
    await finish(world, await challenge(world, person.email), wrong(factor));
    expect((await finish(world, challengeIn(await signIn(device)), code(factor))).statusCode).toBe(status);
  });

  it('gets no mail about a new device that the account knew before the factor was added', async () => {
    const device = deviceOf(await signIn());
    const factor = await enrol(world, person);
    const count = async () =>
      (await world.mails(person.email)).filter(({ purpose }) => purpose === 'new_device').length;
    const before = await count();
    expect((await finish(world, challengeIn(await signIn(device)), code(factor))).statusCode).toBe(201);
    expect(await count()).toBe(before);
    test.clock.advance(24 * 3_600_000);
    expect((await finish(world, await challenge(world, person.email), code(factor))).statusCode).toBe(201);
    expect(await count()).toBe(before + 1);
  });
});

describe('a leak', () => {
  /** All rows of the database as text. */
  const dump = async () => {
    const tables = await test.db.query<{ name: string }>(
      sql`SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = current_schema()`,
    );
    const rows = await Promise.all(
      tables.map(({ name }) => test.db.query<{ row: string }>(raw(`SELECT to_jsonb(t)::text AS row FROM ${name} t`))),
    );
    return rows.flat().map(({ row }) => row);
  };

  it('a leak of the database, the log or the export has no secret, code or token', async () => {
    const factor = await enrol(world, person);
    const begun = await challenge(world, person.email);
    const right = code(factor);
    const [recoveryCode = ''] = factor.recoveryCodes;
    await finish(world, begun, wrong(factor));
    await finish(world, begun, right);
    await finish(world, await challenge(world, person.email), { recoveryCode });
    const open = await challenge(world, person.email);
    await stepUp(person.token, code(factor));
    const exported = await call('GET', `${users}/me/export`, undefined, person.token);
    expect(exported.json<{ factors: object[] }>().factors).toHaveLength(1);
    expect(logged.length).toBeGreaterThan(10);
    const text = [...(await dump()), ...logged, exported.body].join('\n');
    const secrets = [
      toBase32(factor.secret),
      ...(['hex', 'base64', 'base64url'] as const).map((encoding) => factor.secret.toString(encoding)),
      ...factor.recoveryCodes.flatMap((one) => [one, one.replaceAll('-', '')]),
      ...[begun, open].flatMap(({ mfaToken, device }) => [mfaToken, device]),
    ];
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    expect(logged.join('')).not.toContain(right.code);
  });

  it('an idempotency key leaks nothing: no operation without credential stores its response', () => {
    const stored = routes.filter(({ access, idempotency }) => access.target === 'public' && idempotency === 'kept');
    expect(stored.map(({ operationId }) => operationId)).toEqual([]);
  });

  it('into a mail does not come from the name of a factor', async () => {
    const name = '<img src=x>{{notMeUrl}}';
    const added = await call('POST', `${factorsUrl}/totp`, { name }, person.token);
    const { id, secret } = added.json<{ id: string; secret: string }>();
    const present = nextCode(world, { secret: fromBase32(secret) });
    const body = { code: present, ...(await confirmation(world, person)) };
    await call('POST', `${factorsUrl}/${id}/confirmation`, body, person.token);
    const { html, text } = await world.mail(person.email);
    expect(html).not.toContain('<img src=x');
    expect(text).toContain(name);
  });
});
