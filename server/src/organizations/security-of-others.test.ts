import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol } from '../test/world/factors.ts';
import { createWorld, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

test('the policies of two organizations are read and changed apart', async () => {
  const place = async () => {
    const owner = await world.person();
    const url = `/v1/authorization/organizations/${await world.organization(owner)}/security`;
    await enrol(world, owner);
    return (method: 'GET' | 'PATCH', body?: object) =>
      world.call(method, url, { token: owner.token, ...(body && { body }) });
  };
  const [first, second] = [await place(), await place()];
  await first('PATCH', { maxSessionHours: 5 });
  await second('PATCH', { maxSessionHours: 7 });
  expect((await first('PATCH', { rememberDays: 1 })).json()).toMatchObject({ maxSessionHours: 5, rememberDays: 1 });
  expect((await second('GET')).json()).toMatchObject({ maxSessionHours: 7, rememberDays: 0 });
  for (const rememberDays of [2, 3])
    expect((await second('PATCH', { rememberDays })).json()).toMatchObject({ maxSessionHours: 7, rememberDays });
});
