import type { Db } from '../db/db.ts';
import { sql } from '../db/db.ts';
import type { Sealer } from './seal.ts';

/** Checks a master key against the check value in the database. */
export async function hasMasterKey(db: Db): Promise<boolean> {
  return (await db.query(sql`SELECT 1 FROM deployment`)).length > 0;
}

/**
 * Refuses to start with a master key that does not belong to this database. The stored values could not be decrypted,
 * and new values could not be read later. An old key that is still configured is accepted.
 *
 * @throws Error if neither the current nor an old master key belongs to the database
 */
export async function checkMasterKey(db: Db, sealer: Sealer): Promise<void> {
  await db.query(sql`INSERT INTO deployment (master_key_check) VALUES (${sealer.checkValue()}) ON CONFLICT DO NOTHING`);
  if ((await matchesDatabase(db, sealer)) === true) return;
  throw new Error(
    'MASTER_KEY is not the key of this database. Start with the right key, or add the right key to MASTER_KEYS_OLD.',
  );
}

/**
 * Whether the current or an old master key belongs to this database; undefined if the database has no check value yet.
 */
export async function matchesDatabase(db: Db, sealer: Sealer): Promise<boolean | undefined> {
  const [row] = await db.query<{ master_key_check: string }>(sql`SELECT master_key_check FROM deployment`);
  return row && sealer.matchesCheckValue(row.master_key_check);
}
