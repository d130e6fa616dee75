import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredExchanges } from './exchanges.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

/** Deletes expired exchange codes in batches. They are refused even before they are deleted. */
export const sweepExchanges: BackgroundTask = {
  name: 'delete expired exchange codes',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteExpiredExchanges(db, clock.now(), batchSize);
  },
};
