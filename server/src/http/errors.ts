/**
 * The closed list of error codes: status, title and default detail. One code has one status. Problem documents (RFC
 * 9457), the pages at `/errors/<code>` and the OpenAPI document all come from this table.
 */
export const errorCodes = {
  // The request itself
  malformed_request: [400, 'Malformed request', 'The request body is not valid JSON in UTF-8.'],
  validation_failed: [400, 'Validation failed', 'The request is invalid; `errors` lists every invalid field.'],
  app_name_required: [400, 'App name required', 'The X-App-Name header is required.'],
  org_id_required: [400, 'Organization id required', 'The X-Iam-Orgid header is required.'],
  route_not_found: [404, 'Route not found', 'No route has this path.'],
  method_not_allowed: [
    405,
    'Method not allowed',
    'This path does not support this method; the Allow header lists those that it supports.',
  ],
  request_timeout: [408, 'Request timeout', 'The server did not receive the complete request in time.'],
  body_too_large: [413, 'Body too large', 'The body is larger than 256 KiB.'],
  unsupported_media_type: [415, 'Unsupported media type', 'Send the body as application/json.'],
  headers_too_large: [431, 'Headers too large', 'The headers of the request are larger than 16 KiB.'],

  // Idempotency keys
  idempotency_key_reused: [
    422,
    'Idempotency key reused',
    'This Idempotency-Key was already used for a different request; nothing was changed. Use a new key for each ' +
      'request.',
  ],
  idempotency_in_progress: [
    409,
    'Idempotency in progress',
    'A request with this Idempotency-Key is still in progress. Retry shortly with the same key.',
  ],

  // The app and the caller
  app_not_found: [404, 'App not found', 'There is no app of this name.'],
  app_inactive: [403, 'App inactive', 'This app is deactivated.'],
  app_name_taken: [409, 'App name taken', 'An app of this name exists already.'],
  unauthenticated: [401, 'Unauthenticated', 'The credential is missing, wrong, expired or revoked.'],
  reauthentication_required: [
    401,
    'Re-authentication required',
    'This call requires an authentication within the last ten minutes. Re-authenticate with POST ' +
      '/v1/authentication/users/me/reauthentication (current password, mailed code or linked provider), then repeat ' +
      'the call.',
  ],
  session_required: [
    401,
    'Session required',
    'This call needs the session token itself: access tokens are not accepted here.',
  ],
  insufficient_scope: [403, 'Insufficient scope', 'The machine user lacks the scope that this call needs.'],
  network_not_allowed: [403, 'Network not allowed', 'This machine user may not call from this network.'],
  audience_required: [
    400,
    'Audience required',
    'The app setting `audiences` is empty, so no access token can be issued.',
  ],
  audience_not_allowed: [400, 'Audience not allowed', 'The app does not list this audience.'],
  origin_not_allowed: [403, 'Origin not allowed', 'Calls from this origin are not allowed by the app.'],
  access_denied: [403, 'Access denied', 'You can view this resource but are not allowed to perform this action.'],
  human_required: [403, 'Human required', 'This action requires a signed-in person; machine users cannot perform it.'],

  // Users and sessions
  user_not_found: [404, 'User not found', 'There is no such user, or you may not see them.'],
  user_inactive: [403, 'User inactive', 'This user is deactivated, so they cannot sign in.'],
  user_not_active: [
    409,
    'User not active',
    'The target of this call is a user who has not accepted an invitation yet, or is deactivated.',
  ],
  last_super_admin: [
    409,
    'Last super admin',
    'This is the last active super admin of the app. Add another one first; nothing was changed.',
  ],
  email_already_exists: [409, 'E-mail already exists', 'A user with this e-mail address exists already.'],
  email_already_verified: [409, 'E-mail already verified', 'This e-mail address is verified already.'],
  account_unclaimed: [
    403,
    'Account unclaimed',
    'The account is not claimed. Verify its e-mail address first, while signed in.',
  ],
  sign_up_disabled: [403, 'Sign-up disabled', 'This app does not allow self-service sign-up.'],
  sign_in_method_disabled: [403, 'Sign-in method disabled', 'This app does not allow signing in this way.'],
  password_too_weak: [400, 'Password too weak', 'Choose a password that is harder to guess.'],
  current_password_wrong: [403, 'Current password wrong', 'The current password is wrong; nothing was changed.'],
  invalid_credentials: [401, 'Invalid credentials', 'The e-mail address or the password is wrong.'],
  session_not_found: [404, 'Session not found', 'There is no such session, or it is not yours.'],
  code_invalid: [400, 'Code invalid', 'The code is wrong, expired or already used. Request a new code.'],
  redirect_url_not_allowed: [400, 'Redirect URL not allowed', 'The app does not allow this redirect URL.'],
  metadata_limit_exceeded: [400, 'Metadata limit exceeded', 'Metadata can have at most 30 keys; nothing was changed.'],
  metadata_key_reserved: [
    403,
    'Metadata key reserved',
    'Only super admins and machine users can write metadata keys that begin with "app:".',
  ],

  // Second factors
  mfa_required: [
    403,
    'Second factor required',
    'The first factor was correct. Finish the sign-in with PUT /v1/authentication/users/sessions/mfa, with ' +
      '`mfaToken` and one of `factors`.',
  ],
  mfa_enrolment_required: [
    403,
    'Second factor must be added',
    'This app requires a second factor. The session can only add one, verify the address and end itself.',
  ],
  factor_not_allowed: [403, 'Second factor not allowed', 'A second factor of this kind is not allowed here.'],
  mfa_disabled: [403, 'Second factors disabled', 'This app does not use second factors.'],
  factor_invalid: [
    400,
    'Factor invalid',
    'The code of the second factor is wrong, expired or already used. Wait for the next code of the ' +
      'authenticator app.',
  ],
  factor_not_found: [404, 'Factor not found', 'You have no such second factor.'],
  factor_limit_exceeded: [409, 'Factor limit exceeded', 'A user has at most 10 second factors. Remove one first.'],
  last_factor: [
    409,
    'Last factor',
    'This app requires a second factor, and this is the only one. Add another one first; nothing was changed.',
  ],
  policy_locks_you_out: [
    409,
    'Policy locks you out',
    'Your own session does not meet this policy. First use a second factor or sign-in method that the policy allows; ' +
      'nothing was changed.',
  ],
  contrast_too_low: [
    400,
    'Contrast too low',
    'Text in this colour cannot be read on the pages; `nearestColors` has the nearest readable shade.',
  ],
  logo_invalid: [
    400,
    'Logo invalid',
    'Send a PNG, WebP or JPEG that is not animated and not damaged, and has no data after its end.',
  ],
  logo_not_found: [404, 'Logo not found', 'There is no logo.'],
  organization_branding_disabled: [
    403,
    'Organization branding disabled',
    'This app has no branding of organizations. The setting organizationBranding enables it.',
  ],
  relying_party_missing: [
    409,
    'Relying party missing',
    'This app cannot use passkeys yet. A super admin must set `mfa.relyingParty` or `hostedPages` first.',
  ],
  relying_party_in_use: [
    409,
    'Relying party in use',
    'People of this app have passkeys, which work only with the present domain of the app; nothing was changed.',
  ],
  step_up_required: [
    401,
    'Recent second factor required',
    'This call requires a second factor within the last ten minutes. Send one to POST ' +
      '/v1/authentication/users/me/reauthentication, then repeat the call.',
  ],

  // Organizations
  organization_not_found: [404, 'Organization not found', 'There is no such organization, or you may not see it.'],
  organization_inactive: [403, 'Organization inactive', 'This organization is deactivated.'],
  organization_inactive_state: [
    409,
    'Organization must be active',
    'Roles cannot be granted in a deactivated organization. Reactivate the organization first.',
  ],
  organization_name_taken: [409, 'Organization name taken', 'An organization of this name exists already.'],
  precondition_failed: [412, 'Precondition failed', 'The resource has changed since the version in If-Match.'],
  last_owner: [
    409,
    'Last owner',
    'This is the last active owner of the organization. Add another owner first; nothing was changed.',
  ],
  unknown_role: [400, 'Unknown role', 'The organization has no such role.'],
  role_not_found: [404, 'Role not found', 'There is no such role.'],
  role_limit_exceeded: [
    409,
    'Role limit exceeded',
    'An organization can have at most 200 roles, and an app at most 100 predefined ones. The roles of one ' +
      'organization together, and the predefined roles together, can have at most 5,000 permissions and 256 KiB of ' +
      'text. Nothing was changed.',
  ],
  invitation_not_found: [404, 'Invitation not found', 'There is no such invitation, or you may not see it.'],
  invitation_closed: [409, 'Invitation closed', 'The invitation was already accepted or revoked; nothing was changed.'],

  // Machine users
  invalid_client: [401, 'Invalid client', 'The client id or the client secret is wrong.'],
  machine_user_not_found: [404, 'Machine user not found', 'There is no such machine user.'],
  machine_user_name_taken: [409, 'Machine user name taken', 'A machine user of this name exists already.'],
  machine_secret_not_found: [404, 'Machine secret not found', 'The machine user has no such secret.'],
  machine_secret_limit_exceeded: [409, 'Machine secret limit exceeded', 'A machine user has at most 5 secrets.'],
  api_key_not_found: [404, 'API key not found', 'There is no such API key, or it is not yours.'],
  api_key_limit_reached: [
    409,
    'API key limit reached',
    'An organization has at most 100 API keys, and a person at most 20 personal ones. Revoke one first.',
  ],
  machine_user_limit_exceeded: [
    409,
    'Machine user limit exceeded',
    'An organization has at most 100 machine users; nothing was changed.',
  ],
  organization_creation_disabled: [
    403,
    'Organization creation disabled',
    'In this app, people cannot create organizations. The setting usersMayCreateOrganizations allows it.',
  ],
  organization_limit_reached: [
    409,
    'Organization limit reached',
    'You have created as many organizations as the app allows; nothing was changed.',
  ],
  organization_machine_users_disabled: [
    403,
    'Organization machine users disabled',
    'This app has no machine users of organizations. The setting organizationMachineUsers enables them.',
  ],

  // Identity providers
  idp_not_found: [404, 'Identity provider not found', 'There is no such identity provider.'],
  idp_limit_exceeded: [409, 'Identity provider limit exceeded', 'An app has at most 50 identity providers.'],
  idp_discovery_failed: [
    400,
    'Identity provider not usable',
    'The discovery document could not be read, or the provider does not support the authorization code flow.',
  ],
  idp_email_unverified: [
    403,
    'E-mail not verified by the provider',
    'The provider did not confirm a verified e-mail address, so the account cannot be identified. Sign in with ' +
      'another method and link the provider.',
  ],
  idp_link_required: [
    403,
    'Link required',
    'The provider cannot be linked to this account automatically. Sign in with another method and link the provider.',
  ],
  intent_invalid: [
    400,
    'Intent invalid',
    'This sign-in through a provider is unknown, already used, expired or belongs to someone else. Start again.',
  ],
  identity_not_found: [404, 'Identity not found', 'You have no such identity.'],
  identity_already_linked: [409, 'Identity already linked', 'This identity is linked to another account.'],
  last_sign_in_method: [
    409,
    'Last sign-in method',
    'This is the only sign-in method of the account. Set a password by a password reset first; nothing was changed.',
  ],

  // Limits
  rate_limited: [429, 'Rate limited', 'Too many requests. Retry after the interval in the Retry-After header.'],
  too_many_attempts: [
    429,
    'Too many attempts',
    'Too many failed sign-ins. Try again later, sign in from a device that was used before, or reset the password.',
  ],

  // The service
  prefetch_refused: [503, 'Prefetch refused', 'This page cannot be prefetched, because loading it changes data.'],
  overloaded: [503, 'Overloaded', 'The service is at capacity. Retry after the interval in the Retry-After header.'],
  database_unavailable: [
    503,
    'Database unavailable',
    'The database is not available. Retry after the interval in the Retry-After header.',
  ],
  database_busy: [
    503,
    'Database busy',
    'The database took too long. Nothing was changed. Retry after the interval in the Retry-After header.',
  ],
  storage_full: [503, 'Storage full', 'The storage of the database is full. Nothing was changed.'],
  outcome_unknown: [
    503,
    'Outcome unknown',
    'The database did not confirm the change, so it may or may not have been made. Read the resource, or repeat the ' +
      'call with the same Idempotency-Key.',
  ],
  internal_error: [
    500,
    'Internal error',
    'The service failed unexpectedly. Include the request id when you report this error.',
  ],
} as const satisfies Record<string, readonly [status: number, title: string, detail: string]>;

