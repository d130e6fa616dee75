/** A built release as a process on a PostgreSQL server, and its databases. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

const startTimeoutMs = 120_000;

/** The master key of the server's tests, which read the dumps of these tools. */
const masterKey = createHash('sha256').update('master key of the tests').digest('base64');

export const admin = { email: 'admin@example.com', password: 'Password@123JonDoeInc' };
export const platformKey = 'platform-key-of-the-tests-0123456789';

/** @returns {Promise<number>} a port that no process listens on */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('There is no free port');
  return address.port;
}

/** @param {string} what @param {() => unknown} holds */
export async function until(what, holds) {
  const deadline = Date.now() + startTimeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`Timeout while waiting for: ${what}`);
    await delay(50);
  }
}

/**
 * Starts the built service of a directory in development mode, so that mails are readable at /dev/mailbox.
 *
 * @param {string} directory a checkout with `server/dist`
 * @param {string} databaseUrl
 */
export async function startRelease(directory, databaseUrl) {
  const port = await freePort();
  const env = {
    PATH: process.env['PATH'],
    PORT: String(port),
    NODE_ENV: 'development',
    PUBLIC_URL: 'http://127.0.0.1:3000',
    DATABASE_URL: databaseUrl,
    MASTER_KEY: masterKey,
    PLATFORM_KEY: platformKey,
    BOOTSTRAP_APP: 'demo',
    BOOTSTRAP_ADMIN_EMAIL: admin.email,
    BOOTSTRAP_ADMIN_PASSWORD: admin.password,
    BOOTSTRAP_SETTINGS: JSON.stringify({ allowedOrigins: ['https://app.example.com'], auditRetentionDays: 3650 }),
    LOG_LEVEL: 'error',
  };
  const child = spawn(process.execPath, [join(directory, 'server/dist/main.js')], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  await until('the service is ready', async () => {
    if (child.exitCode !== null) throw new Error(`The service in ${directory} did not start`);
    return (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok;
  });
  return {
    url: `http://127.0.0.1:${port}`,
    /** Ends the service with the signal of an operator. @returns {Promise<number | null>} its exit code */
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = await ended;
      return code;
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof startRelease>>} Release */

/**
 * Creates a database, runs `work` and drops the database.
 *
 * @template Result
 * @param {string} serverUrl a PostgreSQL server, as a superuser
 * @param {(databaseUrl: string) => Promise<Result>} work
 */
export async function withDatabase(serverUrl, work) {
  const name = `gatehouse_release_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  url.pathname = name;
  await onServer(serverUrl, `CREATE DATABASE ${name} TEMPLATE template0`);
  try {
    return await work(url.href);
  } finally {
    await onServer(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`);
  }
}

/** @param {string} url @param {string} statement @returns {Promise<Record<string, any>[]>} */
export async function onServer(url, statement) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
