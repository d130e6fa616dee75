import * as fc from 'fast-check';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { routes } from '../routes.ts';
import { buildTestApp, platformKey, type TestApp } from '../test/setup.ts';
import { createWorld, type Machine, type World } from '../test/world.ts';
import { errorCodes, type ErrorCode } from './errors.ts';
import type { Route } from './route.ts';

let app: TestApp;
let world: World;
let machine: Machine;
let orgId: string;
let userId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  machine = await world.machine();
  const owner = await world.person();
  userId = owner.userId;
  orgId = await world.organization(owner);
});
afterAll(() => app?.close());

const problem = z.strictObject({
  type: z.url(),
  title: z.string().min(1),
  status: z.int(),
  detail: z.string().min(1),
  code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
  requestId: z.string().min(8),
  errors: z.array(z.strictObject({ pointer: z.string().startsWith('/'), message: z.string().min(1) })).optional(),
});

/** Text as attackers write it: NUL, halves of pairs, right-to-left marks, SQL, paths, templates, names of prototypes. */
const nastyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ maxLength: 30 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '\ud800',
    '\u202e\ufeff',
    "' OR 1=1 --",
    '%s%n',
    '../../etc/passwd',
    '{{code}}',
    '${7*7}',
    '__proto__',
    'constructor',
    'http://localhost/{{code}}',
    'https://a:b@evil.example/\0',
    'global:',
    'ORG_OWNER',
    'a@b.example',
    `${'a'.repeat(64)}@${'b'.repeat(60)}.example`,
    'x'.repeat(10_001),
    '2027-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999999+23:59',
    '0000-01-01T00:00:00Z',
    '+4915112345678',
    'Password@123JonDoeInc',
  ),
);

const knownId = fc.constantFrom('0', '1', '9223372036854775807', '9223372036854775808', '-1', '01').map(String);
const someId = fc.oneof(knownId, fc.constantFrom('ORG', 'USER', 'MACHINE').map(String));

const leaf = fc.oneof(nastyText, someId, fc.double(), fc.boolean(), fc.constant(null), fc.bigInt().map(String));

const anything = fc.oneof(
  { weight: 4, arbitrary: leaf },
  { weight: 1, arbitrary: fc.array(leaf, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.dictionary(nastyText, leaf, { maxKeys: 5 }) },
);

/** What a schema says of one field, as far as it helps to get past the first check. */
function arbitraryOf(schema: JsonSchema, depth = 0): fc.Arbitrary<unknown> {
  const right = rightArbitraryOf(schema, depth);
  return fc.oneof({ weight: 6, arbitrary: right }, { weight: 1, arbitrary: anything });
}

interface JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
}

function rightArbitraryOf(schema: JsonSchema, depth: number): fc.Arbitrary<unknown> {
  const [first, ...others] = schema.anyOf ?? [];
  if (first) return fc.oneof(...[first, ...others].map((one) => arbitraryOf(one, depth + 1)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type ?? '') {
    case 'object':
      return objectOf(schema, depth);
    case 'array':
      return fc.array(arbitraryOf(schema.items ?? {}, depth + 1), { maxLength: 3 });
    case 'string':
      return fc.oneof(nastyText, someId, fc.constantFrom(...(schema.examples ?? ['']), 'reader'));
    case 'integer':
    case 'number':
      return fc.oneof(fc.integer(), fc.constantFrom(schema.minimum ?? 0, schema.maximum ?? 1));
    case 'boolean':
      return fc.boolean();
    default:
      return anything;
  }
}

function objectOf({ properties = {}, required = [], additionalProperties }: JsonSchema, depth: number) {
  if (typeof additionalProperties === 'object') {
    return fc.dictionary(nastyText, arbitraryOf(additionalProperties, depth + 1), { maxKeys: 4 });
  }
  const fields = Object.entries(properties).map(([name, field]) => [name, arbitraryOf(field, depth + 1)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: required });
}

const schemaOf = (schema: z.ZodType | undefined): JsonSchema =>
  schema
    ? (z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', target: 'draft-2020-12' }) as JsonSchema)
    : {};

/** A header's value may hold any byte but a few; what goes over the wire can be no more than that. */
const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((byte) => String.fromCharCode(byte)),
  maxLength: 40,
});
const headers = fc.record(
  {
    'user-agent': headerText,
    'if-match': fc.oneof(
      headerText,
      fc.constantFrom('*', '"1"', 'W/"1"', '"999999999999999999"', '"9999999999999999999"'),
    ),
    'x-request-id': headerText,
    'x-forwarded-for': fc.oneof(headerText, fc.constantFrom('1.2.3.4', '::1', 'unknown', '1.2.3.4, evil')),
    'idempotency-key': headerText,
    accept: fc.constantFrom('text/html', '*/*', 'application/json', '\u00ff'),
    'accept-language': headerText,
    cookie: fc.oneof(
      headerText,
      headerText.map((value) => `session-token=${value}`),
    ),
  },
  { requiredKeys: [] },
);

