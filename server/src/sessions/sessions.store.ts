import { defaultSettings } from '../apps/apps.schema.ts';
import { profileColumns, type ProfileRow, toProfile } from '../users/users.store.ts';
import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { proofInStatement, unmetPolicy, type UnmetPolicy } from '../access/organization-policy.ts';
import type { MfaPolicy, PresentedSession, SessionRestriction, SignedInUser } from '../access/actor.ts';
import { type Acr, acrOf } from '../access/second-factor.ts';

interface PresentedRow extends ProfileRow {
  id: string;
  origin_id: string;
  created_at: Date;
  expires_at: Date;
  last_seen_at: Date;
  idle_expires_at: Date;
  amr: string[];
  provider_acr: Acr | null;
  authenticated_at: Date;
  factor_at: Date | null;
  remembered_factor_at: Date | null;
  needs_reauthentication: boolean;
  strong_factor_at: Date | null;
  restriction: SessionRestriction | null;
  mfa_policy: MfaPolicy | null;
  has_factor: boolean;
  strongest_acr: Acr;
  user_id: string;
  is_super_admin: boolean;
  language: string | null;
}

/** A process of the previous release may have added a factor without recording its strength. */
const strongestAcr = ({ has_factor: hasFactor, strongest_acr: acr }: PresentedRow): Acr => {
  if (!hasFactor) return 1;
  return acr === 3 ? 3 : 2;
};

function toSignedInUser(row: PresentedRow): SignedInUser {
  return {
    id: row.user_id,
    ...toProfile(row),
    isSuperAdmin: row.is_super_admin,
    language: row.language,
    hasFactor: row.has_factor,
    strongestAcr: strongestAcr(row),
  };
}

/** A presented token, for the lookup. */
export interface SessionKey {
  readonly appId: string;
  readonly tokenHash: Buffer;
}

/** A live session with its user. */
export interface FoundSession {
  readonly session: PresentedSession;
  readonly user: SignedInUser;
  readonly lastSeenAt: Date;
}

function toFoundSession(row: PresentedRow): FoundSession {
  const session = {
    id: row.id,
    originId: row.origin_id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    amr: row.amr,
    acr: acrOf(row.amr, row.provider_acr),
    authenticatedAt: row.authenticated_at,
    factorAt: row.factor_at,
    rememberedFactorAt: row.remembered_factor_at,
    needsReauthentication: row.needs_reauthentication,
    strongFactorAt: row.strong_factor_at,
    mfaPolicy: row.mfa_policy ?? defaultSettings.mfa.policy,
    restriction: row.restriction,
    idleExpiresAt: row.idle_expires_at,
  };
  return { session, user: toSignedInUser(row), lastSeenAt: row.last_seen_at };
}

/** The policy of the app `a`. */
const mfaOfApp = sql`(a.settings -> 'mfa')`;

/** The strength of the strongest factor of a user `u`, among the kinds that the app `a` allows. */
const strongest = sql`
  CASE WHEN (${mfaOfApp} -> 'factors' ? 'passkey') IS FALSE THEN LEAST(u.strongest_acr, 2) ELSE u.strongest_acr END
    AS strongest_acr`;

/** Whether a second factor of a kind that the app `a` allows was used in a session `s`. */
const hasAllowedFactor = sql`(${mfaOfApp} -> 'factors' IS NULL
  OR ('otp' = ANY (s.amr) AND ${mfaOfApp} -> 'factors' ? 'totp')
  OR (s.amr && '{hwk,swk}'::text[] AND ${mfaOfApp} -> 'factors' ? 'passkey'))`;

/**
 * The restriction of a session `s` of the user `u` of the app `a`; NULL: none. Conditions use this expression instead
 * of the column, because a session can become restricted without a change of its row. In an app that requires a second
 * factor, a session without one becomes restricted when it is older than the grace period of the app. The same applies
 * to a session in which a factor was used, if its user has removed every factor since. The second factor of a provider
 * counts if the app maps its claims. The second factor on a remembered device counts for the days that the app has set.
 */
