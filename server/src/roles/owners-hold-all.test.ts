import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeJwt } from 'jose';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

const api = 'https://api.example.com';

let app: TestApp;
let world: World;
let owner: Person;
let manager: Person;
let orgId: string;

beforeAll(async () => void (app = await buildTestApp()));
beforeEach(async () => {
  world = await createWorld(app, { settings: { audiences: [api] } });
  owner = await world.person();
  orgId = await world.organization(owner);
  manager = await world.manager(orgId);
  const roles = [{ key: 'biller', displayName: 'Biller', allowedPermissions: ['bills:read', 'bills:write'] }];
  await world.call('PUT', `/v1/authorization/organizations/${orgId}/roles`, { token: owner.token, body: { roles } });
  const predefined = [{ key: 'auditor', displayName: 'Auditor', allowedPermissions: ['audit:read'] }];
  await world.call('POST', '/v1/authorization/predefined-roles', {
    token: world.admin.token,
    body: { roles: predefined },
  });
});
afterAll(() => app?.close());

const setting = (ownersHoldAllPermissions: boolean) =>
  world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings: { ownersHoldAllPermissions } });

async function check(who: Person, permissions: string[], org = orgId) {
  const response = await world.call('POST', `/v1/authorization/organizations/${org}/permissions/check`, {
    token: who.token,
    body: { permissions },
  });
  const { results } = response.json<{ results: { permission: string; allowed: boolean; grantedBy: string[] }[] }>();
  return results.map(({ permission, allowed, grantedBy }) => [permission, allowed, grantedBy]);
}
const membershipOf = async (who: Person) => {
  const response = await world.call('GET', `/v1/authentication/users/me?organizationId=${orgId}`, { token: who.token });
  return response.json<{ organizations: { roles: string[]; permissions: string[] }[] }>().organizations[0];
};
const claimsOf = async (who: Person) => {
  const url = '/v1/authentication/users/me/access-token';
  const response = await world.call('POST', url, { token: who.token, body: { organizationId: orgId } });
  return decodeJwt(response.json<{ token: string }>().token);
};

test('owners have no permission by default', async () => {
  expect(await check(owner, ['bills:read'])).toEqual([['bills:read', false, []]]);
  expect((await membershipOf(owner))?.permissions).toEqual([]);
});

describe('owners have every permission of a role of the organization or the app, if the app says so:', () => {
  beforeEach(() => setting(true));

  test('checks grant owners these permissions because of the ownership, and no other permission', async () => {
    expect(await check(owner, ['bills:read', 'audit:read', 'bills:delete'])).toEqual([
      ['bills:read', true, ['ORG_OWNER']],
      ['audit:read', true, ['ORG_OWNER']],
      ['bills:delete', false, []],
    ]);
  });

  test('introspection and tokens list exactly the roles that owners have', async () => {
    const permissions = expect.arrayContaining(['audit:read', 'bills:read', 'bills:write']);
    expect(await membershipOf(owner)).toMatchObject({ roles: [], managerRoles: ['ORG_OWNER'], permissions });
    expect(await claimsOf(owner)).toMatchObject({ org_roles: [], org_manager_roles: ['ORG_OWNER'], permissions });
  });

  test('owners have no permissions of another organization, and none there', async () => {
    const neighbour = await world.person();
    const there = await world.organization(neighbour);
    const roles = [{ key: 'spy', displayName: 'Spy', allowedPermissions: ['secrets:read'] }];
    await world.call('PUT', `/v1/authorization/organizations/${there}/roles`, {
      token: neighbour.token,
      body: { roles },
    });
    expect(await check(owner, ['secrets:read'])).toEqual([['secrets:read', false, []]]);
    expect(await check(neighbour, ['bills:read', 'secrets:read'], there)).toEqual([
      ['bills:read', false, []],
      ['secrets:read', true, ['ORG_OWNER']],
    ]);
  });

  test('managers, members and super admins do not have these permissions', async () => {
    const member = await world.member(orgId, 'reader');
    for (const who of [manager, member]) expect(await check(who, ['bills:read'])).toEqual([['bills:read', false, []]]);
    expect(await check(world.admin, ['bills:read'])).toEqual([['bills:read', false, []]]);
  });

  test('owners have them until the app disables the setting, or they are no longer owner', async () => {
    const second = await world.person();
    await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, {
      token: owner.token,
      body: { email: second.email, firstName: 'Jon', lastName: 'Doe' },
    });
    expect(await check(second, ['bills:read'])).toEqual([['bills:read', true, ['ORG_OWNER']]]);
    await world.call('DELETE', `/v1/authorization/organizations/${orgId}/managers/${second.userId}`, {
      token: owner.token,
    });
    expect(await check(second, ['bills:read'])).toEqual([['bills:read', false, []]]);
    await setting(false);
    expect(await check(owner, ['bills:read'])).toEqual([['bills:read', false, []]]);
  });

  test('owners do not have them while the organization is deactivated', async () => {
    await world.call('POST', `/v1/authorization/organizations/${orgId}/deactivate`, { token: world.admin.token });
    expect((await membershipOf(owner))?.permissions).toEqual([]);
  });
});
