import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A key in the view of the operator. */
export interface ListedApiKey {
  readonly id: string;
  readonly orgId: string;
  /** Null: the key belongs to the organization. */
  readonly userId: string | null;
  readonly lastCharacters: string;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** All keys of an app, oldest first. */
export const listAllApiKeys = (db: Queryable, appId: string): Promise<ListedApiKey[]> =>
  db.query<ListedApiKey>(sql`
    SELECT id, org_id AS "orgId", user_id AS "userId", last_characters AS "lastCharacters", expires_at AS "expiresAt",
      last_used_at AS "lastUsedAt"
    FROM api_keys WHERE app_id = ${appId} ORDER BY id`);

/** Ends a key of any owner. @returns the organization of the key; undefined if there is no such key */
export async function deleteAnyApiKey(tx: Tx, appId: string, id: string): Promise<string | undefined> {
  const [row] = await tx.query<{ org_id: string }>(
    sql`DELETE FROM api_keys WHERE app_id = ${appId} AND id = ${id} RETURNING org_id`,
  );
  return row?.org_id;
}
