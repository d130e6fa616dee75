import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { untilWaiting, whileLocked } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { setOrganizationPolicy } from '../test/world/policies.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let machine: { token: string };
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  machine = await world.machine();
});
beforeEach(async () => {
  owner = await world.person();
  orgId = await world.organization(owner, { metadata: { plan: 'pro' } });
});
afterAll(() => app?.close());

type Caller = { token: string };
const urlOf = (id = orgId) => `/v1/authorization/organizations/${id}`;
const set = (verb: 'deactivate' | 'reactivate', { token }: Caller = world.admin, id = orgId) =>
  world.call('POST', `${urlOf(id)}/${verb}`, { token });
const remove = ({ token }: Caller = world.admin, id = orgId) => world.call('DELETE', urlOf(id), { token });
const get = ({ token }: Caller, query = '') => world.call('GET', `${urlOf()}${query}`, { token });
const patch = ({ token }: Caller, body: object, headers = {}) => world.call('PATCH', urlOf(), { token, body, headers });
const everything = '?includeMetadata=true&includeRoles=true';
const me = async ({ token }: Caller) =>
  (await world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', { token })).json<{
    organizations: object[];
  }>();
const inviting = (email: string) => ({ email, firstName: 'Jane', lastName: 'Roe', role: 'reader' });
const invite = (email: string, { token }: Caller = owner, id = orgId) =>
  world.call('POST', `${urlOf(id)}/members`, { token, body: inviting(email) });
const waiting = (count: number) => untilWaiting(app.db, count);
const userOf = async (email: string) =>
  (await app.db.query(sql`SELECT state FROM users WHERE app_id = ${world.appId} AND email = ${email}`))[0];

describe('deactivating and reactivating', () => {
  test('are for super admins and machines', async () => {
    const callers = { owner, manager: await world.manager(orgId), member: await world.member(orgId) };
    for (const [, caller] of Object.entries(callers)) {
      expect(problem(await set('deactivate', caller))).toBe('403 access_denied');
    }
    expect(problem(await set('deactivate', await world.person()))).toBe('404 organization_not_found');
    expect(problem(await set('deactivate', world.admin, '1'))).toBe('404 organization_not_found');
    for (const caller of [machine, world.admin]) {
      expect((await set('deactivate', caller)).json()).toEqual({ message: 'Organization deactivated' });
      expect(problem(await set('reactivate', owner))).toBe('403 organization_inactive');
      expect((await set('reactivate', caller)).json()).toEqual({ message: 'Organization reactivated' });
    }
  });

  test('need no session that meets the policy of the organization', async () => {
    await setOrganizationPolicy(world, orgId, { mfa: 'required', allowedFactors: ['passkey'] });
    expect(problem(await patch(world.admin, { metadata: { plan: 'free' } }))).toBe('401 step_up_required');
    expect(problem(await set('deactivate', owner))).toBe('403 access_denied');
    for (const verb of ['deactivate', 'reactivate', 'deactivate'] as const) {
      expect((await set(verb)).statusCode).toBe(200);
    }
    expect((await remove()).statusCode).toBe(204);
  });

  test('raise the version, once', async () => {
    const answers = [];
    for (const verb of ['deactivate', 'deactivate', 'reactivate', 'reactivate'] as const) answers.push(await set(verb));
    expect(answers.map(({ headers }) => headers.etag)).toEqual(['"2"', '"2"', '"3"', '"3"']);
    expect((await get(owner)).headers.etag).toBe('"3"');
    expect(problem(await patch(owner, { metadata: { plan: 'free' } }, { 'if-match': '"1"' }))).toBe(
      '412 precondition_failed',
    );
  });

  test('are recorded in the audit once each', async () => {
    for (const verb of ['deactivate', 'deactivate', 'reactivate', 'reactivate'] as const) await set(verb, machine);
    const events = (await world.events()).filter(({ target }) => target === `organization ${orgId}`).slice(-2);
    expect(events).toMatchObject([
      { action: 'organization.deactivated', changes: ['status'] },
      { action: 'organization.reactivated', changes: ['status'] },
    ]);
  });

  test('concurrently count once', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => set('deactivate')));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(6).fill(200));
    expect((await get(owner)).headers.etag).toBe('"2"');
  });
});

