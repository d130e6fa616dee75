import { isOff } from '../database-clock.ts';
import { type Db, sql } from '../db/db.ts';
import { pendingMigrations, readMigrations, schemaFault } from '../db/migrate.ts';
import { isReadOnly } from '../platform/database-measurements.ts';
import { fault, type Finding, warning } from './findings.ts';

/** Server settings that break guarantees of the service. */
export async function examineServer(db: Db): Promise<Finding[]> {
  const readOnly = (await isReadOnly(db))
    ? [fault('database', 'The database is read-only: it is a standby, or default_transaction_read_only is on.')]
    : [];
  if (db.engine === 'embedded') return readOnly;
  const [row] = await db.query<{ commits: string }>(sql`SELECT current_setting('synchronous_commit') AS commits`);
  const risk =
    'synchronous_commit is off: a crash of the database server can lose changes that were confirmed to callers.';
  return row?.commits === 'off' ? [...readOnly, warning('database', risk)] : readOnly;
}

/** Whether the schema is that of this build. */
export async function examineSchema(db: Db): Promise<Finding[]> {
  const migrations = readMigrations();
  const mismatch = await schemaFault(db, migrations);
  if (mismatch !== undefined) return [fault('database', mismatch)];
  const { length: pending } = await pendingMigrations(db, migrations);
  if (pending === 0) return [];
  return [
    warning('database', `${pending} of ${migrations.length} migrations are not applied: the next start applies them.`),
  ];
}

/** The clock of the database, which the service uses. */
export async function databaseNow(db: Db): Promise<Date> {
  const [row] = await db.query<{ now: Date }>(sql`SELECT clock_timestamp() AS now`);
  if (!row) throw new Error('The database returned no row');
  return row.now;
}

/**
 * Compares the clock of this machine with the clock of the database. The service uses the clock of the database. Its
 * log and the validation of certificates use the clock of the machine.
 *
 * @param machineNow the time of this machine, in milliseconds since 1970
 */
export async function examineClock(db: Db, machineNow: () => number): Promise<Finding[]> {
  const sentAt = machineNow();
  const databaseMs = (await databaseNow(db)).getTime();
  const receivedAt = machineNow();
  // The database was read at some time between request and response. A difference within this interval is ignored.
  const offsetSeconds = (Math.max(sentAt - databaseMs, 0) + Math.min(receivedAt - databaseMs, 0)) / 1000;
  if (!isOff(offsetSeconds)) return [];
  const direction = offsetSeconds > 0 ? 'ahead of' : 'behind';
  const difference = `${Math.abs(Math.round(offsetSeconds))} s ${direction} the database`;
  return [warning('clock', `This machine is ${difference}. Synchronize the clocks of both.`)];
}
