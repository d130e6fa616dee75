import { ApiError } from '../http/errors.ts';
import { isCommonPassword } from './common-passwords.ts';

/** Personal data of the user, which an attacker tries first. */
export interface PasswordOwner {
  readonly email: string;
  readonly firstName?: string | undefined;
  readonly lastName?: string | undefined;
}

const minCharacters = 10;
const maxCharacters = 128;

/** Allowed length, for sign-up pages. */
export const passwordLengths = { minLength: minCharacters, maxLength: maxCharacters };

/**
 * The reason why a new password is too weak, as a sentence for the user, or undefined. Checks the length in code points
 * of the NFC form, the list of common passwords, and the user's own e-mail address and name. No composition rules,
 * because they make passwords predictable (NIST SP 800-63B, section 5.1.1.2). Never applied at sign-in.
 *
 * @example passwordFault('password123', { email: 'jane@example.com' }) // 'The password is one of the most common
 *   ones.'
 */
export function passwordFault(password: string, owner: PasswordOwner): string | undefined {
  const normalized = password.normalize('NFC');
  const characters = Array.from(normalized).length;
  if (characters < minCharacters) return `The password needs at least ${minCharacters} characters.`;
  if (characters > maxCharacters) return `The password can have at most ${maxCharacters} characters.`;
  const folded = normalized.toLowerCase();
  if (isCommonPassword(folded)) return 'The password is one of the most common passwords.';
  if (isOwnersIdentity(folded, owner)) return 'The password must not be the e-mail address or the name.';
  return undefined;
}

/** Refuses a new password that is too weak. @throws ApiError `password_too_weak` */
export function checkPassword(password: string, owner: PasswordOwner): void {
  const fault = passwordFault(password, owner);
  if (fault !== undefined) throw new ApiError('password_too_weak', { detail: fault });
}

function isOwnersIdentity(password: string, { email, firstName = '', lastName = '' }: PasswordOwner): boolean {
  const localPart = email.slice(0, email.lastIndexOf('@'));
  const identities = [email, localPart, firstName, lastName, firstName + lastName, lastName + firstName];
  const letters = lettersAndDigits(password);
  return letters !== '' && identities.some((identity) => lettersAndDigits(identity) === letters);
}

/** Ignores case and separators: `Jane.Doe_Smith` equals `janedoesmith`. */
function lettersAndDigits(text: string): string {
  return text
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}]/gu, '');
}
