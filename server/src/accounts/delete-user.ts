import type { Tx } from '../db/db.ts';
import type { Change } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { endKeysOf } from '../api-keys/end-keys.ts';
import { notifySuperAdmins } from './notify-super-admins.ts';
import { endSecretsOfFormerOwner } from '../organization-machine-users/former-owners.ts';
import type { GovernedUser } from '../users/app-users.store.ts';
import { eraseUser } from './erase-user.ts';
import { checkDispensable } from './govern-user.ts';

/**
 * Deletes a locked user. The permission must be checked already.
 *
 * @returns the response and the event; if users delete themselves, the event has no client address
 * @throws ApiError `last_owner`, `last_super_admin`
 */
export async function deleteGovernedUser(tx: Tx, call: Call, user: GovernedUser): Promise<Change<{ message: string }>> {
  const { appId, services, actor } = call;
  await checkDispensable(tx, appId, user);
  const endedKeys = await endKeysOf(tx, call, user.id);
  const ended = [...endedKeys, ...(await endSecretsOfFormerOwner(tx, call, user.id, { isDeleted: true }))];
  await eraseUser(tx, services, appId, user);
  if (user.isSuperAdmin) await notifySuperAdmins(tx, call, 'super_admin_removed', user.email);
  const isOwn = actor.kind === 'user' && actor.user.id === user.id;
  const privacy = isOwn && { withoutClient: true as const };
  const events = [{ target: { kind: 'user', id: user.id } }, ...ended].map((event) => ({ ...event, ...privacy }));
  return { result: { message: `User ${user.id} deleted` }, event: events };
}
