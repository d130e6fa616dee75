import type { ErrorCode } from '../http/errors.ts';
import type { FreshAuthentication, RequiredAuthentication } from '../access/required-authentication.ts';
import { isGrant, requiredAuthenticationOf } from '../calls/fresh-authentication.ts';
import { type Reference, type SharedParts, sharePartsOf } from './components.ts';
import { declaredParameters, headerParameters, type Parameter, parametersOf } from './parameters.ts';
import { credentialKindsOf, principalsOf, securityOf, securitySchemes, whoSentence } from './principals.ts';
import {
  type Header,
  headerComponents,
  headersOf,
  type Response,
  responseComponents,
  responsesOf,
} from './responses.ts';
import { collectSchemas, type JsonSchema, type SchemaCollection } from './schemas.ts';
import { errorsOf } from './route-errors.ts';
import type { Route, Tag } from '../calls/route.ts';
import { needsContent } from '../calls/validate.ts';
import { readVersion } from '../version.ts';

export { errorsOf };

/** Codes that any operation can return: a malformed request, a wrong credential, or an outage of the service. */
const general: readonly ErrorCode[] = [
  'malformed_request',
  'validation_failed',
  'app_name_required',
  'app_not_found',
  'app_inactive',
  'unauthenticated',
  'mfa_enrolment_required',
  'origin_not_allowed',
  'body_too_large',
  'unsupported_media_type',
  'idempotency_key_reused',
  'idempotency_in_progress',
  'overloaded',
  'database_unavailable',
  'database_busy',
  'storage_full',
  'outcome_unknown',
  'internal_error',
];

const linkTo = (code: ErrorCode): string => `[\`${code}\`](/errors/${code})`;

type BodyType = 'application/json' | 'application/x-www-form-urlencoded';

