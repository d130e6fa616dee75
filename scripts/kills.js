/**
 * Kills the service repeatedly while clients write, and checks that every acknowledged write exists. Not a part of CI,
 * because it takes long.
 *
 *   npm run kills                                      1,000 kills on an embedded database in a temporary directory
 *   npm run kills -- --database postgresql://…/empty   on a PostgreSQL server; the database must be empty
 *   npm run kills -- --kills 50
 *
 * Each round starts the service, lets it serve writes for 20 to 150 ms after the first one and sends SIGKILL. At the
 * end every acknowledged machine user must exist, and each stored one must have its audit event, which is written in
 * the same transaction.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { kills: { type: 'string', default: '1000' }, database: { type: 'string' } },
});
const kills = Number(options.kills);
const main = fileURLToPath(new URL('../server/dist/main.js', import.meta.url));
const admin = { email: 'admin@example.com', password: 'Password@123JonDoeInc' };
const clients = 4;
const startTimeoutMs = 300_000;
const say = (/** @type {string} */ line) => void process.stdout.write(`${line}\n`);

const directory = await mkdtemp(join(tmpdir(), 'gatehouse-kills-'));
const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
server.close();
const port = address !== null && typeof address === 'object' ? address.port : 0;

let failedStarts = 0;

/** Starts the service. Retries if it ends, like a service manager, because a busy machine connects slowly. */
async function start() {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    const service = await startOnce(deadline);
    if (service !== undefined) return service;
    failedStarts += 1;
  }
}

/** @param {number} deadline @returns the service when it is ready; undefined if it ended before */
async function startOnce(deadline) {
  const env = {
    PATH: process.env['PATH'],
    PORT: String(port),
    DATA_DIR: directory,
    ...(options.database !== undefined && {
      DATABASE_URL: options.database,
      MASTER_KEY: 'o2Z4Xb0sXnW8l4uHqv1m9q7T3cYk5rJdEwPfGaBhVtU=',
    }),
    BOOTSTRAP_APP: 'demo',
    BOOTSTRAP_ADMIN_EMAIL: admin.email,
    BOOTSTRAP_ADMIN_PASSWORD: admin.password,
    LOG_LEVEL: 'fatal',
  };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  while (!(await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) return undefined;
    if (Date.now() > deadline) throw new Error('The service was not ready in time');
    await delay(20);
  }
  return {
    stop: async (/** @type {NodeJS.Signals} */ signal) => {
      child.kill(signal);
      await ended;
    },
  };
}

/** @param {string} method @param {string} path @param {string} [token] @param {unknown} [body] */
const call = (method, path, token, body) =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      'x-app-name': 'demo',
      connection: 'close',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

/** @param {string} path @param {string} items @param {string} token @returns {Promise<any[]>} a list, page by page */
async function readAll(path, items, token) {
  const all = [];
  let cursor = '';
  do {
    const response = await call('GET', `${path}pageSize=100${cursor && `&cursor=${cursor}`}`, token);
    const page = await response.json();
    if (response.status !== 200) throw new Error(`GET ${path}: ${JSON.stringify(page)}`);
    all.push(...page[items]);
    cursor = page.metadata.nextCursor ?? '';
  } while (cursor !== '');
  return all;
}

/** Writes until the service has ended. @param {string} token @param {string} prefix @param {string[]} acknowledged */
async function write(token, prefix, acknowledged) {
  for (let number = 0; ; number += 1) {
    const userName = `${prefix}-${number}`;
    const response = await call('POST', '/v1/authorization/machine-users', token, { userName }).catch(() => undefined);
    if (response === undefined) return;
    if (response.status === 201) acknowledged.push(userName);
    else throw new Error(`A write was refused: ${response.status} ${await response.text()}`);
  }
}

const began = Date.now();
/** @type {string[]} */
const acknowledged = [];
try {
  let service = await start();
  const session = await call('POST', '/v1/authentication/users/sessions', undefined, admin);
  const { sessionToken: token } = await session.json();
  for (let kill = 1; kill <= kills; kill += 1) {
    const writing = Array.from({ length: clients }, (_, client) => write(token, `m-${kill}-${client}`, acknowledged));
    const before = acknowledged.length;
    while (acknowledged.length === before) await delay(5);
    await delay(20 + Math.random() * 130);
    await service.stop('SIGKILL');
    await Promise.all(writing);
    service = await start();
    if (kill % 50 === 0) say(`${kill} kills, ${acknowledged.length} writes acknowledged`);
  }
  const machines = await readAll('/v1/authorization/machine-users?', 'machineUsers', token);
  const events = await readAll('/v1/authorization/audit-events?action=machine_user.created&', 'events', token);
  await service.stop('SIGTERM');

  const names = new Set(machines.map(({ userName }) => userName));
  const audited = new Set(events.map(({ target }) => target.id));
  const lost = acknowledged.filter((name) => !names.has(name));
  const unaudited = machines.filter(({ id }) => !audited.has(id));
  const minutes = Math.round((Date.now() - began) / 60_000);
  say(
    `${kills} kills on ${options.database === undefined ? 'the embedded database' : 'PostgreSQL'} in ${minutes} min: ` +
      `${acknowledged.length} writes acknowledged, ${lost.length} lost, ${machines.length} stored, ` +
      `${unaudited.length} without their audit event, ${failedStarts} starts repeated`,
  );
  if (lost.length > 0 || unaudited.length > 0 || events.length !== machines.length) process.exitCode = 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}
