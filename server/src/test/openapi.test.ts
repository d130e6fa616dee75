import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { overOrganization } from '../access/access.ts';
import { principals } from '../access/access.ts';
import { errorCodes } from '../http/errors.ts';
import { idOf, message, text as textField } from '../http/fields.ts';
import { errorsOf, type Operation, toOpenApi, toPath } from '../openapi/openapi.ts';
import type { JsonSchema } from '../openapi/schemas.ts';
import { toText } from '../openapi/text.ts';
import { type Route, route as declare } from '../calls/route.ts';
import { routes } from '../routes.ts';
import {
  bodySchemaOf,
  document,
  lookUp,
  nodesOf,
  operations,
  parametersOf,
  resolved,
  responsesOf,
} from './openapi.document.ts';

/** Codes that no operation returns, because the call fails before an operation is known. */
const answeredByFramework = new Map([
  ['route_not_found', 'nothing is at the address'],
  ['method_not_allowed', 'the address answers to other methods'],
  ['request_timeout', 'the request never arrived whole'],
  ['headers_too_large', 'the HTTP parser gave up'],
  ['prefetch_refused', 'only pages answer it'],
]);

const documented = routes.filter((route) => !route.hidden);

const schemasInPlace = (operation: Operation): JsonSchema[] => [
  ...[bodySchemaOf(operation)].filter((schema) => schema !== undefined),
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

/** The fields of a schema at every depth. Referenced schemas are checked under their own names. */
function* fieldsOf(schema: JsonSchema, where: string): Generator<{ where: string; field: JsonSchema }> {
  for (const { pointer, node } of nodesOf(schema, where)) {
    if (pointer.includes('/examples')) continue;
    for (const [name, field] of Object.entries((node['properties'] ?? {}) as Record<string, JsonSchema>)) {
      yield { where: `${pointer}.${name}`, field };
    }
  }
}

const fields = Object.entries(allSchemas).flatMap(([name, schema]) => [...fieldsOf(schema, name)]);

/** Objects with fields show their example through the fields. */
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
  it('equals the checked-in document', () => {
    const file = new URL('../../../docs/openapi.json', import.meta.url);
    // A difference means: run `npm run openapi` and review what it changes.
    expect(readFileSync(file, 'utf8')).toBe(toText(document));
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

  it('has the type of every field, except ignored ones and those with two types', () => {
    const untyped = fields.filter(
      ({ field }) =>
        !hasType(field) && !/^(?:Accepted and ignored|A string or an array of strings): /.test(field.description ?? ''),
    );
    expect(untyped.map(({ where }) => where)).toEqual([]);
    const listed = [...nodesOf(document)].filter(({ node }) => Array.isArray(node['enum']) && !hasType(node));
    expect(listed.map(({ pointer }) => pointer)).toEqual([]);
  });

  it('has examples with all required fields', () => {
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

  it.each(operations)('has the allowed callers and the responses of $operation.operationId', ({ operation }) => {
    const known = [...Object.keys(principals), 'PUBLIC', 'PLATFORM_OPERATOR'];
    expect(known).toEqual(expect.arrayContaining([...operation['x-principals']]));
    expect(operation['x-principals']).not.toEqual([]);
    expect(operation.description).toContain('**Who:**');
    expect(hasText(operation.summary)).toBe(true);
    const route = documented.find(({ operationId }) => operationId === operation.operationId);
    expect(operation['x-error-codes']).toEqual(route && errorsOf(route));
    const ofStatuses = responsesOf(operation).flatMap(({ response }) => response['x-error-codes'] ?? []);
    expect(ofStatuses).toEqual(expect.arrayContaining([...operation['x-error-codes']]));
    const statuses = new Set(operation['x-error-codes'].map((code) => String(errorCodes[code][0])));
    expect(Object.keys(operation.responses).filter((status) => status >= '400')).toEqual([...statuses].toSorted());
  });

  it('lists each code under its one status', () => {
    const listed = operations
      .flatMap(({ operation }) => responsesOf(operation))
      .flatMap(({ status, response }) => (response['x-error-codes'] ?? []).map((code) => ({ code, status })));
    expect(listed.filter(({ code, status }) => String(errorCodes[code][0]) !== status)).toEqual([]);
  });

  it('uses every error code', () => {
    const used = new Set<string>(routes.flatMap((route) => errorsOf(route)));
    const unused = Object.keys(errorCodes).filter((code) => !used.has(code) && !answeredByFramework.has(code));
    expect(unused).toEqual([]);
  });
});

describe('the document as OpenAPI 3.1', () => {
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

  it('has a unique id for every operation', () => {
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

  it('lists only its fields in required', () => {
    const faulty = [...nodesOf(allSchemas)].filter(({ node }) => {
      const { required, properties } = node as JsonSchema;
      return Array.isArray(required) && properties !== undefined && required.some((name) => !(name in properties));
    });
    expect(faulty.map(({ pointer }) => pointer)).toEqual([]);
  });
});

describe('the document for code generators', () => {
  it('has license and contact, which they write into packages', () => {
    const { license, contact } = document.info;
    expect([license, contact]).toEqual([
      { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      { name: expect.any(String), url: 'http://localhost:3000' },
    ]);
  });

  it('has no pattern in addition to a format: clients parse the value first, and match the result', () => {
    const both = [...nodesOf(document)].filter(({ node }) => 'pattern' in node && 'format' in node);
    expect(both.map(({ pointer }) => pointer)).toEqual([]);
  });

  it('has the type integer for integers that it lists: Java has the type BigDecimal for `number`', () => {
    const numeric = [...nodesOf(document)].filter(({ node }) => {
      const values = Array.isArray(node['enum']) ? node['enum'] : [node['const']];
      return node['type'] !== undefined && values.some((value) => Number.isInteger(value));
    });
    expect(numeric.length).toBeGreaterThan(0);
    const wide = numeric.filter(({ node }) => ![node['type']].flat().includes('integer'));
    expect(wide.map(({ pointer }) => pointer)).toEqual([]);
  });

  it('names the values of arrays without duplicates: openapi-generator mistakes values in place for strings', () => {
    const sets = [...nodesOf(document)].filter(({ node }) => node['uniqueItems'] === true);
    expect(sets.length).toBeGreaterThan(0);
    const inPlace = sets.filter(({ node }) => 'enum' in (node['items'] as JsonSchema));
    expect(inPlace.map(({ pointer }) => pointer)).toEqual([]);
  });

  it('has no union of types that a language cannot distinguish', () => {
    const choices = [...nodesOf(document)].filter(
      ({ node }) => !Array.isArray(node) && ['anyOf', 'oneOf'].some((key) => key in node),
    );
    const mixed = choices.filter(({ node }) => {
      const types = [node['anyOf'], node['oneOf']].flat().map((one) => (one as JsonSchema | undefined)?.type);
      return new Set(types.filter((type) => type !== undefined)).size > 1;
    });
    expect(mixed.map(({ pointer }) => pointer)).toEqual([]);
  });

  it('has no component with the name of a type that a generator makes for an operation', () => {
    // oapi-codegen: Response, Params, …; ogen: Req, Res; the TypeScript generators: Data, Error(s), Responses.
    const made = /^(?:New)?(.+?)(?:Responses?|Params|Data|Errors?|Re[qs]|(?:Request|Response)Object|JSONRequestBody)$/i;
    const operationIds = new Set(operations.map(({ operation }) => operation.operationId.toLowerCase()));
    const names = Object.values(document.components).flatMap((parts) => Object.keys(parts));
    expect(names.filter((name) => operationIds.has(made.exec(name)?.[1]?.toLowerCase() ?? ''))).toEqual([]);
    expect(names.filter((name) => operationIds.has(name.toLowerCase()))).toEqual([]);
  });

  it('has no component with the name of a type that a generator makes for a field', () => {
    // oapi-codegen: the values of `kind` in Factor, if they are listed there, are the type FactorKind.
    const typesOf = (name: string, schema: JsonSchema): string[] => [
      ...(schema.properties || schema['enum'] ? [name] : []),
      ...Object.entries(schema.properties ?? {}).flatMap(([field, inner]) => typesOf(`${name}${field}`, inner)),
      ...(schema['items'] ? typesOf(name, schema['items'] as JsonSchema) : []),
    ];
    const { schemas } = document.components;
    const made = Object.entries(schemas).flatMap(([name, { properties = {} }]) =>
      Object.entries(properties).flatMap(([field, inner]) => typesOf(`${name}${field}`, inner)),
    );
    const types = new Set(made.map((name) => name.toLowerCase()));
    expect(types).toContain('factorkind');
    expect(Object.keys(schemas).filter((name) => types.has(name.toLowerCase()))).toEqual([]);
  });

  it('has no two components with equal names, because some languages have one namespace for types', () => {
    const { schemas, responses, parameters } = document.components;
    const names = [schemas, responses, parameters].flatMap((parts) => Object.keys(parts).map((n) => n.toLowerCase()));
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('has the app as a security scheme that is set once, never as a parameter', () => {
    const asParameter = operations.filter(({ operation }) =>
      parametersOf(operation).some(({ name }) => name.toLowerCase() === 'x-app-name'),
    );
    expect(asParameter).toEqual([]);
    const named = operations.filter(({ operation }) => operation['x-error-codes'].includes('app_name_required'));
    const unnamed = operations.filter(({ operation }) => !operation['x-error-codes'].includes('app_name_required'));
    expect(document.components.securitySchemes.appName).toMatchObject({
      type: 'apiKey',
      in: 'header',
      name: 'X-App-Name',
    });
    const withoutApp = named.filter(
      ({ operation: { security } }) => security.length === 0 || !security.every((one) => 'appName' in one),
    );
    expect(withoutApp.map(({ operation }) => operation.operationId)).toEqual([]);
    expect(unnamed.filter(({ operation }) => operation.security.some((one) => 'appName' in one))).toEqual([]);
  });

  it('describes the form and the errors of an OAuth endpoint', () => {
    const { operation } = operations.find(({ path }) => path === '/apps/{app}/oauth/introspect') ?? {};
    expect(Object.keys(operation?.requestBody?.content ?? {})).toEqual(['application/x-www-form-urlencoded']);
    expect(operation?.security).toEqual([{ clientCredential: [] }]);
    expect(operation?.responses['401']).toEqual({ $ref: '#/components/responses/OauthUnauthorized' });
  });

  it('has one problem schema for all errors, whose code is open', () => {
    expect(resolved({ $ref: '#/components/schemas/Problem' }).properties?.['code']).not.toHaveProperty('enum');
    const refusals = operations.flatMap(({ operation }) =>
      Object.entries(operation.responses).filter(([status]) => status >= '400'),
    );
    expect(refusals.filter(([, response]) => !('$ref' in response))).toEqual([]);
    for (const [name, response] of Object.entries(document.components.responses)) {
      const [type, schema] = name.startsWith('Oauth')
        ? ['application/json', 'OauthError']
        : ['application/problem+json', 'Problem'];
      expect(response.content).toEqual({ [type]: { schema: { $ref: `#/components/schemas/${schema}` } } });
      expect(response['x-error-codes']).not.toEqual([]);
    }
  });

  it('has the origin at which the service is reached', () => {
    expect(toOpenApi(routes, 'https://id.example.com').servers.map(({ url }) => url)).toEqual([
      'https://id.example.com',
    ]);
  });
});

describe('the document as a file under review', () => {
  const count = (lines: readonly string[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
    return counts;
  };

  /** Lines of the file that a route adds or changes. */
  function linesOf(added: Route, among: readonly Route[]): number {
    const before = count(toText(toOpenApi(among)).split('\n'));
    const after = count(toText(toOpenApi([...among, added])).split('\n'));
    return [...after].reduce((sum, [line, times]) => sum + Math.max(0, times - (before.get(line) ?? 0)), 0);
  }

  it('changes at most 42 lines for an added route', () => {
    const added = declare({
      method: 'PUT',
      url: '/v1/authorization/organizations/:orgId/mottos/:mottoId',
      operationId: 'replaceMotto',
      tag: 'authorization',
      summary: 'Replace a motto',
      description: 'Replaces the text of a motto.',
      access: overOrganization('change', 'ORG_OWNER', 'ORG_USER_MANAGER', 'GENERIC_MACHINE_USER'),
      audit: 'motto.replaced',
      params: z.strictObject({ orgId: idOf('the organization'), mottoId: idOf('the motto') }),
      body: z
        .strictObject({ text: textField({ max: 100 }).meta({ description: 'Text.', examples: ['Onward'] }) })
        .meta({ id: 'ReplaceMottoRequest', description: 'The new text.' }),
      response: {
        status: 200,
        description: 'The motto.',
        body: z
          .object({ message: message('Motto replaced') })
          .meta({ id: 'ReplaceMottoResult', description: 'The motto is replaced.' }),
      },
      errors: ['precondition_failed', 'organization_name_taken'],
      handler: () => ({ message: 'Motto replaced' }),
    });
    expect(linesOf(added, routes)).toBeLessThanOrEqual(42);
  });

  it.each(documented)('takes at most 40 lines for $operationId, without schemas', ({ url, method }) => {
    const lines = toText(document.paths[toPath(url)]?.[method.toLowerCase()]).trimEnd().split('\n');
    const ofPath = 2;
    expect(lines.length + ofPath).toBeLessThanOrEqual(40);
  });
});
