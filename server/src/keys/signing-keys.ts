import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { LRUCache } from 'lru-cache';
import type { Db, Tx } from '../db/db.ts';
import type { Sealer } from './seal.ts';
import {
  activateSuccessor,
  endPublication,
  findPublishedKey,
  findSealedPrivateKey,
  insertSigningKey,
  type KeySet,
  type PublicJwk,
  revokeSigningKey,
  someKeySigns,
  type StoredSigningKey,
} from './signing-keys.store.ts';

/** Maximum cache time of a JWKS. A new key is published this long before it signs. */
export const publicationLeadMs = 15 * 60_000;
/** The longest lifetime of a token that is signed with a key of the set. */
const longestTokenLifeMs: Readonly<Record<KeySet, number>> = { machine: 43_199_000, oauth: 3_600_000 };

/** Binds a sealed key to its row. */
const context = (set: KeySet, appId: string, kid: string): string =>
  `${set === 'machine' ? 'signing_keys' : 'oauth_signing_keys'}:${appId}:${kid}`;
const cacheKey = (appId: string, kid: string): string => `${appId}/${kid}`;

const generate = promisify(generateKeyPair);

/** Generates an ES256 key pair; its `kid` is the thumbprint of the public key. @see RFC 7638 */
export async function generateSigningKey(
  sealer: Sealer,
  appId: string,
  set: KeySet,
  activeFrom: Date,
): Promise<StoredSigningKey> {
  const { calculateJwkThumbprint } = await import('jose');
  const { publicKey, privateKey } = await generate('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const kid = await calculateJwkThumbprint({ kty: 'EC', crv: 'P-256', x, y });
  const publicJwk: PublicJwk = { kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' };
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  return { set, kid, publicJwk, sealedPrivateKey: sealer.seal(pkcs8, context(set, appId, kid)), activeFrom };
}

/** Generates the successor of an app's key for `rotateSigningKey`. It signs only after every cache has seen it. */
export function generateSuccessor(sealer: Sealer, appId: string, set: KeySet, now: Date): Promise<StoredSigningKey> {
  return generateSigningKey(sealer, appId, set, new Date(now.getTime() + publicationLeadMs));
}

/**
 * Adds a successor to the app's key of the same set. The successor is published at once and signs after 15 minutes. The
 * old key stays published until 15 minutes after the last token that it signed has expired.
 */
export async function rotateSigningKey(tx: Tx, appId: string, successor: StoredSigningKey, now: Date): Promise<void> {
  const lastUse = successor.activeFrom.getTime();
  const { set } = successor;
  await endPublication(tx, appId, set, new Date(lastUse + longestTokenLifeMs[set] + publicationLeadMs));
  await insertSigningKey(tx, appId, successor, now);
}

/**
 * Revokes a key: every token that it signed is refused at once. If no other key signs yet, the successor signs from now
 * on, even though caches may lack it, because a stolen key must not stay valid for the sake of caches.
 *
 * @param spare a new key of the same set, used if there is no successor either
 * @returns whether the key existed and was not revoked before
 */
export async function revokeKey(
  tx: Tx,
  appId: string,
  kid: string,
  spare: StoredSigningKey,
  now: Date,
): Promise<boolean> {
  const { set } = spare;
  if (!(await revokeSigningKey(tx, appId, set, kid, now))) return false;
  if (await someKeySigns(tx, appId, set, now)) return true;
  if (!(await activateSuccessor(tx, appId, set, now)))
    await insertSigningKey(tx, appId, { ...spare, activeFrom: now }, now);
  return true;
}

/** A private key as PKCS #8. @throws SealError */
export const openPrivateKey = (sealer: Sealer, appId: string, set: KeySet, kid: string, sealed: Buffer): Buffer =>
  sealer.open(sealed, context(set, appId, kid));

/** The private key, sealed again under the current master key. */
export function resealPrivateKey(sealer: Sealer, appId: string, set: KeySet, kid: string, sealed: Buffer): Buffer {
  return sealer.seal(openPrivateKey(sealer, appId, set, kid, sealed), context(set, appId, kid));
}

/**
 * Keys of one set, ready for use. The key of a `kid` never changes, so it is cached. The status is not checked again
 * here: the lookup of the credential does that.
 */
export interface SigningKeys {
  /** @throws Error if the key is not stored, or not sealed under a configured master key */
  privateKey(appId: string, kid: string): Promise<KeyObject>;
  /** The published key with this id; undefined if there is none in this app. */
  publicKey(appId: string, kid: string, now: Date): Promise<KeyObject | undefined>;
}

export function createSigningKeys(db: Db, sealer: Sealer, set: KeySet): SigningKeys {
  const privateKeys = new LRUCache<string, KeyObject>({ max: 1000 });
  const publicKeys = new LRUCache<string, KeyObject>({ max: 10_000 });
  return {
    async privateKey(appId, kid) {
      const known = privateKeys.get(cacheKey(appId, kid));
      if (known) return known;
      const sealed = await findSealedPrivateKey(db, appId, set, kid);
      if (!sealed) throw new Error(`signing key ${kid} is not stored`);
      const pkcs8 = openPrivateKey(sealer, appId, set, kid, sealed);
      const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
      privateKeys.set(cacheKey(appId, kid), key);
      return key;
    },
    async publicKey(appId, kid, now) {
      const known = publicKeys.get(cacheKey(appId, kid));
      if (known) return known;
      const jwk = await findPublishedKey(db, appId, set, kid, now);
      if (!jwk) return undefined;
      const key = createPublicKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }, format: 'jwk' });
      publicKeys.set(cacheKey(appId, kid), key);
      return key;
    },
  };
}
