import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Route } from '../calls/route.ts';
import { type Case, cases } from './samples/samples.ts';
import { isAppNamed, type Prepared } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

let db: UndoableDb;
let app: TestApp;
let stage: Stage;

beforeAll(async () => {
  db = await openTestDatabase();
  app = await buildTestApp({ db });
  stage = await createStage(await createWorld(app));
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => app?.close());

const deep = (open: string, close: string, levels: number) => `${open.repeat(levels)}1${close.repeat(levels)}`;

/** JSON that is difficult for code that traverses, copies, sorts, hashes or echoes it. */
const shapes: Readonly<Record<string, string>> = {
  'arrays, as deep as allowed': deep('[', ']', 60),
  'objects, as deep as allowed': deep('{"a":', '}', 60),
  'arrays, 60,000 deep': deep('[', ']', 60_000),
  'objects, 20,000 deep': deep('{"a":', '}', 20_000),
  'arrays and objects, 20,000 deep': deep('[{"a":', '}]', 10_000),
  '100,000 items': `[${'1,'.repeat(99_999)}1]`,
  '10,000 keys': `{${Array.from({ length: 10_000 }, (_, index) => `"k${index}":"v"`).join()}}`,
  'a key of 200,000 characters': `{"${'k'.repeat(200_000)}":"v"}`,
  'a string of 200,000 characters': `"${'v'.repeat(200_000)}"`,
  'a number without end': '1e400',
  'a number of 10,000 digits': '9'.repeat(10_000),
  'less than nothing': '-0',
  'an integer beyond bigint': '9223372036854775808',
};

/** Every field of the schema, including ignored ones, and an unknown one. */
function fieldsOf({ body }: Route): string[] {
  if (!body) return ['unknown'];
  const { $defs = {}, $ref = '', ...root } = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' });
  const { properties = {} } = $defs[$ref.replace('#/$defs/', '')] ?? root;
  return [...Object.keys(properties), 'unknown'];
}

/** A valid body in which one field has another value. */
function withShape(body: Prepared['body'], field: string, shape: string): string {
  const others = Object.entries(body ?? {}).filter(([name]) => name !== field);
  const pairs = others.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `{${[...pairs, `${JSON.stringify(field)}:${shape}`].join()}}`;
}

function send(route: Route, prepared: Prepared, payload: string) {
  const { params = {}, query = {}, headers = {}, orgId, as } = prepared;
  const path = route.url.replace(/:([A-Za-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  return app.app.inject({
    method: route.method,
    url: `${path}?${new URLSearchParams(query).toString()}`,
    headers: {
      ...headers,
      ...(isAppNamed(route) && { 'x-app-name': stage.world.appName }),
      ...(as.token !== undefined && { authorization: `Bearer ${as.token}` }),
      ...(orgId !== undefined && { 'x-iam-orgid': orgId }),
      'idempotency-key': 'the-same-each-time',
      'content-type': 'application/json',
    },
    payload,
  });
}

/** Problems of the responses: undeclared ones, or many times as large as the request. */
async function faultsOf({ route, sample }: Case): Promise<string[]> {
  const prepared = await sample.prepare(stage);
  const found: string[] = [];
  for (const field of fieldsOf(route)) {
    for (const [what, shape] of Object.entries(shapes)) {
      const payload = withShape(prepared.body, field, shape);
      const { statusCode, body } = await send(route, prepared, payload);
      if (statusCode >= 500) found.push(`${field}: ${what}: ${statusCode}`);
      if (body.length > 2 * payload.length + 20_000) found.push(`${field}: ${what}: answer of ${body.length}`);
    }
  }
  return found;
}

it('finds the fields of every body', () => {
  const fieldless = cases.filter(({ route }) => route.body && !route.page && fieldsOf(route).length < 2);
  expect(fieldless.map(({ name }) => name)).toEqual([]);
});

describe('every shape of the body gets a declared response:', () => {
  const byOperation = new Map(cases.toReversed().map((one) => [one.route.operationId, one]));
  const changing = [...byOperation].filter(([, { route }]) => route.method !== 'GET').toReversed();

  it.each(changing)('%s', async (_, one) => {
    expect(await faultsOf(one)).toEqual([]);
  });
});
