import { writeFileSync } from 'node:fs';
import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { withoutTimePassing } from './clock.ts';
import { type Case, cases } from './samples/samples.ts';
import { outcomeOf, perform } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { recordingDb, type RecordingDb } from './recording-db.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import allowed from './statements.json' with { type: 'json' };
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

// Each statement is a round trip to the database. `statements.json` has the number of statements of each successful
// sample call; `BEGIN` counts as one. UPDATE_STATEMENTS=1 writes the numbers of this run.

let undoable: UndoableDb;
let db: RecordingDb;
let app: TestApp;
let stage: Stage;

beforeAll(async () => {
  undoable = await openTestDatabase();
  db = recordingDb(undoable);
  app = await buildTestApp({ db });
  stage = await createStage(await createWorld(app));
});
aroundEach((runTest) => withoutTimePassing(() => undoable.undo(runTest)));
afterAll(() => app?.close());

const nameOf = ({ route, sample }: Case): string =>
  `${route.method} ${route.url}${sample.title === undefined ? '' : ` ${sample.title}`}`;
const named = cases.map((one) => [nameOf(one), one] as const);

/** The statements of a successful call. An earlier call has filled every cache. */
async function statementsOf({ route, sample }: Case): Promise<string[]> {
  const call = async () => {
    const prepared = await sample.prepare(stage);
    db.take();
    const response = await perform(stage.world, route, prepared, { token: prepared.as.token });
    expect(outcomeOf(response)).toBe(route.response.status);
    return db.take();
  };
  await withoutTimePassing(() => undoable.undo(call));
  return call();
}

/** Hot paths that read one resource. */
const atMostTwo = [
  'GET /v1/authentication/users/me in one organization',
  'GET /v1/authentication/users/:userId',
  'POST /v1/authentication/users/me/access-token',
  'POST /v1/authentication/users/me/access-token for an organization',
  'GET /v1/authorization/organizations/:orgId',
  'GET /v1/authorization/organizations/users',
  'GET /v1/authorization/organizations/:orgId/managers',
  'POST /v1/authorization/organizations/:orgId/permissions/check of a member',
];

const isUpdate = process.env['UPDATE_STATEMENTS'] === '1';
const limits = new Map<string, number>(Object.entries(allowed));
const counted = new Map<string, number>();

/** Calls that this run did not count keep their listed number. */
function updateList(): void {
  const entries = named.map(([name]) => [name, counted.get(name) ?? limits.get(name)] as const);
  const file = new URL('statements.json', import.meta.url);
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`);
}

describe('a call sends exactly the listed number of statements:', () => {
  afterAll(() => isUpdate && updateList());

  it.each(named)('%s', async (name, one) => {
    const statements = await statementsOf(one);
    counted.set(name, statements.length);
    if (isUpdate || statements.length === limits.get(name)) return;
    const texts = statements.map((text) => text.replace(/\s+/g, ' ').trim()).join('\n');
    throw new Error(
      `${name} sent ${statements.length} statements, statements.json says ${limits.get(name)}:\n${texts}`,
    );
  });
});

describe.skipIf(isUpdate)('the list of statements', () => {
  it('lists every sample call once, and nothing else', () => {
    expect([...limits.keys()].toSorted()).toEqual(named.map(([name]) => name).toSorted());
  });

  it.each(atMostTwo)('allows the lookup of the credential and one more statement for %s', (name) => {
    expect(limits.get(name)).toBeLessThanOrEqual(2);
  });
});
