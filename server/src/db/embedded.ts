import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type QueryConfig, type QueryResult } from 'pg';
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
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import { translate, translateOutcome } from './driver-errors.ts';
import { compileEngine, createCluster, EmbeddedSocket } from './embedded-socket.ts';
import { Gate } from './gate.ts';
import { resultTypes } from './result-types.ts';
import { namedStatements } from './statements.ts';
import { transact, type Lease } from './transaction.ts';
import { unpack } from './unpack.ts';

/** Directory of the embedded database, and the snapshot for a new one. */
export interface EmbeddedOptions {
  /** The directory of the database, or `memory://`. */
  readonly dataDir: string;
  /** A tar archive (`.tar`, `.tar.gz`) written by `dump`, the content of a new database. Default: empty. */
  readonly snapshot?: string | undefined;
  readonly log: Log;
  /** Interval of the maintenance that a server runs in background processes. */
  readonly maintenanceIntervalMs?: number;
  /** After this time without a response, the engine counts as hung and is restarted. */
  readonly queryTimeoutMs?: number;
}

const inMemory = 'memory://';
/** The major version of the embedded PostgreSQL. Other major versions cannot read its files. */
const majorVersion = '18';
const defaultQueryTimeoutMs = 30_000;
const noTimeLimit = 2 ** 31 - 1;
const defaultIntervalMs = 5 * 60_000;

/**
 * Opens the embedded database. Creates it first if the directory has none.
 *
 * @throws DirectoryInUseError if the database is already open, in this process or another
 * @throws Error if another major version wrote its files
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  if (options.dataDir === inMemory) return startOrClose(new EmbeddedDatabase(inMemory, options, undefined));
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(options.dataDir);
  try {
    const directory = join(options.dataDir, 'postgresql');
    await prepareCluster(directory, options.snapshot);
    return await startOrClose(new EmbeddedDatabase(directory, options, lock));
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startOrClose(db: EmbeddedDatabase): Promise<EmbeddedDatabase> {
  try {
    await db.start();
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

async function prepareCluster(directory: string, snapshot: string | undefined): Promise<void> {
  const version = await readFile(join(directory, 'PG_VERSION'), 'utf8').catch(ifMissing);
  if (version === undefined) return makeCluster(directory, snapshot);
  if (version.trim() !== majorVersion) {
    throw new Error(
      `The database in ${directory} was written by PostgreSQL ${version.trim()}, this build embeds ${majorVersion}`,
    );
  }
}

/**
 * Uses a temporary name until the database is complete, so that an interrupted first start leaves no invalid database.
 */
async function makeCluster(directory: string, snapshot: string | undefined): Promise<void> {
  const unfinished = `${directory}.new`;
  await rm(unfinished, { recursive: true, force: true });
  if (snapshot === undefined) await createCluster(unfinished);
  else unpack(snapshot, unfinished);
  await chmod(unfinished, 0o700);
  await rename(unfinished, directory);
}

function ifMissing(error: unknown): undefined {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}

/**
 * PostgreSQL inside the process. Uses the same driver as for a server; the socket leads to a worker thread. There is
 * one session. Single statements are pipelined, and transactions take turns.
 */
export class EmbeddedDatabase implements Db {
  readonly engine = 'embedded';
  readonly #directory: string;
  readonly #snapshot: string | undefined;
  readonly #queryTimeoutMs: number;
  readonly #log: Log;
  readonly #lock: DirectoryLock | undefined;
  readonly #gate = new Gate();
  readonly #prepare = namedStatements();
  readonly #maintenance: NodeJS.Timeout;
  #session: Promise<Session> | undefined;
  #socket: EmbeddedSocket | undefined;
  #maintainedAt = '';
  #closed: Promise<void> | undefined;

  /** Use {@link openEmbedded}, which also locks the directory. */
  constructor(directory: string, options: EmbeddedOptions, lock: DirectoryLock | undefined) {
    this.#directory = directory;
    this.#snapshot = options.snapshot;
    this.#queryTimeoutMs = options.queryTimeoutMs ?? defaultQueryTimeoutMs;
    this.#log = options.log;
    this.#lock = lock;
    this.#maintenance = setInterval(() => void this.#maintain(), options.maintenanceIntervalMs ?? defaultIntervalMs);
    this.#maintenance.unref();
  }

