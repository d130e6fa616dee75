import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredIntents } from './intents.store.ts';

const batchSize = 500;
/** Anyone who comes late is still sent to the failure URL of their app. */
const keptMs = 3_600_000;

/** Deletes expired intents, with the profiles that they store. */
export const sweepIntents: BackgroundTask = {
  name: 'remove sign-ins through providers that have expired',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    const before = new Date(clock.now().getTime() - keptMs);
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteExpiredIntents(db, before, batchSize);
  },
};