/** The operation object of one route. */
export interface Operation {
  readonly operationId: string;
  readonly tags: readonly Tag[];
  readonly summary: string;
  readonly description: string;
  readonly 'x-principals': readonly string[];
  readonly 'x-credentials': readonly string[];
  readonly 'x-machine-scope'?: string;
  /** Present if people need fresh authentication. */
  readonly 'x-fresh-authentication'?: FreshAuthentication;
  readonly 'x-required-authentication'?: RequiredAuthentication;
  /** Every code that the operation may return. */
  readonly 'x-error-codes': readonly ErrorCode[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters: readonly (Parameter | Reference)[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Partial<Record<BodyType, { readonly schema: JsonSchema }>>>;
  };
  readonly responses: Readonly<Record<string, Response | Reference>>;
}

/** The part of the OpenAPI 3.1 format that this document uses. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description: string;
    readonly contact: { readonly name: string; readonly url: string };
    readonly license: { readonly name: string; readonly identifier: string };
  };
  readonly servers: readonly { readonly url: string; readonly description: string }[];
  readonly tags: readonly { readonly name: Tag; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly parameters: Readonly<Record<string, Parameter>>;
    readonly responses: Readonly<Record<string, Response>>;
    readonly headers: Readonly<Record<string, Header>>;
    readonly securitySchemes: typeof securitySchemes;
  };
}

/** Default URL of a service without configuration. */
const defaultUrl = 'http://localhost:3000';

/** Generators write license and contact into the generated packages; some generators require them. */
const infoOf = (publicUrl: string): OpenApiDocument['info'] => ({
  title: 'Gatehouse',
  version: readVersion(),
  description: [
    'Users, sessions, organizations, roles, invitations and machine tokens of many apps over HTTP.',
    'Each call names its app in `X-App-Name`. Errors are problem documents (RFC 9457) with a stable `code`, which ' +
      'the page `/errors/<code>` explains.',
    'Each operation lists its allowed callers (`x-principals`) and all its error codes (`x-error-codes`). The ' +
      'descriptions omit codes that any operation can return: ' +
      `${general.map(linkTo).join(', ')}.`,
  ].join('\n\n'),
  contact: { name: 'The operator of this service', url: publicUrl },
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
});

const tagDescriptions: Readonly<Record<Tag, string>> = {
  authentication: 'Sign-up, sign-in, sessions, passwords, e-mail addresses, and tokens of machine users.',
  authorization: 'Organizations with their members and roles, the users of the app, and machine users.',
  'idp-authentication':
    'Sign-in with Google, Microsoft or another OpenID Connect provider, and registration of providers.',
  platform: 'For operators of a deployment: apps and their settings, health, this document.',
};

/** The path of a route in the document's notation, e.g. `/organizations/{orgId}`. */
export const toPath = (url: string): string => url.replace(/:(\w+)/g, '{$1}');

function requestBodyOf(schemas: SchemaCollection, { body, oauth }: Route): Pick<Operation, 'requestBody'> {
  if (!body) return {};
  const type: BodyType = oauth ? 'application/x-www-form-urlencoded' : 'application/json';
  return { requestBody: { required: needsContent(body), content: { [type]: { schema: schemas.add(body, 'input') } } } };
}

const ofFreshness: Readonly<Record<FreshAuthentication, string>> = {
  always: '**Fresh authentication:** people need an authentication within the last ten minutes; machine users do not.',
  stepUp:
    '**Fresh authentication:** if the app setting `stepUp` is true, or they have a second factor, people need an ' +
    'authentication within the last ten minutes; machine users do not.',
};

const strongestFactor = 'People with a second factor need to have used their strongest one in this time.';

function factorSentence(route: Route): string[] {
  const required = requiredAuthenticationOf(route);
  if (required) {
    const { acr, maxAgeSeconds } = required;
    return [`**Second factor:** people need the strength ${acr} within the last ${maxAgeSeconds} seconds.`];
  }
  if (!isGrant(route)) return [];
  return [
    '**Second factor:** super admins who have one, or whose app requires one, need to have used it within the last ' +
      'ten minutes.',
  ];
}

const exemption = 'A call that changes no protected value is exempt.';

const freshnessSentence = (route: Route): string[] => {
  const { freshAuthentication, freshAuthenticationFor } = route;
  const exempt = freshAuthenticationFor === 'changes' ? [exemption] : [];
  const sentences = freshAuthentication ? [ofFreshness[freshAuthentication], strongestFactor, ...exempt] : [];
  return [...(sentences.length > 0 ? [sentences.join(' ')] : []), ...factorSentence(route)];
};

function errorSentence(route: Route): string[] {
  const particular = errorsOf(route).filter((code) => !general.includes(code));
  return particular.length === 0 ? [] : [`**Errors:** ${particular.map(linkTo).join(', ')}.`];
}

/** Shared components other than schemas. */
interface Shared {
  readonly parameters: SharedParts<Parameter>;
  readonly headers: SharedParts<Header>;
}

function toOperation(schemas: SchemaCollection, shared: Shared, route: Route): Operation {
  const required = requiredAuthenticationOf(route);
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    description: [route.description, whoSentence(route), ...freshnessSentence(route), ...errorSentence(route)].join(
      '\n\n',
    ),
    'x-principals': principalsOf(route.access),
    'x-credentials': credentialKindsOf(route),
    ...('principals' in route.access && route.access.machineScope && { 'x-machine-scope': route.access.machineScope }),
    ...(route.freshAuthentication && { 'x-fresh-authentication': route.freshAuthentication }),
    ...(required && { 'x-required-authentication': required }),
    'x-error-codes': errorsOf(route),
    security: securityOf(route),
    parameters: parametersOf(schemas, route, shared.parameters.refer),
    ...requestBodyOf(schemas, route),
    responses: responsesOf(schemas, route, shared.headers.refer),
  };
}

function toPaths(
  schemas: SchemaCollection,
  shared: Shared,
  routes: readonly Route[],
): Record<string, Record<string, Operation>> {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    const operations = (paths[toPath(route.url)] ??= {});
    operations[route.method.toLowerCase()] = toOperation(schemas, shared, route);
  }
  return paths;
}

/**
 * Describes the routes in OpenAPI 3.1, in order. The output is deterministic, byte for byte.
 *
 * @param publicUrl the origin at which clients reach the service
 */
export function toOpenApi(routes: readonly Route[], publicUrl: string = defaultUrl): OpenApiDocument {
  const schemas = collectSchemas();
  const shown = routes.filter((route) => !route.hidden);
  const parameters = sharePartsOf(
    'parameters',
    shown.flatMap((route) => declaredParameters(schemas, route)),
    headerParameters,
  );
  const headers = sharePartsOf('headers', shown.flatMap(headersOf), headerComponents);
  const paths = toPaths(schemas, { parameters, headers }, shown);
  const responses = responseComponents(schemas, shown);
  return {
    openapi: '3.1.1',
    info: infoOf(publicUrl),
    servers: [{ url: publicUrl, description: 'The service that returned this document.' }],
    tags: (Object.keys(tagDescriptions) as Tag[]).map((name) => ({ name, description: tagDescriptions[name] })),
    paths: schemas.resolve(paths),
    components: {
      schemas: schemas.components(),
      parameters: schemas.resolve(parameters.components),
      responses: schemas.resolve(responses),
      headers: headers.components,
      securitySchemes,
    },
  };
}
