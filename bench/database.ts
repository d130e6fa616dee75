import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type Db, type Sql, sql } from '../server/src/db/db.ts';
import { openDatabase } from '../server/src/db/open.ts';
import type { Options } from './options.ts';

const name = 'gatehouse_bench';

/** The database of one run, created for it and dropped afterwards. */
export interface BenchDatabase {
  /** Environment variables with which a process opens the database. */
  readonly env: Readonly<Record<string, string>>;
  /** The same data for a second process: the same database on a server, or a copy of the embedded database. */
  twin(): Promise<Readonly<Record<string, string>>>;
  open(): Promise<Db>;
  drop(): Promise<void>;
}

export function createBenchDatabase(options: Options): Promise<BenchDatabase> {
  return options.engine === 'embedded' ? createEmbedded() : createOnServer(options.databaseUrl ?? '');
}

async function administer(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

async function createOnServer(serverUrl: string): Promise<BenchDatabase> {
  const drop = `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`;
  await administer(serverUrl, drop, `CREATE DATABASE ${name}`);
  const url = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  const env = { DATABASE_URL: url };
  return {
    env,
    twin: () => Promise.resolve(env),
    open: () => openDatabase({ url, dataDir: '', poolSize: 2, prepare: false }),
    drop: () => administer(serverUrl, drop),
  };
}

async function createEmbedded(): Promise<BenchDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-bench-'));
  const dataDir = join(directory, 'data');
  const twinDir = join(directory, 'twin');
  return {
    env: { DATA_DIR: dataDir, ALLOW_EMBEDDED: 'true' },
    twin: async () => {
      await cp(join(dataDir, 'postgresql'), join(twinDir, 'postgresql'), { recursive: true });
      return { DATA_DIR: twinDir };
    },
    open: () => openDatabase({ dataDir, poolSize: 1, prepare: false }),
    drop: () => rm(directory, { recursive: true, force: true }),
  };
}

/** The conditions of the results. */
export interface DatabaseFacts {
  readonly version: string;
  readonly size: string;
  readonly settings: Readonly<Record<string, string>>;
}

const settings = [
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'wal_sync_method',
  'shared_buffers',
  'max_wal_size',
  'jit',
  'shared_preload_libraries',
];

async function first<Row>(db: Db, statement: Sql): Promise<Row> {
  const [row] = await db.query<Row>(statement);
  if (row === undefined) throw new Error('the database returned no row');
  return row;
}

export async function describeDatabase(db: Db): Promise<DatabaseFacts> {
  const facts = await first<{ version: string; size: string }>(
    db,
    sql`
      SELECT current_setting('server_version') AS version,
        pg_size_pretty(pg_database_size(current_database())) AS size`,
  );
  const rows = await db.query<{ name: string; value: string }>(
    sql`SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY (${settings}::text[])`,
  );
  return { ...facts, settings: Object.fromEntries(rows.map((row) => [row.name, row.value])) };
}
