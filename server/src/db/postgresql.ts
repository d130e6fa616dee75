import { Pool, type QueryResult } from 'pg';
import { sql, type Db, type Log, type Sql, type Tx, type UniqueViolations } from './db.ts';
import { breaksConnection, translate } from './driver-errors.ts';
import { resultTypes } from './result-types.ts';
import { namedStatements, unnamedStatements, type Preparer } from './statements.ts';
import { transact, type Lease } from './transaction.ts';

/** How to reach the server. */
export interface PostgresqlOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly prepare: boolean;
  readonly log: Log;
}

const oldestMajorVersion = 15;
const acquireTimeoutMs = 3_000;
const queryTimeoutMs = 30_000;
const idleTimeoutMs = 30_000;
/** Connections are renewed now and then, so that they spread again after servers were added behind one address. */
const maximumLifetimeSeconds = 1_800;

/**
 * Connects to a PostgreSQL server.
 *
 * @throws DatabaseUnavailableError when it cannot be reached
 * @throws Error when its version is too old
 */
export async function openPostgresql(options: PostgresqlOptions): Promise<Db> {
  const db = new PostgresqlDatabase(createPool(options), options.prepare ? namedStatements() : unnamedStatements());
  try {
    await db.checkVersion();
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** Nothing here becomes a startup parameter that a pooler could refuse: limits are kept on this side. */
function createPool({ url, poolSize, log }: PostgresqlOptions): Pool {
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    fallback_application_name: 'gatehouse',
    connectionTimeoutMillis: acquireTimeoutMs,
    query_timeout: queryTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    maxLifetimeSeconds: maximumLifetimeSeconds,
    keepAlive: true,
    types: resultTypes,
  });
  const report = (error: Error) => log('warn', 'A database connection was lost', { reason: error.message });
  pool.on('error', report);
  // A client in use reports a lost connection as an event as well as to its query: without a listener Node would exit.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

class PostgresqlDatabase implements Db {
  readonly engine = 'postgresql';
  readonly #pool: Pool;
  readonly #prepare: Preparer;
  #closed: Promise<void> | undefined;

  constructor(pool: Pool, prepare: Preparer) {
    this.#pool = pool;
    this.#prepare = prepare;
  }

  /** Written with callbacks, one promise for all of it: this is the path of every request. */
  query<Row>(statement: Sql, uniqueViolations?: UniqueViolations): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      const config = this.#prepare(statement);
      this.#pool.connect((unreachable, client, release) => {
        if (client === undefined) return reject(translate(unreachable));
        return client.query(config, (error: Error | null, result: QueryResult) => {
          release(error !== null && breaksConnection(error));
          if (error === null) resolve(result.rows);
          else reject(translate(error, uniqueViolations));
        });
      });
    });
  }

  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> {
    return transact(() => this.#acquire(), this.#prepare, work);
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.end();
    return this.#closed;
  }

  async checkVersion(): Promise<void> {
    const [row] = await this.query<{ version: string }>(sql`SELECT current_setting('server_version') AS version`);
    const version = row?.version ?? 'unknown';
    if (!(Number.parseInt(version, 10) >= oldestMajorVersion)) {
      throw new Error(`PostgreSQL ${oldestMajorVersion} or newer is needed, the server is ${version}`);
    }
  }

  async #acquire(): Promise<Lease> {
    try {
      const client = await this.#pool.connect();
      return { client, release: (destroy) => client.release(destroy) };
    } catch (error) {
      throw translate(error);
    }
  }
}