export const restrictionOf = (now: Date): Sql => sql`
  CASE
    WHEN s.restriction IS NOT NULL OR s.provider_acr IS NOT NULL THEN s.restriction
    WHEN u.has_factor AND ((s.factor_at IS NOT NULL AND ${hasAllowedFactor})
        OR ('mfa' = ANY (s.amr) AND 'email' = ANY (s.amr[2:]) AND ${mfaOfApp} -> 'factors' ? 'email')
        OR s.remembered_factor_at + make_interval(days => (${mfaOfApp} ->> 'rememberDays')::integer) > ${now})
      THEN s.restriction
    WHEN ${mfaOfApp} ->> 'policy' = 'required' AND s.created_at + make_interval(
        days => COALESCE((${mfaOfApp} ->> 'graceDays')::integer, ${defaultSettings.mfa.graceDays}::integer)) <= ${now}
      THEN 'enrolment'
  END`;

const restrictionColumns = (now: Date): Sql =>
  sql`${restrictionOf(now)} AS restriction, ${mfaOfApp} ->> 'policy' AS mfa_policy`;

/**
 * Finds the sessions of these tokens and their users, in one query. Expired sessions and inactive users or apps yield
 * undefined.
 *
 * @returns in the order of the keys
 */
export async function findSessions(
  db: Queryable,
  keys: readonly SessionKey[],
  now: Date,
): Promise<(FoundSession | undefined)[]> {
  const rows = await db.query<PresentedRow & { place: number }>(sql`
    SELECT asked.place::integer, s.id, COALESCE(s.copied_from, s.id) AS origin_id,
      s.created_at, s.expires_at, s.last_seen_at, s.idle_expires_at, s.amr,
      s.provider_acr, s.authenticated_at, s.factor_at, s.strong_factor_at, s.remembered_factor_at,
      s.needs_reauthentication, ${restrictionColumns(now)}, s.user_id, ${profileColumns},
      u.is_super_admin, u.language, u.has_factor, ${strongest}
    FROM unnest(${keys.map((key) => key.appId)}::bigint[], ${keys.map((key) => key.tokenHash)}::bytea[])
      WITH ORDINALITY AS asked (app_id, token_hash, place)
    JOIN sessions s ON s.app_id = asked.app_id AND s.token_hash = asked.token_hash
      AND LEAST(s.expires_at, s.idle_expires_at) > ${now}
    JOIN users u ON u.app_id = asked.app_id AND u.id = s.user_id AND u.state = 'ACTIVE'
    JOIN apps a ON a.id = asked.app_id AND a.status = 'ACTIVE'`);
  const found = new Map(rows.map((row) => [row.place, row]));
  return keys.map((_, index) => {
    const row = found.get(index + 1);
    return row && toFoundSession(row);
  });
}

/** The live session of an access token. */
export interface FoundAccessToken extends FoundSession {
  /** Whether the organization of the token is deactivated. */
  readonly isOrganizationSuspended: boolean;
  /** The policy of the organization, if the session does not meet it. */
  readonly unmet: UnmetPolicy | null;
}

/** A verified access token of a person, for the lookup of its session. */
export interface AccessTokenKey {
  readonly appId: string;
  readonly sessionId: string;
  readonly userId: string;
  /** The organization in the token. */
  readonly orgId: string | undefined;
  readonly audience: string;
  /** When the person had last authenticated before the token was issued, in seconds since 1970. */
  readonly authenticatedAt: number;
  /** The id of the key that signed the token. */
  readonly kid: string;
}

/**
 * Finds the sessions of verified access tokens and their users, in one query. A token yields undefined unless session,
 * user, membership, key and app are active and the app still lists the audience. A token issued before the latest
 * authentication of the session is invalid.
 *
 * @returns in the order of the keys
 */
