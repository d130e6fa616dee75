import type { ChangeEvent } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import type { Tx } from '../db/db.ts';
import { notifyOwners } from '../members/notify-owners.ts';
import { listOwners } from '../members/owners.store.ts';
import {
  deleteAndReleaseKeys,
  deletePersonalKeys,
  deleteReportedKey,
  type EndedKey,
  releaseKeysOfMachine,
  releaseKeysOfSuperAdmin,
} from './end-keys.store.ts';

type Context = Pick<Call, 'services' | 'appId'>;

/** The event of each key, in the audit of its organization. */
const eventsOf = (keys: readonly EndedKey[]) =>
  keys.map(({ id, orgId, isPersonal }) => ({
    action: isPersonal ? ('api_key.revoked' as const) : ('api_key.adoption_required' as const),
    target: { kind: 'api_key', id },
    orgId,
  }));

/** One mail to the owners of each organization. A longer list of names is truncated in the mail. */
async function notifyOfAdoption(tx: Tx, context: Context, keys: readonly EndedKey[], leavingId?: string) {
  const released = keys.filter(({ isPersonal, isExpired }) => !isPersonal && !isExpired);
  for (const orgId of new Set(released.map((key) => key.orgId))) {
    const ofOrganization = released.filter((key) => key.orgId === orgId);
    const owners = await listOwners(tx, context.appId, orgId);
    const content = {
      orgId,
      organizationName: ofOrganization[0]?.organizationName ?? '',
      keyName: ofOrganization.map(({ name }) => name).join(', '),
    };
    const remaining = owners.filter(({ id }) => id !== leavingId);
    await notifyOwners(tx, context, remaining, 'api_keys_need_adoption', () => content);
  }
}

/**
 * Deletes all personal keys of a locked user.
 *
 * @returns one event for each key
 */
export async function endPersonalKeys(
  tx: Tx,
  { services, appId }: { readonly services: Pick<Context['services'], 'clock'>; readonly appId: string },
  userId: string,
): Promise<ChangeEvent[]> {
  return eventsOf(await deletePersonalKeys(tx, appId, userId, services.clock.now()));
}

/**
 * Deletes all personal keys of a locked user, and removes the user as maker of keys of organizations: these keys are
 * refused until an owner adopts them. Notifies the owners. Call it before the user is deleted.
 *
 * @param orgId the only organization whose keys change, because the user is about to leave it
 * @returns one event for each key
 */
export async function endKeysOf(tx: Tx, context: Context, userId: string, orgId?: string): Promise<ChangeEvent[]> {
  const { services, appId } = context;
  const ended = await deleteAndReleaseKeys(tx, appId, { userId, orgId }, services.clock.now());
  await notifyOfAdoption(tx, context, ended, userId);
  return eventsOf(ended);
}

/**
 * Removes a locked user who is no longer a super admin as maker of keys. These keys are refused until an owner adopts
 * them, also if the user becomes a super admin again. Notifies the owners.
 *
 * @returns one event for each key
 */
export async function endKeysOfFormerSuperAdmin(tx: Tx, context: Context, userId: string): Promise<ChangeEvent[]> {
  const { services, appId } = context;
  const ended = await releaseKeysOfSuperAdmin(tx, appId, userId, services.clock.now());
  await notifyOfAdoption(tx, context, ended);
  return eventsOf(ended);
}

/**
 * Removes a machine user of the app, which is about to be deleted, as maker of keys. Notifies the owners.
 *
 * @returns one event for each key
 */
export async function endKeysOfMachine(tx: Tx, context: Context, machineUserId: string): Promise<ChangeEvent[]> {
  const { services, appId } = context;
  const ended = await releaseKeysOfMachine(tx, appId, machineUserId, services.clock.now());
  await notifyOfAdoption(tx, context, ended);
  return eventsOf(ended);
}

/**
 * Deletes a key whose creator reports that somebody else created it, also if another owner has adopted the key.
 * Notifies the owners about a key of the organization.
 *
 * @param id from the "not me" link, which only the creator of the key gets
 * @returns the event of the key, if it still existed
 */
export async function endReportedKey(tx: Tx, context: Context, id: string): Promise<ChangeEvent[]> {
  const { services, appId } = context;
  const key = await deleteReportedKey(tx, appId, id, services.clock.now());
  if (!key) return [];
  const { orgId, organizationName, name: keyName, isPersonal } = key;
  const content = { orgId, organizationName, keyName };
  const owners = isPersonal ? [] : await listOwners(tx, appId, orgId);
  await notifyOwners(tx, context, owners, 'credential_reported', () => content);
  return [{ action: 'api_key.revoked', target: { kind: 'api_key', id }, orgId }];
}
