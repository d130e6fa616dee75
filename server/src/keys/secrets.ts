import { createHmac, hash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/**
 * Prefix of a secret, which shows its kind: session, machine user, mailed verification token, known device, intent,
 * machine user of an organization, sign-in whose second factor is missing, browser that requested a sign-in code, forms
 * of the hosted pages, session exchange, remembered device.
 */
export type SecretPrefix =
  | 'gh_s_'
  | 'gh_m_'
  | 'gh_v_'
  | 'gh_d_'
  | 'gh_i_'
  | 'gh_o_'
  | 'gh_f_'
  | 'gh_b_'
  | 'gh_p_'
  | 'gh_x_'
  | 'gh_r_';

/** Binding of a code: it is invalid for another app, user, purpose or organization. */
export interface CodeBinding {
  readonly appId: string;
  readonly userId: string;
  /** Why the code was sent, e.g. `email_verification`. */
  readonly purpose: string;
  /** Used only for codes that belong to one organization, such as an invitation. */
  readonly orgId?: string | undefined;
  readonly code: string;
}

// No I, L, O, 0 or 1: codes are read from a screen and typed by hand.
const codeAlphabet = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789';
const codeLength = 7;
/** 26 characters of this alphabet have 128.8 bits. */
const longCodeLength = 26;
const secretBytes = 32;

const randomCode = (length: number): string =>
  Array.from({ length }, () => codeAlphabet[randomInt(codeAlphabet.length)]).join('');

/**
 * Generates a bearer secret: the prefix, by which secret scanners recognise a leak, and 256 random bits in base64url
 * (43 characters). With 256 bits, a fast hash is sufficient for storage (NIST SP 800-63B, section 5.1.2.2).
 *
 * @example newSecret('gh_s_') // 'gh_s_9rZ…'
 */
export function newSecret(prefix: SecretPrefix): string {
  return prefix + randomBytes(secretBytes).toString('base64url');
}

/**
 * The SHA-256 (32 bytes) under which a secret is stored and looked up, so that a stolen database contains no
 * credentials.
 */
export function sha256(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}

/**
 * Generates a code of seven characters, about 34.7 bits, uniformly distributed. This is too short on its own: callers
 * limit the attempts and the lifetime of each code.
 *
 * @example newCode() // 'K7PQ2XM'
 */
export const newCode = (): string => randomCode(codeLength);

/**
 * Generates a code of 26 characters, 128.8 bits, for the link of a mail. It cannot be guessed, so no attempts are
 * counted.
 *
 * @example newLongCode() // 'K7PQ2XMHB4T8V9WNRC3DYJ6FAG'
 */
export const newLongCode = (): string => randomCode(longCodeLength);

/** Whether a value has the length of a long code. Short and long codes differ only in length. */
export const isLongCode = (input: string): boolean => normalizeCode(input).length === longCodeLength;

/**
 * A long code in groups of four, as a mail without a link shows it.
 *
 * @example groupCode('K7PQ2XMHB4T8V9WNRC3DYJ6FAG') // 'K7PQ-2XMH-B4T8-V9WN-RC3D-YJ6F-AG'
 */
export const groupCode = (code: string): string => code.replace(/.{4}(?=.)/g, '$&-');

/** 18 characters of the alphabet have 89 bits. */
const recoveryCodeLength = 18;

/**
 * Generates a recovery code of 89 bits, in groups of six. Enough that a fast hash is sufficient for storage.
 *
 * @example newRecoveryCode() // 'K7PQ2X-MHB4T8-V9WNRC'
 */
export const newRecoveryCode = (): string => randomCode(recoveryCodeLength).replace(/.{6}(?=.)/g, '$&-');

/** White space, dashes and format characters (zero-width and directional marks). They never occur in a code. */
const codeSeparators = /[\s\p{White_Space}\p{Dash}\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;

/**
 * The issued code, from text that a person typed or pasted. Codes are often copied in groups, or with invisible
 * characters of a mail or a chat.
 *
 * @example normalizeCode(' k7p-q2xm ') // 'K7PQ2XM'
 */
export function normalizeCode(input: string): string {
  return input.replace(codeSeparators, '').toUpperCase();
}

/**
 * The HMAC-SHA-256 (32 bytes) under which a code is stored. Keyed, because a plain hash of 34.7 bits could be searched
 * in seconds; the key is derived from the master key and is not in the database.
 *
 * @param key 32 bytes from `Sealer.deriveKey`
 */
export function codeHash(key: Buffer, { appId, userId, purpose, orgId, code }: CodeBinding): Buffer {
  // JSON separates the parts: ('1', '23') and ('12', '3') must have different hashes.
  const message = JSON.stringify([appId, userId, purpose, orgId ?? null, normalizeCode(code)]);
  return createHmac('sha256', key).update(message).digest();
}

/** Whether two byte strings are equal. The duration depends only on their lengths. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Whether a verifier belongs to a code challenge of the method S256.
 *
 * @see RFC 7636, section 4.6
 */
export const isVerifierOf = (codeVerifier: string, codeChallenge: string): boolean =>
  constantTimeEqual(Buffer.from(sha256(codeVerifier).toString('base64url')), Buffer.from(codeChallenge));
