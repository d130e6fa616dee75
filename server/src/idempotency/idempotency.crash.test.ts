import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { briefly, typescript } from '../test/child-process.ts';
import { makePlace, type ServicePlace } from '../test/service-place.ts';
import { type ServiceProcess, startService } from '../test/service-process.ts';

// Each test starts a process that is killed, and another one.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const email = 'admin@example.com';
const password = 'Password@123JonDoeInc';

let place: ServicePlace;
let env: Record<string, string>;
let token: string;
let running: ServiceProcess | undefined;

beforeAll(async () => {
  place = await makePlace();
  env = {
    MASTER_KEY: randomBytes(32).toString('base64'),
    BOOTSTRAP_APP: 'demo',
    BOOTSTRAP_ADMIN_EMAIL: email,
    BOOTSTRAP_ADMIN_PASSWORD: password,
    ...place.env,
  };
  const first = await start();
  const response = await first.call('POST', '/v1/authentication/users/sessions', { body: { email, password } });
  ({ sessionToken: token } = (await response.json()) as { sessionToken: string });
  await first.stop();
});
afterAll(async () => {
  await running?.stop('SIGKILL');
  await place.remove();
});

async function start(): Promise<ServiceProcess> {
  running = await startService(env);
  return running;
}

/** Starts a process that is killed during the call. @returns its output, and how it ended */
async function callDying(when: 'before' | 'after', key: string, userName: string) {
  const script = fileURLToPath(new URL('../test/dying-service.ts', import.meta.url));
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [...briefly, ...typescript, script, when, token, key, userName], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { said, signal };
}

const create = (service: ServiceProcess, key: string, userName: string) =>
  service.call('POST', '/v1/authorization/machine-users', {
    token,
    headers: { 'idempotency-key': key },
    body: { userName },
  });

async function namesOf(service: ServiceProcess): Promise<string[]> {
  const response = await service.call('GET', '/v1/authorization/machine-users?pageSize=100', { token });
  const { machineUsers } = (await response.json()) as { machineUsers: { userName: string }[] };
  return machineUsers.map(({ userName }) => userName);
}

test('a process that is killed between commit and response has stored the response with its secret', async () => {
  expect(await callDying('after', 'key-1', 'robot')).toEqual({ said: '', signal: 'SIGKILL' });
  const service = await start();
  expect(await namesOf(service)).toEqual(['robot']);
  const again = await create(service, 'key-1', 'robot');
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
  const { clientId, clientSecret } = (await again.json()) as { clientId: string; clientSecret: string };
  const url = '/v1/authentication/machine-users/access-token';
  expect((await service.call('POST', url, { body: { clientId, clientSecret } })).status).toBe(200);
  expect((await create(service, 'key-2', 'robot')).status).toBe(409);
  expect(await namesOf(service)).toEqual(['robot']);
  await service.stop();
});

test('a process that is killed before the commit stores nothing, and the key is free at once', async () => {
  expect(await callDying('before', 'key-3', 'automaton')).toEqual({ said: '', signal: 'SIGKILL' });
  const service = await start();
  expect(await namesOf(service)).toEqual(['robot']);
  const again = await create(service, 'key-3', 'automaton');
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, null]);
  await service.stop();
});
