import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { sql } from '../db/db.ts';
import { enableOrganizationMachines } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let orgId: string;

beforeAll(async () => void (app = await buildTestApp()));
beforeEach(async () => {
  world = await createWorld(app);
  await enableOrganizationMachines(world);
  owner = await world.person();
  orgId = await world.organization(owner);
});
afterAll(() => app?.close());

const urlOf = (org = orgId) => `/v1/authorization/organizations/${org}/machine-users`;
const create = (body: object, token = owner.token, org = orgId) =>
  world.call('POST', urlOf(org), { token, body: { userName: 'exporter', ...body } });
interface Listed {
  id: string;
  userName: string;
  roles: string[];
  managerRoles: string[];
  secrets: { id: string; createdBy: string | null; confirmBy: string | null }[];
}
const list = async (token = owner.token) => {
  const response = await world.call('GET', `${urlOf()}?pageSize=100`, { token });
  return response.json<{ metadata: { total: number }; machineUsers: Listed[] }>();
};

describe('organization machine users while the setting is off', () => {
  const ids = { machineUserId: '1', secretId: '2' };
  const calls = [
    ['POST', '', { userName: 'exporter' }],
    ['GET', '?pageSize=1', undefined],
    ['PATCH', `/${ids.machineUserId}`, { userName: 'other' }],
    ['DELETE', `/${ids.machineUserId}`, undefined],
    ['POST', `/${ids.machineUserId}/secrets`, {}],
    ['POST', `/${ids.machineUserId}/secrets/${ids.secretId}/confirm`, undefined],
    ['DELETE', `/${ids.machineUserId}/secrets/${ids.secretId}`, undefined],
  ] as const;

  it.each(calls)('%s machine-users%s is refused', async (method, path, body) => {
    const off = await createWorld(app);
    const person = await off.person();
    const org = await off.organization(person);
    const url = `/v1/authorization/organizations/${org}/machine-users${path}`;
    const response = await off.call(method, url, { token: person.token, ...(body && { body }) });
    expect(problem(response)).toBe('403 organization_machine_users_disabled');
  });
});

