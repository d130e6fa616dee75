import type { KnownErrorCode } from './generated/operations.ts';
import type { Fault, Problem } from './generated/types.gen.ts';

/** A code of this version, or of a newer service. */
export type ErrorCode = KnownErrorCode | (string & {});

/**
 * Gatehouse refused a call. Decide by `code`, or by `status` for codes that you do not know; show `message`, which is
 * safe to show; quote `requestId` in reports. No token is ever in it.
 *
 * @see RFC 9457
 */
export class GatehouseError extends Error {
  override readonly name = 'GatehouseError';
  readonly status: number;
  readonly code: ErrorCode;
  /** Absent if something before the service answered. */
  readonly requestId: string | undefined;
  /** When to try again at the earliest, in seconds. */
  readonly retryAfterSeconds: number | undefined;
  /** With `validation_failed`: each fault of the request. */
  readonly faults: readonly Fault[];
  /** The whole problem document, with members that some codes add. */
  readonly problem: Readonly<Partial<Problem> & Record<string, unknown>>;

  constructor(status: number, problem: Partial<Problem>, retryAfterSeconds?: number) {
    super(problem.detail ?? `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? (status === 401 ? 'unauthenticated' : 'unknown');
    this.requestId = problem.requestId;
    this.retryAfterSeconds = retryAfterSeconds;
    this.faults = problem.errors ?? [];
    this.problem = { ...problem };
  }
}

/** No answer came: the connection failed, or it took too long. Whether a change was made is not known. */
export class GatehouseConnectionError extends Error {
  override readonly name = 'GatehouseConnectionError';
}
