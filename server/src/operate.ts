import { Command } from 'commander';
import { type App, findAppByName } from './apps/apps.store.ts';
import { type AdminCommands, addAdminCommands, toAdminServices } from './operate/admins.ts';
import { addDoctorCommand, openExisting } from './operate/doctor.ts';
import { ConfigError, loadConfig } from './config.ts';
import type { Log } from './db/db.ts';
import { DirectoryInUseError } from './db/directory-lock.ts';
import { type Deployment, openDeployment } from './deployment.ts';
import { embeddedIsForOne } from './operate/embedded-is-for-one.ts';
import { addFactorCommands } from './operate/factors.ts';
import { addKeyCommands } from './operate/keys.ts';
import { addMailCommands } from './operate/mails.ts';
import { addOrganizationMachineCommands } from './operate/organization-machines.ts';
import { reseal } from './operate/reseal.ts';
import { addAccountCommands } from './operate/accounts.ts';
import { addApiKeyCommands } from './operate/api-keys.ts';

/** Commands of the operator that work on the database directly, with the same environment as the service. */
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Standard output is only for results. Messages, for example about a migration that waits, go to standard error. */
const log: Log = (level, message, details) => {
  if (level !== 'info') process.stderr.write(`${level}: ${message} ${JSON.stringify(details)}\n`);
};

async function withDeployment(work: (deployment: Deployment) => Promise<void>): Promise<void> {
  const deployment = await openDeployment(loadConfig(process.env), log);
  try {
    await work(deployment);
  } finally {
    await deployment.close();
  }
}

async function appOf({ db }: Deployment, name: string): Promise<App> {
  const app = await findAppByName(db, name);
  if (!app) throw new Error(`there is no app "${name}"`);
  return app;
}

const appIdOf = async (deployment: Deployment, name: string): Promise<string> => (await appOf(deployment, name)).id;

const withApp = (name: string, work: (deployment: Deployment, appId: string) => Promise<void>): Promise<void> =>
  withDeployment(async (deployment) => work(deployment, await appIdOf(deployment, name)));

const program = new Command('operate')
  .description('Manage the keys, mails and accounts of a deployment.')
  .showHelpAfterError();

addKeyCommands(program, withApp, print);

program
  .command('reseal')
  .description('encrypt everything under the current MASTER_KEY, so that MASTER_KEYS_OLD can be removed')
  .action(() =>
    withDeployment(async ({ db, sealer }) => {
      const { keys, mails, secrets, factors } = await reseal(db, sealer);
      print(
        `resealed ${keys} signing keys, ${mails} mails, ${secrets} secrets of identity providers and ` +
          `${factors} second factors`,
      );
    }),
  );

addMailCommands(program, withDeployment, print);
addAccountCommands(program, withApp, print);
addApiKeyCommands(program, withApp, print);
addOrganizationMachineCommands(program, withApp, print);
const adminCommands: AdminCommands = {
  withApp: (name, work) =>
    withDeployment(async (deployment) =>
      work(toAdminServices(deployment, loadConfig(process.env), log), await appOf(deployment, name)),
    ),
  print,
  input: process.stdin,
};
addAdminCommands(program, adminCommands);
addFactorCommands(program, adminCommands);
addDoctorCommand(program, { env: process.env, open: openExisting, machineNow: Date.now, print });

program.parseAsync().catch((error: unknown) => {
  const text =
    error instanceof ConfigError
      ? error.faults.map((fault) => `${fault.variable} ${fault.message}`).join('\n')
      : String(error);
  process.stderr.write(`${text}\n`);
  if (error instanceof DirectoryInUseError) {
    process.stderr.write(`${embeddedIsForOne}\n`);
  }
  process.exitCode = 1;
});
