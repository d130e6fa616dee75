import type { Tx } from '../db/db.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { holdSession } from './sessions.store.ts';
import { lockActiveUser } from '../users/users.store.ts';

/**
 * Checks again, under the lock of the user, that the session of the caller still exists: a claim or a reset may have
 * ended it while the call waited for the lock. Callers without a session, such as machine users, pass.
 *
 * @throws ApiError `unauthenticated`
 */
export async function requireSession(tx: Tx, { appId, actor }: Call): Promise<void> {
  if (actor.kind !== 'user' || (await holdSession(tx, appId, actor.session.id))) return;
  throw new ApiError('unauthenticated');
}

/**
 * Locks the caller and checks that their session still exists. A password reset locks the user, ends all sessions and
 * unlinks identities; without this check a call that began before the reset could add a sign-in method after it.
 *
 * @throws ApiError `unauthenticated`
 */
export async function lockCallerWithSession(tx: Tx, call: Call): Promise<void> {
  const { user, session } = signedIn(call.actor);
  const isLive = (await lockActiveUser(tx, call.appId, user.id)) && (await holdSession(tx, call.appId, session.id));
  if (!isLive) throw new ApiError('unauthenticated');
}
