import type { FactorKind } from '../access/organization-policy.ts';
import type { SignInMethod } from '../access/sign-in-methods.ts';
import type { MailField, MailPurpose, PolicyChange } from './mail-purposes.ts';

/** Languages in which mails are written. */
export const mailLanguages = ['en', 'ar'] as const;
export type Language = (typeof mailLanguages)[number];

/** The parts of the text of a mail. */
export const textParts = ['subject', 'heading', 'body', 'action', 'note'] as const;
export type TextPart = (typeof textParts)[number];

/**
 * The texts of a mail: subject, heading, body, label of the button (shown if there is a link) and small print, which
 * may be empty. `{{name}}` stands for a value; an empty line in the body begins a new paragraph.
 */
export type PurposeWords = Readonly<Record<TextPart, string>>;

/** The texts of all mails in one language. */
export interface Words {
  readonly purposes: Readonly<Record<MailPurpose, PurposeWords>>;
  /** Texts that mails of all purposes share. */
  readonly common: {
    readonly codeLabel: string;
    /** Above the long code, in a mail without a link. */
    readonly longCodeLabel: string;
    readonly linkHint: string;
    readonly notMe: string;
    readonly footer: string;
  };
  readonly labels: Readonly<Record<MailField, string>>;
  /** Names of the roles that every organization has. */
  readonly roles: { readonly ORG_OWNER: string; readonly ORG_USER_MANAGER: string };
  /** A changed security policy. */
  readonly policy: {
    readonly fields: Readonly<Record<PolicyChange['field'], string>>;
    readonly values: Readonly<Record<'optional' | 'required' | FactorKind | SignInMethod, string>>;
    readonly noRestriction: string;
    /** Between the values of a list. */
    readonly separator: string;
    /** `{{value}}` and `{{before}}` stand for the new and the earlier value. */
    readonly change: string;
  };
  /** Replaces the name of somebody who administers the app. */
  readonly anAdministrator: string;
  /** Replaces an unknown name. */
  readonly anOrganization: string;
  /** Replaces an unknown browser or program. */
  readonly unknownDevice: string;
}
