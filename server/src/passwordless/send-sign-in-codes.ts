import { type App, findApp } from '../apps/apps.store.ts';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import { processStored } from '../outbox/stored-requests.ts';
import type { Services } from '../calls/services.ts';
import { codeLifeMs, issueCode } from '../codes/codes.ts';
import type { Tx } from '../db/db.ts';
import { toCircumstances } from '../email/circumstances.ts';
import { mailedCode } from '../email/mailed-code.ts';
import { queueMail } from '../email/queue-mail.ts';
import { addressKey } from '../http/network-address.ts';
import { type SignInCodeRequest, takeSignInCodeRequest } from '../sign-in/sign-in-code-requests.store.ts';
import { mayMailCode } from '../users/may-mail-code.ts';
import { notMeUrlOfApp } from '../users/not-me-token.ts';
import { lockUserByEmail, type User } from '../users/users.store.ts';
import { sendInvitationAgain } from './send-invitation-again.ts';

async function queueCode(tx: Tx, services: Services, app: App, user: User, request: SignInCodeRequest): Promise<void> {
  const { ip, userAgent, browserHash, urlTemplate } = request;
  const binding = { userId: user.id, purpose: 'sign_in' } as const;
  const issued = await issueCode(tx, services, app.id, binding, { requestedFrom: addressKey(ip), browserHash });
  const content = {
    ...mailedCode(issued, urlTemplate, { email: user.email }),
    ...toCircumstances(ip, request.createdAt, userAgent ?? undefined),
    // Somebody else may have signed up with the address.
    ...(!user.isEmailClaimed && { notMeUrl: notMeUrlOfApp(services, app, user, { kind: 'account' }) }),
  };
  await queueMail(tx, services, app.id, { userId: user.id, recipient: user.email, purpose: 'sign_in_code', content });
}

const writeEvent = (tx: Tx, services: Services, userId: string, request: SignInCodeRequest): Promise<void> =>
  writeAuditEvent(tx, services.ids, {
    appId: request.appId,
    time: request.createdAt,
    action: 'sign_in_code.requested',
    actor: { kind: 'anonymous', id: null },
    target: { kind: 'user', id: userId },
    ip: request.ip,
    userAgent: request.userAgent,
    requestId: request.requestId,
  });

/**
 * Looks up the address. An active user gets a code, an invited user gets the invitation again, other addresses get no
 * mail.
 */
async function answerRequest(tx: Tx, services: Services, request: SignInCodeRequest): Promise<void> {
  const now = services.clock.now();
  if (now.getTime() - request.createdAt.getTime() >= codeLifeMs.sign_in) return;
  const app = await findApp(tx, request.appId);
  if (app?.status !== 'ACTIVE' || !app.settings.signInMethods.includes('emailCode')) return;
  const user = await lockUserByEmail(tx, app.id, request.emailKey);
  if (user?.state === 'INVITED') await sendInvitationAgain(tx, services, app, user, request);
  if (user?.state !== 'ACTIVE') return;
  if (!(await mayMailCode(tx, services, app, user, request, { purpose: 'sign_in', kind: 'sign_in_code' }))) return;
  await queueCode(tx, services, app, user, request);
  await writeEvent(tx, services, user.id, request);
}

/** Processes requests for codes to sign in, in the background. */
export const sendSignInCodes = processStored({
  name: 'process requests for sign-in codes',
  noun: 'request for a sign-in code',
  take: takeSignInCodeRequest,
  answer: answerRequest,
});
