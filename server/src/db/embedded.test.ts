import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { emptySnapshotFile } from '../test/database.ts';
import { DatabaseUnavailableError, sql } from './db.ts';
import { DirectoryInUseError } from './directory-lock.ts';
import { openEmbedded, type EmbeddedDatabase, type EmbeddedOptions } from './embedded.ts';

let directory: string;
let opened: EmbeddedDatabase[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-embedded-'));
});

afterEach(async () => {
  await Promise.all(opened.map((db) => db.close()));
  opened = [];
  await rm(directory, { recursive: true });
});

test('has the same rows after it is closed and opened again', async () => {
  const db = await open();
  await db.query(sql`CREATE TABLE notes (text text)`);
  await db.query(sql`INSERT INTO notes VALUES ('kept')`);
  await db.close();
  expect(await (await open()).query(sql`SELECT text FROM notes`)).toEqual([{ text: 'kept' }]);
});

test('makes a directory that only its owner can read', async () => {
  await open({ dataDir: join(directory, 'new', 'data') });
  expect((await stat(join(directory, 'new', 'data'))).mode & 0o777).toBe(0o700);
  expect((await stat(join(directory, 'new', 'data', 'postgresql'))).mode & 0o777).toBe(0o700);
});

test('a second opener is refused at once', async () => {
  await open();
  await expect(open()).rejects.toThrow(new DirectoryInUseError(directory, process.pid));
});

test('starts again after a first start that was interrupted', async () => {
  await mkdir(join(directory, 'postgresql.new', 'base'), { recursive: true });
  await writeFile(join(directory, 'postgresql.new', 'PG_VERSION'), '18\n');
  expect(await (await open()).query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
});

test('refuses the files of another major version, and unlocks the directory', async () => {
  await mkdir(join(directory, 'postgresql'));
  await writeFile(join(directory, 'postgresql', 'PG_VERSION'), '17\n');
  await expect(open()).rejects.toThrow('was written by PostgreSQL 17, this build embeds 18');
  await rm(join(directory, 'postgresql'), { recursive: true });
  await open();
});

test('an engine that hangs is replaced, with everything that was committed', async () => {
  const db = await open({ queryTimeoutMs: 1_000 });
  await db.query(sql`CREATE TABLE notes (text text)`);
  await db.query(sql`INSERT INTO notes VALUES ('committed')`);
  const hung = db.transaction(async (tx) => {
    await tx.query(sql`INSERT INTO notes VALUES ('lost')`);
    await tx.query(sql`SELECT pg_sleep(600)`);
  });
  const waiting = db.query(sql`SELECT text FROM notes`);
  await expect(hung).rejects.toBeInstanceOf(DatabaseUnavailableError);
  expect(await waiting).toEqual([{ text: 'committed' }]);
});

test('a database in memory is not replaced by an empty one', async () => {
  const db = await open({ dataDir: 'memory://', queryTimeoutMs: 1_000 });
  await expect(db.query(sql`SELECT pg_sleep(600)`)).rejects.toBeInstanceOf(DatabaseUnavailableError);
  await expect(db.query(sql`SELECT 1`)).rejects.toThrow('lost');
});

test('an archive of the database starts another one', async () => {
  const db = await open();
  await db.query(sql`CREATE TABLE notes AS SELECT 'archived' AS text`);
  const snapshot = join(directory, 'archive.tar.gz');
  await db.dump(snapshot);
  const copies = [
    await open({ dataDir: join(directory, 'copy'), snapshot }),
    await open({ dataDir: 'memory://', snapshot }),
  ];
  for (const copy of copies) expect(await copy.query(sql`SELECT text FROM notes`)).toEqual([{ text: 'archived' }]);
});

test('cleans up by itself after writes', async () => {
  const db = await open({ maintenanceIntervalMs: 50 });
  await db.query(sql`CREATE TABLE notes AS SELECT generate_series(1, 1000) AS id`);
  await expect
    .poll(() => db.query(sql`SELECT reltuples FROM pg_class WHERE relname = 'notes'`))
    .toEqual([{ reltuples: 1000 }]);
  await db.transaction(() => delay(120));
});

async function open(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedDatabase> {
  const snapshot = await emptySnapshotFile();
  const db = await openEmbedded({ dataDir: directory, snapshot, log: () => {}, ...options });
  opened.push(db);
  return db;
}