export async function findSessionsOfAccessTokens(
  db: Queryable,
  keys: readonly AccessTokenKey[],
  now: Date,
): Promise<(FoundAccessToken | undefined)[]> {
  const column = <Value>(valueOf: (key: AccessTokenKey) => Value) => keys.map(valueOf);
  const rows = await db.query<PresentedRow & { place: number; is_suspended: boolean; unmet: UnmetPolicy | null }>(sql`
    SELECT asked.place::integer, s.id, COALESCE(s.copied_from, s.id) AS origin_id,
      s.created_at, s.expires_at, s.last_seen_at, s.idle_expires_at, s.amr,
      s.provider_acr, s.authenticated_at, s.factor_at, s.strong_factor_at, s.remembered_factor_at,
      s.needs_reauthentication, ${restrictionColumns(now)}, s.user_id, ${profileColumns},
      u.is_super_admin, u.language, u.has_factor, ${strongest},
      asked.org_id IS NOT NULL AND o.id IS NULL AS is_suspended,
      ${unmetPolicy(sql`o.security`, proofInStatement, now)} AS unmet
    FROM unnest(${column(({ appId }) => appId)}::bigint[], ${column(({ sessionId }) => sessionId)}::bigint[],
      ${column(({ userId }) => userId)}::bigint[], ${column(({ orgId }) => orgId ?? null)}::bigint[],
      ${column(({ audience }) => audience)}::text[], ${column(({ authenticatedAt }) => authenticatedAt)}::bigint[],
      ${column(({ kid }) => kid)}::text[])
      WITH ORDINALITY AS asked (app_id, session_id, user_id, org_id, audience, authenticated_at, kid, place)
    JOIN sessions s ON s.app_id = asked.app_id AND s.id = asked.session_id AND s.user_id = asked.user_id
      AND floor(extract(epoch FROM s.authenticated_at)) = asked.authenticated_at
      AND LEAST(s.expires_at, s.idle_expires_at) > ${now}
    JOIN users u ON u.app_id = asked.app_id AND u.id = s.user_id AND u.state = 'ACTIVE'
    JOIN apps a ON a.id = asked.app_id AND a.status = 'ACTIVE'
      AND a.settings -> 'audiences' @> to_jsonb(asked.audience)
    JOIN oauth_signing_keys k ON k.app_id = asked.app_id AND k.kid = asked.kid AND k.revoked_at IS NULL
    LEFT JOIN members m ON m.app_id = asked.app_id AND m.org_id = asked.org_id AND m.user_id = asked.user_id
    LEFT JOIN organizations o ON o.app_id = asked.app_id AND o.id = asked.org_id AND o.status = 'Active'
    WHERE asked.org_id IS NULL OR m.user_id IS NOT NULL`);
  const found = new Map(rows.map((row) => [row.place, row]));
  return keys.map((_, index) => {
    const row = found.get(index + 1);
    return row && { ...toFoundSession(row), isOrganizationSuspended: row.is_suspended, unmet: row.unmet };
  });
}

/**
 * Records a use of the session and extends its idle lifetime.
 *
 * @returns when the session ends unless it is used again; undefined if another call recorded a use in the meantime
 */
export async function touchSession(
  db: Queryable,
  appId: string,
  session: { id: string; lastSeenAt: Date; idleSecondsByDefault: number },
  now: Date,
): Promise<Date | undefined> {
  const [row] = await db.query<{ idle_expires_at: Date }>(sql`
    UPDATE sessions s SET
      last_seen_at = ${now},
      idle_expires_at = ${now}::timestamptz
        + make_interval(secs => COALESCE((a.settings ->> 'sessionIdleSeconds')::integer,
          ${session.idleSecondsByDefault}))
    FROM apps a
    WHERE s.app_id = ${appId} AND s.id = ${session.id} AND s.last_seen_at = ${session.lastSeenAt} AND a.id = ${appId}
    RETURNING s.idle_expires_at`);
  return row?.idle_expires_at;
}

