import { z } from 'zod';
import { type ErrorCode, errorCodes } from '../http/errors.ts';
import type { Named, Reference } from './components.ts';
import { hasVersion } from './parameters.ts';
import type { JsonSchema, SchemaCollection } from './schemas.ts';
import { errorsOf } from './route-errors.ts';
import type { Route } from '../calls/route.ts';

export interface Header {
  readonly description: string;
  readonly schema: JsonSchema;
  readonly example?: string;
}

export interface Response {
  readonly description: string;
  readonly headers: Readonly<Record<string, Header | Reference>>;
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
  /** Every code that can have this status. */
  readonly 'x-error-codes'?: readonly ErrorCode[];
}

const fault = z
  .object({
    pointer: z.string().meta({
      description: 'JSON pointer to the invalid part, beginning with `body`, `path`, `query` or `headers`.',
      examples: ['/body/email'],
    }),
    message: z.string().meta({ description: 'Description of the problem.', examples: ['Must be an e-mail address.'] }),
  })
  .meta({ id: 'Fault', description: 'One error of a request.' });

const usableFactor = z
  .object({
    id: z.string().meta({ description: 'Id of the factor.', examples: ['118273645546213376'] }),
    kind: z.string().meta({
      description: 'totp: an authenticator app. passkey: a passkey. email: a mailed code.',
      examples: ['totp'],
    }),
    name: z.string().meta({ description: 'Name of the factor.', examples: ['Phone'] }),
  })
  .meta({ id: 'UsableFactor', description: 'A second factor with which a sign-in can be finished.' });

