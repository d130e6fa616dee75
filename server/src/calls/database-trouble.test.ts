import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Db, raw, sql } from '../db/db.ts';
import { openPostgresql } from '../db/postgresql.ts';
import { openTestDatabase, patientLimits, urlOfDatabase, whileLocked } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { openTcpProxy, type TcpProxy } from '../test/tcp-proxy.ts';
import { createWorld, type World } from '../test/world/world.ts';

const me = '/v1/authentication/users/me';
const machineUsers = '/v1/authorization/machine-users';
const isReady = (world: World) => world.call('GET', '/readyz', { app: null });
const namesOfMachines = async (db: Db) => {
  const rows = await db.query<{ user_name: string }>(sql`SELECT user_name FROM machine_users ORDER BY id`);
  return rows.map((row) => row.user_name);
};

describe('requests while the storage is full', () => {
  let app: TestApp;
  let world: World;

  beforeAll(async () => {
    app = await buildTestApp();
    world = await createWorld(app);
    await app.db.query(sql`
      CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
      END $$`);
    await app.db.query(raw('CREATE TRIGGER fill BEFORE INSERT ON machine_users FOR EACH ROW EXECUTE FUNCTION fill()'));
  });
  afterAll(() => app?.close());

  test('a change reports it, reads continue, and the service is not ready for half a minute', async () => {
    expect((await isReady(world)).statusCode).toBe(200);
    const change = await world.call('POST', machineUsers, { token: world.admin.token, body: { userName: 'lost' } });
    expect(change.json()).toMatchObject({ status: 503, code: 'storage_full' });
    expect(change.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect((await world.call('GET', me, { token: world.admin.token })).statusCode).toBe(200);
    expect((await isReady(world)).json()).toMatchObject({ status: 503, code: 'storage_full' });
    expect((await world.call('GET', '/metrics', { app: null })).body).toMatch(
      /^gatehouse_database_failures_total\{code="storage_full"\} [1-9]/m,
    );
    app.clock.advance(30_000);
    expect((await isReady(world)).statusCode).toBe(200);
  });
});

/**
 * The embedded engine has one connection inside the process. It cannot be locked by others, disconnected or demoted.
 */
describe.runIf(process.env['TEST_DATABASE_URL'])('failures of a database server', () => {
  let database: Db;
  let proxy: TcpProxy;
  let app: TestApp;
  let world: World;

  beforeAll(async () => {
    database = await openTestDatabase();
    const url = new URL(await urlOfDatabase(database));
    proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port || 5432) });
    url.host = `127.0.0.1:${proxy.port}`;
    const limits = { ...patientLimits, lock: 100 };
    const open = (poolSize: number) =>
      openPostgresql({ url: url.href, poolSize, prepare: false, log: () => {}, limits });
    const [db, lookupDb] = await Promise.all([open(4), open(1)]);
    app = await buildTestApp({ db, lookupDb });
    world = await createWorld(app);
  });
  afterEach(() => proxy.restore());
  afterAll(async () => {
    await proxy?.restore();
    await app?.close();
    await app?.services.lookupDb.close();
    await proxy?.close();
    await database?.close();
  });

  test('a change that waits for a lock is refused, and is not applied afterwards', async () => {
    const lock = sql`LOCK TABLE machine_users IN ACCESS EXCLUSIVE MODE`;
    const create = (userName: string) =>
      world.call('POST', machineUsers, { token: world.admin.token, body: { userName } });
    const answers = await whileLocked(database, lock, () => Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(create)));
    expect(answers.map((answer) => answer.json<{ code: string }>().code)).toEqual(answers.map(() => 'database_busy'));
    expect(answers[0]?.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect(await namesOfMachines(database)).toEqual([]);
    expect((await create('g')).statusCode).toBe(201);
    expect(await namesOfMachines(database)).toEqual(['g']);
  });

  test('a change whose confirmation is lost has an unknown outcome, which its key reveals', async () => {
    const options = {
      token: world.admin.token,
      headers: { 'idempotency-key': 'a-key-of-this-call' },
      body: { userName: 'confirmed' },
    };
    const isCut = proxy.cutAfter(/COMMIT\0/);
    const lost = await world.call('POST', machineUsers, options);
    await isCut;
    expect(lost.json()).toMatchObject({ status: 503, code: 'outcome_unknown' });
    await proxy.restore();
    await expect.poll(async () => (await world.call('POST', machineUsers, options)).statusCode).toBe(201);
    expect((await namesOfMachines(database)).filter((name) => name === 'confirmed')).toEqual(['confirmed']);
  });

  test('a change of an organization whose response is lost has an unknown outcome', async () => {
    const orgId = await world.organization(await world.person());
    const url = `/v1/authorization/organizations/${orgId}`;
    const options = { token: world.admin.token, body: { metadata: { key1: 'value1' } } };
    const isCut = proxy.cutAfter(/UPDATE organizations/);
    const lost = await world.call('PATCH', url, options);
    await isCut;
    expect(lost.json()).toMatchObject({ status: 503, code: 'outcome_unknown' });
    await proxy.restore();
    expect((await world.call('PATCH', url, options)).statusCode).toBe(200);
  });

  test('a read whose connection is lost reports that nothing was changed', async () => {
    const isCut = proxy.cutAfter(/JOIN sessions/);
    const lost = await world.call('GET', me, { token: world.admin.token });
    await isCut;
    expect(lost.json()).toMatchObject({ status: 503, code: 'database_unavailable' });
    await proxy.restore();
  });

  test('a session whose use cannot be recorded can still be read', async () => {
    app.clock.advance(120_000);
    const lock = sql`SELECT 1 FROM sessions FOR UPDATE`;
    const read = () => world.call('GET', me, { token: world.admin.token });
    expect((await whileLocked(database, lock, read)).statusCode).toBe(200);
  });

  test('a read-only server is not ready', async () => {
    const [row] = await database.query<{ name: string }>(sql`SELECT quote_ident(current_database()) AS name`);
    const readOnly = async (value: string) => {
      await database.query(raw(`ALTER DATABASE ${row?.name} SET default_transaction_read_only = ${value}`));
      await proxy.cut();
      await proxy.restore();
    };
    expect((await isReady(world)).statusCode).toBe(200);
    await readOnly('on');
    await expect.poll(async () => (await isReady(world)).json()).toMatchObject({ code: 'database_unavailable' });
    await expect.poll(() => app.app.metrics.text()).toMatch(/^gatehouse_database_read_only 1$/m);
    const change = await world.call('POST', machineUsers, { token: world.admin.token, body: { userName: 'lost' } });
    expect(change.json()).toMatchObject({ status: 503, code: 'database_unavailable' });
    await database.query(sql`SET default_transaction_read_only = off`);
    await readOnly('off');
    await expect.poll(async () => (await isReady(world)).statusCode).toBe(200);
  });
});

