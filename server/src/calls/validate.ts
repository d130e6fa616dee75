import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ApiError, type Fault } from '../http/errors.ts';
import { id } from '../http/fields.ts';
import type { Route } from './route.ts';

/** The parts of a request after validation. */
export interface ValidRequest {
  readonly params: Record<string, string>;
  readonly query: unknown;
  readonly body: unknown;
  readonly orgId: string;
  readonly idempotencyKey: string | undefined;
}

const escapePointer = (segment: PropertyKey): string => String(segment).replaceAll('~', '~0').replaceAll('/', '~1');

function pointer(part: string, path: readonly PropertyKey[]): string {
  return ['', part, ...path.map(escapePointer)].join('/');
}

function toFaults(part: string, issues: readonly z.core.$ZodIssue[]): Fault[] {
  return issues.flatMap((issue): Fault[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ pointer: pointer(part, [...issue.path, key]), message: 'Unknown field.' }));
    }
    // Issues about the key of a map are nested one level deeper.
    const { message } = issue.code === 'invalid_key' ? (issue.issues[0] ?? issue) : issue;
    return [{ pointer: pointer(part, issue.path), message }];
  });
}

const kinds: Readonly<Record<string, string>> = {
  object: 'an object',
  record: 'an object',
  array: 'an array',
  boolean: 'true or false',
  string: 'a string',
  int: 'a whole number',
  number: 'a number',
};

const listed = (values: readonly unknown[]): string => values.map(String).join(', ');

/** Describes what a schema without a message expects. Messages of the validation library never reach a caller. */
const inWords: z.core.$ZodErrorMap = (issue) => {
  if (issue.input === undefined) return 'Required.';
  if (issue.code === 'invalid_type') return `Must be ${kinds[issue.expected] ?? 'of another type'}.`;
  if (issue.code === 'invalid_value') return `Must be one of ${listed(issue.values)}.`;
  if (issue.code === 'too_small') return `Must be at least ${issue.minimum}${unitsOf(issue.origin)}.`;
  if (issue.code === 'too_big') return `Must be at most ${issue.maximum}${unitsOf(issue.origin)}.`;
  return 'Has an invalid form; see the documentation of this call.';
};

/** Units of the bounds, by the type of the value. */
function unitsOf(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' || origin === 'set' ? ' items long' : '';
}

/** Limits the size of the response to a request with many errors. */
const faultsShown = 100;

function bounded(faults: readonly Fault[]): readonly Fault[] {
  const more = faults.length - faultsShown;
  return more > 0 ? [...faults.slice(0, faultsShown), { pointer: '', message: `And ${more} more errors.` }] : faults;
}

const nothing = z.strictObject({});
const wording = { error: inWords };
const noBody = z.undefined({ error: 'This call has no body.' });

const needs = new WeakMap<z.ZodType, boolean>();

/** Whether the body is required. If not, an empty body equals `{}`. */
export function needsContent(body: z.ZodType): boolean {
  const known = needs.get(body) ?? !body.safeParse({}).success;
  needs.set(body, known);
  return known;
}

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;

/** The content to validate. Some clients send nothing instead of `{}`, others `{}` instead of nothing. */
function contentOf({ body }: Route, sent: unknown): unknown {
  if (!body) return isEmptyObject(sent) ? undefined : sent;
  return sent === undefined && !needsContent(body) ? {} : sent;
}

function organizationHeader(request: FastifyRequest, faults: Fault[]): string {
  const value = request.headers['x-iam-orgid'];
  if (value === undefined || value === '') throw new ApiError('org_id_required');
  const parsed = id.safeParse(value);
  if (!parsed.success) faults.push(...toFaults('headers/x-iam-orgid', parsed.error.issues));
  return parsed.data ?? '';
}

/** @see RFC 5234, appendix B.1: VCHAR */
const visibleAscii = /^[\x21-\x7e]{1,200}$/;

/**
 * The idempotency key, on routes that store their response; other routes ignore it. Node.js joins several headers with
 * a comma and a space, which makes the key invalid.
 */
function idempotencyKeyOf(route: Route, request: FastifyRequest, faults: Fault[]): string | undefined {
  const value = request.headers['idempotency-key'];
  if (route.idempotency !== 'kept' || value === undefined) return undefined;
  if (typeof value === 'string' && visibleAscii.test(value)) return value;
  faults.push({ pointer: '/headers/idempotency-key', message: 'Must be 1 to 200 visible ASCII characters.' });
  return undefined;
}

/**
 * Validates every part of a request against the schemas of the route.
 *
 * @throws ApiError `validation_failed` with every error of every part; `org_id_required`
 */
export function validate(route: Route, request: FastifyRequest): ValidRequest {
  const faults: Fault[] = [];
  const parse = (part: string, schema: z.ZodType, value: unknown): unknown => {
    const parsed = schema.safeParse(value, wording);
    if (!parsed.success) faults.push(...toFaults(part, parsed.error.issues));
    return parsed.data;
  };
  // Most routes do not have this part, and most calls do not send it.
  const parseIfDeclared = (part: string, schema: z.ZodType | undefined, value: unknown): unknown =>
    schema || !isEmptyObject(value) ? parse(part, schema ?? nothing, value) : {};
  const inHeader = route.access.target === 'organization' && route.access.from === 'header';
  const headerOrgId = inHeader ? organizationHeader(request, faults) : '';
  const idempotencyKey = idempotencyKeyOf(route, request, faults);
  const params = parseIfDeclared('path', route.params, request.params) as Record<string, string>;
  const query = parseIfDeclared('query', route.query, request.query);
  const content = contentOf(route, request.body);
  const body = route.body || content !== undefined ? parse('body', route.body ?? noBody, content) : undefined;
  if (faults.length > 0) throw new ApiError('validation_failed', { faults: bounded(faults) });
  return { params, query, body, orgId: inHeader ? headerOrgId : (params['orgId'] ?? ''), idempotencyKey };
}
