import type { BackgroundTask } from '../calls/background-task.ts';
import { sql } from '../db/db.ts';
import type { MailContent } from '../mail-texts/mail-purposes.ts';
import { queueMail } from '../email/queue-mail.ts';
import { sendMails } from '../email/send-mails.ts';
import type { Services } from '../calls/services.ts';
import type { MailServer } from './mail-server.ts';
import type { TestApp } from './setup.ts';
import type { World } from './world/world.ts';

/** A stored mail. */
export interface OutboxRow {
  readonly state: string;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly due_at: Date;
  readonly sealed_content: Buffer | null;
}

/** The outbox of a test. The development mailbox shows it, even if there is a mail server. */
export interface Outbox {
  /** The same service with a mail server. */
  withServer(smtpUrl: string): Services;
  /** One run of the task that sends. */
  run(target: MailServer | string, options?: { task?: BackgroundTask; signal?: AbortSignal }): Promise<void>;
  /** Queues a mail, to the super admin by default. */
  queue(content?: MailContent, recipient?: string): Promise<void>;
  rows(): Promise<OutboxRow[]>;
  /** State and last error of each mail. */
  outcome(): Promise<string[]>;
}

export function openOutbox({ db, services }: TestApp, { appId, admin }: World): Outbox {
  const withServer: Outbox['withServer'] = (smtpUrl) => ({
    ...services,
    config: { ...services.config, smtpUrl, mailFrom: 'Gatehouse <mail@gatehouse.example>' },
  });
  const rows: Outbox['rows'] = () =>
    db.query<OutboxRow>(sql`SELECT state, attempts, last_error, due_at, sealed_content FROM mails ORDER BY id`);
  return {
    withServer,
    rows,
    run: (target, { task = sendMails, signal = new AbortController().signal } = {}) =>
      task.run(withServer(typeof target === 'string' ? target : `smtp://127.0.0.1:${target.port}`), signal),
    queue: (content = {}, recipient = admin.email) =>
      db.transaction((tx) =>
        queueMail(tx, services, appId, { userId: admin.userId, recipient, purpose: 'super_admin_granted', content }),
      ),
    outcome: async () => (await rows()).map(({ state, last_error: error }) => `${state} ${error ?? '-'}`),
  };
}
