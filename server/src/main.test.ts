import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sql } from './db/db.ts';
import { readMigrations } from './db/migrate.ts';
import { parseAnswers } from './test/raw-http.ts';
import { startRawServer } from './test/mail-server.ts';
import { passwordOf, signIn, tokenOf } from './test/service-admin.ts';
import { isReady, recordsOf } from './test/service-log.ts';
import { openTcpProxy } from './test/tcp-proxy.ts';
import { makePlace, type ServicePlace } from './test/service-place.ts';
import { readVersion } from './version.ts';
import { type Outcome, runService, type ServiceProcess, startService } from './test/service-process.ts';

// A start of the whole service takes long, especially on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

const onServer = process.env['TEST_DATABASE_URL'] !== undefined;

let place: ServicePlace;
let running: ServiceProcess[];

beforeEach(async () => {
  place = await makePlace();
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((service) => service.stop('SIGKILL')));
  await place.remove();
});

const newKey = (): string => randomBytes(32).toString('base64');

async function start(more: Record<string, string> = {}): Promise<ServiceProcess> {
  const service = await startService({ ...place.env, ...more });
  running.push(service);
  return service;
}

/** The error is a readable sentence without internal details. */
function expectRefusal({ code, stdout, stderr }: Outcome, ...sentences: (string | RegExp)[]): void {
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Gatehouse cannot start.') as string,
  });
  for (const sentence of sentences) expect(stderr).toMatch(sentence);
  expect(stdout + stderr).not.toMatch(/\n\s+at |node:internal|node_modules|\.ts:\d/);
}

