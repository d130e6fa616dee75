import { Pool, type PoolClient, type QueryResult } from 'pg';
import { cancelStatement } from './cancel.ts';
import {
  DatabaseUnavailableError,
  sql,
  type DatabaseLoad,
  type Db,
  type Log,
  type Sql,
  type Tx,
  type UniqueViolations,
} from './db.ts';
import {
  breaksConnection,
  isMisplacedStatement,
  isUnanswered,
  refusesParameters,
  translate,
  translateOutcome,
} from './driver-errors.ts';
import { resultTypes } from './result-types.ts';
import { namedStatements, unnamedStatements, type Preparer } from './statements.ts';
import { type ConnectionState, transact, type Lease } from './transaction.ts';

/** The connection options of the server. */
export interface PostgresqlOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly prepare: boolean;
  readonly log: Log;
  readonly limits?: TimeLimits | undefined;
}

/** Time limits of the server in milliseconds. A statement that exceeds a limit fails and changes nothing. */
export interface TimeLimits {
  readonly lock: number;
  readonly statement: number;
  readonly idleInTransaction: number;
  /** Client-side limit, for servers that ignore the limits or do not respond. Longer than the limits of the server. */
  readonly answer: number;
  /** How long a statement may wait for a connection, in milliseconds. */
  readonly acquire: number;
}

const defaultLimits: TimeLimits = {
  lock: 5_000,
  statement: 20_000,
  idleInTransaction: 60_000,
  answer: 25_000,
  acquire: 3_000,
};
const oldestMajorVersion = 15;
const idleTimeoutMs = 30_000;
/** Connections are renewed regularly, so that they spread to servers that were added behind the same address. */
const maximumLifetimeSeconds = 1_800;

/**
 * Connects to a PostgreSQL server. If a pooler refuses the time limits, connects again without them.
 *
 * @throws DatabaseUnavailableError if the server cannot be reached
 * @throws Error if its version is too old
 */
export async function openPostgresql(options: PostgresqlOptions): Promise<Db> {
  const limits = options.limits ?? defaultLimits;
  try {
    return await open(options, { ...limits, areParameters: true });
  } catch (error) {
    if (!refusesParameters(error)) throw error;
    return open(options, { ...limits, areParameters: false });
  }
}

interface PoolLimits extends TimeLimits {
  readonly areParameters: boolean;
}

