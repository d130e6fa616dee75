import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { setIf, setList, valueOr } from '../db/set-list.ts';
import { countInApp } from '../counts.ts';
import { indexUser } from '../search/member-search.store.ts';
import { ApiError } from '../http/errors.ts';
import { checkMetadataLimit, mergeMetadata, type Metadata } from '../metadata.ts';
import type { UserPatch } from './users.schema.ts';

export type UserState = 'ACTIVE' | 'INACTIVE' | 'INVITED';

/** A person in one app. */
export interface User {
  readonly id: string;
  readonly email: string;
  readonly isEmailVerified: boolean;
  /** Whether the owner of the account has shown that its present address is theirs. */
  readonly isEmailClaimed: boolean;
  readonly firstName: string;
  readonly lastName: string;
  readonly phoneNumber: string | null;
  readonly isPhoneVerified: boolean;
  readonly state: UserState;
}

/** The columns of `users` that every representation of a user has. */
export interface ProfileRow {
  email: string;
  is_email_verified: boolean;
  is_email_claimed: boolean;
  first_name: string;
  last_name: string;
  phone_number: string | null;
  is_phone_verified: boolean;
}

export interface UserRow extends ProfileRow {
  id: string;
  state: UserState;
}

/** Whether a row of `users` is a claimed account. */
export const isClaimed = sql`claimed_by IS NOT NULL AS is_email_claimed`;

/**
 * The columns of a {@link ProfileRow}. Without an alias, because no table that is joined with `users` has these
 * columns.
 */
export const profileColumns = sql`
  email, is_email_verified, ${isClaimed}, first_name, last_name, phone_number, is_phone_verified`;

const columns = sql`id, ${profileColumns}, state`;

export const toProfile = (row: ProfileRow) => ({
  email: row.email,
  isEmailVerified: row.is_email_verified,
  isEmailClaimed: row.is_email_claimed,
  firstName: row.first_name,
  lastName: row.last_name,
  phoneNumber: row.phone_number,
  isPhoneVerified: row.is_phone_verified,
});

const toUser = (row: UserRow): User => ({ id: row.id, ...toProfile(row), state: row.state });

/** @throws ApiError `user_not_found` */
export async function getUser(db: Queryable, appId: string, userId: string): Promise<User> {
  const [row] = await db.query<UserRow>(sql`SELECT ${columns} FROM users WHERE app_id = ${appId} AND id = ${userId}`);
  if (!row) throw new ApiError('user_not_found');
  return toUser(row);
}

/** Reads a user for the GET route. */
export interface UserDetailsRow extends UserRow {
  metadata: Metadata | null;
}

/** The columns of a {@link UserDetailsRow}, for `readUser`. */
export const userColumns = (shows: { metadata: boolean }): Sql => sql`,
  u.id, ${profileColumns}, u.state, CASE WHEN ${shows.metadata}::boolean THEN u.metadata END AS metadata`;

/** A user's metadata and another column, each if requested. @param further a column, after a comma */
export async function readSelf<Row>(
  db: Queryable,
  appId: string,
  userId: string,
  shows: { metadata: boolean; further: Sql },
): Promise<Row & { metadata: Metadata | null }> {
  const [row] = await db.query<Row & { metadata: Metadata | null }>(sql`
    SELECT CASE WHEN ${shows.metadata}::boolean THEN u.metadata END AS metadata ${shows.further}
    FROM users u WHERE u.app_id = ${appId} AND u.id = ${userId}`);
  if (!row) throw new ApiError('unauthenticated');
  return row;
}

/**
 * The lock mode for users who will be changed. Weaker than FOR UPDATE, so that other rows can still refer to the user,
 * for example a queued mail while a second transaction waits.
 */
const locked = sql`FOR NO KEY UPDATE`;

/** Locks the user with this address until the transaction ends. */
export async function lockUserByEmail(tx: Tx, appId: string, emailKey: string): Promise<User | undefined> {
  const [row] = await tx.query<UserRow>(
    sql`SELECT ${columns} FROM users WHERE app_id = ${appId} AND email_key = ${emailKey} ${locked}`,
  );
  return row && toUser(row);
}

