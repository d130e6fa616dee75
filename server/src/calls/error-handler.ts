import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { reportRefusal } from './security-events.ts';
import { DatabaseUnavailableError } from '../db/db.ts';
import { hasCommitted } from './mutate.ts';
import type { Services } from './services.ts';
import { OverloadedError } from '../passwords/overloaded-error.ts';
import { discardBody } from '../http/discard-body.ts';
import { ApiError, type ErrorCode } from '../http/errors.ts';
import { sendError } from '../http/send-error.ts';

/** Error codes for errors of the framework. */
const frameworkCodes: ReadonlyMap<unknown, ErrorCode> = new Map<string, ErrorCode>([
  ['FST_ERR_CTP_BODY_TOO_LARGE', 'body_too_large'],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 'unsupported_media_type'],
  ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', 'malformed_request'],
  ['FST_ERR_CTP_INVALID_JSON_BODY', 'malformed_request'],
  ['FST_ERR_BAD_URL', 'route_not_found'],
  ['FST_ERR_MAX_PARAM_LENGTH', 'route_not_found'],
]);

/** Converts every thrown value to an `ApiError` for the caller. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof DatabaseUnavailableError) return new ApiError(error.code, { cause: error });
  if (error instanceof OverloadedError) {
    return new ApiError('overloaded', { cause: error, retryAfterInSeconds: error.retryAfterInSeconds });
  }
  const { code, statusCode } = (error ?? {}) as Partial<FastifyError>;
  // The client closed the connection while it sent the body. This is not an error of the service, and no response can
  // be sent.
  if (code === 'ECONNRESET' && statusCode === 400) return new ApiError('malformed_request', { cause: error });
  return new ApiError(frameworkCodes.get(code) ?? 'internal_error', { cause: error });
}

/**
 * Some routes check in their own query whether the app is active. An unreadable or invalid body is refused before that
 * query. To keep the documented order of checks, the status of the app is checked here.
 */
async function inOrder(services: Services, request: FastifyRequest, refusal: ApiError): Promise<ApiError> {
  const access = request.routeOptions.config.route?.access;
  const isBeforeQuery = request.caller !== undefined && request.call === undefined;
  if (!isBeforeQuery || access?.target !== 'public' || access.app !== 'in-query') return refusal;
  // If this query fails, the original refusal is the better response.
  const app = await services.apps.named(request).catch(() => undefined);
  return app && app.status !== 'ACTIVE' ? new ApiError('app_inactive', { cause: refusal }) : refusal;
}

/** Sends the HTML page for a refusal, or returns undefined if the problem document is the better response. */
export type SendPage = (refusal: ApiError, request: FastifyRequest, reply: FastifyReply) => Promise<void> | undefined;

/** A failure after a commit of the same call. The default text of its code would claim that nothing was changed. */
function afterCommit({ call }: FastifyRequest, refusal: ApiError): ApiError {
  if (refusal.status !== 503 || call === undefined || !hasCommitted(call)) return refusal;
  return new ApiError('outcome_unknown', {
    detail:
      'A part of the change may have been made, because a later step failed. Read the resource, or repeat the call ' +
      'with the same Idempotency-Key.',
    cause: refusal,
  });
}

/** Installs the only error handler: every error becomes a problem document here. */
export function installErrorHandler(app: FastifyInstance, services: Services, sendPage: SendPage): void {
  const { publicUrl } = services.config;
  app.setErrorHandler(async (error, request, reply) => {
    const refusal = afterCommit(request, await inOrder(services, request, toApiError(error)));
    services.databaseFailures.note(refusal);
    if (refusal.code === 'body_too_large') await discardBody(request.raw);
    // All transactions of the call have ended, so the event is kept, and no connection is held.
    if (request.call) await reportRefusal(request.call, refusal);
    return sendPage(refusal, request, reply) ?? sendError(refusal, request, reply, publicUrl);
  });
}
