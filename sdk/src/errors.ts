import type { KnownErrorCode } from './generated/operations.ts';
import type { Fault, Problem, UsableFactor } from './generated/types.gen.ts';

/** A code of this version, or of a newer service. */
export type ErrorCode = KnownErrorCode | (string & {});

/** A sign-in with the correct first factor (`mfa_required`). Finish it with `sessions.finishSignIn`. */
export interface PendingSignIn {
  readonly mfaToken: string;
  /** The second factors of the person. */
  readonly factors: readonly UsableFactor[];
  /**
   * The sign-in can be finished only with this token, in the header `X-Device-Token`. Undefined in browsers, which send
   * it as a cookie.
   */
  readonly deviceToken: string | undefined;
}

/**
 * Gatehouse refused a call. Check `code`, or `status` for unknown codes. `message` is safe to show; quote `requestId`
 * in reports. A log of the error never contains a token.
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
  /**
   * With `mfa_required`: the data for finishing the sign-in. Not enumerable, so that a log of the error does not
   * contain it.
   */
  declare readonly pendingSignIn: PendingSignIn | undefined;

  constructor(
    status: number,
    { mfaToken, ...problem }: Partial<Problem>,
    {
      retryAfterSeconds,
      deviceToken,
    }: { retryAfterSeconds?: number | undefined; deviceToken?: string | undefined } = {},
  ) {
    super(problem.detail ?? `The service responded with ${status}.`);
    this.status = status;
    this.code = problem.code ?? (status === 401 ? 'unauthenticated' : 'unknown');
    this.requestId = problem.requestId;
    this.retryAfterSeconds = retryAfterSeconds;
    this.faults = problem.errors ?? [];
    this.problem = problem;
    const pending = mfaToken === undefined ? undefined : { mfaToken, factors: problem.factors ?? [], deviceToken };
    Object.defineProperty(this, 'pendingSignIn', { value: pending, enumerable: false });
  }
}

/** There was no response: the connection failed, or the call took too long. It is unknown whether a change was made. */
export class GatehouseConnectionError extends Error {
  override readonly name = 'GatehouseConnectionError';
}
