import type { Tx } from '../db/db.ts';
import type { Call } from './route.ts';

/**
 * Repeats a check that the transaction of the handler makes, for `authorize`. Without an idempotency key there is no
 * replay, and the check of the handler is enough.
 */
export async function beforeReplay(call: Call, check: (tx: Tx) => Promise<void>): Promise<void> {
  if (call.idempotencyKey !== undefined) await call.services.db.transaction(check);
}
