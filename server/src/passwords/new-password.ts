import { ApiError } from '../http/errors.ts';
import type { BreachedPasswords } from './breached-passwords.ts';
import type { PasswordHasher } from './password-hash.ts';
import { type PasswordOwner, passwordFault } from './password-policy.ts';

/** The services that check and hash new passwords. */
export interface PasswordServices {
  readonly passwords: PasswordHasher;
  readonly breachedPasswords: BreachedPasswords;
}

/** The reason why a new password is refused, as a sentence for the user, or undefined. Calls another server. */
export async function newPasswordFault(
  { breachedPasswords }: PasswordServices,
  password: string,
  owner: PasswordOwner,
): Promise<string | undefined> {
  const fault = passwordFault(password, owner);
  if (fault !== undefined) return fault;
  return (await breachedPasswords.contains(password)) ? 'The password appeared in a data breach.' : undefined;
}

/**
 * Checks and hashes a new password. Every operation that sets a password calls this function. Never call it inside a
 * transaction,
 * because the check can wait a second for another server.
 *
 * @throws ApiError `password_too_weak`
 * @throws OverloadedError if too many hashes are waiting
 */
export async function hashNewPassword(
  services: PasswordServices,
  password: string,
  owner: PasswordOwner,
): Promise<string> {
  const fault = await newPasswordFault(services, password, owner);
  if (fault !== undefined) throw new ApiError('password_too_weak', { detail: fault });
  return services.passwords.hash(password);
}
