import { DatabaseError as ServerError } from 'pg';
import { ApiError } from '../http/errors.ts';
import {
  DatabaseError,
  type DatabaseTrouble,
  DatabaseUnavailableError,
  type UniqueViolations,
  violatesUnique,
} from './db.ts';

/** What a state of the server means for the caller; after each of them the statement has changed nothing. */
const troubles: Readonly<Record<string, DatabaseTrouble>> = {
  // The server is starting, stopping, full, or (25006, after a failover) no longer the one that takes writes.
  '57P01': 'database_unavailable',
  '57P02': 'database_unavailable',
  '57P03': 'database_unavailable',
  '57P05': 'database_unavailable',
  '25P03': 'database_unavailable',
  '25P04': 'database_unavailable',
  '53300': 'database_unavailable',
  '53400': 'database_unavailable',
  '25006': 'database_unavailable',
  // A lock or the statement took too long, memory is short, or others changed the same rows again and again.
  '55P03': 'database_busy',
  '57014': 'database_busy',
  '53200': 'database_busy',
  '40001': 'database_busy',
  '40P01': 'database_busy',
  '53100': 'storage_full',
};

/**
 * After these the transaction may be tried again.
 *
 * @see https://www.postgresql.org/docs/15/mvcc-serialization-failure-handling.html
 */
const repeatableStates = new Set(['40001', '40P01']);

/** The prepared statements of this connection are not those of the server that a pooler has put behind it. */
const misplacedStatementStates = new Set(['26000', '42P05']);

/**
 * What callers see of an error of the driver: a {@link DatabaseError} when the server refused the statement, a
 * {@link DatabaseUnavailableError} for everything that is no fault of the statement, a programming error unchanged.
 *
 * @param uniqueViolations the constraints whose violation becomes an {@link ApiError} (see `Queryable.query`)
 */
export function translate(error: unknown, uniqueViolations: UniqueViolations = {}): unknown {
  if (error instanceof ServerError) return toApiError(translateServerError(error), uniqueViolations);
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return error;
  return new DatabaseUnavailableError(`The database cannot be reached: ${reason(error)}`, { cause: error });
}

/**
 * As {@link translate}, of an error that ended statements which take effect at once, or the COMMIT after them. Where
 * the connection broke, whether a change was made is not known.
 */
export function translateOutcome(
  error: unknown,
  texts: readonly string[],
  uniqueViolations?: UniqueViolations,
): unknown {
  const translated = translate(error, uniqueViolations);
  const isUnknown =
    translated instanceof DatabaseUnavailableError &&
    !isRefusal(error) &&
    !wasNotSent(error) &&
    texts.some((text) => changesRows.test(text));
  if (!isUnknown) return translated;
  return new DatabaseUnavailableError(translated.message, { code: 'outcome_unknown', cause: error });
}

/** Our SQL has its key words in capitals, and no others. */
const changesRows = /\b(?:INSERT|DELETE|MERGE)\b|(?<!\bFOR (?:NO KEY )?)\bUPDATE\b/;

/** The driver found the connection broken before it sent anything on it. */
const wasNotSent = (error: unknown): boolean => error instanceof Error && error.message.endsWith('is not queryable');

/**
 * After these the server may have made the change before it ended the connection. By code: `severity` is translated.
 */
const endings = /^(?:08...|57P0[125])$/;

/** Whether the server says that it refused the statement. */
const isRefusal = (error: unknown): boolean => error instanceof ServerError && !endings.test(error.code ?? '');

/** Whether the server has not answered, so that it may still be at work. */
export const isUnanswered = (error: unknown): boolean => !(error instanceof ServerError) && !wasNotSent(error);

/** Whether the connection that reported `error` must not be used again. */
export function breaksConnection(error: unknown): boolean {
  return !(error instanceof ServerError) || losesConnection(error) || hasStaleStatements(error);
}

/** Whether the transaction that ended with `error` may do its work in a second attempt. */
export function isRepeatable(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof ServerError && repeatableStates.has(cause.code ?? '');
}

/** Whether a pooler has put another server behind the connection, which knows none of its prepared statements. */
export function isMisplacedStatement(error: unknown): boolean {
  return error instanceof ServerError && misplacedStatementStates.has(error.code ?? '');
}

/** Whether the server or pooler refused the connection for its time limits, not for another reason. */
export function refusesParameters(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof ServerError && refusalsOfParameters.has(cause.code ?? '');
}

/** PgBouncer: protocol_violation; others: feature_not_supported, invalid_parameter_value, undefined_object. */
const refusalsOfParameters = new Set(['08P01', '0A000', '22023', '42704']);

/**
 * A statement prepared before a migration fails once its result has other columns: by routine, messages are translated.
 */
function hasStaleStatements(error: ServerError): boolean {
  return isMisplacedStatement(error) || error.routine === 'RevalidateCachedQuery';
}

function toApiError(error: Error, uniqueViolations: UniqueViolations): Error {
  const violated = Object.entries(uniqueViolations).find(([constraint]) => violatesUnique(error, constraint));
  return violated ? new ApiError(violated[1], { cause: error }) : error;
}

function translateServerError(error: ServerError): Error {
  const trouble = troubles[error.code ?? ''] ?? (losesConnection(error) ? 'database_unavailable' : undefined);
  if (trouble === undefined)
    return new DatabaseError(error.message, error.code ?? '', error.constraint, { cause: error });
  return new DatabaseUnavailableError(`${explanations[trouble]}: ${error.message}`, { code: trouble, cause: error });
}

const explanations: Readonly<Record<DatabaseTrouble, string>> = {
  database_unavailable: 'The database is not available',
  database_busy: 'The database is busy',
  storage_full: 'The storage of the database is full',
  outcome_unknown: 'The database did not say what became of the change',
};

function losesConnection(error: ServerError): boolean {
  const code = error.code ?? '';
  const isEnding = error.severity === 'FATAL' || error.severity === 'PANIC' || code.startsWith('08');
  return isEnding || troubles[code] === 'database_unavailable';
}

/** Node reports a host name with several addresses as an AggregateError without a message of its own. */
function reason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reason(error.errors[0]);
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
