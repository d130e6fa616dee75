import { lockApp } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { queueMail } from '../email/queue-mail.ts';
import type { Call } from '../calls/route.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import { listActiveSuperAdmins } from '../users/super-admins.store.ts';

/**
 * Tells every active super admin that there is one more or one less: nobody gains or loses this power in silence.
 * Called with the user's row locked; those who are one now are told, so call it after granting and before taking away.
 */
export async function tellSuperAdmins(
  tx: Tx,
  call: Call,
  purpose: 'super_admin_granted' | 'super_admin_removed',
  email: string,
): Promise<void> {
  await lockApp(tx, call.appId);
  const content = { email, ...circumstancesOf(call) };
  for (const { id: userId, email: recipient } of await listActiveSuperAdmins(tx, call.appId)) {
    await queueMail(tx, call.services, call.appId, { userId, recipient, purpose, content });
  }
}
