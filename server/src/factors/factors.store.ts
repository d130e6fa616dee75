import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';

/** A second factor in the view of its owner. */
export interface Factor {
  readonly id: string;
  readonly kind: 'totp' | 'passkey';
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  /** Properties of a passkey. */
  readonly passkey?: PasskeyProperties;
}

/** The properties of a passkey that its owner sees. */
export interface PasskeyProperties {
  /** Whether it can be synchronized to other devices. */
  readonly isBackupEligible: boolean;
  /** Whether it is synchronized. */
  readonly isBackedUp: boolean;
  readonly transports: readonly string[];
  /** The model of the authenticator. */
  readonly aaguid: string;
  /** When the signature counter last decreased; null: never. */
  readonly counterRegressedAt: Date | null;
}

/** A factor with the data for a check. */
export interface SealedFactor {
  readonly id: string;
  readonly name: string;
  readonly sealedSecret: Buffer;
  readonly createdAt: Date;
  readonly isConfirmed: boolean;
}

interface FactorRow {
  id: string;
  kind: 'totp' | 'passkey';
  name: string;
  created_at: Date;
  last_used_at: Date | null;
  is_backup_eligible: boolean;
  is_backed_up: boolean;
  transports: string[];
  aaguid: string;
  counter_regressed_at: Date | null;
}

const columns = sql`id, kind, name, created_at, last_used_at, is_backup_eligible, is_backed_up, transports, aaguid,
  counter_regressed_at`;

const toFactor = (row: FactorRow): Factor => ({
  id: row.id,
  kind: row.kind,
  name: row.name,
  createdAt: row.created_at,
  lastUsedAt: row.last_used_at,
  ...(row.kind === 'passkey' && {
    passkey: {
      isBackupEligible: row.is_backup_eligible,
      isBackedUp: row.is_backed_up,
      transports: row.transports,
      aaguid: row.aaguid,
      counterRegressedAt: row.counter_regressed_at,
    },
  }),
});

/** The confirmed factors of a user, oldest first. */
export async function listFactors(db: Queryable, appId: string, userId: string): Promise<Factor[]> {
  const rows = await db.query<FactorRow>(sql`
    SELECT ${columns} FROM factors
    WHERE app_id = ${appId} AND user_id = ${userId} AND confirmed_at IS NOT NULL ORDER BY id`);
  return rows.map(toFactor);
}

/** An authenticator app of a user, confirmed or not. */
export async function findSealedFactor(
  db: Queryable,
  appId: string,
  userId: string,
  id: string,
): Promise<SealedFactor | undefined> {
  const [row] = await db.query<{ name: string; sealed_secret: Buffer; created_at: Date; is_confirmed: boolean }>(sql`
    SELECT name, sealed_secret, created_at, confirmed_at IS NOT NULL AS is_confirmed FROM factors
    WHERE app_id = ${appId} AND user_id = ${userId} AND id = ${id} AND kind = 'totp'`);
  if (!row) return undefined;
  const { name, sealed_secret: sealedSecret, created_at: createdAt, is_confirmed: isConfirmed } = row;
  return { id, name, sealedSecret, createdAt, isConfirmed };
}

/** Stores an authenticator app that its owner has yet to confirm. Deletes an earlier one that was never confirmed. */
export async function insertFactor(
  tx: Tx,
  appId: string,
  factor: { id: string; userId: string; name: string; sealedSecret: Buffer; now: Date },
): Promise<void> {
  await tx.query(sql`
    WITH replaced AS (
      DELETE FROM factors WHERE app_id = ${appId} AND user_id = ${factor.userId} AND confirmed_at IS NULL)
    INSERT INTO factors (app_id, id, user_id, kind, name, sealed_secret, created_at)
    VALUES (${appId}, ${factor.id}, ${factor.userId}, 'totp', ${factor.name}, ${factor.sealedSecret}, ${factor.now})`);
}

/**
 * Sets `users.has_factor` to whether the user has a confirmed factor, and `users.strongest_acr` to the strength of the
 * strongest one. Ends remembered devices. The user must be locked already.
 */
export async function recordWhetherHasFactor(tx: Tx, appId: string, userId: string): Promise<void> {
  await tx.query(sql`
    UPDATE users u SET has_factor = strongest.acr > 1, strongest_acr = strongest.acr,
      remember_version = remember_version + 1
    FROM (
      SELECT COALESCE(max(CASE WHEN is_user_verified THEN 3 ELSE 2 END), 1) AS acr FROM factors
      WHERE app_id = ${appId} AND user_id = ${userId} AND confirmed_at IS NOT NULL) AS strongest
    WHERE u.app_id = ${appId} AND u.id = ${userId}`);
}

/**
 * Confirms a factor of a locked user by the code of a time step.
 *
 * @returns whether it was still unconfirmed
 */
export async function confirmFactor(
  tx: Tx,
  appId: string,
  factor: { id: string; userId: string; step: number; now: Date },
): Promise<boolean> {
  const rows = await tx.query(sql`
    UPDATE factors SET confirmed_at = ${factor.now}, last_used_at = ${factor.now}, last_step = ${factor.step}
    WHERE app_id = ${appId} AND user_id = ${factor.userId} AND id = ${factor.id} AND confirmed_at IS NULL
    RETURNING 1`);
  if (rows.length > 0) await recordWhetherHasFactor(tx, appId, factor.userId);
  return rows.length > 0;
}

/**
 * Records that the code of a time step was used. One statement, so that two calls with the same code cannot both
 * succeed. Only a sign-in counts as the first use: otherwise the thief of a session could add a factor, re-authenticate
 * with it, and so disable the "not me" link of the owner.
 *
 * @returns false if the code of this step or a later one was used before, or the factor was deleted
 * @see RFC 6238, section 5.2
 */
