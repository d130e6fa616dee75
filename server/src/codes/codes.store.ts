import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** Purposes of codes. */
export type CodePurpose =
  | 'email_verification'
  | 'invitation'
  | 'password_reset'
  | 'email_change'
  | 'reauthentication'
  | 'sign_in'
  | 'second_factor';

/** User and purpose of a code, and for invitations the organization. */
export interface CodeBinding {
  readonly userId: string;
  readonly purpose: CodePurpose;
  readonly orgId?: string | undefined;
}

/** Stored data of a code, in addition to its binding. */
export interface CodeCircumstances {
  /** The address that the code was sent to, if it is not yet the user's address. */
  readonly email?: string | undefined;
  /** The client address that requested the code without authentication. Some attempts are reserved for it. */
  readonly requestedFrom?: string | undefined;
  /** Hash of the secret of the browser that requested the code. The long code works only in that browser. */
  readonly browserHash?: Buffer | undefined;
}

const triesPerAddress = 5;
const triesPerCode = 50;
/** Attempts available to strangers. The rest is reserved for the client that requested the code. */
const triesOfStrangers = triesPerCode - triesPerAddress;

export async function insertCode(
  tx: Tx,
  appId: string,
  code: CodeBinding &
    CodeCircumstances & {
      id: string;
      codeHash: Buffer;
      longHash: Buffer;
      tokenHash: Buffer | null;
      now: Date;
      expiresAt: Date;
    },
): Promise<void> {
  await tx.query(sql`
    INSERT INTO codes (app_id, id, user_id, purpose, org_id, code_hash, long_hash, token_hash, email, requested_from,
      browser_hash, created_at, expires_at)
    VALUES (${appId}, ${code.id}, ${code.userId}, ${code.purpose}, ${code.orgId ?? null}, ${code.codeHash},
      ${code.longHash}, ${code.tokenHash}, ${code.email ?? null}, ${code.requestedFrom ?? null},
      ${code.browserHash ?? null}, ${code.now}, ${code.expiresAt})`);
}

/** Order in which several codes of a user are locked, so that concurrent calls cannot deadlock. */
const inOrder = sql`ORDER BY id FOR UPDATE`;

/**
 * Voids all short codes of a binding except the newest few, and the tokens mailed with them. If anyone can request
 * codes, each client address has its own newest few. Otherwise a stranger could exhaust the attempts that strangers
 * have on a code, request new codes, and so void the owner's code. The long codes of the same mails stay valid until
 * they
 * expire. Codes that were issued before long codes existed are deleted.
 */
export async function voidShortCodes(tx: Tx, appId: string, binding: CodeBinding, keep: number): Promise<void> {
  await tx.query(sql`
    WITH surplus AS MATERIALIZED (
      SELECT id, long_hash FROM codes
      WHERE app_id = ${appId} AND id IN (
        SELECT id FROM (
          SELECT id, row_number() OVER (PARTITION BY requested_from ORDER BY id DESC) AS place FROM codes
          WHERE app_id = ${appId} AND user_id = ${binding.userId} AND purpose = ${binding.purpose}
            AND org_id IS NOT DISTINCT FROM ${binding.orgId ?? null}::bigint AND code_hash IS NOT NULL) AS numbered
        WHERE place > ${keep})
      ${inOrder}),
    shortened AS (
      UPDATE codes c SET code_hash = NULL, token_hash = NULL FROM surplus
      WHERE c.app_id = ${appId} AND c.id = surplus.id AND surplus.long_hash IS NOT NULL)
    DELETE FROM codes c USING surplus WHERE c.app_id = ${appId} AND c.id = surplus.id AND surplus.long_hash IS NULL`);
}

/** Voids all codes of a binding, short and long, and the tokens mailed with them. */
export async function voidCodes(tx: Tx, appId: string, binding: CodeBinding): Promise<void> {
  await tx.query(sql`
    DELETE FROM codes WHERE app_id = ${appId} AND id IN (
      SELECT id FROM codes
      WHERE app_id = ${appId} AND user_id = ${binding.userId} AND purpose = ${binding.purpose}
        AND org_id IS NOT DISTINCT FROM ${binding.orgId ?? null}::bigint
      ${inOrder})`);
}

