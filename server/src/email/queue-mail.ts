import { empty, type Tx } from '../db/db.ts';
import type { Sealer } from '../keys/seal.ts';
import type { Services } from '../calls/services.ts';
import type { MailContent, MailPurpose } from '../mail-texts/mail-purposes.ts';
import { insertMail, type NewMail, type StoredMail } from './mails.store.ts';

/** How long the service tries to send a mail, in milliseconds. */
export const mailRetriedMs = 24 * 3_600_000;

const context = (appId: string, mailId: string): string => `mails:${appId}:${mailId}`;

/** Services needed to queue a mail. */
export type QueueServices = Pick<Services, 'ids' | 'sealer' | 'clock'>;

/** A mail before its content is sealed. */
export interface MailToQueue {
  readonly userId: string;
  readonly recipient: string;
  readonly purpose: MailPurpose;
  readonly content: MailContent;
  /** The invitation that the mail is about. */
  readonly invitationId?: string;
  /** The organization that a notice to its owners is about. */
  readonly orgId?: string;
}

/**
 * The row of a mail, for a statement that queues the mail conditionally. The content is sealed, because a copy of the
 * database must not reveal codes.
 *
 * @param dueAt when the mail is sent
 */
export function sealMail(
  services: QueueServices,
  appId: string,
  mail: MailToQueue,
  dueAt: Date = services.clock.now(),
): NewMail {
  const id = services.ids.next();
  const sealedContent = services.sealer.seal(JSON.stringify(mail.content), context(appId, id));
  const now = services.clock.now();
  const giveUpAt = new Date(dueAt.getTime() + mailRetriedMs);
  return { ...mail, id, sealedContent, now, dueAt, giveUpAt };
}

/** Queues a mail in the transaction of the change that it reports, so that both are committed or neither. */
export async function queueMail(tx: Tx, services: QueueServices, appId: string, mail: MailToQueue): Promise<void> {
  await tx.query(insertMail(appId, sealMail(services, appId, mail), empty));
}

/** The content of a queued mail. */
export function openContent(
  services: Pick<Services, 'sealer'>,
  mail: Pick<StoredMail, 'appId' | 'id' | 'sealedContent'>,
): MailContent {
  return JSON.parse(services.sealer.open(mail.sealedContent, context(mail.appId, mail.id)).toString()) as MailContent;
}

/** The same content under the current master key. */
export function resealContent(sealer: Sealer, mail: Pick<StoredMail, 'appId' | 'id' | 'sealedContent'>): Buffer {
  const bound = context(mail.appId, mail.id);
  return sealer.seal(sealer.open(mail.sealedContent, bound), bound);
}
