import { Gauge, type Registry } from 'prom-client';
import type { Services } from '../calls/services.ts';
import { promptly } from '../promptly.ts';
import { countMails } from './delivery.store.ts';

/** Waiting and abandoned mails, counted in the database when the metrics are read. */
export const mailMeasurements =
  ({ db, mailServer }: Pick<Services, 'db' | 'mailServer'>) =>
  (registry: Registry) => {
    const count = promptly(() => countMails(db));
    void new Gauge({
      name: 'gatehouse_outbox_mails',
      help: 'Mails of the whole deployment: queued, or given up and waiting for an operator.',
      labelNames: ['state'],
      registers: [registry],
      // Every process counts the same rows.
      aggregator: 'max',
      async collect() {
        const counts = await count();
        // Removed, because the last count would be stale without the database.
        this.reset();
        if (!counts) return;
        this.set({ state: 'queued' }, counts.queued);
        this.set({ state: 'given_up' }, counts.givenUp);
      },
    });
    void new Gauge({
      name: 'gatehouse_mail_server_up',
      help: '1 if the last use of the mail server of SMTP_URL succeeded, otherwise 0; absent before the first use.',
      registers: [registry],
      aggregator: 'min',
      collect() {
        if (mailServer.isUp === undefined) this.remove();
        else this.set(Number(mailServer.isUp));
      },
    });
  };
