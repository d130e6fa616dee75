import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteEndedSessions } from './sessions.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

/** Deletes expired sessions in batches. The lookup compares the time, so expired sessions are refused earlier. */
export const sweepSessions: BackgroundTask = {
  name: 'delete expired sessions',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteEndedSessions(db, clock.now(), batchSize);
  },
};
