import { namedAppOf } from '../apps/named-app.ts';
import { mailedSince } from '../email/mails.store.ts';
import { queueMailFromOthers } from '../email/mail-quotas.ts';
import type { Call } from '../calls/route.ts';
import { emailKey } from '../http/email-address.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import { lockUserByEmail } from '../users/users.store.ts';

const hourMs = 3_600_000;

/** Notifies the owner of an address that somebody tried to create an account with it, at most once an hour. */
export async function notifyAddressOwner(call: Call, email: string): Promise<void> {
  const { services, appId } = call;
  const app = await namedAppOf(call);
  const since = new Date(services.clock.now().getTime() - hourMs);
  await services.db.transaction(async (tx) => {
    // Locked, so that concurrent attempts do not each notify the owner.
    const owner = await lockUserByEmail(tx, appId, emailKey(email));
    if (!owner || (await mailedSince(tx, appId, owner.id, 'sign_up_attempted', since))) return;
    const { id: userId, email: recipient } = owner;
    const content = circumstancesOf(call);
    await queueMailFromOthers(tx, services, app, { userId, recipient, purpose: 'sign_up_attempted', content });
  });
}
