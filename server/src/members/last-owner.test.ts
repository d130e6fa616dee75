import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

/** An organization with exactly two owners. */
interface Owned {
  readonly orgId: string;
  readonly owners: readonly [Person, Person];
}

async function ownedByTwo(): Promise<Owned> {
  const owners = [await world.person(), await world.person()] as const;
  const orgId = await world.organization(owners[0]);
  const { email } = owners[1];
  const url = `/v1/authorization/organizations/${orgId}/owners`;
  const body = { email, firstName: 'Jon', lastName: 'Doe' };
  expect((await world.call('POST', url, { token: owners[0].token, body })).statusCode).toBe(201);
  return { orgId, owners };
}

interface Way {
  /** Prepares the owner. */
  readonly prepare?: (owner: Person) => Promise<unknown>;
  readonly act: (owned: Owned, owner: Person) => ReturnType<World['call']>;
}

const asAdmin = (method: 'DELETE' | 'POST', url: string, orgId?: string) =>
  world.call(method, url, { token: world.admin.token, ...(orgId !== undefined && { orgId }) });

const makeSuperAdmin = async ({ email }: Person) => {
  const body = { email, firstName: 'Jon', lastName: 'Doe' };
  const response = await world.call('POST', '/v1/authorization/super-admins', { token: world.admin.token, body });
  expect(response.statusCode).toBe(201);
};

/** Every call that removes an owner. The super admin makes the calls that owners cannot make themselves. */
const ways = new Map<string, Way>([
  [
    'remove the member',
    {
      act: ({ orgId }, { userId }) => asAdmin('DELETE', `/v1/authorization/organizations/users/${userId}`, orgId),
    },
  ],
  [
    'demote the manager',
    {
      act: ({ orgId }, { userId }) => asAdmin('DELETE', `/v1/authorization/organizations/${orgId}/managers/${userId}`),
    },
  ],
  [
    'leave',
    {
      act: ({ orgId }, { token }) =>
        world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token }),
    },
  ],
  ['delete the user', { act: (_, { userId }) => asAdmin('DELETE', `/v1/authorization/users/${userId}`) }],
  ['deactivate the user', { act: (_, { userId }) => asAdmin('POST', `/v1/authorization/users/${userId}/deactivate`) }],
  [
    'delete one’s account',
    {
      act: (_, { token }) =>
        world.call('DELETE', '/v1/authentication/users/me', { token, body: { currentPassword: password } }),
    },
  ],
  [
    'delete the super admin',
    { prepare: makeSuperAdmin, act: (_, { userId }) => asAdmin('DELETE', `/v1/authorization/users/${userId}`) },
  ],
]);

/** @returns the call that removes the owner */
async function ready(name: string, owned: Owned, owner: Person): Promise<() => ReturnType<World['call']>> {
  const way = ways.get(name);
  if (!way) throw new Error(`there is no way to ${name}`);
  await way.prepare?.(owner);
  return () => way.act(owned, owner);
}

const names = [...ways.keys()];
const pairs = names.flatMap((one, index) => names.slice(index).map((other) => [one, other] as const));

/** The stored owners of the organization. */
const activeOwners = async ({ orgId }: Owned): Promise<string[]> => {
  const rows = await app.db.query<{ id: string }>(sql`
    SELECT u.id FROM members m JOIN users u ON u.app_id = m.app_id AND u.id = m.user_id
    WHERE m.app_id = ${world.appId} AND m.org_id = ${orgId} AND m.is_owner AND u.state = 'ACTIVE'`);
  return rows.map(({ id }) => id);
};

/** The stored total of members, and their number. */
const counts = async ({ orgId }: Owned) => {
  const [row] = await app.db.query<{ kept: string; counted: string }>(sql`
    SELECT (SELECT sum(total) FROM member_counts WHERE app_id = ${world.appId} AND org_id = ${orgId}) AS kept,
      (SELECT count(*) FROM members WHERE app_id = ${world.appId} AND org_id = ${orgId}) AS counted`);
  return row;
};

const isGone = ({ statusCode }: { statusCode: number }) => statusCode < 300;

describe('the last owner is kept if nobody else would own the organization:', () => {
  test.each(names)('%s', async (name) => {
    const owned = await ownedByTwo();
    const [first, last] = owned.owners;
    expect(isGone(await (await ready(name, owned, first))())).toBe(true);
    for (const other of names) {
      const refused = await (await ready(other, owned, last))();
      expect([other, problem(refused)]).toEqual([other, '409 last_owner']);
    }
    expect(await activeOwners(owned)).toEqual([last.userId]);
  });
});

describe('one of two owners is kept if two concurrent requests remove them:', () => {
  test.each(pairs)('one owner remains after %s and %s', async (one, other) => {
    for (const [first, second] of [
      [one, other],
      [other, one],
    ] as const) {
      const owned = await ownedByTwo();
      const [a, b] = owned.owners;
      const requests = [await ready(first, owned, a), await ready(second, owned, b)];
      const answers = await Promise.all(requests.map((request) => request()));
      expect(answers.filter(isGone)).toHaveLength(1);
      expect(answers.filter((answer) => !isGone(answer)).map(problem)).toEqual(['409 last_owner']);
      expect(await activeOwners(owned)).toHaveLength(1);
      const { kept, counted } = (await counts(owned)) ?? {};
      expect(kept).toBe(counted);
    }
  });
});

describe('an owner is removed once, by the first of two requests:', () => {
  test.each(pairs)('the second of %s and %s finds nothing to remove', async (one, other) => {
    const owned = await ownedByTwo();
    const [owner, stays] = owned.owners;
    const requests = [await ready(one, owned, owner), await ready(other, owned, owner)];
    const answers = await Promise.all(requests.map((request) => request()));
    expect(answers.some(isGone)).toBe(true);
    for (const { statusCode } of answers) expect([200, 204, 401, 403, 404]).toContain(statusCode);
    expect(await activeOwners(owned)).toEqual([stays.userId]);
    const { kept, counted } = (await counts(owned)) ?? {};
    expect(kept).toBe(counted);
  });
});
