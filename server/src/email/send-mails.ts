import type { BackgroundTask } from '../calls/background-task.ts';
import { isLiveCode } from '../codes/live-code.ts';
import type { Services } from '../calls/services.ts';
import { composeMail, organizationOf } from './compose.ts';
import type { OrganizationWithBranding } from '../branding/shown-branding.store.ts';
import { type DeliveryFailure, failureText, toDeliveryFailure } from './delivery-failure.ts';
import { takeDueMails, type TakenMail } from './delivery.store.ts';
import { markSent, markVoid } from '../outbox/outbox.store.ts';
import { retryOrGiveUp } from '../outbox/retry.ts';
import type { MailContent } from '../mail-texts/mail-purposes.ts';
import { openContent } from './queue-mail.ts';
import { openSmtpPool, productionTiming, type SmtpPool, type SmtpTiming } from './smtp.ts';

const secondMs = 1000;
const minuteMs = 60 * secondMs;

/** Number of mails that one process sends concurrently. */
const concurrency = 5;
/** Duration of the lease on a mail. Longer than sending can take, so that no other process sends the mail too. */
const leaseMs = 3 * minuteMs;

export interface SendTiming extends SmtpTiming {
  /** How long sending a mail may take after a stop signal, in milliseconds. */
  readonly stopMs: number;
}

/** One run over all mails that are due. */
class Run {
  readonly #services: Services;
  readonly #timing: SendTiming;
  readonly #signal: AbortSignal;
  readonly #pool: SmtpPool;
  readonly #cut = new AbortController();
  readonly #failures = new Map<string, number>();
  #serverFails = false;

  constructor(services: Services, smtpUrl: string, timing: SendTiming, signal: AbortSignal) {
    this.#services = services;
    this.#timing = timing;
    this.#signal = signal;
    this.#pool = openSmtpPool(smtpUrl, concurrency, timing);
  }

  /** Sends until no mail is due, the server fails or the process stops. @throws Error with the numbers of failures */
  async all(): Promise<void> {
    const stop = () => void setTimeout(() => this.#cut.abort(), this.#timing.stopMs).unref();
    this.#signal.addEventListener('abort', stop, { once: true });
    try {
      await Promise.all((await this.#take(concurrency)).map((mail) => this.#sendAndGoOn(mail)));
    } finally {
      this.#signal.removeEventListener('abort', stop);
      this.#pool.close();
    }
    this.#report();
  }

  /** Mails are sent independently, so that a slow one does not delay the others. */
  async #sendAndGoOn(mail: TakenMail): Promise<void> {
    for (let next: TakenMail | undefined = mail; next; [next] = await this.#take(1)) await this.#deliver(next);
  }

  async #take(limit: number): Promise<TakenMail[]> {
    if (this.#signal.aborted || this.#serverFails) return [];
    const now = this.#services.clock.now();
    return takeDueMails(this.#services.db, { now, leaseUntil: new Date(now.getTime() + leaseMs), limit });
  }

  async #deliver(mail: TakenMail): Promise<void> {
    const { db, clock } = this.#services;
    const content = this.#open(mail);
    if (!content) return this.#settleFailure(mail, { reason: 'unreadable', isPermanent: true, isOfServer: false });
    if (!mail.app.isActive) {
      return this.#settleFailure(mail, { reason: 'app_inactive', isPermanent: false, isOfServer: false });
    }
    if (await this.#isOutdated(mail, content)) return markVoid(db, 'mails', mail, clock.now());
    const failure = await this.#send(mail, content, await organizationOf(this.#services, mail, content));
    return failure ? this.#settleFailure(mail, failure) : markSent(db, 'mails', mail, clock.now());
  }

  /** The content; undefined if the key that sealed it is no longer available. */
  #open(mail: TakenMail): MailContent | undefined {
    try {
      return openContent(this.#services, mail);
    } catch {
      return undefined;
    }
  }

  /** Skip mails whose code was used or replaced in the meantime. */
  async #isOutdated({ appId, userId }: TakenMail, { code }: MailContent): Promise<boolean> {
    return code !== undefined && !(await isLiveCode(this.#services, appId, userId, code));
  }

  async #send(
    mail: TakenMail,
    content: MailContent,
    organization: OrganizationWithBranding | undefined,
  ): Promise<DeliveryFailure | undefined> {
    const signal = AbortSignal.any([this.#cut.signal, AbortSignal.timeout(this.#timing.mailMs)]);
    try {
      await this.#pool.send(composeMail(this.#services, mail, content, organization), signal);
      this.#services.mailServer.note(true);
      return undefined;
    } catch (error) {
      if (this.#cut.signal.aborted) return { reason: 'stopped', isPermanent: false, isOfServer: true };
      return toDeliveryFailure(error);
    }
  }

  async #settleFailure(mail: TakenMail, failure: DeliveryFailure): Promise<void> {
    const text = failureText(failure);
    this.#failures.set(text, (this.#failures.get(text) ?? 0) + 1);
    if (failure.isOfServer && !this.#cut.signal.aborted) this.#services.mailServer.note(false);
    this.#serverFails ||= failure.isOfServer;
    const { db, clock } = this.#services;
    return retryOrGiveUp(db, 'mails', mail, { isPermanent: failure.isPermanent, error: text }, clock.now());
  }

  #report(): void {
    if (this.#failures.size === 0) return;
    const counts = [...this.#failures].map(([text, count]) => `${text} (${count})`);
    throw new Error(`mails were not sent: ${counts.join(', ')}`);
  }
}

/** Sends the mails of the outbox. Without a mail server, they stay there. */
export const sendMailsWithin = (timing: SendTiming): BackgroundTask => ({
  name: 'send mails',
  everyMs: secondMs,
  run: async (services, signal) => {
    const { smtpUrl } = services.config;
    if (smtpUrl !== undefined) await new Run(services, smtpUrl, timing, signal).all();
  },
});

export const sendMails = sendMailsWithin({ ...productionTiming, stopMs: 5 * secondMs });
