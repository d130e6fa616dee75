import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const prefix = 'gh_k_';
const secretBytes = 32;
const checksumBytes = 4;
const pattern = /^gh_k_[A-Za-z0-9_-]{49}$/;
/** 43 characters for 256 bits, then 6 for the checksum. */
const secretLength = prefix.length + 43;

function checksumOf(secret: string): string {
  const bytes = Buffer.alloc(checksumBytes);
  bytes.writeUInt32BE(crc32(secret));
  return bytes.toString('base64url');
}

/**
 * Generates an API key: the prefix, 256 random bits, and the CRC-32 of both in base64url. With the checksum, secret
 * scanners distinguish a key from similar text without calling the service.
 *
 * @example newApiKey() // 'gh_k_9rZ…'
 */
export const newApiKey = (): string => toApiKey(randomBytes(secretBytes).toString('base64url'));

/** The key of a secret of 43 characters. */
export const toApiKey = (secret: string): string => prefix + secret + checksumOf(prefix + secret);

/** Whether a credential claims to be an API key. */
export const claimsToBeApiKey = (credential: string): boolean => credential.startsWith(prefix);

/** Whether a credential has the form and the checksum of an API key. */
export const isWellFormedApiKey = (credential: string): boolean =>
  pattern.test(credential) && checksumOf(credential.slice(0, secretLength)) === credential.slice(secretLength);

/** The last characters of a key, by which people identify it. */
export const lastCharactersOf = (key: string): string => key.slice(-4);
