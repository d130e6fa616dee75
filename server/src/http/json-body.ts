import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { ApiError } from './errors.ts';

/**
 * Reads JSON bodies: strict UTF-8, no keys that tamper with prototypes, nothing but JSON. No body at all is no fault
 * here; where one is needed, validation says so.
 */
export function installJsonBody(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (body.length === 0) return done(null, undefined);
    if (!isUtf8(body)) return done(new ApiError('malformed_request'), undefined);
    void parse(request, body.toString(), (error, value) => {
      if (!error) return done(null, value);
      done(
        new ApiError('malformed_request', {
          detail: `The body is not acceptable JSON: ${error.message}.`,
          cause: error,
        }),
        undefined,
      );
    });
  });
}
