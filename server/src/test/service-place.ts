import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Db } from '../db/db.ts';
import { openDatabase } from '../db/open.ts';
import { unpack } from '../db/unpack.ts';
import { migratedSnapshotFile, openEmptyDatabase, openTestDatabase, urlOfDatabase } from './database.ts';

/** The database and files for processes of the service, used in sequence or, with a server, concurrently. */
export interface ServicePlace {
  readonly dataDir: string;
  /** Environment variables for a process that uses this place. */
  readonly env: Readonly<Record<string, string>>;
  /** Works on the database while no process has it open; on a server also while processes run. */
  onDatabase<Result>(work: (db: Db) => Promise<Result>): Promise<Result>;
  remove(): Promise<void>;
}

/**
 * A place in which the service has never started. The schema exists already, because migrations take most of the time
 * of a first start.
 *
 * @param options.bare without the schema
 *
 * @example
 * const place = await makePlace();
 * const service = await startService(place.env);
 */
export async function makePlace({ bare = false } = {}): Promise<ServicePlace> {
  const dataDir = await mkdtemp(join(tmpdir(), 'gatehouse-place-'));
  const server = process.env['TEST_DATABASE_URL'] === undefined ? undefined : await openOnServer(bare);
  if (!server && !bare) unpack(await migratedSnapshotFile(), join(dataDir, 'postgresql'));
  const env = server && {
    DATABASE_URL: await urlOfDatabase(server),
    MASTER_KEY: randomBytes(32).toString('base64'),
  };
  return {
    dataDir,
    env: { DATA_DIR: dataDir, ...env },
    onDatabase: (work) => (server ? work(server) : inDirectory(dataDir, work)),
    remove: async () => {
      await server?.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const openOnServer = (bare: boolean): Promise<Db> => (bare ? openEmptyDatabase() : openTestDatabase());

async function inDirectory<Result>(dataDir: string, work: (db: Db) => Promise<Result>): Promise<Result> {
  const db = await openDatabase({ url: undefined, dataDir, poolSize: 1, prepare: true });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}
