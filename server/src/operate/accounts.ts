import type { Command } from 'commander';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import { deleteDevices } from '../devices/devices.store.ts';
import { deleteFactors } from '../factors/factors.store.ts';
import { emailKey } from '../http/email-address.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { lockUserByEmail } from '../users/users.store.ts';
import type { Deployment } from '../deployment.ts';
import { listUnclaimed, type UnclaimedAccount } from '../accounts/unclaimed.store.ts';

const line = ({ id, isAssumed, email, organizations, isSuperAdmin }: UnclaimedAccount): string => {
  const grants = [`organizations: ${organizations}`, ...(isSuperAdmin ? ['super admin'] : [])];
  return [id, isAssumed ? 'assumed' : 'unclaimed', email, grants.join(', ')].join('  ');
};

/** Removes the second factors of an account, and ends its sessions and known devices. */
async function resetFactors({ db, clock, ids }: Deployment, appId: string, email: string): Promise<void> {
  await db.transaction(async (tx) => {
    const user = await lockUserByEmail(tx, appId, emailKey(email));
    if (!user) throw new Error(`there is no account "${email}"`);
    if ((await deleteFactors(tx, appId, user.id)) === 0) throw new Error(`"${email}" has no second factor`);
    await deleteSessions(tx, appId, user.id);
    await deleteDevices(tx, appId, user.id);
    await writeAuditEvent(tx, ids, {
      appId,
      time: clock.now(),
      action: 'factors.reset',
      actor: { kind: 'operator', id: null },
      target: { kind: 'user', id: user.id },
    });
  });
}

/** The commands about accounts. */
export function addAccountCommands(
  program: Command,
  withApp: (name: string, work: (deployment: Deployment, appId: string) => Promise<void>) => Promise<void>,
  print: (text: string) => void,
): void {
  program
    .command('list-unclaimed <app>')
    .description(
      'list the accounts that have roles although their owner never reset the password or accepted an invitation',
    )
    .action((app: string) =>
      withApp(app, async ({ db }, appId) => {
        for (const account of await listUnclaimed(db, appId)) print(line(account));
      }),
    );
  program
    .command('reset-factors <app> <email>')
    .description('remove the second factors of an account, also of a super admin, and end its sessions')
    .action((app: string, email: string) =>
      withApp(app, async (deployment, appId) => {
        await resetFactors(deployment, appId, email);
        print(`${email} has no second factor now, and all sessions have ended`);
      }),
    );
}
