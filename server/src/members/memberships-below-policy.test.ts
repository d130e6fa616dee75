import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol, type OwnFactor } from '../test/world/factors.ts';
import { proveFactor, securityOf, setOrganizationPolicy, weakSession } from '../test/world/policies.ts';
import { createWorld, type Machine, type Person, problem, type World } from '../test/world/world.ts';
import { addTo } from '../test/samples/stage.ts';

let app: TestApp;
let world: World;
/** Owns both organizations, and has the role writer there. A second factor was used in the session. */
let owner: Person;
let factor: OwnFactor;
/** A session of the owner from before the policy, with the password only. */
let weak: Person;
let machine: Machine;
/** The first has a policy. */
let orgId: string;
let nextDoor: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { settings: { audiences: ['https://api.example.com'] } });
  machine = await world.machine();
  owner = await world.person();
  orgId = await world.organization(owner, { name: 'Strict' });
  nextDoor = await world.organization(owner, { name: 'Open' });
  for (const id of [orgId, nextDoor]) await addTo({ world, orgId: id }, owner.userId, 'writer');
  weak = await world.signIn(owner.email);
  factor = await enrol(world, owner);
  const body = { mfa: 'required' };
  const changed = await world.call('PATCH', securityOf(orgId), { token: owner.token, body });
  expect(changed.statusCode).toBe(200);
});
afterAll(() => app?.close());

const stepUpRequired = { acr: 'urn:gatehouse:acr:2', by: 'organization' };
const get = async (url: string, { token }: { token: string }) =>
  (await world.call('GET', `/v1/authentication/users/${url}`, { token })).json<Record<string, unknown>>();
const strict = () => ({ id: orgId, name: 'Strict', status: 'Active' });
const writing = { roles: ['writer'], managerRoles: ['ORG_OWNER'], permissions: ['documents:writer'] };
const open = () => ({ id: nextDoor, name: 'Open', status: 'Active', ...writing });

