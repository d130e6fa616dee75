import type { Tx } from '../db/db.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { resetQuotas } from '../limits/limits.store.ts';
import { quotaKey, takeLimit } from '../calls/take-limit.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { getCredentials, lockCredentials } from '../users/users.store.ts';

/** The password of the caller with the stored hash that it was compared with. */
export interface ComparedPassword {
  readonly id: string;
  readonly passwordHash: string;
}

/** The confirmation of a sensitive change by the caller: with the current password, or with a fresh session. */
export type Confirmation = ComparedPassword | 'fresh-session';

/**
 * Compares the current password of the caller. Attempts are counted and committed before the comparison; a correct
 * password resets the count.
 *
 * @throws ApiError `current_password_wrong`, `rate_limited`
 */
async function comparePassword(call: Call, id: string, password: string): Promise<ComparedPassword> {
  const { services, appId } = call;
  await takeLimit(call, 'passwordChecksPerUserPerHour', id);
  const { passwordHash } = await getCredentials(services.db, appId, id);
  const matches = await services.passwords.verify(passwordHash, password);
  if (passwordHash === null) {
    throw new ApiError('current_password_wrong', {
      detail:
        'This account has no password. Re-authenticate with a mailed code or a provider, or set a password with a ' +
        'password reset.',
    });
  }
  if (!matches) throw new ApiError('current_password_wrong');
  await resetQuotas(services.db, appId, [quotaKey(services, 'passwordChecksPerUserPerHour', id)]);
  return { id, passwordHash };
}

/**
 * Makes a sensitive change of the caller's account. Without a password, the session is fresh, because the route
 * declares `freshAuthentication`. The password is compared before the transaction, because hashing is slow. `work`
 * therefore begins with `lockConfirmation` and returns undefined if that returns false. Then the change is retried
 * once, because a concurrent sign-in may have rehashed the password.
 *
 * @param password the current password in the request, or undefined
 * @throws ApiError `current_password_wrong`, `rate_limited`
 */
export async function withConfirmation<Result>(
  call: Call,
  password: string | undefined,
  work: (confirmation: Confirmation) => Promise<Result | undefined>,
): Promise<Result> {
  if (password !== undefined) return withPasswordOf(call, signedIn(call.actor).user.id, password, work);
  if (call.route.freshAuthentication !== 'always') {
    throw new Error(`${call.route.operationId} has no password and does not require fresh authentication`);
  }
  const done = await work('fresh-session');
  if (done === undefined) throw new Error('a fresh session was not accepted as confirmation');
  return done;
}

/**
 * Makes a change that is confirmed by the password of a user. The user may differ from the caller, or the caller may
 * have no session.
 *
 * @throws ApiError `current_password_wrong`, `rate_limited`
 */
export async function withPasswordOf<Result>(
  call: Call,
  userId: string,
  password: string,
  work: (compared: ComparedPassword) => Promise<Result | undefined>,
): Promise<Result> {
  const attempt = async () => work(await comparePassword(call, userId, password));
  const done = (await attempt()) ?? (await attempt());
  if (done === undefined) throw new ApiError('current_password_wrong');
  return done;
}

/**
 * Whether the compared password is still current. Locks the caller until the transaction ends.
 *
 * @throws ApiError `unauthenticated` if the session has ended in the meantime
 */
export async function lockConfirmation(tx: Tx, call: Call, confirmation: Confirmation): Promise<boolean> {
  await lockCallerWithSession(tx, call);
  return confirmation === 'fresh-session' || lockCredentials(tx, call.appId, confirmation);
}
