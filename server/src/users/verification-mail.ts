import type { App } from '../apps/apps.store.ts';
import { fillUrlTemplate } from '../apps/url-template.ts';
import { issueCode } from '../codes/codes.ts';
import type { Tx } from '../db/db.ts';
import { queueMail } from '../email/outbox.ts';
import type { Call } from '../http/route.ts';
import { notMeUrl } from '../not-me/not-me-token.ts';
import type { Circumstances } from './password-changed.ts';
import type { User } from './users.store.ts';

/**
 * Queues the mail that lets a user verify their address; older codes and their tokens are void.
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
  const { code, token = '' } = await issueCode(tx, call.services, app.id, {
    userId: to.id,
    purpose: 'email_verification',
  });
  const url =
    template &&
    fillUrlTemplate(
      template,
      new Map([
        ['code', code],
        ['userId', to.id],
        ['sessionToken', token],
      ]),
    );
  const notMe = notMeUrl(call, to.id, { kind: 'account' });
  const content = { code, ...(url && { url }), ...signUp, notMeUrl: notMe };
  await queueMail(tx, call.services, app.id, {
    userId: to.id,
    recipient: to.email,
    purpose: 'email_verification',
    content,
  });
}
