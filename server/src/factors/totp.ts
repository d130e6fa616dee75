import { createHmac, randomBytes } from 'node:crypto';
import { constantTimeEqual } from '../keys/secrets.ts';

/** Parameters that every authenticator app supports. @see RFC 6238, section 4 */
const stepSeconds = 30;
const digits = 6;
/** Bytes of a secret: the length of the hash, as RFC 4226, section 4, recommends. */
const secretBytes = 20;
/** Steps before and after the present one whose codes are accepted, for clocks that differ. */
const skewSteps = 1;

const base32Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Generates the secret of an authenticator app: 160 random bits. */
export const newTotpSecret = (): Buffer => randomBytes(secretBytes);

/**
 * Base32 without padding.
 *
 * @example toBase32(Buffer.from('12345678901234567890')) // 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
 * @see RFC 4648, section 6
 */
export function toBase32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => base32Alphabet[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
}

/** The number of the time step of a moment. */
export const stepOf = (time: Date): number => Math.floor(time.getTime() / 1000 / stepSeconds);

/**
 * The code of a time step, six digits.
 *
 * @example totpCode(Buffer.from('12345678901234567890'), 1) // '287082'
 * @see RFC 6238 and RFC 4226, section 5.3
 */
export function totpCode(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/**
 * Finds the time step whose code this is, among the present step and its neighbours. Compares with all of them, so that
 * the time reveals nothing.
 *
 * @returns undefined if it is the code of none of them
 */
export function matchTotp(secret: Uint8Array, code: string, now: Date): number | undefined {
  const present = stepOf(now);
  const steps = Array.from({ length: 2 * skewSteps + 1 }, (_, index) => present - skewSteps + index);
  const presented = Buffer.from(code);
  const matches = steps.map((step) => constantTimeEqual(Buffer.from(totpCode(secret, step)), presented));
  return steps[matches.indexOf(true)];
}

/**
 * The address that authenticator apps read from a QR code.
 *
 * @param issuer name of the product, shown above the code
 * @param account address of the person, shown beside it
 * @see https://github.com/google/google-authenticator/wiki/Key-Uri-Format
 */
export function totpUri(secret: Uint8Array, issuer: string, account: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  const parameters = `secret=${toBase32(secret)}&issuer=${encodeURIComponent(issuer)}`;
  return `otpauth://totp/${label}?${parameters}&algorithm=SHA1&digits=${digits}&period=${stepSeconds}`;
}
