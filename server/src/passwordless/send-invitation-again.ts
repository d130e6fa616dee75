import { defaultTemplate } from '../apps/url-template.ts';
import { mailSuperAdminInvitation } from '../accounts/mail-super-admin-invitation.ts';
import type { App } from '../apps/apps.store.ts';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import type { Services } from '../calls/services.ts';
import { codesKept, issueCode } from '../codes/codes.ts';
import { countRequestedCodes } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { consumeMailQuota } from '../email/mail-quotas.ts';
import { queueMail } from '../email/queue-mail.ts';
import { addressKey } from '../http/network-address.ts';
import { invitationMail } from '../invitations/grant-or-invite.ts';
import { findNewestLiveInvitation, type LiveInvitation } from '../invitations/invitations.store.ts';
import { grantName } from '../members/members.store.ts';
import type { SignInCodeRequest } from '../sign-in/sign-in-code-requests.store.ts';
import { superAdminInvitationEnd } from '../users/super-admins.store.ts';
import type { User } from '../users/users.store.ts';

/**
 * Whether another mail may be sent. Anyone can request one, so at most three codes that were requested in this way are
 * valid at a time. They do not void codes that an inviter sent.
 */
async function maySend(
  tx: Tx,
  services: Services,
  app: App,
  user: User,
  purpose: 'invitation' | 'password_reset',
): Promise<boolean> {
  const requested = await countRequestedCodes(tx, app.id, user.id, { purpose, now: services.clock.now() });
  return requested < codesKept.sign_in && consumeMailQuota(tx, services, app, 'sign_in_code', user.email);
}

async function mailInvitationAgain(
  tx: Tx,
  services: Services,
  app: App,
  user: User,
  { invitation, lifeMs, requestedFrom }: { invitation: LiveInvitation; lifeMs: number; requestedFrom: string },
): Promise<void> {
  const { id, organization, grant, email } = invitation;
  const binding = { userId: user.id, purpose: 'invitation', orgId: organization.id } as const;
  const issued = await issueCode(tx, services, app.id, binding, { lifeMs, requestedFrom });
  const urlTemplate = defaultTemplate(services.config, app, 'inviteUrl');
  await queueMail(
    tx,
    services,
    app.id,
    invitationMail({ id, userId: user.id, email, organization, grant, urlTemplate }, issued),
  );
  await writeAuditEvent(tx, services.ids, {
    appId: app.id,
    orgId: organization.id,
    time: services.clock.now(),
    action: 'invitation.resent',
    // No client address: the requester may be a stranger, and the owners of the organization see the event.
    actor: { kind: 'anonymous', id: null },
    target: { kind: 'invitation', id },
    changes: [grantName(grant)],
  });
}

/**
 * Processes a request for a sign-in code of an invited user: sends the newest invitation again, or the invitation as
 * super admin. The code accepts every pending invitation. It expires with the invitation.
 *
 * @param user the locked user
 */
export async function sendInvitationAgain(
  tx: Tx,
  services: Services,
  app: App,
  user: User,
  request: SignInCodeRequest,
): Promise<void> {
  const now = services.clock.now();
  const requestedFrom = addressKey(request.ip);
  const invitation = await findNewestLiveInvitation(tx, app.id, user.id, now);
  if (invitation) {
    if (!(await maySend(tx, services, app, user, 'invitation'))) return;
    const lifeMs = invitation.expiresAt.getTime() - now.getTime();
    await mailInvitationAgain(tx, services, app, user, { invitation, lifeMs, requestedFrom });
    return;
  }
  const until = await superAdminInvitationEnd(tx, app.id, user.id, now);
  if (!until || !(await maySend(tx, services, app, user, 'password_reset'))) return;
  const lifeMs = until.getTime() - now.getTime();
  const urlTemplate = defaultTemplate(services.config, app, 'resetUrl');
  const mail = await mailSuperAdminInvitation(tx, services, app.id, user, { urlTemplate, lifeMs, requestedFrom });
  await queueMail(tx, services, app.id, mail);
}
