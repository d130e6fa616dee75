import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { signOrganizationMachineToken } from '../test/organization-machine-tokens.ts';
import { listAudiences } from '../test/access-tokens.ts';
import { enableOrganizationMachines } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { withStatus } from '../test/world/answers.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const url = '/v1/authorization/organizations';

let app: TestApp;
let world: World;
let jon: Person;

beforeAll(async () => {
  app = await buildTestApp();
});
afterAll(() => app?.close());
beforeEach(async () => {
  world = await createWorld(app, { settings: { usersMayCreateOrganizations: true, organizationsPerUser: 2 } });
  jon = await world.person();
});

let counter = 0;
const nameOf = () => `Organization ${(counter += 1)}`;

const create = (who: { token: string | undefined }, body: object = {}, headers: Record<string, string> = {}) =>
  world.call('POST', url, { token: who.token, headers, body: { name: nameOf(), ...body } });

const created = async (...given: Parameters<typeof create>): Promise<string> =>
  withStatus(201, await create(...given)).json<{ orgId: string }>().orgId;

const change = (settings: object) =>
  world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body: settings });

const organizationsOfJon = async (): Promise<object[]> => {
  const path = '/v1/authentication/users/me?includeOrganizations=true';
  return (await world.call('GET', path, { token: jon.token })).json<{ organizations: object[] }>().organizations;
};

