import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseError, raw, type Sql, sql, type Db } from '../db/db.ts';
import { openEmbedded } from '../db/embedded.ts';
import { checksumOf, migrate, readMigrations } from '../db/migrate.ts';
import { openDatabase } from '../db/open.ts';
import type { TimeLimits } from '../db/postgresql.ts';
import { undoable, type UndoableDb } from './undo.ts';

/** URL of a test server, as superuser. Without it, tests use the embedded database in memory. */
const serverUrl = process.env['TEST_DATABASE_URL'];
const cacheDirectory = fileURLToPath(new URL('../../../node_modules/.cache/gatehouse/', import.meta.url));
const templatePrefix = 'gatehouse_test_template_';
const databaseName = /^gatehouse_test_(\d+)_[0-9a-f]+$/;
const templateLifeMs = 24 * 60 * 60_000;
const templateInUse = '55006';
/** Long limits, because tests can be slow on a busy machine. A test about a limit shortens only that limit. */
export const patientLimits: TimeLimits = {
  lock: 120_000,
  statement: 120_000,
  idleInTransaction: 120_000,
  answer: 120_000,
  acquire: 120_000,
};

/**
 * Opens a separate database with the schema. `close` deletes it.
 *
 * @example
 *   const db = await openTestDatabase();
 *   afterAll(() => db.close());
 *
 * @throws Error when the global setup has not run
 */
export async function openTestDatabase(): Promise<UndoableDb> {
  return withoutDetours(undoable(await openFresh()));
}

async function openFresh(): Promise<Db> {
  if (serverUrl !== undefined) return openOnServer(templateName());
  return openEmbedded({ dataDir: 'memory://', snapshot: await migratedSnapshotFile(), log: () => {} });
}

/** Marks code that runs inside a transaction. */
const transactions = new AsyncLocalStorage<true>();

/**
 * Refuses statements outside of the current transaction. Code in a transaction that waits for a second connection
 * deadlocks if none is left; on the embedded database it always does.
 */
function withoutDetours(db: UndoableDb): UndoableDb {
  const refuseDetour = () => {
    if (transactions.getStore()) throw new Error('A statement outside of the current transaction');
  };
  return {
    engine: db.engine,
    load: () => db.load(),
    query: async (...args) => {
      refuseDetour();
      return db.query(...args);
    },
    transaction: async (work) => {
      refuseDetour();
      return db.transaction((tx) => transactions.run(true, () => work(tx)));
    },
    undo: (work) => db.undo(work),
    close: () => db.close(),
  };
}

/**
 * Runs `work` while another session holds the locks of `statement`. Not on the embedded database, which has only one
 * connection.
 *
 * @example
 * const user = sql`SELECT 1 FROM users WHERE id = ${id} FOR UPDATE`;
 * await whileLocked(db, user, () => world.call('DELETE', url, { token }));
 */
export const whileLocked = <Result>(db: Db, statement: Sql, work: () => Promise<Result>): Promise<Result> =>
  db.transaction(async (tx) => {
    await tx.query(statement);
    // Awaited inside, because an injected request starts only when it is awaited.
    return transactions.exit(async () => {
      const result = await work();
      return result;
    });
  });

/** Waits until this number of sessions of the database wait for a lock. */
export async function untilWaiting(db: Db, count: number): Promise<void> {
  for (let waits: unknown[] = []; waits.length < count;) {
    waits = await db.query(sql`
      SELECT DISTINCT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE NOT granted AND datname = current_database()`);
  }
}

/** Like {@link openTestDatabase}, without the schema. */
export async function openEmptyDatabase(): Promise<Db> {
  if (serverUrl === undefined) {
    return openEmbedded({ dataDir: 'memory://', snapshot: await emptySnapshotFile(), log: () => {} });
  }
  return openOnServer('template0');
}

/** URL of a test database on the server, for a separate process. */
export async function urlOfDatabase(db: Db): Promise<string> {
  const [row] = await db.query<{ name: string }>(sql`SELECT current_database() AS name`);
  return urlOf(row?.name);
}

/** Creates the templates of test databases, unless an earlier run has created them. */
export async function prepareTemplates(): Promise<void> {
  await mkdir(cacheDirectory, { recursive: true });
  // Needed on a server, too, because some tests always use the embedded database.
  await writeSnapshot(await emptySnapshotFile(), undefined, async () => {});
  if (serverUrl === undefined) await prepareMigratedSnapshot();
  else await withAdministrator((administrator) => prepareServer(administrator));
}

/** An archive of an embedded database without any schema. */
export async function emptySnapshotFile(): Promise<string> {
  return join(cacheDirectory, `empty-${await engineKey()}.tar`);
}

/** An archive of an embedded database with the schema; created if tests run on the embedded database. */
export async function migratedSnapshotFile(): Promise<string> {
  return join(cacheDirectory, `migrated-${await engineKey()}-${schemaKey()}.tar`);
}

async function prepareMigratedSnapshot(): Promise<void> {
  await writeSnapshot(await migratedSnapshotFile(), await emptySnapshotFile(), async (db) => {
    await migrate(db);
  });
}