/**
 * Records a newer authentication of the person in one session. The session keeps its token.
 *
 * @param providerAcr the strength that an identity provider has asserted; null: none
 */
export async function renewAuthentication(
  tx: Tx,
  appId: string,
  session: { id: string; userId: string; authenticatedAt: Date; providerAcr: Acr | null },
): Promise<void> {
  await tx.query(sql`
    UPDATE sessions SET authenticated_at = GREATEST(authenticated_at, ${session.authenticatedAt}::timestamptz),
      provider_acr = GREATEST(provider_acr, ${session.providerAcr}::smallint), needs_reauthentication = false
    WHERE app_id = ${appId} AND user_id = ${session.userId} AND id = ${session.id}`);
}

/** A session in which a second factor was used. */
interface ProvenSession {
  readonly id: string;
  readonly userId: string;
  readonly amr: readonly string[];
  /** Whether the factor has the strength 3. */
  readonly isStrong: boolean;
  /** Whether the app allows the kind of the factor. A factor of another kind does not end a restriction. */
  readonly isAllowed: boolean;
  readonly now: Date;
  readonly expiresAt: Date;
  readonly idleExpiresAt: Date;
}

/**
 * Records a second factor in one session. The session keeps its token. A session that could only add the first factor
 * is no longer restricted. A session that began with a recovery code stays restricted.
 */
export async function recordFactor(tx: Tx, appId: string, session: ProvenSession): Promise<void> {
  const ends = sql`(${session.isAllowed}::boolean AND restriction = 'enrolment')`;
  await tx.query(sql`
    UPDATE sessions SET amr = ${[...session.amr]}::text[], factor_at = ${session.now},
      strong_factor_at =
        CASE WHEN ${session.isStrong}::boolean THEN ${session.now}::timestamptz ELSE strong_factor_at END,
      authenticated_at = GREATEST(authenticated_at, ${session.now}::timestamptz),
      expires_at = CASE WHEN ${ends} THEN ${session.expiresAt}::timestamptz ELSE expires_at END,
      idle_expires_at =
        CASE WHEN ${ends} THEN ${session.idleExpiresAt}::timestamptz ELSE idle_expires_at END,
      restriction = CASE WHEN ${ends} THEN NULL ELSE restriction END, needs_reauthentication = false
    WHERE app_id = ${appId} AND user_id = ${session.userId} AND id = ${session.id}`);
}

/**
 * Ends the other sessions of a locked user that could only add the first factor. Somebody who knows the password may
 * have started them.
 */
export async function deleteEnrolmentSessions(tx: Tx, appId: string, userId: string, exceptId: string): Promise<void> {
  await tx.query(sql`
    DELETE FROM sessions
    WHERE app_id = ${appId} AND user_id = ${userId} AND id <> ${exceptId} AND restriction = 'enrolment'`);
}

/** A session to store. */
export interface NewSession {
  readonly id: string;
  readonly userId: string;
  readonly tokenHash: Buffer;
  readonly amr: readonly string[];
  /** The strength that an identity provider has asserted; null: none. */
  readonly providerAcr: Acr | null;
  /** When a second factor was used; null: it was not. */
  readonly factorAt: Date | null;
  /**
   * When it was used on the remembered device, if the sign-in did not require it; null: the device does not count.
   */
  readonly rememberedFactorAt: Date | null;
  /** When a factor of the strength 3 was used; null: it was not. */
  readonly strongFactorAt: Date | null;
  readonly restriction: SessionRestriction | null;
  readonly now: Date;
  readonly expiresAt: Date;
  readonly idleExpiresAt: Date;
  readonly ip: string;
  readonly userAgent: string | undefined;
}

/**
 * The statement that inserts a session.
 *
 * @param source empty, or a FROM clause that yields one row if the session may start
 */
