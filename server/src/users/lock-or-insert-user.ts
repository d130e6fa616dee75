import type { Call } from '../calls/route.ts';
import type { Tx } from '../db/db.ts';
import { emailKey } from '../http/email-address.ts';
import { ApiError, type ErrorCode } from '../http/errors.ts';
import { insertInvitedUser, lockUserByEmail, type User } from './users.store.ts';

/**
 * Locks the user of an address. If there is none, inserts one as invited: without a password or another sign-in method.
 *
 * @param refusal the error code if the address has no user and none may be inserted
 * @returns the locked user, and whether this call inserted it
 * @throws ApiError `refusal`
 */
export async function lockOrInsertUser(
  tx: Tx,
  call: Call,
  person: { email: string; firstName: string; lastName: string },
  refusal?: ErrorCode,
): Promise<{ user: User; isNew: boolean }> {
  const { services, appId } = call;
  const { email, firstName, lastName } = person;
  const key = emailKey(email);
  const known = await lockUserByEmail(tx, appId, key);
  if (known) return { user: known, isNew: false };
  if (refusal) throw new ApiError(refusal);
  const id = services.ids.next();
  await insertInvitedUser(tx, appId, { id, email, emailKey: key, firstName, lastName, now: services.clock.now() });
  const user = await lockUserByEmail(tx, appId, key);
  if (!user) throw new Error('an invited user was deleted while it was inserted');
  // A concurrent call may have inserted the user first.
  return { user, isNew: user.id === id };
}
