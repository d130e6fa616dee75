import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmptyDatabase, patientLimits, urlOfDatabase } from '../test/database.ts';
import { type Db, sql } from './db.ts';
import { migrate, type Migration } from './migrate.ts';
import { openPostgresql } from './postgresql.ts';

const first: Migration = { version: 1, name: 'notes', sql: 'CREATE TABLE notes (id integer PRIMARY KEY)' };
const changes = [
  ['ALTER TABLE', 'ALTER TABLE notes ADD COLUMN title text'],
  ['DROP INDEX', 'ALTER TABLE notes DROP CONSTRAINT notes_pkey'],
  ['a second statement', 'CREATE TABLE more (id integer); ALTER TABLE notes ADD COLUMN title text'],
] as const;

describe.skipIf(process.env['TEST_DATABASE_URL'] === undefined)('a migration that must wait for a lock', () => {
  let server: Db;
  let processes: Db[];
  let logged: unknown[][];

  /** A process whose statements wait for a lock for a shorter time than the migration. */
  const start = async () => {
    const url = `${await urlOfDatabase(server)}?application_name=starting`;
    const limits = { ...patientLimits, lock: 100, statement: 100 };
    const db = await openPostgresql({ url, poolSize: 1, prepare: true, log: () => {}, limits });
    processes.push(db);
    return db;
  };
  const begin = (db: Db, migrations: readonly Migration[]) =>
    migrate(db, migrations, { lockMs: 20, pauseMs: 10, log: (...line) => void logged.push(line) });

  beforeEach(async () => {
    [processes, logged] = [[], []];
    server = await openEmptyDatabase();
    await migrate(server, [first]);
  });
  afterEach(async () => {
    await Promise.all(processes.map((db) => db.close()));
    await server.close();
  });

  it.each(changes)('is tried again until a reader has ended; changes go on meanwhile (%s)', async (_, text) => {
    const second: Migration = { version: 2, name: 'second', sql: text };
    const [migrating, serving] = [await start(), await start()];
    const migration = await server.transaction(async (reader) => {
      await reader.query(sql`SELECT id FROM notes`);
      const begun = begin(migrating, [first, second]);
      for (const id of [1, 2, 3, 4]) {
        await expect.poll(() => logged.length).toBeGreaterThan(id);
        await serving.query(sql`INSERT INTO notes (id) VALUES (${id})`);
      }
      return { begun };
    });
    expect(await migration.begun).toEqual([second]);
    expect(await server.query(sql`SELECT count(*)::integer AS notes FROM notes`)).toEqual([{ notes: 4 }]);
  });

  it('names the cause of the wait, and only one process attempts it', async () => {
    const second: Migration = { version: 2, name: 'second', sql: changes[0][1] };
    const starting = [await start(), await start()];
    const migrations = await server.transaction(async (reader) => {
      const [holder] = await reader.query<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid, count(*) FROM notes`);
      const begun = starting.map((db) => begin(db, [first, second]));
      await expect.poll(() => logged.length).toBeGreaterThan(9);
      expect(logged[9]).toEqual([
        'warn',
        expect.stringContaining('could not lock a table'),
        {
          migration: 'second',
          attempts: 10,
          holders: [expect.objectContaining({ pid: holder?.pid, tables: 'notes' })],
        },
      ]);
      return { begun };
    });
    const done = await Promise.all(migrations.begun);
    expect(done.flat()).toEqual([second]);
    const attempts = logged.map(([, , details]) => (details as { attempts: number }).attempts);
    expect(attempts).toEqual(attempts.map((_, index) => index + 1));
  });

  it('takes as long as it must once it has its locks', async () => {
    const slow: Migration = { version: 2, name: 'slow', sql: 'LOCK TABLE notes; SELECT pg_sleep(0.3)' };
    expect(await begin(await start(), [first, slow])).toEqual([slow]);
    expect(logged).toEqual([]);
  });
});
