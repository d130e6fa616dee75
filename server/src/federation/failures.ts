/**
 * Why a sign-in through a provider did not succeed: what the front end finds as `error` at its failure URL, with the
 * sentence that goes along. A closed list, and the words are ours: what a provider says could be anybody's.
 */
export const failures = {
  access_denied: 'The sign-in was cancelled at the provider.',
  account_not_allowed: 'Accounts of this kind may not sign in here.',
  provider_unavailable: 'The provider does not answer. Try again later.',
  provider_error: 'The provider reported an error.',
  provider_response_invalid: 'The answer of the provider could not be verified.',
  provider_disabled: 'Signing in by this provider is switched off.',
  state_invalid: 'This sign-in was finished or started again elsewhere. Begin again.',
  intent_expired: 'The sign-in took too long. Begin again.',
} as const;

export type FailureCode = keyof typeof failures;

/** A provider let a sign-in down. `reason` is for the operator: a plain sentence without anything of the answer. */
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
