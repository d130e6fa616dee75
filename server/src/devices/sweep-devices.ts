import type { BackgroundTask } from '../calls/background-task.ts';
import { inBatches } from '../in-batches.ts';
import { deleteExpiredDevices } from './devices.store.ts';

/**
 * Deletes expired devices. An expired device is unknown even before it is deleted, because the lookup compares the
 * time.
 */
export const sweepDevices: BackgroundTask = {
  name: 'delete expired devices',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    await inBatches(signal, (limit) => deleteExpiredDevices(db, clock.now(), limit));
  },
};
