import type { Tx } from '../db/db.ts';
import { signedIn } from '../http/actor.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../http/route.ts';
import { fillShares } from '../limits/limits.store.ts';
import { shareKey, takeLimit } from '../limits/take-limit.ts';
import { getCredentials, lockCredentials } from './users.store.ts';

/** The password of the caller, as it was compared. */
export interface ComparedPassword {
  readonly id: string;
  readonly passwordHash: string;
}

/**
 * Asks the caller for the password before what a stolen session must not be able to do. Somebody without a password,
 * who comes by an identity provider, sets one by a password reset first: that proves the mailbox. Tries are counted
 * before they are compared; a right one clears the count.
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
      detail: 'This account has no password yet. Set one by a password reset, then try again.',
    });
  }
  if (!matches) throw new ApiError('current_password_wrong');
  await fillShares(services.db, appId, [shareKey(services, 'passwordChecksPerUserPerHour', id)]);
  return { id, passwordHash };
}

/**
 * Does something that needs the caller's current password. Comparing takes a while and happens outside of the
 * transaction; `work` therefore begins with `lockPassword` and answers undefined when it says no. Then all is tried a
 * second time: a sign-in may just have brought the stored hash up to date.
 *
 * @throws ApiError `current_password_wrong`, `rate_limited`
 */
export function withCurrentPassword<Result>(
  call: Call,
  password: string,
  work: (compared: ComparedPassword) => Promise<Result | undefined>,
): Promise<Result> {
  return withPasswordOf(call, signedIn(call.actor).user.id, password, work);
}

/** The same with the password of a user who is not signed in, but has shown another credential. */
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

/** Whether the compared password is still that of the user, who stays locked until the transaction ends. */
export const lockPassword = (tx: Tx, appId: string, compared: ComparedPassword): Promise<boolean> =>
  lockCredentials(tx, appId, compared);
