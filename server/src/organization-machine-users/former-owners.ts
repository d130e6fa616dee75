import type { ChangeEvent } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import type { Tx } from '../db/db.ts';
import { notifyOwners } from '../members/notify-owners.ts';
import { listOwners } from '../members/owners.store.ts';
import { type DeletedSecret, deleteReportedSecret } from './organization-machine-secrets.store.ts';
import { scheduleEnd, type ScheduledEnd } from './former-owners.store.ts';

/** The event of a secret that was deleted because its creator no longer vouches for it. */
export const toDeletedSecretEvent = ({ id, machineUserId, orgId }: DeletedSecret): ChangeEvent => ({
  action: 'organization_machine_secret.deleted',
  target: { kind: 'organization_machine', id: machineUserId },
  orgId,
  changes: [`secret.${id}`],
});

/** How long a secret of a former owner is valid unless another owner confirms it. */
const graceMs = 7 * 24 * 3_600_000;

/** The mail to the owners of one organization. A longer list of names is truncated in the mail. */
async function notifyEnds(tx: Tx, call: Call, ends: readonly [ScheduledEnd, ...ScheduledEnd[]], until: Date) {
  const [{ orgId, organizationName }] = ends;
  const machineUser = [...new Set(ends.map(({ userName }) => userName))].join(', ');
  const content = { orgId, organizationName, machineUser, time: until.toISOString() };
  const owners = await listOwners(tx, call.appId, orgId);
  await notifyOwners(tx, call, owners, 'machine_secrets_end', () => content);
}

/**
 * Sets the expiry of the secrets that a user created, in each organization of which the user is no longer an active
 * owner. Super admins count as owners. Notifies the remaining owners. Call it in the transaction that removes the
 * right, after the change, with the row of the user locked.
 *
 * @param options.isDeleted the user is about to be deleted
 * @returns one event for each secret
 * @see contract 6.3
 */
export async function endSecretsOfFormerOwner(
  tx: Tx,
  call: Call,
  userId: string,
  { isDeleted = false } = {},
): Promise<ChangeEvent[]> {
  const { services, appId } = call;
  const now = services.clock.now();
  const until = new Date(now.getTime() + graceMs);
  const ends = await scheduleEnd(tx, appId, userId, { until, now, isDeleted });
  for (const orgId of new Set(ends.map((end) => end.orgId))) {
    const [first, ...others] = ends.filter((end) => end.orgId === orgId);
    if (first) await notifyEnds(tx, call, [first, ...others], until);
  }
  return ends.map(({ orgId, machineUserId, secretId }) => ({
    action: 'organization_machine_secret.end_scheduled',
    target: { kind: 'organization_machine', id: machineUserId },
    orgId,
    changes: [`secret.${secretId}`],
  }));
}

/**
 * Deletes a secret whose creator reports that somebody else created it, also if another owner has confirmed the secret.
 * Notifies the owners.
 *
 * @param id from the "not me" link, which only the creator of the secret gets
 * @returns the event of the secret, if it still existed
 */
export async function endReportedSecret(tx: Tx, call: Call, id: string): Promise<ChangeEvent[]> {
  const secret = await deleteReportedSecret(tx, call.appId, id);
  if (!secret) return [];
  const { orgId, organizationName, userName: machineUser } = secret;
  const content = { orgId, organizationName, machineUser };
  await notifyOwners(tx, call, await listOwners(tx, call.appId, orgId), 'credential_reported', () => content);
  return [toDeletedSecretEvent(secret)];
}
