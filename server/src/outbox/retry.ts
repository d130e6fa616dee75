import type { Queryable } from '../db/db.ts';
import { giveUp, type Leased, type OutboxTable, postpone } from './outbox.store.ts';

const secondMs = 1000;

/** Pauses between attempts: ten seconds, then three times the previous pause, at most an hour. */
const firstPauseMs = 10 * secondMs;
const pauseGrowth = 3;
const longestPauseMs = 3600 * secondMs;

/** Randomized, so that messages that failed together are not retried together. */
function pauseAfter(attempts: number): number {
  const pause = Math.min(firstPauseMs * pauseGrowth ** (attempts - 1), longestPauseMs);
  return pause * (0.9 + 0.2 * Math.random());
}

/**
 * Records a failed attempt. Schedules the next attempt, unless the failure is permanent or the time to give up has
 * come.
 *
 * @param failure.error text for the operator
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
