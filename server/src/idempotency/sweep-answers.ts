import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredAnswers } from './idempotency.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

/**
 * Deletes responses that were stored for a day, in batches. The lookup compares the time, so they are no longer
 * replayed.
 */
export const sweepAnswers: BackgroundTask = {
  name: 'delete expired responses of idempotency keys',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteExpiredAnswers(db, clock.now(), batchSize);
  },
};
