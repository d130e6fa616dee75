import { statusesInForce } from '../access/organization-states.ts';
import type { Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** An owner of an organization. */
export interface Owner {
  readonly id: string;
  readonly email: string;
}

/**
 * The active owners of an active organization, locked until the transaction ends. Owners that another transaction has
 * locked are omitted, so that the transactions do not wait for each other.
 */
export function listOwners(tx: Tx, appId: string, orgId: string): Promise<Owner[]> {
  return tx.query(sql`
    SELECT u.id, u.email FROM users u
    JOIN members m ON m.app_id = ${appId} AND m.user_id = u.id AND m.org_id = ${orgId} AND m.is_owner
    JOIN organizations o ON o.app_id = ${appId} AND o.id = m.org_id AND o.status = ANY (${statusesInForce()}::text[])
    WHERE u.app_id = ${appId} AND u.state = 'ACTIVE' AND u.is_email_verified
    ORDER BY u.id FOR KEY SHARE OF u SKIP LOCKED`);
}
