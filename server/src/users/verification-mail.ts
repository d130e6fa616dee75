import type { App } from '../apps/apps.store.ts';
import { issueCode } from '../codes/codes.ts';
import { mailedCode } from '../codes/mailed-code.ts';
import type { Tx } from '../db/db.ts';
import { queueMail } from '../email/outbox.ts';
import type { Call } from '../http/route.ts';
import { notMeUrl } from '../not-me/not-me-token.ts';
import type { Circumstances } from './password-changed.ts';
import type { User } from './users.store.ts';

/**
 * Queues the mail that lets a user verify their address; older short codes and their tokens are void.
 *
 * @param signUp when, from where and with what the user signed up, as far as it is known
 */
export async function sendVerification(
  tx: Tx,
  call: Call,
  app: App,
  to: Pick<User, 'id' | 'email'>,
  template: string | undefined,
  signUp: Circumstances | undefined,
) {
  const issued = await issueCode(tx, call.services, app.id, { userId: to.id, purpose: 'email_verification' });
  const code = mailedCode(issued, template, { userId: to.id, sessionToken: issued.token ?? '' });
  const content = { ...code, ...signUp, notMeUrl: notMeUrl(call, to.id, { kind: 'account' }) };
  await queueMail(tx, call.services, app.id, {
    userId: to.id,
    recipient: to.email,
    purpose: 'email_verification',
    content,
  });
}
