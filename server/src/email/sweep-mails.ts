import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteOldMails } from './delivery.store.ts';

const dayMs = 24 * 3_600_000;
/** What was sent is remembered this long, so that nobody is told the same again at once. */
const settledLifeMs = 2 * dayMs;
/** What was given up waits this long for an operator, and what no mail server takes for one. */
const waitingLifeMs = 30 * dayMs;
const batchSize = 500;

/** Removes mails of which nothing is expected any more, a few at a time. */
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
