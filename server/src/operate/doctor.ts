import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import type { Deployment } from '../deployment.ts';
import { listApps } from '../apps/apps.store.ts';
import { settingsWarnings } from '../apps/settings-warnings.ts';

/** The command that lists what an operator should mend. It changes nothing. */
export function addDoctorCommand(
  program: Command,
  withDeployment: (work: (deployment: Pick<Deployment, 'db'>) => Promise<void>) => Promise<void>,
  print: (text: string) => void,
): void {
  program
    .command('doctor')
    .description('list stored settings that should be mended; status 1 if there are any')
    .action(() =>
      withDeployment(async ({ db }) => {
        const config = loadConfig(process.env);
        const findings = (await listApps(db)).flatMap(({ name, settings }) =>
          settingsWarnings(settings, config).map((warning) => `${name}  ${warning}`),
        );
        for (const finding of findings) print(finding);
        if (findings.length > 0) process.exitCode = 1;
        else print('nothing to mend');
      }),
    );
}
