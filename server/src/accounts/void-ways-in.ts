import { voidAllCodes } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { deleteDevices } from '../devices/devices.store.ts';
import { deleteIdentities } from '../identity-providers/identities.store.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { clearUnclaimedRow } from '../users/users.store.ts';

/**
 * Rule (P) of contract 2.12: voids everything by which somebody may sign in to an account that is not claimed, because
 * a stranger may have set it up. These are the password, sessions, linked identities, known devices and all codes with
 * their mailed tokens, including a pending change of address. Phone number, language and metadata, except keys that
 * backends wrote, are deleted if the address was never verified. Id, address, names, memberships and invitations stay.
 *
 * A new table that lets somebody sign in or act as a user gets a line here; `void-ways-in.test.ts` fails until every
 * table that references `users` is classified.
 *
 * The caller has locked the user's row in this transaction, and has checked under that lock that the account is not
 * claimed. Requests that authenticated earlier and wait for the lock must check that what they rely on still exists: a
 * code by consuming it, a password by `lockCredentials`, a session by `holdSession`.
 *
 * @param now the time of the change
 * @returns hashes of the tokens of the sessions that ended
 */
export async function voidWaysIn(tx: Tx, appId: string, userId: string, now: Date): Promise<Buffer[]> {
  const ended = await deleteSessions(tx, appId, userId);
  await deleteIdentities(tx, appId, userId);
  await deleteDevices(tx, appId, userId);
  await voidAllCodes(tx, appId, userId);
  await clearUnclaimedRow(tx, appId, userId, now);
  return ended;
}
