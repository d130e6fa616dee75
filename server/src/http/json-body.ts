import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './errors.ts';

/** The reason why the body is refused; undefined if it is plain JSON in UTF-8. */
function faultOfForm({ headers }: FastifyRequest): string | undefined {
  const { 'content-type': type = '', 'content-encoding': packing = 'identity' } = headers;
  if (!/^(\s*identity\s*(,|$))+$/i.test(packing)) return 'Send the body without a content encoding.';
  if (type === 'application/json') return undefined;
  return /;\s*charset\s*=\s*(?!"?utf-8"?\s*(;|$))/i.test(type) ? 'Send the body in UTF-8.' : undefined;
}

/**
 * Maximum nesting of arrays and objects in a body. No call needs ten levels. The limit protects recursive code from a
 * stack overflow.
 */
export const deepestBody = 64;

const bytes = { quote: 0x22, backslash: 0x5c, openArray: 0x5b, closeArray: 0x5d, openObject: 0x7b, closeObject: 0x7d };

/** Whether JSON text is nested more than `deepestBody` levels deep. Scans bytes, so that nothing is parsed first. */
export function isTooDeep(json: Buffer): boolean {
  let depth = 0;
  let isInString = false;
  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index];
    if (isInString) {
      if (byte === bytes.backslash) index += 1;
      else if (byte === bytes.quote) isInString = false;
    } else if (byte === bytes.quote) {
      isInString = true;
    } else if (byte === bytes.openArray || byte === bytes.openObject) {
      depth += 1;
      if (depth > deepestBody) return true;
    } else if (byte === bytes.closeArray || byte === bytes.closeObject) {
      depth -= 1;
    }
  }
  return false;
}

const tooDeep = `The body is nested more than ${deepestBody} levels deep.`;

/** Whether the headers say that the body is empty. @see RFC 9112, section 6.3 */
const isEmpty = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;

const isJson = ({ headers }: FastifyRequest): boolean =>
  /^\s*application\/json\s*(;|$)/i.test(headers['content-type'] ?? '');

/** Accepts a body of another type than JSON if it is empty. If the body is sent in chunks, only its end shows this. */
async function readNothing(content: IncomingMessage): Promise<void> {
  for await (const chunk of content) if ((chunk as Buffer).length > 0) throw new ApiError('unsupported_media_type');
}

/**
 * Parses JSON bodies: strict UTF-8, at most 64 levels, no keys that modify prototypes, no other type. An empty body is
 * accepted with any content type, because programs such as curl name a type without sending content. Validation refuses
 * an empty body if the route requires one.
 */
export function installJsonBody(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addHook('preParsing', (request, _reply, _content, done) => {
    // The framework refuses an unknown type before it checks whether there is any content.
    const { headers } = request;
    if (request.routeOptions.config.takesForm) return done();
    if (headers['content-type'] !== undefined && (isEmpty(request) || !isJson(request))) delete headers['content-type'];
    done();
  });
  app.addContentTypeParser('*', (request: FastifyRequest, content: IncomingMessage) =>
    isEmpty(request) ? undefined : readNothing(content),
  );
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (body.length === 0) return done(null, undefined);
    const fault = faultOfForm(request);
    if (fault !== undefined) return done(new ApiError('unsupported_media_type', { detail: fault }), undefined);
    if (!isUtf8(body)) return done(new ApiError('malformed_request'), undefined);
    if (isTooDeep(body)) return done(new ApiError('malformed_request', { detail: tooDeep }), undefined);
    void parse(request, body.toString(), (error, value) => {
      if (!error) return done(null, value);
      const detail = 'The body is not JSON, or has a key such as "__proto__".';
      done(new ApiError('malformed_request', { detail, cause: error }), undefined);
    });
  });
}