  query<Row>(statement: Sql, uniqueViolations?: UniqueViolations): Promise<Row[]> {
    const config = this.#prepare(statement);
    return this.#gate.pass(async () => {
      const { client } = await this.#connected();
      return send<Row>(client, config, uniqueViolations);
    });
  }

  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> {
    return transact(() => this.#acquire(), this.#prepare, work);
  }

  load(): DatabaseLoad {
    const { isHeld, waiting } = this.#gate;
    return { used: Number(isHeld), idle: Number(!isHeld), size: 1, waiting };
  }

  /** Writes the whole database to a tar archive (`.tar`, `.tar.gz`), which can be used as a `snapshot`. */
  dump(file: string): Promise<void> {
    return this.#exclusively(async ({ client, socket }) => {
      await send(client, { text: 'CHECKPOINT' });
      await socket.dump(file);
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  /** Starts the engine now instead of with the first statement. */
  async start(): Promise<void> {
    await this.#connected();
  }

  /** After a crash or hang of the engine, the next statement opens a new session. */
  #connected(): Promise<Session> {
    if (this.#closed !== undefined) return Promise.reject(new DatabaseUnavailableError('The database is closed'));
    if (this.#socket?.destroyed === true) this.#session = undefined;
    this.#session ??= this.#connect();
    return this.#session;
  }

  async #connect(): Promise<Session> {
    try {
      // Two threads on one directory would destroy it.
      await this.#socket?.stopped;
      this.#assertNotLost();
      return await this.#startSession();
    } catch (error) {
      this.#session = undefined;
      throw translate(error);
    }
  }

  async #startSession(): Promise<Session> {
    const engine = await compileEngine();
    const socket = new EmbeddedSocket({ directory: this.#directory, snapshot: this.#snapshot, create: false, engine });
    this.#socket = socket;
    const client = createClient(socket, this.#queryTimeoutMs);
    client.once('end', () => this.#reportEnd());
    await client.connect();
    return { client, socket };
  }

  #assertNotLost(): void {
    if (this.#directory === inMemory && this.#socket !== undefined) {
      throw new DatabaseUnavailableError('The database in memory was lost with its engine');
    }
  }

  #reportEnd(): void {
    if (this.#closed === undefined) this.#log('error', 'The embedded database stopped and will be reopened', {});
  }

  async #acquire(): Promise<Lease> {
    const { release } = await this.#gate.hold();
    try {
      const { client, socket } = await this.#connected();
      return { client, release: ({ isBroken }) => this.#return(socket, isBroken, release) };
    } catch (error) {
      release();
      throw error;
    }
  }

  #return(socket: EmbeddedSocket, destroy: boolean, release: () => void): void {
    if (destroy) socket.destroy();
    release();
  }

  async #exclusively(work: (session: Session) => Promise<void>): Promise<void> {
    const { release } = await this.#gate.hold();
    try {
      await work(await this.#connected());
    } finally {
      release();
    }
  }

  /** Maintenance that background processes of a server do. Skipped if nothing was written since the last run. */
  async #maintain(): Promise<void> {
    try {
      if ((await this.#walPosition()) === this.#maintainedAt) return;
      await this.#exclusively(async ({ client }) => {
        await send(client, { text: 'VACUUM (ANALYZE)', query_timeout: noTimeLimit });
        await send(client, { text: 'CHECKPOINT', query_timeout: noTimeLimit });
      });
      this.#maintainedAt = await this.#walPosition();
    } catch (error) {
      if (this.#closed === undefined) this.#log('warn', 'The maintenance of the embedded database failed', { error });
    }
  }

  async #walPosition(): Promise<string> {
    const [row] = await this.query<{ position: string }>(sql`SELECT pg_current_wal_insert_lsn()::text AS position`);
    return row?.position ?? '';
  }

  async #shutDown(): Promise<void> {
    clearInterval(this.#maintenance);
    const session = this.#session;
    const { release } = await this.#gate.hold();
    try {
      await session?.then(
        ({ client }) => client.end(),
        () => {},
      );
      await this.#socket?.stopped;
    } finally {
      release();
      await this.#lock?.release();
    }
  }
}

interface Session {
  readonly client: Client;
  readonly socket: EmbeddedSocket;
}

function createClient(socket: EmbeddedSocket, queryTimeoutMs: number): Client {
  const options = {
    user: 'postgres',
    database: 'postgres',
    ssl: false,
    stream: () => socket,
    pipeline: true,
    query_timeout: queryTimeoutMs,
    types: resultTypes,
  };
  const client = new Client(options);
  // A lost session is reported to its statements. Without a listener for the event, Node.js would exit.
  client.on('error', () => {});
  return client;
}

function send<Row>(
  client: Client,
  config: QueryConfig & { query_timeout?: number },
  uniqueViolations?: UniqueViolations,
): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    client.query(config, (error: Error | null, result: QueryResult) => {
      if (error === null) resolve(result.rows);
      else reject(translateOutcome(error, [config.text ?? ''], uniqueViolations));
    });
  });
}