describe('a deactivated organization', () => {
  test('grants its members nothing and is still shown to them; after reactivation all is restored', async () => {
    const people = [owner, await world.manager(orgId), await world.member(orgId)];
    const before = await Promise.all(people.map(me));
    await set('deactivate');
    for (const person of people) {
      const { organizations } = await me(person);
      expect(organizations).toMatchObject([
        { id: orgId, status: 'Inactive', roles: [], permissions: [], managerRoles: [] },
      ]);
      const list = await world.call('GET', '/v1/authorization/organizations?pageSize=10', { token: person.token });
      expect(list.json()).toMatchObject({ metadata: { total: 1 }, organizations: [{ id: orgId, status: 'Inactive' }] });
      const seen = (await get(person)).json<object>();
      expect(seen).toMatchObject({ id: orgId, status: 'Inactive' });
      expect(problem(await patch(person, { metadata: { plan: 'free' } }))).toBe('403 organization_inactive');
      expect(problem(await patch(person, { metadata: {} }))).toBe('403 organization_inactive');
      expect(problem(await invite('nobody@example.com', person))).toBe('403 organization_inactive');
    }
    expect((await get(owner, everything)).json()).not.toHaveProperty('metadata');
    expect((await get(owner, everything)).json()).not.toHaveProperty('roles');
    await set('reactivate');
    expect(await Promise.all(people.map(me))).toEqual(before);
    expect((await get(owner, everything)).json()).toMatchObject({ metadata: { plan: 'pro' }, roles: [{}, {}] });
  });

  test('is not changed by its people who began before and waited for the deactivation', async () => {
    // The embedded database runs one transaction at a time.
    if (app.db.engine === 'embedded') return;
    const deactivation = sql`
      UPDATE organizations SET status = 'Inactive' WHERE app_id = ${world.appId} AND id = ${orgId}`;
    const manager = await world.manager(orgId);
    const before = (await world.events()).length;
    const { late } = await whileLocked(app.db, deactivation, async () => {
      const patched = patch(manager, { metadata: { plan: 'free' } });
      await waiting(1);
      return { late: patched };
    });
    expect(problem(await late)).toBe('403 organization_inactive');
    expect((await get(world.admin, everything)).json()).toMatchObject({ metadata: { plan: 'pro' } });
    expect(await world.events()).toHaveLength(before);
  });

  test('is changed by super admins and machines who waited for the deactivation', async () => {
    if (app.db.engine === 'embedded') return;
    const deactivation = sql`
      UPDATE organizations SET status = 'Inactive' WHERE app_id = ${world.appId} AND id = ${orgId}`;
    const { late } = await whileLocked(app.db, deactivation, async () => {
      const patched = patch(machine, { metadata: { plan: 'free' } });
      await waiting(1);
      return { late: patched };
    });
    expect((await late).statusCode).toBe(200);
  });

  test('is read and changed by super admins and machines, who grant nothing in it', async () => {
    await set('deactivate');
    const person = await world.person();
    const addUrl = `/v1/authorization/organizations/users/${person.userId}`;
    for (const caller of [world.admin, machine]) {
      expect((await get(caller, everything)).json()).toMatchObject({ metadata: { plan: 'pro' }, roles: [{}, {}] });
      expect((await patch(caller, { metadata: { plan: 'pro' } })).statusCode).toBe(200);
      const added = await world.call('POST', addUrl, { token: caller.token, orgId, body: { roles: ['reader'] } });
      expect(problem(added)).toBe('409 organization_inactive_state');
      expect(problem(await invite(person.email, caller))).toBe('409 organization_inactive_state');
    }
    expect((await me(person)).organizations).toEqual([]);
  });

  test('does not show its users to its owners and managers, who cannot name them elsewhere either', async () => {
    const elsewhere = await world.organization(owner);
    const member = await world.member(orgId);
    const url = `/v1/authentication/users/${member.userId}`;
    const add = () =>
      world.call('POST', `/v1/authorization/organizations/users/${member.userId}`, {
        token: owner.token,
        orgId: elsewhere,
        body: { roles: ['reader'] },
      });
    await set('deactivate');
    expect(problem(await world.call('GET', url, { token: owner.token }))).toBe('404 user_not_found');
    expect(problem(await add())).toBe('404 user_not_found');
    await set('reactivate');
    expect((await world.call('GET', url, { token: owner.token })).statusCode).toBe(200);
    expect((await add()).statusCode).toBe(200);
  });
});

