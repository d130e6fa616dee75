/** Cause and remedy on the page of an error code. */
export interface ErrorHelp {
  /** Typical causes of the error. */
  readonly cause: string;
  /** The remedy for the error, by the caller or an administrator of the app. */
  readonly remedy: string;
}

/** Help for the codes about second factors. */
export const helpOfFactors = {
  mfa_required: {
    cause:
      'The person has a second factor. The password, invitation code or provider was accepted, but no session has ' +
      'started yet.',
    remedy:
      'Ask for the code of one of `factors`, and send it with `mfaToken` to `PUT …/users/sessions/mfa` within ten ' +
      'minutes. Browsers need `credentials: "include"`; other clients send the header `X-Device-Token` of this ' +
      'response.',
  },
  mfa_enrolment_required: {
    cause:
      'The app setting `mfa.policy` is `required` and the person has no second factor, or the session began with a ' +
      'recovery code.',
    remedy:
      'Add a factor with `POST …/users/me/factors/totp`, and confirm it. If the session began with a recovery ' +
      'code, sign in again afterwards.',
  },
  mfa_disabled: {
    cause: 'The app setting `mfa.policy` is `off`.',
    remedy: 'Set `mfa.policy` to `optional` or `required`.',
  },
  factor_not_allowed: {
    cause:
      'The app setting `mfa.factors` does not include the kind of the factor. A mailed code also requires a claimed ' +
      'address, and is refused if a mailed code or a provider was the first factor, or if a mailed code set the ' +
      'password within the last hour.',
    remedy: 'Use another factor. A super admin can allow kinds of factors in the settings.',
  },
  factor_invalid: {
    cause:
      'The code is wrong, older than a minute or already used once, the clock of the phone is wrong, or the factor ' +
      'belongs to another user.',
    remedy:
      'Wait for the next code, at most 30 seconds. If codes stay wrong, set the clock of the phone automatically.',
  },
  factor_not_found: {
    cause: 'The id is not that of a second factor of the caller, or the factor was not confirmed within an hour.',
    remedy: 'List the factors with `GET …/users/me/factors`, or add the factor again.',
  },
  factor_limit_exceeded: {
    cause: 'The user has ten confirmed second factors.',
    remedy: 'Remove one with `DELETE …/users/me/factors/{factorId}`.',
  },
  last_factor: {
    cause: 'The app setting `mfa.policy` is `required`, and the user has no other factor.',
    remedy: 'Add and confirm another factor, then remove this one.',
  },
  policy_locks_you_out: {
    cause:
      'The caller changes `mfa.policy` to `required`, or the policy of an organization, and their own session does ' +
      'not meet the new policy.',
    remedy:
      'Add a second factor of an allowed kind. If you have one already, call `POST …/users/me/reauthentication` ' +
      'with it. Or sign in with an allowed method. Then repeat the call.',
  },
  relying_party_missing: {
    cause: 'The app setting `mfa.relyingParty` is null.',
    remedy:
      'Set it with `PATCH /v1/authorization/apps/settings`: the domain (`id`) and the `origins` of your pages and ' +
      'native apps. Choose the domain with care, because it cannot be changed while the app has passkeys.',
  },
  relying_party_in_use: {
    cause: 'The call changes `mfa.relyingParty.id`, and users of the app have passkeys.',
    remedy:
      'Keep the id, and change only `origins`. Another id is possible only after every passkey of the app is removed.',
  },
  step_up_required: {
    cause:
      'In this session, no second factor was used within the last ten minutes. Some calls require this of ' +
      'everybody, others only of people who have a second factor. Or the organization requires a second factor or ' +
      'a sign-in method that was not used in this session. A password or mailed code is not enough. People with a ' +
      'passkey need the passkey.',
    remedy:
      'Send a factor to `POST …/users/me/reauthentication`. `WWW-Authenticate` names the required strength: ' +
      '`urn:gatehouse:acr:3` is a passkey. Without a second factor, add one. Without a phone, sign in with a ' +
      'recovery code. If `stepUpRequired` has `signInMethods`, sign in with one of them.',
  },
} as const satisfies Readonly<Record<string, ErrorHelp>>;
