import { z } from 'zod';
import { publicAccess } from '../access/access.ts';
import { ApiError, type ErrorCode, errorCodes, toProblem } from '../http/errors.ts';
import { errorsOf } from '../openapi/route-errors.ts';
import { type Call, type Route, route } from '../calls/route.ts';
import { anyQuery } from '../http/any-query.ts';
import { ifServed } from './documentation-answers.ts';
import { codePage, codePageMarkdown, type ErrorEntry, indexPage, indexPageMarkdown } from './error-pages.ts';
import type { Html } from '../http/html.ts';

/** Styles are loaded from this server, and nothing else. */
const contentSecurityPolicy =
  "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const cacheControl = 'public, max-age=300';

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(errorCodes, text);

/** The content of the page of an error code. */
/** Shows codes whose response has more fields than text. */
const exampleOf = (code: ErrorCode): ApiError =>
  new ApiError(
    code,
    code === 'validation_failed' ? { faults: [{ pointer: '/body/email', message: 'Required.' }] } : {},
  );

function describeError(publicUrl: string, routes: readonly Route[], code: string): ErrorEntry {
  if (!isErrorCode(code)) throw new ApiError('route_not_found', { detail: 'There is no error code of this name.' });
  const answeredBy = routes.filter((candidate) => !candidate.hidden && errorsOf(candidate).includes(code));
  return { code, answeredBy, example: toProblem(exampleOf(code), 'req-01HZX3', publicUrl) };
}

async function sendPage({ reply }: Call, page: Html): Promise<void> {
  reply.headers({ 'content-security-policy': contentSecurityPolicy, 'cache-control': cacheControl });
  await reply.type('text/html; charset=utf-8').send(page.markup);
}

async function sendMarkdown({ reply }: Call, text: string): Promise<void> {
  await reply.header('cache-control', cacheControl).type('text/markdown; charset=utf-8').send(text);
}

const codeParams = z.strictObject({
  code: z.string().meta({ description: 'An error code.', examples: ['validation_failed'] }),
});

const page = { tag: 'platform', access: publicAccess({ app: 'none' }), query: anyQuery, hidden: true } as const;

/**
 * One page for every error code. The `type` of a problem document links to it.
 *
 * @param routes the whole route table, which says which operations return which code
 */
export function errorPageRoutes(routes: () => readonly Route[]): Route[] {
  const describe = ({ services, params }: Call<{ code: string }>) =>
    describeError(services.config.publicUrl, routes(), params.code);
  return [
    route({
      ...page,
      method: 'GET',
      url: '/errors',
      operationId: 'listErrorPages',
      summary: 'Error codes',
      description: 'All error codes with status and meaning.',
      response: { status: 200, description: 'The page.' },
      errors: ['route_not_found'],
      handler: ifServed((call: Call) => sendPage(call, indexPage())),
    }),

    route({
      ...page,
      method: 'GET',
      url: '/errors.md',
      operationId: 'listErrorPagesAsMarkdown',
      summary: 'Error codes as Markdown',
      description: 'All error codes with status and meaning, for programs that read text.',
      response: { status: 200, description: 'The text.' },
      errors: ['route_not_found'],
      handler: ifServed((call: Call) => sendMarkdown(call, indexPageMarkdown())),
    }),

    route({
      ...page,
      method: 'GET',
      url: '/errors/:code',
      operationId: 'showErrorPage',
      summary: 'An error code',
      description: 'The meaning of an error code.',
      params: codeParams,
      response: { status: 200, description: 'The page.' },
      errors: ['route_not_found'],
      handler: ifServed((call: Call<{ code: string }>) => sendPage(call, codePage(describe(call)))),
    }),

    route({
      ...page,
      method: 'GET',
      url: '/errors/:code.md',
      operationId: 'showErrorPageAsMarkdown',
      summary: 'An error code as Markdown',
      description: 'The meaning of an error code, for programs that read text.',
      params: codeParams,
      response: { status: 200, description: 'The text.' },
      errors: ['route_not_found'],
      handler: ifServed((call: Call<{ code: string }>) => sendMarkdown(call, codePageMarkdown(describe(call)))),
    }),
  ];
}
