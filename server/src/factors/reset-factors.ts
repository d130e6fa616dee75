import type { Tx } from '../db/db.ts';
import { deleteDevices } from '../devices/devices.store.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { deleteFactors } from './factors.store.ts';

/**
 * Removes all second factors and recovery codes of a locked user, and ends every session and known device.
 *
 * @returns false if the user has no factor; then nothing is changed
 */
export async function resetFactors(tx: Tx, appId: string, userId: string): Promise<boolean> {
  if ((await deleteFactors(tx, appId, userId)) === 0) return false;
  await deleteSessions(tx, appId, userId);
  await deleteDevices(tx, appId, userId);
  return true;
}
