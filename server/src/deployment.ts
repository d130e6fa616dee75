import { existsSync } from 'node:fs';
import type { Config } from './config.ts';
import { DatabaseClock } from './database-clock.ts';
import { type Db, DatabaseUnavailableError, sql } from './db/db.ts';
import { migrate, readMigrations } from './db/migrate.ts';
import type { Log } from './db/db.ts';
import { openDatabase } from './db/open.ts';
import { type LeasedIdSource, leaseNode } from './ids.ts';
import { checkMasterKey, hasMasterKey } from './keys/master-key-check.ts';
import { generateMasterKeyFile, masterKeyFile } from './keys/master-key-file.ts';
import { createSealer, type Sealer } from './keys/seal.ts';

/** The services of a process: the migrated database, the sealer and the id source. */
export interface Deployment {
  readonly db: Db;
  /**
   * Separate connections for credential lookups, so that calls that hold all other connections do not block
   * authentication.
   */
  readonly lookupDb: Db;
  readonly ids: LeasedIdSource;
  /** The time of the database. Each renewal of the lease on ids reads it. */
  readonly clock: DatabaseClock;
  readonly sealer: Sealer;
  /** Version of the database server for the log, e.g. `16.4`. */
  readonly databaseVersion: string;
  /** Number of migrations that this start applied. */
  readonly migrated: number;
  readonly close: () => Promise<void>;
}

/** The key file of the embedded database. Created only with a new database, so that a lost file is noticed. */
async function masterKeyOfDirectory(db: Db, dataDir: string): Promise<Buffer> {
  if (!existsSync(masterKeyFile(dataDir)) && (await hasMasterKey(db))) {
    throw new Error(
      `${masterKeyFile(dataDir)} is missing, and the database cannot be read without it. Restore the file, or set ` +
        `MASTER_KEY.`,
    );
  }
  return generateMasterKeyFile(dataDir);
}

/** The number of connections, out of all connections of a process, that are reserved for credential lookups. */
const lookupConnections = (poolSize: number): number => Math.min(poolSize - 1, Math.ceil(poolSize / 5));

async function openDatabases(config: Config, log: Log | undefined): Promise<Pick<Deployment, 'db' | 'lookupDb'>> {
  const { databaseUrl: url, dataDir, databasePrepare: prepare } = config;
  const open = (poolSize: number) => openDatabase({ url, dataDir, poolSize, prepare, log });
  const size = config.databasePoolSize;
  const forLookups = config.databaseUrl === undefined ? 0 : lookupConnections(size);
  const db = await open(size - forLookups);
  if (forLookups === 0) return { db, lookupDb: db };
  return { db, lookupDb: await open(forLookups) };
}

async function versionOf(db: Db): Promise<string> {
  const [row] = await db.query<{ version: string }>(sql`SELECT current_setting('server_version') AS version`);
  return row?.version ?? 'unknown';
}

/** Opens and migrates the database, and checks that the master key belongs to it. */
export async function openDeployment(config: Config, log?: Log): Promise<Deployment> {
  const { db, lookupDb } = await openDatabases(config, log);
  const closeDatabases = async () => {
    await Promise.all([lookupDb.close(), db.close()]);
  };
  try {
    const { length: migrated } = await migrate(db, readMigrations(), log && { log });
    const current = config.masterKey ?? (await masterKeyOfDirectory(db, config.dataDir));
    const sealer = createSealer({ current, old: config.masterKeysOld });
    await checkMasterKey(db, sealer);
    const clock = new DatabaseClock(log);
    const ids = await leaseNode(db, { clock });
    const close = async () => {
      await ids.close().catch((error: unknown) => {
        if (!(error instanceof DatabaseUnavailableError)) throw error;
        log?.('warn', 'The node number for ids was not returned; its lease expires within a minute', { error });
      });
      await closeDatabases();
    };
    return { db, lookupDb, ids, clock, sealer, close, migrated, databaseVersion: await versionOf(db) };
  } catch (error) {
    await closeDatabases();
    throw error;
  }
}
