import { afterAll, aroundEach, beforeAll, describe, expect, it, test } from 'vitest';
import { accepting, overApp } from '../access/access.ts';
import { includesScope, machineScopes, type MachineScope } from '../access/machine-scopes.ts';
import { sql } from '../db/db.ts';
import { type Route, route } from '../calls/route.ts';
import { routes } from '../routes.ts';
import { digestOfEverything } from './digest.ts';
import { type Case, cases } from './samples/samples.ts';
import { outcomeOf, perform } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

/** The scope of each operation that machine users may call. Listed here on purpose, although each route declares it. */
const scopeOf: Readonly<Record<string, MachineScope>> = {
  getUser: 'users:read',
  updateUser: 'users:write',
  requestEmailVerification: 'users:write',
  listUsers: 'users:read',
  deleteUser: 'users:write',
  deactivateUser: 'users:write',
  reactivateUser: 'users:write',
  listUserSessions: 'sessions:read',
  endUserSessions: 'sessions:write',
  introspectToken: 'tokens:read',
  listOrganizations: 'organizations:read',
  getOrganization: 'organizations:read',
  updateOrganization: 'organizations:write',
  getOrganizationSecurity: 'organizations:read',
  getOrganizationBranding: 'organizations:read',
  getOrganizationLogo: 'organizations:read',
  deactivateOrganization: 'organizations:write',
  reactivateOrganization: 'organizations:write',
  inviteMember: 'members:write',
  addUserToOrganization: 'members:write',
  setOrganizationUserRoles: 'members:write',
  removeUserFromOrganization: 'members:write',
  listManagers: 'members:read',
  listOrganizationUsers: 'members:read',
  searchOrganizationUsers: 'members:read',
  listOrganizationsByEmail: 'members:read',
  listInvitations: 'invitations:read',
  resendInvitation: 'invitations:write',
  revokeInvitation: 'invitations:write',
  listRoles: 'roles:read',
  updateRoles: 'roles:write',
  deleteRole: 'roles:write',
  listPredefinedRoles: 'roles:read',
  createPredefinedRoles: 'roles:write',
  deletePredefinedRole: 'roles:write',
  checkPermissions: 'permissions:read',
  listOrganizationAuditEvents: 'audit:read',
  listAuditEvents: 'audit:read',
  createApiKey: 'api-keys:write',
  listApiKeys: 'api-keys:write',
  updateApiKey: 'api-keys:write',
  revokeApiKey: 'api-keys:write',
  createOrganizationMachineUser: 'organization-machine-users:write',
  listOrganizationMachineUsers: 'organization-machine-users:write',
  updateOrganizationMachineUser: 'organization-machine-users:write',
  deleteOrganizationMachineUser: 'organization-machine-users:write',
  createOrganizationMachineSecret: 'organization-machine-users:write',
  deleteOrganizationMachineSecret: 'organization-machine-users:write',
};

/** Additional scopes that an operation needs, because its caller grants the rights of these scopes to others. */
const furtherScopes: Readonly<Record<string, readonly MachineScope[]>> = {
  createApiKey: ['members:write'],
  createOrganizationMachineUser: ['organizations:read', 'roles:read', 'members:write'],
  updateOrganizationMachineUser: ['organizations:read', 'roles:read', 'members:write'],
  createOrganizationMachineSecret: ['organizations:read', 'roles:read', 'members:write'],
};

let db: UndoableDb;
let app: TestApp;
let stage: Stage;

