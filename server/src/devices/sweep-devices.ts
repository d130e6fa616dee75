import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredDevices } from './devices.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

/** Removes devices that were not used for long. They count as unknown before that: the look-up asks for the time. */
export const sweepDevices: BackgroundTask = {
  name: 'forget devices that were not used for long',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    let removed = batchSize;
    while (removed === batchSize && !signal.aborted) removed = await deleteExpiredDevices(db, clock.now(), batchSize);
  },
};