/** A stable, machine-readable error name. */
export type ErrorCode = keyof typeof errorCodes;

/** One validation error: a JSON pointer that begins with the part of the request, and a message. */
export interface Fault {
  /** E.g. `/body/metadata/plan`, `/query/pageSize`, `/path/orgId`. */
  pointer: string;
  message: string;
}

/** The target of a refused call, for its security event. */
interface About {
  readonly target: { readonly kind: string; readonly id: string | null };
  readonly orgId?: string | undefined;
}

interface ApiErrorOptions extends ErrorOptions {
  /** Target of the refused call, for the security event. Ids only; never part of the response. */
  about?: About;
  /** Whether the access layer denied the call, even if the code reports something else, such as a missing target. */
  isDenial?: boolean;
  /** A sentence for the caller. Must not contain confidential data. */
  detail?: string;
  faults?: readonly Fault[];
  headers?: Readonly<Record<string, string>>;
  /** Further members of the problem document. @see RFC 9457, section 3.2 */
  members?: Readonly<Record<string, unknown>>;
  retryAfterInSeconds?: number;
}

/**
 * Refuses a call. The response has code, title and detail; only the log has `cause`.
 *
 * @example
 * throw new ApiError('unknown_role', { detail: 'The organization has no role "writer".' });
 */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: string;
  readonly faults: readonly Fault[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly about: About | undefined;
  readonly isDenial: boolean;
  readonly members: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, options: ApiErrorOptions = {}) {
    const [status, , detail] = errorCodes[code];
    super(`${code}: ${options.detail ?? detail}`, options);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
    this.detail = options.detail ?? detail;
    this.faults = options.faults;
    this.about = options.about;
    this.isDenial = options.isDenial ?? false;
    this.members = options.members;
    this.headers = {
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
      ...options.headers,
      ...((status === 503 || status === 429) && { 'retry-after': String(options.retryAfterInSeconds ?? 1) }),
    };
  }
}

/** A problem document. @see RFC 9457, section 3 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  requestId: string;
  errors?: readonly Fault[];
}

/** Converts an error to the problem document of the response. */
export function toProblem(error: ApiError, requestId: string, publicUrl: string): Problem {
  return {
    type: `${publicUrl}/errors/${error.code}`,
    title: errorCodes[error.code][1],
    status: error.status,
    detail: error.detail,
    code: error.code,
    requestId,
    ...(error.faults && { errors: error.faults }),
    ...error.members,
  };
}
