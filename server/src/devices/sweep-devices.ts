import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredDevices } from './devices.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

/**
 * Deletes expired devices. An expired device is unknown even before it is deleted, because the lookup compares the
 * time.
 */
export const sweepDevices: BackgroundTask = {
  name: 'delete expired devices',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteExpiredDevices(db, clock.now(), batchSize);
  },
};
