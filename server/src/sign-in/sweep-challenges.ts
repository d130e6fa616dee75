import type { BackgroundTask } from '../calls/background-task.ts';
import { inBatches } from '../in-batches.ts';
import { deleteExpiredPasskeyChallenges } from '../passkeys/passkey-challenges.store.ts';
import { deleteExpiredChallenges } from './mfa-challenges.store.ts';

/**
 * Deletes expired sign-ins whose second factor is missing, and expired challenges of passkeys. They are refused even
 * before they are deleted.
 */
export const sweepChallenges: BackgroundTask = {
  name: 'delete expired sign-ins',
  everyMs: 600_000,
  run: async ({ db, clock }, signal) => {
    for (const deleteExpired of [deleteExpiredChallenges, deleteExpiredPasskeyChallenges]) {
      await inBatches(signal, (limit) => deleteExpired(db, clock.now(), limit));
    }
  },
};
