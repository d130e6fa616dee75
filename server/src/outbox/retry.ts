import type { Queryable } from '../db/db.ts';
import { giveUp, type Leased, type OutboxTable, postpone } from './outbox.store.ts';

const secondMs = 1000;

/** Pauses between attempts: ten seconds, then three times the previous pause, at most an hour. */
const firstPauseMs = 10 * secondMs;
const pauseGrowth = 3;
const longestPauseMs = 3600 * secondMs;

/** Some later than others: what failed together need not come back together. */
function pauseAfter(attempts: number): number {
  const pause = Math.min(firstPauseMs * pauseGrowth ** (attempts - 1), longestPauseMs);
  return pause * (0.9 + 0.2 * Math.random());
}

/**
 * Settles a try that failed: there is another after a pause, unless the failure is permanent or the time to give up has
 * come.
 *
 * @param failure.error what an operator reads
 */
export async function retryOrGiveUp(
  db: Queryable,
  table: OutboxTable,
  leased: Leased,
  { isPermanent, error }: { isPermanent: boolean; error: string },
  now: Date,
): Promise<void> {
  if (isPermanent || now >= leased.giveUpAt) return giveUp(db, table, leased, { now, error });
  const next = Math.min(now.getTime() + pauseAfter(leased.attempts), leased.giveUpAt.getTime());
  return postpone(db, table, leased, { dueAt: new Date(next), error });
}
