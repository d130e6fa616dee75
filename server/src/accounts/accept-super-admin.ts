import type { Tx } from '../db/db.ts';
import type { ChangeEvent } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { isInvitedAsSuperAdmin, setSuperAdmin } from '../users/super-admins.store.ts';
import { notifySuperAdmins } from './notify-super-admins.ts';

/**
 * Makes an invited user a super admin, after a code from the mailbox was presented and the account was claimed with a
 * new password. An identity provider that vouches for the address is not enough.
 *
 * @returns the event, or undefined if the user was not invited
 */
export async function acceptSuperAdmin(
  tx: Tx,
  call: Call,
  user: { id: string; email: string },
): Promise<ChangeEvent[]> {
  const { appId, services } = call;
  const now = services.clock.now();
  if (!(await isInvitedAsSuperAdmin(tx, appId, user.id, now))) return [];
  await setSuperAdmin(tx, appId, user.id, true, now);
  await notifySuperAdmins(tx, call, 'super_admin_granted', user.email);
  const actor = { kind: 'user', id: user.id } as const;
  return [{ action: 'super_admin.accepted', target: actor, actor }];
}
