import { Command } from 'commander';
import { type App, findAppByName } from './apps/apps.store.ts';
import { addAdminCommands, toAdminServices } from './operate/admins.ts';
import { addDoctorCommand, openExisting } from './operate/doctor.ts';
import { writeAuditEvent } from './calls/audit-event.store.ts';
import { ConfigError, loadConfig } from './config.ts';
import type { Log, Tx } from './db/db.ts';
import { DirectoryInUseError } from './db/directory-lock.ts';
import { type Deployment, openDeployment } from './deployment.ts';
import { embeddedIsForOne } from './operate/embedded-is-for-one.ts';
import { addMailCommands } from './operate/mails.ts';
import { reseal } from './operate/reseal.ts';
import { makeSigningKey, makeSuccessor, revokeKey, rotateSigningKey } from './keys/signing-keys.ts';
import { listSigningKeys } from './keys/signing-keys.store.ts';
import { addAccountCommands } from './operate/accounts.ts';

/** Commands of the operator that work on the database itself, with the same environment as the service. */
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Standard output is for results: what a migration waits for, for example, is told on standard error. */
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

async function writeOperatorEvent(
  tx: Tx,
  { ids, clock }: Deployment,
  appId: string,
  action: string,
  kid: string,
): Promise<void> {
  await writeAuditEvent(tx, ids, {
    appId,
    time: clock.now(),
    action,
    actor: { kind: 'operator', id: null },
    target: { kind: 'signing_key', id: null },
    changes: [`key.${kid}`],
  });
}

const program = new Command('operate')
  .description('Work on the keys, mails and accounts of a deployment.')
  .showHelpAfterError();

program
  .command('list-keys <app>')
  .description('list the signing keys of an app')
  .action((app: string) =>
    withDeployment(async (deployment) => {
      const keys = await listSigningKeys(deployment.db, await appIdOf(deployment, app));
      for (const key of keys) {
        const until = key.revokedAt
          ? `revoked ${key.revokedAt.toISOString()}`
          : `published until ${key.publishedUntil?.toISOString() ?? 'succeeded'}`;
        print(`${key.kid}  signs from ${key.activeFrom.toISOString()}  ${until}`);
      }
    }),
  );

program
  .command('rotate-key <app>')
  .description(
    'add a signing key: published at once, signs in 15 minutes; the old one verifies until its tokens have expired',
  )
  .action((app: string) =>
    withDeployment(async (deployment) => {
      const appId = await appIdOf(deployment, app);
      const now = deployment.clock.now();
      const key = await makeSuccessor(deployment.sealer, appId, now);
      await deployment.db.transaction(async (tx) => {
        await rotateSigningKey(tx, appId, key, now);
        await writeOperatorEvent(tx, deployment, appId, 'signing_key.rotated', key.kid);
      });
      print(`${key.kid} signs from ${key.activeFrom.toISOString()}`);
    }),
  );

program
  .command('revoke-key <app> <kid>')
  .description('refuse every token of a signing key at once; its successor, or a new key, signs from now on')
  .action((app: string, kid: string) =>
    withDeployment(async (deployment) => {
      const appId = await appIdOf(deployment, app);
      const now = deployment.clock.now();
      const spare = await makeSigningKey(deployment.sealer, appId, now);
      await deployment.db.transaction(async (tx) => {
        if (!(await revokeKey(tx, appId, kid, spare, now))) throw new Error(`there is no key ${kid} to revoke`);
        await writeOperatorEvent(tx, deployment, appId, 'signing_key.revoked', kid);
      });
      print(`${kid} is revoked`);
    }),
  );

program
  .command('reseal')
  .description('encrypt everything under the current MASTER_KEY, so that MASTER_KEYS_OLD can be dropped')
  .action(() =>
    withDeployment(async ({ db, sealer }) => {
      const { keys, mails, secrets } = await reseal(db, sealer);
      print(`resealed ${keys} signing keys, ${mails} mails and ${secrets} secrets of identity providers`);
    }),
  );

addMailCommands(program, withDeployment, print);
addAccountCommands(
  program,
  (name, work) => withDeployment(async (deployment) => work(deployment, await appIdOf(deployment, name))),
  print,
);
addAdminCommands(program, {
  withApp: (name, work) =>
    withDeployment(async (deployment) =>
      work(toAdminServices(deployment, loadConfig(process.env)), await appOf(deployment, name)),
    ),
  print,
  input: process.stdin,
});
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
