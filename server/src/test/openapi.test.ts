import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { principals } from '../http/access.ts';
import { errorCodes } from '../http/errors.ts';
import { errorsOf, type OpenApiDocument, type Operation, toOpenApi } from '../http/openapi.ts';
import type { Parameter, Reference } from '../http/openapi-parameters.ts';
import type { Response } from '../http/openapi-responses.ts';
import type { JsonSchema } from '../http/openapi-schemas.ts';
import { routes } from '../routes.ts';

/** Codes that no operation answers, because the call never gets as far as one. */
const answeredByFramework = new Map([
  ['route_not_found', 'nothing is at the address'],
  ['method_not_allowed', 'the address answers to other methods'],
  ['request_timeout', 'the request never arrived whole'],
  ['headers_too_large', 'the HTTP parser gave up'],
]);

const document: OpenApiDocument = toOpenApi(routes);
const documented = routes.filter((route) => !route.hidden);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

/** Every object and array in a JSON value, with its JSON pointer. */
function* nodesOf(value: unknown, pointer = '#'): Generator<{ pointer: string; node: Record<string, unknown> }> {
  if (typeof value !== 'object' || value === null) return;
  yield { pointer, node: value as Record<string, unknown> };
  for (const [key, child] of Object.entries(value)) {
    yield* nodesOf(child, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  }
}

function lookUp(reference: string): unknown {
  const keys = reference
    .slice(2)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
}

const resolved = (schema: JsonSchema): JsonSchema =>
  schema.$ref === undefined ? schema : (lookUp(schema.$ref) as JsonSchema);

const follow = <Part extends object>(part: Part | Reference): Part =>
  '$ref' in part ? (lookUp(part.$ref) as Part) : part;

const parametersOf = ({ parameters }: Operation) => parameters.map((parameter) => follow<Parameter>(parameter));

const responsesOf = ({ responses }: Operation) =>
  Object.entries(responses).map(([status, response]) => ({ status, response: follow<Response>(response) }));

const schemasInPlace = (operation: Operation): JsonSchema[] => [
  ...(operation.requestBody ? [operation.requestBody.content['application/json'].schema] : []),
  ...responsesOf(operation).flatMap(({ response }) =>
    Object.values(response.content ?? {}).map(({ schema }) => schema),
  ),
  ...parametersOf(operation).map(({ schema }) => schema),
];

const allSchemas: Record<string, JsonSchema> = {
  ...document.components.schemas,
  ...Object.fromEntries(
    operations.flatMap(({ operation }) =>
      schemasInPlace(operation).map((schema, index) => [`${operation.operationId}/${index}`, schema] as const),
    ),
  ),
};

/** The fields of a schema at every depth. What it refers to by name is looked at under that name. */
function* fieldsOf(schema: JsonSchema, where: string): Generator<{ where: string; field: JsonSchema }> {
  for (const { pointer, node } of nodesOf(schema, where)) {
    // What narrows the code of a problem to those of one status describes no field of its own.
    if (pointer.includes('/examples') || pointer.includes('/allOf/')) continue;
    for (const [name, field] of Object.entries((node['properties'] ?? {}) as Record<string, JsonSchema>)) {
      yield { where: `${pointer}.${name}`, field };
    }
  }
}

const fields = Object.entries(allSchemas).flatMap(([name, schema]) => [...fieldsOf(schema, name)]);

/** What has fields of its own shows an example by theirs. */
function isComposite(schema: JsonSchema): boolean {
  const { properties, items } = resolved(schema);
  return properties !== undefined || (items !== undefined && isComposite(items as JsonSchema));
}

const alternativesOf = ({ anyOf = [] }: JsonSchema) => anyOf as JsonSchema[];

const hasType = (schema: JsonSchema): boolean =>
  schema.type !== undefined ||
  schema.$ref !== undefined ||
  (alternativesOf(schema).length > 0 && alternativesOf(schema).every(hasType));

const hasText = (text: unknown): boolean => typeof text === 'string' && text.trim() !== '';

describe('the OpenAPI document', () => {
  it('is the one that is checked in', () => {
    const file = new URL('../../../docs/openapi.json', import.meta.url);
    // A difference means: run `npm run openapi` and review what it changes.
    expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(document, undefined, 2)}\n`);
  });

  it('has every route that is not hidden', () => {
    expect(operations.map(({ operation }) => operation.operationId).toSorted()).toEqual(
      documented.map(({ operationId }) => operationId).toSorted(),
    );
  });

  it('describes every field', () => {
    const silent = fields.filter(({ field }) => !hasText(field.description ?? resolved(field).description));
    expect(silent.map(({ where }) => where)).toEqual([]);
  });

  it('shows an example of every field', () => {
    const bare = fields.filter(({ field }) => !isComposite(field) && !((resolved(field).examples ?? []).length > 0));
    expect(bare.map(({ where }) => where)).toEqual([]);
  });

  it('says the type of every field, except of those that are ignored', () => {
    const untyped = fields.filter(
      ({ field }) => !hasType(field) && !field.description?.startsWith('Accepted and ignored'),
    );
    expect(untyped.map(({ where }) => where)).toEqual([]);
    const listed = [...nodesOf(document)].filter(({ node }) => Array.isArray(node['enum']) && !hasType(node));
    expect(listed.map(({ pointer }) => pointer)).toEqual([]);
  });

  it('shows examples that have whatever is required', () => {
    const partial = [...nodesOf(allSchemas)].filter(
      ({ node: { required, examples } }) =>
        Array.isArray(required) &&
        Array.isArray(examples) &&
        examples.some((example: object) => required.some((name: string) => !(name in example))),
    );
    expect(partial.map(({ pointer }) => pointer)).toEqual([]);
  });

  it('writes a value or null as one schema of two types', () => {
    const asAlternatives = fields.filter(({ field }) => alternativesOf(field).some(({ type }) => type === 'null'));
    expect(asAlternatives.map(({ where }) => where)).toEqual([]);
    expect(lookUp('#/components/schemas/UpdateUserRequest/properties/language')).toMatchObject({
      type: ['string', 'null'],
      enum: ['en', 'ar', null],
    });
  });

  it('describes every named schema', () => {
    const silent = Object.entries(document.components.schemas).filter(([, schema]) => !hasText(schema.description));
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  it('describes every parameter and shows an example of it', () => {
    const all = operations.flatMap(({ operation }) =>
      parametersOf(operation).map((parameter) => ({ operation, parameter })),
    );
    const bare = all.filter(({ parameter }) => !hasText(parameter.description) || parameter.example === undefined);
    expect(bare.map(({ operation, parameter }) => `${operation.operationId} ${parameter.name}`)).toEqual([]);
  });

  it.each(operations)('says who may call $operation.operationId, and what it may answer', ({ operation }) => {
    const known = [...Object.keys(principals), 'PUBLIC', 'PLATFORM_OPERATOR'];
    expect(known).toEqual(expect.arrayContaining([...operation['x-principals']]));
    expect(operation['x-principals']).not.toEqual([]);
    expect(operation.description).toContain('**Who:**');
    expect(hasText(operation.summary)).toBe(true);
    const route = documented.find(({ operationId }) => operationId === operation.operationId);
    expect(operation['x-error-codes']).toEqual(route && errorsOf(route));
    const codes = responsesOf(operation).flatMap(({ response }) => response['x-error-codes'] ?? []);
    expect(codes.toSorted()).toEqual(operation['x-error-codes'].toSorted());
  });

  it('lists each code under its one status', () => {
    const listed = operations
      .flatMap(({ operation }) => responsesOf(operation))
      .flatMap(({ status, response }) => (response['x-error-codes'] ?? []).map((code) => ({ code, status })));
    expect(listed.filter(({ code, status }) => String(errorCodes[code][0]) !== status)).toEqual([]);
  });

  it('finds a use for every error code', () => {
    const used = new Set<string>(routes.flatMap((route) => errorsOf(route)));
    const unused = Object.keys(errorCodes).filter((code) => !used.has(code) && !answeredByFramework.has(code));
    expect(unused).toEqual([]);
  });
});

describe('as OpenAPI 3.1', () => {
  it('resolves every reference', () => {
    const references = [...nodesOf(document)].flatMap(({ node }) =>
      typeof node['$ref'] === 'string' ? [node['$ref']] : [],
    );
    expect(references.length).toBeGreaterThan(0);
    expect(references.filter((reference) => lookUp(reference) === undefined)).toEqual([]);
  });

  it('uses every component', () => {
    const text = JSON.stringify(document);
    const { schemas, parameters, responses, headers } = document.components;
    const names = Object.entries({ schemas, parameters, responses, headers }).flatMap(([kind, all]) =>
      Object.keys(all).map((name) => `"#/components/${kind}/${name}"`),
    );
    expect(names.filter((name) => !text.includes(name))).toEqual([]);
  });

  it('gives every operation an id of its own', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('declares the path parameters of every path, and no others', () => {
    for (const { path, operation } of operations) {
      const inPath = parametersOf(operation).filter((parameter) => parameter.in === 'path');
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
      expect([path, inPath.map(({ name }) => name).toSorted()]).toEqual([path, named.toSorted()]);
      expect([path, inPath.every(({ required }) => required)]).toEqual([path, true]);
    }
  });

  it('declares every tag and every security scheme that is used', () => {
    const tags = operations.flatMap(({ operation }) => operation.tags);
    expect(document.tags.map(({ name }) => name)).toEqual(expect.arrayContaining(tags));
    const schemes = operations.flatMap(({ operation }) => operation.security.flatMap((one) => Object.keys(one)));
    expect(Object.keys(document.components.securitySchemes)).toEqual(expect.arrayContaining(schemes));
  });

  it('names its fields in required only', () => {
    const faulty = [...nodesOf(allSchemas)].filter(({ node }) => {
      const { required, properties } = node as JsonSchema;
      return Array.isArray(required) && properties !== undefined && required.some((name) => !(name in properties));
    });
    expect(faulty.map(({ pointer }) => pointer)).toEqual([]);
  });
});
