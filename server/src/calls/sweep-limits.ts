import type { BackgroundTask } from './background-task.ts';
import { deleteWholeShares } from '../limits/limits.store.ts';

const batchSize = 5000;

/**
 * Removes the traces of limits that nobody is near any more. A share without a row is whole, so nothing depends on it.
 */
export const sweepLimits: BackgroundTask = {
  name: 'remove what is known of limits that are whole again',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteWholeShares(db, clock.now(), batchSize);
  },
};
