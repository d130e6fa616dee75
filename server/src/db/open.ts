import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Db, Log } from './db.ts';
import { openEmbedded } from './embedded.ts';
import { openPostgresql, type TimeLimits } from './postgresql.ts';

/** Which database, and how. */
export interface DatabaseOptions {
  /** A PostgreSQL server; absent, the embedded database in `dataDir`. */
  readonly url?: string | undefined;
  /** The directory of the embedded database, or `memory://` for one that ends with the process. */
  readonly dataDir: string;
  /** Connections to the server that this process may hold. */
  readonly poolSize: number;
  /** False for a pooler in transaction mode that does not know prepared statements. */
  readonly prepare: boolean;
  readonly log?: Log | undefined;
  /** Default: those of the operating guide. */
  readonly limits?: TimeLimits | undefined;
}

/** An empty database made at build time: unpacking it is several times faster than making one. */
const snapshotFile = fileURLToPath(new URL('snapshot.tar.gz', import.meta.url));

/**
 * Opens the database that the options name. The schema is `migrate`'s business.
 *
 * @example
 *   const db = await openDatabase({ url: config.databaseUrl, dataDir: './data', poolSize: 10, prepare: true });
 *   const [row] = await db.query<{ now: Date }>(sql`SELECT now()`);
 *
 * @throws DatabaseUnavailableError when the server cannot be reached
 * @throws DirectoryInUseError when another process has the embedded database open
 * @throws Error when the server, or the directory's content, is of a version that this build cannot use
 */
export function openDatabase(options: DatabaseOptions): Promise<Db> {
  const { url, log = () => {} } = options;
  if (url !== undefined) return openPostgresql({ ...options, url, log });
  const snapshot = existsSync(snapshotFile) ? snapshotFile : undefined;
  return openEmbedded({ dataDir: options.dataDir, snapshot, log });
}
