import * as fc from 'fast-check';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { routes } from '../routes.ts';
import { buildTestApp, platformKey, type TestApp } from '../test/setup.ts';
import { createWorld, type Machine, type World } from '../test/world/world.ts';
import { errorCodes, type ErrorCode } from '../http/errors.ts';
import type { Route } from './route.ts';

let app: TestApp;
let world: World;
let machine: Machine;
let orgId: string;
let userId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { settings: { redirectUrls: ['https://app.example.com'] } });
  machine = await world.machine();
  const owner = await world.person({ email: 'jon.doe@example.com' });
  userId = owner.userId;
  orgId = await world.organization(owner);
  await createWorld(app, { name: 'other-app' });
});
afterAll(() => app?.close());

const problem = z.strictObject({
  type: z.url(),
  title: z.string().min(1),
  status: z.int(),
  detail: z.string().min(1),
  code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
  requestId: z.string().min(8),
  errors: z.array(z.strictObject({ pointer: z.string().regex(/^(\/|$)/), message: z.string().min(1) })).optional(),
});

const oauthError = z.strictObject({
  error: z.string().regex(/^[a-z_]+$/),
  error_description: z.string().regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/),
  error_uri: z.url(),
});

const formType = 'application/x-www-form-urlencoded';

/**
 * Text as attackers write it: NUL, halves of pairs, right-to-left marks, SQL, paths, templates, names of prototypes.
 */
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

/** The ids in the examples of the documentation, with the ids of the test world that replace them. */
const examples = { orgId: '118273645546213376', userId: '118273645546213377', machineUserId: '118273645546213378' };

const someId = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...Object.values(examples)) },
  { weight: 1, arbitrary: fc.constantFrom('0', '1', '9223372036854775807', '9223372036854775808', '-1', '01') },
);

const leaf = fc.oneof(nastyText, someId, fc.double(), fc.boolean(), fc.constant(null), fc.bigInt().map(String));

const anything = fc.oneof(
  { weight: 4, arbitrary: leaf },
  { weight: 1, arbitrary: fc.array(leaf, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.dictionary(nastyText, leaf, { maxKeys: 5 }) },
);

/** The parts of a field's schema that help to generate valid values. */
function arbitraryOf(schema: JsonSchema, depth = 0): fc.Arbitrary<unknown> {
  const right = rightArbitraryOf(schema, depth);
  return fc.oneof({ weight: 40, arbitrary: right }, { weight: 1, arbitrary: anything });
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
      return stringOf(schema);
    case 'integer':
    case 'number':
      return fc.oneof(fc.integer(), fc.constantFrom(schema.minimum ?? 0, schema.maximum ?? 1));
    case 'boolean':
      return fc.boolean();
    default:
      return anything;
  }
}

/** Mostly values of the documentation, so that most requests pass the validation. */
function stringOf({ examples: shown = [] }: JsonSchema): fc.Arbitrary<unknown> {
  const wrong = fc.oneof(
    { weight: 3, arbitrary: nastyText },
    { weight: 2, arbitrary: fc.string({ minLength: 1, maxLength: 20 }).map((text) => `${text}@example.com`) },
    { weight: 1, arbitrary: fc.constantFrom('reader', 'writer', 'global:reader') },
  );
  // Fields that are normalized have no example: e-mail addresses and ids.
  const usual = shown.length > 0 ? shown : ['jon.doe@example.com', 'jon.doe@example.com', ...Object.values(examples)];
  return fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: wrong });
}

function objectOf({ properties = {}, required = [], additionalProperties }: JsonSchema, depth: number) {
  if (typeof additionalProperties === 'object') {
    return fc.dictionary(nastyText, arbitraryOf(additionalProperties, depth + 1), { maxKeys: 4 });
  }
  const fields = Object.entries(properties).map(([name, field]) => [name, arbitraryOf(field, depth + 1)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: required });
}

/** Replaces references by the schemas to which they refer. */
function inline(schema: unknown, definitions: Readonly<Record<string, unknown>>): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((item) => inline(item, definitions));
  if ('$ref' in schema) return inline(definitions[String(schema.$ref).replace('#/$defs/', '')], definitions);
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, inline(value, definitions)]));
}

function schemaOf(schema: z.ZodType | undefined): JsonSchema {
  if (!schema) return {};
  const { $defs = {}, ...root } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return inline(root, $defs) as JsonSchema;
}

/** A header value may contain almost any byte, but only single bytes can be sent. */
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

/** A usual value of the path parameter of this name. */
const usualInPath: Readonly<Record<string, string>> = {
  ...examples,
  name: 'other-app',
  app: 'other-app',
  code: 'internal_error',
};

const inPath = (name: string) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usualInPath[name] ?? '1') },
    { weight: 1, arbitrary: someId },
    { weight: 1, arbitrary: nastyText },
  );

const inQuery = (name: string) =>
  fc.oneof(
    { weight: 8, arbitrary: name === 'cursor' ? nastyText : fc.constantFrom(name.startsWith('page') ? '10' : 'true') },
    { weight: 1, arbitrary: fc.oneof(nastyText, someId, fc.constantFrom('false', '100', '0')) },
  );

/** A wrong cursor is refused before other parameters are checked, so only some queries contain one. */
function queryOf(route: Route): fc.Arbitrary<Record<string, unknown>> {
  const { properties = {}, required = [] } = schemaOf(route.query);
  const fieldsOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, inQuery(name)]));
  const names = Object.keys(properties);
  const usual = fc.record(fieldsOf(names.filter((name) => name !== 'cursor')), { requiredKeys: required });
  const any = fc.record(fieldsOf(names), { requiredKeys: required });
  const undeclared = fc.dictionary(nastyText, nastyText, { minKeys: 1, maxKeys: 2 });
  return fc.oneof(
    { weight: 10, arbitrary: usual },
    { weight: 2, arbitrary: any },
    { weight: 1, arbitrary: undeclared },
  );
}

