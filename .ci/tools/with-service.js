/**
 * Starts the service as built, with the embedded database in a directory of its own, runs a command beside it, and
 * stops it. The command finds the service and its super admin in GATEHOUSE_URL, GATEHOUSE_APP, GATEHOUSE_EMAIL and
 * GATEHOUSE_PASSWORD.
 *
 *   npm run build
 *   node .ci/tools/with-service.js COMMAND ARGUMENT…
 */
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
const admin = { app: 'demo', email: 'admin@example.com', password: 'Password@123JonDoeInc' };

/** @returns {Promise<number>} a port that no process listens on */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('There is no free port');
  return address.port;
}

/** @param {string} directory @param {number} port */
async function startService(directory, port) {
  const env = {
    PATH: process.env['PATH'],
    PORT: String(port),
    DATA_DIR: directory,
    BOOTSTRAP_APP: admin.app,
    BOOTSTRAP_ADMIN_EMAIL: admin.email,
    BOOTSTRAP_ADMIN_PASSWORD: admin.password,
    LOG_LEVEL: 'fatal',
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

const [command = 'true', ...parameters] = process.argv.slice(2);
const directory = await mkdtemp(join(tmpdir(), 'gatehouse-client-'));
const port = await freePort();
const service = await startService(directory, port);
try {
  const env = {
    ...process.env,
    GATEHOUSE_URL: `http://127.0.0.1:${port}`,
    GATEHOUSE_APP: admin.app,
    GATEHOUSE_EMAIL: admin.email,
    GATEHOUSE_PASSWORD: admin.password,
  };
  const [status] = await once(spawn(command, parameters, { env, stdio: 'inherit' }), 'exit');
  process.exitCode = status ?? 1;
} finally {
  const stopped = once(service, 'exit');
  service.kill('SIGTERM');
  await stopped;
  await rm(directory, { recursive: true, force: true });
}