beforeAll(async () => {
  db = await openTestDatabase();
  app = await buildTestApp({ db });
  stage = await createStage(await createWorld(app));
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => app?.close());

/** The stored scopes count, not those in the token. */
const store = (scopes: readonly string[]) =>
  app.db.query(sql`
    UPDATE machine_users SET scopes = ${[...scopes]}::text[]
    WHERE app_id = ${stage.world.appId} AND id = ${stage.machine.machineUserId}`);

const admitsMachines = ({ sample: { admits } }: Case) => admits !== 'everyone' && admits.includes('machine');
const byName = cases.filter(admitsMachines).map((one) => [one.name, one] as const);
const needed = ({ route: { operationId } }: Case): MachineScope => {
  const scope = scopeOf[operationId];
  if (scope === undefined) throw new Error(`${operationId} has no scope in this test`);
  return scope;
};
const call = async (one: Case, scopes: readonly string[]) => {
  const prepared = await one.sample.prepare(stage);
  await store(scopes);
  const before = await digestOfEverything(app.db);
  const response = await perform(stage.world, one.route, prepared, { token: stage.machine.token });
  return { response, before };
};

test('every operation that machine users may call has a scope, and no other one', () => {
  const declared = routes.flatMap(({ operationId, access }) => {
    if (!('principals' in access)) return [];
    const isForMachines = access.principals.includes('GENERIC_MACHINE_USER');
    return isForMachines || access.machineScope ? [[operationId, access.machineScope] as const] : [];
  });
  expect(Object.fromEntries(declared)).toEqual(scopeOf);
});

describe('a machine user with every other scope is refused:', () => {
  it.each(byName)('%s', async (_, one) => {
    const scope = needed(one);
    const { response, before } = await call(
      one,
      machineScopes.filter((other) => other !== scope),
    );
    expect([response.statusCode, outcomeOf(response), response.headers['www-authenticate']]).toEqual([
      403,
      'insufficient_scope',
      `Bearer error="insufficient_scope", scope="${scope}"`,
    ]);
    expect(await digestOfEverything(app.db)).toEqual(before);
  });
});

describe('a machine user with only the scope of the call and those of the role that it grants is accepted:', () => {
  it.each(byName)('%s', async (_, one) => {
    const { response } = await call(one, [needed(one), ...(furtherScopes[one.route.operationId] ?? [])]);
    expect(outcomeOf(response)).toBe(one.route.response.status);
  });
});

describe('a machine user without one of the scopes of the role that it grants is refused:', () => {
  const giving = cases
    .filter(admitsMachines)
    .flatMap((one) =>
      (furtherScopes[one.route.operationId] ?? []).map(
        (scope) => [`${one.name} without ${scope}`, one, scope] as const,
      ),
    );

  it.each(giving)('%s', async (_, one, scope) => {
    const held = [needed(one), ...(furtherScopes[one.route.operationId] ?? [])].filter((other) => other !== scope);
    const { response, before } = await call(one, held);
    expect(outcomeOf(response)).toBe('insufficient_scope');
    expect(response.headers['www-authenticate']).toContain(`scope="${scope}"`);
    expect(await digestOfEverything(app.db)).toEqual(before);
  });
});

describe('a machine user with all scopes, as before scopes existed, is accepted:', () => {
  it.each(byName)('%s', async (_, one) => {
    const { response } = await call(one, ['*']);
    expect(outcomeOf(response)).toBe(one.route.response.status);
  });
});

test('`*` does not include these', () => {
  expect(machineScopes.filter((scope) => !includesScope(['*'], scope))).toEqual([
    'machine-users:read',
    'machine-users:write',
    'super-admins:read',
    'super-admins:write',
    'users:vouch',
    'password-hashes:read',
  ]);
  expect(includesScope(['*', 'users:vouch'], 'users:vouch')).toBe(true);
  expect(includesScope(['users:write'], 'users:read')).toBe(false);
  expect(includesScope([], 'users:read')).toBe(false);
});

describe('the service does not start with a route', () => {
  const declaredAs = (access: Route['access']): Route =>
    route({
      method: 'GET',
      url: '/v1/authorization/probe',
      operationId: 'probe',
      tag: 'authorization',
      summary: 'Probe',
      description: 'Probe.',
      access,
      response: { status: 204, description: 'Nothing.' },
      handler: () => undefined,
    });

  it.each<[what: string, access: Route['access']]>([
    ['that machine users may call and that names no scope', overApp('SUPER_ADMIN', 'GENERIC_MACHINE_USER')],
    [
      'that names a scope and that machine users may not call',
      accepting({ machineScope: 'users:read' }, overApp('SUPER_ADMIN')),
    ],
  ])('%s', async (_, access) => {
    await expect(buildTestApp({ routes: [declaredAs(access)] })).rejects.toThrow(/must name a scope/);
  });
});
