import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A request for a code to sign in. Whether an account has the address is checked later. */
export interface SignInCodeRequest {
  readonly appId: string;
  readonly id: string;
  readonly emailKey: string;
  readonly urlTemplate: string | null;
  readonly ip: string;
  readonly userAgent: string | null;
  /** Hashes of the device tokens in the request. */
  readonly deviceHashes: readonly Buffer[];
  /** Hash of the secret in the cookie of the browser that requested the code. */
  readonly browserHash: Buffer;
  readonly requestId: string;
  readonly createdAt: Date;
}

export async function insertSignInCodeRequest(
  db: Queryable,
  appId: string,
  request: Omit<SignInCodeRequest, 'appId'>,
): Promise<void> {
  await db.query(sql`
    INSERT INTO sign_in_code_requests (app_id, id, email_key, url_template, ip, user_agent, device_hashes,
      browser_hash, request_id, created_at)
    VALUES (${appId}, ${request.id}, ${request.emailKey}, ${request.urlTemplate}, ${request.ip}, ${request.userAgent},
      ${[...request.deviceHashes]}::bytea[], ${request.browserHash}, ${request.requestId}, ${request.createdAt})`);
}

/**
 * Claims the oldest request of all apps after the given one, and skips locked rows. A commit deletes the request; a
 * rollback keeps it.
 */
export async function takeSignInCodeRequest(tx: Tx, afterId: string): Promise<SignInCodeRequest | undefined> {
  const [row] = await tx.query<{
    app_id: string;
    id: string;
    email_key: string;
    url_template: string | null;
    ip: string;
    user_agent: string | null;
    device_hashes: Buffer[];
    browser_hash: Buffer;
    request_id: string;
    created_at: Date;
  }>(sql`
    WITH next AS MATERIALIZED (
      SELECT app_id, id FROM sign_in_code_requests WHERE id > ${afterId} ORDER BY id LIMIT 1
      FOR UPDATE SKIP LOCKED)
    DELETE FROM sign_in_code_requests r USING next
    WHERE r.app_id = next.app_id AND r.id = next.id
    RETURNING r.app_id, r.id, r.email_key, r.url_template, r.ip, r.user_agent, r.device_hashes, r.browser_hash,
      r.request_id, r.created_at`);
  return (
    row && {
      appId: row.app_id,
      id: row.id,
      emailKey: row.email_key,
      urlTemplate: row.url_template,
      ip: row.ip,
      userAgent: row.user_agent,
      deviceHashes: row.device_hashes,
      browserHash: row.browser_hash,
      requestId: row.request_id,
      createdAt: row.created_at,
    }
  );
}

/** Deletes the requests for an address. */
export async function deleteSignInCodeRequests(tx: Tx, appId: string, emailKey: string): Promise<void> {
  await tx.query(sql`DELETE FROM sign_in_code_requests WHERE app_id = ${appId} AND email_key = ${emailKey}`);
}
