import { Command } from 'commander';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { getApp } from '../apps/apps.store.ts';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol } from '../test/world/factors.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { addFactorCommands } from './factors.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(app);
});
afterAll(() => app?.close());

/** @returns what the command prints */
async function reset(email: string): Promise<string> {
  const lines: string[] = [];
  const program = new Command().exitOverride();
  addFactorCommands(program, {
    withApp: async (name, work) => work(app.services, await getApp(app.db, name)),
    print: (line) => void lines.push(line),
  });
  await program.parseAsync(['node', 'operate', 'reset-factors', world.appName, email]);
  return lines.join('\n');
}

const events = () =>
  app.db.query(sql`
    SELECT action, target_id FROM audit_events WHERE app_id = ${world.appId} AND actor_kind = 'operator'`);

it.each([
  ['nobody', () => 'nobody@example.com', /there is no account/],
  ['somebody without a factor', () => world.admin.email, /has no second factor/],
])('refuses to reset %s', async (_, email, reason) => {
  await expect(reset(email())).rejects.toThrow(reason);
  expect(await events()).toEqual([]);
});

it('removes the factors of a super admin, ends sessions, sends a mail to the owner and records an event', async () => {
  const { admin } = world;
  await enrol(world, admin);
  expect(await reset(admin.email.toUpperCase())).toContain('has no second factor now');
  expect((await world.call('GET', '/v1/authentication/users/me', { token: admin.token })).statusCode).toBe(401);
  const { purpose, text } = await world.mail(admin.email);
  expect([purpose, text]).toEqual(['factors_reset', expect.stringContaining('removed the second factors')]);
  expect(await events()).toEqual([{ action: 'factors.reset', target_id: admin.userId }]);
  expect((await world.signIn(admin.email)).userId).toBe(admin.userId);
});
