import type { MailField, MailPurpose } from './mail-purposes.ts';

/** Languages that mails come in. */
export const mailLanguages = ['en', 'ar'] as const;
export type Language = (typeof mailLanguages)[number];

/** The parts of what a mail says. */
export const textParts = ['subject', 'heading', 'body', 'action', 'note'] as const;
export type TextPart = (typeof textParts)[number];

/**
 * The texts of a mail: subject, heading, body, the label of the button (shown where there is a link) and the small
 * print at the end, which may be empty. `{{name}}` stands for a value; an empty line in the body begins a new
 * paragraph.
 */
export type PurposeWords = Readonly<Record<TextPart, string>>;

/** All that mails say in one language. */
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
  /** In the place of a name that is not known. */
  readonly anOrganization: string;
  /** In the place of a browser or program that is not known. */
  readonly unknownDevice: string;
}
