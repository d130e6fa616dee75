/**
 * Reasons why a sign-in through a provider failed: the value of `error` in the failure URL, with its description. A
 * closed list with our own texts, because the text of a provider could come from anyone.
 */
export const failures = {
  access_denied: 'The sign-in was cancelled at the provider.',
  account_not_allowed: 'Accounts of this type are not allowed to sign in here.',
  provider_unavailable: 'The provider did not respond. Try again later.',
  provider_error: 'The provider reported an error.',
  provider_response_invalid: 'The response of the provider could not be verified.',
  provider_disabled: 'Sign-in with this provider is disabled.',
  state_invalid: 'This sign-in was finished or started again elsewhere. Start again.',
  intent_expired: 'The sign-in took too long. Start again.',
} as const;

export type FailureCode = keyof typeof failures;

/**
 * A sign-in failed because of the provider. `reason` is for the operator: a sentence without any part of the response.
 */
export class ProviderFailure extends Error {
  readonly code: FailureCode;
  readonly reason: string;

  constructor(code: FailureCode, reason: string, options?: ErrorOptions) {
    super(`${code}: ${reason}`, options);
    this.name = 'ProviderFailure';
    this.code = code;
    this.reason = reason;
  }
}
