import type { StoredPolicy } from '../access/organization-policy.ts';

/** A changed field of the security policy of an organization. Null: no restriction. */
export interface PolicyChange {
  readonly field: keyof StoredPolicy;
  readonly before: PolicyValue;
  readonly after: PolicyValue;
}
type PolicyValue = string | number | readonly string[] | null;

/** The content of a mail without its texts, which are added when it is rendered. */
export interface MailContent {
  readonly code?: string;
  /** The long code, if the mail has no link that contains it. */
  readonly longCode?: string;
  readonly url?: string;
  /** The organization whose branding the mail has. */
  readonly orgId?: string;
  readonly organizationName?: string;
  /** Key of the role, or `ORG_OWNER`, `ORG_USER_MANAGER`. */
  readonly role?: string;
  /** The user agent. */
  readonly device?: string;
  /** Network address. */
  readonly address?: string;
  /** ISO 8601. */
  readonly time?: string;
  /** When a requested change takes effect. ISO 8601. */
  readonly effectiveAt?: string;
  /** The e-mail address that the mail is about, if the mail is sent to another one. */
  readonly email?: string;
  /** Name of an identity provider. */
  readonly provider?: string;
  /** Names of machine users of an organization. */
  readonly machineUser?: string;
  /** "Not me" link, by which the recipient reports that somebody else did this. */
  readonly notMeUrl?: string;
  /** "Not me" links of other items that the mail lists, each with its name. */
  readonly notMeLinks?: readonly { readonly name: string; readonly url: string }[];
  /** Name of an API key. */
  readonly keyName?: string;
  /** Name of a second factor. */
  readonly factorName?: string;
  /** Number of recovery codes that are left. */
  readonly codesLeft?: string;
  /** Names of identity providers that a user can no longer sign in with. */
  readonly unlinked?: string;
  /** Names of identity providers that a user can still sign in with. */
  readonly linked?: string;
  /** Address of the owner who made a change; empty: an administrator of the app made it. */
  readonly changedBy?: string;
  /** Names of changed settings of the app. */
  readonly settings?: string;
  /** Changes of a security policy. The mail lists them. */
  readonly policyChanges?: readonly PolicyChange[];
}

/** Placeholders that texts can use. Code and links have fixed places in a mail. */
export type MailField = Exclude<
  keyof MailContent,
  'orgId' | 'code' | 'longCode' | 'url' | 'notMeUrl' | 'notMeLinks' | 'policyChanges'
>;

interface PurposeRules {
  /** Placeholders that texts of this purpose can use, in addition to the brand name. */
  readonly fields: readonly MailField[];
  /** Values that are listed below the text, if present. */
  readonly details: readonly MailField[];
}

const circumstances = ['device', 'address', 'time'] as const satisfies readonly MailField[];

/** Every reason for a mail. */
export const mailPurposes = {
  email_verification: { fields: [], details: circumstances },
  invitation: { fields: ['organizationName', 'role'], details: ['role'] },
  role_granted: { fields: ['organizationName', 'role'], details: [] },
  sign_up_attempted: { fields: circumstances, details: circumstances },
  password_reset: { fields: circumstances, details: circumstances },
  password_changed: { fields: circumstances, details: circumstances },
  password_reset_done: {
    fields: ['unlinked', 'linked', ...circumstances],
    details: ['unlinked', 'linked', ...circumstances],
  },
  /** With the code for re-authentication. */
  reauthentication: { fields: circumstances, details: circumstances },
  /** With the code that starts a session. */
  sign_in_code: { fields: circumstances, details: circumstances },
  /** With a code that is the second factor of a sign-in. */
  second_factor_code: { fields: circumstances, details: circumstances },
  /** To the new address, with the code that verifies it. */
  email_change: { fields: circumstances, details: [] },
  /** To the old address, as a notification. */
  email_change_requested: { fields: ['email', ...circumstances], details: ['email', ...circumstances] },
  new_device: { fields: circumstances, details: circumstances },
  identity_linked: { fields: ['provider', ...circumstances], details: circumstances },
  factor_added: { fields: ['factorName', ...circumstances], details: circumstances },
  factor_removed: { fields: ['factorName', ...circumstances], details: circumstances },
  recovery_codes_replaced: { fields: circumstances, details: circumstances },
  recovery_code_used: { fields: ['codesLeft', ...circumstances], details: circumstances },
  /** A super admin removed all second factors of the recipient. */
  factors_reset: { fields: ['time'], details: ['time'] },
  /** A super admin will remove them at `effectiveAt`. The "not me" link cancels that. */
  factors_reset_requested: { fields: ['effectiveAt', ...circumstances], details: ['effectiveAt'] },
  api_key_created: {
    fields: ['keyName', 'organizationName', ...circumstances],
    details: ['keyName', 'organizationName', ...circumstances],
  },
  /** To the owner or super admin who created a secret. */
  /** To the owners of an organization: keys are refused, because their creator has no rights there any more. */
  api_keys_need_adoption: { fields: ['organizationName', 'keyName'], details: ['keyName'] },
  /** To the owners of an organization: a key or secret was deleted, because its creator reported "not me". */
  credential_reported: {
    fields: ['organizationName', 'keyName', 'machineUser'],
    details: ['keyName', 'machineUser'],
  },
  machine_secret_created: {
    fields: ['organizationName', 'machineUser', ...circumstances],
    details: ['organizationName', 'machineUser', ...circumstances],
  },
  /** To the owners of an organization: a machine user of the app created a secret. */
  machine_secret_created_by_app: {
    fields: ['organizationName', 'machineUser', 'time'],
    details: ['organizationName', 'machineUser', 'time'],
  },
  /** To the owners of an organization: secrets of a former owner end at `time`. */
  machine_secrets_end: { fields: ['organizationName', 'machineUser', 'time'], details: ['machineUser'] },
  /** To all owners of an organization, with the changes of its security policy. */
  organization_security_changed: {
    fields: ['organizationName', 'changedBy', 'time'],
    details: ['organizationName', 'changedBy', 'time'],
  },
  /** To all super admins: settings that protect the sign-in were changed. */
  security_settings_changed: {
    fields: ['settings', 'changedBy', ...circumstances],
    details: ['settings', 'changedBy', ...circumstances],
  },
  super_admin_granted: { fields: ['email', ...circumstances], details: circumstances },
  /** To an address that is not verified yet, with the code that verifies it. */
  super_admin_invited: { fields: [], details: [] },
  super_admin_removed: { fields: ['email', ...circumstances], details: circumstances },
  /** To all super admins: the second factors of one of them will be removed at `effectiveAt`. */
  super_admin_factors_reset: { fields: ['email', 'effectiveAt'], details: ['email', 'effectiveAt'] },
} as const satisfies Record<string, PurposeRules>;

/** Why a mail is sent. */
export type MailPurpose = keyof typeof mailPurposes;
