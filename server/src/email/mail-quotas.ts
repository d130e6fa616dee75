import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { empty, type Queryable, type Tx } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { book, mostBookings } from '../limits/bookings.store.ts';
import { type LimitName, limits } from '../limits/limits.ts';
import { take } from '../limits/limits.store.ts';
import { quotaKey, quotaOf, toRetryAfter } from '../calls/take-limit.ts';
import type { Services } from '../calls/services.ts';
import { mailboxKey } from '../http/email-address.ts';
import { insertMail, voidWaitingMails } from './mails.store.ts';
import { type MailToQueue, queueMail, type QueueServices, sealMail } from './queue-mail.ts';

/** Mails that the owner of a mailbox needs or requests: codes and security notices. Each kind has a separate quota. */
export const mailboxKinds = [
  'verification',
  'reset',
  'email_change',
  'reauthentication',
  'sign_in_code',
  'second_factor_code',
  'notice',
  'organization_notice',
] as const;

export type MailboxKind = (typeof mailboxKinds)[number];

/**
 * The subject of a mailbox's quota: the mailbox instead of the account. Otherwise an attacker could bypass the quota by
 * recreating accounts, or with plus tags of one mailbox.
 */
export const mailboxName = (kind: MailboxKind, email: string): string => `${kind} ${mailboxKey(email)}`;

/**
 * The name under which the reserved mails of an account are counted. They are for networks and devices that the account
 * has used.
 */
export const reservedName = (kind: MailboxKind, userId: string): string => `${kind} ${userId}`;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * Mail quotas are disabled in development, where one mailbox gets many mails, unless the app changed the limit from its
 * default.
 */
const applies = ({ config }: Pick<Services, 'config'>, { settings }: Pick<App, 'settings'>, name: LimitName): boolean =>
  !config.developmentFeatures || settings.limits[name] !== limits[name].count;

type QuotaApp = Pick<App, 'id' | 'settings'>;

/** Whether the quota applies, so that further mails are delayed. A quota above `mostBookings` counts as unlimited. */
const isBooked = (services: Pick<Services, 'config'>, app: QuotaApp, name: LimitName): boolean =>
  applies(services, app, name) && app.settings.limits[name] <= mostBookings;

/**
 * Takes one unit of a quota that applies.
 *
 * @returns undefined if a unit was available, otherwise the seconds until a unit is refilled
 */
async function consumeUnit(
  db: Queryable,
  services: Services,
  app: QuotaApp,
  name: LimitName,
  subject: string,
): Promise<number | undefined> {
  if (!applies(services, app, name)) return undefined;
  return take(db, app.id, quotaOf(services, app, name, subject), services.clock.now());
}

/** Consumes one unit of the mails that are reserved for an account. @returns false if the quota is exhausted */
async function consumeReserved(db: Queryable, services: Services, app: QuotaApp, subject: string): Promise<boolean> {
  const reserved = quotaOf(services, app, 'reservedCodeMailsPerAccountPerHour', subject);
  return (await take(db, app.id, reserved, services.clock.now())) === undefined;
}

/**
 * Consumes one unit of the mail quota of a mailbox for this kind.
 *
 * @param reservedFor id of the user whose reserved mails may be used, if the request comes from a network or device
 *   that the account has used
 * @returns false if the quota is exhausted: no mail may be sent
 */
export async function consumeMailQuota(
  db: Queryable,
  services: Services,
  app: QuotaApp,
  kind: MailboxKind,
  email: string,
  reservedFor?: string,
): Promise<boolean> {
  const name = 'codeRequestsPerAccountPerHour';
  if ((await consumeUnit(db, services, app, name, mailboxName(kind, email))) === undefined) return true;
  return reservedFor !== undefined && consumeReserved(db, services, app, reservedName(kind, reservedFor));
}

/**
 * Like {@link consumeMailQuota}, but refuses the request if the quota is exhausted. Committed before it returns.
 *
 * @param reservedFor id of the user whose reserved mails may be used
 * @throws ApiError `rate_limited` with `Retry-After`
 */
