/** Starts the built service, with the embedded database in a temporary directory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../server/dist/main.js', import.meta.url));
const startTimeoutMs = 120_000;

export const admin = { app: 'demo', email: 'admin@example.com', password: 'Password@123JonDoeInc' };
export const platformKey = 'platform-key-of-the-tests-0123456789';

/** @returns {Promise<number>} a port that no process listens on */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('There is no free port');
  return address.port;
}

/** @param {string} directory @param {number} port @param {Record<string, string>} more */
async function start(directory, port, more) {
  const env = {
    PATH: process.env['PATH'],
    PORT: String(port),
    DATA_DIR: directory,
    PLATFORM_KEY: platformKey,
    BOOTSTRAP_APP: admin.app,
    BOOTSTRAP_ADMIN_EMAIL: admin.email,
    BOOTSTRAP_ADMIN_PASSWORD: admin.password,
    LOG_LEVEL: 'fatal',
    ...more,
  };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const deadline = Date.now() + startTimeoutMs;
  while (!(await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error('The service did not start');
    if (Date.now() > deadline) throw new Error('The service was not ready in time');
    await delay(100);
  }
  return child;
}

/**
 * Runs a function while a service is running, and then stops the service.
 *
 * @param {(url: string) => Promise<void>} use gets the address of the service
 * @param {Record<string, string>} more further variables of the service
 */
export async function withService(use, more = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-client-'));
  const port = await freePort();
  const service = await start(directory, port, more);
  try {
    await use(`http://localhost:${port}`);
  } finally {
    const stopped = once(service, 'exit');
    service.kill('SIGTERM');
    await stopped;
    await rm(directory, { recursive: true, force: true });
  }
}