describe('creating an organization is refused, and nothing changes', () => {
  const unclaimed = async () => {
    const { userId, token } = await world.person();
    await app.db.query(sql`UPDATE users SET claimed_by = NULL WHERE app_id = ${world.appId} AND id = ${userId}`);
    return token;
  };
  const organizationMachine = async () => {
    await enableOrganizationMachines(world);
    const orgId = await world.organization(jon);
    const machine = await world.organizationMachine(orgId, { managerRoles: ['ORG_USER_MANAGER'] });
    return signOrganizationMachineToken(world, { ...machine, orgId });
  };
  const accessToken = async () => {
    await listAudiences(world);
    const path = '/v1/authentication/users/me/access-token';
    const answer = await world.call('POST', path, { token: jon.token, body: {} });
    return withStatus(200, answer).json<{ token: string }>().token;
  };
  const restricted = async () => {
    await app.db.query(sql`UPDATE sessions SET restriction = 'enrolment' WHERE id = ${jon.sessionId}`);
    return jon.token;
  };
  const deactivated = async () => {
    const { userId, token } = await world.person();
    await app.db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE app_id = ${world.appId} AND id = ${userId}`);
    return token;
  };

  test.each<[who: string, token: () => Promise<string | undefined>, expected: string]>([
    ['without a credential', () => Promise.resolve(undefined), '401 unauthenticated'],
    ['for a person of another app', async () => (await (await createWorld(app)).person()).token, '401 unauthenticated'],
    ['for a deactivated person', deactivated, '401 unauthenticated'],
    ['for a session that can only add a factor', restricted, '403 mfa_enrolment_required'],
    ['for an unclaimed account', unclaimed, '403 account_unclaimed'],
    ['with an access token', accessToken, '401 session_required'],
    ['for a machine user', async () => (await world.machine()).token, '403 human_required'],
    ['for a machine user of an organization', organizationMachine, '403 human_required'],
  ])('%s', async (_who, tokenOf, expected) => {
    const token = await tokenOf();
    const before = await world.rows();
    const answer = problem(await create({ token }));
    expect([answer, await world.rows()]).toEqual([expected, before]);
  });

  test.each(['jon', 'admin'] as const)('creation is refused while the setting is off: %s', async (name) => {
    await change({ usersMayCreateOrganizations: false });
    const before = await world.rows();
    expect(problem(await create(name === 'jon' ? jon : world.admin))).toBe('403 organization_creation_disabled');
    expect(await world.rows()).toEqual(before);
  });

  test('creating an organization is refused by default', async () => {
    const other = await createWorld(app);
    const { token } = await other.person();
    expect(problem(await other.call('POST', url, { token, body: { name: 'Mine' } }))).toBe(
      '403 organization_creation_disabled',
    );
  });

  test.each<[what: string, body: object]>([
    ['without a name', { name: undefined }],
    ['with a blank name', { name: ' ' }],
    ['with somebody else as owner', { adminEmail: 'eve@example.com' }],
    ['with a creator', { createdBy: '1' }],
    ['with the status', { status: 'Inactive' }],
    ['with a role of the app', { customRoles: [{ key: 'global:x', displayName: 'x', allowedPermissions: [] }] }],
  ])('creation is refused %s', async (_what, body) => {
    const before = await world.rows();
    expect(problem(await create(jon, body))).toBe('400 validation_failed');
    expect(await world.rows()).toEqual(before);
  });

  test('creating an organization with the name of another is refused', async () => {
    await created(jon, { name: 'Acme' });
    const eve = await world.person();
    expect(problem(await create(eve, { name: ' ACME' }))).toBe('409 organization_name_taken');
    const rows = await app.db.query(
      sql`SELECT 1 FROM members WHERE app_id = ${world.appId} AND user_id = ${eve.userId}`,
    );
    expect(rows).toEqual([]);
  });
});

describe('the quota of a user', () => {
  const beyond = async (who: Person = jon) => problem(await create(who));

  test('is reached by the entries that the user has created', async () => {
    await created(jon);
    await created(jon);
    expect(await beyond()).toBe('409 organization_limit_reached');
    expect(await beyond(await world.person())).not.toContain('409');
  });

  test('applies to concurrent calls', async () => {
    const calls = await Promise.all(Array.from({ length: 6 }, () => create(jon)));
    const statuses = calls.map(({ statusCode }) => statusCode).toSorted((one, other) => one - other);
    expect(statuses).toEqual([201, 201, 409, 409, 409, 409]);
  });

  test('is not consumed by organizations of others, also if they make the user an owner', async () => {
    const orgId = await created(await world.person());
    await world.organization(jon);
    const body = { email: jon.email, firstName: 'Jon', lastName: 'Doe' };
    const owner = { token: world.admin.token, body };
    withStatus(201, await world.call('POST', `${url}/${orgId}/owners`, owner));
    await created(jon);
    await created(jon);
  });

  test('the quota of a user also counts an organization that the user has left', async () => {
    const orgId = await created(jon);
    const ann = await world.person();
    const body = { email: ann.email, firstName: 'Ann', lastName: 'Lee' };
    withStatus(201, await world.call('POST', `${url}/${orgId}/owners`, { token: jon.token, body }));
    withStatus(
      204,
      await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token: jon.token }),
    );
    await created(jon);
    expect(await beyond()).toBe('409 organization_limit_reached');
  });

  test('does not count deleted organizations, but attempts in a day are limited', async () => {
    await change({ limits: { organizationsPerUserPerDay: 3 } });
    for (const _ of [1, 2, 3]) {
      const orgId = await created(jon);
      withStatus(204, await world.call('DELETE', `${url}/${orgId}`, { token: world.admin.token }));
    }
    const refused = await create(jon);
    expect(problem(refused)).toBe('429 rate_limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3600);
  });

  test('refused attempts count, so that nobody can find out all names', async () => {
    await change({ limits: { organizationsPerUserPerDay: 3 } });
    await created(await world.person(), { name: 'Acme' });
    const answers: string[] = [];
    for (const name of ['Acme', 'ACME', 'acme', 'Beta']) answers.push(problem(await create(jon, { name })));
    const taken = '409 organization_name_taken';
    expect(answers).toEqual([taken, taken, taken, '429 rate_limited']);
  });
});

describe('a created organization', () => {
  test('belongs to the caller, with its roles and metadata', async () => {
    const role = { key: 'reader', displayName: 'Reader', allowedPermissions: ['documents:read'] };
    const orgId = await created(jon, { name: 'Acme', customRoles: [role], metadata: { plan: 'free' } });
    const query = 'includeMetadata=true&includeRoles=true';
    const shown = await world.call('GET', `${url}/${orgId}?${query}`, { token: jon.token });
    expect(shown.json()).toMatchObject({ name: 'Acme', status: 'Active', metadata: { plan: 'free' }, roles: [role] });
    expect(await organizationsOfJon()).toMatchObject([
      { id: orgId, name: 'Acme', managerRoles: ['ORG_OWNER'], permissions: [] },
    ]);
    const body = { email: 'mia@example.com', firstName: 'Mia', lastName: 'Ray', role: 'reader' };
    withStatus(201, await world.call('POST', `${url}/${orgId}/members`, { token: jon.token, body }));
  });

  test('is counted in the lists, found by the search for members, and recorded', async () => {
    const orgId = await created(jon);
    const list = await world.call('GET', `${url}?pageSize=10`, { token: world.admin.token });
    expect(list.json()).toMatchObject({ metadata: { total: 1 }, organizations: [{ id: orgId }] });
    const members = await world.call('GET', '/v1/authorization/organizations/users?pageSize=10', {
      token: jon.token,
      orgId,
    });
    expect(members.json()).toMatchObject({ metadata: { total: 1 } });
    const audit = await world.call('GET', `${url}/${orgId}/audit-events?pageSize=10`, { token: jon.token });
    expect(audit.json()).toMatchObject({
      events: [
        { action: 'organization.created', actor: { kind: 'user', id: jon.userId }, target: { kind: 'organization' } },
      ],
    });
  });

  test('is created once with an idempotency key', async () => {
    const headers = { 'idempotency-key': 'once' };
    const body = { name: 'Acme' };
    const [first, second] = [await created(jon, body, headers), await created(jon, body, headers)];
    expect(second).toBe(first);
  });

  test('stays when its creator is deleted', async () => {
    const orgId = await created(jon);
    const ann = await world.person();
    const body = { email: ann.email, firstName: 'Ann', lastName: 'Lee' };
    withStatus(201, await world.call('POST', `${url}/${orgId}/owners`, { token: jon.token, body }));
    const path = `/v1/authorization/users/${jon.userId}`;
    withStatus(200, await world.call('DELETE', path, { token: world.admin.token }));
    expect((await world.call('GET', `${url}/${orgId}`, { token: ann.token })).statusCode).toBe(200);
  });
});
