import type { Db } from '../db/db.ts';
import { sql } from '../db/db.ts';
import type { Sealer } from './seal.ts';

/** Whether this database has met its master key before. */
export async function hasMasterKey(db: Db): Promise<boolean> {
  return (await db.query(sql`SELECT 1 FROM deployment`)).length > 0;
}

/**
 * Refuses a start with a master key that is not this database's: what it holds could not be decrypted, and what the
 * start would add could not be read later. An old key that is still configured is fine.
 *
 * @throws Error when neither the current nor an old master key is the one of the database
 */
export async function checkMasterKey(db: Db, sealer: Sealer): Promise<void> {
  await db.query(sql`INSERT INTO deployment (master_key_check) VALUES (${sealer.checkValue()}) ON CONFLICT DO NOTHING`);
  if ((await matchesDatabase(db, sealer)) === true) return;
  throw new Error(
    'MASTER_KEY is not the key of this database. Start with the right one, or name it in MASTER_KEYS_OLD.',
  );
}

/** Whether the current or an old master key is the one of this database; undefined while it has none. */
export async function matchesDatabase(db: Db, sealer: Sealer): Promise<boolean | undefined> {
  const [row] = await db.query<{ master_key_check: string }>(sql`SELECT master_key_check FROM deployment`);
  return row && sealer.matchesCheckValue(row.master_key_check);
}
