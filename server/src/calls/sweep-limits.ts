import type { BackgroundTask } from './background-task.ts';
import { deleteWholeShares } from '../limits/limits.store.ts';

const batchSize = 5000;

/** Deletes the rows of full quotas. A quota without a row is full, so this changes no limit. */
export const sweepLimits: BackgroundTask = {
  name: 'remove what is known of limits that are whole again',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteWholeShares(db, clock.now(), batchSize);
  },
};
