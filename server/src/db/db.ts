import type { Sql } from 'sql-template-tag';
import type { ErrorCode } from '../http/errors.ts';

export { default as sql, empty, join, raw, type Sql } from 'sql-template-tag';

/**
 * Name of a unique constraint or index → the error code of a statement that violates it.
 *
 * @example { organizations_name_key: 'organization_name_taken' }
 */
export type UniqueViolations = Readonly<Record<string, ErrorCode>>;

/** Something that runs SQL: the database itself or one open transaction. */
export interface Queryable {
  /**
   * Runs one statement and returns its rows.
   *
   * Column types are the same on both engines: `bigint` and `numeric` arrive as decimal strings, `timestamptz` as
   * `Date`, `date`, `timestamp` and `interval` as text, `jsonb` parsed, `bytea` as `Buffer`, arrays as arrays of these.
   * JSON parameters are passed with `JSON.stringify`; `undefined` is stored as null.
   *
   * @param uniqueViolations the unique constraints that the caller's input can violate
   * @throws ApiError with the code from `uniqueViolations` if the statement violates one of these constraints
   * @throws DatabaseUnavailableError when the database cannot be reached, is busy or full, or the connection breaks
   * @throws DatabaseError when the database refuses the statement for any other reason
   */
  query<Row>(statement: Sql, uniqueViolations?: UniqueViolations): Promise<Row[]>;
}

/** An open transaction. Functions that need a row lock take this type, so that the compiler enforces a transaction. */
export interface Tx extends Queryable {
  readonly isTransaction: true;
  /** Runs several statements of a migration: without parameters, rows and time limit. */
  script(text: string): Promise<void>;
  /** Disables the time limits for the rest of this transaction. For work of an operator, never for a call. */
  liftTimeLimits(): Promise<void>;
}

/** Numbers of connections, and of statements and transactions that wait for one. */
export interface DatabaseLoad {
  readonly used: number;
  readonly idle: number;
  /** Maximum number of connections. */
  readonly size: number;
  readonly waiting: number;
}

/** One interface for both database engines. */
export interface Db extends Queryable {
  readonly engine: 'postgresql' | 'embedded';
  /** The load of the connections. */
  load(): DatabaseLoad;
  /**
   * Runs `work` in one transaction (READ COMMITTED): commits if it resolves, rolls back if it throws. Retries up to
   * three times after a serialization failure or deadlock.
   */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Waits for running statements and closes cleanly. */
  close(): Promise<void>;
}

/**
 * The database answered with an error. `sqlState` is the five-character SQLSTATE, e.g. `23505` for a unique violation.
 */
export class DatabaseError extends Error {
  readonly sqlState: string;
  readonly constraint: string | undefined;

  constructor(message: string, sqlState: string, constraint: string | undefined, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatabaseError';
    this.sqlState = sqlState;
    this.constraint = constraint;
  }
}

/** Error codes of database problems. */
export type DatabaseTrouble = 'database_unavailable' | 'database_busy' | 'storage_full' | 'outcome_unknown';

/**
 * The database cannot serve the request now. Nothing was changed; only with `outcome_unknown` the change may have been
 * made.
 */
export class DatabaseUnavailableError extends Error {
  readonly code: DatabaseTrouble;

  constructor(message: string, options: ErrorOptions & { code?: DatabaseTrouble } = {}) {
    super(message, options);
    this.name = 'DatabaseUnavailableError';
    this.code = options.code ?? 'database_unavailable';
  }
}

/** Whether `error` is the violation of a foreign key by a row that refers to none. */
export const refersToDeletedRow = (error: unknown): boolean =>
  error instanceof DatabaseError && error.sqlState === '23503';

/** Whether `error` is a violation of the unique constraint or index with this name. */
export function violatesUnique(error: unknown, constraint: string): boolean {
  return error instanceof DatabaseError && error.sqlState === '23505' && error.constraint === constraint;
}

/** Receives events that belong to no query: a lost idle connection, a restart of the embedded engine. */
export type Log = (level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>) => void;
