import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ApiError, toProblem } from './errors.ts';
import { oauthErrorHeaders, toOauthError } from './oauth-error.ts';

/** Sends an error: a problem document or, on routes that take a form, an error of OAuth. Logs errors of the service. */
export function sendError(
  error: ApiError,
  request: FastifyRequest,
  reply: FastifyReply,
  publicUrl: string,
): FastifyReply {
  if (error.status >= 500) request.log.error({ err: error.cause ?? error }, error.message);
  reply.code(error.status).serializer(JSON.stringify);
  if (request.routeOptions.config.takesForm) {
    const headers = oauthErrorHeaders(error, publicUrl);
    return reply.headers(headers).type('application/json').send(toOauthError(error, publicUrl));
  }
  return reply
    .headers(error.headers)
    .type('application/problem+json')
    .send(toProblem(error, request.id, publicUrl));
}
