import type { BackgroundTask } from '../calls/background-task.ts';
import { inBatches } from '../in-batches.ts';
import { deleteExpiredAnswers } from './idempotency.store.ts';

/**
 * Deletes responses after a day, in batches. An expired response is not replayed even before it is deleted, because the
 * lookup compares the time.
 */
export const sweepAnswers: BackgroundTask = {
  name: 'delete expired responses of idempotency keys',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    await inBatches(signal, (limit) => deleteExpiredAnswers(db, clock.now(), limit));
  },
};
