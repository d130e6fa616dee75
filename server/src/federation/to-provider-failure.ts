import * as oidc from 'openid-client';
import { OutboundError } from '../http/outbound.ts';
import { type FailureCode, ProviderFailure } from './failures.ts';

/** Errors with which a provider reports a temporary problem. @see RFC 6749, section 4.1.2.1 */
const temporary = new Set(['server_error', 'temporarily_unavailable']);

function ofAuthorizationError(error: string): FailureCode {
  if (error === 'access_denied') return 'access_denied';
  return temporary.has(error) ? 'provider_unavailable' : 'provider_error';
}

/** Sanitizes text from a provider: short, and only characters of words. */
const word = (text: string): string => text.replace(/[^\w.-]/g, '').slice(0, 50);

/** The message of the innermost error that this service threw. */
function outboundErrorIn(error: unknown): OutboundError | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) if (inner instanceof OutboundError) return inner;
  return undefined;
}

/** Our texts for the library's errors, by error code. */
const reasons: Readonly<Record<string, readonly [FailureCode, string]>> = {
  OAUTH_RESPONSE_IS_NOT_CONFORM: ['provider_unavailable', 'The provider responded with an unexpected status.'],
  OAUTH_RESPONSE_IS_NOT_JSON: ['provider_unavailable', 'The response of the provider is not JSON.'],
  OAUTH_TIMEOUT: ['provider_unavailable', 'The provider did not respond completely before the timeout.'],
  OAUTH_PARSE_ERROR: ['provider_response_invalid', 'The response of the provider is not valid JSON.'],
  OAUTH_JWT_TIMESTAMP_CHECK_FAILED: [
    'provider_response_invalid',
    'The token has expired, or the clock of the provider is wrong.',
  ],
  OAUTH_JWT_CLAIM_COMPARISON_FAILED: ['provider_response_invalid', 'The token has another issuer or audience.'],
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: ['provider_response_invalid', 'The provider declares another issuer.'],
  OAUTH_KEY_SELECTION_FAILED: ['provider_response_invalid', 'The token is signed with an unknown key.'],
  OAUTH_HTTP_REQUEST_FORBIDDEN: ['provider_response_invalid', 'The provider has a URL that is not https.'],
  OAUTH_MISSING_SERVER_METADATA: ['provider_response_invalid', 'The configuration of the provider is incomplete.'],
  OAUTH_INVALID_SERVER_METADATA: ['provider_response_invalid', 'The configuration of the provider is invalid.'],
};

/** Converts every failure of a provider to texts that are safe for people and the audit. */
export function toProviderFailure(error: unknown): ProviderFailure {
  if (error instanceof ProviderFailure) return error;
  const outbound = outboundErrorIn(error);
  if (outbound) return new ProviderFailure('provider_unavailable', outbound.message, { cause: error });
  if (error instanceof oidc.AuthorizationResponseError) {
    return new ProviderFailure(
      ofAuthorizationError(error.error),
      `The provider responded with the error "${word(error.error)}".`,
    );
  }
  if (error instanceof oidc.ResponseBodyError) {
    return new ProviderFailure('provider_error', `The provider responded with the error "${word(error.error)}".`);
  }
  const code = error instanceof oidc.ClientError ? (error.code ?? '') : '';
  const [failure, reason] = reasons[code] ?? ['provider_response_invalid', 'The response of the provider is invalid.'];
  return new ProviderFailure(failure, reason, { cause: error });
}