/** Locks the user until the transaction ends; undefined if there is none. */
export async function findAndLockUser(tx: Tx, appId: string, userId: string): Promise<User | undefined> {
  const [row] = await tx.query<UserRow>(
    sql`SELECT ${columns} FROM users WHERE app_id = ${appId} AND id = ${userId} ${locked}`,
  );
  return row && toUser(row);
}

/** Locks the user until the transaction ends. @throws ApiError `user_not_found` */
export async function lockUser(tx: Tx, appId: string, userId: string): Promise<User> {
  const user = await findAndLockUser(tx, appId, userId);
  if (!user) throw new ApiError('user_not_found');
  return user;
}

/** Locks a user until the transaction ends. @returns whether they exist and are active */
export async function lockActiveUser(tx: Tx, appId: string, userId: string): Promise<boolean> {
  const rows = await tx.query(
    sql`SELECT 1 FROM users WHERE app_id = ${appId} AND id = ${userId} AND state = 'ACTIVE' ${locked}`,
  );
  return rows.length > 0;
}

/**
 * The stored password hash and address, for the confirmation of sensitive changes.
 *
 * @throws ApiError `user_not_found`
 */
export async function getCredentials(
  db: Queryable,
  appId: string,
  userId: string,
): Promise<{ passwordHash: string | null }> {
  const [row] = await db.query<{ password_hash: string | null }>(
    sql`SELECT password_hash FROM users WHERE app_id = ${appId} AND id = ${userId}`,
  );
  if (!row) throw new ApiError('user_not_found');
  return { passwordHash: row.password_hash };
}

/** The credentials for a sign-in; no row for an unknown address. */
export async function findCredentials(
  db: Queryable,
  appId: string,
  emailKey: string,
): Promise<{ id: string; state: UserState; passwordHash: string | null } | undefined> {
  const [row] = await db.query<{ id: string; state: UserState; password_hash: string | null }>(
    sql`SELECT id, state, password_hash FROM users WHERE app_id = ${appId} AND email_key = ${emailKey}`,
  );
  return row && { id: row.id, state: row.state, passwordHash: row.password_hash };
}

/**
 * Whether the compared password is still the user's. Locks the row until the transaction ends. Comparing a password
 * takes time, and the account may be claimed or changed in the meantime.
 */
export async function lockCredentials(
  tx: Tx,
  appId: string,
  credentials: { id: string; passwordHash: string | null },
): Promise<boolean> {
  const rows = await tx.query(sql`
    SELECT 1 FROM users
    WHERE app_id = ${appId} AND id = ${credentials.id} AND state = 'ACTIVE'
      AND password_hash = ${credentials.passwordHash}
    FOR NO KEY UPDATE`);
  return rows.length > 0;
}

/** The metadata keys that only backends may write. */
const ofBackends = (column: Sql): Sql =>
  sql`(SELECT COALESCE(jsonb_object_agg(key, value), '{}') FROM jsonb_each(${column}) WHERE key LIKE 'app:%')`;

/** The input of a sign-up. */
export interface NewUser {
  readonly id: string;
  readonly email: string;
  readonly emailKey: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly phoneNumber: string | null;
  readonly language: string | null;
  readonly passwordHash: string;
  readonly metadata: Metadata;
  /** Null at a sign-up: the address is neither verified nor claimed. */
  readonly claimedBy: 'operator' | null;
  readonly isSuperAdmin: boolean;
  readonly now: Date;
}

/**
 * Adds a user. The invited user of the address becomes this user and keeps the id.
 *
 * @returns the id and the address as stored, or undefined if the address is taken
 * @throws ApiError `metadata_limit_exceeded`
 */
