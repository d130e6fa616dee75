import type { App } from '../apps/apps.store.ts';
import { issueCode } from '../codes/codes.ts';
import { mailedCode } from '../email/mailed-code.ts';
import type { Tx } from '../db/db.ts';
import { queueMailFromOthers } from '../email/mail-quotas.ts';
import { queueMail } from '../email/queue-mail.ts';
import type { Call } from '../calls/route.ts';
import { notMeUrl } from '../users/not-me-token.ts';
import type { Circumstances } from '../email/circumstances.ts';
import type { User } from '../users/users.store.ts';

/** Cause of the mail: a sign-up, or a request of the user. */
export type VerificationCause = 'sign-up' | 'request';

/**
 * Queues the mail with which users verify their address. Voids older short codes and their tokens.
 *
 * @param signUp time, address and details of the sign-up, if known
 * @param cause why the mail is sent; decides whose quota it is charged to
 */
export async function sendVerification(
  tx: Tx,
  call: Call,
  app: App,
  to: Pick<User, 'id' | 'email'>,
  template: string | undefined,
  { signUp, cause }: { signUp: Circumstances | undefined; cause: VerificationCause },
) {
  const issued = await issueCode(tx, call.services, app.id, { userId: to.id, purpose: 'email_verification' });
  const code = mailedCode(issued, template, { userId: to.id, sessionToken: issued.token ?? '' });
  const content = { ...code, ...signUp, notMeUrl: notMeUrl(call, to, { kind: 'account' }) };
  const mail = { userId: to.id, recipient: to.email, purpose: 'email_verification', content } as const;
  if (cause === 'sign-up') await queueMailFromOthers(tx, call.services, app, mail);
  else await queueMail(tx, call.services, app.id, mail);
}
