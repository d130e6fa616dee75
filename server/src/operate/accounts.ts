import type { Command } from 'commander';
import type { Deployment } from '../deployment.ts';
import { listUnclaimed, type UnclaimedAccount } from '../accounts/unclaimed.store.ts';

const line = ({ id, isAssumed, email, organizations, isSuperAdmin }: UnclaimedAccount): string => {
  const grants = [`organizations: ${organizations}`, ...(isSuperAdmin ? ['super admin'] : [])];
  return [id, isAssumed ? 'assumed' : 'unclaimed', email, grants.join(', ')].join('  ');
};

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
}
