import { checkNotLastOwner } from '../members/last-owner.ts';
import type { Tx } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { checkNotLastSuperAdmin } from '../users/super-admins.store.ts';
import { type GovernedUser, lockGovernedUser } from '../users/app-users.store.ts';

/** Machine users of the app must not change super admins. @throws ApiError `access_denied` */
export function checkMachineReach({ actor }: Call, { isSuperAdmin }: Pick<GovernedUser, 'isSuperAdmin'>): void {
  if (actor.kind !== 'machine' || !isSuperAdmin) return;
  throw new ApiError('access_denied', { detail: 'A machine user may not change a super admin.' });
}

/**
 * The target user of the call, locked, if the caller may change them. @throws ApiError `user_not_found`,
 * `access_denied`
 */
export async function lockWithinReach(tx: Tx, call: Call, userId: string): Promise<GovernedUser> {
  const user = await lockGovernedUser(tx, call.appId, userId);
  checkMachineReach(call, user);
  return user;
}

/**
 * Checks that the app and its organizations keep another super admin and owner without a locked user. Locks the app and
 * the organizations.
 *
 * @throws ApiError `last_super_admin`, `last_owner`
 */
export async function checkDispensable(tx: Tx, appId: string, user: GovernedUser): Promise<void> {
  if (user.isSuperAdmin) await checkNotLastSuperAdmin(tx, appId, user.id);
  await checkNotLastOwner(tx, appId, user.id);
}
