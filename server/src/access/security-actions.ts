import type { ErrorCode } from '../http/errors.ts';

/** Audit events for refused calls, with their meanings. */
export const securityActions = {
  'sign_in.failed':
    'A wrong password was sent for an account (the target), by a signed-in user or not, or for an address without ' +
    'an account.',
  'sign_in.locked':
    'Too many wrong passwords: further sign-ins are refused for a while without comparing the password.',
  'code.failed': 'A code was wrong, used, expired or void. The target is the user to whom the code would belong.',
  'factor.failed': 'A code of a second factor, or a recovery code, was wrong or already used. The target is the user.',
  'client_secret.failed':
    'A machine token was requested with a wrong client secret. The target is the client id in the request.',
  'idp.failed': 'A sign-in through an identity provider did not succeed.',
  'access.denied':
    'A signed-in caller made a call that is not allowed. The target is the resource in the request, which may not ' +
    'exist.',
} as const satisfies Record<string, string>;

export type SecurityAction = keyof typeof securityActions;

/** Whether events of this action report a refusal. */
export const isSecurityAction = (action: string): boolean => Object.hasOwn(securityActions, action);

/** Error codes that cause a security event. */
const actionOfCode: Partial<Record<ErrorCode, SecurityAction>> = {
  access_denied: 'access.denied',
  human_required: 'access.denied',
  metadata_key_reserved: 'access.denied',
  invalid_credentials: 'sign_in.failed',
  user_inactive: 'sign_in.failed',
  current_password_wrong: 'sign_in.failed',
  too_many_attempts: 'sign_in.locked',
  code_invalid: 'code.failed',
  factor_invalid: 'factor.failed',
  invalid_client: 'client_secret.failed',
  intent_invalid: 'idp.failed',
  idp_email_unverified: 'idp.failed',
  idp_link_required: 'idp.failed',
  identity_already_linked: 'idp.failed',
};

/** The security event of a refusal, if it has one. @param isDenial the access layer refused, regardless of the code */
export const securityActionOf = (code: ErrorCode, isDenial: boolean): SecurityAction | undefined =>
  isDenial ? 'access.denied' : actionOfCode[code];
