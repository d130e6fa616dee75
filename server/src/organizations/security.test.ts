import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { digestOfEverything } from '../test/digest.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol, type OwnFactor, setPolicy } from '../test/world/factors.ts';
import {
  proveFactor,
  securityOf,
  setOrganizationPolicy,
  weakSession as weakSessionOf,
} from '../test/world/policies.ts';
import { addPasskey, setRelyingParty } from '../test/world/passkeys.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp({ db: await openTestDatabase() });
  world = await createWorld(app);
});
afterAll(() => app?.close());

const open = { mfa: 'optional', allowedFactors: null, maxSessionHours: null, rememberDays: 0, signInMethods: null };
const hour = 3_600_000;

/** An owner who has used a second factor in the session, unless `enrolled` is false. */
async function place({ enrolled = true } = {}) {
  const owner = await world.person();
  const orgId = await world.organization(owner);
  const factor = enrolled ? await enrol(world, owner) : undefined;
  return { owner, orgId, factor };
}

const get = (orgId: string, { token }: { token: string }) => world.call('GET', securityOf(orgId), { token });
const patch = (orgId: string, { token }: { token: string }, body: object, headers = {}) =>
  world.call('PATCH', securityOf(orgId), { token, body, headers });

const weakSession = (person: Person, amr?: string[]) => weakSessionOf(world, person, amr);
const prove = (person: { token: string }, factor: OwnFactor) => proveFactor(world, person, factor);

async function expectNothingChanged(call: () => Promise<unknown>): Promise<void> {
  const before = await digestOfEverything(app.db);
  await call();
  expect(await digestOfEverything(app.db)).toEqual(before);
}

describe('the policy of an organization', () => {
  test('requires nothing by default', async () => {
    const { owner, orgId } = await place({ enrolled: false });
    expect((await get(orgId, owner)).json()).toEqual(open);
  });

  test('is changed field by field, with a version and an event that names the fields', async () => {
    const { owner, orgId } = await place();
    const changed = await patch(orgId, owner, { mfa: 'required', rememberDays: 30 });
    expect(changed.json()).toEqual({ ...open, mfa: 'required', rememberDays: 30 });
    const event = (await world.events()).findLast(({ action }) => action === 'organization.security_updated');
    expect(event).toMatchObject({ target: `organization ${orgId}`, changes: ['mfa', 'rememberDays'] });
    const again = await patch(orgId, owner, { allowedFactors: ['passkey', 'totp'], maxSessionHours: 8 });
    expect(again.json()).toEqual({
      mfa: 'required',
      allowedFactors: ['passkey', 'totp'],
      maxSessionHours: 8,
      rememberDays: 30,
      signInMethods: null,
    });
    const read = await get(orgId, owner);
    expect([read.json(), read.headers['etag']]).toEqual([again.json(), again.headers['etag']]);
    expect(again.headers['etag']).not.toBe(changed.headers['etag']);
    const cleared = await patch(orgId, owner, { ...open });
    expect(cleared.json()).toEqual(open);
    const [row] = await app.db.query(sql`SELECT security FROM organizations WHERE id = ${orgId}`);
    expect(row).toEqual({ security: null });
  });

  test('a policy with equal values is no change, and needs no fresh authentication', async () => {
    const { owner, orgId } = await place();
    await patch(orgId, owner, { allowedFactors: ['passkey', 'totp'], maxSessionHours: 48 });
    app.clock.advance(hour);
    await expectNothingChanged(async () => {
      const same = await patch(orgId, owner, { allowedFactors: ['totp', 'passkey'], maxSessionHours: 48 });
      expect(same.statusCode).toBe(200);
    });
  });

  test.each<[body: object, pointers: string[]]>([
    [{}, ['/body']],
    [{ mfa: 'off' }, ['/body/mfa']],
    [{ mfa: null }, ['/body/mfa']],
    [{ allowedFactors: [] }, ['/body/allowedFactors']],
    [{ allowedFactors: ['email'] }, ['/body/allowedFactors/0']],
    [{ allowedFactors: ['totp', 'totp'] }, ['/body/allowedFactors']],
    [{ maxSessionHours: 0 }, ['/body/maxSessionHours']],
    [{ maxSessionHours: 8761 }, ['/body/maxSessionHours']],
    [{ maxSessionHours: 1.5 }, ['/body/maxSessionHours']],
    [{ rememberDays: -1 }, ['/body/rememberDays']],
    [{ rememberDays: 91 }, ['/body/rememberDays']],
    [{ rememberDays: null }, ['/body/rememberDays']],
    [{ mfa: 'optional', graceDays: 7 }, ['/body/graceDays']],
  ])('refuses %j', async (body, pointers) => {
    const { owner, orgId } = await place({ enrolled: false });
    await expectNothingChanged(async () => {
      expect(Object.keys(faults(await patch(orgId, owner, body)))).toEqual(pointers);
    });
  });

  test('applies only to the version of If-Match', async () => {
    const { owner, orgId } = await place({ enrolled: false });
    const { headers } = await get(orgId, owner);
    const match = { 'if-match': String(headers['etag']) };
    expect((await patch(orgId, owner, { maxSessionHours: 8 }, match)).statusCode).toBe(200);
    expect(problem(await patch(orgId, owner, { maxSessionHours: 9 }, match))).toBe('412 precondition_failed');
  });
});

