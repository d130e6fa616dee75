import { randomBytes } from 'node:crypto';
import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import type { Descriptor, NewCredential, Proof } from '../passkeys/passkeys.schema.ts';
import { recordWhetherHasFactor } from './factors.store.ts';

/** A registered passkey with the data for a check. */
export interface StoredPasskey {
  readonly factorId: string;
  readonly userId: string;
  readonly publicKey: Buffer;
  readonly isBackupEligible: boolean;
}

/** A passkey to store. */
export interface NewPasskey extends NewCredential {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  /** The domain for which the credential was registered. */
  readonly relyingPartyId: string;
  /** The domain for apps with hosted pages that have set no domain; undefined if the pages cannot use passkeys. */
  readonly domainOfPages: string | undefined;
  readonly now: Date;
}

/** The id of the credential of a factor, as the authenticator knows it. */
const credentialIdOf = sql`COALESCE(shared_credential_id, credential_id)`;

/**
 * Stores a passkey of a locked user. Locks the settings of the app, so that the domain of its passkeys cannot change in
 * the meantime. A credential that another user has is stored too: a refusal would tell everybody which of the ids in
 * the options for an e-mail address are real. The column `credential_id` is unique in the app, and gets a random value
 * then.
 *
 * @returns false if the user has the credential already, or the relying party of the app has changed
 */
export async function insertPasskey(tx: Tx, appId: string, passkey: NewPasskey): Promise<boolean> {
  // The second statement sees the credential that another user has stored while the first one waited for it.
  const isStored = (await insertUnlessStored(tx, appId, passkey)) || (await insertUnlessStored(tx, appId, passkey));
  if (isStored) await recordWhetherHasFactor(tx, appId, passkey.userId);
  return isStored;
}

async function insertUnlessStored(tx: Tx, appId: string, passkey: NewPasskey): Promise<boolean> {
  const rows = await tx.query(sql`
    WITH app AS (
      SELECT id FROM apps
      WHERE id = ${appId} AND ${passkey.relyingPartyId} = COALESCE(settings -> 'mfa' -> 'relyingParty' ->> 'id',
        CASE WHEN (settings -> 'hostedPages') IS DISTINCT FROM 'false' THEN ${passkey.domainOfPages ?? null}::text END)
      FOR SHARE),
    other AS (
      SELECT ${passkey.credentialId}::bytea AS credential_id FROM factors
      WHERE app_id = ${appId} AND credential_id = ${passkey.credentialId} AND user_id <> ${passkey.userId})
    INSERT INTO factors (app_id, id, user_id, kind, name, created_at, confirmed_at, last_used_at, credential_id,
      shared_credential_id, public_key, counter, transports, aaguid, is_backup_eligible, is_backed_up,
      is_user_verified)
    SELECT app.id, ${passkey.id}::bigint, ${passkey.userId}::bigint, 'passkey', ${passkey.name}::text,
      ${passkey.now}::timestamptz, ${passkey.now}::timestamptz, ${passkey.now}::timestamptz,
      CASE WHEN EXISTS (SELECT FROM other) THEN ${randomBytes(32)}::bytea ELSE ${passkey.credentialId}::bytea END,
      (SELECT credential_id FROM other), ${passkey.publicKey}::bytea, ${passkey.counter}::bigint,
      ${[...passkey.transports]}::text[], ${passkey.aaguid}::uuid, ${passkey.isBackupEligible}::boolean,
      ${passkey.isBackedUp}::boolean, ${passkey.isUserVerified}::boolean
    FROM app
    WHERE NOT EXISTS (SELECT FROM factors WHERE app_id = ${appId} AND user_id = ${passkey.userId}
      AND ${credentialIdOf} = ${passkey.credentialId})
    ON CONFLICT (app_id, credential_id) DO NOTHING
    RETURNING 1`);
  return rows.length > 0;
}

/** The passkey of a user with this credential id. Other users can have registered the same id. */
export async function findPasskey(
  db: Queryable,
  appId: string,
  userId: string,
  credentialId: Buffer,
): Promise<StoredPasskey | undefined> {
  const [row] = await db.query<{ id: string; public_key: Buffer; is_backup_eligible: boolean }>(sql`
    SELECT id, public_key, is_backup_eligible FROM factors
    WHERE app_id = ${appId} AND user_id = ${userId} AND ${credentialIdOf} = ${credentialId}`);
  if (!row) return undefined;
  const { id: factorId, public_key: publicKey, is_backup_eligible: isBackupEligible } = row;
  return { factorId, userId, publicKey, isBackupEligible };
}

/** The credentials of a user, oldest first. */
export async function listCredentials(db: Queryable, appId: string, userId: string): Promise<Descriptor[]> {
  const rows = await db.query<{ credential_id: Buffer; transports: string[] }>(sql`
    SELECT ${credentialIdOf} AS credential_id, transports FROM factors
    WHERE app_id = ${appId} AND user_id = ${userId} AND kind = 'passkey' ORDER BY id`);
  return rows.map((row) => ({ credentialId: row.credential_id, transports: row.transports }));
}

/** The user of an e-mail address with their credentials, oldest first. */
export async function findCredentialsByEmail(
  db: Queryable,
  appId: string,
  emailKey: string,
): Promise<{ userId: string; credentialIds: Buffer[] } | undefined> {
  const [row] = await db.query<{ id: string; credential_ids: Buffer[] }>(sql`
    SELECT u.id, ARRAY(
      SELECT ${credentialIdOf} FROM factors f
      WHERE f.app_id = ${appId} AND f.user_id = u.id AND f.kind = 'passkey' ORDER BY f.id) AS credential_ids
    FROM users u WHERE u.app_id = ${appId} AND u.email_key = ${emailKey}`);
  return row && { userId: row.id, credentialIds: row.credential_ids };
}

/**
 * Records the use of a passkey of a locked user. Only a sign-in counts as the first use, as in `useStep`.
 *
 * @returns whether the signature counter decreased, which can mean that the passkey was copied; undefined if the
 *   passkey was deleted
 */
export async function usePasskey(
  tx: Tx,
  appId: string,
  passkey: { id: string; userId: string; startsSession: boolean; now: Date } & Pick<Proof, 'counter' | 'isBackedUp'>,
): Promise<{ hasRegressed: boolean } | undefined> {
  const { counter } = passkey;
  const [row] = await tx.query<{ has_regressed: boolean }>(sql`
    UPDATE factors f SET counter = ${counter}, is_backed_up = ${passkey.isBackedUp},
      last_used_at = CASE WHEN ${passkey.startsSession}::boolean OR f.last_used_at > f.confirmed_at
        THEN ${passkey.now}::timestamptz ELSE f.last_used_at END,
      counter_regressed_at =
        CASE WHEN before.has_regressed THEN ${passkey.now}::timestamptz ELSE f.counter_regressed_at END
    FROM (
      SELECT id, ${counter}::bigint <= counter AND (${counter}::bigint > 0 OR counter > 0) AS has_regressed
      FROM factors WHERE app_id = ${appId} AND user_id = ${passkey.userId} AND id = ${passkey.id} AND kind = 'passkey'
    ) AS before
    WHERE f.app_id = ${appId} AND f.user_id = ${passkey.userId} AND f.id = before.id
    RETURNING before.has_regressed`);
  return row && { hasRegressed: row.has_regressed };
}
