import { type Command, Option } from 'commander';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import type { Tx } from '../db/db.ts';
import type { Deployment } from '../deployment.ts';
import { generateSigningKey, generateSuccessor, revokeKey, rotateSigningKey } from '../keys/signing-keys.ts';
import { type KeySet, keySets, listSigningKeys } from '../keys/signing-keys.store.ts';

type Print = (line: string) => void;
type KeyDeployment = Pick<Deployment, 'db' | 'clock' | 'ids' | 'sealer'>;

async function writeOperatorEvent(
  tx: Tx,
  { ids, clock }: KeyDeployment,
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

async function listKeys({ db }: KeyDeployment, appId: string, print: Print): Promise<void> {
  for (const set of keySets) {
    for (const key of await listSigningKeys(db, appId, set)) {
      const until = key.revokedAt
        ? `revoked ${key.revokedAt.toISOString()}`
        : `published until ${key.publishedUntil?.toISOString() ?? 'succeeded'}`;
      print(`${key.kid}  ${set}  signs from ${key.activeFrom.toISOString()}  ${until}`);
    }
  }
}

async function rotate(deployment: KeyDeployment, appId: string, set: KeySet, print: Print): Promise<void> {
  const now = deployment.clock.now();
  const key = await generateSuccessor(deployment.sealer, appId, set, now);
  await deployment.db.transaction(async (tx) => {
    await rotateSigningKey(tx, appId, key, now);
    await writeOperatorEvent(tx, deployment, appId, 'signing_key.rotated', key.kid);
  });
  print(`${key.kid} signs from ${key.activeFrom.toISOString()}`);
}

/** The set of a key. @throws Error if the app has no such key */
async function setOf({ db }: KeyDeployment, appId: string, kid: string): Promise<KeySet> {
  for (const set of keySets) {
    if ((await listSigningKeys(db, appId, set)).some((key) => key.kid === kid)) return set;
  }
  throw new Error(`there is no key ${kid} to revoke`);
}

async function revoke(deployment: KeyDeployment, appId: string, kid: string, print: Print): Promise<void> {
  const now = deployment.clock.now();
  const spare = await generateSigningKey(deployment.sealer, appId, await setOf(deployment, appId, kid), now);
  await deployment.db.transaction(async (tx) => {
    if (!(await revokeKey(tx, appId, kid, spare, now))) throw new Error(`there is no key ${kid} to revoke`);
    await writeOperatorEvent(tx, deployment, appId, 'signing_key.revoked', kid);
  });
  print(`${kid} is revoked`);
}

/** The commands that list, rotate and revoke the signing keys of an app. */
export function addKeyCommands(
  program: Command,
  withApp: (name: string, work: (deployment: KeyDeployment, appId: string) => Promise<void>) => Promise<void>,
  print: Print,
): void {
  program
    .command('list-keys <app>')
    .description('list the signing keys of an app, by key set')
    .action((app: string) => withApp(app, (deployment, appId) => listKeys(deployment, appId, print)));
  program
    .command('rotate-key <app>')
    .description(
      'add a signing key: published at once, signs in 15 minutes; the old key verifies until its tokens have expired',
    )
    .addOption(
      new Option('--set <set>', 'machine: tokens of app machine users; oauth: all other tokens')
        .choices(keySets)
        .default('machine' satisfies KeySet),
    )
    .action((app: string, { set }: { set: KeySet }) =>
      withApp(app, (deployment, appId) => rotate(deployment, appId, set, print)),
    );
  program
    .command('revoke-key <app> <kid>')
    .description('refuse every token of a signing key at once; its successor, or a new key, signs from now on')
    .action((app: string, kid: string) => withApp(app, (deployment, appId) => revoke(deployment, appId, kid, print)));
}
