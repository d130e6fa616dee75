import { DatabaseError as ServerError } from 'pg';
import { ApiError } from '../http/errors.ts';
import { DatabaseError, DatabaseUnavailableError, type UniqueViolations, violatesUnique } from './db.ts';

/** The server is starting, stopping, full, or (25006, after a failover) no longer the one that takes writes. */
const unavailableStates = new Set(['57P01', '57P02', '57P03', '53300', '25006']);

/** The prepared statements of this connection are not those of the server that a pooler has put behind it. */
const misplacedStatementStates = new Set(['26000', '42P05']);

/**
 * What callers see of an error of the driver: a {@link DatabaseError} when the server refused the statement, a
 * {@link DatabaseUnavailableError} for everything about the connection, a programming error unchanged.
 *
 * @param uniqueViolations the constraints whose violation becomes an {@link ApiError} (see `Queryable.query`)
 */
export function translate(error: unknown, uniqueViolations: UniqueViolations = {}): unknown {
  if (error instanceof ServerError) return toApiError(translateServerError(error), uniqueViolations);
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return error;
  return new DatabaseUnavailableError(`The database cannot be reached: ${reason(error)}`, { cause: error });
}

/** Whether the connection that reported `error` must not be used again. */
export function breaksConnection(error: unknown): boolean {
  return !(error instanceof ServerError) || losesConnection(error) || hasStaleStatements(error);
}

/** A statement prepared before a migration fails once its result has other columns: by routine, messages are translated. */
function hasStaleStatements(error: ServerError): boolean {
  return misplacedStatementStates.has(error.code ?? '') || error.routine === 'RevalidateCachedQuery';
}

function toApiError(error: Error, uniqueViolations: UniqueViolations): Error {
  const violated = Object.entries(uniqueViolations).find(([constraint]) => violatesUnique(error, constraint));
  return violated ? new ApiError(violated[1], { cause: error }) : error;
}

function translateServerError(error: ServerError): Error {
  if (losesConnection(error)) {
    return new DatabaseUnavailableError(`The database is not available: ${error.message}`, { cause: error });
  }
  return new DatabaseError(error.message, error.code ?? '', error.constraint, { cause: error });
}

function losesConnection(error: ServerError): boolean {
  const code = error.code ?? '';
  return (
    error.severity === 'FATAL' || error.severity === 'PANIC' || code.startsWith('08') || unavailableStates.has(code)
  );
}

/** Node reports a host name with several addresses as an AggregateError without a message of its own. */
function reason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reason(error.errors[0]);
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
