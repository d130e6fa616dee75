import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredAnswers } from './idempotency.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

/**
 * Removes answers that were kept for a day, a few at a time. They are not replayed any more: the look-up asks for the
 * time.
 */
export const sweepAnswers: BackgroundTask = {
  name: 'remove answers that were kept for idempotency keys',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteExpiredAnswers(db, clock.now(), batchSize);
  },
};