/** Voids every code of a user, or only those of these purposes. */
export async function voidAllCodes(
  tx: Tx,
  appId: string,
  userId: string,
  purposes: readonly CodePurpose[] | null = null,
): Promise<void> {
  await tx.query(sql`
    DELETE FROM codes WHERE app_id = ${appId} AND id IN (
      SELECT id FROM codes
      WHERE app_id = ${appId} AND user_id = ${userId}
        AND (${purposes}::text[] IS NULL OR purpose = ANY (${purposes}::text[]))
      ${inOrder})`);
}

/**
 * Counts the valid short codes of a user, for a purpose without an organization, that have attempts left for strangers.
 *
 * @param requestedFrom counts only the codes that this client address requested; undefined: all
 */
export async function countUsableCodes(
  db: Queryable,
  appId: string,
  userId: string,
  purpose: CodePurpose,
  { now, requestedFrom }: { now: Date; requestedFrom: string | undefined },
): Promise<number> {
  const [row] = await db.query<{ usable: number }>(sql`
    SELECT count(*)::integer AS usable FROM codes
    WHERE app_id = ${appId} AND user_id = ${userId} AND purpose = ${purpose}
      AND expires_at > ${now} AND tries < ${triesOfStrangers} AND code_hash IS NOT NULL
      AND (${requestedFrom ?? null}::text IS NULL OR requested_from = ${requestedFrom ?? null}::text)`);
  return row?.usable ?? 0;
}

/** Counts the valid codes of a user that anyone could request, in all organizations. */
export async function countRequestedCodes(
  db: Queryable,
  appId: string,
  userId: string,
  { purpose, now }: { purpose: CodePurpose; now: Date },
): Promise<number> {
  const [row] = await db.query<{ requested: number }>(sql`
    SELECT count(*)::integer AS requested FROM codes
    WHERE app_id = ${appId} AND user_id = ${userId} AND purpose = ${purpose}
      AND expires_at > ${now} AND requested_from IS NOT NULL`);
  return row?.requested ?? 0;
}

/**
 * Counts an attempt of this address on every valid code of the binding, and returns the codes that may still be
 * compared. Each code allows 5 attempts per address and 50 in all; the last 5 are reserved for the address that
 * requested the code. A separate statement, committed before the comparison, so that parallel requests cannot exceed
 * the count. If there is no code, a row is written too: the commit time must not reveal whether an account exists.
 */
export async function countCodeAttempt(
  db: Queryable,
  appId: string,
  binding: CodeBinding & { address: string; now: Date },
): Promise<{ id: string; codeHash: Buffer }[]> {
  const rows = await db.query<{ id: string; code_hash: Buffer }>(sql`
    WITH live AS (
      SELECT id FROM codes
      WHERE app_id = ${appId} AND user_id = ${binding.userId} AND purpose = ${binding.purpose}
        AND org_id IS NOT DISTINCT FROM ${binding.orgId ?? null}::bigint AND expires_at > ${binding.now}
        AND code_hash IS NOT NULL
      ORDER BY id
      FOR UPDATE),
    counted AS (
      INSERT INTO code_tries AS known (app_id, code_id, address, tries)
      SELECT ${appId}::bigint, live.id, ${binding.address}::text, 1 FROM live
      ON CONFLICT (app_id, code_id, address) DO UPDATE SET tries = known.tries + 1
      WHERE known.tries < ${triesPerAddress}
      RETURNING code_id),
    in_vain AS (
      INSERT INTO code_tries_in_vain AS known (app_id, address, tries, last_at)
      SELECT ${appId}::bigint, ${binding.address}::text, 1, ${binding.now}::timestamptz
      WHERE NOT EXISTS (SELECT FROM live)
      ON CONFLICT (app_id, address) DO UPDATE SET tries = known.tries + 1, last_at = EXCLUDED.last_at)
    UPDATE codes c SET tries = c.tries + 1
    FROM counted
    WHERE c.app_id = ${appId} AND c.id = counted.code_id
      AND c.tries < CASE WHEN c.requested_from <> ${binding.address} THEN ${triesOfStrangers}::integer
        ELSE ${triesPerCode}::integer END
    RETURNING c.id, c.code_hash`);
  return rows.map((row) => ({ id: row.id, codeHash: row.code_hash }));
}