async function open(options: PostgresqlOptions, limits: PoolLimits): Promise<Db> {
  const db = new PostgresqlDatabase(createPool(options, limits), options);
  try {
    await db.checkServer();
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

function createPool({ url, poolSize, log }: PostgresqlOptions, limits: PoolLimits): Pool {
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    fallback_application_name: 'gatehouse',
    connectionTimeoutMillis: limits.acquire,
    query_timeout: limits.answer,
    ...(limits.areParameters && {
      lock_timeout: limits.lock,
      statement_timeout: limits.statement,
      idle_in_transaction_session_timeout: limits.idleInTransaction,
    }),
    idleTimeoutMillis: idleTimeoutMs,
    maxLifetimeSeconds: maximumLifetimeSeconds,
    keepAlive: true,
    types: resultTypes,
  });
  const report = (error: Error) => log('warn', 'A database connection was lost', { reason: error.message });
  pool.on('error', report);
  // A client in use reports a lost connection to its query and as an event. Without a listener for the event Node would
  // exit.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** The settings with time limits, and recommended values for servers that have no limits. */
const advisedSettings = {
  lock_timeout: '5s',
  statement_timeout: '20s',
  idle_in_transaction_session_timeout: '60s',
} as const;

interface ServerRow extends Record<keyof typeof advisedSettings, string> {
  version: string;
  role: string;
}

const unnamed = unnamedStatements();

class PostgresqlDatabase implements Db {
  readonly engine = 'postgresql';
  readonly #pool: Pool;
  readonly #poolSize: number;
  readonly #log: Log;
  #prepare: Preparer;
  /** Whether the server has no time limits. */
  #mustCancel = false;
  #connectionsInUse = 0;
  #closed: Promise<void> | undefined;

  constructor(pool: Pool, { poolSize, prepare, log }: PostgresqlOptions) {
    this.#pool = pool;
    this.#poolSize = poolSize;
    pool.on('acquire', () => (this.#connectionsInUse += 1)).on('release', () => (this.#connectionsInUse -= 1));
    this.#log = log;
    this.#prepare = prepare ? namedStatements() : unnamed;
  }

  /** Uses callbacks and a single promise for speed: every request takes this path. */
  query<Row>(statement: Sql, uniqueViolations?: UniqueViolations): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      const prepare = this.#prepare;
      const config = prepare(statement);
      this.#pool.connect((unreachable, client, release) => {
        if (client === undefined) return reject(this.#explainUnreachable(unreachable));
        return client.query(config, (error: Error | null, result: QueryResult) => {
          if (error === null) {
            release();
            resolve(result.rows);
          } else {
            this.#giveBack(client, { isBroken: breaksConnection(error), isUnanswered: isUnanswered(error) });
            // The server did not execute the unknown prepared statement, so the statement can be sent again.
            if (this.#unnames(prepare, error)) resolve(this.query(statement, uniqueViolations));
            else reject(translateOutcome(error, [statement.text], uniqueViolations));
          }
        });
      });
    });
  }

  async transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> {
    const prepare = this.#prepare;
    try {
      return await transact(() => this.#acquire(), prepare, work);
    } catch (error) {
      if (error instanceof Error && this.#unnames(prepare, error.cause)) return this.transaction(work);
      throw error;
    }
  }

  load(): DatabaseLoad {
    const { totalCount, idleCount: idle, waitingCount } = this.#pool;
    // `waitingCount` includes statements that are about to get an idle connection.
    return { used: totalCount - idle, idle, size: this.#poolSize, waiting: Math.max(0, waitingCount - idle) };
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.end();
    return this.#closed;
  }

  /** @throws Error if the server is too old. Warns if the server has no time limits. */
  async checkServer(): Promise<void> {
    const [row] = await this.query<ServerRow>(sql`
      SELECT current_setting('server_version') AS version, quote_ident(current_user) AS role,
        current_setting('lock_timeout') AS lock_timeout, current_setting('statement_timeout') AS statement_timeout,
        current_setting('idle_in_transaction_session_timeout') AS idle_in_transaction_session_timeout`);
    const version = row?.version ?? 'unknown';
    if (!(Number.parseInt(version, 10) >= oldestMajorVersion)) {
      throw new Error(`PostgreSQL ${oldestMajorVersion} or newer is needed, the server is ${version}`);
    }
    this.#mustCancel = row?.lock_timeout === '0' || row?.statement_timeout === '0';
    for (const [setting, value] of Object.entries(advisedSettings)) {
      if (row?.[setting as keyof typeof advisedSettings] !== '0') continue;
      const advice = `ALTER ROLE ${row.role} SET ${setting} = '${value}'`;
      this.#log('warn', 'The database, or the pooler in front of it, does not limit the duration of statements', {
        advice,
      });
    }
  }

  /**
   * Whether `error` is due to a prepared statement that the server behind a pooler does not know. If so, statements are
   * sent without names from then on.
   */
  #unnames(used: Preparer, error: unknown): boolean {
    if (used === unnamed || !isMisplacedStatement(error)) return false;
    if (this.#prepare !== unnamed) {
      this.#prepare = unnamed;
      this.#log(
        'warn',
        'The pooler in front of the database does not support prepared statements; they are no longer used',
        {
          advice: 'DATABASE_PREPARE=false',
        },
      );
    }
    return true;
  }

  async #acquire(): Promise<Lease> {
    try {
      const client = await this.#pool.connect();
      return { client, release: (state) => this.#giveBack(client, state) };
    } catch (error) {
      throw this.#explainUnreachable(error);
    }
  }

  #explainUnreachable(error: unknown): unknown {
    if (this.#connectionsInUse < this.#poolSize) return translate(error);
    return new DatabaseUnavailableError(`The pool is exhausted: all ${this.#poolSize} connections are in use`, {
      code: 'database_busy',
      cause: error,
    });
  }

  /**
   * Cancels the running statement of an abandoned connection if the server has no time limits. Otherwise the server
   * could complete the change after we reported that it failed. A server with limits has ended the statement, or its
   * commit waits for a standby: a cancel request would then confirm a change that no standby has.
   */
  #giveBack(client: PoolClient, { isBroken, isUnanswered: isRunning }: ConnectionState): void {
    if (!isBroken) client.release();
    else if (isRunning && this.#mustCancel) void cancelStatement(client).then(() => client.release(true));
    else client.release(true);
  }
}
