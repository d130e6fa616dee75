import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignInMethod } from '../access/sign-in-methods.ts';
import { sql } from '../db/db.ts';
import { digestOfEverything } from '../test/digest.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { keysOf, organizationKey } from '../test/world/api-keys.ts';
import { addPasskey, setRelyingParty, signInByPasskey } from '../test/world/passkeys.ts';
import { securityOf, setOrganizationPolicy } from '../test/world/policies.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const audience = 'https://api.example.com';
const all: SignInMethod[] = ['password', 'emailCode', 'passkey', 'provider'];

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { settings: { audiences: [audience], signInMethods: all } });
  await setRelyingParty(world);
});
afterAll(() => app?.close());

type Session = Pick<Person, 'token' | 'sessionId'>;

/** Sets how the person has authenticated in the session. */
const setAmr = ({ sessionId }: Session, amr: readonly string[]) =>
  app.db.query(sql`
    UPDATE sessions SET amr = ${amr}::text[] WHERE app_id = ${world.appId} AND id = ${sessionId}`);
const setHasFactor = ({ userId }: Person, has: boolean) =>
  app.db.query(sql`UPDATE users SET has_factor = ${has} WHERE app_id = ${world.appId} AND id = ${userId}`);

async function place(signInMethods?: SignInMethod[]) {
  const owner = await world.person();
  const orgId = await world.organization(owner);
  if (signInMethods) await setOrganizationPolicy(world, orgId, { signInMethods });
  return { owner, orgId };
}
const patch = (orgId: string, { token }: { token: string }, body: object) =>
  world.call('PATCH', securityOf(orgId), { token, body });
const act = ({ token }: { token: string }, orgId: string) =>
  world.call('PATCH', `/v1/authorization/organizations/${orgId}`, { token, body: { metadata: { plan: 'pro' } } });
const outcome = async (session: { token: string }, orgId: string) => problem(await act(session, orgId));
const url = (orgId: string) => `/v1/authorization/organizations/${orgId}`;
const introspect = async (token: string) => {
  const { token: machine } = await world.machine();
  const response = await world.call('POST', '/v1/authentication/token/introspection', {
    token: machine,
    body: { token },
  });
  return response.json<object>();
};

describe('the sign-in methods of an organization', () => {
  it.each<[methods: SignInMethod[], amr: string[], hasFactor: boolean, meets: boolean]>([
    [['password'], ['pwd'], false, true],
    [['password'], ['pwd', 'otp', 'mfa'], true, true],
    [['password'], ['fed'], false, false],
    [['emailCode'], ['email'], false, true],
    [['emailCode'], ['pwd'], false, false],
    [['provider'], ['fed'], false, true],
    [['provider'], ['pwd'], false, false],
    [['provider'], ['email'], false, false],
    [['provider'], ['pwd', 'otp', 'mfa'], true, false],
    [['passkey'], ['swk', 'user', 'mfa'], true, true],
    [['passkey'], ['pwd', 'hwk', 'user', 'mfa'], true, true],
    [['passkey'], ['pwd', 'hwk', 'mfa'], true, false],
    // The person has removed the passkey meanwhile.
    [['passkey'], ['swk', 'user', 'mfa'], false, false],
    [['provider', 'passkey'], ['pwd'], false, false],
    [['provider', 'password'], ['pwd'], false, true],
    [['password'], [], false, false],
  ])('the methods are %j, a session has %j and the factor %j: %j', async (methods, amr, hasFactor, meets) => {
    const { owner, orgId } = await place(methods);
    await setAmr(owner, amr);
    await setHasFactor(owner, hasFactor);
    expect(await outcome(owner, orgId)).toBe(meets ? '200 undefined' : '401 step_up_required');
  });

  it('are met by a sign-in with a passkey', async () => {
    const { owner, orgId } = await place(['passkey']);
    const passkey = await addPasskey(world, owner);
    const { sessionToken: token } = (await signInByPasskey(world, passkey)).json<{ sessionToken: string }>();
    expect(await outcome({ token }, orgId)).toBe('200 undefined');
  });

  it('are a part of the policy: a second factor and an age are also required', async () => {
    const { owner, orgId } = await place();
    await setOrganizationPolicy(world, orgId, { signInMethods: ['provider'], mfa: 'required' });
    await setAmr(owner, ['fed']);
    const refused = await act(owner, orgId);
    expect([problem(refused), refused.headers['www-authenticate']]).toEqual([
      '401 step_up_required',
      'Bearer error="insufficient_user_authentication", acr_values="urn:gatehouse:acr:2"',
    ]);
    await setOrganizationPolicy(world, orgId, { signInMethods: ['provider'], maxSessionHours: 1 });
    app.clock.advance(3_600_000);
    expect(await outcome(owner, orgId)).toBe('401 reauthentication_required');
    await setAmr(owner, ['pwd']);
    expect(await outcome(owner, orgId)).toBe('401 step_up_required');
    await world.reauthenticate();
  });
});

