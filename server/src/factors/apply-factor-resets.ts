import { findApp } from '../apps/apps.store.ts';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import type { Services } from '../calls/services.ts';
import type { Tx } from '../db/db.ts';
import { queueNotice } from '../email/mail-quotas.ts';
import { processStored } from '../outbox/stored-requests.ts';
import { findAndLockUser } from '../users/users.store.ts';
import { deleteFactorReset, type FactorReset, findDueFactorReset, isActiveSuperAdmin } from './factor-resets.store.ts';
import { resetFactors } from './reset-factors.ts';

/**
 * Removes the factors of a user, if the reset was not cancelled and the person who requested it is still a super admin.
 * The lock of the user decides between this task, its other processes and the cancel link.
 */
async function applyFactorReset(tx: Tx, services: Services, reset: FactorReset): Promise<void> {
  const { appId, id, userId, requestedBy } = reset;
  const user = await findAndLockUser(tx, appId, userId);
  if (!user || !(await deleteFactorReset(tx, appId, userId, id))) return;
  const app = await findApp(tx, appId);
  if (!app || !(await isActiveSuperAdmin(tx, appId, requestedBy))) return;
  if (!(await resetFactors(tx, appId, userId))) return;
  const now = services.clock.now();
  if (user.isEmailVerified) {
    const mail = { userId, recipient: user.email, purpose: 'factors_reset' } as const;
    await queueNotice(tx, services, app, { ...mail, content: { time: now.toISOString() } });
  }
  await writeAuditEvent(tx, services.ids, {
    appId,
    time: now,
    action: 'factors.reset',
    actor: { kind: 'user', id: requestedBy },
    target: { kind: 'user', id: userId },
  });
}

/** Removes second factors whose waiting time is over. */
export const applyFactorResets = processStored({
  name: 'apply resets of second factors',
  noun: 'reset of second factors',
  everyMs: 30_000,
  take: (tx, afterId, { clock }) => findDueFactorReset(tx, afterId, clock.now()),
  answer: applyFactorReset,
});
