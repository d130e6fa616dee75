import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteOldMails } from './delivery.store.ts';

const dayMs = 24 * 3_600_000;
/** Retention of sent mails, so that notices are not repeated too soon. */
const settledLifeMs = 2 * dayMs;
/** Retention of mails that were given up, and of mails that wait for a mail server. */
const waitingLifeMs = 30 * dayMs;
const batchSize = 500;

/** Deletes mails that are no longer needed, in batches. */
export const sweepMails: BackgroundTask = {
  name: 'remove old mails',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    const now = clock.now().getTime();
    const settledBefore = new Date(now - settledLifeMs);
    const waitingSince = new Date(now - waitingLifeMs);
    let removed = batchSize;
    while (removed >= batchSize && !signal.aborted) {
      removed = await deleteOldMails(db, { settledBefore, waitingSince, limit: batchSize });
    }
  },
};
