import type { Tx } from '../db/db.ts';
import { deleteInvitedLeftOver, lockInvitedTo } from './invitations.store.ts';
import type { RoleReference } from '../roles/roles.store.ts';
import { deleteRole, lockRole } from '../roles/roles.store.ts';

/**
 * Removes a role from everybody at once. Members lose the role, invitations to it are void, and users who have no other
 * invitation are deleted, as if their invitation was revoked.
 *
 * @param lockOwner locks the owner of the role, in the common lock order: users, organizations, roles
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
  // Read the invited users again. No further invitation can be created from here on, but some may have been created
  // since the first read.
  const invited = await lockInvitedTo(tx, appId, role);
  await deleteRole(tx, appId, role);
  await deleteInvitedLeftOver(tx, appId, invited);
}
