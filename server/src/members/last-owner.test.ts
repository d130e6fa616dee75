import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, problem, type World } from '../test/world.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

/** An organization that two people own, the only ones who do. */
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

/** Everything that takes an owner away, by the super admin where it is not for the owner alone. */
const ways: Record<string, (owned: Owned, owner: Person) => ReturnType<World['call']>> = {
  'remove the member': ({ orgId }, { userId }) =>
    world.call('DELETE', `/v1/authorization/organizations/users/${userId}`, { token: world.admin.token, orgId }),
  'demote the manager': ({ orgId }, { userId }) =>
    world.call('DELETE', `/v1/authorization/organizations/${orgId}/managers/${userId}`, { token: world.admin.token }),
  leave: ({ orgId }, { token }) =>
    world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token }),
};

const names = Object.keys(ways);
const pairs = names.flatMap((one, index) => names.slice(index).map((other) => [one, other] as const));

/** Who owns the organization in fact. */
const activeOwners = async ({ orgId }: Owned): Promise<string[]> => {
  const rows = await app.db.query<{ id: string }>(sql`
    SELECT u.id FROM members m JOIN users u ON u.app_id = m.app_id AND u.id = m.user_id
    WHERE m.app_id = ${world.appId} AND m.org_id = ${orgId} AND m.is_owner AND u.state = 'ACTIVE'`);
  return rows.map(({ id }) => id);
};

/** What the total of the members says, and how many there are. */
const counts = async ({ orgId }: Owned) => {
  const [row] = await app.db.query<{ kept: string; counted: string }>(sql`
    SELECT (SELECT sum(total) FROM member_counts WHERE app_id = ${world.appId} AND org_id = ${orgId}) AS kept,
      (SELECT count(*) FROM members WHERE app_id = ${world.appId} AND org_id = ${orgId}) AS counted`);
  return row;
};

const isGone = ({ statusCode }: { statusCode: number }) => statusCode < 300;

describe('the last owner stays when nobody else would own the organization:', () => {
  test.each(names)('%s', async (name) => {
    const owned = await ownedByTwo();
    const [first, last] = owned.owners;
    expect(isGone((await ways[name]?.(owned, first)) ?? { statusCode: 0 })).toBe(true);
    for (const other of names) {
      const refused = await ways[other]?.(owned, last);
      expect([other, refused && problem(refused)]).toEqual([other, '409 last_owner']);
    }
    expect(await activeOwners(owned)).toEqual([last.userId]);
  });
});

describe('of two owners one stays, whichever two requests take them away at the same moment:', () => {
  test.each(pairs)('%s, %s', async (one, other) => {
    for (const [first, second] of [
      [one, other],
      [other, one],
    ] as const) {
      const owned = await ownedByTwo();
      const [a, b] = owned.owners;
      const answers = await Promise.all([ways[first]?.(owned, a), ways[second]?.(owned, b)]);
      const gone = answers.filter((answer) => answer && isGone(answer));
      const refused = answers.filter((answer) => answer && !isGone(answer));
      expect(gone).toHaveLength(1);
      expect(refused.map((answer) => answer && problem(answer))).toEqual(['409 last_owner']);
      expect(await activeOwners(owned)).toHaveLength(1);
      const { kept, counted } = (await counts(owned)) ?? {};
      expect(kept).toBe(counted);
    }
  });
});
