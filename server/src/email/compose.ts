import type { Config } from '../config.ts';
import type { Services } from '../services.ts';
import type { MailContent } from './mail-purposes.ts';
import type { StoredMail } from './mails.store.ts';
import { renderMail } from './render.ts';
import { deploymentSender, type Mailbox, senderOf } from './sender.ts';

/** A mail as it goes to the mail server. */
export interface ComposedMail {
  readonly messageId: string;
  readonly envelope: { readonly from: string; readonly to: string };
  readonly from: Mailbox;
  readonly to: string;
  readonly replyTo: string | undefined;
  readonly date: Date;
  readonly language: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** The same at every try, so that whoever gets a mail twice can tell that it is one. */
const messageIdOf = ({ appId, id }: StoredMail, config: Config): string =>
  `<${appId}.${id}@${new URL(config.publicUrl).hostname}>`;

/** Puts a mail into words and under its sender. */
export function composeMail(
  { config }: Pick<Services, 'config'>,
  mail: StoredMail,
  content: MailContent,
): ComposedMail {
  const { mail: settings } = mail.app.settings;
  return {
    messageId: messageIdOf(mail, config),
    envelope: { from: deploymentSender(config).address, to: mail.recipient },
    from: senderOf(config, settings),
    to: mail.recipient,
    replyTo: settings.replyTo ?? undefined,
    date: mail.createdAt,
    language: 'en',
    ...renderMail(mail.purpose, content, settings.brandName ?? mail.app.displayName),
  };
}
