import type { Queryable, Tx } from '../db/db.ts';
import { refersToDeletedRow, sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';

/** A stored response, with the hashes of its key and request. */
export interface StoredResponse {
  readonly keyHash: Buffer;
  readonly requestHash: Buffer;
  readonly sealedAnswer: Buffer;
}

/**
 * Takes the lock of a key until the transaction ends, unless another transaction holds it. The database releases the
 * lock if the process dies.
 *
 * @param lock a 64-bit number derived from the key
 * @returns whether the lock was free
 */
export async function tryLockKey(tx: Tx, lock: string): Promise<boolean> {
  const [row] = await tx.query<{ free: boolean }>(sql`SELECT pg_try_advisory_xact_lock(${lock}::bigint) AS free`);
  return row?.free === true;
}

/** Finds the stored response by the hashes of a key, under the current and the old master keys. */
export async function findStoredResponse(
  db: Queryable,
  appId: string,
  keyHashes: readonly Buffer[],
  now: Date,
): Promise<StoredResponse | undefined> {
  const [row] = await db.query<{ key_hash: Buffer; request_hash: Buffer; sealed_answer: Buffer }>(sql`
    SELECT key_hash, request_hash, sealed_answer FROM idempotency_keys
    WHERE app_id = ${appId} AND key_hash = ANY (${[...keyHashes]}::bytea[]) AND expires_at > ${now}`);
  return row && { keyHash: row.key_hash, requestHash: row.request_hash, sealedAnswer: row.sealed_answer };
}

/** The caller that sent a key: exactly one id is not null. The stored response is deleted with the caller. */
export interface CallerOfKey {
  readonly userId: string | null;
  readonly machineUserId: string | null;
  readonly organizationMachineId: string | null;
}

/**
 * Stores a response and replaces an expired one.
 *
 * @throws ApiError `unauthenticated` if the caller was deleted during the call
 */
export async function insertStoredResponse(
  tx: Tx,
  appId: string,
  { keyHash, requestHash, sealedAnswer }: StoredResponse,
  caller: CallerOfKey,
  expiresAt: Date,
): Promise<void> {
  const stored = tx.query(sql`
    INSERT INTO idempotency_keys (app_id, key_hash, user_id, machine_user_id, organization_machine_id,
      request_hash, sealed_answer, expires_at)
    VALUES (${appId}, ${keyHash}, ${caller.userId}, ${caller.machineUserId}, ${caller.organizationMachineId},
      ${requestHash}, ${sealedAnswer}, ${expiresAt})
    ON CONFLICT (app_id, key_hash) DO UPDATE SET request_hash = excluded.request_hash,
      sealed_answer = excluded.sealed_answer, expires_at = excluded.expires_at`);
  await stored.catch((error: unknown) => {
    throw refersToDeletedRow(error) ? new ApiError('unauthenticated', { cause: error }) : error;
  });
}

/**
 * Deletes at most `limit` expired responses. Skips locked rows.
 *
 * @returns the number of deleted rows
 */
export async function deleteExpiredAnswers(db: Queryable, now: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH expired AS MATERIALIZED (
      SELECT app_id, key_hash FROM idempotency_keys WHERE expires_at <= ${now}
      ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    DELETE FROM idempotency_keys k USING expired
    WHERE k.app_id = expired.app_id AND k.key_hash = expired.key_hash
    RETURNING 1`);
  return rows.length;
}