describe('deleting an organization', () => {
  test('is for super admins', async () => {
    const callers = [owner, await world.manager(orgId), await world.member(orgId), machine];
    for (const caller of callers) expect(problem(await remove(caller))).toBe('403 access_denied');
    expect(problem(await remove(await world.person()))).toBe('404 organization_not_found');
    expect(problem(await remove(world.admin, '1'))).toBe('404 organization_not_found');
    expect((await remove()).statusCode).toBe(204);
    expect(problem(await remove())).toBe('404 organization_not_found');
  });

  test('works in either status, frees the name and keeps users and audit', async () => {
    const member = await world.member(orgId);
    const { name } = (await get(owner)).json<{ name: string }>();
    await set('deactivate');
    expect((await remove()).statusCode).toBe(204);
    for (const person of [owner, member])
      expect(await me(person)).toMatchObject({ state: 'ACTIVE', organizations: [] });
    const again = await world.organization(owner, { name });
    expect(again).not.toBe(orgId);
    const events = await app.db.query<{ action: string }>(
      sql`SELECT action FROM audit_events WHERE app_id = ${world.appId} AND org_id = ${orgId} ORDER BY id`,
    );
    expect(events.map(({ action }) => action)).toEqual([
      'organization.created',
      'organization.member_granted',
      'organization.deactivated',
      'organization.deleted',
    ]);
  });

  test('deletes users who were only invited to it, and keeps those invited elsewhere or signed up', async () => {
    const [here, both, signedUp] = ['here', 'both', 'signed-up'].map((who) => `${who}-${orgId}@example.com`) as [
      string,
      string,
      string,
    ];
    for (const email of [here, both, signedUp]) expect((await invite(email)).statusCode).toBe(201);
    const elsewhere = await world.organization(owner);
    await invite(both, owner, elsewhere);
    await world.person({ email: signedUp, verified: false });
    await remove();
    expect([await userOf(here), await userOf(both), await userOf(signedUp)]).toEqual([
      undefined,
      { state: 'INVITED' },
      { state: 'ACTIVE' },
    ]);
  });

  test('voids the codes of its invitations', async () => {
    const email = `late-${orgId}@example.com`;
    await invite(email);
    const { code } = await world.mail(email);
    await remove();
    const body = { orgId, email, verificationCode: code, newPassword: 'Secret@slidezAB' };
    expect(problem(await world.call('PUT', '/v1/authentication/users/invite', { body }))).toBe('400 code_invalid');
  });

  test('forgets who is invited to it at the last moment as well', async () => {
    // The embedded database runs one transaction at a time.
    if (app.db.engine === 'embedded') return;
    const email = `last-moment-${orgId}@example.com`;
    const organization = sql`SELECT 1 FROM organizations WHERE app_id = ${world.appId} AND id = ${orgId} FOR UPDATE`;
    const { removal, invitation } = await whileLocked(app.db, organization, async () => {
      // Invites first, deletes second: both wait for the organization.
      const invited = invite(email);
      await waiting(1);
      const removed = remove();
      await waiting(2);
      return { removal: removed, invitation: invited };
    });
    expect([(await invitation).statusCode, (await removal).statusCode]).toEqual([201, 204]);
    expect(await userOf(email)).toBeUndefined();
  });

  test('blocks no other organization while its members are removed', async () => {
    // The embedded database runs one transaction at a time.
    if (app.db.engine === 'embedded') return;
    const member = sql`SELECT 1 FROM members WHERE app_id = ${world.appId} AND org_id = ${orgId} FOR UPDATE`;
    const totals = sql`
      SELECT slot FROM app_counts WHERE app_id = ${world.appId} AND noun = 'organizations' ORDER BY slot`;
    const { removal, free } = await whileLocked(app.db, member, async () => {
      const removed = remove();
      await waiting(1);
      return { removal: removed, free: await app.db.query(sql`${totals} FOR UPDATE SKIP LOCKED`) };
    });
    expect((await removal).statusCode).toBe(204);
    expect(free).toEqual(await app.db.query(totals));
  });

  test('deleting an organization while it is being changed ends without failure and leaves no row', async () => {
    const people = await Promise.all(Array.from({ length: 4 }, () => world.person()));
    const others = people.flatMap((person, index) => [
      () => invite(person.email, world.admin),
      () => invite(`racing-${index}-${orgId}@example.com`, world.admin),
      () =>
        world.call('POST', `/v1/authorization/organizations/users/${person.userId}`, {
          token: machine.token,
          orgId,
          body: { roles: ['writer'] },
        }),
      () => patch(owner, { metadata: { [`key${index}`]: 'value' } }),
    ]);
    const [half, rest] = [others.slice(0, 8), others.slice(8)];
    const answers = await Promise.all([...half.map((call) => call()), remove(), ...rest.map((call) => call())]);
    for (const { statusCode } of answers) expect([200, 201, 204, 404]).toContain(statusCode);
    expect(answers[half.length]?.statusCode).toBe(204);
    const left = await app.db.query(sql`
      SELECT 1 FROM members WHERE app_id = ${world.appId} AND org_id = ${orgId}
      UNION ALL SELECT 1 FROM invitations WHERE app_id = ${world.appId} AND org_id = ${orgId}
      UNION ALL SELECT 1 FROM users u WHERE app_id = ${world.appId} AND state = 'INVITED'
        AND email LIKE ${`racing-%-${orgId}@example.com`}
        AND NOT EXISTS (SELECT FROM invitations i WHERE i.app_id = u.app_id AND i.user_id = u.id)`);
    expect(left).toEqual([]);
  });
});

describe('the name of an organization', () => {
  test('is stored without spaces around it', async () => {
    await patch(owner, { name: `  Spaced  ${orgId} ` });
    expect((await get(owner)).json()).toMatchObject({ name: `Spaced  ${orgId}` });
    const named = await world.organization(owner, { name: ` Padded ${orgId}\u3000` });
    const seen = await world.call('GET', urlOf(named), { token: owner.token });
    expect(seen.json()).toMatchObject({ name: `Padded ${orgId}` });
  });
});
