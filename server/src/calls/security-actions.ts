import type { ErrorCode } from '../http/errors.ts';

/** Audit events for refused calls, with their meanings. */
export const securityActions = {
  'sign_in.failed':
    'Somebody gave a wrong password for an account (the target), signed in or not, or for an address that has none.',
  'sign_in.locked': 'There were too many such tries: no password is compared for a while.',
  'code.failed':
    'Somebody gave a code that is wrong, used, expired or void. The target is the user whose code it would be.',
  'client_secret.failed':
    'Somebody asked for a machine token with a wrong client secret. The target is the client id as given.',
  'idp.failed': 'A sign-in through an identity provider did not succeed.',
  'access.denied':
    'Somebody signed in called what they may not call. The target is what they addressed, which need not exist.',
} as const satisfies Record<string, string>;

export type SecurityAction = keyof typeof securityActions;

/** Whether events of this action tell of a refusal. */
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
  invalid_client: 'client_secret.failed',
  intent_invalid: 'idp.failed',
  idp_email_unverified: 'idp.failed',
  idp_link_required: 'idp.failed',
  identity_already_linked: 'idp.failed',
};

/** The security event of a refusal, if it has one. @param isDenial the access layer refused, regardless of the code */
export const securityActionOf = (code: ErrorCode, isDenial: boolean): SecurityAction | undefined =>
  isDenial ? 'access.denied' : actionOfCode[code];
