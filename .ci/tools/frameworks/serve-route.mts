/** Serves the route of the recipe for Next.js without Next.js, from the current directory. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const file = join(process.cwd(), 'app/organizations/[orgId]/documents/route.ts');
const route = await import(pathToFileURL(file).href);

async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
  const orgId = /^\/organizations\/([^/]+)\/documents$/.exec(url.pathname)?.[1];
  const handler = route[incoming.method ?? ''];
  if (orgId === undefined || handler === undefined) {
    outgoing.writeHead(404).end();
    return;
  }
  const { authorization } = incoming.headers;
  const init = { method: incoming.method ?? 'GET', ...(authorization && { headers: { authorization } }) };
  const response: Response = await handler(new Request(url, init), { params: Promise.resolve({ orgId }) });
  response.headers.forEach((value, name) => outgoing.setHeader(name, value));
  outgoing.writeHead(response.status).end(await response.text());
}

const server = createServer((incoming, outgoing) => {
  answer(incoming, outgoing).catch(() => outgoing.writeHead(502).end());
});
server.listen(Number(process.env['PORT']), '127.0.0.1');
