import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredAnswers } from './idempotency.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

/**
 * Deletes responses after a day, in batches. An expired response is not replayed even before it is deleted, because the
 * lookup compares the time.
 */
export const sweepAnswers: BackgroundTask = {
  name: 'delete expired responses of idempotency keys',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteExpiredAnswers(db, clock.now(), batchSize);
  },
};
