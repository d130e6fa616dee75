import type { App } from '../apps/apps.store.ts';
import { fillUrlTemplate } from '../apps/url-template.ts';
import { issueCode } from '../codes/codes.ts';
import type { Tx } from '../db/db.ts';
import { queueMail } from '../email/outbox.ts';
import type { Call } from '../http/route.ts';
import type { User } from './users.store.ts';

/** Queues the mail that lets a user prove their address; older codes and their tokens are void. */
export async function sendVerification(
  tx: Tx,
  call: Call,
  app: App,
  to: Pick<User, 'id' | 'email'>,
  template: string | undefined,
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
  const content = { code, ...(url && { url }) };
  await queueMail(tx, call.services, app.id, {
    userId: to.id,
    recipient: to.email,
    purpose: 'email_verification',
    content,
  });
}
