import { afterEach, beforeEach, expect, test } from 'vitest';
import { openEmptyDatabase } from '../test/database.ts';
import { sql, type Db } from './db.ts';
import {
  isCurrent,
  migrate,
  pendingMigrations,
  readMigrations,
  SchemaMismatchError,
  type Migration,
} from './migrate.ts';

const first: Migration = {
  version: 1,
  name: 'notes',
  sql: 'CREATE TABLE notes (id integer); INSERT INTO notes VALUES (1);',
};
const second: Migration = { version: 2, name: 'titles', sql: `ALTER TABLE notes ADD COLUMN title text DEFAULT 'a;b';` };
const broken: Migration = { version: 2, name: 'broken', sql: 'CREATE TABLE half (id integer); SELECT no_such_column;' };

let db: Db;

beforeEach(async () => {
  db = await openEmptyDatabase();
});

afterEach(() => db.close());

test('applies what is missing, in order, once', async () => {
  expect(await pendingMigrations(db, [first])).toEqual([first]);
  expect(await migrate(db, [first])).toEqual([first]);
  expect(await isCurrent(db, [first])).toBe(true);
  expect(await isCurrent(db, [first, second])).toBe(false);
  expect(await migrate(db, [first, second])).toEqual([second]);
  expect(await migrate(db, [first, second])).toEqual([]);
  expect(await db.query(sql`SELECT * FROM notes`)).toEqual([{ id: 1, title: 'a;b' }]);
});

test('applies each once when several processes start together', async () => {
  const done = await Promise.all(Array.from({ length: 4 }, () => migrate(db, [first, second])));
  expect(done.flat().toSorted((a, b) => a.version - b.version)).toEqual([first, second]);
  expect(await db.query(sql`SELECT id FROM notes`)).toEqual([{ id: 1 }]);
});

test('rolls back a migration that fails, and keeps those before it', async () => {
  await expect(migrate(db, [first, broken])).rejects.toMatchObject({ sqlState: '42703' });
  expect(await db.query(sql`SELECT to_regclass('half') AS half`)).toEqual([{ half: null }]);
  expect(await migrate(db, [first, second])).toEqual([second]);
});

test('refuses a schema newer than the build, which still counts as ready', async () => {
  await migrate(db, [first, second]);
  await expect(migrate(db, [first])).rejects.toThrow(
    'The database schema is at version 2, this build supports up to 1',
  );
  expect(await isCurrent(db, [first])).toBe(true);
});

test('refuses a migration that was edited after it had been applied', async () => {
  await migrate(db, [first]);
  const edited = { ...first, sql: `${first.sql} -- edited` };
  await expect(migrate(db, [edited, second])).rejects.toThrow(SchemaMismatchError);
  await expect(migrate(db, [edited, second])).rejects.toThrow('Migration 1 (notes) was changed');
  expect(await pendingMigrations(db, [first, second])).toEqual([second]);
});

test('does not mind line ends', async () => {
  await migrate(db, [{ ...first, sql: 'SELECT 1;\nSELECT 2;\n' }]);
  expect(await migrate(db, [{ ...first, sql: 'SELECT 1;\r\nSELECT 2;\r\n' }])).toEqual([]);
});

test("this build's migrations apply to an empty database", async () => {
  const migrations = readMigrations();
  expect(await migrate(db)).toEqual(migrations);
  expect(await isCurrent(db)).toBe(true);
});
