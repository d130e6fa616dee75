import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { isOff } from '../database-clock.ts';
import type { Deployment } from '../deployment.ts';
import { listApps } from '../apps/apps.store.ts';
import { settingsWarnings } from '../apps/settings-warnings.ts';

/** The service goes by the database's clock; its logs and the validation of certificates go by the machine's. */
function clockFindings({ machineOffsetSeconds: offset }: Deployment['clock']): string[] {
  if (!isOff(offset)) return [];
  const difference = `${Math.abs(Math.round(offset))} s ${offset > 0 ? 'ahead of' : 'behind'} the database`;
  return [`clock  This machine is ${difference}. Synchronize the clocks of both.`];
}

/** The command that lists what an operator should mend. It changes nothing. */
export function addDoctorCommand(
  program: Command,
  withDeployment: (work: (deployment: Pick<Deployment, 'db' | 'clock'>) => Promise<void>) => Promise<void>,
  print: (text: string) => void,
): void {
  program
    .command('doctor')
    .description('list what should be mended: stored settings, the clock; status 1 if there are any')
    .action(() =>
      withDeployment(async ({ db, clock }) => {
        const config = loadConfig(process.env);
        const ofSettings = (await listApps(db)).flatMap(({ name, settings }) =>
          settingsWarnings(settings, config).map((warning) => `${name}  ${warning}`),
        );
        const findings = [...clockFindings(clock), ...ofSettings];
        for (const finding of findings) print(finding);
        if (findings.length > 0) process.exitCode = 1;
        else print('nothing to mend');
      }),
    );
}