/**
 * Finds the valid long code of a binding by its hash, which can only be computed with the master key.
 *
 * @param hashes of the presented code, under each master key
 */
export async function findLongCode(
  db: Queryable,
  appId: string,
  binding: CodeBinding & { now: Date },
  hashes: readonly Buffer[],
): Promise<{ id: string; longHash: Buffer; browserHash: Buffer | null } | undefined> {
  const [row] = await db.query<{ id: string; long_hash: Buffer; browser_hash: Buffer | null }>(sql`
    SELECT id, long_hash, browser_hash FROM codes
    WHERE app_id = ${appId} AND long_hash = ANY (${[...hashes]}::bytea[]) AND user_id = ${binding.userId}
      AND purpose = ${binding.purpose} AND org_id IS NOT DISTINCT FROM ${binding.orgId ?? null}::bigint
      AND expires_at > ${binding.now}`);
  return row && { id: row.id, longHash: row.long_hash, browserHash: row.browser_hash };
}

/** Redemption voids other codes. Codes are locked from oldest to newest, to avoid deadlocks. */
async function lockCodesOf(tx: Tx, appId: string, userId: string): Promise<void> {
  await tx.query(sql`SELECT id FROM codes WHERE app_id = ${appId} AND user_id = ${userId} ${inOrder}`);
}

/**
 * Consumes a code of a user, and voids every other code, short or long, of the same purpose and organization.
 *
 * @returns the stored data of the code, or undefined if another request used or voided it first
 */
export async function consumeCode(
  tx: Tx,
  appId: string,
  userId: string,
  codeId: string,
): Promise<{ email: string | null } | undefined> {
  await lockCodesOf(tx, appId, userId);
  const rows = await tx.query<{ id: string; email: string | null }>(sql`
    DELETE FROM codes c USING codes used
    WHERE used.app_id = ${appId} AND used.user_id = ${userId} AND used.id = ${codeId}
      AND c.app_id = ${appId} AND c.user_id = ${userId} AND c.purpose = used.purpose
      AND c.org_id IS NOT DISTINCT FROM used.org_id
    RETURNING c.id, c.email`);
  const used = rows.find(({ id }) => id === codeId);
  return used && { email: used.email };
}

/**
 * Deletes at most `limit` expired codes of all apps, with their attempts. Skips locked rows.
 *
 * @returns the number of deleted rows
 */
export async function deleteExpiredCodes(db: Queryable, now: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH expired AS MATERIALIZED (
      SELECT app_id, id FROM codes WHERE expires_at <= ${now} ORDER BY expires_at LIMIT ${limit}
      FOR UPDATE SKIP LOCKED)
    DELETE FROM codes c USING expired
    WHERE c.app_id = expired.app_id AND c.id = expired.id
    RETURNING c.id`);
  return rows.length;
}

/** Deletes expired attempts on codes that did not exist. */
export async function deleteAttemptsWithoutCode(db: Queryable, before: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH old AS MATERIALIZED (
      SELECT app_id, address FROM code_tries_in_vain WHERE last_at <= ${before} ORDER BY last_at LIMIT ${limit}
      FOR UPDATE SKIP LOCKED)
    DELETE FROM code_tries_in_vain t USING old
    WHERE t.app_id = old.app_id AND t.address = old.address
    RETURNING t.address`);
  return rows.length;
}

/** Deletes the attempts of these client addresses on codes that did not exist. */
export async function forgetAttemptsWithoutCode(tx: Tx, appId: string, addresses: readonly string[]): Promise<void> {
  await tx.query(sql`
    DELETE FROM code_tries_in_vain WHERE app_id = ${appId} AND address = ANY (${[...addresses]}::text[])`);
}

/** The user and code of a valid mailed token. */
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
