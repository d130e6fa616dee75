import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Call } from '../calls/route.ts';
import type { Config } from '../config.ts';
import { ApiError } from '../http/errors.ts';
import { findPage, markdownText, pageText } from './documentation.ts';
import { type Negotiable, sendNegotiated, varyBy, weightOf } from '../http/negotiated.ts';

/** Scripts, styles and the search index are loaded from this server only. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Whether the caller prefers Markdown to HTML. */
export function wantsMarkdown({ headers }: FastifyRequest): boolean {
  const accept = headers.accept ?? '';
  const weight = weightOf(accept, 'text/markdown');
  return weight > 0 && weight >= weightOf(accept, 'text/html');
}

export async function sendText({ request, reply }: Call, text: Negotiable): Promise<void> {
  reply.header('content-security-policy', contentSecurityPolicy);
  await sendNegotiated(request, reply, text);
}

/** Sends the page of a path, as Markdown if the path ends with `.md` or the caller prefers Markdown. */
export async function sendPage(call: Call, path: string): Promise<void> {
  const isMarkdown = path.endsWith('.md');
  const address = isMarkdown ? path.slice(0, -'.md'.length) : path;
  const page = findPage(address);
  if (!page) throw new ApiError('route_not_found');
  if (isMarkdown) return sendText(call, markdownText(page));
  varyBy(call.reply, 'Accept');
  const twin = address === '/' ? '/llms.txt' : `${address}.md`;
  call.reply.header('link', `<${twin}>; rel="alternate"; type="text/markdown"`);
  return sendText(call, wantsMarkdown(call.request) ? markdownText(page) : pageText(page));
}

/** Responds only if documentation is served; see `DOCS`. */
export const ifServed =
  <Asked extends Call>(answer: (call: Asked) => Promise<void>) =>
  (call: Asked): Promise<void> => {
    if (!call.services.config.servesDocumentation) throw new ApiError('route_not_found');
    return answer(call);
  };

/**
 * Sends the page for unknown paths, which has a search field, to browsers. Programs and callers of the API get the
 * problem document instead.
 *
 * @returns undefined if the problem document is the better response
 */
export function sendLostPage(request: FastifyRequest, reply: FastifyReply, config: Config): Promise<void> | undefined {
  const { method, url, headers } = request;
  const isForPrograms = /^\/(?:v1|dev)\//.test(url);
  const isForPeople = method === 'GET' && !isForPrograms && weightOf(headers.accept ?? '', 'text/html') > 0;
  const page = isForPeople && config.servesDocumentation ? findPage('/docs/nothing-here') : undefined;
  if (!page) return undefined;
  reply.header('content-security-policy', contentSecurityPolicy);
  varyBy(reply, 'Accept');
  return sendNegotiated(request, reply, { ...pageText(page), cacheControl: 'no-store' });
}
