import { html, type Html } from '../http/html.ts';
import type { TextName } from '../page-texts/texts.ts';
import type { Problem } from './call-api.ts';
import type { Text } from './layout.ts';

/** The text for a refusal of the API. Texts of the API are never shown, because they are for developers. */
const texts: Readonly<Record<string, TextName>> = {
  validation_failed: 'checkFields',
  invalid_credentials: 'invalidCredentials',
  user_inactive: 'userInactive',
  too_many_attempts: 'tooManyAttempts',
  rate_limited: 'rateLimited',
  sign_in_method_disabled: 'methodDisabled',
  email_already_exists: 'emailTaken',
  password_too_weak: 'weakPassword',
  code_invalid: 'invalidCode',
  factor_invalid: 'invalidFactor',
  unauthenticated: 'signInExpired',
  sign_up_disabled: 'signUpDisabled',
  email_already_verified: 'alreadyVerified',
  current_password_wrong: 'wrongPassword',
  reauthentication_required: 'confirmAgain',
  step_up_required: 'confirmAgain',
  intent_invalid: 'providerFailed',
  idp_not_found: 'providerFailed',
  idp_email_unverified: 'providerUnverified',
  idp_link_required: 'providerLink',
  last_factor: 'lastFactor',
  mfa_disabled: 'factorsOff',
  factor_not_allowed: 'factorNotAllowed',
  relying_party_missing: 'passkeyPlace',
  factor_limit_exceeded: 'tooManyFactors',
  account_unclaimed: 'unclaimed',
  access_denied: 'notAllowed',
  organization_not_found: 'organizationNotFound',
  organization_inactive: 'organizationInactive',
  organization_inactive_state: 'organizationInactive',
  organization_name_taken: 'organizationNameTaken',
  organization_creation_disabled: 'notAllowed',
  organization_limit_reached: 'tooManyOrganizations',
  user_not_found: 'memberNotFound',
  user_not_active: 'personInactive',
  invitation_not_found: 'invitationNotFound',
  invitation_closed: 'invitationNotFound',
  last_owner: 'lastOwner',
  last_super_admin: 'lastSuperAdmin',
  last_sign_in_method: 'lastMethod',
  identity_not_found: 'identityNotFound',
  identity_already_linked: 'identityTaken',
  api_key_not_found: 'keyNotFound',
  api_key_limit_reached: 'tooManyKeys',
  unknown_role: 'unknownRole',
  overloaded: 'problemBusy',
  database_unavailable: 'problemBusy',
  app_not_found: 'problemNotFound',
  route_not_found: 'problemNotFound',
  session_not_found: 'problemNotFound',
  app_inactive: 'problemAppInactive',
  redirect_url_not_allowed: 'problemReturn',
  origin_not_allowed: 'problemOrigin',
};

/** The general texts for other refusals: a faulty request, or a failure of the service. */
export const problemText = ({ code, status, text }: Pick<Problem, 'code' | 'status' | 'text'>): TextName =>
  text ?? texts[code] ?? (status < 500 ? 'problemRequest' : 'problemUnknown');

type Shown = Pick<Problem, 'code' | 'status' | 'text' | 'requestId' | 'retryAfterSeconds'>;

/** The message about a refusal. Refusals by a limit say how long to wait, because `Retry-After` is for programs. */
export function alertOf(problem: Shown, text: Text): Html {
  const { code, status, requestId, retryAfterSeconds = 0 } = problem;
  const minutes = String(Math.ceil(retryAfterSeconds / 60));
  const wait = status === 429 ? html` ${text('minutesToWait', { minutes })}` : html``;
  return html`<p class="alert" role="alert" data-code="${code}">
    ${text(problemText(problem), { requestId })}${wait}
  </p>`;
}

/** The field that a refusal concerns, if the form has one. */
const fieldsOfCodes: Readonly<Record<string, readonly string[]>> = {
  email_already_exists: ['email', 'newEmail'],
  password_too_weak: ['password', 'newPassword'],
  code_invalid: ['code', 'verificationCode'],
  factor_invalid: ['code', 'recoveryCode'],
  current_password_wrong: ['currentPassword'],
  organization_name_taken: ['orgName'],
  unknown_role: ['role'],
};

/** Names of API fields that have another name on pages. */
const names: Readonly<Record<string, string>> = { verificationCode: 'code' };

/** The error text of a field, or undefined if the field has no error. */
export function faultOf(problem: Problem | undefined, field: string): TextName | undefined {
  if (!problem) return undefined;
  if (problem.code !== 'validation_failed') {
    return fieldsOfCodes[problem.code]?.includes(field) ? problemText(problem) : undefined;
  }
  if (!problem.fields.some((name) => name === field || names[name] === field)) return undefined;
  return field === 'email' || field === 'newEmail' ? 'invalidEmail' : 'checkField';
}
