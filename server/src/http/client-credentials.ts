import type { FastifyRequest } from 'fastify';
import { ApiError } from './errors.ts';
import { decodeFormText } from './form-body.ts';

/** Id and secret of an OAuth client, not yet verified. */
export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** The parameters of a form that can authenticate a client. */
export interface ClientParameters {
  readonly client_id?: string | undefined;
  readonly client_secret?: string | undefined;
}

/** The credentials of a Basic header; undefined if it has another scheme. @throws ApiError `invalid_client` */
function fromBasic(header: string): ClientCredentials | undefined {
  const [scheme = '', encoded = '', ...rest] = header.trim().split(/[ \t]+/);
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString();
  const colon = decoded.indexOf(':');
  if (rest.length > 0 || colon < 0) throw new ApiError('invalid_client');
  try {
    return {
      clientId: decodeFormText(decoded.slice(0, colon)),
      clientSecret: decodeFormText(decoded.slice(colon + 1)),
    };
  } catch (error) {
    throw new ApiError('invalid_client', { cause: error });
  }
}

const twice = (detail: string): ApiError => new ApiError('malformed_request', { detail });

/**
 * The credentials with which an OAuth client authenticates: of the Basic header, whose parts are encoded like a form,
 * or of the form.
 *
 * @throws ApiError `invalid_client` without credentials; `malformed_request` if there are several
 * @see RFC 6749, section 2.3.1
 */
export function clientCredentials({ headers, raw }: FastifyRequest, form: ClientParameters): ClientCredentials {
  const sent = raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization');
  if (sent.length > 1) throw twice('Send one Authorization header, not several.');
  const basic = headers.authorization === undefined ? undefined : fromBasic(headers.authorization);
  const { client_id: clientId, client_secret: clientSecret } = form;
  if (basic) {
    if (clientSecret !== undefined)
      throw twice('Authenticate by the Authorization header or by the form, not by both.');
    if (clientId !== undefined && clientId !== basic.clientId) throw twice('The form names another client.');
    return basic;
  }
  if (clientId === undefined || clientSecret === undefined) throw new ApiError('invalid_client');
  return { clientId, clientSecret };
}
