import type { BackgroundTask } from '../calls/background-task.ts';
import { inBatches } from '../in-batches.ts';
import { deleteExpiredIntents } from './intents.store.ts';

/**
 * Intents are kept a little longer than they are valid, so that late browsers are still redirected to the failure URL.
 */
const keptMs = 3_600_000;

/** Deletes expired intents with their profiles. */
export const sweepIntents: BackgroundTask = {
  name: 'delete expired sign-ins through providers',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    const before = new Date(clock.now().getTime() - keptMs);
    await inBatches(signal, (limit) => deleteExpiredIntents(db, before, limit));
  },
};