describe.runIf(process.env['TEST_DATABASE_URL'])('calls that wait for a lock and hold all connections', () => {
  test('authentication still works, and the service is ready', async () => {
    const database = await openTestDatabase();
    const url = await urlOfDatabase(database);
    const open = (poolSize: number) =>
      openPostgresql({ url, poolSize, prepare: true, log: () => {}, limits: patientLimits });
    const [db, lookupDb] = await Promise.all([open(2), open(1)]);
    const app = await buildTestApp({ db, lookupDb });
    const world = await createWorld(app);
    const { token } = world.admin;
    const waiting = async () =>
      (await database.query(sql`SELECT 1 FROM pg_locks WHERE NOT granted AND database IS NOT NULL`)).length;

    const lock = sql`LOCK TABLE machine_users IN ACCESS EXCLUSIVE MODE`;
    const { stuck, answers } = await whileLocked(database, lock, async () => {
      const creations = ['a', 'b'].map((userName) => world.call('POST', machineUsers, { token, body: { userName } }));
      const stuckCalls = Promise.all(creations.map(async (creation) => (await creation).statusCode));
      await expect.poll(waiting).toBeGreaterThanOrEqual(2);
      const others = [await world.call('GET', me, { token }), await isReady(world), await world.call('GET', me)];
      return { stuck: { calls: stuckCalls }, answers: others.map(({ statusCode }) => statusCode) };
    });
    expect(answers).toEqual([200, 200, 401]);
    expect(await stuck.calls).toEqual([201, 201]);
    await app.close();
    await lookupDb.close();
    await database.close();
  });
});
