import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Route } from '../calls/route.ts';
import { type Case, cases } from './samples/samples.ts';
import { isAppNamed, outcomeOf, type Prepared, urlOf } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld, faults } from './world/world.ts';

let db: UndoableDb;
let app: TestApp;
let stage: Stage;

/** Pattern of the validator's own messages, which must never appear. */
const words = 'Words of the validator';
/** Keep the validator's default texts: other test files of the process share its configuration. */
const ownWords = { ...z.config() };

beforeAll(async () => {
  z.config({ localeError: () => words });
  db = await openTestDatabase();
  app = await buildTestApp({ db });
  stage = await createStage(await createWorld(app));
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  z.config(ownWords);
  await app?.close();
});

interface JsonSchema {
  type?: string | string[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  properties?: Record<string, JsonSchema>;
  required?: string[];
}

function schemaOf(schema: z.ZodType | undefined): JsonSchema {
  if (!schema) return {};
  const {
    $defs = {},
    $ref = '',
    ...root
  } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return $defs[$ref.replace('#/$defs/', '')] ?? root;
}

/** Pages take any field, and describe no errors. */
const ofApi = cases.filter(({ route }) => !route.page);
const byOperation = [...new Map(ofApi.toReversed().map((one) => [one.route.operationId, one])).values()].toReversed();
const named = (some: readonly Case[]) => some.map((one) => [one.route.operationId, one] as const);

async function send(
  { route }: Case,
  prepared: Prepared,
  { query = prepared.query, body }: { query?: Prepared['query']; body?: unknown },
) {
  const { headers = {}, orgId, as } = prepared;
  return app.app.inject({
    method: route.method,
    url: urlOf(route, { ...prepared, ...(query && { query }) }),
    headers: {
      ...headers,
      ...(isAppNamed(route) && { 'x-app-name': stage.world.appName }),
      ...(as.token !== undefined && { authorization: `Bearer ${as.token}` }),
      ...(orgId !== undefined && { 'x-iam-orgid': orgId }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { payload: JSON.stringify(body) }),
  });
}

/** A value of each kind, and values that violate bounds, patterns and lists. */
const values: readonly unknown[] = [
  null,
  true,
  1.5,
  -1,
  1e300,
  '',
  ' ',
  'x',
  '\u200b',
  '\0',
  '\ud800',
  'x'.repeat(100_000),
  [],
  [null],
  [{}],
  ['x'],
  ['', ''],
  Array(600).fill('x'),
  [[]],
  {},
  { x: 1 },
  { x: 'y' },
  [{ key: 1, displayName: [], allowedPermissions: [1] }],
  { brandName: 1, texts: { x: 1 }, color: 'red', logoUrl: 'x' },
  { signInsPerAddressPerHour: 0 },
];

/** The number of errors varies. Each must have a text of the service. */
function expectSentences(what: unknown, found: Record<string, string>): void {
  for (const [pointer, message] of Object.entries(found)) {
    expect([what, pointer, message]).toEqual([what, pointer, expect.stringMatching(/^[A-Z][^\n]*[.]$/)]);
    expect([pointer, message]).not.toContain(words);
    expect(message).not.toMatch(/invalid|expected|received|undefined|\bnan\b|zod/i);
  }
}

describe('describes each error in a sentence of ours:', () => {
  it.each(named(byOperation.filter(({ route }) => route.body)))('body faults of %s get a sentence', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    const { properties = {} } = schemaOf(one.route.body);
    for (const field of [...Object.keys(properties), 'unknown']) {
      for (const value of values) {
        const response = await send(one, prepared, { body: { ...prepared.body, [field]: value } });
        expectSentences([field, value], faults(response));
      }
      const { [field]: _absent, ...others } = prepared.body ?? {};
      expectSentences(field, faults(await send(one, prepared, { body: others })));
    }
    for (const body of values) expectSentences(body, faults(await send(one, prepared, { body })));
  });

  it.each(named(byOperation))('faults in path and query of %s get a sentence', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    const { properties = {} } = schemaOf(one.route.query);
    for (const value of ['', 'x', '-1', '0', '1.5', '\u200b', '99999999999999999999', 'x'.repeat(500)]) {
      for (const field of Object.keys(properties)) {
        const response = await send(one, prepared, { query: { ...prepared.query, [field]: value } });
        expectSentences([field, value], faults(response));
      }
      for (const name of Object.keys(prepared.params ?? {})) {
        const params = { ...prepared.params, [name]: value };
        const response = await send(one, { ...prepared, params }, { body: prepared.body });
        // Without its last part, the path may match another route.
        if (value === '' && response.headers.location) continue;
        expectSentences([name, value], faults(response));
      }
    }
  });
});

describe('refuses unknown query parameters by name:', () => {
  const documented = byOperation.filter(({ route }) => route.url.startsWith('/v1/'));

  it.each(named(documented))('%s', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    const query = { ...prepared.query, utm_source: 'x' };
    const response = await send(one, prepared, { query, body: prepared.body });
    expect([response.statusCode, faults(response)]).toEqual([400, { '/query/utm_source': 'Unknown field.' }]);
  });
});

describe('treats null in an optional field of a creating call as absent:', () => {
  const isCreating = (route: Route) => route.method === 'POST' || route.operationId === 'acceptInvitation';
  const optionalFieldsOf = (route: Route) => {
    const { properties = {}, required = [] } = schemaOf(route.body);
    return Object.keys(properties).filter((field) => !required.includes(field));
  };
  const creating = byOperation.filter(({ route }) => isCreating(route) && optionalFieldsOf(route).length > 0);

  it('knows such calls', () => expect(creating.length).toBeGreaterThan(12));

  it.each(named(creating))('%s', async (_, one) => {
    for (const field of optionalFieldsOf(one.route)) {
      const outcomes = [];
      for (const nothing of [undefined, null]) {
        const prepared = await one.sample.prepare(stage);
        const response = await send(one, prepared, { body: { ...prepared.body, [field]: nothing } });
        outcomes.push([outcomeOf(response), Object.keys(faults(response))]);
      }
      expect([field, outcomes[1]]).toEqual([field, outcomes[0]]);
    }
  });
});
