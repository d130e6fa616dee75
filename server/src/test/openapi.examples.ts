import type { Operation } from '../openapi/openapi.ts';
import type { Parameter } from '../openapi/parameters.ts';
import type { JsonSchema } from '../openapi/schemas.ts';
import { bodySchemaOf, parametersOf, resolved } from './openapi.document.ts';

/**
 * The examples of a body: those of the whole body, otherwise one made of the examples of all fields, like in the
 * rendered reference.
 */
export function bodiesOf(operation: Operation): unknown[] {
  const schema = bodySchemaOf(operation);
  return schema ? examplesOf(schema) : [undefined];
}

function examplesOf(schema: JsonSchema): unknown[] {
  const { examples = [], properties, type, items } = resolved(schema);
  if (examples.length > 0) return examples;
  if (properties) {
    return [Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, examplesOf(field)[0]]))];
  }
  return type === 'array' ? [[examplesOf(items as JsonSchema)[0]]] : [undefined];
}

const valuesIn = (where: Parameter['in'], parameters: readonly Parameter[]): Record<string, string> =>
  Object.fromEntries(
    parameters.filter((parameter) => parameter.in === where).map(({ name, example }) => [name, String(example)]),
  );

/** A request as the document shows it. */
export interface ExampleRequest {
  readonly params: Record<string, string>;
  readonly query: Record<string, string>;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/**
 * The requests made of the examples of an operation: each body, with all parameters.
 *
 * @param without parameters whose examples cannot be valid
 */
export function exampleRequests(operation: Operation, without: readonly string[]): ExampleRequest[] {
  const parameters = parametersOf(operation).filter(({ name }) => !without.includes(name));
  const [params, query, headers] = (['path', 'query', 'header'] as const).map((where) => valuesIn(where, parameters));
  return bodiesOf(operation).map((body) => ({
    params: params ?? {},
    query: query ?? {},
    headers: headers ?? {},
    body,
  }));
}
