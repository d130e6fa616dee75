import { toCircumstances } from '../email/circumstances.ts';
import { type App, findApp } from '../apps/apps.store.ts';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import { processStored } from '../outbox/stored-requests.ts';
import { codeLifeMs, issueCode } from '../codes/codes.ts';
import { mailedCode } from '../email/mailed-code.ts';
import type { Tx } from '../db/db.ts';
import { queueMail } from '../email/queue-mail.ts';
import { hasLiveInvitation } from '../invitations/invitations.store.ts';
import { addressKey } from '../http/network-address.ts';
import type { Services } from '../calls/services.ts';
import { mayMailCode } from '../users/may-mail-code.ts';
import { type PasswordResetRequest, takePasswordResetRequest } from './password-reset-requests.store.ts';
import { lockUserByEmail, type User } from '../users/users.store.ts';

const bindingOf = (userId: string) => ({ userId, purpose: 'password_reset' }) as const;

/** Invited users may set their first password by a reset while an invitation is pending; deactivated users may not. */
async function mayReset(tx: Tx, services: Services, app: App, user: User): Promise<boolean> {
  if (user.state !== 'INVITED') return user.state === 'ACTIVE';
  return hasLiveInvitation(tx, app.id, user.id, services.clock.now());
}

async function queueReset(tx: Tx, services: Services, user: User, request: PasswordResetRequest): Promise<void> {
  const { appId, urlTemplate, ip, userAgent } = request;
  const requestedFrom = addressKey(ip);
  const issued = await issueCode(tx, services, appId, bindingOf(user.id), { requestedFrom });
  const content = {
    ...mailedCode(issued, urlTemplate, { email: user.email }),
    ...toCircumstances(ip, request.createdAt, userAgent ?? undefined),
  };
  await queueMail(tx, services, appId, { userId: user.id, recipient: user.email, purpose: 'password_reset', content });
}

async function writeEvent(tx: Tx, services: Services, userId: string, request: PasswordResetRequest): Promise<void> {
  await writeAuditEvent(tx, services.ids, {
    appId: request.appId,
    time: request.createdAt,
    action: 'password_reset.requested',
    actor: { kind: 'anonymous', id: null },
    target: { kind: 'user', id: userId },
    ip: request.ip,
    userAgent: request.userAgent,
    requestId: request.requestId,
  });
}

/** Looks up the address. If its user may reset the password, creates the code, its mail and the event. */
async function answerRequest(tx: Tx, services: Services, request: PasswordResetRequest): Promise<void> {
  const now = services.clock.now();
  if (now.getTime() - request.createdAt.getTime() >= codeLifeMs.password_reset) return;
  const app = await findApp(tx, request.appId);
  if (app?.status !== 'ACTIVE') return;
  const user = await lockUserByEmail(tx, app.id, request.emailKey);
  if (!user || !(await mayReset(tx, services, app, user))) return;
  if (!(await mayMailCode(tx, services, app, user, request, { purpose: 'password_reset', kind: 'reset' }))) return;
  await queueReset(tx, services, user, request);
  await writeEvent(tx, services, user.id, request);
}

/** Processes password reset requests in the background. */
export const sendPasswordResets = processStored({
  name: 'process password reset requests',
  noun: 'password reset request',
  take: takePasswordResetRequest,
  answer: answerRequest,
});
