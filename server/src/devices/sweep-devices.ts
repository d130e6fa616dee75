import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredDevices } from './devices.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

/** Deletes devices that were unused for a long time. The lookup compares the time, so they count as unknown earlier. */
export const sweepDevices: BackgroundTask = {
  name: 'delete devices that were unused for a long time',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteExpiredDevices(db, clock.now(), batchSize);
  },
};
