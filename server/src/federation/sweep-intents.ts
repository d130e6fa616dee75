import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredIntents } from './intents.store.ts';

const batchSize = 500;
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
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteExpiredIntents(db, before, batchSize);
  },
};
