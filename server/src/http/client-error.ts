import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionError } from 'fastify';
import { ApiError, toProblem } from './errors.ts';

function toApiError({ code }: ConnectionError): ApiError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new ApiError('request_timeout');
  if (code === 'HPE_HEADER_OVERFLOW') return new ApiError('headers_too_large');
  return new ApiError('malformed_request', { detail: 'What arrived is not HTTP.' });
}

function toMessage(error: ApiError, headers: Readonly<Record<string, string>>, publicUrl: string): string {
  const requestId = randomUUID();
  const body = JSON.stringify(toProblem(error, requestId, publicUrl));
  const all = {
    ...headers,
    'x-request-id': requestId,
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`, ...lines, '', body].join('\r\n');
}

/**
 * Answers what never became a request: bytes that are not HTTP, headers without end, a client that stalls.
 *
 * @param headers those that every answer has
 * @see https://nodejs.org/api/http.html#event-clienterror
 */
export function answerClientError(headers: Readonly<Record<string, string>>, publicUrl: string) {
  return (error: ConnectionError, socket: Socket): void => {
    if (socket.writable && error.code !== 'ECONNRESET') {
      socket.end(toMessage(toApiError(error), headers, publicUrl), () => socket.destroy());
    } else {
      socket.destroy();
    }
  };
}
