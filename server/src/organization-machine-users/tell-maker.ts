import { namedAppOf } from '../apps/named-app.ts';
import type { Call } from '../calls/route.ts';
import type { Tx } from '../db/db.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import { queueNotice } from '../email/mail-quotas.ts';
import { notifyOwners } from '../members/notify-owners.ts';
import { listOwners } from '../members/owners.store.ts';
import { getOrganizationName } from './organization-machine-users.store.ts';
import { notMeUrl } from '../users/not-me-token.ts';

/**
 * Notifies a person that their account created a secret. With the secret, a thief of their session would keep access.
 * The "not me" link of the mail deletes the secret. If a machine user of the app created the secret, the owners are
 * notified instead: the secret outlives that machine user. They do not see which one it was.
 */
export async function tellMaker(
  tx: Tx,
  call: Call,
  { secretId, userName }: { secretId: string; userName: string },
): Promise<void> {
  const { actor, appId, orgId, services } = call;
  if (actor.kind === 'machine') {
    const organizationName = await getOrganizationName(tx, appId, orgId);
    const content = { orgId, organizationName, machineUser: userName, time: services.clock.now().toISOString() };
    const owners = await listOwners(tx, appId, orgId);
    return notifyOwners(tx, call, owners, 'machine_secret_created_by_app', () => content);
  }
  if (actor.kind !== 'user' || !actor.user.isEmailVerified) return;
  const { id: userId, email: recipient } = actor.user;
  const content = {
    orgId,
    organizationName: await getOrganizationName(tx, appId, orgId),
    machineUser: userName,
    ...circumstancesOf(call),
    notMeUrl: notMeUrl(call, actor.user, { kind: 'machine_secret', id: secretId }),
  };
  const app = await namedAppOf(call);
  await queueNotice(tx, services, app, { userId, recipient, purpose: 'machine_secret_created', content });
}
