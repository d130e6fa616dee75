import type { MailField, MailPurpose } from './mail-purposes.ts';

/** The texts of a mail. `{{name}}` stands for a value; an empty line in the body begins a new paragraph. */
export interface PurposeWords {
  readonly subject: string;
  readonly heading: string;
  readonly body: string;
  /** Label of the button, where there is a link. */
  readonly action: string;
  /** Small print at the end; may be empty. */
  readonly note: string;
}

/** All that mails say in one language. */
export interface Words {
  readonly purposes: Readonly<Record<MailPurpose, PurposeWords>>;
  /** What mails of every purpose have. */
  readonly common: {
    readonly codeLabel: string;
    readonly linkHint: string;
    readonly footer: string;
  };
  readonly labels: Readonly<Record<MailField, string>>;
  /** Names of the roles that every organization has. */
  readonly roles: { readonly ORG_OWNER: string; readonly ORG_USER_MANAGER: string };
  /** In the place of a name that is not known. */
  readonly anOrganization: string;
}
