import { Command } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { introspected, organizationKey, personalKey } from '../test/world/api-keys.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { addApiKeyCommands } from './api-keys.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

/** @returns what the command prints */
async function operate(...words: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  const program = new Command().exitOverride();
  const withApp = (_: string, work: (deployment: TestApp['services'], appId: string) => Promise<void>) =>
    work(app.services, world.appId);
  addApiKeyCommands(program, withApp, (line) => lines.push(line));
  await program.parseAsync(['node', 'operate', ...words]);
  return lines;
}

test('the operator lists all keys without the keys, and ends one', async () => {
  const other = await createWorld(app);
  const stranger = await other.person();
  const foreign = await organizationKey(other, stranger, await other.organization(stranger));
  const owner = await world.person();
  const orgId = await world.organization(owner);
  const member = await world.member(orgId);
  const keys = [await organizationKey(world, owner, orgId), await personalKey(world, member, orgId)];
  const [first, second, ...others] = await operate('list-api-keys', world.appName);
  expect(first).toContain(`${keys[0]?.id}  …${keys[0]?.key.slice(-4)}  organization ${orgId}  of the organization`);
  expect(second).toContain(`of user ${member.userId}  never used  never expires`);
  expect(others).toEqual([]);

  expect(await operate('end-api-key', world.appName, keys[1]?.id ?? '')).toEqual([`${keys[1]?.id} is ended`]);
  const machine = await world.machine();
  const isActive = keys.map(async ({ key }) => (await introspected(world, machine, key))['active']);
  expect(await Promise.all(isActive)).toEqual([true, false]);
  for (const id of [keys[1]?.id ?? '', foreign.id, 'x'])
    await expect(operate('end-api-key', world.appName, id)).rejects.toThrow(/no API key|no id/);
  expect(
    await app.db.query(sql`
      SELECT action, org_id, target_id FROM audit_events
      WHERE app_id = ${world.appId} AND actor_kind = 'operator'`),
  ).toEqual([{ action: 'api_key.revoked', org_id: orgId, target_id: keys[1]?.id }]);
});
