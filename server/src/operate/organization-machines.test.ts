import { Command } from 'commander';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { enableOrganizationMachines } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';
import { addOrganizationMachineCommands } from './organization-machines.ts';

let app: TestApp;
let world: World;

beforeAll(async () => void (app = await buildTestApp()));
beforeEach(async () => {
  world = await createWorld(app);
  await enableOrganizationMachines(world);
});
afterAll(() => app?.close());

/** @returns what the command prints */
async function operate(...words: string[]): Promise<string> {
  const lines: string[] = [];
  const program = new Command().exitOverride();
  addOrganizationMachineCommands(
    program,
    (_, work) => work(app.services, world.appId),
    (line) => void lines.push(line),
  );
  await program.parseAsync(['node', 'operate', ...words]);
  return lines.join('\n');
}

it('lists the machine users of organizations of one app, and ends one', async () => {
  const owner = await world.person();
  const orgId = await world.organization(owner, { name: 'Acme' });
  const machine = await world.organizationMachine(orgId, { managerRoles: ['ORG_USER_MANAGER'] });
  const elsewhere = await createWorld(app);
  await enableOrganizationMachines(elsewhere);
  const foreign = await elsewhere.organizationMachine(await elsewhere.organization(await elsewhere.person()));
  const line = await operate('list-organization-machines', world.appName);
  expect(line).toContain(`${machine.machineUserId}  "exporter`);
  expect(line).toContain(`of ${orgId} "Acme"  manager  1 secrets  never used`);
  expect(line).not.toContain(foreign.machineUserId);

  await operate('end-organization-machine', world.appName, machine.machineUserId);
  expect(await operate('list-organization-machines', world.appName)).toBe('');
  const { machineUserId: clientId, clientSecret } = machine;
  const response = await world.call('POST', '/v1/authentication/machine-users/access-token', {
    body: { clientId, clientSecret },
  });
  expect(problem(response)).toBe('401 invalid_client');
  expect((await world.events()).at(-1)).toMatchObject({
    action: 'organization_machine_user.deleted',
    target: `organization_machine ${machine.machineUserId}`,
  });
});

it('lists each with its own organization and number of secrets, once', async () => {
  const owner = await world.person();
  const first = await world.organization(owner, { name: 'First' });
  const second = await world.organization(owner, { name: 'Second' });
  const one = await world.organizationMachine(first);
  const two = await world.organizationMachine(second);
  const url = `/v1/authorization/organizations/${second}/machine-users/${two.machineUserId}/secrets`;
  await world.call('POST', url, { token: world.admin.token, body: {} });
  const lines = (await operate('list-organization-machines', world.appName)).split('\n');
  expect(lines).toEqual([
    expect.stringMatching(`^${one.machineUserId} .* of ${first} "First"  member  1 secrets`),
    expect.stringMatching(`^${two.machineUserId} .* of ${second} "Second"  member  2 secrets`),
  ]);
});

it('does not affect other apps, and reports that there is no such machine user', async () => {
  const elsewhere = await createWorld(app);
  await enableOrganizationMachines(elsewhere);
  const foreign = await elsewhere.organizationMachine(await elsewhere.organization(await elsewhere.person()));
  await expect(operate('end-organization-machine', world.appName, foreign.machineUserId)).rejects.toThrow(
    `there is no machine user ${foreign.machineUserId} of an organization`,
  );
});
