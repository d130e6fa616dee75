import { withStatus } from './answers.ts';
import type { Calls } from './calls.ts';

/** A mail of the development mailbox. */
export interface Mail {
  readonly to: string;
  readonly purpose: string;
  readonly code?: string;
  readonly url?: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface Mails {
  /** The newest mail to an address. @throws an error if there is none */
  mail(to: string): Promise<Mail>;
  /** All mails to an address, newest first. */
  mails(to: string): Promise<Mail[]>;
}

/** Reads mails like a developer: in the development mailbox, which responds only to the host `localhost`. */
export function mailsOf({ call }: Pick<Calls, 'call'>): Mails {
  const mails: Mails['mails'] = async (to) => {
    const url = `/dev/mailbox?to=${encodeURIComponent(to)}`;
    const response = withStatus(200, await call('GET', url, { app: null, headers: { host: 'localhost' } }));
    return response.json<{ messages: Mail[] }>().messages;
  };
  return {
    mails,
    async mail(to) {
      const [newest] = await mails(to);
      if (!newest) throw new Error(`no mail to ${to}`);
      return newest;
    },
  };
}
