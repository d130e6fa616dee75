import { toCircumstances } from '../email/circumstances.ts';
import { type App, findApp } from '../apps/apps.store.ts';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import type { BackgroundTask } from '../calls/background-task.ts';
import { codeLifeMs, codesKept, issueCode } from '../codes/codes.ts';
import { countUsableCodes } from '../codes/codes.store.ts';
import { mailedCode } from '../email/mailed-code.ts';
import type { Tx } from '../db/db.ts';
import { consumeMailQuota } from '../email/mail-quotas.ts';
import { queueMail } from '../email/queue-mail.ts';
import { hasLiveInvitation } from '../invitations/invitations.store.ts';
import { addressKey } from '../http/network-address.ts';
import type { Services } from '../calls/services.ts';
import { isKnownRequester } from '../users/known-requester.ts';
import { type PasswordResetRequest, takePasswordResetRequest } from './password-reset-requests.store.ts';
import { lockUserByEmail, type User } from '../users/users.store.ts';

const bindingOf = (userId: string) => ({ userId, purpose: 'password_reset' }) as const;

/**
 * Whether a user may get another code. Invited users may choose their first password this way while an invitation is
 * pending; deactivated users may not. While three codes are valid, no further mail is sent, because their links work.
 * Codes that strangers requested do not block a client with a known device.
 */
async function mayGetCode(
  tx: Tx,
  services: Services,
  app: App,
  user: User,
  request: PasswordResetRequest,
): Promise<boolean> {
  const now = services.clock.now();
  if (user.state === 'INACTIVE') return false;
  if (user.state === 'INVITED' && !(await hasLiveInvitation(tx, app.id, user.id, now))) return false;
  const isKnown = user.isEmailClaimed && (await isKnownRequester(tx, app.id, user.id, request, now));
  const waiting = { now, requestedFrom: isKnown ? addressKey(request.ip) : undefined };
  if ((await countUsableCodes(tx, app.id, user.id, 'password_reset', waiting)) >= codesKept.password_reset)
    return false;
  // Beyond the quota, no mail is sent and the request is dropped silently.
  return consumeMailQuota(tx, services, app, 'reset', user.email, isKnown ? user.id : undefined);
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
  if (!user || !(await mayGetCode(tx, services, app, user, request))) return;
  await queueReset(tx, services, user, request);
  await writeEvent(tx, services, user.id, request);
}

/**
 * @returns the id of the claimed request, and the error if processing failed; undefined if there are no more requests
 */
async function answerNext(services: Services, afterId: string): Promise<{ id: string; error?: unknown } | undefined> {
  let id: string | undefined;
  try {
    await services.db.transaction(async (tx) => {
      const request = await takePasswordResetRequest(tx, afterId);
      id = request?.id;
      if (request) await answerRequest(tx, services, request);
    });
    return id === undefined ? undefined : { id };
  } catch (error) {
    if (id === undefined) throw error;
    return { id, error };
  }
}

/**
 * Processes password reset requests in the background, so that the response time does not reveal whether an address has
 * an account. Each request is one transaction: a crash loses no request and mails none twice. A failed request is
 * retried in the next run and does not block other requests.
 */
export const sendPasswordResets: BackgroundTask = {
  name: 'process password reset requests',
  everyMs: 1000,
  run: async (services, signal) => {
    let failed: { error: unknown } | undefined;
    let answered = await answerNext(services, '0');
    while (answered) {
      if ('error' in answered) failed = { error: answered.error };
      answered = signal.aborted ? undefined : await answerNext(services, answered.id);
    }
    if (failed) throw new Error('a password reset request could not be processed', { cause: failed.error });
  },
};