export const insertSession = (appId: string, session: NewSession, source: Sql): Sql => sql`
  INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at, expires_at,
    idle_expires_at, ip, user_agent, factor_at, restriction, provider_acr,
    strong_factor_at, remembered_factor_at, needs_reauthentication)
  SELECT ${appId}::bigint, ${session.id}::bigint, ${session.userId}::bigint, ${session.tokenHash}::bytea,
    ${session.amr}::text[], ${session.now}::timestamptz, ${session.now}::timestamptz, ${session.now}::timestamptz,
    ${session.expiresAt}::timestamptz, ${session.idleExpiresAt}::timestamptz, ${session.ip}::text,
    ${session.userAgent}::text, ${session.factorAt}::timestamptz, ${session.restriction}::text,
    ${session.providerAcr}::smallint, ${session.strongFactorAt}::timestamptz,
    ${session.rememberedFactorAt}::timestamptz, ${session.rememberedFactorAt !== null}::boolean
  ${source}`;

/** The values in which a copy differs from its session. */
interface SessionCopy {
  readonly id: string;
  readonly tokenHash: Buffer;
  readonly now: Date;
  readonly idleExpiresAt: Date;
  readonly ip: string;
  readonly userAgent: string | undefined;
}

/** Longest chain of copies of copies. */
const longestChain = 10;

/**
 * Inserts a copy of a session, with the same strength, authentication times and expiry. The user must be locked
 * already, so that the session cannot end in the meantime without its copy.
 *
 * @param origin the session, and the hash of the token with which the copy was requested. If the hash is null, the
 *   present token of the session is not compared
 * @returns false if the session has ended or is restricted, or if it is the last of a chain
 */
export async function copySession(
  tx: Tx,
  appId: string,
  origin: { readonly sessionId: string; readonly tokenHash: Buffer | null },
  copy: SessionCopy,
): Promise<boolean> {
  const rows = await tx.query(sql`
    INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at, expires_at,
      idle_expires_at, ip, user_agent, factor_at, strong_factor_at, restriction, provider_acr,
      remembered_factor_at, needs_reauthentication, copied_from, copied_through)
    SELECT s.app_id, ${copy.id}::bigint, s.user_id, ${copy.tokenHash}::bytea, s.amr, s.authenticated_at, s.created_at,
      ${copy.now}::timestamptz, s.expires_at, LEAST(s.expires_at, ${copy.idleExpiresAt}::timestamptz),
      ${copy.ip}::text, ${copy.userAgent}::text, s.factor_at, s.strong_factor_at, s.restriction, s.provider_acr,
      s.remembered_factor_at, s.needs_reauthentication, COALESCE(s.copied_from, s.id),
      CASE WHEN s.copied_from IS NOT NULL THEN s.copied_through || s.id END
    FROM sessions s
    JOIN users u ON u.app_id = ${appId} AND u.id = s.user_id
    JOIN apps a ON a.id = ${appId}
    WHERE s.app_id = ${appId} AND s.id = ${origin.sessionId} AND ${restrictionOf(copy.now)} IS NULL
      AND s.token_hash = COALESCE(${origin.tokenHash}::bytea, s.token_hash)
      AND COALESCE(cardinality(s.copied_through), 0) < ${longestChain - 1}
      AND LEAST(s.expires_at, s.idle_expires_at) > ${copy.now}
    RETURNING 1`);
  return rows.length > 0;
}

/**
 * The statement that renews the presented session when a person signs in again. The id is kept, and the session gets a
 * new token, authentication time and lifetime. It returns no row if the session belongs to another user, has ended, or
 * got another token in the meantime.
 *
 * @param presentedHash hash of the presented token
 * @param condition an additional condition, for example on a row of the same statement
 */
