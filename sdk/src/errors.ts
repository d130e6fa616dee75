import type { KnownErrorCode } from './generated/operations.ts';
import type { Fault, Problem } from './generated/types.gen.ts';

/** A code of this version, or of a newer service. */
export type ErrorCode = KnownErrorCode | (string & {});

/**
 * Gatehouse refused a call. Check `code`, or `status` for unknown codes. `message` is safe to show; quote `requestId`
 * in reports. The error never contains a token.
 *
 * @see RFC 9457
 */
export class GatehouseError extends Error {
  override readonly name = 'GatehouseError';
  readonly status: number;
  readonly code: ErrorCode;
  /** Absent if a proxy in front of the service responded. */
  readonly requestId: string | undefined;
  /** Minimum time before the next attempt, in seconds. */
  readonly retryAfterSeconds: number | undefined;
  /** With `validation_failed`: each error of the request. */
  readonly faults: readonly Fault[];
  /** The whole problem document, including members of specific codes. */
  readonly problem: Readonly<Partial<Problem> & Record<string, unknown>>;

  constructor(status: number, problem: Partial<Problem>, retryAfterSeconds?: number) {
    super(problem.detail ?? `The service responded with ${status}.`);
    this.status = status;
    this.code = problem.code ?? (status === 401 ? 'unauthenticated' : 'unknown');
    this.requestId = problem.requestId;
    this.retryAfterSeconds = retryAfterSeconds;
    this.faults = problem.errors ?? [];
    this.problem = { ...problem };
  }
}

/** There was no response: the connection failed, or the call took too long. It is unknown whether a change was made. */
export class GatehouseConnectionError extends Error {
  override readonly name = 'GatehouseConnectionError';
}