export async function insertUser(
  tx: Tx,
  appId: string,
  user: NewUser,
): Promise<Pick<User, 'id' | 'email'> | undefined> {
  const [row] = await tx.query<Pick<User, 'id' | 'email'> & { metadata: Metadata }>(sql`
    WITH added AS (
    INSERT INTO users AS known (app_id, id, email, email_key, is_email_verified, claimed_by, first_name, last_name,
      phone_number,
      language, state, is_super_admin, password_hash, metadata, created_at, updated_at)
    VALUES (${appId}, ${user.id}, ${user.email}, ${user.emailKey}, ${user.claimedBy !== null}, ${user.claimedBy},
      ${user.firstName}, ${user.lastName}, ${user.phoneNumber}, ${user.language}, 'ACTIVE', ${user.isSuperAdmin},
        ${user.passwordHash},
      ${JSON.stringify(user.metadata)}::jsonb, ${user.now}, ${user.now})
    ON CONFLICT (app_id, email_key) DO UPDATE SET
      first_name = EXCLUDED.first_name, last_name = EXCLUDED.last_name,
      phone_number = EXCLUDED.phone_number, language = EXCLUDED.language, state = 'ACTIVE',
      password_hash = EXCLUDED.password_hash, metadata = ${ofBackends(sql`known.metadata`)} || EXCLUDED.metadata,
      updated_at = EXCLUDED.updated_at
    WHERE known.state = 'INVITED'
    RETURNING id, email, metadata),
    counted AS (${countInApp(appId, 'users', sql`added WHERE id = ${user.id}`, 1)})
    SELECT id, email, metadata FROM added`);
  // Together with metadata that backends wrote for the invited user, the limit may be exceeded.
  checkMetadataLimit(row?.metadata ?? {});
  return row && { id: row.id, email: row.email };
}

/** Inserts a user for an invited address, without password or sign-in method until the address is verified. */
export async function insertInvitedUser(
  tx: Tx,
  appId: string,
  user: { id: string; email: string; emailKey: string; firstName: string; lastName: string; now: Date },
): Promise<void> {
  await tx.query(sql`
    WITH added AS (
      INSERT INTO users (app_id, id, email, email_key, is_email_verified, first_name, last_name, state, created_at,
        updated_at)
      VALUES (${appId}, ${user.id}, ${user.email}, ${user.emailKey}, false, ${user.firstName}, ${user.lastName},
        'INVITED',
        ${user.now}, ${user.now})
      ON CONFLICT (app_id, email_key) DO NOTHING
      RETURNING id)
    ${countInApp(appId, 'users', sql`added`, 1)}`);
}

/** @param now when the user chose the password; undefined if the same password was only rehashed */
export async function setPasswordHash(
  tx: Tx,
  appId: string,
  userId: string,
  passwordHash: string,
  now?: Date,
): Promise<void> {
  await tx.query(sql`
    UPDATE users SET password_hash = ${passwordHash}, updated_at = COALESCE(${now ?? null}::timestamptz, updated_at)
    WHERE app_id = ${appId} AND id = ${userId}`);
}

/** Stores a password that was set with a code from the mailbox of a claimed account. */
export async function setPasswordByCode(
  tx: Tx,
  appId: string,
  userId: string,
  passwordHash: string,
  now: Date,
): Promise<void> {
  await tx.query(sql`
    UPDATE users SET password_hash = ${passwordHash}, claimed_by = 'mailed_code', password_mailed_at = ${now},
      updated_at = ${now}
    WHERE app_id = ${appId} AND id = ${userId}`);
}

/**
 * The statement that replaces the hash of the same password.
 *
 * @param passwordHash the new hash, or null if the stored one is already current
 */
export const setPasswordHashWhere = (
  appId: string,
  userId: string,
  passwordHash: string | null,
  where: Sql,
): Sql => sql`
  UPDATE users SET password_hash = ${passwordHash}
  WHERE app_id = ${appId} AND id = ${userId} AND ${passwordHash}::text IS NOT NULL AND ${where}`;

/**
 * How an account was claimed, as stored (contract 2.5): (a) verification with a session, the session's cookie or the
 * password, (b) a mailed code that sets a password or accepts an invitation, (c) a provider that vouches for the
 * address, (d) a change of address, (e) the operator. The migration also stores `assumed`.
 */
export type ClaimMethod = 'verification' | 'mailed_code' | 'provider' | 'email_change' | 'operator';

/**
 * Marks the address of a locked user as verified. The password is kept.
 *
 * @param claimedBy null if the code came without a credential of the account: the account is then not claimed
 */