/** Writes to a temporary name first, because several runs may do this concurrently. */
async function writeSnapshot(file: string, base: string | undefined, fill: (db: Db) => Promise<void>): Promise<void> {
  if (existsSync(file)) return;
  const db = await openEmbedded({ dataDir: 'memory://', snapshot: base, log: () => {} });
  const unfinished = `${file}.${process.pid}`;
  await fill(db);
  await db.dump(unfinished);
  await db.close();
  await rename(unfinished, file);
}

async function openOnServer(template: string): Promise<Db> {
  const name = `gatehouse_test_${process.pid}_${randomBytes(6).toString('hex')}`;
  await withAdministrator((administrator) => createDatabase(administrator, name, template));
  const db = await openServer(name, 10);
  const close = async () => {
    await db.close();
    await withAdministrator((administrator) => dropDatabase(administrator, name));
  };
  let closed: Promise<void> | undefined;
  return {
    engine: db.engine,
    load: () => db.load(),
    query: (...args) => db.query(...args),
    transaction: (work) => db.transaction(work),
    close: () => (closed ??= close()),
  };
}

/** A template cannot be copied while a session is connected to it, including background workers of the server. */
async function createDatabase(administrator: Db, name: string, template: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await administrator.query(raw(`CREATE DATABASE ${name} TEMPLATE ${template}`));
      return;
    } catch (error) {
      if (!(error instanceof DatabaseError && error.sqlState === templateInUse) || tries === 20) throw error;
      await delay(100);
    }
  }
}

async function dropDatabase(administrator: Db, name: string): Promise<void> {
  await administrator.query(raw(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
}

/** Templates are named after their migrations and statistics: working trees with different ones can share a server. */
function templateName(): string {
  return `${templatePrefix}${schemaKey()}_one_row`;
}

/** A lock on the server serializes concurrent runs. */
async function prepareServer(administrator: Db): Promise<void> {
  await administrator.query(sql`SELECT pg_advisory_lock(5544001)`);
  await dropLeftovers(administrator);
  const [template] = await administrator.query(sql`SELECT 1 FROM pg_database WHERE datname = ${templateName()}`);
  if (template === undefined) await makeTemplate(administrator, templateName());
}

/**
 * Statistics of a new deployment: one row in each table. The planner then uses nested loops. The embedded database is
 * never analysed, so that both databases test different plans.
 */
const statisticsOfOneRow = sql`
  UPDATE pg_class SET relpages = 1, reltuples = 1 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`;

/** Renames the database last, so that an interrupted run leaves no incomplete template. */
async function makeTemplate(administrator: Db, name: string): Promise<void> {
  const unfinished = `gatehouse_test_${process.pid}_${randomBytes(6).toString('hex')}`;
  await createDatabase(administrator, unfinished, 'template0');
  const db = await openServer(unfinished, 1);
  await migrate(db);
  await db.query(statisticsOfOneRow);
  await db.close();
  await administrator.query(raw(`COMMENT ON DATABASE ${unfinished} IS '${Date.now()}'`));
  await administrator.query(raw(`ALTER DATABASE ${unfinished} RENAME TO ${name}`));
}

async function dropLeftovers(administrator: Db): Promise<void> {
  const databases = await administrator.query<{ name: string; comment: string | null }>(sql`
    SELECT datname AS name, shobj_description(oid, 'pg_database') AS comment
    FROM pg_database WHERE datname LIKE 'gatehouse\\_test\\_%'`);
  for (const { name, comment } of databases) {
    if (isDeadRun(name) || isOldTemplate(name, Number(comment))) await dropDatabase(administrator, name);
  }
}

function isDeadRun(name: string): boolean {
  const pid = Number(databaseName.exec(name)?.[1] ?? Number.NaN);
  return pid > 0 && !isAlive(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function isOldTemplate(name: string, createdAtMs: number): boolean {
  return name.startsWith(templatePrefix) && name !== templateName() && createdAtMs < Date.now() - templateLifeMs;
}

/** Uses one connection, so that a session lock lasts until `work` has finished. */
async function withAdministrator(work: (administrator: Db) => Promise<void>): Promise<void> {
  const administrator = await openServer(undefined, 1);
  try {
    await work(administrator);
  } finally {
    await administrator.close();
  }
}

function openServer(database: string | undefined, poolSize: number): Promise<Db> {
  return openDatabase({ url: urlOf(database), dataDir: '', poolSize, prepare: true, limits: patientLimits });
}

function urlOf(database: string | undefined): string {
  const url = new URL(serverUrl ?? '');
  if (database !== undefined) url.pathname = `/${database}`;
  return url.href;
}

function schemaKey(): string {
  return checksumOf(readMigrations()).slice(0, 16);
}

/** Key of the engine version and settings, which determine the files. */
async function engineKey(): Promise<string> {
  const packageFile = new URL(
    '../package.json',
    `file://${createRequire(import.meta.url).resolve('@electric-sql/pglite')}`,
  );
  const worker = new URL('../db/embedded-worker.js', import.meta.url);
  const parts = await Promise.all([readFile(packageFile), readFile(worker)]);
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex').slice(0, 16);
}
