import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { recordingDb, type RecordingDb } from '../test/recording-db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';
import { type PermissionQuestion, selectGrants } from './effective-permissions.store.ts';

// The cost of one app's checks for the other apps.

/** An organization with a member who has one role. */
interface Place {
  readonly world: World;
  readonly orgId: string;
  readonly member: Person;
}

let db: RecordingDb;
let app: TestApp;
let here: Place;
let elsewhere: Place;

async function createPlace(): Promise<Place> {
  const world = await createWorld(app);
  const orgId = await world.organization(await world.person());
  return { world, orgId, member: await world.member(orgId, 'reader') };
}

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db });
  here = await createPlace();
  elsewhere = await createPlace();
});
afterAll(() => app?.close());

const permissionsOf = (count: number) => Array.from({ length: count }, (_, index) => `documents:${index}`);

function questionOf({ world, orgId, member: { userId } }: Place, permissions: readonly string[]): PermissionQuestion {
  const asker = { isMachine: false, isSuperAdmin: false, userId };
  return { appId: world.appId, orgId, asker, userId, sessionId: undefined, permissions };
}

/** Runs all checks concurrently. @returns the number of statements */
async function statementsFor(questions: readonly PermissionQuestion[]): Promise<number> {
  db.take();
  const answers = await Promise.all(questions.map(app.services.checkPermissions));
  expect(answers.map(({ results }) => results.map(({ permission }) => permission))).toEqual(
    questions.map(({ permissions }) => permissions),
  );
  return db.take().length;
}

const repeat = (count: number, question: PermissionQuestion) => Array.from({ length: count }, () => question);

const shares: [what: string, questions: () => PermissionQuestion[], statements: number][] = [
  ['one question', () => [questionOf(here, permissionsOf(1))], 1],
  ['as many as a statement takes', () => repeat(100, questionOf(here, permissionsOf(5))), 1],
  ['one question more', () => repeat(101, questionOf(here, permissionsOf(1))), 2],
  ['as many permissions as a statement takes', () => repeat(5, questionOf(here, permissionsOf(100))), 1],
  [
    'one permission more',
    () => [...repeat(5, questionOf(here, permissionsOf(100))), questionOf(here, permissionsOf(1))],
    2,
  ],
  ['99 questions of 100 permissions', () => repeat(99, questionOf(here, permissionsOf(100))), 20],
  [
    'two apps in turns',
    () =>
      repeat(3, questionOf(here, permissionsOf(1))).flatMap((one) => [one, questionOf(elsewhere, permissionsOf(2))]),
    2,
  ],
  [
    'one app with much and one with little',
    () => [...repeat(99, questionOf(here, permissionsOf(100))), questionOf(elsewhere, permissionsOf(1))],
    21,
  ],
];

test.each(shares)('concurrent permission checks: %s', async (_what, questions, statements) => {
  expect(await statementsFor(questions())).toBe(statements);
});

test('a statement that fails fails the questions of its app alone', async () => {
  const impossible = { ...questionOf(here, permissionsOf(1)), orgId: 'none' };
  const questions = [impossible, questionOf(elsewhere, permissionsOf(1))];
  const outcomes = await Promise.allSettled(questions.map(app.services.checkPermissions));
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
});

interface Plan {
  readonly Filter?: string;
  readonly 'Join Filter'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Join Filter'?: number;
  readonly Plans?: readonly Plan[];
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

/** The number of roles that the plan compares with the checked permissions. */
function rolesTested(plan: Plan): number {
  const testing = nodesOf(plan).filter((node) => `${node.Filter} ${node['Join Filter']}`.includes('?|'));
  expect(testing).toHaveLength(1);
  const rowsOf = (node: Plan) =>
    node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0);
  return testing.reduce((sum, node) => sum + node['Actual Loops'] * rowsOf(node), 0);
}

test.each([10, 200])('a check compares only the roles that the user holds, not the %i others', async (count) => {
  for (const { world, orgId } of [here, elsewhere]) {
    await app.db.query(sql`
      INSERT INTO roles (app_id, scope_id, key, display_name, permissions, created_at, updated_at)
      SELECT ${world.appId}::bigint, scope, n || '_of_' || ${count}::integer, 'r', '{documents:0}', now(), now()
      FROM generate_series(1, ${count}::integer) AS n, unnest(ARRAY[0, ${orgId}::bigint]) AS scope`);
  }
  for (const prepare of [sql`SELECT`, sql`ANALYZE`]) {
    await app.db.query(prepare);
    const asked = [questionOf(here, permissionsOf(2)), questionOf(here, permissionsOf(1))];
    const [row] = await app.db.query<{ 'QUERY PLAN': string | [{ Plan: Plan }] }>(
      sql`EXPLAIN (ANALYZE, FORMAT JSON) ${selectGrants(asked, new Date())}`,
    );
    const explained = row?.['QUERY PLAN'] ?? '';
    const [{ Plan }] = typeof explained === 'string' ? (JSON.parse(explained) as [{ Plan: Plan }]) : explained;
    expect(rolesTested(Plan)).toBe(2);
  }
});

test('the fields are keys of an object: the database also finds them in an array', () => {
  const { values } = selectGrants([questionOf(here, ['b', 'a', '__proto__'])], new Date());
  expect(values).toContainEqual(['{"b":0,"a":0,"__proto__":0}']);
});
