import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './errors.ts';

/** Why the body is in no form that is read here; undefined when it is JSON, plain and in UTF-8. */
function faultOfForm({ headers }: FastifyRequest): string | undefined {
  const { 'content-type': type = '', 'content-encoding': packing = 'identity' } = headers;
  if (packing !== 'identity') return 'Send the body without a content encoding.';
  if (type === 'application/json') return undefined;
  return /;\s*charset\s*=\s*(?!"?utf-8"?\s*(;|$))/i.test(type) ? 'Send the body in UTF-8.' : undefined;
}

/**
 * Reads JSON bodies: strict UTF-8, no keys that tamper with prototypes, nothing but JSON. No body at all is no fault
 * here; where one is needed, validation says so.
 */
export function installJsonBody(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (body.length === 0) return done(null, undefined);
    const fault = faultOfForm(request);
    if (fault !== undefined) return done(new ApiError('unsupported_media_type', { detail: fault }), undefined);
    if (!isUtf8(body)) return done(new ApiError('malformed_request'), undefined);
    void parse(request, body.toString(), (error, value) => {
      if (!error) return done(null, value);
      const detail = 'The body is not JSON, or has a key such as "__proto__".';
      done(new ApiError('malformed_request', { detail, cause: error }), undefined);
    });
  });
}
