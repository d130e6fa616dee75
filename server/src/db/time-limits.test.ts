import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { openEmptyDatabase, patientLimits as patient, urlOfDatabase } from '../test/database.ts';
import { type Db, raw, type Sql, sql } from './db.ts';
import { DatabaseError as ServerError } from 'pg';
import { translateOutcome } from './driver-errors.ts';
import { namedStatements } from './statements.ts';
import { openPostgresql, type PostgresqlOptions } from './postgresql.ts';

describe.skipIf(process.env['TEST_DATABASE_URL'] === undefined)('time limits of a PostgreSQL server', () => {
  let server: Db;
  let db: Db;
  let logged: unknown[][];

  const open = async (options: Partial<PostgresqlOptions> = {}) => {
    const log = (...line: unknown[]) => void logged.push(line);
    const url = `${await urlOfDatabase(server)}?application_name=tested`;
    db = await openPostgresql({ url, poolSize: 2, prepare: true, log, ...options });
    return db;
  };
  const notes = async () =>
    (await server.query<{ id: number }>(sql`SELECT id FROM notes ORDER BY id`)).map(({ id }) => id);
  const backends = () =>
    server.query(sql`
      SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tested'`);

  beforeEach(async () => {
    logged = [];
    server = await openEmptyDatabase();
    await server.query(sql`CREATE TABLE notes (id integer)`);
  });
  afterEach(async () => {
    await db?.close();
    await server.close();
  });

  /** Runs `work` while another transaction holds the table. */
  const whileHeld = (work: () => Promise<void>) =>
    server.transaction(async (tx) => {
      await tx.query(sql`LOCK TABLE notes IN ACCESS EXCLUSIVE MODE`);
      await work();
    });
  const insert = sql`INSERT INTO notes VALUES (1)`;
  const inTransaction = (statement: Sql) => () => db.transaction((tx) => tx.query(statement));
  const byItself = (statement: Sql) => () => db.query(statement);

  it.each([
    ['by itself', byItself],
    ['in a transaction', inTransaction],
  ])('a change that waits for a lock %s is ended by the server and not applied', async (_, run) => {
    await open({ limits: { ...patient, lock: 50 } });
    await whileHeld(() => expect(run(insert)()).rejects.toMatchObject({ code: 'database_busy' }));
    expect(await notes()).toEqual([]);
    await run(insert)();
    expect(await notes()).toEqual([1]);
  });

  it('a change that takes too long is ended by the server and not applied', async () => {
    await open({ limits: { ...patient, statement: 50 } });
    const slow = db.query(sql`INSERT INTO notes SELECT 1 FROM pg_sleep(60)`);
    await expect(slow).rejects.toMatchObject({ code: 'database_busy' });
    expect(await notes()).toEqual([]);
  });

  it('a transaction that is left open is ended by the server', async () => {
    await open({ limits: { ...patient, idleInTransaction: 50 } });
    const forgotten = db.transaction(async (tx) => {
      await tx.query(insert);
      await expect.poll(backends).toEqual([]);
    });
    await expect(forgotten).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(await notes()).toEqual([]);
  });

  it('a change that timed out is cancelled on the server, and its connection there is closed', async () => {
    await open({ limits: { ...patient, lock: 0, statement: 0, idleInTransaction: 0, answer: 200 } });
    await whileHeld(async () => {
      const given = await Promise.allSettled(Array.from({ length: 6 }, () => db.query(insert)));
      expect(given.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual(
        given.map(() => expect.objectContaining({ code: expect.stringMatching(/^(outcome_unknown|database_\w+)$/) })),
      );
      await expect.poll(backends).toEqual([]);
    });
    expect(await notes()).toEqual([]);
  });

  it.each(['55P03', '57014', '40P01', '53100'])(
    'a refusal of the server in another language (%s) is recognized',
    (code) => {
      const error = Object.assign(new ServerError('abgebrochen', 0, 'error'), { code, severity: 'FEHLER' });
      expect(translateOutcome(error, ['INSERT INTO notes VALUES (1)'])).not.toMatchObject({ code: 'outcome_unknown' });
    },
  );

  it.each([
    ['57P01', 'FATAL'],
    ['08006', 'FATAL'],
    ['57P02', 'PANIK'],
  ])('a change that the server ends the connection with (%s) has an unknown outcome', (code, severity) => {
    const error = Object.assign(new ServerError('weg', 0, 'error'), { code, severity });
    expect(translateOutcome(error, ['COMMIT', 'INSERT INTO notes VALUES (1)'])).toMatchObject({
      code: 'outcome_unknown',
    });
    expect(translateOutcome(error, ['SELECT 1 FOR UPDATE'])).toMatchObject({ code: 'database_unavailable' });
  });

  it('says so when all connections are in use', async () => {
    await open({ poolSize: 1, limits: { ...patient, acquire: 50 } });
    // The limit also ends a slow connect. With an open connection, only the wait for a free one can reach it.
    await expect
      .poll(() => db.query(sql`SELECT 1`).then(() => 'connected', String), { timeout: 60_000 })
      .toBe('connected');
    await db.transaction(async (tx) => {
      await tx.query(sql`SELECT 1`);
      await expect(db.query(sql`SELECT 1`)).rejects.toMatchObject({
        code: 'database_busy',
        message: 'The pool is exhausted: all 1 connections are in use',
      });
    });
  });

  it('a commit that waits for a standby is not cancelled if the server has limits', async () => {
    await open({ poolSize: 1, limits: { ...patient, answer: 200 } });
    // Simulates the wait in a commit. With limits, the server would have ended every other statement by itself.
    const sleeping = db.query(sql`INSERT INTO notes SELECT 1 FROM pg_sleep(1)`);
    await expect(sleeping).rejects.toMatchObject({ code: 'outcome_unknown' });
    await expect.poll(notes).toEqual([1]);
  });

  it('the work of an operator has no limits, the next transaction has', async () => {
    await open({ poolSize: 1, limits: { ...patient, statement: 50 } });
    await db.transaction(async (tx) => {
      await tx.liftTimeLimits();
      await tx.query(sql`INSERT INTO notes SELECT 1 FROM pg_sleep(0.2)`);
    });
    await db.transaction((tx) => tx.script('INSERT INTO notes SELECT 2 FROM pg_sleep(0.2)'));
    expect(await notes()).toEqual([1, 2]);
    const slow = inTransaction(sql`SELECT pg_sleep(60)`)();
    await expect(slow).rejects.toMatchObject({ code: 'database_busy' });
  });

  it.each([
    ['55P03', 'database_busy'],
    ['57014', 'database_busy'],
    ['53200', 'database_busy'],
    ['40001', 'database_busy'],
    ['40P01', 'database_busy'],
    ['53100', 'storage_full'],
    ['53300', 'database_unavailable'],
    ['53400', 'database_unavailable'],
    ['25006', 'database_unavailable'],
  ])('an error with state %s is %s: nothing was changed', async (state, code) => {
    await open();
    const fail = raw(`DO $$ BEGIN INSERT INTO notes VALUES (1); RAISE EXCEPTION USING ERRCODE = '${state}'; END $$`);
    await expect(db.query(fail)).rejects.toMatchObject({ code });
    await expect(inTransaction(fail)()).rejects.toMatchObject({ code });
    expect(await notes()).toEqual([]);
  });

  test('a pooler that refuses time limits is used without them, and the log warns about it', async () => {
    const { url, close } = await openPooler(await urlOfDatabase(server));
    await open({ url });
    expect(await db.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
    expect(logged.map(([level, , details]) => [level, details])).toEqual(
      ["lock_timeout = '5s'", "statement_timeout = '20s'", "idle_in_transaction_session_timeout = '60s'"].map(
        (setting) => ['warn', { advice: `ALTER ROLE postgres SET ${setting}` }],
      ),
    );
    await db.close();
    close();
  });

  describe('behind a pooler without prepared statements', () => {
    const statement = sql`SELECT ${7}::integer AS seven`;

    it.each([
      ['lost', sql`DEALLOCATE ALL`],
      ['of another meaning', raw(`PREPARE "${namedStatements()(statement).name}" AS SELECT 8 AS eight`)],
    ])('a statement that is %s is sent again without a name; the operator is notified once', async (what, meddle) => {
      await open({ poolSize: 1 });
      if (what === 'lost') await db.query(statement);
      await db.query(meddle);
      expect(await db.query(statement)).toEqual([{ seven: 7 }]);
      expect(await db.query(statement)).toEqual([{ seven: 7 }]);
      expect(logged).toEqual([['warn', expect.any(String), { advice: 'DATABASE_PREPARE=false' }]]);
      expect(await db.query(sql`SELECT name FROM pg_prepared_statements`)).toEqual([]);
    });

    it('a transaction is repeated', async () => {
      await open({ poolSize: 1 });
      await db.query(statement);
      await db.query(sql`DEALLOCATE ALL`);
      const work = () =>
        db.transaction(async (tx) => {
          await tx.query(insert);
          return tx.query(statement);
        });
      expect(await work()).toEqual([{ seven: 7 }]);
      expect(await notes()).toEqual([1]);
    });
  });
});

/** Forwards everything, unless the connection begins with a setting that it does not know. */
async function openPooler(target: string): Promise<{ url: string; close: () => void }> {
  const { hostname, port } = new URL(target);
  const pooler = createServer((client) => {
    client
      .on('error', () => {})
      .once('data', (startup) => {
        if (startup.includes('_timeout')) return client.end(fatal('08P01', 'unsupported startup parameter'));
        const upstream = connect(Number(port || 5432), hostname);
        upstream.on('error', () => client.destroy());
        upstream.write(startup);
        return client.pipe(upstream).pipe(client);
      });
  }).listen(0, '127.0.0.1');
  await once(pooler, 'listening');
  const url = new URL(target);
  url.host = `127.0.0.1:${(pooler.address() as AddressInfo).port}`;
  return { url: url.href, close: () => pooler.close() };
}

/** @see https://www.postgresql.org/docs/15/protocol-error-fields.html */
function fatal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.from('E\0\0\0\0');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
