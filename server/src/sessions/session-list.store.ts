import { type Acr, acrOf } from '../access/second-factor.ts';
import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';

/** A session in the view of its owner. */
export interface Session {
  readonly id: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
  readonly userAgent: string | null;
  readonly ip: string | null;
  readonly amr: readonly string[];
  readonly acr: Acr;
  /** When the person last authenticated in this session. */
  readonly authenticatedAt: Date;
}

interface SessionRow {
  id: string;
  created_at: Date;
  last_seen_at: Date;
  expires_at: Date;
  user_agent: string | null;
  ip: string | null;
  amr: string[];
  provider_acr: Acr | null;
  authenticated_at: Date;
}

/** The live sessions of a user, oldest first. */
export async function listSessions(db: Queryable, appId: string, userId: string, now: Date): Promise<Session[]> {
  const rows = await db.query<SessionRow>(sql`
    SELECT id, created_at, last_seen_at, LEAST(expires_at, idle_expires_at) AS expires_at, user_agent, ip,
      amr, provider_acr, authenticated_at
    FROM sessions
    WHERE app_id = ${appId} AND user_id = ${userId} AND expires_at > ${now} AND idle_expires_at > ${now}
    ORDER BY id`);
  return rows.map((row) => ({
    id: row.id,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.expires_at,
    userAgent: row.user_agent,
    ip: row.ip,
    amr: row.amr,
    acr: acrOf(row.amr, row.provider_acr),
    authenticatedAt: row.authenticated_at,
  }));
}