describe('a session by another method', () => {
  it('has no role in any response and no permission', async () => {
    const { owner, orgId } = await place();
    const machine = await world.machine();
    const { token, userId, sessionId } = owner;
    const issue = () =>
      world.call('POST', '/v1/authentication/users/me/access-token', { token, body: { organizationId: orgId } });
    const { token: accessToken } = (await issue()).json<{ token: string }>();
    const key = await organizationKey(world, owner, orgId);
    await setOrganizationPolicy(world, orgId, { signInMethods: ['provider', 'passkey'] });
    const stepUpRequired = {
      acr: 'urn:gatehouse:acr:1',
      by: 'organization',
      signInMethods: ['provider', 'passkey'],
    };
    const shown = { roles: [], stepUpRequired };

    const get = async (path: string) => (await world.call('GET', `/v1/authentication/${path}`, { token })).json();
    expect(await get('users/me?includeOrganizations=true')).toMatchObject({
      organizations: [{ ...shown, managerRoles: [], permissions: [] }],
    });
    expect(await get('users/me/manager-roles')).toMatchObject({ managerRoles: [{ orgId, ...shown }] });
    expect(await get(`users/organizations?email=${encodeURIComponent(owner.email)}`)).toMatchObject({
      organizations: [shown],
    });

    const check = async (caller: { token: string }, body: object) =>
      (await world.call('POST', `${url(orgId)}/permissions/check`, { token: caller.token, body })).json();
    const permissions = ['documents:reader'];
    const results = [{ allowed: false, grantedBy: [], reason: 'step_up_required' }];
    expect(await check(owner, { permissions })).toMatchObject({ results });
    expect(await check(machine, { userId, permissions })).toMatchObject({ results });
    expect(await check(machine, { userId, permissions, sessionId })).toMatchObject({ results });

    expect(problem(await issue())).toBe('401 step_up_required');
    expect(await introspect(accessToken)).toMatchObject({
      active: true,
      org_roles: [],
      org_manager_roles: [],
      permissions: [],
      stepUpRequired,
    });
    expect(await introspect(key.key)).toMatchObject({ active: true, permissions: [], stepUpRequired });
    const made = await world.call('POST', keysOf(orgId), { token, body: { name: 'key', roles: ['reader'] } });
    expect(problem(made)).toBe('401 step_up_required');

    await setAmr(owner, ['fed']);
    expect(await check(machine, { userId, permissions, sessionId })).not.toMatchObject({ results });
    expect((await issue()).statusCode).toBe(200);
    expect(await introspect(accessToken)).not.toHaveProperty('stepUpRequired');
    // The key outlives the session, and its creator had not authenticated with an accepted method.
    expect(await introspect(key.key)).toHaveProperty('stepUpRequired');
    await world.call('POST', `${keysOf(orgId)}/${key.id}/adopt`, { token });
    expect(await introspect(key.key)).not.toHaveProperty('stepUpRequired');
  });

  it('keeps its roles in other organizations, leaves, and learns nothing about those of others', async () => {
    const { owner, orgId } = await place();
    const nextDoor = await world.organization(owner);
    const member = await world.member(orgId);
    const stranger = await world.person();
    const machine = await world.machine();
    await setOrganizationPolicy(world, orgId, { signInMethods: ['provider'] });
    expect(await outcome(owner, nextDoor)).toBe('200 undefined');
    expect(await outcome(stranger, orgId)).toBe('404 organization_not_found');
    expect(await outcome(machine, orgId)).toBe('200 undefined');
    expect(await outcome(world.admin, orgId)).toBe('401 step_up_required');
    const refused = await act(owner, orgId);
    expect(refused.headers['www-authenticate']).toBe('Bearer error="insufficient_user_authentication"');
    expect(refused.json()).toMatchObject({ detail: expect.stringContaining('Sign in with a method') });
    const { token } = member;
    const left = await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token });
    expect(left.statusCode).toBe(204);
  });
});

