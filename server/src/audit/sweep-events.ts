import { listAuditRetentions } from '../apps/apps.store.ts';
import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteEventsBefore } from './events.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;
const dayMs = 24 * 3_600_000;

/**
 * Removes audit events that are older than their app keeps them, the oldest first, a few at a time. Every app gets its
 * turn however much another has to remove.
 */
export const sweepEvents: BackgroundTask = {
  name: 'remove audit events that are past their retention',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    let due = await listAuditRetentions(db);
    while (due.length > 0 && !signal.aborted) {
      const further: typeof due = [];
      for (const app of due) {
        if (signal.aborted) return;
        const before = new Date(clock.now().getTime() - app.days * dayMs);
        if ((await deleteEventsBefore(db, app.id, before, batchSize)) === batchSize) further.push(app);
      }
      due = further;
    }
  },
};
