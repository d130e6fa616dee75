import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** Replaces all recovery codes of a locked user. */
export async function replaceRecoveryCodes(
  tx: Tx,
  appId: string,
  userId: string,
  hashes: readonly Buffer[],
  now: Date,
): Promise<void> {
  await tx.query(sql`DELETE FROM recovery_codes WHERE app_id = ${appId} AND user_id = ${userId}`);
  await tx.query(sql`
    INSERT INTO recovery_codes (app_id, user_id, code_hash, created_at)
    SELECT ${appId}::bigint, ${userId}::bigint, code_hash, ${now}::timestamptz
    FROM unnest(${[...hashes]}::bytea[]) AS made (code_hash)`);
}

/** Whether a user has this recovery code, unused. */
export async function hasRecoveryCode(
  db: Queryable,
  appId: string,
  userId: string,
  codeHash: Buffer,
): Promise<boolean> {
  const rows = await db.query(sql`
    SELECT 1 FROM recovery_codes
    WHERE app_id = ${appId} AND user_id = ${userId} AND code_hash = ${codeHash} AND used_at IS NULL`);
  return rows.length > 0;
}

/**
 * Consumes a recovery code. One statement, so that two calls with the same code cannot both succeed.
 *
 * @returns false if the code was used before, or was deleted
 */
export async function useRecoveryCode(
  tx: Tx,
  appId: string,
  userId: string,
  codeHash: Buffer,
  now: Date,
): Promise<boolean> {
  const rows = await tx.query(sql`
    UPDATE recovery_codes SET used_at = ${now}
    WHERE app_id = ${appId} AND user_id = ${userId} AND code_hash = ${codeHash} AND used_at IS NULL
    RETURNING 1`);
  return rows.length > 0;
}

/** The number of recovery codes of a user, and of those that are unused. */
export async function countRecoveryCodes(
  db: Queryable,
  appId: string,
  userId: string,
): Promise<{ total: number; unused: number }> {
  const [row] = await db.query<{ total: number; unused: number }>(sql`
    SELECT count(*)::integer AS total, (count(*) FILTER (WHERE used_at IS NULL))::integer AS unused
    FROM recovery_codes WHERE app_id = ${appId} AND user_id = ${userId}`);
  return row ?? { total: 0, unused: 0 };
}
