import { afterAll, aroundEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withoutTimePassing } from '../test/clock.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { keysOf, organizationKey } from '../test/world/api-keys.ts';
import { withStatus } from '../test/world/answers.ts';
import { type Jar, rememberedBrowser, setMfa, signInFrom } from '../test/world/browsers.ts';
import { enrol, factorsUrl, type OwnFactor } from '../test/world/factors.ts';
import { setOrganizationPolicy } from '../test/world/policies.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const audience = 'https://api.example.com';
const dayMs = 24 * 3_600_000;

let app: TestApp;
let world: World;
let owner: Person;
let factor: OwnFactor;
let orgId: string;
let jar: Jar;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { settings: { audiences: [audience] } });
});
aroundEach((runTest) => withoutTimePassing(runTest));
afterAll(() => app?.close());

beforeEach(async () => {
  await setMfa(world, { rememberDays: 30 });
  owner = await world.person();
  orgId = await world.organization(owner);
  factor = await enrol(world, owner);
  jar = await rememberedBrowser(world, owner.email, factor);
});

/** A session whose sign-in did not require the factor. */
async function signIn() {
  const { sessionToken, sessionId } = withStatus(201, await signInFrom(world, jar, owner.email)).json<{
    sessionToken: string;
    sessionId: string;
  }>();
  return { token: sessionToken, sessionId };
}

const list = ({ token }: { token: string }) =>
  world.call('GET', `/v1/authorization/organizations/${orgId}/roles`, { token });
const outcomeOf = async (session: { token: string }) => problem(await list(session));

describe('a session of a remembered device', () => {
  it.each<[what: string, policy: Parameters<typeof setOrganizationPolicy>[2]]>([
    ['says nothing about it', { mfa: 'required' }],
    ['does not tell which kind of factor it was', { mfa: 'required', rememberDays: 30, allowedFactors: ['totp'] }],
  ])('does not meet a policy that %s', async (_, policy) => {
    const session = await signIn();
    await setOrganizationPolicy(world, orgId, policy);
    expect(await outcomeOf(session)).toBe('401 step_up_required');
  });

  it('a session of a remembered device meets the policy for its days, counted from the factor', async () => {
    await setOrganizationPolicy(world, orgId, { mfa: 'required', rememberDays: 5 });
    app.clock.advance(5 * dayMs - 60_000);
    const session = await signIn();
    const machine = await world.machine();
    const described = await world.call('POST', `/v1/authorization/organizations/${orgId}/permissions/check`, {
      token: machine.token,
      body: { userId: owner.userId, sessionId: session.sessionId, permissions: ['documents:reader'] },
    });
    expect(described.json()).toMatchObject({ results: [{ reason: 'no_role_grants_it' }] });
    const token = await world.call('POST', '/v1/authentication/users/me/access-token', {
      token: session.token,
      body: { organizationId: orgId },
    });
    expect([await outcomeOf(session), token.statusCode]).toEqual(['200 undefined', 200]);
    app.clock.advance(60_000);
    expect(await outcomeOf(session)).toBe('401 step_up_required');
    expect(await outcomeOf(await signIn())).toBe('401 step_up_required');
  });

  it('is as old as the factor', async () => {
    await setOrganizationPolicy(world, orgId, { mfa: 'required', rememberDays: 7, maxSessionHours: 24 });
    app.clock.advance(dayMs - 60_000);
    const session = await signIn();
    expect(await outcomeOf(session)).toBe('200 undefined');
    app.clock.advance(60_000);
    expect(await outcomeOf(session)).toBe('401 reauthentication_required');
    await world.reauthenticate(session);
    expect(await outcomeOf(session)).toBe('401 reauthentication_required');
  });

  it('does not meet it after the person has removed the factor', async () => {
    await setOrganizationPolicy(world, orgId, { mfa: 'required', rememberDays: 7 });
    const session = await signIn();
    const url = `${factorsUrl}/${factor.id}`;
    await world.call('DELETE', url, { token: owner.token });
    expect(await outcomeOf(session)).not.toBe('200 undefined');
  });

  it('cannot create or adopt API keys there, because keys outlive the device', async () => {
    const strong = await organizationKey(world, owner, orgId);
    await setOrganizationPolicy(world, orgId, { mfa: 'required', rememberDays: 7 });
    const session = await signIn();
    // Without a remembered device, this call and every other call with fresh authentication require the second factor
    // itself.
    await setMfa(world, { policy: 'off', rememberDays: 30 });
    await world.reauthenticate(session);
    expect(await outcomeOf(session)).toBe('200 undefined');
    const { token } = session;
    const rights = { name: 'key', roles: ['reader'] };
    const calls = [
      await world.call('POST', keysOf(orgId), { token, body: rights }),
      await world.call('POST', `${keysOf(orgId)}/${strong.id}/adopt`, { token }),
      await world.call('POST', '/v1/authentication/users/me/api-keys', {
        token,
        body: { ...rights, organizationId: orgId },
      }),
    ];
    expect(calls.map(problem)).toEqual(['401 step_up_required', '401 step_up_required', '401 step_up_required']);
    await setOrganizationPolicy(world, orgId, null);
    const made = await world.call('POST', keysOf(orgId), { token, body: rights });
    expect(made.statusCode).toBe(201);
    await setMfa(world, { policy: 'optional' });
  });
});
