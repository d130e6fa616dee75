import { lockApp } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { queueMail, type QueueServices } from '../email/queue-mail.ts';
import type { Call } from '../calls/route.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import type { MailContent } from '../mail-texts/mail-purposes.ts';
import { listActiveSuperAdmins } from '../users/super-admins.store.ts';

type Purpose = 'super_admin_granted' | 'super_admin_removed';
type NoticePurpose = Purpose | 'super_admin_factors_reset' | 'security_settings_changed';

/**
 * Notifies all active super admins that a super admin was added or removed. Call it with the user's row locked, after
 * granting or before removing the right, so that the affected user gets the mail too.
 */
export function notifySuperAdmins(tx: Tx, call: Call, purpose: Purpose, email: string): Promise<void> {
  return notifySuperAdminsOf(tx, call.services, call.appId, { purpose, content: { email, ...circumstancesOf(call) } });
}

/** Like `notifySuperAdmins`, for a change outside of a call. */
export async function notifySuperAdminsOf(
  tx: Tx,
  services: QueueServices,
  appId: string,
  { purpose, content }: { purpose: NoticePurpose; content: MailContent },
): Promise<void> {
  await lockApp(tx, appId);
  for (const { id: userId, email: recipient } of await listActiveSuperAdmins(tx, appId)) {
    await queueMail(tx, services, appId, { userId, recipient, purpose, content });
  }
}
