import type { Call } from '../calls/route.ts';
import type { MailContent } from '../mail-texts/mail-purposes.ts';

/** Address, time and device of an action, for the mail about it. */
export type Circumstances = Pick<MailContent, 'address' | 'time' | 'device'>;

export const toCircumstances = (ip: string, time: Date, userAgent: string | undefined): Circumstances => ({
  address: ip,
  time: time.toISOString(),
  ...(userAgent !== undefined && { device: userAgent }),
});

/** The circumstances of a call. */
export const circumstancesOf = ({ client, services }: Call): Circumstances =>
  toCircumstances(client.ip, services.clock.now(), client.userAgent);
