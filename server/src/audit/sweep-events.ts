import { listAuditRetentions } from '../apps/apps.store.ts';
import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteEventsBefore } from './events.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;
const dayMs = 24 * 3_600_000;

/**
 * Deletes audit events beyond the retention of their app, oldest first, in batches. Takes turns between apps, so that a
 * large backlog of one app does not delay the others.
 */
export const sweepEvents: BackgroundTask = {
  name: 'delete audit events beyond their retention',
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
