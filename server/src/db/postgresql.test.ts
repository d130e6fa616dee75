import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEmptyDatabase, urlOfDatabase } from '../test/database.ts';
import { DatabaseUnavailableError, sql, type Db } from './db.ts';
import { openDatabase } from './open.ts';

test('a server that refuses connections is unavailable', async () => {
  const opening = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', dataDir: '', poolSize: 1, prepare: true });
  await expect(opening).rejects.toBeInstanceOf(DatabaseUnavailableError);
});

test('a server that never responds is unavailable', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const opening = openDatabase({
    url: `postgres://nobody@127.0.0.1:${port}/none`,
    dataDir: '',
    poolSize: 1,
    prepare: true,
  });
  await expect(opening).rejects.toBeInstanceOf(DatabaseUnavailableError);
  silent.close();
});

describe.skipIf(process.env['TEST_DATABASE_URL'] === undefined)('a PostgreSQL server', () => {
  let db: Db;
  let other: Db;

  beforeEach(async () => {
    db = await openEmptyDatabase();
    other = await openEmptyDatabase();
    await db.query(sql`CREATE TABLE notes (id integer)`);
  });

  afterEach(async () => {
    await db.close();
    await other.close();
  });

  test('a lost connection fails its statement only', async () => {
    const outcome = db.query(sql`SELECT pg_sleep(20)`).catch((error: unknown) => error);
    await terminateEverything();
    expect(await outcome).toBeInstanceOf(DatabaseUnavailableError);
    await expect.poll(answer).toEqual([{ one: 1 }]);
  });

  test('lost idle connections are replaced', async () => {
    await Promise.all(Array.from({ length: 5 }, () => db.query(sql`SELECT 1`)));
    await terminateEverything();
    await expect.poll(answer).toEqual([{ one: 1 }]);
  });

  test('a transaction whose connection is lost is not reported as done', async () => {
    const work = db.transaction(async (tx) => {
      await tx.query(sql`INSERT INTO notes VALUES (1)`);
      await terminateEverything();
    });
    await expect(work).rejects.toBeInstanceOf(DatabaseUnavailableError);
    await expect.poll(answer).toEqual([{ one: 1 }]);
    expect(await db.query(sql`SELECT id FROM notes`)).toEqual([]);
  });

  test('two transactions that lock each other both complete', async () => {
    await db.query(sql`INSERT INTO notes VALUES (1), (2)`);
    const update = (first: number, second: number) =>
      db.transaction(async (tx) => {
        await tx.query(sql`UPDATE notes SET id = id WHERE id = ${first}`);
        await tx.query(sql`SELECT pg_sleep(0.2)`);
        await tx.query(sql`UPDATE notes SET id = id WHERE id = ${second}`);
      });
    await expect(Promise.all([update(1, 2), update(2, 1)])).resolves.toHaveLength(2);
  });

  test('a statement prepared before its table changed works again after one failure at most', async () => {
    const read = () => db.query(sql`SELECT * FROM notes`);
    await read();
    await db.query(sql`ALTER TABLE notes ADD COLUMN text text`);
    await read().catch(() => {});
    expect(await read()).toEqual([]);
  });

  test('statements that are not prepared give the same', async () => {
    const unprepared = await openDatabase({ url: await urlOfDatabase(db), dataDir: '', poolSize: 1, prepare: false });
    expect(await unprepared.query(sql`SELECT ${7}::integer AS seven`)).toEqual([{ seven: 7 }]);
    expect(await unprepared.query(sql`SELECT 1 FROM pg_prepared_statements`)).toEqual([]);
    await unprepared.close();
  });

  /** The loss of an idle connection may be noticed only by the next statement on it. */
  function answer(): Promise<unknown> {
    return db.query(sql`SELECT 1 AS one`).catch(() => 'lost');
  }

  /** Closes every connection of `db` from another connection, like a restart of the server. */
  async function terminateEverything(): Promise<void> {
    const [row] = await db.query<{ name: string }>(sql`SELECT current_database() AS name`);
    await other.query(sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${row?.name}`);
  }
});
