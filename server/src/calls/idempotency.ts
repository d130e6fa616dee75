import type { Tx } from '../db/db.ts';
import type { Call } from './route.ts';

/** Ensures that a call with an idempotency key runs only once. Calls without a key are not affected. */
export interface Idempotency {
  /**
   * Answers a call after access was granted. If its key has an answer, this is the answer; otherwise `handle` runs.
   *
   * @throws ApiError `idempotency_key_reused` (422), `idempotency_in_progress` (409), and the errors of `handle`
   * @see contract 1.7
   */
  answerOnce(call: Call, handle: () => unknown): Promise<unknown>;
  /**
   * Locks the key before a transaction changes data. No other call can answer under the same key until it ends.
   *
   * @throws ApiError `idempotency_in_progress`, `idempotency_key_reused`
   */
  claimKey(tx: Tx, call: Call): Promise<void>;
  /** Stores the answer in the transaction of the change, so that a committed change always has its answer. */
  keepAnswer(tx: Tx, call: Call, result: unknown): Promise<void>;
}

declare module './services.ts' {
  interface Services {
    readonly idempotency: Idempotency;
  }
}
