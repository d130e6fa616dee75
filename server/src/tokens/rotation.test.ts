import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { whileLocked } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { callOf, createWorld, type Machine, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let other: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  other = await buildTestApp({ db: app.db, clock: app.clock });
});
afterAll(async () => {
  await other?.app.close();
  await app?.close();
});

const url = '/v1/authorization/machine-users';
type Process = Pick<World, 'call'>;
const processes = (): readonly [Process, Process] => [world, { call: callOf(other.app, world.appName) }];

const getToken = (process: Process, clientId: string, clientSecret: string) =>
  process.call('POST', '/v1/authentication/machine-users/access-token', { body: { clientId, clientSecret } });
const useToken = (process: Process, token: string) =>
  process.call('GET', '/v1/authorization/organizations?pageSize=1', { token });

type Secret = Pick<Machine, 'clientSecret' | 'secretId'>;

const addSecret = async (machineUserId: string): Promise<Secret> => {
  const response = await world.call('POST', `${url}/${machineUserId}/secrets`, { token: world.admin.token, body: {} });
  if (response.statusCode !== 201) throw new Error(response.body);
  return response.json<Secret>();
};
const remove = (path: string) => world.call('DELETE', `${url}/${path}`, { token: world.admin.token });

/**
 * A client as it should be: it gets a token with the latest secret that it was given and uses it, again and again,
 * until it is stopped. What it has begun with a secret it ends with it.
 */
function startClient(process: Process, machineUserId: string, secretNow: () => Secret) {
  const statuses = new Set<number>();
  const inUse = new Map<string, number>();
  const state = { rounds: 0, isStopped: false };
  const run = async () => {
    while (!state.isStopped) {
      const { secretId, clientSecret } = secretNow();
      inUse.set(secretId, (inUse.get(secretId) ?? 0) + 1);
      const response = await getToken(process, machineUserId, clientSecret);
      statuses.add(response.statusCode);
      // One that is refused does not go on asking.
      if (response.statusCode !== 200) return;
      const { token } = response.json<{ token: string }>();
      for (let uses = 0; uses < 3; uses += 1) statuses.add((await useToken(process, token)).statusCode);
      inUse.set(secretId, (inUse.get(secretId) ?? 0) - 1);
      state.rounds += 1;
    }
  };
  const ended = run();
  return {
    statuses,
    rounds: () => state.rounds,
    uses: (secretId: string) => (inUse.get(secretId) ?? 0) > 0,
    stop: async () => {
      state.isStopped = true;
      await ended;
    },
  };
}

test('secrets are replaced again and again under load on two processes, and no request fails', async () => {
  const { machineUserId, ...first } = await world.machine();
  let current: Secret = first;
  const clients = Array.from({ length: 8 }, (_, index) =>
    startClient(processes()[index % 2 === 0 ? 0 : 1], machineUserId, () => current),
  );
  /** Waits like an operator, until every client has the new secret. */
  const handOver = async (old: Secret) => {
    while (clients.some((client) => client.uses(old.secretId))) await useToken(world, world.admin.token);
  };
  const removals: number[] = [];
  for (let rotation = 0; rotation < 10; rotation += 1) {
    const old = current;
    current = await addSecret(machineUserId);
    await handOver(old);
    // Every use is one that is to be noted, at the moment at which the secret is removed.
    app.clock.advance(60_000);
    removals.push((await remove(`${machineUserId}/secrets/${old.secretId}`)).statusCode);
  }
  await Promise.all(clients.map((client) => client.stop()));
  expect(new Set(removals)).toEqual(new Set([204]));
  for (const client of clients) {
    expect([...client.statuses]).toEqual([200]);
    expect(client.rounds()).toBeGreaterThan(5);
  }
});

test.each(['the machine user', 'the secret'])(
  'deleting %s refuses live tokens at once on every process',
  async (what) => {
    const { machineUserId, secretId, clientSecret, token } = await world.machine();
    for (const process of processes()) expect((await useToken(process, token)).statusCode).toBe(200);
    await remove(what === 'the secret' ? `${machineUserId}/secrets/${secretId}` : machineUserId);
    for (const process of processes()) {
      expect(problem(await useToken(process, token))).toBe('401 unauthenticated');
      expect(problem(await getToken(process, machineUserId, clientSecret))).toBe('401 invalid_client');
    }
  },
);

test('deleting a secret while it is in use ends in refusals only, never in a failure', async () => {
  const { machineUserId } = await world.machine();
  for (let round = 0; round < 10; round += 1) {
    const { secretId, clientSecret } = await addSecret(machineUserId);
    const requests = Array.from({ length: 10 }, (_, index) =>
      getToken(processes()[index % 2 === 0 ? 0 : 1], machineUserId, clientSecret),
    );
    const [removed, ...answers] = await Promise.all([remove(`${machineUserId}/secrets/${secretId}`), ...requests]);
    expect(removed.statusCode).toBe(204);
    expect(answers.map(({ statusCode }) => statusCode).filter((status) => ![200, 401].includes(status))).toEqual([]);
  }
});

test('a request for a token does not wait for a lock on the machine user', async () => {
  // The embedded database has one session: nobody else can hold a lock in it.
  if (app.db.engine === 'embedded') return;
  const { machineUserId, clientSecret } = await world.machine();
  app.clock.advance(60_000);
  const machine = sql`SELECT 1 FROM machine_users WHERE app_id = ${world.appId} AND id = ${machineUserId} FOR UPDATE`;
  const answer = await whileLocked(app.db, machine, () => getToken(world, machineUserId, clientSecret));
  expect(answer.statusCode).toBe(200);
});
