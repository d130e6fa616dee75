import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { addressKey } from '../http/network-address.ts';

/** The client of an unauthenticated request about an account. */
export interface Requester {
  readonly ip: string;
  /** Hashes of the device tokens that the client presented. */
  readonly deviceHashes: readonly Buffer[];
}

/**
 * Whether the account has used this client's device, or its network in a session that is still stored. This is not an
 * authentication: some mails are reserved for such clients.
 */
export async function isKnownRequester(
  db: Queryable,
  appId: string,
  userId: string,
  { ip, deviceHashes }: Requester,
  now: Date,
): Promise<boolean> {
  const rows = await db.query<{ ip: string | null }>(sql`
    SELECT ip FROM sessions WHERE app_id = ${appId} AND user_id = ${userId} AND ip IS NOT NULL GROUP BY ip
    UNION ALL
    SELECT NULL FROM devices
    WHERE app_id = ${appId} AND user_id = ${userId} AND token_hash = ANY (${[...deviceHashes]}::bytea[])
      AND expires_at > ${now}`);
  const network = addressKey(ip);
  return rows.some((row) => row.ip === null || addressKey(row.ip) === network);
}
