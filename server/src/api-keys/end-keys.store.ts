import type { Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A key that ended, or that is refused until an owner adopts it. */
export interface EndedKey {
  readonly id: string;
  readonly orgId: string;
  readonly organizationName: string;
  readonly name: string;
  /** Whether the key belongs to a person, and is deleted. */
  readonly isPersonal: boolean;
  readonly isExpired: boolean;
}

interface EndedKeyRow {
  id: string;
  org_id: string;
  organization_name: string;
  name: string;
  is_personal: boolean;
  is_expired: boolean;
}

const toEndedKey = (row: EndedKeyRow): EndedKey => ({
  id: row.id,
  orgId: row.org_id,
  organizationName: row.organization_name,
  name: row.name,
  isPersonal: row.is_personal,
  isExpired: row.is_expired,
});

/** Runs a change of keys that returns the rows of the keys. @returns the keys, oldest first */
async function endKeys(tx: Tx, appId: string, now: Date, changes: Sql): Promise<EndedKey[]> {
  const rows = await tx.query<EndedKeyRow>(sql`
    WITH ${changes}
    SELECT k.id, k.org_id, o.name AS organization_name, k.name, k.user_id IS NOT NULL AS is_personal,
      COALESCE(k.expires_at <= ${now}, false) AS is_expired
    FROM ended k JOIN organizations o ON o.app_id = ${appId} AND o.id = k.org_id
    ORDER BY k.id`);
  return rows.map(toEndedKey);
}

/** Deletes all personal keys of a user. */
export const deletePersonalKeys = (tx: Tx, appId: string, userId: string, now: Date): Promise<EndedKey[]> =>
  endKeys(
    tx,
    appId,
    now,
    sql`
    ended AS (DELETE FROM api_keys WHERE app_id = ${appId} AND user_id = ${userId} RETURNING *)`,
  );

/**
 * Deletes the personal keys of a user, and removes the user as maker of keys of organizations.
 *
 * @param orgId the only organization whose keys change, because the user is about to leave it. Undefined: every
 *   organization
 */
export function deleteAndReleaseKeys(
  tx: Tx,
  appId: string,
  { userId, orgId }: { readonly userId: string; readonly orgId: string | undefined },
  now: Date,
): Promise<EndedKey[]> {
  const within = orgId === undefined ? sql`` : sql`AND org_id = ${orgId}`;
  const isMaker = orgId === undefined ? sql`(maker_id = ${userId} OR admin_id = ${userId})` : sql`maker_id = ${userId}`;
  return endKeys(
    tx,
    appId,
    now,
    sql`
    deleted AS (DELETE FROM api_keys WHERE app_id = ${appId} AND user_id = ${userId} ${within} RETURNING *),
    released AS (
      UPDATE api_keys SET maker_id = NULL, admin_id = NULL
      WHERE app_id = ${appId} AND ${isMaker} ${within} RETURNING *),
    ended AS (SELECT * FROM deleted UNION ALL SELECT * FROM released)`,
  );
}

/**
 * Removes a user who is no longer a super admin as maker of keys. In organizations of which the user is a member, the
 * user stays the maker, and is limited by the rights of a member.
 *
 * @returns the keys that have no maker any more
 */
export const releaseKeysOfSuperAdmin = (tx: Tx, appId: string, userId: string, now: Date): Promise<EndedKey[]> =>
  endKeys(
    tx,
    appId,
    now,
    sql`
    changed AS (
      UPDATE api_keys k SET admin_id = NULL, maker_id = (
        SELECT m.user_id FROM members m WHERE m.app_id = k.app_id AND m.org_id = k.org_id AND m.user_id = k.admin_id)
      WHERE k.app_id = ${appId} AND k.admin_id = ${userId} RETURNING *),
    ended AS (SELECT * FROM changed WHERE maker_id IS NULL)`,
  );

/** Removes a machine user of the app as maker of keys. @returns the keys, which have no maker any more */
export const releaseKeysOfMachine = (tx: Tx, appId: string, machineUserId: string, now: Date): Promise<EndedKey[]> =>
  endKeys(
    tx,
    appId,
    now,
    sql`
    ended AS (
      UPDATE api_keys SET machine_user_id = NULL
      WHERE app_id = ${appId} AND machine_user_id = ${machineUserId} RETURNING *)`,
  );

/**
 * Deletes a key whose creator reports that somebody else created it, also if another owner has adopted the key.
 *
 * @returns undefined if the key no longer exists
 */
export async function deleteReportedKey(tx: Tx, appId: string, id: string, now: Date): Promise<EndedKey | undefined> {
  const [key] = await endKeys(
    tx,
    appId,
    now,
    sql`ended AS (DELETE FROM api_keys WHERE app_id = ${appId} AND id = ${id} RETURNING *)`,
  );
  return key;
}