export async function requireMailQuota(
  call: Call,
  kind: MailboxKind,
  email: string,
  reservedFor?: string,
): Promise<void> {
  const { services } = call;
  const app = await namedAppOf(call);
  const name = 'codeRequestsPerAccountPerHour';
  const wait = await consumeUnit(services.db, services, app, name, mailboxName(kind, email));
  if (
    wait === undefined ||
    (reservedFor !== undefined && (await consumeReserved(services.db, services, app, reservedName(kind, reservedFor))))
  )
    return;
  throw new ApiError('rate_limited', { retryAfterInSeconds: toRetryAfter(wait) });
}

/** Queues a mail that is due at a booked time. */
const queueAt = (tx: Tx, services: QueueServices, appId: string, mail: MailToQueue, dueAt: Date) =>
  tx.query(insertMail(appId, sealMail(services, appId, mail, dueAt), empty));

/** Options of a mail that other people cause. */
export interface CausedByOthers {
  /**
   * How long the mail is useful, in milliseconds. A mail that cannot be sent at least an hour before then is not
   * queued.
   */
  readonly usefulMs?: number;
  /** Whether the mail replaces a waiting mail of the same purpose, to the same user or about the same invitation. */
  readonly replaces?: boolean;
}

/**
 * Queues a mail that other people cause: a sign-up, an invitation, a notice about a role. One quota for each mailbox,
 * regardless of the kind. Mails beyond the quota wait in the outbox. A mail that would be useless by then is not
 * queued.
 *
 * @returns whether the mail was queued
 */
export async function queueMailFromOthers(
  tx: Tx,
  services: Services,
  app: QuotaApp,
  mail: MailToQueue,
  { usefulMs = dayMs, replaces = false }: CausedByOthers = {},
): Promise<boolean> {
  const now = services.clock.now();
  const isLimited =
    isBooked(services, app, 'mailsPerMailboxPerHour') || isBooked(services, app, 'mailsPerMailboxPerDay');
  const booked = replaces ? await voidWaitingMails(tx, app.id, mail, now) : undefined;
  if (!isLimited || booked) {
    await queueAt(tx, services, app.id, mail, booked ?? now);
    return true;
  }
  const { mailsPerMailboxPerHour: perHour, mailsPerMailboxPerDay: perDay } = app.settings.limits;
  const keyHash = quotaKey(services, 'mailsPerMailboxPerDay', mailboxKey(mail.recipient));
  const dueAt = await book(tx, app.id, { keyHash, perHour, perDay }, now, usefulMs - hourMs);
  if (dueAt) await queueAt(tx, services, app.id, mail, dueAt);
  return dueAt !== undefined;
}

/** The subject of the quota of a notice. */
const noticeName = ({ recipient, purpose, orgId }: MailToQueue): string =>
  orgId === undefined
    ? mailboxName('notice', recipient)
    : `${mailboxName('organization_notice', recipient)} ${orgId} ${purpose}`;

/** Services needed to queue a notice. */
export type NoticeServices = QueueServices & Pick<Services, 'config'>;

/**
 * Queues a security notice. Notices have a separate quota, so that strangers who fill a mailbox with sign-ups and
 * invitations cannot delay them. Notices about an organization have a quota for each organization and purpose, so that
 * the owner of another organization cannot delay them either.
 *
 * Notices beyond the quota wait. No notice is dropped: if the wait would be longer than a day, the notice replaces the
 * waiting ones of the same purpose.
 */
export async function queueNotice(tx: Tx, services: NoticeServices, app: QuotaApp, mail: MailToQueue): Promise<void> {
  const name = 'codeRequestsPerAccountPerHour';
  if (!isBooked(services, app, name)) return queueMail(tx, services, app.id, mail);
  const now = services.clock.now();
  const perHour = app.settings.limits[name];
  const keyHash = quotaKey(services, name, noticeName(mail));
  const booked = await book(tx, app.id, { keyHash, perHour, perDay: perHour * 24 }, now, dayMs);
  const dueAt = booked ?? (await voidWaitingMails(tx, app.id, mail, now)) ?? new Date(now.getTime() + dayMs);
  await queueAt(tx, services, app.id, mail, dueAt);
}
