import { helpOfBranding } from './error-help-branding.ts';
import { type ErrorHelp, helpOfFactors } from './error-help-factors.ts';
import { helpOfProviders } from './error-help-providers.ts';
import type { ErrorCode } from '../http/errors.ts';

/** Help for each code of `errorCodes`; a code without help does not compile. */
export const errorHelp: Readonly<Record<ErrorCode, ErrorHelp>> = {
  ...helpOfFactors,

  // The request itself
  malformed_request: {
    cause: 'The body is truncated, is not JSON, or is not UTF-8. A shell may have removed quotes from the JSON.',
    remedy: 'Serialize the body with a JSON library and let the HTTP library compute `Content-Length`.',
  },
  validation_failed: {
    cause: 'A field is missing, misspelt, of the wrong type, or out of range. Unknown fields are invalid, too.',
    remedy: 'Read `errors`: each `pointer` names the field and each `message` says what it must be.',
  },
  app_name_required: {
    cause: 'The header `X-App-Name` is missing or empty. Some proxies remove unknown headers.',
    remedy:
      'Send `X-App-Name: <app>` with every call. The first start of a development service creates the app `demo`.',
  },
  org_id_required: {
    cause: 'The call is about the users of one organization, but the header `X-Iam-Orgid` is missing.',
    remedy: 'Send `X-Iam-Orgid: <orgId>`. `GET /v1/authorization/organizations` lists the ids.',
  },
  route_not_found: {
    cause:
      'The path is misspelt or lacks `/v1`, or the endpoint is disabled. `/v1/platform` requires `PLATFORM_KEY`. In ' +
      'production, `/metrics` requires `METRICS_TOKEN` or a separate port, and there is no `/dev/mailbox`.',
    remedy: 'Compare the path with the reference at `/docs`. Ask the operator whether the endpoint is enabled.',
  },
  method_not_allowed: {
    cause: 'The path supports other methods only, for example `PATCH` but not `PUT`.',
    remedy: 'Use one of the methods in the `Allow` header.',
  },
  prefetch_refused: {
    cause:
      'A browser or a link preview loaded the page ahead of time (`Sec-Purpose: prefetch`), and loading the page ' +
      'changes data.',
    remedy: 'No action is needed: the link works when the person follows it. Do not prefetch sign-in links.',
  },
  request_timeout: {
    cause: 'The connection is slow, or the client announced more bytes than it sent.',
    remedy: 'Send the request again. If the error persists, check `Content-Length`.',
  },
  ...helpOfBranding,
  ...helpOfProviders,
  body_too_large: {
    cause: 'The body has more than 256 KiB, usually because of large metadata or many items.',
    remedy: 'Send less data in one call. Keep large data in your own database.',
  },
  unsupported_media_type: {
    cause: 'The header `Content-Type` is missing, or names a form type, as `curl -d` does by default.',
    remedy: 'Send `Content-Type: application/json` with a JSON body.',
  },
  headers_too_large: {
    cause: 'Other applications on the same host set many cookies, or the client sends a token in several headers.',
    remedy: 'Delete unneeded cookies, or serve Gatehouse under a separate host name.',
  },

  // Idempotency keys
  idempotency_key_reused: {
    cause: 'The client sent the same `Idempotency-Key` with two different requests. The key may be a constant.',
    remedy: 'Generate a random key for each request. Reuse the key only to repeat that request.',
  },
  idempotency_in_progress: {
    cause: 'The client repeated the request before it received the first response.',
    remedy: 'Wait a second, then send the same request with the same key.',
  },

  // The app and the caller
  app_not_found: {
    cause: 'The name in `X-App-Name` is misspelt, or the app belongs to another deployment.',
    remedy: 'Check the name and the address of the service. The operator lists apps with `GET /v1/platform/apps`.',
  },
  app_inactive: {
    cause: 'The operator deactivated the app.',
    remedy: 'Ask the operator to reactivate the app with `PATCH /v1/platform/apps/{name}`.',
  },
  app_name_taken: {
    cause: 'The app already exists. An earlier run of the same script may have created it.',
    remedy: 'Use the existing app, or choose another name.',
  },
  unauthenticated: {
    cause:
      'The request has no credential, the session or token expired or was revoked, or the token is for another app ' +
      'or audience.',
    remedy: 'Sign in again, or request a new machine token. Check that `X-App-Name` names the app of the credential.',
  },
  reauthentication_required: {
    cause:
      'The session is valid, but its user authenticated more than ten minutes ago. Sensitive operations require a ' +
      'recent authentication, so that a stolen session cannot perform them.',
    remedy:
      'Ask the user to re-authenticate, then repeat the call. `POST /v1/authentication/users/me/reauthentication` ' +
      'accepts the current password, a code from `POST …/users/me/reauthentication-request`, or a completed sign-in ' +
      'with a linked provider.',
  },
  session_required: {
    cause:
      'The Bearer token is an access token of a person. Access tokens can read data, and can change organizations, ' +
      'members, invitations and roles. Everything else requires the session token: sessions, passwords, addresses, ' +
      'phone numbers, sign-in methods, keys, machine users, changes of settings, and the export and deletion of ' +
      'accounts and organizations.',
    remedy:
      'Make the call with the session token (`gh_s_…`), or with the session cookie from a page of an allowed origin.',
  },
  insufficient_scope: {
    cause:
      'The machine user lacks a scope that the operation requires. The scopes are read from the machine user, not ' +
      'from the token.',
    remedy:
      '`WWW-Authenticate` names the missing scope. A super admin can add it to `scopes` with `PATCH ' +
      '…/machine-users/{id}`.',
  },
  network_not_allowed: {
    cause:
      'The machine user has `allowedNetworks`, and the client address is not in these networks, or a proxy replaces ' +
      'the address.',
    remedy: 'Call from an allowed network, check `TRUST_PROXY`, or have a super admin change `allowedNetworks`.',
  },
  audience_required: {
    cause: 'The app setting `audiences` is empty, so the app cannot issue access tokens.',
    remedy:
      'A super admin must add the audience to the setting `audiences` with `PATCH /v1/authorization/apps/settings`.',
  },
  audience_not_allowed: {
    cause: 'The audience is misspelt, or the app setting `audiences` lacks it. Audiences must match an entry exactly.',
    remedy: 'Request an audience that is listed, or ask a super admin to add the audience to `audiences`.',
  },
  origin_not_allowed: {
    cause:
      'A web page sent a cookie, but its origin is not in `allowedOrigins`. `http://localhost:4000` and ' +
      '`http://127.0.0.1:4000` are different origins.',
    remedy:
      'Ask a super admin to add the exact origin (scheme, host and port) to the setting `allowedOrigins`, or open ' +
      'the page under an origin that is listed. The log of the service has the refused origin.',
  },
  access_denied: {
    cause: 'The role of the caller does not allow the action, for example because it is reserved for owners.',
    remedy: 'The reference lists the allowed callers of each operation. Ask an owner or super admin for the role.',
  },
  human_required: {
    cause: 'The call has a machine token, but the operation is about the signed-in person, for example `GET users/me`.',
    remedy: 'Send the session token of the person. To validate a token in a backend, use `POST token/introspection`.',
  },

  // Users and sessions
  user_not_found: {
    cause: 'The id is wrong or belongs to another app, the user was deleted, or the caller may not see the user.',
    remedy: 'Check the id and the app. Invite people by e-mail address instead of adding them by id.',
  },
  user_inactive: {
    cause:
      'The person who signs in was deactivated by a super admin or a machine user. If another user of the call is ' +
      'not active, the code is `user_not_active`.',
    remedy: 'Ask a super admin to reactivate the user with `POST users/{userId}/reactivate`.',
  },
  user_not_active: {
    cause:
      'The user whom the call would change has not accepted an invitation yet, or is deactivated. If the person who ' +
      'signs in is deactivated, the code is `user_inactive`.',
    remedy: 'Invite by e-mail address instead of assigning by id, or reactivate the user first.',
  },
  last_super_admin: {
    cause: 'The change would leave the app without an active super admin.',
    remedy: 'Add another super admin first, and wait until they have accepted.',
  },
  email_already_exists: {
    cause: 'An account with this address exists. Sign-in with an identity provider also creates accounts.',
    remedy: 'Ask the person to sign in or to reset the password. They get a mail with this advice.',
  },
  email_already_verified: {
    cause: 'The address was verified with another mail, in another window, or by an identity provider.',
    remedy: 'No action is needed. Read the user again.',
  },
  account_unclaimed: {
    cause:
      'This account has not been claimed yet. A claimed account is needed to re-authenticate with a mailed code, ' +
      'to add a second factor for the first time, and to create an organization.',
    remedy: 'Verify the address while signed in. To re-authenticate, the current password is enough.',
  },
  sign_up_disabled: {
    cause: 'The app setting `signUpEnabled` is false: accounts are created by invitation only.',
    remedy: 'Invite the person, or ask a super admin to set `signUpEnabled` to true.',
  },
  sign_in_method_disabled: {
    cause:
      'The app setting `signInMethods` does not include the method: `password`, `emailCode`, `passkey` or `provider`.',
    remedy:
      'Read `signInMethods` from `GET …/apps/metadata` and offer only these methods, or ask a super admin to add the ' +
      'method to the setting.',
  },
  password_too_weak: {
    cause: 'The password is too short, is common, equals the e-mail address or name, or appeared in a data breach.',
    remedy: 'Show `detail` to the person. A password has 10 to 128 characters; special characters are not required.',
  },
  current_password_wrong: {
    cause: 'The password was mistyped, or the account has none because its user signs in with a provider.',
    remedy: 'Ask again, or offer re-authentication with a mailed code or a provider.',
  },
  invalid_credentials: {
    cause: 'The password or address is wrong, this app has no such account, or the invitation was not accepted yet.',
    remedy: 'Check `X-App-Name`, let the person try again, or offer a password reset.',
  },
  session_not_found: {
    cause: 'The session ended already, or belongs to another user.',
    remedy: 'List the sessions with `GET users/me/sessions`.',
  },
  code_invalid: {
    cause:
      'The code was replaced by a newer mail, already used, expired, mistyped too often, or sent for another purpose ' +
      'or address.',
    remedy: 'Request a new mail and use the code in it. In development, mails are at `/dev/mailbox`.',
  },
  redirect_url_not_allowed: {
    cause:
      'The URL does not match the setting `redirectUrls`. A URL sent by a person must match an entry including its ' +
      'path. Entries without a path apply only to super admins, machine users and the app’s own URL ' +
      'templates.',
    remedy:
      'Ask a super admin to add the entry that `detail` suggests to the setting `redirectUrls`. If the page has ' +
      'query parameters of its own, end the entry with `?*`.',
  },
  metadata_limit_exceeded: {
    cause: 'The change would leave more than 30 keys.',
    remedy: 'Remove keys by setting them to `null`, or keep the data in your own database.',
  },
  metadata_key_reserved: {
    cause: 'A person who is not a super admin tried to write a key that begins with `app:`.',
    remedy: 'Choose another key, or let a machine user write the key.',
  },

  // Organizations
  organization_not_found: {
    cause: 'The id is wrong or belongs to another app, the organization was deleted, or the caller is not a member.',
    remedy: '`GET /v1/authorization/organizations` lists the organizations that the caller may see.',
  },
  organization_inactive: {
    cause: 'A super admin or a machine user deactivated the organization.',
    remedy: 'Ask a super admin to reactivate it with `POST organizations/{orgId}/reactivate`.',
  },
  organization_inactive_state: {
    cause: 'The call grants a role or sends an invitation in a deactivated organization.',
    remedy: 'Reactivate the organization, then repeat the call.',
  },
  organization_creation_disabled: {
    cause: 'The app setting `usersMayCreateOrganizations` is false, as it is by default.',
    remedy: 'A super admin creates the organization with `POST …/organizations/setup`, or sets the setting to true.',
  },
  organization_limit_reached: {
    cause: 'The user has created `organizationsPerUser` organizations. Those that were deleted do not count.',
    remedy: 'A super admin raises `organizationsPerUser`, deletes one of these organizations, or sets up the new one.',
  },
  organization_name_taken: {
    cause: 'Another organization of the app has this name. Names are compared without case and repeated spaces.',
    remedy: 'Choose another name.',
  },
  precondition_failed: {
    cause: 'The organization was changed after you read it.',
    remedy: 'Read the organization again, apply your change to the new version, and send its `ETag` in `If-Match`.',
  },
  last_owner: {
    cause: 'The change would leave the organization without an active owner. Invited owners do not count.',
    remedy: 'Add another owner first, and wait until they have accepted.',
  },
  unknown_role: {
    cause: 'The role key is misspelt, belongs to another organization, or lacks the prefix `global:`.',
    remedy: 'List the roles with `GET organizations/{orgId}/roles`, or add the role with `PUT`.',
  },
  role_not_found: {
    cause: 'The role was already deleted, or its key is misspelt.',
    remedy: 'List the roles of the organization or the predefined roles of the app.',
  },
  role_limit_exceeded: {
    cause:
      'The number of roles, or the number or size of all their permissions, is at its limit. A typical reason is a ' +
      'separate role for each person, or a separate permission for each resource.',
    remedy: 'Delete unused roles, combine roles that differ in few permissions, or shorten permissions.',
  },
  invitation_not_found: {
    cause:
      'The id belongs to another organization, or the invitation was superseded, or a manager tried to read an ' +
      'invitation of an owner or manager.',
    remedy: 'List the invitations with `GET organizations/{orgId}/invitations`.',
  },
  invitation_closed: {
    cause: 'The invitation was accepted or revoked in the meantime.',
    remedy: 'Read the invitation again. If it was revoked, send a new invitation.',
  },

  // Machine users
  invalid_client: {
    cause: 'The secret is incomplete, was deleted, expired, or belongs to another app.',
    remedy: 'Check `X-App-Name`. A super admin can create a new secret with `POST machine-users/{id}/secrets`.',
  },
  machine_user_not_found: {
    cause: 'The machine user was deleted, or the id belongs to another app.',
    remedy: '`GET /v1/authorization/machine-users` lists the machine users.',
  },
  machine_user_name_taken: {
    cause: 'A machine user with this name exists. Names are compared without case.',
    remedy: 'Add a secret to the existing machine user, or choose another name.',
  },
  machine_secret_not_found: {
    cause: 'The secret was already deleted, or belongs to another machine user.',
    remedy: 'List the machine users; the list includes the ids of their secrets.',
  },
  machine_secret_limit_exceeded: {
    cause: 'Rotations added secrets without deleting the old ones.',
    remedy: 'Delete unused secrets; `lastUsedAt` shows when each was last used.',
  },
  api_key_not_found: {
    cause:
      'The key was revoked or belongs to another owner. A personal key also ends with a change of the password, ' +
      'and with the end of the membership.',
    remedy: 'List the keys of the organization, or your own.',
  },
  api_key_limit_reached: {
    cause: 'An organization has at most 100 API keys, a person at most 20. Expired keys count until they are revoked.',
    remedy: 'Revoke unused keys; `lastUsedAt` shows when each was last used.',
  },
  machine_user_limit_exceeded: {
    cause: 'The organization creates a machine user for each task, and never deletes any.',
    remedy:
      'Delete unused machine users; `lastUsedAt` shows when each was last used. One machine user can have several ' +
      'secrets.',
  },
  organization_machine_users_disabled: {
    cause: 'The app setting `organizationMachineUsers` is false, as it is by default.',
    remedy: 'To allow machine users of organizations, a super admin sets `organizationMachineUsers` to true.',
  },

  // Limits
  rate_limited: {
    cause: 'A script repeats a call without a pause, or a backend makes the calls of many users from one IP address.',
    remedy:
      'Wait for the number of seconds in `Retry-After`. For a backend, add its address to `trustedBackends` and send ' +
      '`X-End-User-Ip`. A super admin can raise the limit in the setting `limits`.',
  },
  too_many_attempts: {
    cause: 'Somebody is guessing the password, or a program still uses an old one.',
    remedy: 'Sign in from a device that was used before, or reset the password. A reset clears the count.',
  },

  // The service
  overloaded: {
    cause: 'More sign-ins arrive than the machine can hash passwords for, or the service is starting.',
    remedy: 'Send the request again after `Retry-After`. The operator can add processes or raise `HASH_CONCURRENCY`.',
  },
  database_unavailable: {
    cause: 'The database is restarting, is unreachable, or has another schema version than the service.',
    remedy: 'Send the request again after `Retry-After`. The operator finds the reason in the log and at `/readyz`.',
  },
  database_busy: {
    cause:
      'Another session held a lock for more than 5 seconds, a statement took more than 20 seconds, or all ' +
      'connections are in use.',
    remedy:
      'Nothing was changed. Send the request again after `Retry-After`. The operator finds the lock in the log and ' +
      'in `pg_stat_activity`.',
  },
  storage_full: {
    cause: 'The disk of the database is full.',
    remedy: 'The operator must free disk space. Until then only read calls succeed, and `/readyz` returns 503.',
  },
  outcome_unknown: {
    cause:
      'The connection to the database was lost after the change was sent and before the database confirmed it, or a ' +
      'later step of the same call failed.',
    remedy:
      'Read the resource to see whether it was changed. Or repeat the call with the same `Idempotency-Key`: the ' +
      'change is then made only once.',
  },
  internal_error: {
    cause: 'The service has a defect. The log has the cause under the request id.',
    remedy:
      'Report `requestId` to the operator. If the call creates something, repeat it only with the same ' +
      '`Idempotency-Key`.',
  },
};
