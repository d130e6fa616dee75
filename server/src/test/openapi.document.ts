import type { OpenApiDocument, Operation } from '../openapi/openapi.ts';
import { toOpenApi } from '../openapi/openapi.ts';
import type { Reference } from '../openapi/components.ts';
import type { Parameter } from '../openapi/parameters.ts';
import type { Response } from '../openapi/responses.ts';
import type { JsonSchema } from '../openapi/schemas.ts';
import { routes } from '../routes.ts';

/** The document of all routes. */
export const document: OpenApiDocument = toOpenApi(routes);

/** The operations of a path. */
export const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

/** Every object and array in a JSON value, with its JSON pointer. */
export function* nodesOf(value: unknown, pointer = '#'): Generator<{ pointer: string; node: Record<string, unknown> }> {
  if (typeof value !== 'object' || value === null) return;
  yield { pointer, node: value as Record<string, unknown> };
  for (const [key, child] of Object.entries(value)) {
    yield* nodesOf(child, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  }
}

/** Resolves a reference; undefined if it has no target. */
export function lookUp(reference: string): unknown {
  const keys = reference
    .slice(2)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
}

/** The schema, with a reference resolved. */
export const resolved = (schema: JsonSchema): JsonSchema =>
  schema.$ref === undefined ? schema : (lookUp(schema.$ref) as JsonSchema);

/** The part, with a reference resolved. */
export const follow = <Part extends object>(part: Part | Reference): Part =>
  '$ref' in part ? (lookUp(part.$ref) as Part) : part;

/** The schema of the body of an operation; undefined if it has none. */
export const bodySchemaOf = ({ requestBody }: Operation): JsonSchema | undefined =>
  Object.values(requestBody?.content ?? {})[0]?.schema;

/** All parameters of an operation. */
export const parametersOf = ({ parameters }: Operation) => parameters.map((parameter) => follow<Parameter>(parameter));

/** All responses of an operation. */
export const responsesOf = ({ responses }: Operation) =>
  Object.entries(responses).map(([status, response]) => ({ status, response: follow<Response>(response) }));
