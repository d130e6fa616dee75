import type { Tx } from '../db/db.ts';
import type { Call } from './route.ts';

/** What makes a call with an idempotency key happen once. The path of a call asks it; a call without a key passes. */
export interface Idempotency {
  /**
   * Answers a call whose caller has been let in: under a key that was answered before with what was answered then, else
   * by handling it.
   *
   * @throws ApiError `idempotency_key_reused` (422), `idempotency_in_progress` (409), and whatever `handle` throws
   * @see contract 1.7
   */
  answerOnce(call: Call, handle: () => unknown): Promise<unknown>;
  /**
   * Makes sure, before a transaction changes anything, that nobody else answers under the same key.
   *
   * @throws ApiError `idempotency_in_progress`, `idempotency_key_reused`
   */
  claimKey(tx: Tx, call: Call): Promise<void>;
  /** Keeps the answer in the transaction of the change: whoever finds the change made finds its answer too. */
  keepAnswer(tx: Tx, call: Call, result: unknown): Promise<void>;
}

declare module './services.ts' {
  interface Services {
    readonly idempotency: Idempotency;
  }
}
