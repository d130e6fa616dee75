import { lockOrInsertUser } from '../users/lock-or-insert-user.ts';
import type { App } from '../apps/apps.store.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import type { Tx } from '../db/db.ts';
import type { ChangeEvent } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { grantName } from '../members/members.store.ts';
import { keepOrganization } from '../organizations/organizations.store.ts';
import { moveSuperAdminInvitation } from '../users/super-admins.store.ts';
import { releaseEmail } from './account.store.ts';
import type { User } from '../users/users.store.ts';
import { mailInvitation } from '../invitations/grant-or-invite.ts';
import { isAwaited, type MovedInvitation, moveInvitations } from '../invitations/invitations.store.ts';

/**
 * Codes are bound to a user, so the owner of the mailbox gets a new code with the same expiry.
 *
 * @returns false if the mail quota is exhausted; a password reset also accepts the invitations
 */
async function mailAgain(tx: Tx, call: Call, app: App, userId: string, moved: MovedInvitation): Promise<boolean> {
  const urlTemplate = chooseUrlTemplate(call, app, 'inviteUrl', undefined);
  const { id, email, grant, orgId, expiresAt } = moved;
  const organization = await keepOrganization(tx, call.appId, orgId);
  const lifeMs = expiresAt.getTime() - call.services.clock.now().getTime();
  return mailInvitation(tx, call, { id, userId, email, organization, grant, urlTemplate, lifeMs });
}

/**
 * Releases an address that a user never claimed, because they change it or delete the account. Invitations belong to
 * the owner of the mailbox, who may be someone else, so they are moved to a user who is only invited, as if nobody had
 * signed up with the address. Otherwise a stranger could cancel an invitation by signing up and deleting the account.
 *
 * The user must be locked already. Afterwards the user has no address.
 *
 * @returns one event for each organization whose invitation was sent again; it does not include the client address of
 *   the stranger
 */
export async function leaveToMailbox(
  tx: Tx,
  call: Call,
  app: App,
  user: Pick<User, 'id' | 'email' | 'isEmailClaimed'>,
): Promise<ChangeEvent[]> {
  const { appId, services } = call;
  if (user.isEmailClaimed || !(await isAwaited(tx, appId, user.id))) return [];
  await releaseEmail(tx, appId, user.id);
  const { email } = user;
  const firstName = email.slice(0, email.lastIndexOf('@'));
  const { user: recipient } = await lockOrInsertUser(tx, call, { email, firstName, lastName: '' });
  const toId = recipient.id;
  await moveSuperAdminInvitation(tx, appId, { fromId: user.id, toId });
  const moved = await moveInvitations(tx, appId, { fromId: user.id, toId });
  const live = moved.filter(({ expiresAt }) => expiresAt > services.clock.now());
  // One mail for each organization. Its code accepts every pending invitation.
  const newest = [...new Map(live.map((invitation) => [invitation.orgId, invitation])).values()];
  const sent: MovedInvitation[] = [];
  for (const invitation of newest) if (await mailAgain(tx, call, app, toId, invitation)) sent.push(invitation);
  return sent.map(({ id, orgId, grant }) => ({
    action: 'invitation.resent',
    target: { kind: 'invitation', id },
    orgId,
    changes: [grantName(grant)],
    withoutClient: true,
  }));
}