describe('a change of the methods', () => {
  it.each<[name: string, body: object, refusal: string]>([
    ['locks the caller out', { signInMethods: ['provider'] }, '409 policy_locks_you_out'],
    ['names none', { signInMethods: [] }, '400 validation_failed'],
    ['names one twice', { signInMethods: ['password', 'password'] }, '400 validation_failed'],
    ['names an unknown one', { signInMethods: ['sms'] }, '400 validation_failed'],
  ])('is refused if it %s', async (_, body, refusal) => {
    const { owner, orgId } = await place();
    const before = await digestOfEverything(app.db);
    expect(problem(await patch(orgId, owner, body))).toBe(refusal);
    expect(await digestOfEverything(app.db)).toEqual(before);
  });

  it('is refused for a method that the app does not allow, unless it is stored already', async () => {
    const { owner, orgId } = await place();
    const signInMethods = ['password', 'emailCode'];
    const setMethods = (methods: string[]) =>
      app.db.query(sql`
        UPDATE apps SET settings = settings || jsonb_build_object('signInMethods', ${methods}::text[])
        WHERE id = ${world.appId}`);
    await setMethods(['password']);
    expect(problem(await patch(orgId, owner, { signInMethods }))).toBe('403 sign_in_method_disabled');
    await setMethods(all);
    expect((await patch(orgId, owner, { signInMethods })).json()).toMatchObject({ signInMethods });
    await setMethods(['password']);
    expect((await patch(orgId, owner, { signInMethods: signInMethods.toReversed() })).statusCode).toBe(200);
    expect((await patch(orgId, owner, { maxSessionHours: 8 })).statusCode).toBe(200);
    expect((await patch(orgId, owner, { signInMethods: null })).json()).toMatchObject({ signInMethods: null });
    await setMethods(all);
  });

  it('needs a session that meets the stored ones, also to remove them', async () => {
    const { owner, orgId } = await place(['provider']);
    expect(problem(await patch(orgId, owner, { signInMethods: null }))).toBe('401 step_up_required');
    await setAmr(owner, ['fed']);
    expect((await patch(orgId, owner, { signInMethods: null })).statusCode).toBe(200);
    const event = (await world.events()).findLast(({ action }) => action === 'organization.security_updated');
    expect(event).toMatchObject({ target: `organization ${orgId}`, changes: ['signInMethods'] });
  });

  it('two owners who change the methods concurrently do not lock themselves out', async () => {
    const { owner, orgId } = await place();
    const other = await world.manager(orgId);
    await app.db.query(sql`
      UPDATE members SET is_owner = true
      WHERE app_id = ${world.appId} AND org_id = ${orgId} AND user_id = ${other.userId}`);
    await setAmr(other, ['fed']);
    const both = await Promise.all([
      patch(orgId, owner, { signInMethods: ['password'] }),
      patch(orgId, other, { signInMethods: ['provider'] }),
    ]);
    expect(both.map(({ statusCode }) => String(statusCode)).toSorted()).toEqual(['200', '401']);
  });
});
