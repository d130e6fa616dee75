import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol, setPolicy } from '../test/world/factors.ts';
import { proveFactor, securityOf } from '../test/world/policies.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

test('a change of the policy needs a recent factor of owners, even if the app no longer uses factors', async () => {
  await setPolicy(world, 'optional');
  const owner = await world.person();
  const orgId = await world.organization(owner);
  const factor = await enrol(world, owner);
  await setPolicy(world, 'off');
  app.clock.advance(3_600_000);
  await world.reauthenticate(owner);
  const { token } = owner;
  const change = () => world.call('PATCH', securityOf(orgId), { token, body: { maxSessionHours: 48 } });
  expect(problem(await change())).toBe('401 step_up_required');
  await proveFactor(world, owner, factor);
  expect((await change()).statusCode).toBe(200);
});
