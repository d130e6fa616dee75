import { existsSync } from 'node:fs';
import type { Config } from './config.ts';
import type { Db } from './db/db.ts';
import { migrate } from './db/migrate.ts';
import type { Log } from './db/db.ts';
import { openDatabase } from './db/open.ts';
import { type LeasedIdSource, leaseNode } from './ids.ts';
import { checkMasterKey, hasMasterKey } from './keys/master-key-check.ts';
import { generateMasterKeyFile, masterKeyFile } from './keys/master-key-file.ts';
import { createSealer, type Sealer } from './keys/seal.ts';

/** What a process of this deployment works on: its database, current and unlocked, and its share of the ids. */
export interface Deployment {
  readonly db: Db;
  readonly ids: LeasedIdSource;
  readonly sealer: Sealer;
  readonly close: () => Promise<void>;
}

/** The key beside the embedded database; made only while the database has none, so that a lost one is noticed. */
async function masterKeyOfDirectory(db: Db, dataDir: string): Promise<Buffer> {
  if (!existsSync(masterKeyFile(dataDir)) && (await hasMasterKey(db))) {
    throw new Error(
      `${masterKeyFile(dataDir)} is gone, and the database cannot be read without it. Put it back, or set MASTER_KEY.`,
    );
  }
  return generateMasterKeyFile(dataDir);
}

/** Opens the database, brings its schema up to date and makes sure that the master key is its own. */
export async function openDeployment(config: Config, log?: Log): Promise<Deployment> {
  const db = await openDatabase({
    url: config.databaseUrl,
    dataDir: config.dataDir,
    poolSize: config.databasePoolSize,
    prepare: config.databasePrepare,
    log,
  });
  try {
    await migrate(db);
    const current = config.masterKey ?? (await masterKeyOfDirectory(db, config.dataDir));
    const sealer = createSealer({ current, old: config.masterKeysOld });
    await checkMasterKey(db, sealer);
    const ids = await leaseNode(db);
    const close = async () => {
      await ids.close();
      await db.close();
    };
    return { db, ids, sealer, close };
  } catch (error) {
    await db.close();
    throw error;
  }
}
