import type { Command } from 'commander';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import type { Clock } from '../clock.ts';
import type { Deployment } from '../deployment.ts';
import {
  deleteMachineOfApp,
  listMachinesOfApp,
} from '../organization-machine-users/organization-machine-users.store.ts';

type Print = (line: string) => void;
type MachineDeployment = Pick<Deployment, 'db'> & { readonly clock: Clock; readonly ids: { next(): string } };

async function list({ db }: MachineDeployment, appId: string, print: Print): Promise<void> {
  for (const machine of await listMachinesOfApp(db, appId)) {
    const { id, userName, orgId, organizationName, isManager, secrets, lastUsedAt } = machine;
    const role = isManager ? 'manager' : 'member';
    const used = lastUsedAt ? `last used ${lastUsedAt.toISOString()}` : 'never used';
    const place = `of ${orgId} ${JSON.stringify(organizationName)}`;
    print(`${id}  ${JSON.stringify(userName)}  ${place}  ${role}  ${secrets} secrets  ${used}`);
  }
}

async function end(deployment: MachineDeployment, appId: string, id: string, print: Print): Promise<void> {
  const { db, clock, ids } = deployment;
  await db.transaction(async (tx) => {
    const orgId = await deleteMachineOfApp(tx, appId, id);
    if (orgId === undefined) throw new Error(`there is no machine user ${id} of an organization`);
    await writeAuditEvent(tx, ids, {
      appId,
      orgId,
      time: clock.now(),
      action: 'organization_machine_user.deleted',
      actor: { kind: 'operator', id: null },
      target: { kind: 'organization_machine', id },
      changes: [],
    });
  });
  print(`${id} is deleted; its tokens are refused`);
}

/** The commands that list and end machine users of organizations, whether or not the app has turned them on. */
export function addOrganizationMachineCommands(
  program: Command,
  withApp: (name: string, work: (deployment: MachineDeployment, appId: string) => Promise<void>) => Promise<void>,
  print: Print,
): void {
  program
    .command('list-organization-machines <app>')
    .description('list the machine users of all organizations of an app')
    .action((app: string) => withApp(app, (deployment, appId) => list(deployment, appId, print)));
  program
    .command('end-organization-machine <app> <id>')
    .description('delete a machine user of an organization with its secrets; its tokens are refused at once')
    .action((app: string, id: string) => withApp(app, (deployment, appId) => end(deployment, appId, id, print)));
}
