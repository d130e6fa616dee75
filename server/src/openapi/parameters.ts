import type { z } from 'zod';
import type { Named, Reference } from './components.ts';
import type { JsonSchema, SchemaCollection } from './schemas.ts';
import { errorsOf } from './route-errors.ts';
import type { Route } from '../calls/route.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly deprecated?: true;
  readonly description: string;
  readonly example: unknown;
  readonly schema: JsonSchema;
}

/** The headers that operations accept. */
export const headerParameters = {
  OrganizationId: {
    name: 'X-Iam-Orgid',
    in: 'header',
    required: true,
    description: 'Id of the organization.',
    example: '118273645546213376',
    schema: { type: 'string', pattern: '^[0-9]{1,19}$' },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'Identifies this request: 1 to 200 visible ASCII characters. A repetition within 24 hours changes ' +
      'nothing and gets the stored response, with `Idempotent-Replayed: true`.',
    example: '5f8f1c3a-0f0e-4c39-9d57-3a7f3c1c1d55',
    schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,200}$' },
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    required: false,
    description:
      'The `ETag` of the version that the change is based on. If that is no longer the current version, ' +
      'nothing changes and the response is 412.',
    example: '"3"',
    schema: { type: 'string' },
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    required: false,
    description:
      'The `ETag` of the version that the caller has. If that is still the current version, the response is 304.',
    example: '"3"',
    schema: { type: 'string' },
  },
  DeviceToken: {
    name: 'X-Device-Token',
    in: 'header',
    required: false,
    description:
      'The device token from the same header of an earlier response; browsers send it in the cookie ' +
      '`device-token`. It shows that the device has signed in before. It does not authenticate.',
    example: 'gh_d_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    schema: { type: 'string' },
  },
} as const satisfies Record<string, Parameter>;

const referTo = (name: keyof typeof headerParameters): Reference => ({ $ref: `#/components/parameters/${name}` });

/** Whether a route reads a versioned resource. */
export const hasVersion = ({ method, response }: Route): boolean =>
  method === 'GET' && response.headers?.['ETag'] !== undefined;

function headersOf(route: Route): Reference[] {
  const { access } = route;
  return [
    ...(access.target === 'organization' && access.from === 'header' ? [referTo('OrganizationId')] : []),
    ...(route.idempotency === 'kept' ? [referTo('IdempotencyKey')] : []),
    ...(errorsOf(route).includes('precondition_failed') ? [referTo('IfMatch')] : []),
    ...(hasVersion(route) ? [referTo('IfNoneMatch')] : []),
    ...(route.knowsDevice ? [referTo('DeviceToken')] : []),
  ];
}

/** Moves the metadata of a zod field to the parameter and returns the remaining schema. */
function toParameter(where: 'path' | 'query', name: string, required: boolean, field: JsonSchema): Parameter {
  const { description = '', examples = [], deprecated, ...schema } = field;
  return {
    name,
    in: where,
    required,
    ...(deprecated === true && { deprecated }),
    description,
    example: examples[0],
    schema,
  };
}

function fieldsOf(schemas: SchemaCollection, where: 'path' | 'query', schema: z.ZodType | undefined): Parameter[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = schemas.add(schema, 'input');
  return Object.entries(properties).map(([name, field]) => toParameter(where, name, required.includes(name), field));
}

/** The path and query parameters that a route declares. */
export const declaredParameters = (schemas: SchemaCollection, route: Route): Named<Parameter>[] =>
  [...fieldsOf(schemas, 'path', route.params), ...fieldsOf(schemas, 'query', route.query)].map((part) => ({
    name: part.name,
    part,
  }));

/**
 * All parameters of a route. The app header is documented as a security scheme, because clients configure it once
 * instead of for each call.
 */
export function parametersOf(
  schemas: SchemaCollection,
  route: Route,
  refer: (parameter: Named<Parameter>) => Parameter | Reference,
): (Parameter | Reference)[] {
  return [...headersOf(route), ...declaredParameters(schemas, route).map(refer)];
}
