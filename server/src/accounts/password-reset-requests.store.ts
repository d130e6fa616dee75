import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A request for a password reset. Whether an account has the address is checked later. */
export interface PasswordResetRequest {
  readonly appId: string;
  readonly id: string;
  readonly emailKey: string;
  readonly urlTemplate: string | null;
  readonly ip: string;
  readonly userAgent: string | null;
  /** Hashes of the device tokens in the request. */
  readonly deviceHashes: readonly Buffer[];
  readonly requestId: string;
  readonly createdAt: Date;
}

export async function insertPasswordResetRequest(
  db: Queryable,
  appId: string,
  request: Omit<PasswordResetRequest, 'appId'>,
): Promise<void> {
  await db.query(sql`
    INSERT INTO password_reset_requests (app_id, id, email_key, url_template, ip, user_agent, device_hashes, request_id,
      created_at)
    VALUES (${appId}, ${request.id}, ${request.emailKey}, ${request.urlTemplate}, ${request.ip}, ${request.userAgent},
      ${[...request.deviceHashes]}::bytea[], ${request.requestId}, ${request.createdAt})`);
}

/**
 * Claims the oldest request of all apps after the given one, and skips locked rows. A commit deletes the request; a
 * rollback keeps it.
 */
export async function takePasswordResetRequest(tx: Tx, afterId: string): Promise<PasswordResetRequest | undefined> {
  const [row] = await tx.query<{
    app_id: string;
    id: string;
    email_key: string;
    url_template: string | null;
    ip: string;
    user_agent: string | null;
    device_hashes: Buffer[];
    request_id: string;
    created_at: Date;
  }>(sql`
    WITH next AS MATERIALIZED (
      SELECT app_id, id FROM password_reset_requests WHERE id > ${afterId} ORDER BY id LIMIT 1
      FOR UPDATE SKIP LOCKED)
    DELETE FROM password_reset_requests r USING next
    WHERE r.app_id = next.app_id AND r.id = next.id
    RETURNING r.app_id, r.id, r.email_key, r.url_template, r.ip, r.user_agent, r.device_hashes, r.request_id,
      r.created_at`);
  return (
    row && {
      appId: row.app_id,
      id: row.id,
      emailKey: row.email_key,
      urlTemplate: row.url_template,
      ip: row.ip,
      userAgent: row.user_agent,
      deviceHashes: row.device_hashes,
      requestId: row.request_id,
      createdAt: row.created_at,
    }
  );
}

/** Deletes the requests for an address. */
export async function deletePasswordResetRequests(tx: Tx, appId: string, emailKey: string): Promise<void> {
  await tx.query(sql`DELETE FROM password_reset_requests WHERE app_id = ${appId} AND email_key = ${emailKey}`);
}