describe('a machine user of an organization', () => {
  it('gets an id and a secret of its own kind, and is listed with its permissions', async () => {
    const response = await create({ roles: ['writer', 'reader', 'writer'], managerRoles: ['ORG_USER_MANAGER'] });
    expect(response.statusCode).toBe(201);
    const created = response.json<Record<string, string>>();
    expect(created['clientSecret']).toMatch(/^gh_o_[\w-]{43}$/);
    expect(created['clientId']).toBe(created['machineUserId']);
    const { metadata, machineUsers } = await list();
    expect(metadata).toEqual({ total: 1 });
    expect(machineUsers).toMatchObject([
      {
        id: created['machineUserId'],
        userName: 'exporter',
        roles: ['reader', 'writer'],
        managerRoles: ['ORG_USER_MANAGER'],
        secrets: [{ id: created['secretId'], createdBy: owner.userId, confirmBy: null }],
      },
    ]);
  });

  it('is a member of no list of people, and no owner', async () => {
    await create({ roles: ['writer'], managerRoles: ['ORG_USER_MANAGER'] });
    const people = await world.call('GET', '/v1/authorization/organizations/users?pageSize=10', {
      token: owner.token,
      orgId,
    });
    expect(people.json()).toMatchObject({ metadata: { total: 1 }, users: [{ id: owner.userId }] });
    const managers = await world.call('GET', `/v1/authorization/organizations/${orgId}/managers?pageSize=10`, {
      token: owner.token,
    });
    expect(managers.json()).toMatchObject({ metadata: { total: 1 } });
    const left = await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, {
      token: owner.token,
    });
    expect(problem(left)).toBe('409 last_owner');
  });

  it.each<[what: string, body: object, pointer: string]>([
    ['owner', { managerRoles: ['ORG_OWNER'] }, '/body/managerRoles/0'],
    ['manager twice', { managerRoles: ['ORG_USER_MANAGER', 'ORG_USER_MANAGER'] }, '/body/managerRoles'],
    ['holder of scopes', { scopes: ['*'] }, '/body/scopes'],
  ])('cannot be %s', async (_, body, pointer) => {
    const response = await create(body);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  it.each(['ORG_OWNER', 'ORG_USER_MANAGER', 'unheard-of'])('cannot have a role called %s', async (role) => {
    expect(problem(await create({ roles: [role] }))).toBe('400 unknown_role');
    expect((await list()).machineUsers).toEqual([]);
  });

  it('has a name of its own in the organization, compared without case and width', async () => {
    const other = await world.organization(owner);
    await create({ userName: 'Exporter' });
    expect(problem(await create({ userName: 'ＥXPORTER' }))).toBe('409 machine_user_name_taken');
    expect((await create({ userName: 'exporter' }, owner.token, other)).statusCode).toBe(201);
  });

  it('loses a role that is deleted', async () => {
    await create({ roles: ['writer', 'reader'] });
    await world.call('DELETE', `/v1/authorization/organizations/${orgId}/roles/writer`, { token: owner.token });
    expect((await list()).machineUsers).toMatchObject([{ roles: ['reader'] }]);
  });

  it('is deleted with its organization', async () => {
    await create({ roles: ['writer'] });
    await world.call('DELETE', `/v1/authorization/organizations/${orgId}`, { token: world.admin.token });
    const left = await app.db.query(sql`SELECT 1 FROM organization_machine_users WHERE app_id = ${world.appId}`);
    const secrets = await app.db.query(sql`SELECT 1 FROM organization_machine_secrets WHERE app_id = ${world.appId}`);
    expect([left, secrets]).toEqual([[], []]);
  });

  it('cannot be the hundred and first', async () => {
    await app.db.query(sql`
      INSERT INTO organization_machine_users (app_id, id, org_id, user_name, user_name_key, is_manager, created_at)
      SELECT ${world.appId}::bigint, n, ${orgId}::bigint, 'many ' || n, 'many ' || n, false,
        ${app.clock.now()}::timestamptz
      FROM generate_series(1, 99) AS n`);
    const other = await world.organization(owner);
    expect((await create({}, owner.token, other)).statusCode).toBe(201);
    const answers = await Promise.all([create({ userName: 'one' }), create({ userName: 'two' })]);
    expect(answers.map((answer) => String(answer.statusCode)).toSorted()).toEqual(['201', '409']);
    expect(problem(await create({ userName: 'three' }, world.admin.token))).toBe('409 machine_user_limit_exceeded');
    expect((await create({ userName: 'four' }, owner.token, other)).statusCode).toBe(201);
  });
});

describe('a change', () => {
  const change = (id: string, body: object, token = owner.token) =>
    world.call('PATCH', `${urlOf()}/${id}`, { token, body: { ...body } });

  it('sets the fields that it names and keeps the others', async () => {
    const { machineUserId } = (await create({ roles: ['writer'], managerRoles: ['ORG_USER_MANAGER'] })).json<{
      machineUserId: string;
    }>();
    expect((await change(machineUserId, { userName: 'importer' })).json()).toMatchObject({
      userName: 'importer',
      roles: ['writer'],
      managerRoles: ['ORG_USER_MANAGER'],
    });
    expect((await change(machineUserId, { roles: ['reader'] })).json()).toMatchObject({ roles: ['reader'] });
    expect((await change(machineUserId, { roles: [], managerRoles: [] })).json()).toMatchObject({
      userName: 'importer',
      roles: [],
      managerRoles: [],
    });
    expect(problem(await change(machineUserId, { roles: ['unheard-of'] }))).toBe('400 unknown_role');
  });

  it('a change of roles does not affect the roles of another machine user', async () => {
    const { machineUserId } = await world.organizationMachine(orgId, { roles: ['writer'] });
    const twin = await world.organizationMachine(orgId, { roles: ['reader', 'writer'] });
    expect((await change(machineUserId, { roles: [] })).json()).toMatchObject({ roles: [] });
    const roles = (await list()).machineUsers.map((machine) => [machine.id, machine.roles]);
    expect(roles).toEqual([
      [machineUserId, []],
      [twin.machineUserId, ['reader', 'writer']],
    ]);
  });

  test('a change of a machine user of another organization finds nothing', async () => {
    const neighbour = await world.person();
    const next = await world.organization(neighbour);
    const { machineUserId, secretId } = await world.organizationMachine(next);
    expect(problem(await change(machineUserId, { userName: 'mine' }))).toBe('404 machine_user_not_found');
    for (const [method, path] of [
      ['DELETE', ''],
      ['POST', '/secrets'],
      ['DELETE', `/secrets/${secretId}`],
      ['POST', `/secrets/${secretId}/confirm`],
    ] as const) {
      const response = await world.call(method, `${urlOf()}/${machineUserId}${path}`, { token: owner.token });
      expect(problem(response)).toBe('404 machine_user_not_found');
    }
  });

  test('a change by a machine user of the app grants no manager role, and needs the scopes of the role', async () => {
    const { token, machineUserId: robotId } = await world.machine();
    const { machineUserId } = await world.organizationMachine(orgId, { managerRoles: ['ORG_USER_MANAGER'] });
    const plain = await world.organizationMachine(orgId);
    const secret = (id: string) => world.call('POST', `${urlOf()}/${id}/secrets`, { token });
    expect(problem(await create({ managerRoles: ['ORG_USER_MANAGER'] }, token))).toBe('403 access_denied');
    expect(problem(await change(plain.machineUserId, { managerRoles: ['ORG_USER_MANAGER'] }, token))).toBe(
      '403 access_denied',
    );
    expect(problem(await secret(machineUserId))).toBe('403 access_denied');
    expect((await change(machineUserId, { userName: 'renamed' }, token)).statusCode).toBe(200);
    expect((await change(machineUserId, { managerRoles: [] }, token)).statusCode).toBe(200);
    expect((await secret(machineUserId)).statusCode).toBe(201);
    await app.db.query(sql`
      UPDATE machine_users SET scopes = '{organization-machine-users:write,organizations:read,roles:read}'
      WHERE app_id = ${world.appId} AND id = ${robotId}`);
    expect((await create({ userName: 'without roles' }, token)).statusCode).toBe(201);
    expect(problem(await create({ userName: 'with', roles: ['reader'] }, token))).toBe('403 insufficient_scope');
    expect(problem(await change(plain.machineUserId, { roles: ['reader'] }, token))).toBe('403 insufficient_scope');
  });
});

describe('secrets', () => {
  it('are at most five, also if calls race', async () => {
    const { machineUserId } = await world.organizationMachine(orgId);
    const add = () => world.call('POST', `${urlOf()}/${machineUserId}/secrets`, { token: owner.token, body: {} });
    const answers = await Promise.all([add(), add(), add(), add(), add()]);
    expect(answers.map((answer) => String(answer.statusCode)).toSorted()).toEqual(['201', '201', '201', '201', '409']);
    const [machine] = (await list()).machineUsers;
    expect(new Set(machine?.secrets.map(({ createdBy }) => createdBy))).toEqual(
      new Set([world.admin.userId, owner.userId]),
    );
  });

  test.each(['2020-01-01T00:00:00Z', '9999-12-31T00:00:00.001Z'])('do not expire at %s', async (expiresAt) => {
    const { machineUserId } = await world.organizationMachine(orgId);
    const url = `${urlOf()}/${machineUserId}/secrets`;
    const response = await world.call('POST', url, { token: owner.token, body: { expiresAt } });
    expect(Object.keys(faults(response))).toEqual(['/body/expiresAt']);
  });
});

describe('the owners', () => {
  const purpose = 'machine_secret_created_by_app';
  const told = async (person: Person) => (await world.mails(person.email)).filter((mail) => mail.purpose === purpose);

  it('get a mail about each secret that a machine user of the app creates, without its id and address', async () => {
    const { token, machineUserId: robotId } = await world.machine();
    const [second, member, stranger] = [await world.person(), await world.person(), await world.person()];
    const body = { email: second.email, firstName: 'Jon', lastName: 'Doe' };
    await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: owner.token, body });
    await world.organization(stranger);
    const created = await create({}, token);
    expect(created.statusCode).toBe(201);
    for (const person of [owner, second]) {
      const [mail, ...others] = await told(person);
      expect(others).toEqual([]);
      expect(mail?.text).toContain('exporter');
      expect(mail?.text).not.toContain('127.0.0.1');
      expect(mail?.text).not.toContain(robotId);
    }
    const { machineUserId } = created.json<{ machineUserId: string }>();
    const url = `${urlOf()}/${machineUserId}/secrets`;
    expect((await world.call('POST', url, { token, body: {} })).statusCode).toBe(201);
    expect(await told(owner)).toHaveLength(2);
    for (const person of [member, stranger]) expect(await told(person)).toEqual([]);
  });

  it('get no such mail if one of them creates the secret', async () => {
    expect((await create({})).statusCode).toBe(201);
    expect(await told(owner)).toEqual([]);
  });
});
