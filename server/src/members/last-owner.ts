import type { Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';

/**
 * Makes sure that an owner can be taken away: every organization concerned keeps another active owner. Anyone who
 * removes, demotes, deletes or deactivates an owner, or lets them leave, calls this first, in the same transaction.
 *
 * The organizations stay locked until the transaction ends, so that of two requests at the same moment the second
 * counts what the first left. Order of locks, everywhere: the user's row (`lockUser`: from then on nobody makes them
 * owner of anything), then organizations in the order of their ids (here), then memberships.
 *
 * @param orgId the one organization concerned; without it all organizations of the user
 * @throws ApiError `last_owner`
 */
export async function checkNotLastOwner(tx: Tx, appId: string, userId: string, orgId?: string): Promise<void> {
  const concerned = sql`
    SELECT org_id FROM members
    WHERE app_id = ${appId} AND user_id = ${userId}
      AND (${orgId ?? null}::bigint IS NULL OR org_id = ${orgId ?? null}::bigint)`;
  await tx.query(sql`
    SELECT id FROM organizations WHERE app_id = ${appId} AND id IN (${concerned}) ORDER BY id FOR NO KEY UPDATE`);
  // A statement of its own: only what begins after the locks were given sees what others did before.
  const [orphaned] = await tx.query(sql`
    SELECT m.org_id FROM members m
    WHERE m.app_id = ${appId} AND m.user_id = ${userId} AND m.is_owner AND m.org_id IN (${concerned})
      AND NOT EXISTS (
        SELECT 1 FROM members other
        JOIN users u ON u.app_id = ${appId} AND u.id = other.user_id AND u.state = 'ACTIVE'
        WHERE other.app_id = ${appId} AND other.org_id = m.org_id AND other.user_id <> m.user_id AND other.is_owner)
    LIMIT 1`);
  if (orphaned) throw new ApiError('last_owner');
}