describe('nobody can lock themselves out:', () => {
  test.each<[what: string, body: object]>([
    ['a second factor', { mfa: 'required' }],
    ['a second factor, with other fields', { mfa: 'required', maxSessionHours: 8, rememberDays: 3 }],
  ])('an owner cannot require %s that the own session lacks', async (_, body) => {
    const { owner, orgId } = await place({ enrolled: false });
    await expectNothingChanged(async () => {
      expect(problem(await patch(orgId, owner, body))).toBe('409 policy_locks_you_out');
    });
  });

  test('a super admin cannot lock themselves out', async () => {
    const { orgId } = await place({ enrolled: false });
    await world.reauthenticate();
    expect(problem(await patch(orgId, world.admin, { mfa: 'required' }))).toBe('409 policy_locks_you_out');
  });

  test('a factor that was added, but not used in this session, does not count', async () => {
    const { owner, orgId } = await place();
    const weak = await weakSession(owner);
    // The person has a factor: the recent factor that the route requires comes first.
    expect(problem(await patch(orgId, weak, { mfa: 'required' }))).toBe('401 step_up_required');
    expect(problem(await patch(orgId, weak, { maxSessionHours: 48 }))).toBe('401 step_up_required');
  });

  test('a kind of factor that was not used in the session of the caller', async () => {
    const { owner, orgId, factor } = await place();
    expect((await patch(orgId, owner, { mfa: 'required' })).statusCode).toBe(200);
    await expectNothingChanged(async () => {
      expect(problem(await patch(orgId, owner, { allowedFactors: ['passkey'] }))).toBe('409 policy_locks_you_out');
    });
    await setRelyingParty(world);
    await addPasskey(world, owner);
    expect((await patch(orgId, owner, { allowedFactors: ['passkey'] })).statusCode).toBe(200);
    expect(factor).toBeDefined();
  });

  test('an app without second factors cannot require one', async () => {
    const { owner, orgId } = await place({ enrolled: false });
    await setPolicy(world, 'off');
    expect(problem(await patch(orgId, owner, { mfa: 'required' }))).toBe('409 policy_locks_you_out');
    await setPolicy(world, 'optional');
  });
});

