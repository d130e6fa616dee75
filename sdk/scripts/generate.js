import { readFile, writeFile } from 'node:fs/promises';

/**
 * Writes what the client knows of each operation, from the OpenAPI document, to `src/generated/operations.ts`. The
 * types of the bodies come from openapi-ts; `.ci/tools/sdk-types.sh` writes both. Operations that take a form are
 * omitted: they are for OAuth libraries, and each has an operation with JSON.
 *
 * @typedef {{ name: string, in: string, $ref?: string }} Parameter
 * @typedef {{ type?: string, properties?: Record<string, Schema>, $ref?: string }} Schema
 * @typedef {{ content?: Record<string, { schema: Schema }> }} Content
 *
 * @typedef {object} Operation
 * @property {string} operationId
 * @property {Parameter[]} [parameters]
 * @property {Content} [requestBody]
 * @property {Record<string, Content>} responses
 */
const root = new URL('../../', import.meta.url);
const document = JSON.parse(await readFile(new URL('docs/openapi.json', root), 'utf8'));

/** @template {{ $ref?: string }} Node @param {Node} node @returns {Node} */
const resolve = (node) =>
  node.$ref === undefined
    ? node
    : resolve(
        node.$ref
          .split('/')
          .slice(1)
          .reduce((/** @type {any} */ at, key) => at[key], document),
      );

/** @param {string} name */
const pascal = (name) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/** @param {Operation} operation @returns {string | undefined} the property of a list that holds its items */
function itemsOf({ responses }) {
  const schema = responses['200']?.content?.['application/json']?.schema;
  const properties = Object.entries(schema ? (resolve(schema).properties ?? {}) : {});
  const isPage = properties.some(([name]) => name === 'metadata' || name === 'nextCursor');
  return isPage ? properties.find(([, property]) => resolve(property).type === 'array')?.[0] : undefined;
}

/** @param {string} method @param {string} path @param {Operation} operation */
function describe(method, path, operation) {
  const parameters = (operation.parameters ?? []).map(resolve);
  const named = (/** @type {string} */ kind) =>
    parameters.filter((parameter) => parameter.in === kind).map(({ name }) => name);
  const headers = named('header');
  const description = {
    method: method.toUpperCase(),
    path,
    ...(named('query').length > 0 && { query: named('query') }),
    ...(headers.includes('X-Iam-Orgid') && { organizationHeader: true }),
    ...(headers.includes('Idempotency-Key') && { keyed: true }),
    ...(operation.requestBody && { body: true }),
    ...(named('query').includes('cursor') && { items: itemsOf(operation) }),
  };
  return `  ${operation.operationId}: ${JSON.stringify(description)},`;
}

/** @param {Operation} operation */
const takesForm = ({ requestBody }) =>
  Object.keys(requestBody?.content ?? {}).some((type) => type !== 'application/json');

/** @type {[string, string, Operation][]} */
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(/** @type {Record<string, Operation>} */ (methods))
    .filter(([, operation]) => !takesForm(operation))
    .map(([method, operation]) => [method, path, operation]),
);
/** @type {string[]} */
const codes = operations.flatMap(([, , operation]) => /** @type {any} */ (operation)['x-error-codes'] ?? []);
const ids = operations.map(([, , { operationId }]) => operationId);
const names = ids.flatMap((id) => [`${pascal(id)}Data`, `${pascal(id)}Responses`]);
const text = `// Generated from docs/openapi.json.
import type { ${names.join(', ')} } from './types.gen.ts';

/** The parameters and the response of each operation. */
export interface OperationTypes {
${ids.map((id) => `  ${id}: { data: ${pascal(id)}Data; responses: ${pascal(id)}Responses };`).join('\n')}
}

/** Method, path and body of each operation. */
export const operations = {
${operations.map((operation) => describe(...operation)).join('\n')}
} as const;

/** The error codes that this version knows. A newer service may answer others: treat them by their status. */
export type KnownErrorCode =
${[...new Set(codes)]
  .toSorted()
  .map((code) => `  | '${code}'`)
  .join('\n')};
`;
await writeFile(new URL('../src/generated/operations.ts', import.meta.url), text);
