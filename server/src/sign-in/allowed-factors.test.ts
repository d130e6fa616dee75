import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { setMfa } from '../test/world/browsers.ts';
import {
  addFactor,
  challenge,
  enrol,
  factorsUrl,
  finish,
  nextCode,
  type OwnFactor,
  setPolicy,
} from '../test/world/factors.ts';
import { addPasskey, assertion, optionsOf, setRelyingParty, signInByPasskey } from '../test/world/passkeys.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const settingsUrl = '/v1/authorization/apps/settings';

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
  await setRelyingParty(world);
  person = await world.person();
});

const call = (method: string, url: string, token: string, body?: object) =>
  world.call(method as 'GET', url, { token, ...(body && { body }) });
const me = (token: string) => call('GET', `${users}/me`, token);
const tokenIn = (response: { json: () => unknown }) => (response.json() as { sessionToken: string }).sessionToken;
const byCode = async ({ id, ...own }: OwnFactor) =>
  finish(world, await challenge(world, person.email), { factorId: id, code: nextCode(world, own) });
const kinds = async () =>
  (await world.call('POST', `${users}/sessions`, { body: { email: person.email, password } }))
    .json<{ factors: { kind: string }[] }>()
    .factors.map(({ kind }) => kind);

describe('a kind of factor that the app does not allow', () => {
  it.each([
    ['totp', () => call('POST', `${factorsUrl}/totp`, person.token, {})],
    ['passkey', () => call('POST', `${factorsUrl}/passkey/options`, person.token)],
  ])('%s cannot be added', async (kind, add) => {
    await setMfa(world, { factors: ['totp', 'passkey'].filter((one) => one !== kind) });
    expect(problem(await add())).toBe('403 factor_not_allowed');
  });

  it('cannot be confirmed, if it was added before', async () => {
    const added = await addFactor(world, person);
    await setMfa(world, { factors: ['passkey'] });
    const body = { code: nextCode(world, added) };
    expect(problem(await call('POST', `${factorsUrl}/${added.id}/confirmation`, person.token, body))).toBe(
      '403 factor_not_allowed',
    );
  });

  it('is not used by somebody who has an allowed one, but is listed and can be removed', async () => {
    const app = await enrol(world, person);
    const passkey = await addPasskey(world, person);
    await setMfa(world, { factors: ['passkey'] });
    expect(await kinds()).toEqual(['passkey']);
    expect(problem(await byCode(app))).toBe('400 factor_invalid');
    const step = { factorId: app.id, code: nextCode(world, app) };
    expect(problem(await call('POST', `${users}/me/reauthentication`, person.token, step))).toBe('400 factor_invalid');
    const signedIn = await signInByPasskey(world, passkey);
    const listed = await call('GET', factorsUrl, tokenIn(signedIn));
    expect(listed.json<{ factors: object[] }>().factors).toHaveLength(2);
    expect((await call('DELETE', `${factorsUrl}/${app.id}`, tokenIn(signedIn))).statusCode).toBe(204);
  });

  it('is no passkey to sign in with alone, if the person has an allowed factor', async () => {
    await enrol(world, person);
    const passkey = await addPasskey(world, person);
    await setMfa(world, { factors: ['totp'] });
    expect(await kinds()).toEqual(['totp']);
    expect(problem(await signInByPasskey(world, passkey))).toBe('401 invalid_credentials');
    const begun = await challenge(world, person.email);
    const headers = { 'x-device-token': begun.device };
    const options = await optionsOf(world, 'secondFactorOptions', { body: { mfaToken: begun.mfaToken }, headers });
    expect(problem(await finish(world, begun, { assertion: assertion(passkey, options) }))).toBe('400 factor_invalid');
  });

  describe('is used by somebody who has no other,', () => {
    it.each(['optional', 'required'] as const)('a forbidden factor only changes factors: %s', async (policy) => {
      const own = await enrol(world, person);
      await setMfa(world, { policy, factors: ['passkey'] });
      expect(await kinds()).toEqual(['totp']);
      const token = tokenIn(await byCode(own));
      expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
      const step = { factorId: own.id, code: nextCode(world, own) };
      expect((await call('POST', `${users}/me/reauthentication`, token, step)).statusCode).toBe(200);
      expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
      await addPasskey(world, { token });
      expect((await me(token)).statusCode).toBe(200);
      expect(problem(await byCode(own))).toBe('400 factor_invalid');
    });

    it('a single passkey that is not allowed is accepted only to change factors', async () => {
      const passkey = await addPasskey(world, person);
      await setMfa(world, { factors: ['totp'] });
      const token = tokenIn(await signInByPasskey(world, passkey));
      expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
    });

    it('a factor that is not allowed never makes the password sufficient', async () => {
      await enrol(world, person);
      await setMfa(world, { factors: ['passkey'] });
      await challenge(world, person.email);
    });

    it('recovery codes are accepted although a factor that is not allowed exists', async () => {
      const { recoveryCodes } = await enrol(world, person);
      await setMfa(world, { factors: ['passkey'] });
      const begun = await challenge(world, person.email);
      expect((await finish(world, begun, { recoveryCode: recoveryCodes[0] })).statusCode).toBe(201);
    });
  });

  it('restricts sessions without another factor after the grace period, if the app requires a factor', async () => {
    await enrol(world, person);
    await setMfa(world, { policy: 'required', graceDays: 1, factors: ['passkey'] });
    expect((await me(person.token)).statusCode).toBe(200);
    test.clock.advance(24 * 3_600_000);
    expect(problem(await me(person.token))).toBe('403 mfa_enrolment_required');
  });
});

describe('the setting mfa.factors', () => {
  it.each([[[]], [['email']], [['sms', 'totp']], [['totp', 'totp']], ['totp']])('cannot be %j', async (factors) => {
    const { token } = await world.signIn(world.admin.email);
    expect(problem(await call('PATCH', settingsUrl, token, { mfa: { factors } }))).toBe('400 validation_failed');
  });

  it('is protected like the policy', async () => {
    const { admin, ...elsewhere } = await createWorld(test);
    const change = (mfa: object) => elsewhere.call('PATCH', settingsUrl, { token: admin.token, body: { mfa } });
    const own = await enrol({ ...elsewhere, admin }, admin);
    expect((await change({ policy: 'required' })).statusCode).toBe(200);
    expect(problem(await change({ factors: ['passkey'] }))).toBe('409 policy_locks_you_out');
    expect((await change({ factors: ['totp', 'email'] })).statusCode).toBe(200);
    test.clock.advance(600_001);
    await elsewhere.reauthenticate();
    expect(problem(await change({ factors: ['totp', 'passkey'] }))).toBe('401 step_up_required');
    expect(own.recoveryCodes).toHaveLength(10);
  });
});
