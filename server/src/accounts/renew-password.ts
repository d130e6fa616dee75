import { endPersonalKeys } from '../api-keys/end-keys.ts';
import type { ChangeEvent } from '../calls/mutate.ts';
import type { Services } from '../calls/services.ts';
import { voidAllCodes } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { deleteDevices } from '../devices/devices.store.ts';
import { deleteUnvouchedIdentities } from '../identity-providers/identities.store.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { setPasswordByCode } from '../users/users.store.ts';

/** A new password voids pending actions that other people may have requested for the account. */
export const voidedByPassword = [
  'password_reset',
  'email_change',
  'reauthentication',
  'sign_in',
  'second_factor',
] as const;

/**
 * Sets the password of a claimed account with a code from its mailbox: after a reset, or after an invitation was
 * accepted with a new password, or as the operator. All sessions and personal API keys end, all devices are deleted,
 * and identities whose provider has not verified the address are unlinked. The user must be locked and the code
 * consumed already.
 *
 * @returns the events of the personal API keys
 */
export async function renewPassword(
  tx: Tx,
  context: { readonly services: Pick<Services, 'clock'>; readonly appId: string },
  userId: string,
  passwordHash: string,
): Promise<ChangeEvent[]> {
  const { services, appId } = context;
  await setPasswordByCode(tx, appId, userId, passwordHash, services.clock.now());
  await deleteSessions(tx, appId, userId);
  await deleteDevices(tx, appId, userId);
  await deleteUnvouchedIdentities(tx, appId, userId);
  const ended = await endPersonalKeys(tx, context, userId);
  await voidAllCodes(tx, appId, userId, voidedByPassword);
  return ended;
}