/** The schema of every error response. @see RFC 9457 */
export const problem = z
  .object({
    type: z.string().meta({
      description: 'URL of the page about this error.',
      format: 'uri',
      examples: ['https://iam.example.com/errors/validation_failed'],
    }),
    title: z.string().meta({ description: 'Title of the error, for display.', examples: ['Validation failed'] }),
    status: z.int().meta({ description: 'Status of the response.', examples: [400] }),
    detail: z.string().meta({
      description: 'Description of this occurrence: a sentence that is safe to show.',
      examples: ['The request is invalid; `errors` lists every invalid field.'],
    }),
    // No enum, because existing clients must accept codes that are added later.
    code: z.string().meta({
      description:
        'Stable name of the error for programs. Each code has one status. Codes can be added, so handle an ' +
        'unknown code by its status.',
      examples: ['validation_failed'],
    }),
    requestId: z.string().meta({
      description: 'Id of the request, as in the `X-Request-Id` header; quote it in reports.',
      examples: ['req-01HZX3'],
    }),
    errors: z
      .array(fault)
      .optional()
      .meta({
        description: 'With `validation_failed`: every error of the request.',
        examples: [[{ pointer: '/body/email', message: 'Must be an e-mail address.' }]],
      }),
  })
  .extend({
    mfaToken: z
      .string()
      .optional()
      .meta({
        description: 'With `mfa_required`: the token that finishes the sign-in. Valid for ten minutes.',
        examples: ['gh_f_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
      }),
    factors: z
      .array(usableFactor)
      .optional()
      .meta({
        description: 'With `mfa_required`: the second factors of the person.',
        examples: [[{ id: '118273645546213376', kind: 'totp', name: 'Phone' }]],
      }),
  })
  .extend({
    nearestColors: z
      .record(z.string(), z.string())
      .optional()
      .meta({
        description: 'With `contrast_too_low`: for each refused colour the nearest shade that is allowed.',
        examples: [{ primaryColor: '#7a7a00' }],
      }),
  })
  .meta({ id: 'Problem', description: 'A problem document (RFC 9457).' });

/** The schema of every error response of an OAuth endpoint. @see RFC 6749, section 5.2 */
const oauthError = z
  .object({
    error: z.string().meta({ description: 'Error code of OAuth.', examples: ['invalid_client'] }),
    error_description: z.string().meta({
      description: 'Description of this occurrence.',
      examples: ['The client id or the client secret is wrong.'],
    }),
    error_uri: z.string().meta({
      description: 'URL of the page about this error.',
      examples: ['http://localhost:3000/errors/invalid_client'],
    }),
  })
  .meta({ id: 'OauthError', description: 'An error of an OAuth endpoint. RFC 6749, section 5.2.' });

/** The headers of error responses, and the one of every response. */
export const headerComponents: Readonly<Record<string, Header>> = {
  RequestId: {
    description:
      'Id of the request. The `X-Request-Id` of the request is kept if it has 8 to 64 letters, digits, ' +
      '`.`, `_` or `-`.',
    schema: { type: 'string' },
    example: 'req-01HZX3',
  },
  WwwAuthenticate: {
    description: 'The required kind of credential, or the maximum age of the authentication (RFC 9470).',
    schema: { type: 'string' },
    example: 'Bearer',
  },
  RetryAfter: { description: 'Seconds to wait before the next attempt.', schema: { type: 'string' }, example: '1' },
};

const referTo = (name: string): Reference => ({ $ref: `#/components/headers/${name}` });
const ofEveryAnswer = { 'X-Request-Id': referTo('RequestId') };
const ofStatus: Readonly<Record<number, Response['headers']>> = {
  401: { 'WWW-Authenticate': referTo('WwwAuthenticate') },
  429: { 'Retry-After': referTo('RetryAfter') },
  503: { 'Retry-After': referTo('RetryAfter') },
};

/** The error responses of each status: name of the component, and the common parts. @see RFC 9110, section 15 */
const refusals: Readonly<Record<number, readonly [component: string, description: string]>> = {
  400: ['BadRequest', 'The request is malformed or invalid.'],
  401: ['Unauthorized', 'The credential is missing or invalid.'],
  403: ['Forbidden', 'The caller is not allowed to do this.'],
  404: ['NotFound', 'The resource does not exist, or the caller cannot see it.'],
  409: ['Conflict', 'The request conflicts with the current state.'],
  412: ['PreconditionFailed', 'The resource has changed since the version in `If-Match`.'],
  413: ['ContentTooLarge', 'The body is too large.'],
  415: ['UnsupportedMediaType', 'The body has another type than this operation accepts.'],
  422: ['UnprocessableContent', 'The idempotency key belongs to a different request.'],
  429: ['TooManyRequests', 'A limit is exceeded. Retry after the interval in `Retry-After`.'],
  500: ['InternalServerError', 'The service failed.'],
  503: [
    'ServiceUnavailable',
    'The service is overloaded or its database is unavailable. Retry after the interval in `Retry-After`.',
  ],
};

const statusOf = (code: ErrorCode): number => errorCodes[code][0];

function refusalOf(status: number): readonly [component: string, description: string] {
  const found = refusals[status];
  if (!found) throw new Error(`No component is declared for answers of status ${status}`);
  return found;
}

/** The component for errors of this status. OAuth endpoints have separate ones, because their errors differ. */
const nameOf = (status: number, { oauth }: Pick<Route, 'oauth'>): string =>
  `${oauth ? 'Oauth' : ''}${refusalOf(status)[0]}`;

/** Headers that only responses of some routes have. */
function declaredHeaders({ response: { headers = {} }, idempotency }: Route): Record<string, Header> {
  const ofReplay: Header = {
    description: '`true` if this is the stored response to an earlier, identical request.',
    schema: { type: 'string' },
    example: 'true',
  };
  const declared = Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
  return { ...declared, ...(idempotency === 'kept' && { 'Idempotent-Replayed': ofReplay }) };
}

/** The headers that a route declares. Read to find those that several routes have in common. */
export const headersOf = (route: Route): Named<Header>[] =>
  Object.entries(declaredHeaders(route)).map(([name, part]) => ({ name, part }));

type ReferToHeader = (header: Named<Header>) => Header | Reference;

function success(schemas: SchemaCollection, route: Route, refer: ReferToHeader): Response {
  const { response } = route;
  const declared = headersOf(route).map((header) => [header.name, refer(header)] as const);
  return {
    description: response.description,
    headers: { ...ofEveryAnswer, ...Object.fromEntries(declared) },
    ...(response.body && { content: { 'application/json': { schema: schemas.add(response.body, 'output') } } }),
  };
}

/**
 * Every response of a route, by status. Each status has one component for errors, so that generated types stay the same
 * when a route gains codes. `x-error-codes` lists the codes of a route.
 */
export function responsesOf(
  schemas: SchemaCollection,
  route: Route,
  refer: ReferToHeader,
): Record<string, Response | Reference> {
  const statuses = new Set(errorsOf(route).map(statusOf));
  const refused = [...statuses].map((status) => [status, { $ref: `#/components/responses/${nameOf(status, route)}` }]);
  const notModified = hasVersion(route) && {
    304: { description: 'Not modified since the version in `If-None-Match`.', headers: ofEveryAnswer },
  };
  return { [route.response.status]: success(schemas, route, refer), ...notModified, ...Object.fromEntries(refused) };
}

const contentOf = (schemas: SchemaCollection, { oauth }: Pick<Route, 'oauth'>): NonNullable<Response['content']> =>
  oauth
    ? { 'application/json': { schema: schemas.add(oauthError, 'output') } }
    : { 'application/problem+json': { schema: schemas.add(problem, 'output') } };

function refusal(
  schemas: SchemaCollection,
  status: number,
  codes: readonly ErrorCode[],
  kind: Pick<Route, 'oauth'>,
): Response {
  return {
    description: refusalOf(status)[1],
    headers: { ...ofEveryAnswer, ...ofStatus[status] },
    content: contentOf(schemas, kind),
    'x-error-codes': codes.filter((code) => statusOf(code) === status),
  };
}

/** The components that `responsesOf` refers to, each with all codes that any route returns with its status. */
export function responseComponents(schemas: SchemaCollection, routes: readonly Route[]): Record<string, Response> {
  const kinds: readonly Pick<Route, 'oauth'>[] = [{}, { oauth: true }];
  return Object.fromEntries(kinds.flatMap((kind) => componentsOfKind(schemas, routes, kind)));
}

function componentsOfKind(schemas: SchemaCollection, routes: readonly Route[], kind: Pick<Route, 'oauth'>) {
  const answered = new Set(routes.filter(({ oauth }) => oauth === kind.oauth).flatMap(errorsOf));
  const codes = (Object.keys(errorCodes) as ErrorCode[]).filter((code) => answered.has(code));
  const statuses = [...new Set(codes.map(statusOf))].toSorted((a, b) => a - b);
  return statuses.map((status) => [nameOf(status, kind), refusal(schemas, status, codes, kind)] as const);
}
