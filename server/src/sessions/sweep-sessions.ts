import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteEndedSessions } from './sessions.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

/** Removes sessions that have run out, a few at a time. They are refused long before: the look-up asks for the time. */
export const sweepSessions: BackgroundTask = {
  name: 'remove sessions that have ended',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteEndedSessions(db, clock.now(), batchSize);
  },
};
