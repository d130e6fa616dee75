import type { BackgroundTask } from '../calls/background-task.ts';
import { inBatches } from '../in-batches.ts';
import { deleteOldMails } from './delivery.store.ts';

const dayMs = 24 * 3_600_000;
/** Retention of sent mails, so that notices are not repeated too soon. */
const settledLifeMs = 2 * dayMs;
/** Retention of abandoned mails, and of mails that wait for a mail server. */
const waitingLifeMs = 30 * dayMs;

/** Deletes mails that are no longer needed, in batches. */
export const sweepMails: BackgroundTask = {
  name: 'remove old mails',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    const now = clock.now().getTime();
    const settledBefore = new Date(now - settledLifeMs);
    const waitingSince = new Date(now - waitingLifeMs);
    await inBatches(signal, (limit) => deleteOldMails(db, { settledBefore, waitingSince, limit }));
  },
};
