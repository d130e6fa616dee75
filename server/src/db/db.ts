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

/** An open transaction. Functions that need a lock ask for this type, so that the compiler insists on one. */
export interface Tx extends Queryable {
  readonly isTransaction: true;
  /**
   * Runs several statements at once, without parameters, without rows and without a time limit: what a migration needs.
   */
  script(text: string): Promise<void>;
  /** Lifts the time limits for the rest of this transaction: for the work of an operator, never for a call. */
  liftTimeLimits(): Promise<void>;
}

/** How many connections there are, and how many statements and transactions wait for one. */
export interface DatabaseLoad {
  readonly used: number;
  readonly idle: number;
  /** Connections that there may be. */
  readonly size: number;
  readonly waiting: number;
}

/** The database behind one type, for both engines. */
export interface Db extends Queryable {
  readonly engine: 'postgresql' | 'embedded';
  /** How busy the connections are. */
  load(): DatabaseLoad;
  /**
   * Runs `work` in one transaction (READ COMMITTED): commits when it resolves, rolls back when it throws. A
   * serialization failure or deadlock is tried again, up to three times.
   */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Waits for what is in flight and closes cleanly. */
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
 * The database cannot do now what it was asked to. Nothing was changed, and nothing will be: only after
 * `outcome_unknown` the change may have been made.
 */
export class DatabaseUnavailableError extends Error {
  readonly code: DatabaseTrouble;

  constructor(message: string, options: ErrorOptions & { code?: DatabaseTrouble } = {}) {
    super(message, options);
    this.name = 'DatabaseUnavailableError';
    this.code = options.code ?? 'database_unavailable';
  }
}

/** Whether `error` is a violation of the unique constraint or index with that name. */
export function violatesUnique(error: unknown, constraint: string): boolean {
  return error instanceof DatabaseError && error.sqlState === '23505' && error.constraint === constraint;
}

/** Receives events that belong to no query: a lost idle connection, a restart of the embedded engine. */
export type Log = (level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>) => void;