export const renewSession = (
  appId: string,
  session: Omit<NewSession, 'id'>,
  presentedHash: Buffer,
  condition: Sql,
): Sql => sql`
  UPDATE sessions SET token_hash = ${session.tokenHash}::bytea, amr = ${session.amr}::text[],
    authenticated_at = ${session.now}, last_seen_at = ${session.now}, expires_at = ${session.expiresAt},
    idle_expires_at = ${session.idleExpiresAt}, ip = ${session.ip}, user_agent = ${session.userAgent}::text,
    factor_at = ${session.factorAt}::timestamptz, restriction = ${session.restriction}::text,
    provider_acr = ${session.providerAcr}::smallint, strong_factor_at = ${session.strongFactorAt}::timestamptz,
    remembered_factor_at = ${session.rememberedFactorAt}::timestamptz,
    needs_reauthentication = ${session.rememberedFactorAt !== null}::boolean
  WHERE app_id = ${appId} AND token_hash = ${presentedHash} AND user_id = ${session.userId}
    AND LEAST(expires_at, idle_expires_at) > ${session.now} AND ${condition}
  RETURNING id, user_id`;

/** Replaces the token of a session of a user. @returns false if no session of the user has it */
export async function replaceToken(
  db: Queryable,
  appId: string,
  userId: string,
  { from, to }: { from: Buffer; to: Buffer },
): Promise<boolean> {
  const rows = await db.query(sql`
    UPDATE sessions SET token_hash = ${to}
    WHERE app_id = ${appId} AND token_hash = ${from} AND user_id = ${userId} RETURNING 1`);
  return rows.length > 0;
}

const isCopyOf = (id: Sql): Sql => sql`(copied_from = ${id} OR ${id} = ANY (copied_through))`;

/**
 * The statement that stores that a session has just started or was renewed: ends the copies of the renewed session,
 * because somebody who knew the earlier token may have made them, and the least recently used sessions of the user
 * beyond a limit. A session and its copies count as one, and end together. Concurrent sign-ins do not see each other's
 * sessions and may exceed the limit. The next sign-in ends the surplus.
 *
 * @param kept id of the started session, which is never ended and may not be visible yet
 * @param most maximum number of sessions of a user
 * @param condition an additional condition, for example on a row of the same statement
 */
export const endReplacedSessions = (
  appId: string,
  { userId, now }: Pick<NewSession, 'userId' | 'now'>,
  kept: Sql,
  most: number,
  condition: Sql,
): Sql => sql`
  DELETE FROM sessions WHERE app_id = ${appId} AND user_id = ${userId} AND ${condition} AND (${isCopyOf(kept)}
    OR COALESCE(copied_from, id) IN (
      SELECT COALESCE(copied_from, id) FROM sessions
      WHERE app_id = ${appId} AND user_id = ${userId} AND LEAST(expires_at, idle_expires_at) > ${now}
      GROUP BY COALESCE(copied_from, id)
      HAVING bool_and(id <> ${kept})
      ORDER BY max(last_seen_at) DESC, COALESCE(copied_from, id) DESC OFFSET ${most - 1}))`;

/**
 * Ends the least recently used copies of a locked user beyond a limit, with the copies made from these.
 *
 * @param kept id of the new copy. It stays, as do the copies through which it was made
 * @param most maximum number of copies of a user
 */
export async function endSurplusCopies(
  tx: Tx,
  appId: string,
  { userId, kept, now }: { readonly userId: string; readonly kept: string; readonly now: Date },
  most: number,
): Promise<void> {
  const isKept = sql`(id = ${kept}
    OR id IN (SELECT unnest(copied_through) FROM sessions WHERE app_id = ${appId} AND id = ${kept}))`;
  await tx.query(sql`
    WITH surplus AS (
      SELECT id FROM sessions
      WHERE app_id = ${appId} AND user_id = ${userId} AND copied_from IS NOT NULL AND NOT ${isKept}
        AND LEAST(expires_at, idle_expires_at) > ${now}
      ORDER BY last_seen_at DESC, id DESC OFFSET ${most - 1})
    DELETE FROM sessions WHERE app_id = ${appId} AND user_id = ${userId} AND NOT ${isKept}
      AND (id IN (SELECT id FROM surplus) OR copied_through && ARRAY(SELECT id FROM surplus))`);
}

