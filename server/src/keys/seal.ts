import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { constantTimeEqual } from './secrets.ts';

/**
 * A value cannot be sealed or opened: wrong key, wrong context, damaged bytes. The message never contains key or
 * plaintext.
 */
export class SealError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SealError';
  }
}

/** Encrypts secrets for storage in the database, and derives keys from the master key. */
export interface Sealer {
  /** Identifies the current master key without revealing it: 16 hexadecimal characters. */
  readonly keyId: string;
  /**
   * Encrypts under the current master key: 37 bytes longer than the plaintext.
   *
   * @param context identifies the owner of the value, for example its row. `open` requires the same context, so that a
   *   value cannot be moved to another row
   * @example sealer.seal(pem, `signing_keys:${appId}:${kid}`)
   */
  seal(plaintext: Uint8Array | string, context: string): Buffer;
  /**
   * Decrypts a value of `seal`, under the current or an old master key.
   *
   * @throws SealError when the key is not configured, the context differs or the bytes were changed
   */
  open(sealed: Uint8Array, context: string): Buffer;
  /**
   * Whether `sealed` is encrypted under the current master key. If not, seal it again before the old key is removed.
   */
  isCurrent(sealed: Uint8Array): boolean;
  /** A 32-byte key for one purpose, from the current master key. Equal purposes give equal keys. */
  deriveKey(purpose: string): Buffer;
  /**
   * Like `deriveKey`, but from every master key, the current one first. Finds values that were hashed before a
   * rotation.
   */
  deriveKeys(purpose: string): readonly Buffer[];
  /** A check value for the database, with which a later start detects a wrong master key. */
  checkValue(): string;
  /** Whether `value` is the check value of the current or of an old master key. */
  matchesCheckValue(value: string): boolean;
}

interface MasterKey {
  readonly id: Buffer;
  readonly sealing: Buffer;
  readonly checkValue: string;
  derive(purpose: string): Buffer;
}

const masterKeyBytes = 32;
const version = 1;
const keyIdBytes = 8;
const headerBytes = 1 + keyIdBytes;
const nonceBytes = 12;
const tagBytes = 16;
const overheadBytes = headerBytes + nonceBytes + tagBytes;

/**
 * The sealer for one current and any number of old master keys (32 random bytes each).
 *
 * Sealed bytes are: version (1), key id (8), nonce (12), tag (16), ciphertext; AES-256-GCM with a random 96-bit nonce
 * (NIST SP 800-38D, section 8.2.2), At most 2^32 values may be sealed under one master key. Every key in use is derived
 * with HKDF-SHA-256 (RFC 5869); the master key itself encrypts nothing.
 *
 * @throws SealError when a key is not 32 bytes long
 * @example const sealer = createSealer({ current: masterKey, old: [] }); sealer.open(sealer.seal('secret', 'apps:1'),
 *   'apps:1').toString(); // 'secret'
 */
export function createSealer({ current, old }: { current: Buffer; old: readonly Buffer[] }): Sealer {
  const newest = expand(current);
  const keys = [newest, ...old.map(expand)];
  return {
    keyId: newest.id.toString('hex'),
    seal: (plaintext, context) => encrypt(newest, plaintext, context),
    open: (sealed, context) => decrypt(keyOf(sealed, keys), sealed, context),
    isCurrent: (sealed) => newest.id.equals(idOf(sealed)),
    deriveKey: (purpose) => newest.derive(purpose),
    deriveKeys: (purpose) => keys.map((key) => key.derive(purpose)),
    checkValue: () => newest.checkValue,
    matchesCheckValue: (value) =>
      keys.some((key) => constantTimeEqual(Buffer.from(key.checkValue), Buffer.from(value))),
  };
}

function expand(masterKey: Buffer): MasterKey {
  if (masterKey.length !== masterKeyBytes) throw new SealError(`A master key has ${masterKeyBytes} bytes.`);
  const subkey = (info: string, bytes: number) => Buffer.from(hkdfSync('sha256', masterKey, '', info, bytes));
  return {
    id: subkey('gatehouse:key-id', keyIdBytes),
    sealing: subkey('gatehouse:sealing', 32),
    checkValue: subkey('gatehouse:check-value', 32).toString('base64url'),
    derive: remembering((purpose) => subkey(`gatehouse:purpose:${purpose}`, 32)),
  };
}

/** Caches derived keys: there are few purposes, and every request derives keys. */
function remembering(derive: (purpose: string) => Buffer): (purpose: string) => Buffer {
  const known = new LRUCache<string, Buffer>({ max: 100 });
  return (purpose) => {
    const key = known.get(purpose) ?? derive(purpose);
    known.set(purpose, key);
    return key;
  };
}

function encrypt(key: MasterKey, plaintext: Uint8Array | string, context: string): Buffer {
  const header = Buffer.concat([Buffer.of(version), key.id]);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key.sealing, nonce, { authTagLength: tagBytes });
  cipher.setAAD(authenticated(header, context));
  const bytes = typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext;
  const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([header, nonce, cipher.getAuthTag(), ciphertext]);
}

function decrypt(key: MasterKey, sealed: Uint8Array, context: string): Buffer {
  const tagStart = headerBytes + nonceBytes;
  const nonce = sealed.subarray(headerBytes, tagStart);
  const decipher = createDecipheriv('aes-256-gcm', key.sealing, nonce, { authTagLength: tagBytes });
  decipher.setAAD(authenticated(sealed.subarray(0, headerBytes), context));
  decipher.setAuthTag(sealed.subarray(tagStart, overheadBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(overheadBytes)), decipher.final()]);
  } catch (cause) {
    throw new SealError('The sealed value was changed, or belongs to another context.', { cause });
  }
}

/** The header has a fixed length, so header and context cannot run into each other. */
function authenticated(header: Uint8Array, context: string): Buffer {
  return Buffer.concat([header, Buffer.from(context)]);
}

function idOf(sealed: Uint8Array): Buffer {
  if (sealed.length < overheadBytes || sealed[0] !== version) throw new SealError('This is not a sealed value.');
  return Buffer.from(sealed.subarray(1, headerBytes));
}

function keyOf(sealed: Uint8Array, keys: readonly MasterKey[]): MasterKey {
  const id = idOf(sealed);
  const key = keys.find((candidate) => candidate.id.equals(id));
  if (key) return key;
  throw new SealError(
    `The value was sealed under master key ${id.toString('hex')}, which is neither MASTER_KEY nor one of ` +
      'MASTER_KEYS_OLD.',
  );
}
