import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
beforeEach(async () => {
  owner = await world.person();
  orgId = await world.organization(owner);
});
afterAll(() => app?.close());

const leave = ({ token }: { token: string }, from = orgId) =>
  world.call('DELETE', `/v1/authentication/users/me/organizations/${from}`, { token });
const addOwner = async (person: Person) => {
  const body = { email: person.email, firstName: 'Jon', lastName: 'Doe' };
  const url = `/v1/authorization/organizations/${orgId}/owners`;
  expect((await world.call('POST', url, { token: owner.token, body })).statusCode).toBe(201);
};
const members = async () =>
  (
    await app.db.query<{ user_id: string }>(
      sql`SELECT user_id FROM members WHERE app_id = ${world.appId} AND org_id = ${orgId}`,
    )
  ).map((row) => row.user_id);

describe('leaving is refused', () => {
  test('the last owner cannot leave, even with other members and managers', async () => {
    await world.manager(orgId);
    await world.member(orgId);
    expect(problem(await leave(owner))).toBe('409 last_owner');
    expect(await members()).toHaveLength(3);
  });

  test('the last active owner cannot leave', async () => {
    const other = await world.person();
    await addOwner(other);
    await app.db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE app_id = ${world.appId} AND id = ${other.userId}`);
    expect(problem(await leave(owner))).toBe('409 last_owner');
  });

  test('the last owner cannot leave if the other owner is only invited', async () => {
    const body = { email: 'pending-owner@example.com', firstName: 'Jon', lastName: 'Doe' };
    await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: owner.token, body });
    expect(problem(await leave(owner))).toBe('409 last_owner');
  });

  test.each<[what: string, who: () => Promise<{ token: string }>, answer: string]>([
    ['a stranger', () => world.person(), '404 organization_not_found'],
    ['a super admin who is no member', () => Promise.resolve(world.admin), '404 organization_not_found'],
    ['a machine', () => world.machine(), '403 access_denied'],
  ])('leaving is refused to %s', async (_, who, answer) => {
    expect(problem(await leave(await who()))).toBe(answer);
    expect(await members()).toEqual([owner.userId]);
  });
});

describe('leaving', () => {
  test('removes roles and manager roles, and the organization is no longer visible', async () => {
    const member = await world.member(orgId);
    await addOwner(member);
    expect((await leave(member)).statusCode).toBe(204);
    expect(await members()).toEqual([owner.userId]);
    const seen = await world.call('GET', `/v1/authorization/organizations/${orgId}`, { token: member.token });
    expect(problem(seen)).toBe('404 organization_not_found');
    expect(problem(await leave(member))).toBe('404 organization_not_found');
    const roles = await app.db.query(
      sql`SELECT 1 FROM member_roles WHERE app_id = ${world.appId} AND user_id = ${member.userId}`,
    );
    expect(roles).toEqual([]);
  });

  test('one owner remains if all owners leave concurrently', async () => {
    const owners = [owner, await world.person(), await world.person(), await world.person()];
    for (const other of owners.slice(1)) await addOwner(other);
    const answers = (await Promise.all(owners.map((each) => leave(each)))).map(({ statusCode }) => statusCode);
    expect(answers.toSorted((a, b) => a - b)).toEqual([204, 204, 204, 409]);
    expect(await members()).toHaveLength(1);
  });
});
