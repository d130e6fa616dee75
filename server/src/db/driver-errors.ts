import { DatabaseError as ServerError } from 'pg';
import { ApiError } from '../http/errors.ts';
import {
  DatabaseError,
  type DatabaseTrouble,
  DatabaseUnavailableError,
  type UniqueViolations,
  violatesUnique,
} from './db.ts';

/** Error codes by SQLSTATE. With all of these states the statement has changed nothing. */
const troubles: Readonly<Record<string, DatabaseTrouble>> = {
  // The server is starting, stopping, out of connections, or (25006, after a failover) read-only.
  '57P01': 'database_unavailable',
  '57P02': 'database_unavailable',
  '57P03': 'database_unavailable',
  '57P05': 'database_unavailable',
  '25P03': 'database_unavailable',
  '25P04': 'database_unavailable',
  '53300': 'database_unavailable',
  '53400': 'database_unavailable',
  '25006': 'database_unavailable',
  // A lock or the statement timed out, memory is short, or concurrent changes of the same rows persist.
  '55P03': 'database_busy',
  '57014': 'database_busy',
  '53200': 'database_busy',
  '40001': 'database_busy',
  '40P01': 'database_busy',
  '53100': 'storage_full',
};

/**
 * States after which the transaction can be retried.
 *
 * @see https://www.postgresql.org/docs/15/mvcc-serialization-failure-handling.html
 */
const repeatableStates = new Set(['40001', '40P01']);

/** States of a connection behind which a pooler has switched the server, so that prepared statements do not match. */
const misplacedStatementStates = new Set(['26000', '42P05']);

/**
 * Translates an error of the driver: to a {@link DatabaseError} if the server refused the statement, to a {@link
 * DatabaseUnavailableError} for failures that the statement did not cause. Programming errors stay unchanged.
 *
 * @param uniqueViolations the constraints whose violation becomes an {@link ApiError} (see `Queryable.query`)
 */
export function translate(error: unknown, uniqueViolations: UniqueViolations = {}): unknown {
  if (error instanceof ServerError) return toApiError(translateServerError(error), uniqueViolations);
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return error;
  return new DatabaseUnavailableError(`The database cannot be reached: ${reason(error)}`, { cause: error });
}

/**
 * Like {@link translate}, for a statement outside a transaction or a COMMIT. If the connection was lost, it is unknown
 * whether the change was made.
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

/** In our SQL, only keywords are in capitals. */
const changesRows = /\b(?:INSERT|DELETE|MERGE)\b|(?<!\bFOR (?:NO KEY )?)\bUPDATE\b/;

/** The driver found the connection broken before it sent the statement. */
const wasNotSent = (error: unknown): boolean => error instanceof Error && error.message.endsWith('is not queryable');

/**
 * States after which the server may have made the change before it closed the connection. Matched by code, because
 * `severity` is localized.
 */
const endings = /^(?:08...|57P0[125])$/;

/** Whether the server refused the statement. */
const isRefusal = (error: unknown): boolean => error instanceof ServerError && !endings.test(error.code ?? '');

/** Whether the server has not responded and may still execute the statement. */
export const isUnanswered = (error: unknown): boolean => !(error instanceof ServerError) && !wasNotSent(error);

/** Whether the connection that reported `error` must not be used again. */
export function breaksConnection(error: unknown): boolean {
  return !(error instanceof ServerError) || losesConnection(error) || hasStaleStatements(error);
}

/** Whether the transaction that failed with `error` can be retried. */
export function isRepeatable(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof ServerError && repeatableStates.has(cause.code ?? '');
}

/** Whether a pooler has switched the server behind the connection, so that its prepared statements are unknown. */
export function isMisplacedStatement(error: unknown): boolean {
  return error instanceof ServerError && misplacedStatementStates.has(error.code ?? '');
}

/** Whether the server or pooler refused the connection because of its time limits. */
export function refusesParameters(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof ServerError && refusalsOfParameters.has(cause.code ?? '');
}

/** PgBouncer: protocol_violation; others: feature_not_supported, invalid_parameter_value, undefined_object. */
const refusalsOfParameters = new Set(['08P01', '0A000', '22023', '42704']);

/**
 * Detects prepared statements whose result columns a migration has changed. Matched by routine, because messages are
 * localized.
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
  outcome_unknown: 'The database did not confirm the change',
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
