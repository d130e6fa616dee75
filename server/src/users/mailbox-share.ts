import type { App } from '../apps/apps.store.ts';
import type { Queryable } from '../db/db.ts';
import { take } from '../limits/limits.store.ts';
import { shareOf } from '../limits/take-limit.ts';
import type { Services } from '../services.ts';
import { emailKey } from './email-address.ts';

/** Mails with a code that anybody can cause. Each kind has a share of its own, so that none uses up what another needs. */
export const mailboxKinds = ['verification', 'reset', 'invitation', 'email_change', 'reauthentication'] as const;

export type MailboxKind = (typeof mailboxKinds)[number];

/**
 * Whose share of `codeRequestsPerAccountPerHour` a mail is taken from: the mailbox's, not the account's. Accounts with a
 * foreign address can be made and deleted again and again; the mailbox stays the same.
 */
export const mailboxName = (kind: MailboxKind, email: string): string => `${kind} ${emailKey(email)}`;

/** Takes a mail to a mailbox as a part of a change. @returns false when there were too many: none is to be sent */
export async function takeMail(
  db: Queryable,
  services: Services,
  app: App,
  kind: MailboxKind,
  email: string,
): Promise<boolean> {
  const share = shareOf(services, app, 'codeRequestsPerAccountPerHour', mailboxName(kind, email));
  return (await take(db, app.id, share, services.clock.now())) === undefined;
}
