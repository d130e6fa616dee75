import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { sql, type Db, type Queryable, type Tx } from './db.ts';
import { defaultPatience, type Patience, withPatience } from './patience.ts';

/** One step of the schema's history. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** The schema of the database and this build are incompatible. Nothing was changed. */
export class SchemaMismatchError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SchemaMismatchError';
  }
}

interface AppliedMigration {
  version: number;
  name: string;
  checksum: string;
}

const migrationsDirectory = new URL('migrations/', import.meta.url);
const fileName = /^(\d{4})_([a-z0-9_]+)\.sql$/;
/** An arbitrary number, as long as nothing else in the database uses the same lock. */
const advisoryLockKey = 7_240_115_301;

/**
 * The migrations of this build, in order: the files `NNNN_name.sql` beside this module, numbered from 0001.
 *
 * @throws Error if a file name is invalid, or a number is missing or duplicate
 */
export function readMigrations(directory: URL = migrationsDirectory): Migration[] {
  const files = readdirSync(directory).filter((name) => name.endsWith('.sql'));
  return files.toSorted().map((file, index) => {
    const [, version, name] = fileName.exec(file) ?? [];
    if (name === undefined || Number(version) !== index + 1) {
      throw new Error(`Migration ${file} should be named ${String(index + 1).padStart(4, '0')}_name.sql`);
    }
    return { version: index + 1, name, sql: readFileSync(new URL(file, directory), 'utf8') };
  });
}

/**
 * Migrates the schema to the version of this build. Each migration has a separate transaction, under a lock that lets
 * several processes start at once. If a migration waits for a lock too long, it is retried without limit, and calls
 * that need the same table can run in between.
 *
 * @example
 *   const db = await openDatabase(options);
 *   await migrate(db);
 *
 * @returns the migrations that this call applied
 * @throws SchemaMismatchError if the schema is newer than this build, or an applied migration was edited afterwards
 * @throws DatabaseError if a migration fails; earlier ones stay applied
 */
export async function migrate(
  db: Db,
  migrations: readonly Migration[] = readMigrations(),
  patience: Partial<Patience> = {},
): Promise<Migration[]> {
  const done: Migration[] = [];
  for (;;) {
    const applied = await db.transaction((tx) => applyNext(tx, migrations, { ...defaultPatience, ...patience }));
    if (applied === undefined) return done;
    done.push(applied);
  }
}

/**
 * The migrations of this build that the database does not have yet. A newer schema is allowed: during a rolling
 * upgrade, processes of the old version keep serving.
 */
export async function pendingMigrations(
  db: Queryable,
  migrations: readonly Migration[] = readMigrations(),
): Promise<Migration[]> {
  const applied = new Set((await readApplied(db)).map(({ version }) => version));
  return migrations.filter(({ version }) => !applied.has(version));
}

/** Whether the database has every migration of this build. */
export async function isCurrent(db: Queryable, migrations?: readonly Migration[]): Promise<boolean> {
  return (await pendingMigrations(db, migrations)).length === 0;
}

/** Identifies a list of migrations by their content. */
export function checksumOf(migrations: readonly Migration[]): string {
  const text = migrations.map((migration) => checksum(migration)).join('\n');
  return createHash('sha256').update(text).digest('hex');
}

async function applyNext(tx: Tx, migrations: readonly Migration[], patience: Patience): Promise<Migration | undefined> {
  await tx.script(`SELECT pg_advisory_xact_lock(${advisoryLockKey})`);
  const applied = await readApplied(tx);
  assertFits(applied, migrations);
  const next = migrations[applied.length];
  if (next !== undefined) await withPatience(tx, next.name, () => apply(tx, next), patience);
  return next;
}

async function apply(tx: Tx, migration: Migration): Promise<void> {
  if (migration.version === 1) await createTable(tx);
  await tx.script(migration.sql);
  await tx.query(sql`
    INSERT INTO schema_migrations (version, name, checksum)
    VALUES (${migration.version}, ${migration.name}, ${checksum(migration)})`);
}

async function createTable(tx: Tx): Promise<void> {
  await tx.script(`
    CREATE TABLE schema_migrations (
      version integer PRIMARY KEY,
      name text NOT NULL,
      checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`);
}

async function readApplied(db: Queryable): Promise<AppliedMigration[]> {
  const [table] = await db.query<{ found: boolean }>(sql`SELECT to_regclass('schema_migrations') IS NOT NULL AS found`);
  if (table?.found !== true) return [];
  return db.query(sql`SELECT version, name, checksum FROM schema_migrations ORDER BY version`);
}

/** The reason why this build cannot use the schema without migrating it; undefined if it can. */
export async function schemaFault(db: Queryable, migrations: readonly Migration[]): Promise<string | undefined> {
  return misfitOf(await readApplied(db), migrations);
}

function assertFits(applied: readonly AppliedMigration[], migrations: readonly Migration[]): void {
  const misfit = misfitOf(applied, migrations);
  if (misfit !== undefined) throw new SchemaMismatchError(misfit);
}

function misfitOf(applied: readonly AppliedMigration[], migrations: readonly Migration[]): string | undefined {
  if (applied.length > migrations.length) {
    return (
      `The database schema is at version ${applied.length}, this build supports up to ${migrations.length}: use a ` +
      `build at least as new as the one that migrated it`
    );
  }
  for (const [index, { version, name, checksum: before }] of applied.entries()) {
    const migration = migrations[index];
    if (migration === undefined || migration.version !== version || checksum(migration) !== before) {
      return (
        `Migration ${version} (${name}) was changed after it had been applied: restore the file and put ` +
        'the change into a new migration'
      );
    }
  }
  return undefined;
}

/** Line endings are ignored, because version control may have changed them. */
function checksum({ sql: text }: Migration): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');
}
