import type { Tx } from '../db/db.ts';
import { deleteInvitedLeftOver, lockInvitedTo } from './invitations.store.ts';
import type { RoleReference } from '../roles/roles.store.ts';
import { deleteRole, lockRole } from '../roles/roles.store.ts';

/**
 * Takes a role away from everybody at once: members lose it, invitations to it are void, and anyone who was invited to
 * nothing else is forgotten, as when their invitation is revoked.
 *
 * @param lockOwner locks what the role belongs to, in the order of locks that everybody keeps: users, organizations,
 * roles
 * @throws ApiError `role_not_found`
 */
export async function removeRole(
  tx: Tx,
  appId: string,
  role: RoleReference,
  lockOwner: () => Promise<unknown>,
): Promise<void> {
  await lockInvitedTo(tx, appId, role);
  await lockOwner();
  await lockRole(tx, appId, role);
  // Read the invited users again: from here on no invitation can be created, but some may have been created since the
  // first read.
  const invited = await lockInvitedTo(tx, appId, role);
  await deleteRole(tx, appId, role);
  await deleteInvitedLeftOver(tx, appId, invited);
}
