import type { Tx } from '../db/db.ts';
import { queueMail } from '../email/outbox.ts';
import type { Call } from '../http/route.ts';

/** From where something was done, for a mail to the person it was done to. */
export const circumstancesOf = ({ client, services }: Call) => ({
  address: client.ip,
  time: services.clock.now().toISOString(),
  ...(client.userAgent !== undefined && { device: client.userAgent }),
});

/**
 * Tells the owner of a mailbox that the password of their account is another one. Of an account that nobody proved nothing
 * is told: whoever has signed up with a foreign address must not be able to send mails to it, as many as they like.
 */
export async function tellPasswordChanged(tx: Tx, call: Call, user: { id: string; email: string }): Promise<void> {
  const { id: userId, email: recipient } = user;
  const content = circumstancesOf(call);
  await queueMail(tx, call.services, call.appId, { userId, recipient, purpose: 'password_changed', content });
}