interface Attempt {
  readonly path: Record<string, string>;
  readonly query: Record<string, unknown>;
  readonly body: unknown;
  readonly headers: Record<string, string>;
  readonly orgId: string;
}

function attemptAt(route: Route): fc.Arbitrary<Attempt> {
  const names = [...route.url.matchAll(/:([A-Za-z]+)/g)].map(([, name = '']) => name);
  const pathText = fc.oneof({ weight: 3, arbitrary: someId }, { weight: 1, arbitrary: nastyText });
  const queryFields = Object.keys(schemaOf(route.query).properties ?? {});
  const queryText = fc.oneof(nastyText, someId, fc.constantFrom('true', 'false', '10', '100', '0'));
  return fc.record({
    path: fc.record(Object.fromEntries(names.map((name) => [name, pathText]))),
    query: fc.record(Object.fromEntries([...queryFields, 'unknown'].map((name) => [name, queryText])), {
      requiredKeys: queryFields.filter((name) => name === 'pageSize'),
    }),
    body: route.body ? arbitraryOf(schemaOf(route.body)) : fc.constant(undefined),
    headers,
    orgId: someId,
  });
}

/** Stand-ins for ids that exist only once the world is made. */
function fillIn<Value>(value: Value): Value {
  const text = JSON.stringify(value);
  if (text === undefined) return value;
  const filled = text.replaceAll('"ORG"', `"${orgId}"`).replaceAll('"USER"', `"${userId}"`);
  return JSON.parse(filled.replaceAll('"MACHINE"', `"${machine.machineUserId}"`)) as Value;
}

/** As a browser would: what is no Unicode cannot stand in an address. */
const encode = (text: string): string => encodeURIComponent(text.toWellFormed());

function send(route: Route, attempt: Attempt, token: string): Promise<LightMyRequestResponse> {
  const { path, query, body, headers: extra, orgId: inHeader } = fillIn(attempt);
  const filled = route.url.replace(/:([A-Za-z]+)/g, (_, name: string) => encode(path[name] ?? '') || '%20');
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encode(String(value))}`);
  const isPlatform = route.access.scope === 'platform';
  return app.app.inject({
    method: route.method,
    url: `${filled}?${pairs.join('&')}`,
    headers: {
      host: 'localhost',
      ...extra,
      'x-app-name': world.appName,
      'x-iam-orgid': inHeader,
      authorization: `Bearer ${isPlatform ? platformKey : token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { payload: JSON.stringify(body) }),
  });
}

/** What is wrong with an answer: it is a 5xx, or not what the route declares. */
function faultsOf(route: Route, response: LightMyRequestResponse): string[] {
  const { statusCode: status, headers: answered } = response;
  const type = String(answered['content-type']);
  const body: unknown = /json/.test(type) && response.body !== '' ? JSON.parse(response.body) : undefined;
  const isRefusal = status >= 400;
  const shape = isRefusal ? problem : route.response.body;
  const parsed = shape && (isRefusal || body !== undefined) ? shape.safeParse(body) : undefined;
  return [
    ...(status >= 500 ? [`status ${status}`] : []),
    ...(isRefusal || status === route.response.status ? [] : [`undeclared status ${status}`]),
    ...(isRefusal && type !== 'application/problem+json' ? [`type ${type}`] : []),
    ...(parsed?.success === false ? [`shape ${parsed.error.message}`] : []),
  ];
}

/** These end the credential that the next attempt needs; the others are called as often as there is time for. */
const endsCredentials = new Set([
  'signOut',
  'endMySessions',
  'endUserSessions',
  'deleteMachineUser',
  'deleteMachineSecret',
]);
const isCalled = (route: Route): boolean =>
  !endsCredentials.has(route.operationId) && route.operationId !== 'updateApp';

describe.each(routes.filter(isCalled).map((route) => [`${route.method} ${route.url}`, route] as const))(
  '%s',
  (_name, route) => {
    test.each([
      ['a super admin', () => world.admin.token],
      ['a machine', () => machine.token],
    ])('answers %s as declared, whatever is sent', async (_who, token) => {
      const answersAsDeclared = fc.asyncProperty(attemptAt(route), async (attempt) => {
        expect(faultsOf(route, await send(route, attempt, token()))).toEqual([]);
      });
      await fc.assert(answersAsDeclared, { numRuns: 25 });
    });
  },
);
