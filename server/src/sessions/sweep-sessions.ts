import type { BackgroundTask } from '../calls/background-task.ts';
import { inBatches } from '../in-batches.ts';
import { deleteEndedSessions } from './sessions.store.ts';

/** Deletes expired sessions in batches. The lookup compares the time, so expired sessions are refused earlier. */
export const sweepSessions: BackgroundTask = {
  name: 'delete expired sessions',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    await inBatches(signal, (limit) => deleteEndedSessions(db, clock.now(), limit));
  },
};
