import type { ApiError, ErrorCode } from './errors.ts';

/** An error of an OAuth endpoint. @see RFC 6749, section 5.2 */
export interface OauthError {
  readonly error: string;
  readonly error_description: string;
  /** The page of our error code. */
  readonly error_uri: string;
}

/** Our error codes with their OAuth equivalents. */
const oauthCodes: Partial<Record<ErrorCode, string>> = {
  invalid_client: 'invalid_client',
  insufficient_scope: 'insufficient_scope',
  app_inactive: 'unauthorized_client',
  network_not_allowed: 'unauthorized_client',
};

function oauthCodeOf({ code, status }: ApiError): string {
  const known = oauthCodes[code];
  if (known !== undefined) return known;
  if (status === 429 || status === 503) return 'temporarily_unavailable';
  return status >= 500 ? 'server_error' : 'invalid_request';
}

/** The description of the error in one line, because an OAuth error has no list of problems. */
const descriptionOf = ({ detail, faults }: ApiError): string =>
  faults?.map(({ pointer, message }) => `${pointer}: ${message}`).join(' ') ?? detail;

/** Removes characters that a description must not contain. */
const describable = (text: string): string => text.replaceAll(/["\\`]/g, "'").replaceAll(/[^\x20-\x7e]/g, ' ');

/** Converts an error to the response of an OAuth endpoint. */
export const toOauthError = (error: ApiError, publicUrl: string): OauthError => ({
  error: oauthCodeOf(error),
  error_description: describable(descriptionOf(error)),
  error_uri: `${publicUrl}/errors/${error.code}`,
});

/**
 * Headers of the response. A client without a valid credential is asked for the kind of credential that these endpoints
 * accept.
 *
 * @see RFC 6749, section 5.2
 */
export const oauthErrorHeaders = (error: ApiError, realm: string): Readonly<Record<string, string>> => ({
  ...error.headers,
  ...(error.status === 401 && { 'www-authenticate': `Basic realm="${realm}", charset="UTF-8"` }),
});
