/**
 * Tests the guide "High availability": two PostgreSQL servers with synchronous replication, HAProxy with
 * deploy/haproxy.cfg in front of them, and the service under a constant load of writes. The primary is killed, the
 * standby is promoted, and the old primary comes back unchanged. The service must keep running without a restart, every
 * acknowledged write must exist, and no write may reach the old primary.
 *
 *   npm run build
 *   node .ci/tools/failover.js      needs PostgreSQL 15 and HAProxy of Debian; as root, PostgreSQL runs as postgres
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';

const root = new URL('../../', import.meta.url);
const binaries = '/usr/lib/postgresql/15/bin';
const haproxy = '/usr/sbin/haproxy';
const deadlineMs = 120_000;
const writers = 4;
/** Writes to acknowledge before the primary is killed, after the promotion, and after the old primary is back. */
const writesPerPhase = 40;
const password = 'Password@123JonDoeInc';

/** @returns {Promise<number>} a port that no process listens on */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('There is no free port');
  return address.port;
}

/** @param {string} what @param {() => unknown} condition may return a promise */
async function until(what, condition) {
  for (const deadline = Date.now() + deadlineMs; !(await condition()); await delay(50))
    if (Date.now() > deadline) throw new Error(`Timeout while waiting for: ${what}`);
}

/** @param {string} text */
const say = (text) => void process.stdout.write(`${text}\n`);

// --- PostgreSQL -----------------------------------------------------------------------------------------------------

const isRoot = process.getuid?.() === 0;
/** @param {string} program @param {string[]} args */
const runAsPostgres = (program, ...args) => {
  const command = [program.includes('/') ? program : join(binaries, program), ...args];
  const [file = '', ...rest] = isRoot ? ['runuser', '-u', 'postgres', '--', ...command] : command;
  execFileSync(file, rest, { cwd: '/', stdio: ['ignore', 'ignore', program.includes('/') ? 'ignore' : 'inherit'] });
};

/** Self-signed, for the address at which HAProxy listens. */
const certificateOptions = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=database'
  .split(' ')
  .concat('-addext', 'subjectAltName=IP:127.0.0.1');

/** @typedef {{ directory: string, port: number }} Server */

/** @param {Server} server */
function start({ directory, port }) {
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=`;
  runAsPostgres('pg_ctl', 'start', '-w', '-s', '-D', directory, '-l', `${directory}.log`, '-o', options);
}

/** @param {Server} server */
const kill = ({ directory }) => runAsPostgres('pg_ctl', 'stop', '-s', '-m', 'immediate', '-D', directory);

/** @param {number} port @param {string} statement @returns {Promise<Record<string, unknown>[]>} */
async function ask(port, statement, database = 'postgres') {
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database, connectionTimeoutMillis: 5000 });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

/** @param {Server} primary @param {string} secret the password of the service's role */
async function startPrimary(primary, secret) {
  runAsPostgres(
    'initdb',
    '-D',
    primary.directory,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale',
    'C.UTF-8',
  );
  const server = { key: join(primary.directory, 'server.key'), certificate: join(primary.directory, 'server.crt') };
  runAsPostgres('/usr/bin/openssl', ...certificateOptions, '-keyout', server.key, '-out', server.certificate);
  await appendFile(join(primary.directory, 'postgresql.auto.conf'), 'ssl = on\n');
  // The settings of the guide: the service uses TLS and a password; the check of HAProxy and the standby do not.
  const access = [
    'hostssl gatehouse gatehouse 127.0.0.1/32 scram-sha-256',
    'host postgres haproxy_check 127.0.0.1/32 trust',
    'host all postgres 127.0.0.1/32 trust',
    'host replication postgres 127.0.0.1/32 trust',
  ];
  await writeFile(join(primary.directory, 'pg_hba.conf'), `${access.join('\n')}\n`);
  start(primary);
  await ask(primary.port, `CREATE ROLE gatehouse LOGIN PASSWORD '${secret}'`);
  await ask(primary.port, 'CREATE DATABASE gatehouse OWNER gatehouse');
  await ask(primary.port, 'CREATE ROLE haproxy_check LOGIN CONNECTION LIMIT 20');
}

/** @param {Server} standby @param {Server} primary */
async function startStandby(standby, primary) {
  const source = `host=127.0.0.1 port=${primary.port} user=postgres application_name=standby`;
  runAsPostgres('pg_basebackup', '-D', standby.directory, '-d', source, '-R', '-X', 'stream', '-c', 'fast');
  start(standby);
  await ask(primary.port, `ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (standby)'`);
  await ask(primary.port, 'SELECT pg_reload_conf()');
  await until('the standby is synchronous', async () => {
    const [row] = await ask(primary.port, 'SELECT sync_state FROM pg_stat_replication');
    return row?.['sync_state'] === 'sync';
  });
}

