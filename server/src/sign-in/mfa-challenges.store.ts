import type { Acr } from '../access/second-factor.ts';
import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** An unfinished sign-in: the first factor was correct, and the second factor is missing. */
export interface MfaChallenge {
  readonly userId: string;
  readonly amr: readonly string[];
  /** The strength that an identity provider has asserted; null: none. */
  readonly providerAcr: Acr | null;
  /** Hash of the token of the device that began the sign-in. */
  readonly deviceHash: Buffer;
  /** Hash of the token of this device, if a second factor of the account was used on it before. */
  readonly provenDevice: Buffer | undefined;
  /** The quotas to refund when the sign-in succeeds, in the order in which they were consumed. */
  readonly quotas: readonly { readonly name: string; readonly keyHash: Buffer }[];
}

/** A challenge to store. */
export interface NewMfaChallenge extends Omit<MfaChallenge, 'provenDevice'> {
  /** Hashes of the device tokens that the caller presented. */
  readonly presentedHashes: readonly Buffer[];
  readonly tokenHash: Buffer;
  readonly now: Date;
  readonly expiresAt: Date;
}

/**
 * The statement that stores a challenge. It returns `user_id`.
 *
 * @param source empty, or a FROM clause that yields one row if the challenge may be stored
 */
export const insertChallenge = (appId: string, challenge: NewMfaChallenge, source: Sql): Sql => sql`
  INSERT INTO mfa_challenges (app_id, token_hash, user_id, amr, device_hash, known_device, quota_names, quota_keys,
    created_at, expires_at, provider_acr)
  SELECT ${appId}::bigint, ${challenge.tokenHash}::bytea, ${challenge.userId}::bigint, ${[...challenge.amr]}::text[],
    ${challenge.deviceHash}::bytea, (
      SELECT token_hash FROM devices
      WHERE app_id = ${appId} AND user_id = ${challenge.userId} AND expires_at > ${challenge.now}
        AND factor_at IS NOT NULL AND token_hash = ANY (${[...challenge.presentedHashes]}::bytea[]) LIMIT 1),
    ${challenge.quotas.map(({ name }) => name)}::text[], ${challenge.quotas.map(({ keyHash }) => keyHash)}::bytea[],
    ${challenge.now}::timestamptz, ${challenge.expiresAt}::timestamptz,
    ${challenge.providerAcr}::smallint
  ${source}
  RETURNING user_id`;

interface ChallengeRow {
  user_id: string;
  amr: string[];
  provider_acr: Acr | null;
  device_hash: Buffer;
  known_device: Buffer | null;
  quota_names: string[];
  quota_keys: Buffer[];
}

const toChallenge = (row: ChallengeRow): MfaChallenge => ({
  userId: row.user_id,
  amr: row.amr,
  providerAcr: row.provider_acr,
  deviceHash: row.device_hash,
  provenDevice: row.known_device ?? undefined,
  quotas: row.quota_keys.map((keyHash, index) => ({ name: row.quota_names[index] ?? '', keyHash })),
});

/** The unexpired challenge of a token, if it was issued to one of these devices and the user is active. */
export async function findChallenge(
  db: Queryable,
  appId: string,
  { tokenHash, deviceHashes, now }: { tokenHash: Buffer; deviceHashes: readonly Buffer[]; now: Date },
): Promise<MfaChallenge | undefined> {
  const [row] = await db.query<ChallengeRow>(sql`
    SELECT c.user_id, c.amr, c.provider_acr, c.device_hash, c.known_device, c.quota_names, c.quota_keys
    FROM mfa_challenges c
    JOIN users u ON u.app_id = c.app_id AND u.id = c.user_id AND u.state = 'ACTIVE'
    WHERE c.app_id = ${appId} AND c.token_hash = ${tokenHash} AND c.expires_at > ${now}
      AND c.device_hash = ANY (${[...deviceHashes]}::bytea[])`);
  return row && toChallenge(row);
}

/** Consumes a challenge. @returns false if it was used or voided in the meantime */
export async function consumeChallenge(tx: Tx, appId: string, tokenHash: Buffer): Promise<boolean> {
  const rows = await tx.query(
    sql`DELETE FROM mfa_challenges WHERE app_id = ${appId} AND token_hash = ${tokenHash} RETURNING 1`,
  );
  return rows.length > 0;
}

/**
 * Deletes at most `limit` expired challenges, of all apps. Skips locked rows.
 *
 * @returns the number of deleted rows
 */
export async function deleteExpiredChallenges(db: Queryable, now: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH expired AS MATERIALIZED (
      SELECT app_id, token_hash FROM mfa_challenges WHERE expires_at <= ${now} ORDER BY expires_at LIMIT ${limit}
      FOR UPDATE SKIP LOCKED)
    DELETE FROM mfa_challenges c USING expired
    WHERE c.app_id = expired.app_id AND c.token_hash = expired.token_hash
    RETURNING 1`);
  return rows.length;
}
