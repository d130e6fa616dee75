import type { Tx } from '../db/db.ts';
import type { Call } from './route.ts';

/** Ensures that a call with an idempotency key runs only once. Calls without a key are not affected. */
export interface Idempotency {
  /**
   * Responds to an authorized call. If a response is stored under its key, it is sent again; otherwise `handle` runs.
   *
   * @throws ApiError `idempotency_key_reused` (422), `idempotency_in_progress` (409), and the errors of `handle`
   * @see contract 1.7
   */
  answerOnce(call: Call, handle: () => unknown): Promise<unknown>;
  /**
   * Locks the key before a transaction changes data. No other call can use the same key until the transaction ends.
   *
   * @throws ApiError `idempotency_in_progress`, `idempotency_key_reused`
   */
  claimKey(tx: Tx, call: Call): Promise<void>;
  /** Stores the response in the transaction of the change, so that a committed change always has its response. */
  keepAnswer(tx: Tx, call: Call, result: unknown): Promise<void>;
}

declare module './services.ts' {
  interface Services {
    readonly idempotency: Idempotency;
  }
}
