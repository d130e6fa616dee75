import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './errors.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes a form instead of JSON. */
    takesForm?: boolean;
  }
}

const formType = 'application/x-www-form-urlencoded';

/** Bytes of a form. The longest token has 8,192 characters; an encoded character takes three. */
const formLimit = 32 * 1024;
const tooLarge = 'The form is larger than 32 KiB.';

const isForm = (type: string): boolean => /^\s*application\/x-www-form-urlencoded\s*(;|$)/i.test(type);

/** Whether the form declares an encoding other than UTF-8. */
const isForeign = (type: string): boolean => /;\s*charset\s*=\s*(?!"?utf-8"?\s*(;|$))/i.test(type);

/**
 * Decodes one name or value of a form, or one part of Basic credentials of OAuth.
 *
 * @throws URIError if a `%` does not begin an encoded UTF-8 character
 * @see RFC 6749, appendix B
 */
export const decodeFormText = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));

/**
 * Parses a form. Parameters without a value count as absent.
 *
 * @throws ApiError `malformed_request` for a repeated parameter, and for text that cannot be decoded
 * @see RFC 6749, section 3.2
 */
export function parseForm(form: string): Record<string, string> {
  const values = new Map<string, string>();
  for (const pair of form.split('&')) {
    const [name = '', ...rest] = pair.split('=');
    const value = rest.join('=');
    if (value === '') continue;
    const decoded = decodePair(name, value);
    if (values.has(decoded.name)) throw new ApiError('malformed_request', { detail: 'Send each parameter once.' });
    values.set(decoded.name, decoded.value);
  }
  return Object.fromEntries(values);
}

function decodePair(name: string, value: string): { name: string; value: string } {
  try {
    return { name: decodeFormText(name), value: decodeFormText(value) };
  } catch (error) {
    throw new ApiError('malformed_request', { detail: 'The form is not encoded correctly.', cause: error });
  }
}

function checkType({ headers }: FastifyRequest): void {
  const { 'content-type': type, 'content-encoding': packing } = headers;
  if (type !== undefined && isForm(type) && !isForeign(type) && packing === undefined) return;
  throw new ApiError('unsupported_media_type', { detail: `Send the parameters as ${formType} in UTF-8.` });
}

/** Whether the headers say that the body is empty. @see RFC 9112, section 6.3 */
const isEmpty = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;

/** Parses forms, on routes that take a form. */
export function installFormBody(app: FastifyInstance): void {
  app.addHook('preParsing', (request, _reply, _content, done) => {
    if (request.routeOptions.config.takesForm && !isEmpty(request)) checkType(request);
    done();
  });
  app.addContentTypeParser(formType, { parseAs: 'buffer' }, (_request, body: Buffer, done) => {
    if (body.length > formLimit) return done(new ApiError('body_too_large', { detail: tooLarge }), undefined);
    if (!isUtf8(body)) return done(new ApiError('malformed_request'), undefined);
    try {
      done(null, parseForm(body.toString()));
    } catch (error) {
      done(error as Error, undefined);
    }
  });
}
