import { inspect } from 'node:util';
import { boundsOf, exampleOf, fieldsOf, resolve, typeOf } from './schema.js';

/**
 * Pages that are generated from the program: operations, settings, variables, audit events, errors. Their texts come
 * from the declarations of the routes and schemas.
 *
 * @typedef {import('./schema.js').Schema} Schema
 * @typedef {{ address: string, title: string, summary: string, markdown: string, group: string }} GeneratedPage
 * @typedef {object} Parameter
 * @property {string} name
 * @property {string} in
 * @property {boolean} [required]
 * @property {string} [description]
 * @property {Schema} [schema]
 * @property {string} [$ref]
 *
 * @typedef {object} Operation
 * @property {string} operationId
 * @property {string} summary
 * @property {string} description
 * @property {string[]} tags
 * @property {string[]} [x-principals]
 * @property {string[]} [x-error-codes]
 * @property {Record<string, string[]>[]} [security]
 * @property {Parameter[]} [parameters]
 * @property {{ content: Record<string, { schema: Schema }> }} [requestBody]
 * @property {Record<string, { description?: string, content?: Record<string, { schema: Schema }> }>} responses
 *
 * @typedef {object} OpenApi
 * @property {{ name: string, description: string }[]} tags
 * @property {Record<string, Record<string, Operation>>} paths
 * @property {{ schemas: Record<string, Schema>, parameters: Record<string, Parameter> }} components
 *
 * @typedef {object} Sources
 * @property {OpenApi} openApi
 * @property {readonly { operationId: string, summary: string, audit?: unknown, hidden?: boolean }[]} routes
 * @property {readonly { name: string, description: string, secret: boolean }[]} variables
 * @property {Readonly<Record<string, string>>} securityActions
 * @property {Readonly<Record<string, readonly [number, string, string]>>} errorCodes
 * @property {Readonly<Record<string, string>>} sdkMethods noun and verb of each operation, by its id
 */

/** @param {string} text */
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** @param {string[]} head @param {string[][]} rows */
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

/** @param {string} language @param {string} code */
const block = (language, code) => `\`\`\`${language}\n${code}\n\`\`\``;

/** @param {(string | false | undefined)[]} parts */
const paragraphs = (...parts) => `${parts.filter(Boolean).join('\n\n')}\n`;

/** @param {string} text @returns {string} its first sentence, in one line */
const firstSentence = (text) => (/^.*?(?<!e\.g)\.(?=\s|$)/s.exec(text)?.[0] ?? text).replaceAll(/\s*\n\s*/g, ' ');

/** @param {OpenApi} openApi @param {Parameter} parameter @returns {Parameter} */
const parameterOf = (openApi, parameter) =>
  openApi.components.parameters[parameter.$ref?.split('/').at(-1) ?? ''] ?? parameter;

/** @param {string} text without a full stop @returns {string} */
const sentenceOf = (text) => (text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`);

/** @param {OpenApi} openApi @param {Schema} schema @param {boolean} withRequired */
function fieldTable(openApi, schema, withRequired) {
  const fields = fieldsOf(openApi, schema);
  if (fields.length === 0) return '';
  const rows = fields.map((field) => [
    `\`${field.name}\``,
    typeOf(openApi, field.schema),
    ...(withRequired ? [field.required ? 'yes' : ''] : []),
    [field.schema.description, sentenceOf(boundsOf(field.schema))].filter(Boolean).join(' '),
  ]);
  return table(['Field', 'Type', ...(withRequired ? ['Required'] : []), 'Meaning'], rows);
}

/** @param {OpenApi} openApi @param {Schema} schema @returns {string[]} the required fields of a form */
const formFields = (openApi, schema) =>
  fieldsOf(openApi, schema)
    .filter(({ required }) => required)
    .map((field) => `--data-urlencode '${field.name}=${String(exampleOf(openApi, field.schema))}'`);

/** @param {OpenApi} openApi @param {string} method @param {string} path @param {Operation} operation */
function curlOf(openApi, method, path, { parameters = [], requestBody, security = [] }) {
  const needed = parameters.map((parameter) => parameterOf(openApi, parameter)).filter(({ required }) => required);
  const inPath = path.replaceAll(/\{(\w+)\}/g, (_, name) => `$${name}`);
  const query = needed
    .filter((parameter) => parameter.in === 'query')
    .map(({ name, schema = {} }) => `${name}=${encodeURIComponent(String(exampleOf(openApi, schema)))}`);
  const schemes = new Set(security.flatMap((scheme) => Object.keys(scheme)));
  const body = requestBody?.content['application/json'];
  const form = requestBody?.content['application/x-www-form-urlencoded'];
  const lines = [
    `curl -X ${method.toUpperCase()} "$url${inPath}${query.length > 0 ? `?${query.join('&')}` : ''}"`,
    ...(schemes.has('appName') ? ["-H 'X-App-Name: demo'"] : []),
    ...needed
      .filter((parameter) => parameter.in === 'header' && parameter.name.toLowerCase() !== 'x-app-name')
      .map(({ name, schema = {} }) => `-H '${name}: ${String(exampleOf(openApi, schema))}'`),
    ...(schemes.has('bearerToken') ? ['-H "Authorization: Bearer $token"'] : []),
    ...(body ? ["-H 'Content-Type: application/json'"] : []),
    ...(body ? [`-d '${JSON.stringify(exampleOf(openApi, body.schema))}'`] : []),
    ...(schemes.has('clientCredential') ? ['-u "$client_id:$client_secret"'] : []),
    ...(form ? formFields(openApi, form.schema) : []),
  ];
  return block('bash', lines.join(' \\\n  '));
}

