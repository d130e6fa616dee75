import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Db, Log } from './db.ts';
import { openEmbedded } from './embedded.ts';
import { openPostgresql, type TimeLimits } from './postgresql.ts';

/** The database to open, with its options. */
export interface DatabaseOptions {
  /** A PostgreSQL server; if absent, the embedded database in `dataDir`. */
  readonly url?: string | undefined;
  /** The directory of the embedded database, or `memory://` for a database that ends with the process. */
  readonly dataDir: string;
  /** Maximum number of connections of this process to the server. */
  readonly poolSize: number;
  /** False for a pooler in transaction mode that does not support prepared statements. */
  readonly prepare: boolean;
  readonly log?: Log | undefined;
  /** Default: the values in the operating guide. */
  readonly limits?: TimeLimits | undefined;
}

/** An empty database from the build. Unpacking it is several times faster than creating one. */
const snapshotFile = fileURLToPath(new URL('snapshot.tar.gz', import.meta.url));

/**
 * Opens a database. `migrate` takes care of the schema.
 *
 * @example const db = await openDatabase({ url: config.databaseUrl, dataDir: './data', poolSize: 10, prepare: true
 *   }); const [row] = await db.query<{ now: Date }>(sql`SELECT now()`);
 *
 * @throws DatabaseUnavailableError if the server cannot be reached
 * @throws DirectoryInUseError if another process has the embedded database open
 * @throws Error if this build does not support the version of the server or of the directory's content
 */
export function openDatabase(options: DatabaseOptions): Promise<Db> {
  const { url, log = () => {} } = options;
  if (url !== undefined) return openPostgresql({ ...options, url, log });
  const snapshot = existsSync(snapshotFile) ? snapshotFile : undefined;
  return openEmbedded({ dataDir: options.dataDir, snapshot, log });
}
