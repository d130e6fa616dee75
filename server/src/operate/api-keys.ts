import type { Command } from 'commander';
import { deleteAnyApiKey, listAllApiKeys } from '../api-keys/api-keys.operator.store.ts';
import type { ListedApiKey } from '../api-keys/api-keys.operator.store.ts';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import type { Services } from '../calls/services.ts';

type KeyDeployment = Pick<Services, 'db' | 'clock' | 'ids'>;

const line = (key: ListedApiKey): string =>
  [
    key.id,
    `…${key.lastCharacters}`,
    `organization ${key.orgId}`,
    key.userId === null ? 'of the organization' : `of user ${key.userId}`,
    key.lastUsedAt === null ? 'never used' : `used ${key.lastUsedAt.toISOString()}`,
    key.expiresAt === null ? 'never expires' : `expires ${key.expiresAt.toISOString()}`,
  ].join('  ');

async function end({ db, clock, ids }: KeyDeployment, appId: string, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    const orgId = await deleteAnyApiKey(tx, appId, id);
    if (orgId === undefined) throw new Error(`there is no API key ${id}`);
    await writeAuditEvent(tx, ids, {
      appId,
      orgId,
      time: clock.now(),
      action: 'api_key.revoked',
      actor: { kind: 'operator', id: null },
      target: { kind: 'api_key', id },
    });
  });
}

/** The commands that list and end API keys. */
export function addApiKeyCommands(
  program: Command,
  withApp: (name: string, work: (deployment: KeyDeployment, appId: string) => Promise<void>) => Promise<void>,
  print: (text: string) => void,
): void {
  program
    .command('list-api-keys <app>')
    .description('list the API keys of organizations and people of an app, without the keys')
    .action((app: string) =>
      withApp(app, async ({ db }, appId) => {
        for (const key of await listAllApiKeys(db, appId)) print(line(key));
      }),
    );
  program
    .command('end-api-key <app> <id>')
    .description('end an API key at once')
    .action((app: string, id: string) =>
      withApp(app, async (deployment, appId) => {
        if (!/^\d{1,19}$/.test(id)) throw new Error(`"${id}" is no id: list-api-keys shows the ids`);
        await end(deployment, appId, id);
        print(`${id} is ended`);
      }),
    );
}