/** @param {Sources} sources @param {string} path @param {Operation} operation */
function typescriptOf({ openApi, sdkMethods }, path, { operationId, parameters = [], requestBody }) {
  const method = sdkMethods[operationId];
  if (method === undefined) return undefined;
  const needed = parameters.map((parameter) => parameterOf(openApi, parameter)).filter(({ required }) => required);
  const ids = [
    ...needed.filter(({ name }) => name.toLowerCase() === 'x-iam-orgid').map(() => 'orgId'),
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name),
  ];
  const query = needed.filter((parameter) => parameter.in === 'query' && parameter.name !== 'pageSize');
  const body = requestBody?.content['application/json'];
  const input = {
    ...Object.fromEntries(query.map(({ name, schema = {} }) => [name, exampleOf(openApi, schema)])),
    .../** @type {object} */ (body ? exampleOf(openApi, body.schema) : {}),
  };
  const literal = inspect(input, { depth: Infinity, maxArrayLength: Infinity, breakLength: 100 });
  const given = Object.keys(input).length > 0 ? [...ids, literal] : ids;
  return block('typescript', `await client.${method}(${given.join(', ')});`);
}

/**
 * @param {Sources} sources
 * @param {string} method
 * @param {string} path
 * @param {Operation} operation
 * @returns {GeneratedPage}
 */
function operationPage(sources, method, path, operation) {
  const { openApi, routes, errorCodes } = sources;
  const parameters = (operation.parameters ?? []).map((parameter) => parameterOf(openApi, parameter));
  const body = Object.values(operation.requestBody?.content ?? {})[0];
  const success = Object.entries(operation.responses).filter(([status]) => Number(status) < 400);
  const event = routes.find(({ operationId }) => operationId === operation.operationId)?.audit;
  const anchor = `/docs#tag/${operation.tags[0]}/${method.toUpperCase()}${path}`;
  const answers = success.map(([status, { description, content }]) => {
    const schema = content?.['application/json']?.schema;
    return paragraphs(
      `\`${status}\` ${description ?? ''}`,
      schema && block('json', JSON.stringify(exampleOf(openApi, schema), undefined, 2)),
      schema && fieldTable(openApi, schema, false),
    );
  });
  const errors = (operation['x-error-codes'] ?? []).map((code) => {
    const [status, title] = errorCodes[code] ?? [0, code];
    return [String(status), `[\`${code}\`](/errors/${code})`, title];
  });
  return {
    group: operation.tags[0] ?? '',
    address: `/docs/api/${operation.operationId}`,
    title: operation.summary,
    summary: `\`${method.toUpperCase()} ${path}\`. ${firstSentence(operation.description)}`,
    markdown: paragraphs(
      `# ${operation.summary}`,
      block('http', `${method.toUpperCase()} ${path}`),
      operation.description.replace(/\n\n\*\*Errors:\*\*.*$/s, ''),
      `[Try it in the reference](${anchor}).`,
      '## Request',
      curlOf(openApi, method, path, operation),
      typescriptOf(sources, path, operation),
      parameters.length > 0 &&
        table(
          ['Parameter', 'In', 'Required', 'Meaning'],
          parameters.map((parameter) => [
            `\`${parameter.name}\``,
            parameter.in,
            parameter.required ? 'yes' : '',
            parameter.description ?? resolve(openApi, parameter.schema ?? {}).description ?? '',
          ]),
        ),
      body && fieldTable(openApi, body.schema, true),
      '## Response',
      ...answers,
      errors.length > 0 && `## Errors\n\n${table(['Status', 'Code', 'Meaning'], errors)}`,
      typeof event === 'string' &&
        `## Audit\n\nThe operation records the event [\`${event}\`](/docs/audit-events/${event}).`,
    ),
  };
}

/** @param {Sources} sources @returns {GeneratedPage[]} */
function operationPages(sources) {
  const { openApi } = sources;
  const pages = Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationPage(sources, method, path, operation)),
  );
  const groups = openApi.tags.map(({ name, description }) => {
    const rows = pages.filter(({ group }) => group === name);
    return paragraphs(
      `## ${name}`,
      description,
      rows.map(({ title, address, summary }) => `- [${title}](${address}): ${summary}`).join('\n'),
    );
  });
  const index = {
    group: 'index',
    address: '/docs/api',
    title: 'Operations',
    summary: 'Every operation: allowed callers, fields, responses, errors.',
    markdown: paragraphs(
      '# Operations',
      'Every operation of the API. You can try them in [the reference](/docs); [openapi.json](/openapi.json) is ' +
        'the machine-readable document.',
      ...groups,
    ),
  };
  return [index, ...pages];
}

