import { statusesInForce } from '../access/organization-states.ts';
import { type Queryable, type Sql, sql, type Tx } from '../db/db.ts';

/** A code to store. */
export interface NewExchange {
  readonly codeHash: Buffer;
  readonly sessionId: string;
  readonly returnTo: string;
  readonly codeChallenge: string;
  readonly expiresAt: Date;
  /** The chosen organization. */
  readonly organizationId?: string | undefined;
}

/** A code as it was created, with the user of its session. */
export interface Exchange {
  readonly sessionId: string;
  /** Hash of the token that the session had; null: unknown, a process of the previous release stored the code. */
  readonly tokenHash: Buffer | null;
  readonly userId: string;
  readonly returnTo: string;
  readonly codeChallenge: string;
  readonly expiresAt: Date;
  /** The chosen organization, if the user is still in it. */
  readonly organizationId: string | null;
}

/** The statement that returns an organization in force if the user is in it. */
const ownOrganization = (appId: string, orgId: Sql, userId: Sql): Sql => sql`
  SELECT o.id FROM organizations o JOIN members m ON m.app_id = o.app_id AND m.org_id = o.id
  WHERE o.app_id = ${appId} AND o.id = ${orgId} AND m.user_id = ${userId}
    AND o.status = ANY (${statusesInForce()}::text[])`;

/** Stores a code. @returns whether the user is in the chosen organization; otherwise nothing is stored */
export async function insertExchange(tx: Tx, appId: string, exchange: NewExchange): Promise<boolean> {
  const orgId = sql`${exchange.organizationId ?? null}::bigint`;
  const rows = await tx.query(sql`
    INSERT INTO session_exchanges (app_id, code_hash, session_id, return_to, code_challenge, expires_at, org_id,
      token_hash)
    SELECT s.app_id, ${exchange.codeHash}::bytea, s.id, ${exchange.returnTo}::text, ${exchange.codeChallenge}::text,
      ${exchange.expiresAt}::timestamptz, ${orgId}, s.token_hash
    FROM sessions s WHERE s.app_id = ${appId} AND s.id = ${exchange.sessionId}
      AND (${orgId} IS NULL OR EXISTS (${ownOrganization(appId, orgId, sql`s.user_id`)}))
    RETURNING 1`);
  return rows.length > 0;
}

interface ExchangeRow {
  session_id: string;
  token_hash: Buffer | null;
  user_id: string;
  return_to: string;
  code_challenge: string;
  expires_at: Date;
  org_id: string | null;
}

/**
 * Consumes a code, whether or not the rest of the request is correct. Locks the user first, as the end of a session
 * does, so that the two cannot deadlock.
 *
 * @returns undefined if there is no such code
 */
export async function consumeExchange(tx: Tx, appId: string, codeHash: Buffer): Promise<Exchange | undefined> {
  const [row] = await tx.query<ExchangeRow>(sql`
    WITH person AS (
      SELECT u.id FROM session_exchanges e
      JOIN sessions s ON s.app_id = e.app_id AND s.id = e.session_id
      JOIN users u ON u.app_id = s.app_id AND u.id = s.user_id
      WHERE e.app_id = ${appId} AND e.code_hash = ${codeHash}
      FOR NO KEY UPDATE OF u)
    DELETE FROM session_exchanges e USING sessions s
    WHERE e.app_id = ${appId} AND e.code_hash = ${codeHash} AND s.app_id = e.app_id AND s.id = e.session_id
      AND s.user_id = (SELECT id FROM person)
    RETURNING e.session_id, e.token_hash, s.user_id, e.return_to, e.code_challenge, e.expires_at,
      (${ownOrganization(appId, sql`e.org_id`, sql`s.user_id`)}) AS org_id`);
  return (
    row && {
      sessionId: row.session_id,
      tokenHash: row.token_hash,
      userId: row.user_id,
      returnTo: row.return_to,
      codeChallenge: row.code_challenge,
      expiresAt: row.expires_at,
      organizationId: row.org_id,
    }
  );
}

/**
 * Deletes at most `limit` expired codes, of all apps. Skips locked rows.
 *
 * @returns the number of deleted rows
 */
export async function deleteExpiredExchanges(db: Queryable, now: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH expired AS MATERIALIZED (
      SELECT app_id, code_hash FROM session_exchanges WHERE expires_at <= ${now} ORDER BY expires_at LIMIT ${limit}
      FOR UPDATE SKIP LOCKED)
    DELETE FROM session_exchanges e USING expired
    WHERE e.app_id = expired.app_id AND e.code_hash = expired.code_hash
    RETURNING 1`);
  return rows.length;
}
