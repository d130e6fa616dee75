import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Measurement } from './load.ts';
import { processMilliseconds } from './processor-time.ts';
import { appName, password } from './seed.ts';

/** A measured process. */
export interface Running {
  readonly pid: number;
  readonly url: string;
  /** Time from spawn to the first 200 of `/readyz`. */
  readonly readyMs: number;
  /** CPU time of all its threads until then; NaN if the kernel is not Linux. */
  readonly processorMs: number;
  /** Resident memory now, in MiB. */
  memory(): number;
  stop(): Promise<void>;
}

type Env = Readonly<Record<string, string>>;

const startTimeoutMs = 60_000;
const masterKey = randomBytes(32).toString('base64');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function untilReady(child: ChildProcess, url: string): Promise<number> {
  const spawned = performance.now();
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`the process ended with ${child.exitCode} before it was ready`);
    if (performance.now() - spawned > startTimeoutMs) throw new Error('the process was not ready in time');
    await delay(5);
  }
  return performance.now() - spawned;
}

function residentMebibytes(pid: number): number {
  const size = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(size?.[1] ?? Number.NaN) / 1024;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function start(args: readonly string[], env: Env, port: number): Promise<Running> {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], PORT: String(port), ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  const readyMs = await untilReady(child, url).catch(async (error: unknown) => {
    await stop(child);
    throw error;
  });
  const pid = child.pid ?? Number.NaN;
  const processorMs = processMilliseconds(pid);
  return { pid, url, readyMs, processorMs, memory: () => residentMebibytes(pid), stop: () => stop(child) };
}

/** The service in production mode, except that it uses plain http on a loopback address. */
export async function startServer(main: string, database: Env, poolSize: number): Promise<Running> {
  const port = await freePort();
  const env = {
    ...database,
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    MASTER_KEY: masterKey,
    DATABASE_POOL_SIZE: String(poolSize),
    BOOTSTRAP_APP: appName,
    BOOTSTRAP_ADMIN_EMAIL: 'admin@bench.example',
    BOOTSTRAP_ADMIN_PASSWORD: password,
    // The limit is raised, because the load measures issued tokens instead of refusals.
    BOOTSTRAP_SETTINGS: JSON.stringify({ limits: { tokenRequestsPerMachinePerMinute: 1_000_000 } }),
  };
  return start([...nodeFlags(), main], env, port);
}

/** `BENCH_NODE_FLAGS='--cpu-prof --cpu-prof-dir=…'` profiles floor and service during a run. */
function nodeFlags(): string[] {
  return (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
}

const loaded = (name: string): string[] => ['--import', 'tsx', fileURLToPath(new URL(name, import.meta.url))];

export async function startFloor(database: Env, appId: string, poolSize: number): Promise<Running> {
  const env = {
    ...database,
    NODE_ENV: 'production',
    DATABASE_POOL_SIZE: String(poolSize),
    APP_ID: appId,
    UV_THREADPOOL_SIZE: String(availableParallelism()),
  };
  return start([...nodeFlags(), ...loaded('floor-server.ts')], env, await freePort());
}

/** The bare framework with the same driver and one route. */
export async function startBare(database: Env, poolSize: number): Promise<Running> {
  const main = fileURLToPath(new URL('bare-server.js', import.meta.url));
  const env = { ...database, NODE_ENV: 'production', DATABASE_POOL_SIZE: String(poolSize) };
  return start([...nodeFlags(), main], env, await freePort());
}

/** Plain hashing on all cores; each call is one measurement. */
export interface HashFloor {
  readonly pid: number;
  run(seconds: number, inFlight: number): Promise<Measurement>;
  stop(): Promise<void>;
}

export function startHashFloor(): HashFloor {
  const child = spawn(process.execPath, loaded('floor-hash.ts'), {
    env: { ...process.env, UV_THREADPOOL_SIZE: String(availableParallelism()) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return {
    pid: child.pid ?? Number.NaN,
    run: async (seconds, inFlight) => {
      const answer = once(child, 'message');
      child.send({ seconds, inFlight });
      const [result] = (await answer) as [Measurement];
      return result;
    },
    stop: () => stop(child),
  };
}
