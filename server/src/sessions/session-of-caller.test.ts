import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { type BarrierDb, barrierDb } from '../test/barrier-db.ts';
import { openTestDatabase } from '../test/database.ts';
import { addTo } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { personalKey } from '../test/world/api-keys.ts';
import { securityOf } from '../test/world/policies.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

/** A person sends a change, and the session ends after the service has authenticated the call. */
let db: BarrierDb;
let app: TestApp;
let world: World;
let person: Person;
let orgId: string;

beforeAll(async () => {
  db = barrierDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app);
});
beforeEach(async () => {
  person = await world.person();
  orgId = await world.organization(person);
});
afterAll(() => app?.close());

const users = '/v1/authentication/users';

const changes: readonly (readonly [
  what: string,
  prepare: () => Promise<readonly ['POST' | 'PUT' | 'PATCH', string, object]>,
])[] = [
  ['change the profile', async () => ['PUT', `${users}/${person.userId}`, { firstName: 'Eve' }]],
  [
    'ask for a verification mail',
    async () => {
      person = await world.person({ verified: false });
      return ['POST', `${users}/email/verification-request`, { userId: person.userId }];
    },
  ],
  ['change the policy of an organization', async () => ['PATCH', securityOf(orgId), { maxSessionHours: 48 }]],
  [
    'change an API key',
    async () => {
      await addTo({ world, orgId }, person.userId, 'reader');
      const { id } = await personalKey(world, person, orgId);
      return ['PATCH', `${users}/me/api-keys/${id}`, { name: 'mine now' }];
    },
  ],
];

it.each(changes)('a session that has ended meanwhile cannot %s', async (_, prepare) => {
  const [method, url, body] = await prepare();
  const before = await world.rows();
  const held = db.hold('u.has_factor', 'after');
  const answer = world.call(method, url, { token: person.token, body }).then(problem);
  await Promise.race([held.reached, answer]);
  await db.query(sql`DELETE FROM sessions WHERE app_id = ${world.appId} AND id = ${person.sessionId}`);
  held.release();
  expect(await answer).toBe('401 unauthenticated');
  const after = await world.rows();
  for (const table of ['users', 'codes', 'mails', 'organizations', 'api_keys'])
    expect([table, after[table]]).toEqual([table, before[table]]);
});
