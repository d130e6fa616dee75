import type { BackgroundTask } from './background-task.ts';
import { inBatches } from '../in-batches.ts';
import { deleteFullQuotas } from '../limits/limits.store.ts';

const batchSize = 5000;

/** Deletes the rows of full quotas. A quota without a row is full, so this changes no limit. */
export const sweepLimits: BackgroundTask = {
  name: 'delete rows of full quotas',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    await inBatches(signal, (limit) => deleteFullQuotas(db, clock.now(), limit), batchSize);
  },
};
