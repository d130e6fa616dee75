import { z } from 'zod';
import { publicAccess } from '../access/access.ts';
import { type Call, type Route, route } from '../calls/route.ts';
import { anyQuery } from '../http/any-query.ts';
import { ApiError } from '../http/errors.ts';
import { ifServed, sendPage, sendText, wantsMarkdown } from './documentation-answers.ts';
import { documentationPages, fullText, fullTextMegabytes } from './documentation.ts';
import { counterparts } from './documented-pages.ts';
import { varyBy } from '../http/negotiated.ts';

/** `/llms.txt`: a line for every page, with the URL of its Markdown. @see https://llmstxt.org */
function listForPrograms(publicUrl: string): string {
  const groups = new Map<string, string[]>();
  for (const { address, title, summary, group } of documentationPages())
    groups.set(group, [...(groups.get(group) ?? []), `- [${title}](${publicUrl}${address}.md): ${summary}`]);
  const sections = [...groups].map(([group, lines]) => `## ${group}\n\n${lines.join('\n')}`);
  return [
    '# Gatehouse',
    '> Users, sessions, organizations, roles, invitations and machine tokens of many apps over HTTP.',
    [
      `The API as data: [openapi.json](${publicUrl}/openapi.json).`,
      `All pages in one text: [llms-full.txt](${publicUrl}/llms-full.txt), ${fullTextMegabytes()} MB.`,
      `Every error code: [errors](${publicUrl}/errors.md).`,
    ].join(' '),
    ...sections,
    '',
  ].join('\n\n');
}

type Params = Readonly<Record<string, string>>;

/** Parts of a path: letters, digits and the punctuation of file names. */
const segment = z
  .string()
  .max(200)
  .meta({ description: 'Part of the path of a page.', examples: ['guides'] });

const shared = {
  method: 'GET',
  tag: 'platform',
  access: publicAccess({ app: 'none' }),
  query: anyQuery,
  errors: ['route_not_found'],
  hidden: true,
} as const;

/** A route of the documentation. `DOCS=off` disables it. */
function documentationRoute(
  url: string,
  operationId: string,
  summary: string,
  send: (call: Call<Params>) => Promise<void>,
  response: Route['response'] = { status: 200, description: 'The page.' },
) {
  const names = Array.from(url.matchAll(/:(\w+)/g), ([, name = '']) => name);
  return route({
    ...shared,
    url,
    operationId,
    summary,
    description: `${summary}. HTML for people or, on request, Markdown for programs.`,
    ...(names.length > 0 && { params: z.strictObject(Object.fromEntries(names.map((name) => [name, segment]))) }),
    response,
    handler: ifServed(send),
  });
}

/** The path of a request, without the query. */
const pathOf = ({ request }: Call): string => request.url.split('?')[0] ?? '';

async function sendCounterpart(call: Call): Promise<void> {
  const path = pathOf(call);
  const suffix = path.endsWith('.md') ? '.md' : '';
  const address = suffix ? path.slice(0, -suffix.length) : path.replace(/\/$/, '');
  if (!Object.hasOwn(counterparts, address)) throw new ApiError('route_not_found');
  await call.reply.code(308).header('location', `${counterparts[address]}${suffix}`).send();
}

async function sendList({ reply, services }: Call): Promise<void> {
  reply.headers({ 'cache-control': 'public, max-age=300' });
  await reply.type('text/plain; charset=utf-8').send(listForPrograms(services.config.publicUrl));
}

async function sendFrontPage(call: Call): Promise<void> {
  if (!wantsMarkdown(call.request)) return sendPage(call, '/');
  varyBy(call.reply, 'Accept');
  return sendList(call);
}

async function sendReferenceAddress({ reply }: Call): Promise<void> {
  await reply.code(308).header('location', '/docs').send();
}

const elsewhere = { status: 308, description: 'The URL of the page.' } as const;
const sendRequestedPage = (call: Call) => sendPage(call, pathOf(call));

/** The documentation: pages for people and programs, and redirects from the paths of the documented service. */
export const documentationRoutes: Route[] = [
  documentationRoute('/', 'showFrontPage', 'Front page', sendFrontPage),
  documentationRoute('/llms.txt', 'listPagesForPrograms', 'List of all pages', sendList),
  documentationRoute('/llms-full.txt', 'showAllPages', 'All pages in one text', (call) => sendText(call, fullText())),
  documentationRoute('/docs.md', 'listOperations', 'Every operation', (call) => sendPage(call, '/docs/api.md')),
  // A browser keeps the fragment, which has the name of the operation.
  documentationRoute('/docs/', 'showReferenceWithSlash', 'The reference', sendReferenceAddress, elsewhere),
  documentationRoute('/docs/:page', 'showDocumentationPage', 'A page of the documentation', sendRequestedPage),
  documentationRoute('/docs/:section/:page', 'showSectionPage', 'A page of a section', sendRequestedPage),
  ...['/api-tutorials/:page', '/api-tutorials/:flow/:page', '/api-tutorials/:flow/:step/:page', '/libraries/:page'].map(
    (url, number) =>
      documentationRoute(url, `findCounterpart${number + 1}`, 'A page elsewhere', sendCounterpart, elsewhere),
  ),
];
