import type { Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';

/**
 * Checks that each affected organization keeps another active owner. Call this before an owner is removed, demoted,
 * deleted, deactivated or leaves, in the same transaction.
 *
 * The organizations stay locked until the transaction ends, so that a concurrent request sees the result of this one.
 * Lock order everywhere: user (`lockUser`; blocks new ownerships), then organizations by id, then memberships.
 *
 * @param orgId the affected organization; default: all organizations of the user
 * @throws ApiError `last_owner`
 */
export async function checkNotLastOwner(tx: Tx, appId: string, userId: string, orgId?: string): Promise<void> {
  const concerned = sql`
    SELECT org_id FROM members
    WHERE app_id = ${appId} AND user_id = ${userId}
      AND (${orgId ?? null}::bigint IS NULL OR org_id = ${orgId ?? null}::bigint)`;
  await tx.query(sql`
    SELECT id FROM organizations WHERE app_id = ${appId} AND id IN (${concerned}) ORDER BY id FOR NO KEY UPDATE`);
  // A separate statement, because only a statement that starts after the lock sees the commits of the previous lock
  // holders.
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
