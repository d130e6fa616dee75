import type { LightMyRequestResponse } from 'fastify';
import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { type Sql, sql } from '../db/db.ts';
import { routes } from '../routes.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld, type Person, problem, type World } from './world/world.ts';

let db: UndoableDb;
let app: TestApp;
let world: World;
let owner: Person;
let manager: Person;
let machine: { readonly machineUserId: string; readonly token: string };
let orgId: string;

beforeAll(async () => {
  db = await openTestDatabase();
  app = await buildTestApp({ db });
  world = await createWorld(app, {
    settings: {
      managersMayMakeApiKeys: true,
      organizationMachineUsers: true,
      usersMayCreateOrganizations: true,
      managersMayGrantAnyRole: true,
    },
  });
  owner = await world.person();
  orgId = await world.organization(owner);
  manager = await world.manager(orgId);
  machine = await world.machine();
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => app?.close());

const ofApp = () => sql`app_id = ${world.appId}`;

const set = (settings: object) =>
  app.db.query(sql`
    UPDATE apps SET settings = settings || ${JSON.stringify(settings)}::jsonb WHERE id = ${world.appId}`);
const setScopes = (scopes: readonly string[]) =>
  app.db.query(sql`
    UPDATE machine_users SET scopes = ${[...scopes]} WHERE ${ofApp()} AND id = ${machine.machineUserId}`);
const setSession = ({ sessionId }: Person, changes: Sql) =>
  app.db.query(sql`UPDATE sessions SET ${changes} WHERE ${ofApp()} AND id = ${sessionId}`);

const organizations = '/v1/authorization/organizations';
const keyScopes = ['api-keys:write', 'members:write'];
const machineScopes = ['organization-machine-users:write', 'organizations:read', 'roles:read', 'members:write'];
const withoutMembers = (scopes: readonly string[]) => setScopes(scopes.filter((scope) => scope !== 'members:write'));

interface Attempt {
  readonly url: string;
  readonly token: string;
  readonly body?: object;
  readonly orgId?: string;
}

interface Replay {
  readonly operationId: string;
  readonly name: string;
  /** Prepares a call that succeeds. */
  readonly prepare: () => Promise<Attempt>;
  /** Takes the right to make the call. */
  readonly revoke: (attempt: Attempt) => Promise<unknown>;
  readonly code: string;
}

const newKey = (token: string): Attempt => ({
  url: `${organizations}/${orgId}/api-keys`,
  token,
  body: { name: 'nightly export', roles: ['reader'] },
});

async function ourMachine(roles: readonly string[] = ['reader']): Promise<string> {
  return (await world.organizationMachine(orgId, { roles: [...roles] })).machineUserId;
}

const invitation = () => ({ email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace', role: 'reader' });

async function invite(token: string, noun: string): Promise<string> {
  const { role: _, ...names } = invitation();
  const body = noun === 'members' ? invitation() : names;
  await world.call('POST', `${organizations}/${orgId}/${noun}`, { token, body });
  const [row] = await app.db.query<{ id: string }>(sql`SELECT id FROM invitations WHERE ${ofApp()} ORDER BY id DESC`);
  return row?.id ?? '';
}

/** A member of the organization who can be added again. */
const adding = async (): Promise<Attempt & { readonly userId: string }> => {
  const { userId } = await world.member(orgId, 'reader');
  return { url: `${organizations}/users/${userId}`, token: manager.token, orgId, body: { roles: ['writer'] }, userId };
};

const replays: readonly Replay[] = [
  {
    operationId: 'createApiKey',
    name: 'a machine user loses the scope for roles',
    prepare: async () => {
      await setScopes(keyScopes);
      return newKey(machine.token);
    },
    revoke: () => withoutMembers(keyScopes),
    code: '403 insufficient_scope',
  },
  {
    operationId: 'createApiKey',
    name: 'managers may no longer create keys',
    prepare: async () => {
      await world.call('PUT', `${organizations}/users/${manager.userId}/roles`, {
        token: owner.token,
        orgId,
        body: { roles: ['reader'] },
      });
      return newKey(manager.token);
    },
    revoke: () => set({ managersMayMakeApiKeys: false }),
    code: '403 access_denied',
  },
  {
    operationId: 'createMachineUser',
    name: 'the session becomes old, and the scope needs a fresh one',
    prepare: () =>
      Promise.resolve({
        url: '/v1/authorization/machine-users',
        token: world.admin.token,
        body: { userName: 'robot', scopes: ['users:vouch'] },
      }),
    revoke: () => setSession(world.admin, sql`authenticated_at = ${new Date(app.clock.now().getTime() - 3_600_000)}`),
    code: '401 reauthentication_required',
  },
  ...(['create', 'secret', 'confirm'] as const).map((step): Replay => ({
    operationId: {
      create: 'createOrganizationMachineUser',
      secret: 'createOrganizationMachineSecret',
      confirm: 'confirmOrganizationMachineSecret',
    }[step],
    name: 'the app turns off machine users of organizations',
    prepare: async () => {
      const url = `${organizations}/${orgId}/machine-users`;
      if (step === 'create') return { url, token: owner.token, body: { userName: 'importer', roles: ['reader'] } };
      const { machineUserId, secretId } = await world.organizationMachine(orgId, { roles: ['reader'] });
      const secrets = `${url}/${machineUserId}/secrets`;
      if (step === 'secret') return { url: secrets, token: owner.token, body: {} };
      return { url: `${secrets}/${secretId}/confirm`, token: owner.token };
    },
    revoke: () => set({ organizationMachineUsers: false }),
    code: '403 organization_machine_users_disabled',
  })),
  {
    operationId: 'createOrganizationMachineUser',
    name: 'a machine user loses the scope for roles',
    prepare: async () => {
      await setScopes(machineScopes);
      const body = { userName: 'importer', roles: ['reader'] };
      return { url: `${organizations}/${orgId}/machine-users`, token: machine.token, body };
    },
    revoke: () => withoutMembers(machineScopes),
    code: '403 insufficient_scope',
  },
  {
    operationId: 'createOrganizationMachineSecret',
    name: 'a machine user loses the scope for roles',
    prepare: async () => {
      await setScopes(machineScopes);
      const url = `${organizations}/${orgId}/machine-users/${await ourMachine()}/secrets`;
      return { url, token: machine.token, body: {} };
    },
    revoke: () => withoutMembers(machineScopes),
    code: '403 insufficient_scope',
  },
  {
    operationId: 'createOrganizationMachineSecret',
    name: 'the machine user of the organization becomes a manager',
    prepare: async () => {
      await setScopes(machineScopes);
      const url = `${organizations}/${orgId}/machine-users/${await ourMachine([])}/secrets`;
      return { url, token: machine.token, body: {} };
    },
    revoke: () => app.db.query(sql`UPDATE organization_machine_users SET is_manager = true WHERE ${ofApp()}`),
    code: '403 access_denied',
  },
  {
    operationId: 'createOrganization',
    name: 'people may no longer create organizations',
    prepare: () => Promise.resolve({ url: organizations, token: owner.token, body: { name: 'Mine' } }),
    revoke: () => set({ usersMayCreateOrganizations: false }),
    code: '403 organization_creation_disabled',
  },
  {
    operationId: 'createOrganization',
    name: 'the account is no longer claimed',
    prepare: () => Promise.resolve({ url: organizations, token: owner.token, body: { name: 'Mine' } }),
    revoke: () => app.db.query(sql`UPDATE users SET claimed_by = NULL WHERE ${ofApp()} AND id = ${owner.userId}`),
    code: '403 account_unclaimed',
  },
  {
    operationId: 'inviteMember',
    name: 'managers may grant only their own roles',
    prepare: () =>
      Promise.resolve({ url: `${organizations}/${orgId}/members`, token: manager.token, body: invitation() }),
    revoke: () => set({ managersMayGrantAnyRole: false }),
    code: '403 access_denied',
  },
  {
    operationId: 'inviteMember',
    name: 'the person becomes a manager',
    prepare: async () => {
      const { email } = await world.member(orgId, 'writer');
      const url = `${organizations}/${orgId}/members`;
      return { url, token: manager.token, body: { ...invitation(), email } };
    },
    revoke: ({ body }) => {
      const { email } = body as { email: string };
      const url = `${organizations}/${orgId}/managers`;
      return world.call('POST', url, { token: owner.token, body: { email, firstName: 'Ada', lastName: 'Lovelace' } });
    },
    code: '403 access_denied',
  },
  {
    operationId: 'addUserToOrganization',
    name: 'managers may grant only their own roles',
    prepare: adding,
    revoke: () => set({ managersMayGrantAnyRole: false }),
    code: '403 access_denied',
  },
  {
    operationId: 'addUserToOrganization',
    name: 'the caller no longer sees the user',
    prepare: adding,
    revoke: ({ url }) => app.db.query(sql`DELETE FROM members WHERE ${ofApp()} AND user_id = ${url.split('/').at(-1)}`),
    code: '404 user_not_found',
  },
  {
    operationId: 'resendInvitation',
    name: 'managers may grant only their own roles',
    prepare: async () => ({
      url: `${organizations}/${orgId}/invitations/${await invite(owner.token, 'members')}/resend`,
      token: manager.token,
      body: {},
    }),
    revoke: () => set({ managersMayGrantAnyRole: false }),
    code: '403 access_denied',
  },
  {
    operationId: 'resendInvitation',
    name: 'an owner becomes a manager, who does not see invitations of managers',
    prepare: async () => ({
      url: `${organizations}/${orgId}/invitations/${await invite(owner.token, 'managers')}/resend`,
      token: owner.token,
      body: {},
    }),
    revoke: () =>
      app.db.query(sql`
        UPDATE members SET is_owner = false, is_manager = true WHERE ${ofApp()} AND user_id = ${owner.userId}`),
    code: '404 invitation_not_found',
  },
];

const call = ({ url, ...options }: Attempt, key: string) =>
  world.call('POST', url, { ...options, headers: { 'idempotency-key': key } });

const outcome = (response: LightMyRequestResponse): string => {
  if (response.statusCode >= 400) return problem(response);
  return response.headers['idempotent-replayed'] === 'true' ? 'replayed' : 'done';
};

describe('a stored response is not replayed to a caller who may no longer make the call:', () => {
  it.each(replays.map((one) => [`${one.operationId}: ${one.name}`, one] as const))('%s', async (_, one) => {
    const attempt = await one.prepare();
    expect(outcome(await call(attempt, 'the-key'))).toBe('done');
    expect(outcome(await call(attempt, 'the-key'))).toBe('replayed');
    await one.revoke(attempt);
    const refused = await call(attempt, 'the-key');
    expect([outcome(refused), outcome(await call(attempt, 'another-key'))]).toEqual([one.code, one.code]);
    expect(refused.body).not.toMatch(/gh_[a-z]_/);
  });
});

/** Why a route that stores its response decides nothing about its caller in its handler. */
const decidedBefore: Readonly<Record<string, string>> = {
  createMachineSecret: 'only super admins, with fresh authentication',
  addSuperAdmin: 'only super admins, with fresh authentication',
  inviteManager: 'only owners, who may grant every role',
  inviteOwner: 'only owners, who may grant every role',
  createPredefinedRoles: 'only callers who act for the app',
  setupOrganization: 'only super admins',
  createGoogleIdentityProvider: 'only super admins',
  createAzureIdentityProvider: 'only super admins',
  createOidcIdentityProvider: 'only super admins, with fresh authentication',
};

it('every route that stores its response has a hook, or decides nothing in its handler', () => {
  const storing = routes.filter(({ idempotency }) => idempotency === 'kept');
  const withHook = storing.filter(({ authorize }) => authorize).map(({ operationId }) => operationId);
  expect(withHook.toSorted()).toEqual([...new Set(replays.map(({ operationId }) => operationId))].toSorted());
  const without = storing.filter(({ authorize }) => !authorize).map(({ operationId }) => operationId);
  expect(without.toSorted()).toEqual(Object.keys(decidedBefore).toSorted());
});
