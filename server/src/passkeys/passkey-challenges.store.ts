import { randomBytes } from 'node:crypto';
import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { sha256 } from '../keys/secrets.ts';

/** How long a challenge is valid. */
export const challengeLifeMs = 300_000;

/** The purpose of a challenge, and who may use it. A challenge is refused for every other purpose. */
export type Ceremony =
  | { readonly purpose: 'registration' | 'reauthentication'; readonly sessionId: string }
  | { readonly purpose: 'second_factor'; readonly mfaTokenHash: Buffer }
  | { readonly purpose: 'sign_in' };

/** The owner of the accepted passkey: `none` for a sign-in with an e-mail address that has no account. */
export type Accepted = 'any' | 'none' | { readonly userId: string };

/** Hash of the session or of the pending sign-in that a challenge belongs to. */
function bindingOf(ceremony: Ceremony): Buffer | null {
  switch (ceremony.purpose) {
    case 'registration':
    case 'reauthentication':
      return sha256(`session ${ceremony.sessionId}`);
    case 'second_factor':
      return ceremony.mfaTokenHash;
    case 'sign_in':
      return null;
  }
}

/**
 * Issues a challenge of 256 bits. It replaces an earlier challenge of the same session or pending sign-in.
 *
 * @returns the challenge, in base64url; only its hash is stored
 */
export async function issueChallenge(
  db: Queryable,
  appId: string,
  { ceremony, accepted, now }: { ceremony: Ceremony; accepted: Accepted; now: Date },
): Promise<string> {
  const challenge = randomBytes(32).toString('base64url');
  const boundTo = bindingOf(ceremony);
  const { purpose } = ceremony;
  const userId = typeof accepted === 'object' ? accepted.userId : null;
  await db.query(sql`
    WITH replaced AS (
      DELETE FROM passkey_challenges
      WHERE app_id = ${appId} AND bound_to = ${boundTo}::bytea AND purpose = ${purpose})
    INSERT INTO passkey_challenges (app_id, challenge_hash, purpose, bound_to, user_id, is_for_everybody, expires_at)
    VALUES (${appId}, ${sha256(challenge)}, ${purpose}, ${boundTo}, ${userId}, ${accepted === 'any'},
      ${new Date(now.getTime() + challengeLifeMs)})`);
  return challenge;
}

/**
 * Consumes a challenge. One statement, so that two calls with the same challenge cannot both succeed. A challenge of
 * another session or purpose is not changed.
 *
 * @returns whose passkey is accepted; undefined if there is no such challenge
 */
export async function consumePasskeyChallenge(
  db: Queryable,
  appId: string,
  { challenge, ceremony, now }: { challenge: string; ceremony: Ceremony; now: Date },
): Promise<Accepted | undefined> {
  const [row] = await db.query<{ user_id: string | null; is_for_everybody: boolean }>(sql`
    DELETE FROM passkey_challenges
    WHERE app_id = ${appId} AND challenge_hash = ${sha256(challenge)} AND purpose = ${ceremony.purpose}
      AND bound_to IS NOT DISTINCT FROM ${bindingOf(ceremony)}::bytea AND expires_at > ${now}
    RETURNING user_id, is_for_everybody`);
  if (!row) return undefined;
  if (row.is_for_everybody) return 'any';
  return row.user_id === null ? 'none' : { userId: row.user_id };
}

/**
 * Deletes at most `limit` expired challenges, of all apps. Skips locked rows.
 *
 * @returns the number of deleted rows
 */
export async function deleteExpiredPasskeyChallenges(db: Queryable, now: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH expired AS MATERIALIZED (
      SELECT app_id, challenge_hash FROM passkey_challenges WHERE expires_at <= ${now} ORDER BY expires_at
      LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    DELETE FROM passkey_challenges c USING expired
    WHERE c.app_id = expired.app_id AND c.challenge_hash = expired.challenge_hash
    RETURNING 1`);
  return rows.length;
}