/** @param {Sources} sources @returns {GeneratedPage[]} */
function settingPages({ openApi }) {
  const settings = fieldsOf(openApi, openApi.components.schemas['AppSettings'] ?? {}).filter(
    ({ name }) => !name.includes('[]') && name !== 'warnings',
  );
  const pages = settings.map(({ name, schema }) => ({
    group: 'settings',
    address: `/docs/settings/${name}`,
    title: `Setting ${name}`,
    summary: firstSentence(schema.description ?? ''),
    markdown: paragraphs(
      `# ${name}`,
      schema.description,
      table(
        ['Type', 'Bounds', 'Example'],
        [[typeOf(openApi, schema), boundsOf(schema) || '–', `\`${JSON.stringify(exampleOf(openApi, schema))}\``]],
      ),
      'A super admin changes it with [Change settings](/docs/api/updateAppSettings):',
      block('json', JSON.stringify(nested(name.split('.'), exampleOf(openApi, schema)), undefined, 2)),
      'See [Settings of an app](/docs/guides/app-settings).',
    ),
  }));
  return [indexOf('/docs/settings', 'Settings', 'Every setting of an app.', pages), ...pages];
}

/** @param {string[]} path @param {unknown} value @returns {unknown} */
const nested = ([first, ...rest], value) => (first === undefined ? value : { [first]: nested(rest, value) });

/**
 * @param {string} address
 * @param {string} title
 * @param {string} summary
 * @param {GeneratedPage[]} pages
 * @returns {GeneratedPage}
 */
function indexOf(address, title, summary, pages) {
  const rows = pages.map((page) => [`[\`${page.address.split('/').at(-1)}\`](${page.address})`, page.summary]);
  return {
    group: 'index',
    address,
    title,
    summary,
    markdown: paragraphs(`# ${title}`, summary, table(['Name', 'Meaning'], rows)),
  };
}

/** @param {Sources} sources @returns {GeneratedPage[]} */
function variablePages({ variables }) {
  const pages = variables.map(({ name, description, secret }) => ({
    group: 'variables',
    address: `/docs/variables/${name}`,
    title: `Variable ${name}`,
    summary: firstSentence(description),
    markdown: paragraphs(
      `# ${name}`,
      description,
      secret && `This variable is a secret. \`${name}_FILE\` can instead contain the path of a file with the secret.`,
      'See [Operating Gatehouse](/docs/operating/overview).',
    ),
  }));
  return [indexOf('/docs/variables', 'Environment variables', 'Every environment variable.', pages), ...pages];
}

const aboutRefusals =
  'Records a refused call; nothing was changed. Equal refusals within a minute are one event with a `count`.';

/** @param {Sources} sources @returns {GeneratedPage[]} */
function auditEventPages({ routes, securityActions, openApi }) {
  /** @type {Map<string, string[]>} */
  const writers = new Map();
  for (const { audit, operationId, summary, hidden } of routes) {
    if (typeof audit !== 'string') continue;
    const writer = hidden ? summary : `[${summary}](/docs/api/${operationId})`;
    writers.set(audit, [...(writers.get(audit) ?? []), writer]);
  }
  const example = resolve(openApi, openApi.components.schemas['AuditEvent'] ?? {});
  const changes = [...writers].map(([name, by]) => ({
    name,
    summary: `Written by: ${by.map((link) => link.replace(/^\[(.*)\]\(.*\)$/, '$1')).join(', ')}.`,
    text: `Recorded, in the transaction of the change, by:\n\n${by.map((link) => `- ${link}`).join('\n')}`,
  }));
  const refusals = Object.entries(securityActions).map(([name, meaning]) => ({
    name,
    summary: firstSentence(meaning),
    text: `${meaning}\n\n${aboutRefusals}`,
  }));
  const pages = [...changes, ...refusals]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, summary, text }) => ({
      group: 'audit-events',
      address: `/docs/audit-events/${name}`,
      title: `Audit event ${name}`,
      summary,
      markdown: paragraphs(
        `# ${name}`,
        text,
        '## An event',
        block(
          'json',
          JSON.stringify({ .../** @type {object} */ (exampleOf(openApi, example)), action: name }, undefined, 2),
        ),
        'See [Audit](/docs/guides/audit).',
      ),
    }));
  return [indexOf('/docs/audit-events', 'Audit events', 'Every event of the audit.', pages), ...pages];
}

/** @param {Sources} sources @returns {GeneratedPage[]} */
export const generatedPages = (sources) => [
  ...operationPages(sources),
  ...settingPages(sources),
  ...variablePages(sources),
  ...auditEventPages(sources),
];
