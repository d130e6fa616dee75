import { Gauge, type Registry } from 'prom-client';
import type { Services } from '../calls/services.ts';
import { promptly } from '../db/promptly.ts';
import { countMails } from './delivery.store.ts';

/** Mails that wait and mails that were given up, counted in the database when somebody asks. */
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
        // Without the database the last count would be a lie.
        this.reset();
        if (!counts) return;
        this.set({ state: 'queued' }, counts.queued);
        this.set({ state: 'given_up' }, counts.givenUp);
      },
    });
    void new Gauge({
      name: 'gatehouse_mail_server_up',
      help: '1 if the mail server of SMTP_URL could be used last, else 0; absent until somebody has tried.',
      registers: [registry],
      aggregator: 'min',
      collect() {
        if (mailServer.isUp === undefined) this.remove();
        else this.set(Number(mailServer.isUp));
      },
    });
  };
