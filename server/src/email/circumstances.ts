import type { Call } from '../calls/route.ts';
import type { MailContent } from '../mail-texts/mail-purposes.ts';

/** When, from where and with what something was done, for a mail to the person it was done to. */
export type Circumstances = Pick<MailContent, 'address' | 'time' | 'device'>;

export const circumstancesOf = ({ client, services }: Call): Circumstances => ({
  address: client.ip,
  time: services.clock.now().toISOString(),
  ...(client.userAgent !== undefined && { device: client.userAgent }),
});
