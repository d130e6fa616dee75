import type { FastifyReply, FastifyRequest } from 'fastify';
import { languageOfBrowser } from '../mail-texts/languages.ts';
import { html } from '../http/html.ts';
import type { ApiError } from '../http/errors.ts';
import { plainLook, sendContent, textIn } from './layout.ts';
import { problemText } from './problems.ts';

/** Sends a refusal as a page. The text depends on the code only. */
export function sendErrorPage(error: ApiError, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (error.status >= 500) request.log.error({ err: error.cause ?? error }, error.message);
  const look = plainLook(languageOfBrowser(request.headers['accept-language']) ?? 'en');
  const text = textIn(look);
  const message = text(problemText(error), { requestId: request.id });
  return sendContent(reply.headers(error.headers), look, {
    title: text.plain('problemTitle'),
    status: error.status,
    body: html`<h1>${text('problemTitle')}</h1>
      <p class="alert" role="alert" data-code="${error.code}">${message}</p>`,
  });
}
