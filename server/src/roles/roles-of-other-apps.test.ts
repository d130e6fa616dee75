import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addTo } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { introspected, organizationKey, personalKey } from '../test/world/api-keys.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

// Keys of predefined roles are unique only within an app: two apps have a role of the same key with other permissions.

const api = 'https://api.example.com';
const settings = { audiences: [api], organizationMachineUsers: true, ownersHoldAllPermissions: true };
const role = 'global:auditor';
const ours = 'ours:read';

let app: TestApp;
let world: World;
let owner: Person;
let member: Person;
let orgId: string;

async function appWithRole(permission: string): Promise<World> {
  const made = await createWorld(app, { settings });
  const body = { roles: [{ key: 'auditor', displayName: 'Auditor', allowedPermissions: [permission] }] };
  await made.call('POST', '/v1/authorization/predefined-roles', { token: made.admin.token, body });
  return made;
}

beforeAll(async () => {
  app = await buildTestApp();
  await appWithRole('theirs:read');
  world = await appWithRole(ours);
  await appWithRole('theirs:write');
  owner = await world.person();
  orgId = await world.organization(owner);
  member = await world.person();
  await addTo({ world, orgId }, member.userId, role);
});
afterAll(() => app?.close());

const claimsOf = async (url: string, request: object) => {
  const response = await world.call('POST', `/v1/authentication/${url}`, request);
  return decodeJwt(response.json<{ token: string }>().token)['permissions'];
};
const ofPerson = async ({ token }: Person) => {
  const response = await world.call('GET', `/v1/authentication/users/me?organizationId=${orgId}`, { token });
  return response.json<{ organizations: { permissions: string[] }[] }>().organizations[0]?.permissions;
};
const inTokenOf = ({ token }: Person) =>
  claimsOf('users/me/access-token', { token, body: { audience: api, organizationId: orgId } });
const inKey = async ({ key }: { key: string }) =>
  (await introspected(world, await world.machine(), key))['permissions'];
const ofMachine = async () => {
  const { machineUserId, clientSecret } = await world.organizationMachine(orgId, { roles: [role] });
  return claimsOf('machine-users/access-token', { body: { clientId: machineUserId, clientSecret } });
};

describe('a predefined role has the permissions that its own app sets', () => {
  it.each<[what: string, permissions: () => Promise<unknown>]>([
    ['to a member', () => ofPerson(member)],
    ['in the access token of a member', () => inTokenOf(member)],
    ['in the personal key of a member', async () => inKey(await personalKey(world, member, orgId, { roles: [role] }))],
    ['in a key of the organization', async () => inKey(await organizationKey(world, owner, orgId, { roles: [role] }))],
    [
      'in a key with listed permissions',
      async () => inKey(await organizationKey(world, owner, orgId, { permissions: [ours] })),
    ],
    ['in the token of a machine user of the organization', ofMachine],
  ])('%s', async (_, permissions) => {
    expect(await permissions()).toEqual([ours]);
  });

  it.each([
    ['to an owner who holds all permissions', ofPerson],
    ['in the access token of such an owner', inTokenOf],
  ])('%s', async (_, permissionsOf) => {
    const held = (await permissionsOf(owner)) as string[];
    expect(held.filter((permission) => /^(?:ours|theirs):/.test(permission))).toEqual([ours]);
  });

  it('a check shows the permissions that the own app sets', async () => {
    const url = `/v1/authorization/organizations/${orgId}/permissions/check`;
    const body = { permissions: [ours, 'theirs:read', 'theirs:write'] };
    const allowed = async ({ token }: Person) =>
      (await world.call('POST', url, { token, body }))
        .json<{ results: { permission: string; allowed: boolean }[] }>()
        .results.filter((result) => result.allowed)
        .map(({ permission }) => permission);
    expect(await Promise.all([member, owner].map(allowed))).toEqual([[ours], [ours]]);
  });
});
