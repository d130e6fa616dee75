import type { Command } from 'commander';
import type { App } from '../apps/apps.store.ts';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import { queueNotice } from '../email/mail-quotas.ts';
import { resetFactors } from '../factors/reset-factors.ts';
import { emailKey } from '../http/email-address.ts';
import { lockUserByEmail } from '../users/users.store.ts';
import type { AdminCommands, AdminServices } from './admins.ts';

/** Removes the second factors of an account, ends its sessions and known devices, and notifies the owner by mail. */
function resetByOperator(services: AdminServices, app: App, email: string): Promise<void> {
  const { db, ids, clock } = services;
  const { id: appId } = app;
  return db.transaction(async (tx) => {
    const user = await lockUserByEmail(tx, appId, emailKey(email));
    if (!user) throw new Error(`there is no account "${email}"`);
    if (!(await resetFactors(tx, appId, user.id))) throw new Error(`"${email}" has no second factor`);
    const now = clock.now();
    if (user.isEmailVerified) {
      const mail = { userId: user.id, recipient: user.email, purpose: 'factors_reset' } as const;
      await queueNotice(tx, services, app, { ...mail, content: { time: now.toISOString() } });
    }
    await writeAuditEvent(tx, ids, {
      appId,
      time: now,
      action: 'factors.reset',
      actor: { kind: 'operator', id: null },
      target: { kind: 'user', id: user.id },
    });
  });
}

/** The commands about second factors. */
export function addFactorCommands(
  program: Command,
  { withApp, print }: Pick<AdminCommands, 'withApp' | 'print'>,
): void {
  program
    .command('reset-factors <app> <email>')
    .description('remove the second factors of an account, also of a super admin, and end its sessions')
    .action((app: string, email: string) =>
      withApp(app, async (services, found) => {
        await resetByOperator(services, found, email);
        print(`${email} has no second factor now, and all sessions have ended`);
      }),
    );
}
