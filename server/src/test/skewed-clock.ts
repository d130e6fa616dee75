import { raw, sql, type Db } from '../db/db.ts';
import { openDatabase } from '../db/open.ts';
import { patientLimits, urlOfDatabase } from './database.ts';

/** A database with a clock that tests set. */
export interface SkewedDatabase {
  readonly db: Db;
  /** Shifts its clock by an interval such as `1 day`; `0` resets it. */
  set(interval: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Puts a `clock_timestamp()` in front of that of PostgreSQL, for all connections that are opened from now on.
 *
 * @param db an open test database. The embedded one has one connection, which gets the shifted clock, too
 *
 * @example
 * const skewed = await skewClock(await openEmptyDatabase());
 * await skewed.set('-1 day');
 */
export async function skewClock(db: Db): Promise<SkewedDatabase> {
  await db.query(sql`CREATE SCHEMA skewed`);
  await db.query(sql`CREATE TABLE skewed.skew AS SELECT interval '0' AS off_by`);
  await db.query(sql`
    CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql
    AS 'SELECT pg_catalog.clock_timestamp() + (SELECT off_by FROM skewed.skew)'`);
  const skewed = await reopen(db, 'skewed, pg_catalog, public');
  return {
    db: skewed,
    set: async (interval) => void (await db.query(sql`UPDATE skewed.skew SET off_by = ${interval}::interval`)),
    close: async () => {
      if (skewed !== db) await skewed.close();
    },
  };
}

async function reopen(db: Db, searchPath: string): Promise<Db> {
  if (db.engine === 'embedded') {
    await db.query(raw(`SET search_path = ${searchPath}`));
    return db;
  }
  const [row] = await db.query<{ name: string }>(sql`SELECT quote_ident(current_database()) AS name`);
  await db.query(raw(`ALTER DATABASE ${row?.name ?? ''} SET search_path = ${searchPath}`));
  const url = await urlOfDatabase(db);
  return openDatabase({ url, dataDir: '', poolSize: 3, prepare: true, limits: patientLimits });
}
