import type { Tx } from '../db/db.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { fillShares } from '../limits/limits.store.ts';
import { shareKey, takeLimit } from '../calls/take-limit.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { getCredentials, lockCredentials } from '../users/users.store.ts';

/** The password of the caller, as it was compared. */
export interface ComparedPassword {
  readonly id: string;
  readonly passwordHash: string;
}

/** How the caller confirms a sensitive change: by the current password, or by a session that is fresh. */
export type Confirmation = ComparedPassword | 'fresh-session';

/**
 * Compares the current password of the caller. Attempts are counted and committed before the password is compared; a
 * right one clears the count.
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
        'This account has no password. Re-authenticate by a mailed code or a provider, or set a password ' +
        'by a password reset.',
    });
  }
  if (!matches) throw new ApiError('current_password_wrong');
  await fillShares(services.db, appId, [shareKey(services, 'passwordChecksPerUserPerHour', id)]);
  return { id, passwordHash };
}

/**
 * Makes a sensitive change of the caller's account. Without a password the session is fresh: the route declares
 * `freshAuthentication`. Comparing takes a while and happens outside of the transaction; `work` therefore begins with
 * `lockConfirmation` and answers undefined if that returns false. Then it is tried a second time, because a concurrent
 * sign-in may have rehashed the password.
 *
 * @param password the current password as given; undefined if the caller gave none
 * @throws ApiError `current_password_wrong`, `rate_limited`
 */
export async function withConfirmation<Result>(
  call: Call,
  password: string | undefined,
  work: (confirmation: Confirmation) => Promise<Result | undefined>,
): Promise<Result> {
  if (password !== undefined) return withPasswordOf(call, signedIn(call.actor).user.id, password, work);
  if (call.route.freshAuthentication !== 'always') {
    throw new Error(`${call.route.operationId} neither got a password nor needs fresh authentication`);
  }
  const done = await work('fresh-session');
  if (done === undefined) throw new Error('a fresh session was not taken as confirmation');
  return done;
}

/**
 * Makes a change that the password of a user confirms. The user may be another than the caller, or the caller may have
 * no session.
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
 * Whether the compared password is still that of the caller, who stays locked until the transaction ends.
 *
 * @throws ApiError `unauthenticated` if the session has ended since
 */
export async function lockConfirmation(tx: Tx, call: Call, confirmation: Confirmation): Promise<boolean> {
  await lockCallerWithSession(tx, call);
  return confirmation === 'fresh-session' || lockCredentials(tx, call.appId, confirmation);
}
