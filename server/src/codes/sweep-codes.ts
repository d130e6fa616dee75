import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredCodes, deleteAttemptsWithoutCode } from './codes.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;
/**
 * Retention of attempts on codes that did not exist. It hides from timing measurements whether a code existed. It is
 * short, because addresses are personal data.
 */
const attemptsWithoutCodeKeptMs = 3_600_000;

async function inBatches(signal: AbortSignal, removeSome: () => Promise<number>): Promise<void> {
  let removed = batchSize;
  while (removed === batchSize && !signal.aborted) removed = await removeSome();
}

/**
 * Deletes expired codes and their attempts. An expired code is refused even before it is deleted, because the lookup
 * compares the time.
 */
export const sweepCodes: BackgroundTask = {
  name: 'delete expired codes',
  everyMs: 60_000,
  run: async ({ db, clock }, signal) => {
    const now = clock.now();
    await inBatches(signal, () => deleteExpiredCodes(db, now, batchSize));
    const before = new Date(now.getTime() - attemptsWithoutCodeKeptMs);
    await inBatches(signal, () => deleteAttemptsWithoutCode(db, before, batchSize));
  },
};
