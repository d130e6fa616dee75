import { endKeysOf } from '../api-keys/end-keys.ts';
import type { Tx } from '../db/db.ts';
import type { ChangeEvent } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { voidAllCodes } from '../codes/codes.store.ts';
import { deleteDevices } from '../devices/devices.store.ts';
import { deleteFactors } from '../factors/factors.store.ts';
import { deleteIdentities, isOpenToProvider } from '../identity-providers/identities.store.ts';
import { toDeletedSecretEvent } from '../organization-machine-users/former-owners.ts';
import { deleteSecretsCreatedBy } from '../organization-machine-users/organization-machine-secrets.store.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { isInvitedAsSuperAdmin, setSuperAdmin } from '../users/super-admins.store.ts';
import { byUser } from './claim-account.ts';
import { notifySuperAdmins } from './notify-super-admins.ts';
import { voidedByPassword } from './renew-password.ts';

/**
 * Makes a locked user a super admin. Everything that could sign in as a user without being enough for a super admin
 * ends: sessions with their access tokens, linked identities, devices and pending codes. The administrator of a
 * provider could have signed in to an account that the provider can open, and could have added factors and keys there:
 * these end, too. Such an account must have a new password from a mailed code already.
 *
 * @returns the events of the keys
 */
export async function makeSuperAdmin(tx: Tx, call: Call, user: { id: string; email: string }): Promise<ChangeEvent[]> {
  const { appId, services } = call;
  const isOpen = await isOpenToProvider(tx, appId, user.id);
  await deleteSessions(tx, appId, user.id);
  await deleteIdentities(tx, appId, user.id);
  await deleteDevices(tx, appId, user.id);
  await voidAllCodes(tx, appId, user.id, voidedByPassword);
  const ended: ChangeEvent[] = [];
  if (isOpen) {
    await deleteFactors(tx, appId, user.id);
    ended.push(...(await endKeysOf(tx, call, user.id)));
    ended.push(...(await deleteSecretsCreatedBy(tx, appId, user.id)).map(toDeletedSecretEvent));
  }
  await setSuperAdmin(tx, appId, user.id, true, services.clock.now());
  await notifySuperAdmins(tx, call, 'super_admin_granted', user.email);
  return ended;
}

/**
 * Makes an invited user a super admin, after a code from the mailbox was presented and the account was claimed with a
 * new password. An identity provider that vouches for the address is not enough.
 *
 * @returns the events; none if the user was not invited
 */
export async function acceptSuperAdmin(
  tx: Tx,
  call: Call,
  user: { id: string; email: string },
): Promise<ChangeEvent[]> {
  if (!(await isInvitedAsSuperAdmin(tx, call.appId, user.id, call.services.clock.now()))) return [];
  const ended = await makeSuperAdmin(tx, call, user);
  const actor = { kind: 'user', id: user.id } as const;
  return [{ action: 'super_admin.accepted', target: actor, actor }, ...byUser(user.id, ended)];
}