describe('a change needs', () => {
  test('fresh authentication, and a recent factor of people who have one', async () => {
    const { owner, orgId, factor } = await place();
    app.clock.advance(hour);
    expect(problem(await patch(orgId, owner, { maxSessionHours: 48 }))).toBe('401 reauthentication_required');
    await world.reauthenticate(owner);
    await expectNothingChanged(async () => {
      expect(problem(await patch(orgId, owner, { maxSessionHours: 48 }))).toBe('401 step_up_required');
    });
    await prove(owner, factor as OwnFactor);
    expect((await patch(orgId, owner, { maxSessionHours: 48 })).statusCode).toBe(200);
  });

  test('the present policy, also for loosening it', async () => {
    const { owner, orgId, factor } = await place();
    await patch(orgId, owner, { mfa: 'required', maxSessionHours: 1 });
    const weak = await weakSession(owner);
    await expectNothingChanged(async () => {
      expect(problem(await patch(orgId, weak, { mfa: 'optional' }))).toBe('401 step_up_required');
      expect(problem(await patch(orgId, weak, { maxSessionHours: null }))).toBe('401 step_up_required');
      expect(problem(await patch(orgId, world.admin, { ...open }))).toBe('401 step_up_required');
    });
    app.clock.advance(hour);
    await world.reauthenticate(owner);
    expect(problem(await patch(orgId, owner, { mfa: 'optional' }))).toBe('401 reauthentication_required');
    await prove(owner, factor as OwnFactor);
    expect((await patch(orgId, owner, { ...open })).statusCode).toBe(200);
  });

  test('an owner: others read at most', async () => {
    const { owner, orgId } = await place();
    const [manager, member, stranger, machine] = [
      await world.manager(orgId),
      await world.member(orgId),
      await world.person(),
      await world.machine(),
    ];
    const { owner: neighbour } = await place();
    await patch(orgId, owner, { mfa: 'required' });
    await expectNothingChanged(async () => {
      for (const caller of [manager, member, machine]) {
        expect(problem(await patch(orgId, caller, { mfa: 'optional' }))).toBe('403 access_denied');
        expect((await get(orgId, caller)).json()).toMatchObject({ mfa: 'required' });
      }
      for (const caller of [stranger, neighbour]) {
        expect(problem(await patch(orgId, caller, { mfa: 'optional' }))).toBe('404 organization_not_found');
        expect(problem(await get(orgId, caller))).toBe('404 organization_not_found');
      }
    });
  });

  test('two concurrent changes of different fields are both kept', async () => {
    const { owner, orgId } = await place();
    const both = await Promise.all([
      patch(orgId, owner, { rememberDays: 5 }),
      patch(orgId, owner, { maxSessionHours: 48 }),
    ]);
    expect(both.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect((await get(orgId, owner)).json()).toEqual({ ...open, rememberDays: 5, maxSessionHours: 48 });
  });
});

describe('a session below the policy', () => {
  const check = (orgId: string, { token }: { token: string }, body: object) =>
    world.call('POST', `/v1/authorization/organizations/${orgId}/permissions/check`, { token, body });
  const challenge = 'Bearer error="insufficient_user_authentication", acr_values="urn:gatehouse:acr:2"';

  test('a session from before the policy cannot act as owner, but other organizations are not affected', async () => {
    const { owner, orgId, factor } = await place();
    const early = await weakSession(owner);
    const nextDoor = await world.organization(owner);
    await patch(orgId, owner, { mfa: 'required' });
    const url = (id: string) => `/v1/authorization/organizations/${id}`;
    const body = { metadata: { plan: 'pro' } };
    await expectNothingChanged(async () => {
      const refused = await world.call('PATCH', url(orgId), { token: early.token, body });
      expect([problem(refused), refused.headers['www-authenticate']]).toEqual(['401 step_up_required', challenge]);
    });
    const patched = await world.call('PATCH', url(nextDoor), { token: early.token, body });
    expect(patched.json()).toEqual({ message: 'Organization Data Updated' });
    await prove(early, factor as OwnFactor);
    expect((await world.call('PATCH', url(orgId), { token: early.token, body })).statusCode).toBe(200);
  });

  test('cannot use the sight of members there in another organization', async () => {
    const { owner, orgId } = await place();
    const weak = await weakSession(owner);
    const nextDoor = await world.organization(owner);
    const member = await world.member(orgId);
    await patch(orgId, owner, { mfa: 'required' });
    const add = ({ token }: Person) =>
      world.call('POST', `/v1/authorization/organizations/users/${member.userId}`, {
        token,
        orgId: nextDoor,
        body: { roles: ['reader'] },
      });
    await expectNothingChanged(async () => expect(problem(await add(weak))).toBe('401 step_up_required'));
    const see = ({ token }: Person) => world.call('GET', `/v1/authentication/users/${member.userId}`, { token });
    expect(problem(await see(weak))).toBe('401 step_up_required');
    expect((await see(owner)).statusCode).toBe(200);
    expect((await add(owner)).statusCode).toBe(200);
    // From now on the weak session sees the member through the other organization.
    expect((await see(weak)).statusCode).toBe(200);
  });

  test('sees name and status, no metadata and roles', async () => {
    const { owner, orgId } = await place();
    const weak = await weakSession(owner);
    await patch(orgId, owner, { mfa: 'required' });
    const see = (query = '') =>
      world.call('GET', `/v1/authorization/organizations/${orgId}${query}`, { token: weak.token });
    expect((await see()).json()).toMatchObject({ id: orgId, status: 'Active' });
    expect(problem(await see('?includeMetadata=true'))).toBe('401 step_up_required');
    expect(problem(await see('?includeRoles=true'))).toBe('401 step_up_required');
  });

  test('may leave and sign out', async () => {
    const { owner, orgId } = await place();
    const member = await world.member(orgId);
    const manager = await world.manager(orgId);
    await patch(orgId, owner, { mfa: 'required', maxSessionHours: 1 });
    for (const { token } of [member, manager]) {
      const left = await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token });
      expect(left.statusCode).toBe(204);
    }
    const { sessionId, token } = member;
    const out = await world.call('DELETE', `/v1/authentication/users/sessions/${sessionId}`, { token });
    expect(out.statusCode).toBe(204);
  });

  test('a super admin below the policy is refused, a machine user is not', async () => {
    const { owner, orgId } = await place();
    await patch(orgId, owner, { mfa: 'required' });
    const machine = await world.machine();
    const call = ({ token }: { token: string }) =>
      world.call('PATCH', `/v1/authorization/organizations/${orgId}`, { token, body: { metadata: { a: 'b' } } });
    expect(problem(await call(world.admin))).toBe('401 step_up_required');
    expect((await call(machine)).json()).toEqual({ message: 'Organization Data Updated' });
  });

  test('a session that is too old re-authenticates; with a required factor, only the factor counts', async () => {
    const { owner, orgId, factor } = await place();
    await patch(orgId, owner, { maxSessionHours: 2 });
    const list = () => world.call('GET', `/v1/authorization/organizations/${orgId}/managers?pageSize=9`, owner);
    app.clock.advance(2 * hour - 1000);
    expect((await list()).statusCode).toBe(200);
    app.clock.advance(1000);
    const refused = await list();
    expect([problem(refused), refused.headers['www-authenticate']]).toEqual([
      '401 reauthentication_required',
      'Bearer error="insufficient_user_authentication", max_age=7200',
    ]);
    await world.reauthenticate(owner);
    expect((await list()).statusCode).toBe(200);
    await prove(owner, factor as OwnFactor);
    await patch(orgId, owner, { mfa: 'required' });
    app.clock.advance(2 * hour);
    await world.reauthenticate(owner);
    const stale = await list();
    expect([problem(stale), stale.headers['www-authenticate']]).toEqual([
      '401 reauthentication_required',
      `${challenge}, max_age=7200`,
    ]);
  });

  test('a session under a policy of passkeys only cannot be renewed with another factor', async () => {
    const { owner, orgId, factor } = await place();
    await setRelyingParty(world);
    await addPasskey(world, owner);
    await setOrganizationPolicy(world, orgId, { mfa: 'required', allowedFactors: ['passkey'], maxSessionHours: 2 });
    const list = async () => problem(await world.call('GET', `/v1/authorization/organizations/${orgId}/roles`, owner));
    expect(await list()).toBe('200 undefined');
    app.clock.advance(2 * hour);
    await prove(owner, factor as OwnFactor);
    expect(await list()).toBe('401 reauthentication_required');
  });

  test.each<[allowed: ('totp' | 'passkey')[], amr: string[], outcome: number]>([
    [['totp'], ['pwd', 'otp', 'mfa'], 200],
    [['totp'], ['pwd', 'swk', 'user', 'mfa'], 401],
    [['passkey'], ['pwd', 'otp', 'mfa'], 401],
    [['passkey'], ['pwd', 'hwk', 'mfa'], 401],
    [['passkey'], ['swk', 'user', 'mfa'], 200],
    [['totp', 'passkey'], ['pwd', 'hwk', 'mfa'], 200],
    [['totp', 'passkey'], ['pwd', 'rec', 'mfa'], 401],
    [['totp', 'passkey'], ['pwd', 'rec', 'mfa', 'otp'], 401],
    [['totp', 'passkey'], ['fed', 'email'], 401],
    [['totp', 'passkey'], ['pwd', 'otp'], 401],
  ])('the allowed factors are %j, the session has %j', async (allowedFactors, amr, status) => {
    const { owner, orgId } = await place();
    const session = await weakSession(owner, amr);
    await setOrganizationPolicy(world, orgId, { mfa: 'required', allowedFactors });
    const listed = await world.call('GET', `/v1/authorization/organizations/${orgId}/roles`, session);
    expect(listed.statusCode).toBe(status);
  });

  describe('permission checks', () => {
    const permissions = ['documents:reader', 'documents:writer'];
    const reasons = (response: Awaited<ReturnType<typeof check>>) =>
      response
        .json<{ results: { allowed: boolean; reason?: string }[] }>()
        .results.map(({ allowed, reason }) => reason ?? allowed);

    test('a check by the person themselves is refused with the reason, and discloses nothing else', async () => {
      const { owner, orgId } = await place();
      const member = await world.member(orgId);
      expect(reasons(await check(orgId, member, { permissions }))).toEqual([true, 'no_role_grants_it']);
      await patch(orgId, owner, { mfa: 'required' });
      const refused = await check(orgId, member, { permissions });
      expect(reasons(refused)).toEqual(['step_up_required', 'step_up_required']);
      expect(refused.body).not.toContain('"grantedBy":["reader"]');
      await enrol(world, member);
      expect(reasons(await check(orgId, member, { permissions }))).toEqual([true, 'no_role_grants_it']);
    });

    test('a check by a weak session cannot name a stronger one', async () => {
      const { owner, orgId } = await place();
      const member = await world.member(orgId);
      const weak = await weakSession(member);
      await enrol(world, member);
      await patch(orgId, owner, { mfa: 'required' });
      const { sessionId } = member;
      expect(reasons(await check(orgId, weak, { permissions, sessionId }))).toContain('step_up_required');
      expect(reasons(await check(orgId, member, { permissions, sessionId: weak.sessionId }))).toContain(
        'step_up_required',
      );
    });

    test('a check by a machine needs a session of the user that meets the policy', async () => {
      const { owner, orgId } = await place();
      const machine = await world.machine();
      const member = await world.member(orgId);
      const { userId } = member;
      const weak = await weakSession(member);
      const ask = async (sessionId?: string) =>
        reasons(await check(orgId, machine, { userId, permissions, ...(sessionId && { sessionId }) }))[0];
      expect([await ask(), await ask('1'), await ask(member.sessionId)]).toEqual([true, 'step_up_required', true]);
      await enrol(world, member);
      await patch(orgId, owner, { mfa: 'required', maxSessionHours: 3 });
      expect([await ask(), await ask(member.sessionId), await ask(weak.sessionId)]).toEqual([
        'step_up_required',
        true,
        'step_up_required',
      ]);
      // Sessions of other people and unknown sessions have the same result as no session.
      expect([await ask(owner.sessionId), await ask('1')]).toEqual(['step_up_required', 'step_up_required']);
      app.clock.advance(3 * hour);
      expect([await ask(member.sessionId), await ask()]).toEqual(['reauthentication_required', 'step_up_required']);
      const { token, sessionId } = member;
      await world.call('DELETE', `/v1/authentication/users/sessions/${sessionId}`, { token });
      expect(await ask(sessionId)).toBe('step_up_required');
    });

    test('a check without a session is refused by every policy that requires something', async () => {
      const { orgId } = await place({ enrolled: false });
      const machine = await world.machine();
      const { userId } = await world.member(orgId);
      const ask = async () => reasons(await check(orgId, machine, { userId, permissions }))[0];
      await setOrganizationPolicy(world, orgId, { maxSessionHours: 8 });
      expect(await ask()).toBe('step_up_required');
      await setOrganizationPolicy(world, orgId, { rememberDays: 8, allowedFactors: ['totp'] });
      expect(await ask()).toBe(true);
    });

    test('a check by others needs the policy, and outsiders learn nothing', async () => {
      const { owner, orgId } = await place();
      const manager = await world.manager(orgId);
      const member = await world.member(orgId);
      await patch(orgId, owner, { mfa: 'required' });
      expect(problem(await check(orgId, manager, { userId: member.userId, permissions }))).toBe('401 step_up_required');
      expect(problem(await check(orgId, member, { userId: owner.userId, permissions }))).toBe('403 access_denied');
      expect(problem(await check(orgId, await world.person(), { permissions }))).toBe('404 organization_not_found');
      expect(problem(await check(orgId, world.admin, { userId: member.userId, permissions }))).toBe(
        '401 step_up_required',
      );
    });
  });
});
