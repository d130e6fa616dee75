import type { ErrorCode } from './errors.ts';

/** What the page of an error code says beside its meaning. */
export interface ErrorHelp {
  /** What usually causes the error. */
  readonly cause: string;
  /** How the caller, or an administrator of the app, mends it. */
  readonly remedy: string;
}

/** Help for each code of `errorCodes`; a code without help does not compile. */
export const errorHelp: Readonly<Record<ErrorCode, ErrorHelp>> = {
  // The request itself
  malformed_request: {
    cause: 'The body is cut off, is not JSON, or is not UTF-8. Shells often change quotes in JSON.',
    remedy: 'Serialize the body with a JSON library and let the HTTP library compute `Content-Length`.',
  },
  validation_failed: {
    cause: 'A field is missing, misspelt, of another type, or out of range. Unknown fields are faults, too.',
    remedy: 'Read `errors`: each `pointer` names the field and each `message` says what it must be.',
  },
  app_name_required: {
    cause: 'The header `X-App-Name` is missing or empty. Some proxies and browsers drop headers that are not allowed.',
    remedy:
      'Send `X-App-Name: <app>` with every call. The first start of a development service creates the app `demo`.',
  },
  org_id_required: {
    cause: 'The call addresses the users of one organization, and the header `X-Iam-Orgid` is missing.',
    remedy: 'Send `X-Iam-Orgid: <orgId>`. `GET /v1/authorization/organizations` lists the ids.',
  },
  route_not_found: {
    cause:
      'The path is misspelt or lacks `/v1`, or the feature is switched off: `/v1/platform` without ' +
      '`PLATFORM_KEY`, `/metrics` and `/dev/mailbox` in production.',
    remedy: 'Compare the path with the reference at `/docs`. Ask the operator about features that are switched off.',
  },
  method_not_allowed: {
    cause: 'The path exists under another method, often `PATCH` instead of `PUT`.',
    remedy: 'Use a method of the `Allow` header.',
  },
  prefetch_refused: {
    cause:
      'A browser or a preview loaded the link ahead of time (`Sec-Purpose: prefetch`), and following the ' +
      'link changes something.',
    remedy: 'Nothing is to be done: the link works when the person follows it. Do not prefetch links of sign-ins.',
  },
  request_timeout: {
    cause: 'The connection is slow, or the client announced more bytes than it sent.',
    remedy: 'Send the request again. Check `Content-Length` if it happens every time.',
  },
  body_too_large: {
    cause: 'The body has more than 256 KiB, usually because of large metadata or many items.',
    remedy: 'Send less in one call, and keep large data in a store of your own.',
  },
  unsupported_media_type: {
    cause: 'The header `Content-Type` is missing or is that of a form, as with `curl -d` and no header.',
    remedy: 'Send `Content-Type: application/json` with a JSON body.',
  },
  headers_too_large: {
    cause: 'Cookies of other applications on the same host add up, or a token was repeated in several headers.',
    remedy: 'Delete cookies that the host does not need, or give the service a host name of its own.',
  },

  // Idempotency keys
  idempotency_key_reused: {
    cause: 'A client uses one `Idempotency-Key` for two different requests, for example a constant.',
    remedy: 'Make a random key for each request, and use it again only to repeat that same request.',
  },
  idempotency_in_progress: {
    cause: 'A client repeated the request before the first one was answered.',
    remedy: 'Wait a second, then send the same request with the same key.',
  },

  // The app and the caller
  app_not_found: {
    cause: 'The name in `X-App-Name` is misspelt, or the app is on another deployment.',
    remedy: 'Check the name and the address of the service. The operator lists apps with `GET /v1/platform/apps`.',
  },
  app_inactive: {
    cause: 'The operator deactivated the app.',
    remedy: 'Ask the operator, who reactivates it with `PATCH /v1/platform/apps/{name}`.',
  },
  app_name_taken: {
    cause: 'The app was created before, perhaps by an earlier attempt of the same script.',
    remedy: 'Use the existing app, or choose another name.',
  },
  unauthenticated: {
    cause:
      'No credential was sent, the session ended, the token expired or is for another app or audience, ' +
      'or a secret was revoked.',
    remedy: 'Sign in again, or request a new machine token. Check that `X-App-Name` names the app of the credential.',
  },
  reauthentication_required: {
    cause:
      'The session is good, but its person signed in or re-authenticated more than ten minutes ago, and ' +
      'the operation is one that a stolen session must not reach.',
    remedy:
      'Ask the person for a proof, send it to `POST /v1/authentication/users/me/reauthentication` (the ' +
      'current password, a code from `POST …/users/me/reauthentication-request`, or a round trip to a ' +
      'linked provider), and repeat the call.',
  },
  session_required: {
    cause:
      'The Bearer is an access token of a person. Such tokens read and act in organizations; they never reach ' +
      'sessions, passwords, addresses, phone numbers, sign-in methods, keys, machine users, exports or ' +
      'deletion.',
    remedy: 'Make the call with the session token (`gh_s_…`) or the session cookie, from a page of your own.',
  },
  audience_required: {
    cause: 'An access token was asked for, and the app’s setting `audiences` is empty.',
    remedy:
      'As a super admin list the services that tokens are for: `PATCH /v1/authorization/apps/settings` with ' +
      '`audiences`.',
  },
  audience_not_allowed: {
    cause: 'The audience is misspelt, or the app’s setting `audiences` lacks it. Entries are compared as they are.',
    remedy: 'Ask for an audience of the list, or have a super admin add it to `audiences`.',
  },
  origin_not_allowed: {
    cause:
      'A web page whose origin is not in `allowedOrigins` called with a cookie. `http://localhost:4000` and ' +
      '`http://127.0.0.1:4000` are different origins.',
    remedy:
      'A super admin adds the exact origin (scheme, host and port) to the setting `allowedOrigins`. Or ' +
      'open the page under the name that is listed. The log of the service names the origin.',
  },
  access_denied: {
    cause: 'The caller is a member, and the action is for managers, owners, super admins or machine users.',
    remedy: 'The reference names who may call each operation. An owner or super admin can give the role.',
  },
  human_required: {
    cause: 'A machine token was sent to an operation about the person who is signed in, such as `GET users/me`.',
    remedy: 'Send the session token of the person. To check it as a backend use `POST token/introspection`.',
  },

  // Users and sessions
  user_not_found: {
    cause: 'The id is wrong or of another app, the user was deleted, or the caller is in no organization with them.',
    remedy: 'Check the id and the app. Invite people by e-mail address instead of adding them by id.',
  },
  user_inactive: {
    cause: 'A super admin or a backend deactivated the user.',
    remedy: 'A super admin reactivates them with `POST users/{userId}/reactivate`.',
  },
  user_not_active: {
    cause: 'The user was invited and did not accept yet, or is deactivated.',
    remedy: 'Invite them by e-mail address, or reactivate them first.',
  },
  last_super_admin: {
    cause: 'The change would leave the app without an active super admin.',
    remedy: 'Make somebody else a super admin first, and let them accept.',
  },
  email_already_exists: {
    cause: 'The person has an account already, perhaps one that a sign-in by a provider created.',
    remedy: 'Let them sign in, or reset the password. Their mailbox gets a mail that says so.',
  },
  email_already_verified: {
    cause: 'The address was verified by another mail, in another window, or by a provider.',
    remedy: 'Nothing is to be done. Read the user again.',
  },
  account_unclaimed: {
    cause: 'A code was requested for an address that was never verified in a session of the account.',
    remedy: 'Verify the address while signed in, or re-authenticate with the current password.',
  },
  sign_up_disabled: {
    cause: 'The setting `signUpEnabled` of the app is false: people come in by invitation only.',
    remedy: 'Invite the person, or a super admin sets `signUpEnabled` to true.',
  },
  password_too_weak: {
    cause: 'The password is too short, is common, or is the e-mail address or name.',
    remedy: 'Show `detail` to the person. A password has 10 to 128 characters and needs no special ones.',
  },
  current_password_wrong: {
    cause: 'The person mistyped the password, or has none because they sign in by a provider.',
    remedy: 'Ask again, or let them re-authenticate by a mailed code or a provider.',
  },
  invalid_credentials: {
    cause:
      'The password or address is wrong, there is no account in this app, or the person was invited and ' +
      'has not accepted.',
    remedy: 'Check `X-App-Name`, let the person try again, or offer a password reset.',
  },
  session_not_found: {
    cause: 'The session ended already, or belongs to another user.',
    remedy: 'List the sessions with `GET users/me/sessions`.',
  },
  code_invalid: {
    cause:
      'The code is of an older mail, was used, expired, was mistyped too often, or is for another purpose or address.',
    remedy: 'Request a new mail and use its code. In development the mailbox is at `/dev/mailbox`.',
  },
  redirect_url_not_allowed: {
    cause:
      'The target is not in `redirectUrls`. What a person names must match an entry with its path: a ' +
      'bare origin is for super admins, machine users and default templates.',
    remedy:
      'A super admin adds the entry that `detail` names to the setting `redirectUrls`. End it in `?*` if ' +
      'the page takes parameters of its own.',
  },
  metadata_limit_exceeded: {
    cause: 'The change would leave more than 30 keys.',
    remedy: 'Remove keys by setting them to `null`, or keep the data in a store of your own.',
  },
  metadata_key_reserved: {
    cause: 'A person tried to write a key that begins with `app:`.',
    remedy: 'Choose another key, or let your backend write it as a machine user.',
  },

  // Organizations
  organization_not_found: {
    cause: 'The id is wrong or of another app, the organization was deleted, or the caller is not in it.',
    remedy: 'List the organizations that the caller sees with `GET /v1/authorization/organizations`.',
  },
  organization_inactive: {
    cause: 'A super admin or a backend deactivated the organization.',
    remedy: 'A super admin reactivates it with `POST organizations/{orgId}/reactivate`.',
  },
  organization_inactive_state: {
    cause: 'The call grants a role or sends an invitation in a deactivated organization.',
    remedy: 'Reactivate the organization, then grant.',
  },
  organization_name_taken: {
    cause: 'Another organization of the app has this name. Case and repeated spaces do not count.',
    remedy: 'Choose another name.',
  },
  precondition_failed: {
    cause: 'Somebody else changed the organization after you read it.',
    remedy: 'Read it again, apply your change to the new version, and send its `ETag` in `If-Match`.',
  },
  last_owner: {
    cause: 'The change would leave the organization without an active owner. Invited owners do not count.',
    remedy: 'Add another owner and let them accept first.',
  },
  unknown_role: {
    cause: 'The role is misspelt, is of another organization, or lacks the prefix `global:`.',
    remedy: 'List the roles with `GET organizations/{orgId}/roles`, or add the role with `PUT`.',
  },
  role_not_found: {
    cause: 'The role was deleted already, or the key is misspelt.',
    remedy: 'List the roles of the organization or the predefined roles of the app.',
  },
  role_limit_exceeded: {
    cause: 'Roles are created for each person or resource.',
    remedy: 'Delete roles that are not used, and express single rights as permissions.',
  },
  invitation_not_found: {
    cause:
      'The id is of another organization, the invitation was superseded, or a manager asked for one to a manager role.',
    remedy: 'List the invitations with `GET organizations/{orgId}/invitations`.',
  },
  invitation_closed: {
    cause: 'The person accepted meanwhile, or somebody revoked the invitation.',
    remedy: 'Read the invitation again. Invite once more if it was revoked.',
  },

  // Machine users
  invalid_client: {
    cause: 'The secret was copied incompletely, was deleted or expired, or belongs to another app.',
    remedy: 'Check `X-App-Name`. A super admin creates a new secret with `POST machine-users/{id}/secrets`.',
  },
  machine_user_not_found: {
    cause: 'The machine user was deleted, or the id is of another app.',
    remedy: 'List them with `GET /v1/authorization/machine-users`.',
  },
  machine_user_name_taken: {
    cause: 'A machine user of this name exists. Case does not count.',
    remedy: 'Add a secret to the existing machine user, or choose another name.',
  },
  machine_secret_not_found: {
    cause: 'The secret was deleted already, or is of another machine user.',
    remedy: 'List the machine users; each names its secrets.',
  },
  machine_secret_limit_exceeded: {
    cause: 'Secrets were added at each rotation and never deleted.',
    remedy: 'Delete secrets that are not used; `lastUsedAt` names them.',
  },

  // Identity providers
  idp_not_found: {
    cause: 'The provider was deleted or switched off, or the id is of another app.',
    remedy: 'Read the usable providers from `GET apps/metadata`.',
  },
  idp_limit_exceeded: {
    cause: 'An app has 50 identity providers already.',
    remedy: 'Delete providers that are not used.',
  },
  idp_discovery_failed: {
    cause:
      'The issuer is misspelt, is not reachable from the service, answers with another issuer, or offers no code flow.',
    remedy: 'Open `<issuer>/.well-known/openid-configuration`: its `issuer` must equal the value that you send.',
  },
  idp_email_unverified: {
    cause:
      'The provider does not say that it verified the address: `email_verified`, for Microsoft ' +
      '`xms_edov`, or `trustEmail` is missing.',
    remedy: 'Configure the claim at the provider, or let the person sign in otherwise and link the provider.',
  },
  idp_link_required: {
    cause: 'The account is that of a super admin, or has another identity of this provider.',
    remedy: 'Sign in with the password and link the provider while signed in.',
  },
  intent_invalid: {
    cause:
      'The sign-in took longer than ten minutes, was finished already, came back in another browser, or ' +
      'its `codeVerifier` is missing.',
    remedy: 'Begin again with `POST idp/intents/create`. Keep the verifier in the tab that began.',
  },
  identity_not_found: {
    cause: 'The identity was unlinked already, or is of another user.',
    remedy: 'List them with `GET users/me/identities`.',
  },
  identity_already_linked: {
    cause: 'The person has two accounts, and the provider is linked to the other one.',
    remedy: 'Sign in to the other account and unlink the identity there.',
  },
  last_sign_in_method: {
    cause: 'The account has no password and no other identity.',
    remedy: 'Set a password by a password reset, then unlink.',
  },

  // Limits
  rate_limited: {
    cause: 'A script repeats a call without a pause, or all users of a backend share its address.',
    remedy:
      'Wait for the seconds in `Retry-After`. List backends in `trustedBackends` and send ' +
      '`X-End-User-Ip`; a super admin changes `limits`.',
  },
  too_many_attempts: {
    cause: 'Somebody guesses the password, or a program keeps an old one.',
    remedy: 'Sign in from a device that was used before, or reset the password: that clears the count.',
  },

  // The service
  overloaded: {
    cause: 'More passwords are to be hashed than the machine can, or the service is starting.',
    remedy: 'Send the request again after `Retry-After`. The operator adds processes or raises `HASH_CONCURRENCY`.',
  },
  database_unavailable: {
    cause: 'The database restarts, is not reachable, or has not the schema of this version.',
    remedy: 'Send the request again after `Retry-After`. The operator looks at the log and at `/readyz`.',
  },
  database_busy: {
    cause:
      'Something holds a lock for more than 5 seconds, a statement takes more than 20, or all connections are in use.',
    remedy:
      'Send the request again after `Retry-After`: nothing was changed. The operator looks for the lock ' +
      'in the log and in `pg_stat_activity`.',
  },
  storage_full: {
    cause: 'The disk of the database is full.',
    remedy: 'The operator makes room. Until then calls that only read are answered, and `/readyz` says 503.',
  },
  outcome_unknown: {
    cause: 'The connection to the database broke after the change had been sent and before the database confirmed it.',
    remedy:
      'Read the resource to see whether it was changed, or repeat the call with the same ' +
      '`Idempotency-Key`: then it is done once.',
  },
  internal_error: {
    cause: 'A fault of the service. The log has its cause under the request id.',
    remedy: 'Report `requestId` to the operator. Repeat a creating call with the same `Idempotency-Key` only.',
  },
};