function attemptAt(route: Route): fc.Arbitrary<Attempt> {
  const names = [...route.url.matchAll(/:([A-Za-z]+)/g)].map(([, name = '']) => name);
  return fc.record({
    path: fc.record(Object.fromEntries(names.map((name) => [name, inPath(name)]))),
    query: queryOf(route),
    body: route.body ? arbitraryOf(schemaOf(route.body)) : fc.constant(undefined),
    headers,
    orgId: fc.oneof({ weight: 12, arbitrary: fc.constant(examples.orgId) }, { weight: 1, arbitrary: someId }),
  });
}

/** Replaces the ids of the examples by ids of this world. */
function fillIn<Value>(value: Value): Value {
  const real = { orgId, userId, machineUserId: machine.machineUserId };
  const text = (Object.keys(examples) as (keyof typeof examples)[]).reduce(
    (filled, name) => filled.replaceAll(examples[name], real[name]),
    JSON.stringify(value),
  );
  return JSON.parse(text) as Value;
}

/** Like a browser: an address cannot contain text that is not valid Unicode. */
const encode = (text: string): string => encodeURIComponent(text.toWellFormed());

const toForm = (body: unknown): string =>
  new URLSearchParams(
    Object.fromEntries(Object.entries(body ?? {}).map(([name, value]) => [name, String(value)])),
  ).toString();

function send(route: Route, attempt: Attempt, token: string): Promise<LightMyRequestResponse> {
  const { path, query, body, headers: extra, orgId: inHeader } = fillIn(attempt);
  const filled = route.url.replace(/:([A-Za-z]+)/g, (_, name: string) => encode(path[name] ?? '') || '%20');
  const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(String(value))}`);
  const isPlatform = route.access.target === 'platform';
  return app.app.inject({
    method: route.method,
    url: `${filled}?${pairs.join('&')}`,
    headers: {
      host: 'localhost',
      ...extra,
      'x-app-name': world.appName,
      'x-iam-orgid': inHeader,
      authorization: `Bearer ${isPlatform ? platformKey : token}`,
      ...(body !== undefined && { 'content-type': route.oauth || route.page ? formType : 'application/json' }),
    },
    ...(body !== undefined && { payload: route.oauth || route.page ? toForm(body) : JSON.stringify(body) }),
  });
}

/** A browser that opens an address of the hosted pages gets a refusal as a page. */
const isOpened = ({ method, url }: Route): boolean => method === 'GET' && /^\/(?:apps|idps)\//.test(url);

/** Type and shape of the refusals of a route. */
function refusalOf(route: Route) {
  const { oauth, page } = route;
  if (page || isOpened(route))
    return {
      type: /^(application\/problem\+json|text\/html; charset=utf-8)$/,
      shape: page ? z.unknown() : problem.optional(),
    };
  if (oauth) return { type: /^application\/(problem\+)?json/, shape: z.union([oauthError, problem]) };
  return { type: /^application\/problem\+json$/, shape: problem };
}

/** The response to a form with several steps is the next step. */
const isDeclared = ({ page, response }: Route, status: number): boolean =>
  status === response.status || (page === true && (status === 200 || status === 303));

/** The fault of a response: it is a 5xx, or differs from the declaration of the route. */
function faultsOf(route: Route, response: LightMyRequestResponse): string[] {
  const { statusCode: status, headers: answered } = response;
  const type = String(answered['content-type']);
  const body: unknown = /json/.test(type) && response.body !== '' ? JSON.parse(response.body) : undefined;
  const isRefusal = status >= 400;
  // The page that a browser gets for an unknown path.
  if (status === 404 && !route.url.startsWith('/v1/') && /<h1[^>]*>Page not found</.test(response.body)) return [];
  // An address that leads to no route is refused with a problem, before the route is known.
  const refusal = refusalOf(route);
  const shape = isRefusal ? refusal.shape : route.response.body;
  const parsed = shape && (isRefusal || body !== undefined) ? shape.safeParse(body) : undefined;
  return [
    ...(status >= 500 ? [`status ${status}`] : []),
    ...(isRefusal || isDeclared(route, status) ? [] : [`undeclared status ${status}`]),
    ...(isRefusal && !refusal.type.test(type) ? [`type ${type}`] : []),
    ...(parsed?.success === false ? [`shape ${parsed.error.message}`] : []),
  ];
}

/** These calls end the credential that the next attempt needs. All others are repeated as often as time allows. */
const endsCredentials = new Set([
  'signOut',
  'endMySessions',
  'endUserSessions',
  'deleteMachineUser',
  'deleteMachineSecret',
]);
const isCalled = (route: Route): boolean => !endsCredentials.has(route.operationId);

describe.each(routes.filter(isCalled).map((route) => [`${route.method} ${route.url}`, route] as const))(
  '%s',
  (_name, route) => {
    test.each([
      ['a super admin', () => world.admin.token],
      ['a machine', () => machine.token],
    ])('answers %s as declared to every input', async (_who, token) => {
      const answersAsDeclared = fc.asyncProperty(attemptAt(route), async (attempt) => {
        expect(faultsOf(route, await send(route, attempt, token()))).toEqual([]);
      });
      await fc.assert(answersAsDeclared, { numRuns: 25 });
    });
  },
);