// --- HAProxy and the service ----------------------------------------------------------------------------------------

/** @param {string} directory @param {number} port @param {Server[]} servers */
async function startHaproxy(directory, port, servers) {
  let config = await readFile(new URL('deploy/haproxy.cfg', root), 'utf8');
  const changes = [
    ['127.0.0.1:5000\n', `127.0.0.1:${port}\n`],
    ['10.0.0.11:5432', `127.0.0.1:${servers[0]?.port}`],
    ['10.0.0.12:5432', `127.0.0.1:${servers[1]?.port}`],
  ];
  for (const [from = '', to = ''] of changes) {
    if (!config.includes(from)) throw new Error(`deploy/haproxy.cfg has no ${from}`);
    config = config.replaceAll(from, to);
  }
  const file = join(directory, 'haproxy.cfg');
  await writeFile(join(directory, 'patroni.cfg'), withPatroni(config));
  execFileSync(haproxy, ['-c', '-q', '-f', join(directory, 'patroni.cfg')], { stdio: 'inherit' });
  await writeFile(file, config);
  const child = spawn(haproxy, ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  return { child, isUp: (/** @type {string} */ name) => said.includes(`gatehouse-database/${name} is UP`) };
}

/** Applies the changes that the file describes for Patroni. @param {string} config */
const withPatroni = (config) =>
  config
    .replaceAll(/^ +(option )?tcp-check.*\n/gm, '')
    .replaceAll(/^ +# {3}(option httpchk|http-check)/gm, '    $1')
    .replaceAll(/ check( backup)?$/gm, ' check port 8008$1');

/** @param {string} databaseUrl @param {number} port */
async function startService(databaseUrl, port) {
  const env = {
    PATH: process.env['PATH'],
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    MASTER_KEY: randomBytes(32).toString('base64'),
    BOOTSTRAP_APP: 'demo',
    BOOTSTRAP_ADMIN_EMAIL: 'admin@example.com',
    BOOTSTRAP_ADMIN_PASSWORD: password,
    LOG_LEVEL: 'fatal',
  };
  const main = fileURLToPath(new URL('server/dist/main.js', root));
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  await until('the service is ready', async () => {
    if (child.exitCode !== null) throw new Error('The service did not start');
    return (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok;
  });
  return child;
}

/** @param {number} port */
function callsTo(port) {
  let token = '';
  /** @param {string} method @param {string} path @param {unknown} [body] */
  const call = (method, path, body) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        'x-app-name': 'demo',
        ...(token !== '' && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  return {
    call,
    signIn: async () => {
      const response = await call('POST', '/v1/authentication/users/sessions', {
        email: 'admin@example.com',
        password,
      });
      ({ sessionToken: token } = await response.json());
    },
  };
}

/**
 * Writes until it is stopped or the service has ended, and records the results.
 *
 * @param {ReturnType<typeof callsTo>['call']} call
 */
function startWriting(call) {
  const stopping = new AbortController();
  let number = 0;
  /** @type {string[]} names of machine users whose creation was acknowledged */
  const acknowledged = [];
  /** @type {Map<string, number>} */
  const refusals = new Map();
  let lastMs = Date.now();
  let longestGapMs = 0;

  const write = async () => {
    while (!stopping.signal.aborted) {
      const userName = `machine-${(number += 1)}`;
      const response = await call('POST', '/v1/authorization/machine-users', { userName }).catch(() => undefined);
      if (response === undefined) return;
      const { code } = await response.json();
      if (response.status === 201) {
        acknowledged.push(userName);
        longestGapMs = Math.max(longestGapMs, Date.now() - lastMs);
        lastMs = Date.now();
      } else {
        const refusal = `${response.status} ${code}`;
        refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1);
        await delay(100);
      }
    }
  };
  const ended = Promise.all(Array.from({ length: writers }, write));
  return {
    acknowledged,
    refusals,
    longestGapMs: () => longestGapMs,
    more: () => {
      const goal = acknowledged.length + writesPerPhase;
      return until(`${writesPerPhase} more writes`, () => acknowledged.length >= goal);
    },
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

// --- the run --------------------------------------------------------------------------------------------------------

const directory = await mkdtemp(join(tmpdir(), 'gatehouse-failover-'));
await chmod(directory, 0o755);
const [one, two, proxyPort, servicePort] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
const clusters = join(directory, 'clusters');
execFileSync('mkdir', [clusters]);
if (isRoot) {
  const postgres = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }));
  await chown(clusters, postgres, postgres);
}
const primary = { directory: join(clusters, 'one'), port: one };
const standby = { directory: join(clusters, 'two'), port: two };
/** @type {import('node:child_process').ChildProcess[]} */
const children = [];
const secret = randomBytes(16).toString('hex');

try {
  await startPrimary(primary, secret);
  await startStandby(standby, primary);
  const proxy = await startHaproxy(directory, proxyPort, [primary, standby]);
  children.push(proxy.child);
  const authority = join(directory, 'authority.crt');
  await writeFile(authority, await readFile(join(primary.directory, 'server.crt')));
  const tls = `sslmode=verify-full&sslrootcert=${authority}`;
  const service = await startService(
    `postgresql://gatehouse:${secret}@127.0.0.1:${proxyPort}/gatehouse?${tls}`,
    servicePort,
  );
  children.unshift(service);
  const { call, signIn } = callsTo(servicePort);
  await signIn();

  const writing = startWriting(call);
  await writing.more();
  say(`${writing.acknowledged.length} writes acknowledged; the primary is killed and the standby promoted`);
  kill(primary);
  runAsPostgres('pg_ctl', 'promote', '-w', '-s', '-D', standby.directory);
  await writing.more();
  say(`${writing.acknowledged.length} writes acknowledged; the old primary is started unchanged`);
  const before = await rowsOf(primary, { afterStart: true });
  await until('HAProxy routes to the old primary', () => proxy.isUp('one'));
  // The service keeps its connections, so the test needs a new connection.
  const [reached] = await ask(proxyPort, 'SELECT inet_server_port() AS port');
  if (reached?.['port'] !== standby.port) throw new Error('A new connection reaches the old primary');
  await writing.more();
  await writing.stop();

  const stored = new Set(await namesOn(standby));
  const lost = writing.acknowledged.filter((name) => !stored.has(name));
  const strayed = (await rowsOf(primary)) - before;
  const refused = Array.from(writing.refusals, ([refusal, count]) => `${count} × ${refusal}`).join(', ');
  say(`${writing.acknowledged.length} writes acknowledged, ${lost.length} lost, ${strayed} on the old primary`);
  say(`refused meanwhile: ${refused || 'none'}; longest time without a write: ${writing.longestGapMs()} ms`);
  if (service.exitCode !== null) throw new Error('The service ended');
  if (lost.length > 0 || strayed !== 0) throw new Error('Writes were lost');
} finally {
  for (const child of children) {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  for (const server of [primary, standby]) {
    try {
      kill(server);
    } catch {
      // The process does not run.
    }
  }
  await rm(directory, { recursive: true });
}

/** @param {Server} server @returns {Promise<string[]>} the names of all machine users there */
async function namesOn(server) {
  const rows = await ask(server.port, 'SELECT user_name FROM machine_users', 'gatehouse');
  return rows.map((row) => String(row['user_name']));
}

/** @param {Server} server @returns {Promise<number>} the number of machine users there */
async function rowsOf(server, { afterStart = false } = {}) {
  if (afterStart) {
    // The old primary would wait for its standby, which no longer exists.
    await appendFile(join(server.directory, 'postgresql.auto.conf'), "synchronous_standby_names = ''\n");
    start(server);
  }
  return (await namesOn(server)).length;
}
