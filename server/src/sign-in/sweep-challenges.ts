import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredPasskeyChallenges } from '../passkeys/passkey-challenges.store.ts';
import { deleteExpiredChallenges } from './mfa-challenges.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;

/**
 * Deletes expired sign-ins whose second factor is missing, and expired challenges of passkeys. They are refused even
 * before they are deleted.
 */
export const sweepChallenges: BackgroundTask = {
  name: 'delete expired sign-ins',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    for (const deleteExpired of [deleteExpiredChallenges, deleteExpiredPasskeyChallenges]) {
      let removed = batchSize;
      while (removed === batchSize && !signal.aborted) removed = await deleteExpired(db, clock.now(), batchSize);
    }
  },
};
