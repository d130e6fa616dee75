import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** What a code proves. */
export type CodePurpose = 'email_verification' | 'invitation';

/** Whose code it is and what for; for invitations also into which organization. */
export interface CodeScope {
  readonly userId: string;
  readonly purpose: CodePurpose;
  readonly orgId?: string | undefined;
}

const triesPerAddress = 5;
const triesPerCode = 50;

export async function insertCode(
  tx: Tx,
  appId: string,
  code: CodeScope & { id: string; codeHash: Buffer; tokenHash: Buffer | null; now: Date; expiresAt: Date },
): Promise<void> {
  await tx.query(sql`
    INSERT INTO codes (app_id, id, user_id, purpose, org_id, code_hash, token_hash, created_at, expires_at)
    VALUES (${appId}, ${code.id}, ${code.userId}, ${code.purpose}, ${code.orgId ?? null}, ${code.codeHash},
      ${code.tokenHash}, ${code.now}, ${code.expiresAt})`);
}

/** Voids all codes of a scope but the newest few, and with them the tokens mailed beside them. */
export async function voidCodes(tx: Tx, appId: string, scope: CodeScope, keep: number): Promise<void> {
  await tx.query(sql`
    DELETE FROM codes WHERE app_id = ${appId} AND id IN (
      SELECT id FROM codes
      WHERE app_id = ${appId} AND user_id = ${scope.userId} AND purpose = ${scope.purpose}
        AND org_id IS NOT DISTINCT FROM ${scope.orgId ?? null}::bigint
      ORDER BY id DESC OFFSET ${keep})`);
}

/** Voids every code of a user, whatever it was for. */
export async function voidAllCodes(tx: Tx, appId: string, userId: string): Promise<void> {
  await tx.query(sql`DELETE FROM codes WHERE app_id = ${appId} AND user_id = ${userId}`);
}

/**
 * Counts one try from this address against every live code of the scope, and returns those that may still be
 * compared: at most 5 tries per code and address, 50 per code. One statement of its own, committed before anything
 * is compared, so that parallel requests cannot outrun the count.
 */
export async function countTry(
  db: Queryable,
  appId: string,
  scope: CodeScope & { address: string; now: Date },
): Promise<{ id: string; codeHash: Buffer }[]> {
  const rows = await db.query<{ id: string; code_hash: Buffer }>(sql`
    WITH live AS (
      SELECT id FROM codes
      WHERE app_id = ${appId} AND user_id = ${scope.userId} AND purpose = ${scope.purpose}
        AND org_id IS NOT DISTINCT FROM ${scope.orgId ?? null}::bigint AND expires_at > ${scope.now}
      ORDER BY id
      FOR UPDATE),
    counted AS (
      INSERT INTO code_tries AS known (app_id, code_id, address, tries)
      SELECT ${appId}::bigint, live.id, ${scope.address}::text, 1 FROM live
      ON CONFLICT (app_id, code_id, address) DO UPDATE SET tries = known.tries + 1 WHERE known.tries < ${triesPerAddress}
      RETURNING code_id)
    UPDATE codes c SET tries = c.tries + 1
    FROM counted
    WHERE c.app_id = ${appId} AND c.id = counted.code_id AND c.tries < ${triesPerCode}
    RETURNING c.id, c.code_hash`);
  return rows.map((row) => ({ id: row.id, codeHash: row.code_hash }));
}

/** Uses a code up. @returns false when somebody else was faster */
export async function consumeCode(tx: Tx, appId: string, codeId: string): Promise<boolean> {
  const rows = await tx.query(sql`DELETE FROM codes WHERE app_id = ${appId} AND id = ${codeId} RETURNING id`);
  return rows.length > 0;
}

/** The user and code of a mailed token that is still good. */
export async function findMailedToken(
  db: Queryable,
  appId: string,
  tokenHash: Buffer,
  now: Date,
): Promise<{ userId: string; codeId: string } | undefined> {
  const [row] = await db.query<{ user_id: string; id: string }>(sql`
    SELECT c.user_id, c.id FROM codes c
    JOIN users u ON u.app_id = ${appId} AND u.id = c.user_id AND u.state = 'ACTIVE'
    JOIN apps a ON a.id = ${appId} AND a.status = 'ACTIVE'
    WHERE c.app_id = ${appId} AND c.token_hash = ${tokenHash} AND c.expires_at > ${now}`);
  return row && { userId: row.user_id, codeId: row.id };
}