describe('a start is refused', () => {
  const faulty: [string, Record<string, string>, string[]][] = [
    ['a port that is none', { PORT: 'http' }, ['PORT must be']],
    [
      'several faults at once',
      { PORT: '70000', LOG_LEVEL: 'loud', PUBLIC_URL: 'x' },
      ['PORT ', 'LOG_LEVEL ', 'PUBLIC_URL '],
    ],
    ['a secret that is too short', { PLATFORM_KEY: 'short-secret' }, ['PLATFORM_KEY must have at least 32']],
    [
      'a master key of zero bytes',
      { MASTER_KEY: Buffer.alloc(32).toString('base64') },
      ['MASTER_KEY must be 32 random'],
    ],
    ['a master key that is none', { MASTER_KEY: 'not-a-key' }, ['MASTER_KEY must be']],
    ['a file that is not there', { MASTER_KEY: '', MASTER_KEY_FILE: '/nowhere/key' }, ['MASTER_KEY cannot be read']],
    [
      'no administrator on the network',
      { NODE_ENV: 'development', HOST: '0.0.0.0', SMTP_URL: 'smtp://localhost' },
      ['BOOTSTRAP_ADMIN_EMAIL|MASTER_KEY'],
    ],
    [
      'an address of the network without NODE_ENV',
      { HOST: '0.0.0.0' },
      ['PUBLIC_URL is required.*NODE_ENV is not set.*ALLOW_DEVELOPMENT_ON_NETWORK=true'],
    ],
    ['settings that are none', { BOOTSTRAP_SETTINGS: '{"allowedOrigins":["x"]}' }, ['BOOTSTRAP_SETTINGS']],
    ['unknown settings', { BOOTSTRAP_SETTINGS: '{"unknown":1}' }, ['BOOTSTRAP_SETTINGS']],
    [
      'a weak password',
      { BOOTSTRAP_ADMIN_EMAIL: 'a@example.com', BOOTSTRAP_ADMIN_PASSWORD: 'hunter2' },
      ['BOOTSTRAP_ADMIN_PASSWORD'],
    ],
    [
      'an address that is none',
      { BOOTSTRAP_ADMIN_EMAIL: 'a@b', BOOTSTRAP_ADMIN_PASSWORD: 'Password@123JonDoeInc' },
      ['BOOTSTRAP_ADMIN_EMAIL'],
    ],
  ];

  test.each(faulty)('%s', async (_what, more, sentences) => {
    const outcome = await runService({ ...place.env, ...more });
    expectRefusal(outcome, ...sentences.map((sentence) => new RegExp(sentence)));
    expect(outcome.stderr).not.toMatch(/hunter2|short-secret|not-a-key/);
  });

  test.each(['PORT', 'METRICS_PORT'])('a start on a port that is in use is refused: %s', async (variable) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const taken = new RegExp(
      `^${variable} cannot be used: something listens on port ${port} of 127.0.0.1 already`,
      'm',
    );
    const refused = await runService({ ...place.env, [variable]: String(port) });
    expectRefusal(refused, taken);
    expect(refused.stdout).not.toContain('First start');
    other.close();
    // The password is printed only once, so a refused start must not print it.
    const service = await start();
    await tokenOf(service, passwordOf(service.stdout()));
  });

  test('a start at an address of another machine is refused', async () => {
    const onNetwork = {
      ALLOW_DEVELOPMENT_ON_NETWORK: 'true',
      BOOTSTRAP_ADMIN_EMAIL: 'admin@example.com',
      BOOTSTRAP_ADMIN_PASSWORD: 'Administrator@Gatehouse-1',
    };
    const outcome = await runService({ ...place.env, ...onNetwork, HOST: '203.0.113.1' });
    expectRefusal(outcome, /^HOST cannot be used: 203\.0\.113\.1 is not an address of this machine/m);
  });

  test('a start is refused while the database cannot be reached', async () => {
    const DATABASE_URL = 'postgres://user:pass-word@127.0.0.1:9/none';
    const outcome = await runService({ ...place.env, DATABASE_URL, MASTER_KEY: newKey() });
    expectRefusal(outcome, /database cannot be reached/i);
    expect(outcome.stderr).not.toContain('pass-word');
  });

  test('a start on a newer schema is refused', async () => {
    await place.onDatabase((db) =>
      db.query(sql`INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'future', 'x')`),
    );
    expectRefusal(await runService(place.env), /schema is at version/);
  });

  test('a start with another master key is refused, and existing data stays readable', async () => {
    const right = { MASTER_KEY: place.env['MASTER_KEY'] ?? newKey() };
    const { stdout } = await (await start(right)).stop();
    expectRefusal(
      await runService({ ...place.env, MASTER_KEY: newKey() }),
      /MASTER_KEY is not the key of this database/,
    );
    await tokenOf(await start(right), passwordOf(stdout));
  });

  test.runIf(!onServer)('a second start in one directory is refused, and the first process continues', async () => {
    const first = await start();
    expectRefusal(await runService(place.env), /another process|in use/i);
    expect((await first.call('GET', '/readyz')).status).toBe(200);
  });

  test.runIf(!onServer)('a start on a directory without its key is refused, and creates no key', async () => {
    await (await start()).stop();
    const file = join(place.dataDir, 'master.key');
    await rm(file);
    const outcome = await runService(place.env);
    expectRefusal(outcome, /master\.key is missing/);
    expect(outcome.stderr).toContain(file);
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  test.runIf(!onServer)('a start is refused if the directory is a file', async () => {
    const file = join(place.dataDir, 'file');
    await writeFile(file, 'x');
    expectRefusal(await runService({ DATA_DIR: file }));
  });
});

describe('the first start', () => {
  test('creates the database and prints the password once, to the terminal and not to the log', async () => {
    await place.remove();
    place = await makePlace({ bare: true });
    const first = await start({ LOG_LEVEL: 'trace' });
    const password = passwordOf(first.stdout());
    expect(password.length).toBeGreaterThanOrEqual(16);
    await tokenOf(first, password);
    const { stdout, stderr } = await first.stop();
    expect(stdout.split(password)).toHaveLength(2);
    const log = stdout.split('\n').filter((line) => line.startsWith('{'));
    expect(log.length).toBeGreaterThan(0);
    expect(log.join('\n') + stderr).not.toContain(password);

    const second = await start();
    await tokenOf(second, password);
    expect((await second.stop()).stdout).not.toMatch(/Password|First start/);
  });

  test.runIf(!onServer)('makes a key that only its owner may read', async () => {
    await (await start()).stop();
    expect((await stat(join(place.dataDir, 'master.key'))).mode & 0o077).toBe(0);
  });

  test.runIf(onServer)('responds to /readyz with 503 until the app exists', async () => {
    await place.onDatabase((db) =>
      db.transaction(async (tx) => {
        // The start finds no app, and cannot add one while this lasts.
        await tx.query(sql`LOCK TABLE apps IN EXCLUSIVE MODE`);
        const DATABASE_URL = `${place.env['DATABASE_URL']}?lock_timeout=300000`;
        const service = await startService({ ...place.env, DATABASE_URL }, { until: 'listening' });
        running.push(service);
        const answer = await service.call('GET', '/readyz');
        expect([answer.status, await answer.json()]).toMatchObject([503, { detail: 'The service is starting.' }]);
        expect((await service.call('GET', '/healthz')).status).toBe(200);
      }),
    );
    const [service] = running;
    while ((await service?.call('GET', '/readyz'))?.status === 503);
    await tokenOf(service as ServiceProcess, passwordOf(service?.stdout() ?? ''));
  });

  test('the first start with a configured administrator prints no password', async () => {
    const own = { BOOTSTRAP_ADMIN_EMAIL: 'admin@example.com', BOOTSTRAP_ADMIN_PASSWORD: 'Password@123JonDoeInc' };
    const service = await start(own);
    await tokenOf(service, own.BOOTSTRAP_ADMIN_PASSWORD);
    const { stdout, stderr } = await service.stop();
    expect(stdout + stderr).not.toContain(own.BOOTSTRAP_ADMIN_PASSWORD);
  });
});

describe('a start in a terminal', () => {
  test.runIf(existsSync('/usr/bin/script'))('ends with the addresses of pages', async () => {
    const service = await startService(place.env, { inTerminal: true });
    running.push(service);
    const pages = { Reference: '/docs', 'Sign-in': '/apps/demo/sign-in', Mailbox: '/dev/mailbox' };
    while (!service.stdout().includes('Ctrl+C')) await once(service.output, 'data');
    for (const [name, path] of Object.entries(pages)) {
      expect(service.stdout()).toContain(`${name.padEnd(10)} http://localhost:${service.port}${path}\r\n`);
      expect((await service.call('GET', path)).status).toBe(200);
    }
    expect(await service.stop('SIGTERM')).toBeDefined();
  });
});

describe('a mail server', () => {
  test('a mail server that does not respond delays no start, and causes a warning in the log', async () => {
    const server = await startRawServer(() => {});
    const service = await start({ SMTP_URL: `smtp://127.0.0.1:${server.port}` });
    expect((await service.call('GET', '/readyz')).status).toBe(200);
    await server.close();
    while (!service.stdout().includes('the mail server of SMTP_URL cannot be used')) {
      await once(service.output, 'data');
    }
    const { stdout } = await service.stop();
    expect(recordsOf(stdout)).toContainEqual(
      expect.objectContaining({ level: 40, msg: 'the mail server of SMTP_URL cannot be used: mails wait' }),
    );
  });
});

describe('the log', () => {
  test('the log of a start names version, database, migrations, workers, and whether an app was created', async () => {
    await place.remove();
    place = await makePlace({ bare: true });
    const database = expect.stringMatching(onServer ? /^postgresql 1\d/ : /^embedded 18/);
    const { length: all } = readMigrations();
    const expected = { level: 30, version: readVersion(), database, workers: 1 };
    const first = recordsOf((await (await start()).stop()).stdout).filter(isReady);
    expect(first).toEqual([expect.objectContaining({ ...expected, migrationsApplied: all, firstApp: 'created' })]);
    const second = recordsOf((await (await start()).stop()).stdout).filter(isReady);
    expect(second).toEqual([expect.objectContaining({ ...expected, migrationsApplied: 0, firstApp: 'present' })]);
  });

  test('the log contains everything that Node.js would print on standard error', async () => {
    const onSignals =
      `process.on('SIGUSR2', () => process.emitWarning('careful'));` +
      `process.on('SIGHUP', () => { throw new Error('not expected'); });`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(onSignals)}`;
    const service = await start({ NODE_OPTIONS });
    service.signal('SIGUSR2');
    while (!service.stdout().includes('careful')) await once(service.output, 'data');
    service.signal('SIGHUP');
    const { code, stdout, stderr } = await service.ended();
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const [warning, error] = recordsOf(stdout).slice(-2);
    expect(warning).toMatchObject({ level: 40, msg: 'careful' });
    const stack = expect.stringMatching(/^Error: not expected\n {4}at /);
    expect(error).toMatchObject({ level: 50, err: { message: 'not expected', stack } });
  });

  test.runIf(onServer)('has one format, also before and outside the app', async () => {
    // The connection has no time limits, so the start warns before the app is created.
    const DATABASE_URL = `${place.env['DATABASE_URL']}?statement_timeout=0`;
    const { stdout, stderr } = await (await start({ DATABASE_URL })).stop();
    expect(stderr).toBe('');
    expect(recordsOf(stdout)).toContainEqual(
      expect.objectContaining({ level: 40, advice: expect.stringContaining('statement_timeout') }),
    );
  });

  test('warns at start of apps that match redirect URLs by origin', async () => {
    const warning = /^\{"level":40.*"apps":\["demo"\],"total":1,.*redirectMatching/m;
    expect((await (await start()).stop()).stdout).not.toMatch(/redirectMatching/);
    await place.onDatabase((db) =>
      db.query(sql`UPDATE apps SET settings = settings || '{"redirectMatching": "origin"}'`),
    );
    expect((await (await start()).stop()).stdout).toMatch(warning);
  });

  test('contains no credential, body, query or address', async () => {
    const service = await start({ LOG_LEVEL: 'trace' });
    const token = await tokenOf(service, passwordOf(service.stdout()));
    await service.call('GET', '/v1/authorization/organizations?pageSize=1&cursor=private-query', { token });
    await service.call('GET', '/private-path/jon@example.com', { token });
    await signIn(service, 'private-password');
    const { stdout } = await service.stop();
    expect(stdout).not.toMatch(/gh_s_|private-query|private-path|private-password|jon@example/);
    expect(stdout).not.toMatch(/^\{.*admin@example\.com/m);
  });
});

/** The first half of a request, which the service has begun to work on; `finish` sends the rest. */
async function beginRequest(port: number, token: string) {
  const body = JSON.stringify({ userName: 'in-flight' });
  const head = [
    'POST /v1/authorization/machine-users HTTP/1.1',
    'Host: localhost',
    'Connection: close',
    'X-App-Name: demo',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Expect: 100-continue',
  ];
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  return {
    finish: async () => {
      text = '';
      socket.write(body);
      await once(socket, 'close');
      return parseAnswers(text)[0];
    },
  };
}

/** Whether connections are still accepted. */
async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const outcome = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return outcome;
}

describe('the end', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s lets open calls finish, and accepts no new ones', async (name) => {
    const service = await start();
    const token = await tokenOf(service, passwordOf(service.stdout()));
    const request = await beginRequest(service.port, token);
    service.signal(name);
    while (await isListening(service.port));
    const answer = await request.finish();
    expect(answer?.status).toBe(201);
    expect(await service.ended()).toMatchObject({ code: 0, signal: null });
    await place.onDatabase(async (db) =>
      expect(await db.query(sql`SELECT user_name FROM machine_users`)).toEqual([{ user_name: 'in-flight' }]),
    );
  });

  test('begins with 503 at /readyz, while everything else is answered', async () => {
    const service = await start({ STOP_DELAY_SECONDS: '120' });
    service.signal('SIGTERM');
    let ready = await service.call('GET', '/readyz');
    while (ready.status === 200) ready = await service.call('GET', '/readyz');
    expect([ready.status, await ready.json()]).toMatchObject([503, { detail: 'The service is stopping.' }]);
    expect((await service.call('GET', '/healthz')).status).toBe(200);
    await tokenOf(service, passwordOf(service.stdout()));
  });

  test('responds to every sign-in whose password is being hashed or is queued', async () => {
    const service = await start({ STOP_DELAY_SECONDS: '1', HASH_CONCURRENCY: '1' });
    const password = passwordOf(service.stdout());
    const answers = Array.from({ length: 18 }, () => signIn(service, password));
    await Promise.race(answers);
    service.signal('SIGTERM');
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.filter((status) => ![201, 503].includes(status))).toEqual([]);
    expect(await service.ended()).toMatchObject({ code: 0, signal: null });
  });

  test.runIf(onServer).each(['1', '2'])('is clean while the database is away, with %s processes', async (WORKERS) => {
    const url = new URL(place.env['DATABASE_URL'] ?? '');
    const proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port || 5432) });
    url.host = `127.0.0.1:${proxy.port}`;
    const service = await start({ DATABASE_URL: url.href, WORKERS });
    await proxy.cut();
    const { code, signal, stdout, stderr } = await service.stop();
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(stdout).toContain('The node number for ids was not returned');
    await proxy.close();
  });

  test.runIf(onServer)('a supervisor that ends in the middle of its start ends its worker', async () => {
    await place.onDatabase((db) =>
      db.transaction(async (tx) => {
        // Meanwhile the first worker listens, but cannot become ready.
        await tx.query(sql`LOCK TABLE apps IN EXCLUSIVE MODE`);
        const DATABASE_URL = `${place.env['DATABASE_URL']}?lock_timeout=300000`;
        const env = { ...place.env, DATABASE_URL, WORKERS: '2' };
        const service = await startService(env, { until: 'listening' });
        running.push(service);
        expect(await service.stop()).toMatchObject({ code: 0, signal: null, stderr: '' });
        expect(await isListening(service.port)).toBe(false);
      }),
    );
  });

  test('is not delayed by a connection that only stays open', async () => {
    const service = await start();
    const idle = connect(service.port, '127.0.0.1');
    await once(idle, 'connect');
    const closed = once(idle.resume(), 'close');
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
    await closed;
  });

  test('a second signal does not cut it short', async () => {
    const service = await start();
    service.signal('SIGTERM');
    service.signal('SIGTERM');
    service.signal('SIGINT');
    expect(await service.ended()).toMatchObject({ code: 0, signal: null });
  });

  test('kill -9 loses no change whose response was sent', async () => {
    const first = await start();
    const password = passwordOf(first.stdout());
    const token = await tokenOf(first, password);
    const made = await first.call('POST', '/v1/authorization/machine-users', { token, body: { userName: 'kept' } });
    expect(made.status).toBe(201);
    expect(await first.stop('SIGKILL')).toMatchObject({ signal: 'SIGKILL' });

    const second = await start();
    const list = await second.call('GET', '/v1/authorization/machine-users?pageSize=10', { token });
    expect(await list.json()).toMatchObject({ machineUsers: [{ userName: 'kept' }] });
    expect(second.stdout()).not.toContain('Password');
  });
});
