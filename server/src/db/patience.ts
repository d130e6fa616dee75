import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseError as ServerError } from 'pg';
import { DatabaseUnavailableError, type Log, sql, type Tx } from './db.ts';

/** How a migration waits for locks that others hold. */
export interface Patience {
  /** How long one attempt waits. Everything that wants the table queues behind it meanwhile. */
  readonly lockMs: number;
  /** The pause before the next attempt, in which that queue goes on. */
  readonly pauseMs: number;
  readonly log: Log;
}

/**
 * An attempt is longer than `deadlock_timeout` (1 s): after that time the server ends an autovacuum that is in the way.
 */
export const defaultPatience: Patience = { lockMs: 2_000, pauseMs: 5_000, log: () => {} };

const lockNotAvailable = '55P03';
const deadlockDetected = '40P01';

/**
 * Does `work` in `tx`. If it waits too long for a lock, or meets a deadlock, it is undone and done again after a pause,
 * without end. Its locks are free during the pause; those that `tx` had before stay. How long the work takes is not
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
      log('warn', 'A migration waits for a lock on a table and is tried again; other sessions hold it', details);
      await delay(pauseMs);
    }
  }
}

function waitedForLock(error: unknown): boolean {
  if (!(error instanceof DatabaseUnavailableError && error.cause instanceof ServerError)) return false;
  return error.cause.code === lockNotAvailable || error.cause.code === deadlockDetected;
}

/**
 * The sessions that had locks on tables during the whole attempt, the oldest first. The role of the service does not
 * see when the transaction of another role began: such sessions count, too.
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
