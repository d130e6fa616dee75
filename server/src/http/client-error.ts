import { randomUUID } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionError } from 'fastify';
import { ApiError, toProblem } from './errors.ts';
import { requestIdOf } from './request-id.ts';

type Headers = Readonly<Record<string, string>>;

function toApiError({ code }: ConnectionError): ApiError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new ApiError('request_timeout');
  if (code === 'HPE_HEADER_OVERFLOW') return new ApiError('headers_too_large');
  return new ApiError('malformed_request', { detail: 'The request is not valid HTTP.' });
}

function toMessage(error: ApiError, requestId: string, headers: Headers, publicUrl: string): string {
  const body = JSON.stringify(toProblem(error, requestId, publicUrl));
  const all = {
    ...headers,
    ...error.headers,
    'x-request-id': requestId,
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`, ...lines, '', body].join('\r\n');
}

/**
 * Responds to connections that never sent a valid request: bytes that are not HTTP, headers that do not end, a client
 * that stalls.
 *
 * @param headers headers of every response
 * @see https://nodejs.org/api/http.html#event-clienterror
 */
export function answerClientError(headers: Headers, publicUrl: string) {
  return (error: ConnectionError, socket: Socket): void => {
    if (socket.writable && error.code !== 'ECONNRESET') {
      socket.end(toMessage(toApiError(error), randomUUID(), headers, publicUrl), () => socket.destroy());
    } else {
      socket.destroy();
    }
  };
}

/**
 * Responds to `CONNECT`, which requests a tunnel, with 405 and an empty list of methods. Without a handler, Node.js
 * closes the connection without a response.
 *
 * @param headers headers of every response
 * @see RFC 9110, sections 9.3.6 and 10.2.1
 * @see https://nodejs.org/api/http.html#event-connect
 */
export function answerConnect(headers: Headers, publicUrl: string) {
  return (request: IncomingMessage, socket: Duplex): void => {
    const error = new ApiError('method_not_allowed', {
      detail: 'This service is not a proxy.',
      headers: { allow: '' },
    });
    // Node.js no longer handles errors of this connection.
    socket.on('error', () => socket.destroy());
    socket.end(toMessage(error, requestIdOf(request), headers, publicUrl), () => socket.destroy());
  };
}
