import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { callOf, createWorld, type Machine, problem, type World } from '../test/world/world.ts';

const perMinute = 5;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { settings: { limits: { tokenRequestsPerMachinePerMinute: perMinute } } });
});
afterAll(() => app?.close());

const getToken = ({ machineUserId, clientSecret }: Machine, process: Pick<World, 'call'> = world) =>
  process.call('POST', '/v1/authentication/machine-users/access-token', {
    body: { clientId: machineUserId, clientSecret },
  });

/** Uses up what the machine has left of the minute; making it took the first token. */
async function exhaust(machine: Machine): Promise<void> {
  for (let count = 1; count < perMinute; count += 1) expect((await getToken(machine)).statusCode).toBe(200);
}

describe('a machine user that requests tokens too often', () => {
  test('is refused until its time, which the response has', async () => {
    const machine = await world.machine();
    await exhaust(machine);
    const refused = await getToken(machine);
    expect(problem(refused)).toBe('429 rate_limited');
    expect(Number(refused.headers['retry-after'])).toBe(60 / perMinute);
    app.clock.advance((60 / perMinute) * 1000);
    expect((await getToken(machine)).statusCode).toBe(200);
    expect(problem(await getToken(machine))).toBe('429 rate_limited');
  });

  test('keeps its tokens, and does not block other machine users', async () => {
    const [machine, other] = [await world.machine(), await world.machine()];
    await exhaust(machine);
    expect(problem(await getToken(machine))).toBe('429 rate_limited');
    const url = '/v1/authorization/organizations?pageSize=1';
    expect((await world.call('GET', url, { token: machine.token })).statusCode).toBe(200);
    expect((await getToken(other)).statusCode).toBe(200);
  });

  test('has one limit for all its secrets and processes', async () => {
    const machine = await world.machine();
    const url = `/v1/authorization/machine-users/${machine.machineUserId}/secrets`;
    const { clientSecret } = (await world.call('POST', url, { token: world.admin.token, body: {} })).json<Machine>();
    const other = await buildTestApp({ db: app.db, clock: app.clock });
    const there = { call: callOf(other.app, world.appName) };
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        getToken(index % 2 === 0 ? machine : { ...machine, clientSecret }, index % 3 === 0 ? there : world),
      ),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(perMinute - 1);
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200, 429]));
    await other.app.close();
  });

  test('cannot be authenticated by its client id without a secret', async () => {
    const machine = await world.machine();
    for (let count = 0; count < 3 * perMinute; count += 1) {
      expect(problem(await getToken({ ...machine, clientSecret: 'wrong' }))).toBe('401 invalid_client');
    }
    await exhaust(machine);
  });
});

test('a machine user gets 600 tokens a minute by default', async () => {
  const { json } = await world.operate('GET', `/v1/platform/apps/${world.appName}`);
  expect(json<object>()).toMatchObject({ settings: { limits: { tokenRequestsPerMachinePerMinute: perMinute } } });
  const settings = { limits: { tokenRequestsPerMachinePerMinute: 0 } };
  const url = `/v1/platform/apps/${world.appName}`;
  expect(problem(await world.operate('PATCH', url, { settings }))).toBe('400 validation_failed');
});
