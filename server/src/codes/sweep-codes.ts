import type { BackgroundTask } from '../calls/background-task.ts';
import { inBatches } from '../in-batches.ts';
import { deleteExpiredCodes, deleteAttemptsWithoutCode } from './codes.store.ts';

/**
 * Retention of attempts on codes that did not exist. It hides from timing measurements whether a code existed. It is
 * short, because addresses are personal data.
 */
const attemptsWithoutCodeKeptMs = 3_600_000;

/**
 * Deletes expired codes and their attempts. An expired code is refused even before it is deleted, because the lookup
 * compares the time.
 */
export const sweepCodes: BackgroundTask = {
  name: 'delete expired codes',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    const now = clock.now();
    await inBatches(signal, (limit) => deleteExpiredCodes(db, now, limit));
    const before = new Date(now.getTime() - attemptsWithoutCodeKeptMs);
    await inBatches(signal, (limit) => deleteAttemptsWithoutCode(db, before, limit));
  },
};
