import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { introspected, keysOf, personalKey } from '../test/world/api-keys.ts';
import { createWorld, problem, type Machine, type Person, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let machine: Machine;
let owner: Person;
let member: Person;
let orgId: string;
/** An organization whose roles have the same keys and other permissions, and in which the member has both. */
let elsewhere: string;

const add = async (where: string, role: string) => {
  const url = `/v1/authorization/organizations/users/${member.userId}`;
  const response = await world.call('POST', url, { token: world.admin.token, orgId: where, body: { roles: [role] } });
  expect(response.statusCode).toBe(200);
};
const byAdmin = (method: 'PUT' | 'POST', url: string, body?: object) =>
  world.call(method, `/v1/authorization/${url}`, { token: world.admin.token, ...(body && { body }) });

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  machine = await world.machine();
  elsewhere = await world.organization(await world.person());
  owner = await world.person();
  orgId = await world.organization(owner);
  member = await world.member(orgId, 'reader');
  const roles = ['reader', 'writer'].map((key) => ({
    key,
    displayName: key,
    allowedPermissions: [`elsewhere:${key}`, `documents:${key}`],
  }));
  expect((await byAdmin('PUT', `organizations/${elsewhere}/roles`, { roles })).statusCode).toBe(200);
  await add(elsewhere, 'reader');
  await add(elsewhere, 'writer');
});
afterAll(() => app?.close());

test('a key has the permissions of its roles in its own organization only', async () => {
  const { key } = await personalKey(world, member, orgId, { roles: ['reader'] });
  expect(await introspected(world, machine, key)).toMatchObject({ permissions: ['documents:reader'] });
});

test('a key loses roles that its person has in another organization only', async () => {
  const role = { key: 'auditor', displayName: 'Auditor', allowedPermissions: ['audit:read'] };
  expect((await byAdmin('POST', 'predefined-roles', { roles: [role] })).statusCode).toBe(201);
  for (const where of [orgId, elsewhere]) await add(where, 'global:auditor');
  await add(orgId, 'writer');
  const { key } = await personalKey(world, member, orgId, { roles: ['reader', 'writer', 'global:auditor'] });
  const url = `/v1/authorization/organizations/users/${member.userId}/roles`;
  const taken = await world.call('PUT', url, { token: world.admin.token, orgId, body: { roles: ['reader'] } });
  expect(taken.statusCode).toBe(200);
  expect(await introspected(world, machine, key)).toMatchObject({ permissions: ['documents:reader'] });
});

test('a key is created under the policy of its own organization', async () => {
  await app.db.query(sql`
    UPDATE organizations SET security = '{"mfa": "required"}' WHERE app_id = ${world.appId} AND id <> ${orgId}`);
  // The row that a search without a condition finds last.
  await app.db.query(sql`UPDATE organizations SET version = version + 1 WHERE id = ${orgId}`);
  const body = { name: 'key', roles: ['reader'] };
  expect((await world.call('POST', keysOf(orgId), { token: owner.token, body })).statusCode).toBe(201);
  await app.db.query(sql`UPDATE organizations SET security = '{"mfa": "required"}' WHERE id = ${orgId}`);
  expect(problem(await world.call('POST', keysOf(orgId), { token: owner.token, body }))).toBe('401 step_up_required');
});