describe('memberships in a session below the policy', () => {
  test('introspection shows that organization without rights, and the others as before', async () => {
    const { organizations } = await get('me?includeOrganizations=true', weak);
    expect(organizations).toEqual([
      { ...strict(), roles: [], managerRoles: [], permissions: [], stepUpRequired },
      open(),
    ]);
    expect((await get(`me?organizationId=${orgId}`, weak))['organizations']).toMatchObject([{ stepUpRequired }]);
    const strong = await get('me?includeOrganizations=true', owner);
    expect(strong['organizations']).toEqual([{ ...strict(), ...writing }, open()]);
  });

  test('the lists of manager roles and of organizations name the required step-up', async () => {
    const managerRoles = ['ORG_OWNER'];
    expect((await get('me/manager-roles', weak))['managerRoles']).toEqual([
      { orgId, orgName: 'Strict', roles: [], stepUpRequired },
      { orgId: nextDoor, orgName: 'Open', roles: managerRoles },
    ]);
    expect((await get('me/manager-roles', owner))['managerRoles']).toEqual([
      { orgId, orgName: 'Strict', roles: managerRoles },
      { orgId: nextDoor, orgName: 'Open', roles: managerRoles },
    ]);
    const url = `organizations?email=${encodeURIComponent(owner.email)}`;
    const opened = { id: nextDoor, name: 'Open', status: 'Active', roles: ['writer'] };
    expect((await get(url, weak))['organizations']).toEqual([{ ...strict(), roles: [], stepUpRequired }, opened]);
    expect((await get(url, owner))['organizations']).toEqual([{ ...strict(), roles: ['writer'] }, opened]);
  });

  test('a super admin is not exempt, a machine user is', async () => {
    const url = `organizations?email=${encodeURIComponent(owner.email)}`;
    expect((await get(url, world.admin))['organizations']).toMatchObject([{ roles: [], stepUpRequired }, {}]);
    expect((await get(url, machine))['organizations']).toMatchObject([{ roles: ['writer'] }, { roles: ['writer'] }]);
  });

  test('a session sees everything after the factor was used in it, until it is too old', async () => {
    const late = await weakSession(world, owner);
    const shown = async () => {
      const [first] = (await get('me?includeOrganizations=true', late))['organizations'] as object[];
      return first;
    };
    expect(await shown()).toMatchObject({ roles: [] });
    await proveFactor(world, late, factor);
    expect(await shown()).toEqual({ ...strict(), ...writing });
    await setOrganizationPolicy(world, orgId, { mfa: 'required', maxSessionHours: 4 });
    expect(await shown()).toMatchObject({ roles: ['writer'] });
    app.clock.advance(4 * 3_600_000);
    expect(await shown()).toMatchObject({ roles: [], stepUpRequired: { ...stepUpRequired, maxAgeSeconds: 14_400 } });
    await world.reauthenticate(late);
    expect(await shown()).toMatchObject({ roles: [] });
    await setOrganizationPolicy(world, orgId, { maxSessionHours: 4 });
    expect(await shown()).toEqual({ ...strict(), ...writing });
    await setOrganizationPolicy(world, orgId, { mfa: 'required' });
  });

  test('only passkeys that verify the person meet a policy that allows only such passkeys', async () => {
    await setOrganizationPolicy(world, orgId, { mfa: 'required', allowedFactors: ['passkey'] });
    const acr = 'urn:gatehouse:acr:3';
    expect((await get('me?includeOrganizations=true', owner))['organizations']).toMatchObject([
      { roles: [], stepUpRequired: { acr, allowedFactors: ['passkey'] } },
      { roles: ['writer'] },
    ]);
    const byPasskey = await weakSession(world, owner, ['swk', 'user', 'mfa']);
    expect((await get('me?includeOrganizations=true', byPasskey))['organizations']).toMatchObject([
      { roles: ['writer'] },
      {},
    ]);
    await setOrganizationPolicy(world, orgId, { mfa: 'required' });
  });

  test('a factor that the person has removed does not count', async () => {
    const person = await world.person();
    await setOrganizationPolicy(world, orgId, null);
    await addTo({ world, orgId }, person.userId, 'reader');
    await setOrganizationPolicy(world, orgId, { mfa: 'required' });
    const own = await enrol(world, person);
    const shown = async () => (await get(`me?organizationId=${orgId}`, person))['organizations'];
    expect(await shown()).toMatchObject([{ roles: ['reader'] }]);
    const { token } = person;
    const removed = await world.call('DELETE', `/v1/authentication/users/me/factors/${own.id}`, { token });
    expect(removed.statusCode).toBe(204);
    expect(await shown()).toMatchObject([{ roles: [], stepUpRequired }]);
    const check = await world.call('POST', `/v1/authorization/organizations/${orgId}/permissions/check`, {
      token,
      body: { permissions: ['documents:reader'] },
    });
    expect(check.json()).toMatchObject({ results: [{ allowed: false, reason: 'step_up_required' }] });
    const asked = await world.call('POST', '/v1/authentication/users/me/access-token', {
      token,
      body: { organizationId: orgId },
    });
    expect(problem(asked)).toBe('401 step_up_required');
    const roles = await world.call('GET', `/v1/authorization/organizations/${orgId}/roles`, { token });
    expect(problem(roles)).toBe('401 step_up_required');
    const byMachine = await world.call('POST', `/v1/authorization/organizations/${orgId}/permissions/check`, {
      token: machine.token,
      body: { userId: person.userId, sessionId: person.sessionId, permissions: ['documents:reader'] },
    });
    expect(byMachine.json()).toMatchObject({ results: [{ allowed: false, reason: 'step_up_required' }] });
  });

  test('claims of an identity provider do not count', async () => {
    const byProvider = await weakSession(world, owner, ['fed']);
    await app.db.query(sql`
      UPDATE sessions SET provider_acr = 3 WHERE app_id = ${world.appId} AND id = ${byProvider.sessionId}`);
    expect((await get(`me?organizationId=${orgId}`, byProvider))['organizations']).toMatchObject([{ stepUpRequired }]);
  });

  test('a deactivated organization requires nothing', async () => {
    const url = `/v1/authorization/organizations/${orgId}`;
    await world.call('POST', `${url}/deactivate`, { token: machine.token });
    const [first] = (await get('me?includeOrganizations=true', weak))['organizations'] as object[];
    expect(first).toEqual({ ...strict(), status: 'Inactive', roles: [], managerRoles: [], permissions: [] });
    await world.call('POST', `${url}/reactivate`, { token: machine.token });
  });
});
