import type { BackgroundTask } from '../calls/background-task.ts';
import { inBatches } from '../in-batches.ts';
import { deleteExpiredExchanges } from './exchanges.store.ts';

/** Deletes expired exchange codes in batches. They are refused even before they are deleted. */
export const sweepExchanges: BackgroundTask = {
  name: 'delete expired exchange codes',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    await inBatches(signal, (limit) => deleteExpiredExchanges(db, clock.now(), limit));
  },
};
