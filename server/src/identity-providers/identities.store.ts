import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import { isEmailTrusted } from './identity-providers.store.ts';
import type { ProviderType } from './provider-types.ts';

/** The identity of a person at a provider. */
export interface Subject {
  readonly idpId: string;
  readonly issuer: string;
  readonly subject: string;
}

/** Locks the user of an identity, and the identity, until the transaction ends. */
export async function lockUserOfIdentity(
  tx: Tx,
  appId: string,
  { idpId, issuer, subject }: Subject,
): Promise<{ userId: string; identityId: string } | undefined> {
  const [row] = await tx.query<{ user_id: string; id: string }>(sql`
    SELECT u.id AS user_id, i.id FROM users u
    JOIN identities i ON i.app_id = ${appId} AND i.user_id = u.id
    WHERE u.app_id = ${appId} AND i.idp_id = ${idpId} AND i.issuer = ${issuer} AND i.subject = ${subject}
    FOR NO KEY UPDATE OF u, i`);
  return row && { userId: row.user_id, identityId: row.id };
}

/**
 * Records a sign-in with an identity.
 *
 * @param arrival.vouchedEmailKey key of the address that the provider verifies now; null if it verifies none
 */
export async function touchIdentity(
  tx: Tx,
  appId: string,
  identityId: string,
  arrival: { vouchedEmailKey: string | null; now: Date },
): Promise<void> {
  await tx.query(sql`
    UPDATE identities SET last_used_at = ${arrival.now}, vouched_email_key = ${arrival.vouchedEmailKey}
    WHERE app_id = ${appId} AND id = ${identityId}`);
}

export interface NewIdentity extends Subject {
  readonly id: string;
  readonly userId: string;
  readonly email: string | null;
  readonly vouchedEmailKey: string | null;
  readonly now: Date;
}

/** The constraint that keeps an identity from being linked to two users. */
export const identityIsUnique = 'identities_subject_key';

/**
 * @throws DatabaseError for a violation of `identityIsUnique` if the identity was linked to another user in the
 *   meantime
 */
export async function insertIdentity(tx: Tx, appId: string, identity: NewIdentity): Promise<void> {
  await tx.query(sql`
    INSERT INTO identities (app_id, id, user_id, idp_id, issuer, subject, email, vouched_email_key,
      created_at, last_used_at)
    VALUES (${appId}, ${identity.id}, ${identity.userId}, ${identity.idpId}, ${identity.issuer}, ${identity.subject},
      ${identity.email}, ${identity.vouchedEmailKey}, ${identity.now}, ${identity.now})`);
}

/**
 * Whether a locked user is linked to another identity of this provider. A concurrent sign-in with the same identity
 * does not count.
 */
export async function hasOtherSubject(
  tx: Tx,
  appId: string,
  userId: string,
  { idpId, issuer, subject }: Subject,
): Promise<boolean> {
  const rows = await tx.query(sql`
    SELECT 1 FROM identities
    WHERE app_id = ${appId} AND user_id = ${userId} AND idp_id = ${idpId}
      AND (issuer, subject) <> (${issuer}, ${subject})
    LIMIT 1`);
  return rows.length > 0;
}

/**
 * Whether the administrator of a provider could have signed in as a user, whose row is locked: a sign-in with a
 * provider has claimed the account, or a provider other than Google is linked. Google verifies addresses itself.
 */
export async function isOpenToProvider(tx: Tx, appId: string, userId: string): Promise<boolean> {
  const rows = await tx.query(sql`
    SELECT 1 FROM users WHERE app_id = ${appId} AND id = ${userId} AND claimed_by = 'provider'
    UNION ALL
    SELECT 1 FROM identities i
    JOIN identity_providers p ON p.app_id = ${appId} AND p.id = i.idp_id AND p.type <> 'google'
    WHERE i.app_id = ${appId} AND i.user_id = ${userId}
    LIMIT 1`);
  return rows.length > 0;
}

/** Unlinks all identities of a user. */
export async function deleteIdentities(tx: Tx, appId: string, userId: string): Promise<void> {
  await tx.query(sql`DELETE FROM identities WHERE app_id = ${appId} AND user_id = ${userId}`);
}

/**
 * Unlinks the identities whose provider has not verified the present address of a locked user. The claim of a generic
 * provider no longer counts if the app does not trust the provider now.
 *
 * @returns the number of unlinked identities
 */
export async function deleteUnvouchedIdentities(tx: Tx, appId: string, userId: string): Promise<number> {
  const rows = await tx.query(sql`
    DELETE FROM identities i USING users u, identity_providers p
    WHERE i.app_id = ${appId} AND i.user_id = ${userId} AND u.app_id = ${appId} AND u.id = i.user_id
      AND p.app_id = ${appId} AND p.id = i.idp_id
      AND (i.vouched_email_key IS DISTINCT FROM u.email_key OR NOT ${isEmailTrusted})
    RETURNING 1`);
  return rows.length;
}

/** An identity in the view of its owner. */
export interface Identity {
  readonly id: string;
  readonly idpId: string;
  readonly type: ProviderType;
  readonly name: string;
  readonly email: string | null;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
}

/** The identities of a user, oldest first. */
export async function listIdentities(db: Queryable, appId: string, userId: string): Promise<Identity[]> {
  return db.query<Identity>(sql`
    SELECT i.id, i.idp_id AS "idpId", p.type, p.name, i.email, i.created_at AS "createdAt",
      i.last_used_at AS "lastUsedAt"
    FROM identities i
    JOIN identity_providers p ON p.app_id = ${appId} AND p.id = i.idp_id
    WHERE i.app_id = ${appId} AND i.user_id = ${userId}
    ORDER BY i.id`);
}

/**
 * Whether a user could still sign in without one of their identities: with a password, or with another identity of an
 * enabled provider. The user must be locked already.
 */
export async function hasOtherSignInMethod(
  tx: Tx,
  appId: string,
  userId: string,
  identityId: string,
): Promise<boolean> {
  const rows = await tx.query(sql`
    SELECT 1 FROM users WHERE app_id = ${appId} AND id = ${userId} AND password_hash IS NOT NULL
    UNION ALL
    SELECT 1 FROM identities i
    JOIN identity_providers p ON p.app_id = ${appId} AND p.id = i.idp_id AND p.enabled
    WHERE i.app_id = ${appId} AND i.user_id = ${userId} AND i.id <> ${identityId}
    LIMIT 1`);
  return rows.length > 0;
}

/** @throws ApiError `identity_not_found` */
export async function deleteIdentity(tx: Tx, appId: string, userId: string, identityId: string): Promise<void> {
  const rows = await tx.query(sql`
    DELETE FROM identities WHERE app_id = ${appId} AND user_id = ${userId} AND id = ${identityId} RETURNING id`);
  if (rows.length === 0) throw new ApiError('identity_not_found');
}
