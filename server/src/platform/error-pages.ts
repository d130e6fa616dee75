import { errorHelp } from './error-help.ts';
import { type ErrorCode, errorCodes, type Problem } from '../http/errors.ts';
import { toPath } from '../openapi/openapi.ts';
import type { Route } from '../calls/route.ts';
import { assetUrl } from '../http/assets.ts';
import { html, type Html } from '../http/html.ts';

/** One error code and the content of its page. */
export interface ErrorEntry {
  readonly code: ErrorCode;
  /** The documented operations that may return it. */
  readonly answeredBy: readonly Route[];
  readonly example: Problem;
}

const ofNoOperation = 'The service returns it before it knows the operation.';

const layout = (title: string, content: Html): Html =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · Gatehouse</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="${assetUrl('pages.css')}" />
      </head>
      <body>
        ${content}
      </body>
    </html> `;

/** Converts text between backticks to code elements. */
const proseOf = (text: string): Html =>
  html`${text.split('`').map((piece, index) => (index % 2 === 1 ? html`<code>${piece}</code>` : html`${piece}`))}`;

const anchorOf = ({ tag, method, url }: Route): string => `/docs#tag/${tag}/${method}${toPath(url)}`;

const operationItem = (operation: Route): Html =>
  html` <li>
    <a href="${anchorOf(operation)}">${operation.summary}</a> <code>${operation.method} ${toPath(operation.url)}</code>
  </li>`;

const operationList = (operations: readonly Route[]): Html =>
  operations.length === 0
    ? html`<p>${ofNoOperation}</p>`
    : html`<ul>
        ${operations.map(operationItem)}
      </ul>`;

/** The page of one code. */
export function codePage({ code, answeredBy, example }: ErrorEntry): Html {
  const [status, title, detail] = errorCodes[code];
  const { cause, remedy } = errorHelp[code];
  return layout(
    title,
    html`<nav><a href="/errors">Error codes</a></nav>
      <h1>${title}</h1>
      <p class="quiet"><code>${code}</code> · status ${status} · <a href="/errors/${code}.md">Markdown</a></p>
      <p class="lead">${proseOf(detail)}</p>
      <h2>Usual cause</h2>
      <p>${proseOf(cause)}</p>
      <h2>How to fix it</h2>
      <p>${proseOf(remedy)}</p>
      <h2>Example response</h2>
      <pre><code>${JSON.stringify(example, undefined, 2)}</code></pre>
      <p>
        Programs should check <code>code</code>, which never changes. Show <code>detail</code> to people: it may be more
        specific. Quote <code>requestId</code> when you report a problem.
      </p>
      <h2>Operations that may return it</h2>
      ${operationList(answeredBy)}`,
  );
}

/** The page of one code as Markdown. */
export function codePageMarkdown({ code, answeredBy, example }: ErrorEntry): string {
  const [status, title, detail] = errorCodes[code];
  const { cause, remedy } = errorHelp[code];
  const operations = answeredBy.map(({ summary, method, url }) => `- ${summary}: \`${method} ${toPath(url)}\``);
  return [
    `# ${title}`,
    `\`${code}\`, status ${status}`,
    detail,
    `## Usual cause\n\n${cause}`,
    `## How to fix it\n\n${remedy}`,
    `## Example response\n\n\`\`\`json\n${JSON.stringify(example, undefined, 2)}\n\`\`\``,
    'Programs should check `code`, which never changes. Show `detail` to people: it may be more specific. Quote ' +
      '`requestId` when you report a problem.',
    `## Operations that may return it\n\n${operations.length === 0 ? ofNoOperation : operations.join('\n')}\n`,
  ].join('\n\n');
}

const indexRow = ([code, [status, title, detail]]: readonly [string, readonly [number, string, string]]): Html =>
  html` <tr>
    <td>${status}</td>
    <td>
      <a href="/errors/${code}"><code>${code}</code></a>
    </td>
    <td>${title}. <span class="quiet">${proseOf(detail)}</span></td>
  </tr>`;

const codesByStatus = () => Object.entries(errorCodes).toSorted(([, [a]], [, [b]]) => a - b);

const aboutCodes =
  'Every refusal is a problem document (RFC 9457) with one of these codes. A code keeps its meaning and its status.';

/** The page of all codes as Markdown. Its links lead to the Markdown of each code. */
export function indexPageMarkdown(): string {
  const rows = codesByStatus().map(
    ([code, [status, title, detail]]) => `| ${status} | [\`${code}\`](/errors/${code}.md) | ${title}. ${detail} |`,
  );
  return `# Error codes\n\n${aboutCodes}\n\n| Status | Code | Meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

/** The page of all codes, by status. */
export function indexPage(): Html {
  const rows = codesByStatus();
  return layout(
    'Error codes',
    html`<nav><a href="/docs">API reference</a></nav>
      <h1>Error codes</h1>
      <p>${aboutCodes}</p>
      <p class="quiet"><a href="/errors.md">Markdown</a></p>
      <table>
        <thead>
          <tr>
            <th>Status</th>
            <th>Code</th>
            <th>Meaning</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(indexRow)}
        </tbody>
      </table>`,
  );
}
