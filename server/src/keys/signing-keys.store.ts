import type { Queryable, Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';

/**
 * The key sets of an app. `machine` only ever signs tokens of machine users of the app, because verifiers that trust
 * this set check only signature, issuer, audience and expiry. `oauth` signs all other kinds of tokens.
 */
export const keySets = ['machine', 'oauth'] as const;

export type KeySet = (typeof keySets)[number];

/** Each set has a separate table, so that no statement can confuse the sets. */
const tables: Readonly<Record<KeySet, Sql>> = {
  machine: sql`signing_keys`,
  oauth: sql`oauth_signing_keys`,
};

/** The public key, as published in the JWKS. @see RFC 7517, RFC 7518 section 6.2.1 */
export interface PublicJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly alg: 'ES256';
  readonly use: 'sig';
}

export interface StoredSigningKey {
  readonly set: KeySet;
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  readonly sealedPrivateKey: Buffer;
  readonly activeFrom: Date;
}

export async function insertSigningKey(tx: Tx, appId: string, key: StoredSigningKey, now: Date): Promise<void> {
  await tx.query(sql`
    INSERT INTO ${tables[key.set]} (app_id, kid, public_jwk, sealed_private_key, created_at, active_from)
    VALUES (${appId}, ${key.kid}, ${JSON.stringify(key.publicJwk)}::jsonb, ${key.sealedPrivateKey}, ${now},
      ${key.activeFrom})`);
}

/** Sets the end of publication of the keys that a new key replaces. */
export async function endPublication(tx: Tx, appId: string, set: KeySet, publishedUntil: Date): Promise<void> {
  await tx.query(sql`
    UPDATE ${tables[set]} SET published_until = ${publishedUntil} WHERE app_id = ${appId} AND published_until IS NULL`);
}

/** The keys with which tokens are verified now: published and not revoked. */
export async function listPublishedKeys(db: Queryable, appId: string, set: KeySet, now: Date): Promise<PublicJwk[]> {
  const rows = await db.query<{ public_jwk: PublicJwk }>(sql`
    SELECT public_jwk FROM ${tables[set]}
    WHERE app_id = ${appId} AND revoked_at IS NULL AND (published_until IS NULL OR published_until > ${now})
    ORDER BY created_at DESC, kid`);
  return rows.map((row) => row.public_jwk);
}

/** A published key by its id. */
export async function findPublishedKey(
  db: Queryable,
  appId: string,
  set: KeySet,
  kid: string,
  now: Date,
): Promise<PublicJwk | undefined> {
  const [row] = await db.query<{ public_jwk: PublicJwk }>(sql`
    SELECT public_jwk FROM ${tables[set]}
    WHERE app_id = ${appId} AND kid = ${kid} AND revoked_at IS NULL
      AND (published_until IS NULL OR published_until > ${now})`);
  return row?.public_jwk;
}

export async function findSealedPrivateKey(
  db: Queryable,
  appId: string,
  set: KeySet,
  kid: string,
): Promise<Buffer | undefined> {
  const [row] = await db.query<{ sealed_private_key: Buffer }>(
    sql`SELECT sealed_private_key FROM ${tables[set]} WHERE app_id = ${appId} AND kid = ${kid}`,
  );
  return row?.sealed_private_key;
}

/** @returns whether the key existed and was not revoked before */
export async function revokeSigningKey(tx: Tx, appId: string, set: KeySet, kid: string, now: Date): Promise<boolean> {
  const rows = await tx.query(sql`
    UPDATE ${tables[set]} SET revoked_at = ${now}
    WHERE app_id = ${appId} AND kid = ${kid} AND revoked_at IS NULL RETURNING kid`);
  return rows.length > 0;
}

/** Whether the app has a key that can sign now. */
export async function someKeySigns(db: Queryable, appId: string, set: KeySet, now: Date): Promise<boolean> {
  const rows = await db.query(sql`
    SELECT 1 FROM ${tables[set]}
    WHERE app_id = ${appId} AND revoked_at IS NULL AND active_from <= ${now}
      AND (published_until IS NULL OR published_until > ${now}) LIMIT 1`);
  return rows.length > 0;
}

/** Activates the successor key, which does not sign yet. @returns whether there is a successor */
export async function activateSuccessor(tx: Tx, appId: string, set: KeySet, now: Date): Promise<boolean> {
  const rows = await tx.query(sql`
    UPDATE ${tables[set]} SET active_from = ${now}
    WHERE app_id = ${appId} AND revoked_at IS NULL AND published_until IS NULL AND active_from > ${now} RETURNING kid`);
  return rows.length > 0;
}

/** Every sealed private key of the deployment, for a change of the master key. */
export async function listSealedKeys(
  db: Queryable,
  set: KeySet,
): Promise<{ appId: string; kid: string; sealed: Buffer }[]> {
  const rows = await db.query<{ app_id: string; kid: string; sealed_private_key: Buffer }>(
    sql`SELECT app_id, kid, sealed_private_key FROM ${tables[set]} ORDER BY app_id, kid`,
  );
  return rows.map((row) => ({ appId: row.app_id, kid: row.kid, sealed: row.sealed_private_key }));
}

export async function replaceSealedKey(tx: Tx, appId: string, set: KeySet, kid: string, sealed: Buffer): Promise<void> {
  await tx.query(
    sql`UPDATE ${tables[set]} SET sealed_private_key = ${sealed} WHERE app_id = ${appId} AND kid = ${kid}`,
  );
}

/** Every key of a set of an app, newest first, for the operator. */
export async function listSigningKeys(
  db: Queryable,
  appId: string,
  set: KeySet,
): Promise<{ kid: string; activeFrom: Date; publishedUntil: Date | null; revokedAt: Date | null }[]> {
  const rows = await db.query<{
    kid: string;
    active_from: Date;
    published_until: Date | null;
    revoked_at: Date | null;
  }>(sql`
    SELECT kid, active_from, published_until, revoked_at FROM ${tables[set]}
    WHERE app_id = ${appId} ORDER BY active_from DESC, kid`);
  return rows.map((row) => ({
    kid: row.kid,
    activeFrom: row.active_from,
    publishedUntil: row.published_until,
    revokedAt: row.revoked_at,
  }));
}
