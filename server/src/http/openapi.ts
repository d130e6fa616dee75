import type { ErrorCode } from './errors.ts';
import { headerParameters, type Parameter, parametersOf, type Reference } from './openapi-parameters.ts';
import { principalsOf, securityOf, securitySchemes, whoSentence } from './openapi-principals.ts';
import { headerComponents, type Response, responseComponents, responsesOf } from './openapi-responses.ts';
import { collectSchemas, type JsonSchema, type SchemaCollection } from './openapi-schemas.ts';
import { errorsOf } from './route-errors.ts';
import type { Route, Tag } from './route.ts';

export { errorsOf };

/** What the document says about one route. */
export interface Operation {
  readonly operationId: string;
  readonly tags: readonly Tag[];
  readonly summary: string;
  readonly description: string;
  readonly 'x-principals': readonly string[];
  /** Every code that the operation may answer. */
  readonly 'x-error-codes': readonly ErrorCode[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters: readonly (Parameter | Reference)[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: { readonly 'application/json': { readonly schema: JsonSchema } };
  };
  readonly responses: Readonly<Record<string, Response | Reference>>;
}

/** An OpenAPI 3.1 document, as far as ours use the format. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string; readonly description: string }[];
  readonly tags: readonly { readonly name: Tag; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly parameters: Readonly<Record<string, Parameter>>;
    readonly responses: Readonly<Record<string, Response>>;
    readonly headers: typeof headerComponents;
    readonly securitySchemes: typeof securitySchemes;
  };
}

const info = {
  title: 'Gatehouse',
  version: '1.0.0',
  description: [
    'Users, sessions, organizations, roles, invitations and machine tokens of many apps over HTTP.',
    'Each call names its app in `X-App-Name`. A refusal is a problem document (RFC 9457) with a stable `code`; what each code means stands at `/errors/<code>`.',
    'Each operation lists who may call it (`x-principals`) and every code that it may answer (`x-error-codes`).',
  ].join('\n\n'),
};

const tagDescriptions: Readonly<Record<Tag, string>> = {
  authentication: 'Signing up and in, sessions, passwords, e-mail addresses, and the tokens of machine users.',
  authorization: 'Organizations, their people and roles, the users of the app, and machine users.',
  'idp-authentication': 'Signing in with Google, Microsoft or another OpenID Connect provider, and setting them up.',
  platform: 'What the operator of a deployment needs: apps and their settings, health, this document.',
};

/** The path of a route in the document's notation, e.g. `/organizations/{orgId}`. */
export const toPath = (url: string): string => url.replace(/:(\w+)/g, '{$1}');

function requestBodyOf(schemas: SchemaCollection, { body }: Route): Pick<Operation, 'requestBody'> {
  if (!body) return {};
  const content = { 'application/json': { schema: schemas.add(body, 'input') } };
  return { requestBody: { required: !body.safeParse(undefined).success, content } };
}

function toOperation(schemas: SchemaCollection, route: Route): Operation {
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    description: `${route.description}\n\n${whoSentence(route.access)}`,
    'x-principals': principalsOf(route.access),
    'x-error-codes': errorsOf(route),
    security: securityOf(route.access),
    parameters: parametersOf(schemas, route),
    ...requestBodyOf(schemas, route),
    responses: responsesOf(schemas, route),
  };
}

function toPaths(schemas: SchemaCollection, routes: readonly Route[]): Record<string, Record<string, Operation>> {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    const operations = (paths[toPath(route.url)] ??= {});
    operations[route.method.toLowerCase()] = toOperation(schemas, route);
  }
  return paths;
}

/** Describes the routes in OpenAPI 3.1, in their order. The same routes make the same document, byte for byte. */
export function toOpenApi(routes: readonly Route[]): OpenApiDocument {
  const schemas = collectSchemas();
  const shown = routes.filter((route) => !route.hidden);
  const paths = toPaths(schemas, shown);
  const responses = responseComponents(schemas, shown);
  return {
    openapi: '3.1.1',
    info,
    servers: [{ url: '/', description: 'The service that serves this document.' }],
    tags: (Object.keys(tagDescriptions) as Tag[]).map((name) => ({ name, description: tagDescriptions[name] })),
    paths: schemas.resolve(paths),
    components: {
      schemas: schemas.components(),
      parameters: headerParameters,
      responses: schemas.resolve(responses),
      headers: headerComponents,
      securitySchemes,
    },
  };
}
