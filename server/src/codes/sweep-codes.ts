import type { BackgroundTask } from '../calls/background-task.ts';
import { deleteExpiredCodes, deleteAttemptsWithoutCode } from './codes.store.ts';

/** Batch size. Small, so that the locks of one statement are held only briefly. */
const batchSize = 500;
/**
 * Long enough to hide from timing measurements whether a code existed, and short, because addresses are personal data.
 */
const attemptsWithoutCodeKeptMs = 3_600_000;

async function inBatches(signal: AbortSignal, removeSome: () => Promise<number>): Promise<void> {
  let removed = batchSize;
  while (removed === batchSize && !signal.aborted) removed = await removeSome();
}

/** Deletes expired codes and their attempts. The lookup compares the time, so expired codes are refused earlier. */
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
