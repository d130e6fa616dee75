import { z } from 'zod';
import { type ErrorCode, errorCodes } from './errors.ts';
import type { Reference } from './openapi-parameters.ts';
import type { JsonSchema, SchemaCollection } from './openapi-schemas.ts';
import { errorsOf } from './route-errors.ts';
import type { Route } from './route.ts';

interface Header {
  readonly description: string;
  readonly schema: JsonSchema;
  readonly example?: string;
}

export interface Response {
  readonly description: string;
  readonly headers: Readonly<Record<string, Header | Reference>>;
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
  /** Every code that may come with this status. */
  readonly 'x-error-codes'?: readonly ErrorCode[];
}

const fault = z
  .object({
    pointer: z.string().meta({
      description: 'JSON pointer to the faulty part, beginning with `body`, `path`, `query` or `headers`.',
      examples: ['/body/email'],
    }),
    message: z
      .string()
      .meta({ description: 'What is wrong there, in words.', examples: ['Must be an e-mail address.'] }),
  })
  .meta({ id: 'Fault', description: 'One fault of a request.' });

/** The schema of every refusal. @see RFC 9457 */
export const problem = z
  .object({
    type: z.string().meta({
      description: 'Address of the page about this error.',
      format: 'uri',
      examples: ['https://iam.example.com/errors/validation_failed'],
    }),
    title: z.string().meta({ description: 'Name of the error for people.', examples: ['Validation failed'] }),
    status: z.int().meta({ description: 'Status of the answer.', examples: [400] }),
    detail: z.string().meta({
      description: 'What went wrong this time: a plain sentence, safe to show.',
      examples: ['The request has faults; each is listed in `errors`.'],
    }),
    code: z.enum(Object.keys(errorCodes)).meta({
      description: 'Stable name of the error for programs; each has one status.',
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
        description: 'With `validation_failed`: every fault of the request.',
        examples: [[{ pointer: '/body/email', message: 'Must be an e-mail address.' }]],
      }),
  })
  .meta({ id: 'Problem', description: 'Why a call was refused (RFC 9457).' });

/** The headers that many answers share. */
export const headerComponents = {
  RequestId: {
    description:
      'Id of the request. An `X-Request-Id` that was sent is kept if it is 8 to 64 of letters, digits, `.`, `_` and `-`.',
    schema: { type: 'string' },
    example: 'req-01HZX3',
  },
  WwwAuthenticate: { description: 'How to present a credential.', schema: { type: 'string' }, example: 'Bearer' },
  RetryAfter: { description: 'Seconds after which to try again.', schema: { type: 'string' }, example: '1' },
} satisfies Record<string, Header>;

const referTo = (name: keyof typeof headerComponents) => ({ $ref: `#/components/headers/${name}` });
const ofEveryAnswer = { 'X-Request-Id': referTo('RequestId') };
const ofStatus: Readonly<Record<number, Response['headers']>> = {
  401: { 'WWW-Authenticate': referTo('WwwAuthenticate') },
  429: { 'Retry-After': referTo('RetryAfter') },
  503: { 'Retry-After': referTo('RetryAfter') },
};

function declaredHeaders({ response: { headers = {} }, idempotency }: Route): Record<string, Header> {
  const ofReplay: Header = {
    description: '`true` where this is the answer that was given to the same request before.',
    schema: { type: 'string' },
    example: 'true',
  };
  const declared = Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
  return { ...declared, ...(idempotency === 'kept' && { 'Idempotent-Replayed': ofReplay }) };
}

function success(schemas: SchemaCollection, route: Route): Response {
  const { response } = route;
  return {
    description: response.description,
    headers: { ...ofEveryAnswer, ...declaredHeaders(route) },
    ...(response.body && { content: { 'application/json': { schema: schemas.add(response.body, 'output') } } }),
  };
}

function refusal(schemas: SchemaCollection, status: number, codes: readonly ErrorCode[]): Response {
  const narrowed = { type: 'object', properties: { code: { type: 'string', enum: codes } } };
  return {
    description: codes.map((code) => `- [\`${code}\`](/errors/${code}) — ${errorCodes[code][1]}`).join('\n'),
    headers: { ...ofEveryAnswer, ...ofStatus[status] },
    content: { 'application/problem+json': { schema: { allOf: [schemas.add(problem, 'output'), narrowed] } } },
    'x-error-codes': codes,
  };
}

/** E.g. `body_too_large` → `BodyTooLarge`. */
const componentName = (code: ErrorCode): string =>
  code.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The codes of a route by their status, in the order of the table. */
function codesByStatus(route: Route): Map<number, ErrorCode[]> {
  const codes = errorsOf(route);
  const statuses = new Set(codes.map((code) => errorCodes[code][0]));
  return new Map([...statuses].map((status) => [status, codes.filter((code) => errorCodes[code][0] === status)]));
}

/** A status with one code is the same wherever it is answered, and written once. */
function toRefusal(schemas: SchemaCollection, status: number, codes: readonly ErrorCode[]): Response | Reference {
  const [code, ...others] = codes;
  if (code === undefined || others.length > 0) return refusal(schemas, status, codes);
  return { $ref: `#/components/responses/${componentName(code)}` };
}

/** Every answer of a route by its status. */
export function responsesOf(schemas: SchemaCollection, route: Route): Record<string, Response | Reference> {
  const refusals = [...codesByStatus(route)].map(([status, codes]) => [status, toRefusal(schemas, status, codes)]);
  return { [route.response.status]: success(schemas, route), ...Object.fromEntries(refusals) };
}

/** The refusals that `responsesOf` refers to, in the order of the table. */
export function responseComponents(schemas: SchemaCollection, routes: readonly Route[]): Record<string, Response> {
  const alone = new Set(
    routes.flatMap((route) => [...codesByStatus(route).values()].filter((codes) => codes.length === 1).flat()),
  );
  const codes = (Object.keys(errorCodes) as ErrorCode[]).filter((code) => alone.has(code));
  return Object.fromEntries(codes.map((code) => [componentName(code), refusal(schemas, errorCodes[code][0], [code])]));
}
