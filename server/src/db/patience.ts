import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseError as ServerError } from 'pg';
import { DatabaseUnavailableError, type Log, sql, type Tx } from './db.ts';

/** The waiting times of a migration for locks of other sessions. */
export interface Patience {
  /** Timeout of one attempt, in milliseconds. Meanwhile all other users of the table queue behind the attempt. */
  readonly lockMs: number;
  /** Pause before the next attempt, in milliseconds, so that queued statements can run. */
  readonly pauseMs: number;
  readonly log: Log;
}

/** Longer than `deadlock_timeout` (1 s), after which the server ends an autovacuum that blocks the migration. */
export const defaultPatience: Patience = { lockMs: 2_000, pauseMs: 5_000, log: () => {} };

const lockNotAvailable = '55P03';
const deadlockDetected = '40P01';

/**
 * Runs `work` in `tx`. After a lock timeout or deadlock, `work` is rolled back and retried after a pause, without
 * limit. Its locks are released during the pause; earlier locks of `tx` are kept. The duration of the work is not
 * limited.
 *
 * @throws every other error of `work`
 */
export async function withPatience(
  tx: Tx,
  name: string,
  work: () => Promise<void>,
  { lockMs, pauseMs, log }: Patience,
): Promise<void> {
  await tx.script(`SET LOCAL lock_timeout = ${lockMs}; SAVEPOINT attempt`);
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await work();
    } catch (error) {
      if (!waitedForLock(error)) throw error;
      await tx.script('ROLLBACK TO SAVEPOINT attempt');
      const details = { migration: name, attempts, holders: await lockHolders(tx, lockMs) };
      log(
        'warn',
        'A migration could not lock a table within the timeout and will be retried; other sessions hold locks',
        details,
      );
      await delay(pauseMs);
    }
  }
}

function waitedForLock(error: unknown): boolean {
  if (!(error instanceof DatabaseUnavailableError && error.cause instanceof ServerError)) return false;
  return error.cause.code === lockNotAvailable || error.cause.code === deadlockDetected;
}

/**
 * The sessions that held locks on tables during the whole attempt, oldest first. Sessions of other roles are always
 * included, because their transaction start is not visible.
 */
function lockHolders(tx: Tx, lockMs: number): Promise<unknown[]> {
  return tx.query(sql`
    SELECT pid, application_name AS application, usename AS role, xact_start AS since,
      string_agg(DISTINCT relname, ', ' ORDER BY relname) AS tables
    FROM pg_locks JOIN pg_stat_activity USING (pid) JOIN pg_class ON pg_class.oid = relation
    WHERE locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND granted AND pid <> pg_backend_pid() AND relkind IN ('r', 'p')
      AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
      AND (xact_start IS NULL OR xact_start < clock_timestamp() - ${lockMs}::integer * interval '1 millisecond')
    GROUP BY 1, 2, 3, 4 ORDER BY xact_start NULLS FIRST LIMIT 5`);
}