/**
 * Ends the copies of all sessions of a locked user who claims their account: somebody else who knew a session before
 * may have made them.
 *
 * @param exceptId id of the session of the caller, which can be a copy
 */
export async function endCopies(tx: Tx, appId: string, userId: string, exceptId: string | undefined): Promise<void> {
  await tx.query(sql`
    DELETE FROM sessions
    WHERE app_id = ${appId} AND user_id = ${userId} AND copied_from IS NOT NULL
      AND id IS DISTINCT FROM ${exceptId ?? null}::bigint`);
}

/**
 * Whether the session of a locked user still exists. It cannot end until the transaction ends. Called by requests that
 * have waited for the lock of a user, because a claim of the account may have ended their session.
 */
export async function holdSession(tx: Tx, appId: string, sessionId: string): Promise<boolean> {
  const rows = await tx.query(sql`
    SELECT 1 FROM sessions WHERE app_id = ${appId} AND id = ${sessionId} FOR KEY SHARE`);
  return rows.length > 0;
}

/** The condition that a session is the one with this id, was made from it, or from its copies. */
export const isOrCopyOf = (sessionId: string): Sql =>
  sql`(${sessionId}::bigint IN (id, copied_from) OR ${sessionId}::bigint = ANY (copied_through))`;

/**
 * Ends a session of a locked user, and its copies for products.
 *
 * @returns the hashes of the tokens of the sessions
 */
export async function deleteSession(tx: Tx, appId: string, userId: string, sessionId: string): Promise<Buffer[]> {
  const rows = await tx.query<{ token_hash: Buffer }>(sql`
    DELETE FROM sessions WHERE app_id = ${appId} AND user_id = ${userId} AND ${isOrCopyOf(sessionId)}
    RETURNING token_hash`);
  return rows.map((row) => row.token_hash);
}

/**
 * Ends all sessions of a user, or all except one. Also ends sign-ins whose second factor is missing, and remembered
 * devices. Locks the user first, as sign-ins do, so that the two cannot deadlock.
 *
 * @returns the hashes of the tokens of the sessions
 */
export async function deleteSessions(tx: Tx, appId: string, userId: string, exceptId?: string): Promise<Buffer[]> {
  const rows = await tx.query<{ token_hash: Buffer }>(sql`
    WITH person AS (
      UPDATE users SET remember_version = remember_version + (EXISTS (
        SELECT FROM devices WHERE app_id = ${appId} AND user_id = ${userId} AND remember_hash IS NOT NULL))::integer
      WHERE app_id = ${appId} AND id = ${userId}
      RETURNING id),
    begun AS (DELETE FROM mfa_challenges WHERE app_id = ${appId} AND user_id = (SELECT id FROM person))
    DELETE FROM sessions
    WHERE app_id = ${appId} AND user_id = (SELECT id FROM person) AND id IS DISTINCT FROM ${exceptId ?? null}::bigint
    RETURNING token_hash`);
  return rows.map((row) => row.token_hash);
}

/**
 * Deletes at most `limit` expired sessions, of all apps. Skips locked rows.
 *
 * @returns the number of deleted rows
 */
export async function deleteEndedSessions(db: Queryable, now: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH ended AS MATERIALIZED (
      SELECT app_id, id FROM sessions
      WHERE LEAST(expires_at, idle_expires_at) <= ${now}
      ORDER BY LEAST(expires_at, idle_expires_at)
      LIMIT ${limit}
      FOR UPDATE SKIP LOCKED)
    DELETE FROM sessions s USING ended
    WHERE s.app_id = ended.app_id AND s.id = ended.id
    RETURNING s.id`);
  return rows.length;
}