export async function setEmailVerified(
  tx: Tx,
  appId: string,
  userId: string,
  { claimedBy, now }: { claimedBy: ClaimMethod | null; now: Date },
): Promise<void> {
  await tx.query(sql`
    UPDATE users SET is_email_verified = true, updated_at = ${now},
      claimed_by = COALESCE(NULLIF(claimed_by, 'assumed'), ${claimedBy}::text, claimed_by)
    WHERE app_id = ${appId} AND id = ${userId}`);
}

/**
 * The part of rule (P) for the row of a locked user (see void-sign-in-methods.ts). Deletes the password. If the address
 * was never verified, also deletes personal data except names, because a stranger may have set them. Metadata of
 * backends is kept.
 */
export async function clearUnclaimedRow(tx: Tx, appId: string, userId: string, now: Date): Promise<void> {
  const isForeign = sql`(u.state <> 'INVITED' AND NOT u.is_email_verified)`;
  await tx.query(sql`
    UPDATE users u SET
      password_hash = NULL,
      phone_number = CASE WHEN ${isForeign} THEN NULL ELSE u.phone_number END,
      is_phone_verified = u.is_phone_verified AND NOT ${isForeign},
      language = CASE WHEN ${isForeign} THEN NULL ELSE u.language END,
      metadata = CASE WHEN ${isForeign} THEN ${ofBackends(sql`u.metadata`)} ELSE u.metadata END,
      updated_at = ${now}
    WHERE u.app_id = ${appId} AND u.id = ${userId}`);
}

/** Stores that an account is claimed, with the data of its owner; undefined fields stay unchanged. */
export async function markClaimed(
  tx: Tx,
  appId: string,
  userId: string,
  claim: {
    way: ClaimMethod;
    email: string;
    passwordHash: string | undefined;
    firstName?: string | undefined;
    lastName?: string | undefined;
    now: Date;
  },
): Promise<void> {
  // Replaces the spelling of the address from an unverified sign-up; keeps the spelling of an invitation or a verified
  // address.
  await tx.query(sql`
    UPDATE users u SET
      email = CASE WHEN u.state <> 'INVITED' AND NOT u.is_email_verified THEN ${claim.email} ELSE u.email END,
      state = 'ACTIVE', is_email_verified = true, claimed_by = ${claim.way},
      password_hash = COALESCE(${claim.passwordHash ?? null}::text, u.password_hash),
      password_mailed_at =
        CASE WHEN ${claim.passwordHash !== undefined}::boolean THEN ${claim.now} ELSE u.password_mailed_at END,
      first_name = COALESCE(${claim.firstName}::text, u.first_name),
      last_name = COALESCE(${claim.lastName}::text, u.last_name),
      updated_at = ${claim.now}
    WHERE u.app_id = ${appId} AND u.id = ${userId}`);
  await indexUser(tx, appId, userId);
}

/**
 * Changes a user in one statement. The limit of 30 metadata keys holds under concurrent writers, because it is a
 * condition on the row itself. A changed phone number becomes unverified.
 *
 * @throws ApiError `user_not_found`, `metadata_limit_exceeded`
 */
export async function patchUser(tx: Tx, appId: string, userId: string, patch: UserPatch, now: Date): Promise<void> {
  const { merged, fits } = mergeMetadata(sql`u.metadata`, patch.metadata ?? {});
  const changes = setList(patch, {
    firstName: (name) => setIf(sql`first_name`, name),
    lastName: (name) => setIf(sql`last_name`, name),
    phoneNumber: (number) => [
      setIf(sql`phone_number`, number),
      sql`is_phone_verified = is_phone_verified
        AND phone_number IS NOT DISTINCT FROM ${valueOr(sql`phone_number`, number)}`,
    ],
    language: (language) => setIf(sql`language`, language),
    metadata: () => sql`metadata = ${merged}`,
  });
  const rows = await tx.query(sql`
    UPDATE users u SET ${changes}, updated_at = ${now}
    WHERE u.app_id = ${appId} AND u.id = ${userId} AND ${fits}
    RETURNING u.id`);
  if (rows.length === 0) {
    await getUser(tx, appId, userId);
    throw new ApiError('metadata_limit_exceeded');
  }
  if (patch.firstName !== undefined || patch.lastName !== undefined) await indexUser(tx, appId, userId);
}
