import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Db, sql } from '../db/db.ts';
import { openDatabase } from '../db/open.ts';
import { openTestDatabase, urlOfDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { openTcpProxy, type TcpProxy } from '../test/tcp-proxy.ts';
import { createWorld, type World } from '../test/world/world.ts';

/** The embedded engine runs in the process, so it cannot be unavailable while the process runs. */
describe.runIf(process.env['TEST_DATABASE_URL'])('requests while the database is away', () => {
  let database: Db;
  let proxy: TcpProxy;
  let app: TestApp;
  let world: World;

  beforeAll(async () => {
    database = await openTestDatabase();
    const url = new URL(await urlOfDatabase(database));
    proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port || 5432) });
    url.host = `127.0.0.1:${proxy.port}`;
    const db = await openDatabase({ url: url.href, dataDir: '', poolSize: 4, prepare: true });
    app = await buildTestApp({ db });
    world = await createWorld(app);
  });
  afterEach(() => proxy.restore());
  afterAll(async () => {
    await proxy?.restore();
    await app?.close();
    await proxy?.close();
    await database?.close();
  });

  const me = '/v1/authentication/users/me';
  const machineUsers = '/v1/authorization/machine-users';

  async function storedMachines(): Promise<string[]> {
    const rows = await database.query<{ user_name: string }>(sql`SELECT user_name FROM machine_users ORDER BY id`);
    return rows.map((row) => row.user_name);
  }

  async function storedEvents(): Promise<number> {
    const [row] = await database.query<{ count: string }>(sql`SELECT count(*) AS count FROM audit_events`);
    return Number(row?.count);
  }

  const calls: [string, () => ReturnType<World['call']>][] = [
    ['a call of a human', () => world.call('GET', me, { token: world.admin.token })],
    ['a public call', () => world.call('GET', '/v1/authentication/token/jwks')],
    [
      'signing in',
      () =>
        world.call('POST', '/v1/authentication/users/sessions', { body: { email: world.admin.email, password: 'x' } }),
    ],
    ['a change', () => world.call('POST', machineUsers, { token: world.admin.token, body: { userName: 'lost' } })],
    ['a call of an app that is not known yet', () => world.call('GET', me, { app: 'unknown', token: 'gh_s_x' })],
    [
      'a call of a page',
      () => world.call('GET', me, { token: world.admin.token, headers: { origin: 'https://a.example' } }),
    ],
    ['readiness', () => world.call('GET', '/readyz', { app: null })],
  ];

  test.each(calls)('%s gets a time to retry', async (_what, call) => {
    await proxy.cut();
    const response = await call();
    expect(response.json()).toMatchObject({ status: 503, code: 'database_unavailable' });
    expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(response.headers['access-control-allow-origin']).toBeUndefined();
    expect(response.body).not.toMatch(/ECONN|127\.0\.0\.1:\d+\b(?!\/errors)|postgres/);
  });

  test('a preflight allows no origin', async () => {
    await proxy.cut();
    const headers = { origin: 'https://a.example', 'access-control-request-method': 'GET' };
    const response = await world.call('OPTIONS', me, { app: null, headers });
    expect([403, 503]).toContain(response.statusCode);
    expect(response.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('calls that need no database work', async () => {
    await proxy.cut();
    expect((await world.call('GET', '/healthz', { app: null })).statusCode).toBe(200);
    expect((await world.call('GET', '/nowhere')).statusCode).toBe(404);
  });

  test('everything works again when the database is back, without a restart', async () => {
    await proxy.cut();
    await Promise.all(Array.from({ length: 20 }, () => world.call('GET', me, { token: world.admin.token })));
    await proxy.restore();
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => world.call('GET', me, { token: world.admin.token })),
    );
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(responses.map(() => 200));
    expect((await world.call('GET', '/readyz', { app: null })).statusCode).toBe(200);
  });

  test('a connection that is lost in the middle of a transaction leaves no rows', async () => {
    const before = await storedEvents();
    const isCaught = proxy.cutBefore(/audit_events/);
    const response = await world.call('POST', machineUsers, { token: world.admin.token, body: { userName: 'half' } });
    await isCaught;
    expect(response.json()).toMatchObject({ status: 503, code: 'database_unavailable' });
    await proxy.restore();
    expect(await storedMachines()).not.toContain('half');
    expect(await storedEvents()).toBe(before);
    const again = await world.call('POST', machineUsers, { token: world.admin.token, body: { userName: 'half' } });
    expect(again.statusCode).toBe(201);
  });

  test('a connection that is lost in the middle of a sign-up leaves no user, mail or cookie', async () => {
    const isCaught = proxy.cutBefore(/INSERT INTO sessions/);
    const email = 'half@example.com';
    const body = { firstName: 'J', lastName: 'D', email, password: 'Password@123JonDoeInc' };
    const response = await world.call('POST', '/v1/authentication/users', { body });
    await isCaught;
    expect([response.statusCode, response.headers['set-cookie']]).toEqual([503, undefined]);
    await proxy.restore();
    expect(await database.query(sql`SELECT 1 FROM users WHERE email = ${email}`)).toEqual([]);
    expect(await database.query(sql`SELECT 1 FROM mails WHERE recipient = ${email}`)).toEqual([]);
  });

  test('calls without a response yet are ended', async () => {
    await database.transaction(async (tx) => {
      await tx.query(sql`LOCK TABLE machine_users IN ACCESS EXCLUSIVE MODE`);
      const arrived = proxy.cutAfter(/INSERT INTO machine_users/);
      const inFlight = world.call('POST', machineUsers, { token: world.admin.token, body: { userName: 'waiting' } });
      await arrived;
      expect((await inFlight).json()).toMatchObject({ status: 503, code: 'database_unavailable' });
    });
    await proxy.restore();
    expect(await storedMachines()).not.toContain('waiting');
  });

  test('sessions that the server ends are replaced without an error', async () => {
    await Promise.all(Array.from({ length: 4 }, () => world.call('GET', me, { token: world.admin.token })));
    const ended = once(proxy.events, 'idle');
    await database.query(sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    await ended;
    expect((await world.call('GET', me, { token: world.admin.token })).statusCode).toBe(200);
  });
});
