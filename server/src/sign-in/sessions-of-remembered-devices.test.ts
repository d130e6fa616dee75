import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { withoutTimePassing } from '../test/clock.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { finishFrom, type Jar, rememberedBrowser, setMfa, signInFrom } from '../test/world/browsers.ts';
import { addFactor, enrol, factorsUrl, nextCode, type OwnFactor, setPolicy } from '../test/world/factors.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const settingsUrl = '/v1/authorization/apps/settings';
const dayMs = 24 * 3_600_000;
const asks = '403 mfa_required';

let test: TestApp;
let world: World;
let person: Person;
let factor: OwnFactor;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
});
afterAll(() => test?.close());
beforeEach(async () => {
  await setPolicy(world, 'optional');
  await setMfa(world, { rememberDays: 30 });
  person = await world.person();
  factor = await enrol(world, person);
});

const byPassword = (jar: Jar) => signInFrom(world, jar, person.email);
const remembered = () => rememberedBrowser(world, person.email, factor);
const tokenIn = (response: LightMyRequestResponse) => response.json<{ sessionToken: string }>().sessionToken;
const me = (token: string) => world.call('GET', `${users}/me`, { token });
const call = (method: string, url: string, token: string, body?: object) =>
  world.call(method as 'GET', url, { token, ...(body && { body }) });

describe('a session of a remembered browser', () => {
  let token: string;
  beforeEach(async () => {
    token = tokenIn(await byPassword(await remembered()));
  });

  const removeFactor = () => call('DELETE', `${factorsUrl}/${factor.id}`, token);
  const stepUp = () =>
    call('POST', `${users}/me/reauthentication`, token, { factorId: factor.id, code: nextCode(world, factor) });

  it('is not freshly authenticated, although the password was right just now', async () => {
    expect(problem(await call('POST', `${factorsUrl}/totp`, token, {}))).toBe('401 step_up_required');
  });

  it('has no recent factor after a re-authentication with the password', async () => {
    await world.reauthenticate({ token });
    expect(problem(await removeFactor())).toBe('401 step_up_required');
  });

  it('has two factors after a step-up', async () => {
    expect((await stepUp()).statusCode).toBe(200);
    expect((await me(token)).json()).toMatchObject({ session: { acr: 2, amr: ['pwd', 'otp', 'mfa'] } });
    expect((await removeFactor()).statusCode).toBe(204);
  });

  it('a session of a remembered browser of a super admin cannot grant or reset anything', async () => {
    await test.db.query(
      sql`UPDATE users SET is_super_admin = true WHERE app_id = ${world.appId} AND id = ${person.userId}`,
    );
    await world.reauthenticate({ token });
    const other = await world.person();
    await enrol(world, other);
    for (const [method, url, body] of [
      ['DELETE', `/v1/authorization/users/${other.userId}/factors`, undefined],
      ['POST', '/v1/authorization/super-admins', { email: other.email }],
      ['PATCH', settingsUrl, { mfa: { rememberDays: 90 } }],
    ] as const) {
      expect(problem(await call(method, url, token, body))).toBe('401 step_up_required');
    }
  });

  it('cannot require a factor from everybody before it is stepped up', async () => {
    await test.db.query(
      sql`UPDATE users SET is_super_admin = true WHERE app_id = ${world.appId} AND id = ${person.userId}`,
    );
    await world.reauthenticate({ token });
    expect(problem(await call('PATCH', settingsUrl, token, { mfa: { policy: 'required' } }))).toBe(
      '401 step_up_required',
    );
  });

  it('can only confirm a factor after the grace period, if the app no longer remembers devices', async () => {
    await setMfa(world, { policy: 'required', graceDays: 0, rememberDays: 0 });
    expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
    expect((await stepUp()).statusCode).toBe(200);
    expect((await me(token)).statusCode).toBe(200);
  });

  it('can only add a factor, if the app requires one and the person has removed it', async () => {
    await stepUp();
    expect((await removeFactor()).statusCode).toBe(204);
    await setMfa(world, { policy: 'required', graceDays: 0 });
    expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
  });

  it('can only confirm a factor if the last use is older than the days that the app now allows', () =>
    withoutTimePassing(async () => {
      await setMfa(world, { policy: 'required', graceDays: 0, rememberDays: 1 });
      expect((await me(token)).statusCode).toBe(200);
      test.clock.advance(dayMs);
      expect(problem(await me(token))).toBe('403 mfa_enrolment_required');
    }));
});

describe('a change at the same time as the sign-in', () => {
  it('a change that ends the remembered browser takes effect before the sign-in, or ends the new session', async () => {
    const jar = await remembered();
    const other = await addFactor(world, person);
    await call('POST', `${factorsUrl}/${other.id}/confirmation`, person.token, { code: nextCode(world, other) });
    await finishFrom(world, jar, await byPassword(jar), factor, { rememberDevice: true });
    const [removed, ...signedIn] = await Promise.all([
      call('DELETE', `${factorsUrl}/${other.id}`, person.token),
      ...Array.from({ length: 4 }, () => byPassword(new Map(jar))),
    ]);
    expect(removed.statusCode).toBe(204);
    const outcomes = signedIn.map(async (response) =>
      response.statusCode === 201 ? `session: ${problem(await me(tokenIn(response)))}` : problem(response),
    );
    expect(['session: 401 unauthenticated', asks]).toEqual(expect.arrayContaining(await Promise.all(outcomes)));
  });
});

describe('the setting mfa.rememberDays', () => {
  it.each([[-1], [91], [1.5], ['30']])('cannot be %j', async (rememberDays) => {
    const response = await call('PATCH', settingsUrl, world.admin.token, { mfa: { rememberDays } });
    expect(problem(response)).toBe('400 validation_failed');
  });

  it('needs a recent authentication to change', async () => {
    test.clock.advance(600_001);
    expect(problem(await call('PATCH', settingsUrl, world.admin.token, { mfa: { rememberDays: 90 } }))).toBe(
      '401 reauthentication_required',
    );
  });
});
