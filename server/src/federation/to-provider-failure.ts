import * as oidc from 'openid-client';
import { OutboundError } from '../http/outbound.ts';
import { type FailureCode, ProviderFailure } from './failures.ts';

/** Errors with which a provider says that it has a bad time. @see RFC 6749, section 4.1.2.1 */
const temporary = new Set(['server_error', 'temporarily_unavailable']);

function ofAuthorizationError(error: string): FailureCode {
  if (error === 'access_denied') return 'access_denied';
  return temporary.has(error) ? 'provider_unavailable' : 'provider_error';
}

/** Sanitizes text from a provider: short, and only characters of words. */
const word = (text: string): string => text.replace(/[^\w.-]/g, '').slice(0, 50);

/** The innermost reason that our own side gives. */
function outboundErrorIn(error: unknown): OutboundError | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) if (inner instanceof OutboundError) return inner;
  return undefined;
}

/** Our texts for the library's errors, by error code. */
const reasons: Readonly<Record<string, readonly [FailureCode, string]>> = {
  OAUTH_RESPONSE_IS_NOT_CONFORM: ['provider_unavailable', 'It answered with an unexpected status.'],
  OAUTH_RESPONSE_IS_NOT_JSON: ['provider_unavailable', 'It did not answer with JSON.'],
  OAUTH_TIMEOUT: ['provider_unavailable', 'There was no whole answer in time.'],
  OAUTH_PARSE_ERROR: ['provider_response_invalid', 'It did not answer with valid JSON.'],
  OAUTH_JWT_TIMESTAMP_CHECK_FAILED: ['provider_response_invalid', 'Its token has expired, or its clock is wrong.'],
  OAUTH_JWT_CLAIM_COMPARISON_FAILED: ['provider_response_invalid', 'Its token is from or for somebody else.'],
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: ['provider_response_invalid', 'It says that it is another issuer.'],
  OAUTH_KEY_SELECTION_FAILED: ['provider_response_invalid', 'Its token is signed by an unknown key.'],
  OAUTH_HTTP_REQUEST_FORBIDDEN: ['provider_response_invalid', 'It has an address that is not https.'],
  OAUTH_MISSING_SERVER_METADATA: ['provider_response_invalid', 'Its configuration is incomplete.'],
  OAUTH_INVALID_SERVER_METADATA: ['provider_response_invalid', 'Its configuration is not valid.'],
};

/** Turns every failure of a provider into what people and the audit may read. */
export function toProviderFailure(error: unknown): ProviderFailure {
  if (error instanceof ProviderFailure) return error;
  const outbound = outboundErrorIn(error);
  if (outbound) return new ProviderFailure('provider_unavailable', outbound.message, { cause: error });
  if (error instanceof oidc.AuthorizationResponseError) {
    return new ProviderFailure(ofAuthorizationError(error.error), `It answered "${word(error.error)}".`);
  }
  if (error instanceof oidc.ResponseBodyError) {
    return new ProviderFailure('provider_error', `It answered "${word(error.error)}".`);
  }
  const code = error instanceof oidc.ClientError ? (error.code ?? '') : '';
  const [failure, reason] = reasons[code] ?? ['provider_response_invalid', 'Its answer is not valid.'];
  return new ProviderFailure(failure, reason, { cause: error });
}
