import type { Services } from '../calls/services.ts';
import { issueCode } from '../codes/codes.ts';
import type { Tx } from '../db/db.ts';
import { mailedCode } from '../email/mailed-code.ts';
import type { MailToQueue } from '../email/queue-mail.ts';

/**
 * Creates the mail with which an invited super admin sets a password, which claims the account. The returned mail must
 * still be queued.
 *
 * @param code.requestedFrom the client address, if anyone could request the mail
 */
export async function mailSuperAdminInvitation(
  tx: Tx,
  services: Services,
  appId: string,
  { id: userId, email }: { id: string; email: string },
  { urlTemplate, ...code }: { urlTemplate: string | undefined; lifeMs: number; requestedFrom?: string | undefined },
): Promise<MailToQueue> {
  const issued = await issueCode(tx, services, appId, { userId, purpose: 'password_reset' }, code);
  const content = mailedCode(issued, urlTemplate, { email });
  return { userId, recipient: email, purpose: 'super_admin_invited', content };
}