export async function useStep(
  tx: Tx,
  appId: string,
  factor: { id: string; userId: string; step: number; startsSession: boolean; now: Date },
): Promise<boolean> {
  const rows = await tx.query(sql`
    UPDATE factors SET last_step = ${factor.step},
      last_used_at = CASE WHEN ${factor.startsSession}::boolean OR last_used_at > confirmed_at
        THEN ${factor.now}::timestamptz ELSE last_used_at END
    WHERE app_id = ${appId} AND user_id = ${factor.userId} AND id = ${factor.id} AND confirmed_at IS NOT NULL
      AND last_step < ${factor.step}::bigint
    RETURNING 1`);
  return rows.length > 0;
}

/** @throws ApiError `factor_not_found` */
export async function renameFactor(tx: Tx, appId: string, userId: string, id: string, name: string): Promise<Factor> {
  const [row] = await tx.query<FactorRow>(sql`
    UPDATE factors SET name = ${name}
    WHERE app_id = ${appId} AND user_id = ${userId} AND id = ${id} AND confirmed_at IS NOT NULL
    RETURNING ${columns}`);
  if (!row) throw new ApiError('factor_not_found');
  return toFactor(row);
}

/** Updates what depends on the factors of a locked user after some were deleted. */
async function settleDeletion(tx: Tx, appId: string, userId: string): Promise<void> {
  await recordWhetherHasFactor(tx, appId, userId);
  await tx.query(sql`
    DELETE FROM recovery_codes c USING users u
    WHERE u.app_id = ${appId} AND u.id = ${userId} AND NOT u.has_factor AND c.app_id = u.app_id AND c.user_id = u.id`);
}

/**
 * Deletes a factor of a locked user. With the last confirmed one, the recovery codes are deleted too.
 *
 * @returns its name, or undefined if there is no such factor
 */
export async function deleteFactor(
  tx: Tx,
  appId: string,
  userId: string,
  id: string,
): Promise<{ name: string } | undefined> {
  const [row] = await tx.query<{ name: string }>(sql`
    DELETE FROM factors WHERE app_id = ${appId} AND user_id = ${userId} AND id = ${id} RETURNING name`);
  if (!row) return undefined;
  await settleDeletion(tx, appId, userId);
  return row;
}

/** How long the "not me" link of a factor can remove the factor although it was used. */
const rejectableMs = 24 * 3_600_000;

/**
 * Deletes the factor that a "not me" link names, and those that were added later, because a stranger may have added
 * several. The user is locked. Within a day after it was added, a factor is deleted even if it was used, because the
 * thief of a session can immediately sign in with an added passkey. Later, only a factor that was not used is deleted,
 * because a stranger who reads the mailbox must not remove the factor with which the owner signs in.
 */
export async function deleteRejectedFactors(
  tx: Tx,
  appId: string,
  userId: string,
  id: string,
  now: Date,
): Promise<void> {
  const lately = new Date(now.getTime() - rejectableMs);
  const rows = await tx.query(sql`
    WITH rejectable AS (
      SELECT id, confirmed_at FROM factors
      WHERE app_id = ${appId} AND user_id = ${userId}
        AND (last_used_at IS NOT DISTINCT FROM confirmed_at OR confirmed_at > ${lately}))
    DELETE FROM factors f USING rejectable r, rejectable rejected
    WHERE f.app_id = ${appId} AND f.user_id = ${userId} AND f.id = r.id AND rejected.id = ${id}
      AND (r.id = rejected.id OR r.confirmed_at IS NULL OR r.confirmed_at > rejected.confirmed_at
        OR (r.confirmed_at = rejected.confirmed_at AND r.id > rejected.id))
    RETURNING 1`);
  if (rows.length > 0) await settleDeletion(tx, appId, userId);
}

/** Deletes all factors, recovery codes and challenges of a locked user. @returns the number of confirmed factors */
export async function deleteFactors(tx: Tx, appId: string, userId: string): Promise<number> {
  const rows = await tx.query<{ is_confirmed: boolean }>(sql`
    WITH codes AS (DELETE FROM recovery_codes WHERE app_id = ${appId} AND user_id = ${userId}),
    resets AS (DELETE FROM factor_resets WHERE app_id = ${appId} AND user_id = ${userId}),
    challenges AS (DELETE FROM passkey_challenges WHERE app_id = ${appId} AND user_id = ${userId})
    DELETE FROM factors WHERE app_id = ${appId} AND user_id = ${userId}
    RETURNING confirmed_at IS NOT NULL AS is_confirmed`);
  if (rows.length > 0) await recordWhetherHasFactor(tx, appId, userId);
  return rows.filter((row) => row.is_confirmed).length;
}

/** Every secret of an authenticator app, for encryption under another master key. */
export async function listSealedFactors(tx: Tx): Promise<{ appId: string; id: string; sealed: Buffer }[]> {
  const rows = await tx.query<{ app_id: string; id: string; sealed_secret: Buffer }>(
    sql`SELECT app_id, id, sealed_secret FROM factors WHERE kind = 'totp' ORDER BY app_id, id FOR UPDATE`,
  );
  return rows.map((row) => ({ appId: row.app_id, id: row.id, sealed: row.sealed_secret }));
}

export async function replaceSealedFactor(tx: Tx, appId: string, id: string, sealed: Buffer): Promise<void> {
  await tx.query(sql`UPDATE factors SET sealed_secret = ${sealed} WHERE app_id = ${appId} AND id = ${id}`);
}
