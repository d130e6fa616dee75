import { lockOrInsertUser } from '../users/lock-or-insert-user.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { codeLifeMs, type IssuedCode, issueCode } from '../codes/codes.ts';
import { mailedCode } from '../email/mailed-code.ts';
import type { Tx } from '../db/db.ts';
import { queueMailFromOthers } from '../email/mail-quotas.ts';
import type { MailToQueue } from '../email/queue-mail.ts';
import { auditIdentity } from '../access/actor.ts';
import { seesWholeApp } from '../access/relations.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { takeLimitWithin, tryLimitWithin } from '../calls/take-limit.ts';
import { findLacking, type Grant, grantToMember } from '../members/members.store.ts';
import { checkManagerReach } from '../members/reach.ts';
import { keepOrganization } from '../organizations/organizations.store.ts';
import { emailKey } from '../http/email-address.ts';
import { type User } from '../users/users.store.ts';
import { settleInvitations, upsertInvitation } from './invitations.store.ts';

/** The recipient, the role and the organization of a grant. */
export interface Proposal {
  readonly orgId: string;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  /** Resolves the role. Called after the organization is locked against deletion. */
  readonly toGrant: (tx: Tx) => Promise<Grant>;
  readonly urlTemplate: string | undefined;
}

/** The name of the organization for the mail. */
interface Place {
  readonly id: string;
  readonly name: string;
}

export interface Granted {
  readonly grant: Grant;
  readonly userId: string;
  /** Whether the user was invited. If false, the user has the role now. */
  readonly invited: boolean;
  /** False if the user already had the role. */
  readonly isNew: boolean;
}

const roleName = (grant: Grant): string => (grant.kind === 'ROLE' ? grant.role.key : grant.kind);

/** The wait that is proposed if the mailbox of a user is full for a day. */
const fullMailboxSeconds = 3600;

/**
 * Queues the mail about a new role. Limited per user, organization and day, because an organization can grant and
 * revoke a role repeatedly to send many mails. Beyond the limit, super admins and machine users of the app still grant
 * the role, without the mail. The call of anybody else is refused, because people must learn that they are members.
 *
 * @throws ApiError `rate_limited`
 */
async function tellGranted(tx: Tx, call: Call, user: User, organization: Place, grant: Grant): Promise<void> {
  const { services, actor } = call;
  const subject = `${user.id} ${organization.id}`;
  let wait = await tryLimitWithin(tx, call, 'roleMailsPerUserPerDay', subject);
  if (wait === undefined) {
    const app = await namedAppOf(call);
    const content = { orgId: organization.id, organizationName: organization.name, role: roleName(grant) };
    const mail = { userId: user.id, recipient: user.email, purpose: 'role_granted', content } as const;
    if (await queueMailFromOthers(tx, services, app, mail)) return;
    wait = fullMailboxSeconds;
  }
  if (!seesWholeApp(actor)) throw new ApiError('rate_limited', { retryAfterInSeconds: wait });
}

/** @returns whether the user did not have the role before */
async function grantAtOnce(tx: Tx, call: Call, user: User, organization: Place, grant: Grant): Promise<boolean> {
  const { services, appId } = call;
  const member = { orgId: organization.id, userId: user.id, id: services.ids.next(), now: services.clock.now() };
  const [lacking] = await findLacking(tx, appId, member, [grant]);
  await settleInvitations(tx, appId, member, [grant]);
  if (!lacking) return false;
  await grantToMember(tx, appId, member, [lacking]);
  await tellGranted(tx, call, user, organization, lacking);
  return true;
}

/** A stored invitation, and the URL template for its mail. */
export interface InvitationToMail {
  readonly id: string;
  readonly userId: string;
  readonly email: string;
  readonly organization: Place;
  readonly grant: Grant;
  readonly urlTemplate: string | undefined;
  /** Lifetime of its code in milliseconds; default: seven days. */
  readonly lifeMs?: number;
}

/** The mail of an invitation with its code. */
export function invitationMail(invitation: InvitationToMail, issued: IssuedCode): MailToQueue {
  const { id, userId, email, organization, grant, urlTemplate } = invitation;
  const code = mailedCode(issued, urlTemplate, { email, orgId: organization.id });
  const content = { ...code, orgId: organization.id, organizationName: organization.name, role: roleName(grant) };
  return { userId, recipient: email, purpose: 'invitation', content, invitationId: id };
}

/**
 * Sends the code of an invitation to its address.
 *
 * @returns false if the quota of the mailbox was exhausted for too long, so that no mail was queued
 */
export async function mailInvitation(tx: Tx, call: Call, invitation: InvitationToMail): Promise<boolean> {
  const { services, appId } = call;
  const { userId, organization, lifeMs = codeLifeMs.invitation } = invitation;
  const binding = { userId, purpose: 'invitation', orgId: organization.id } as const;
  const issued = await issueCode(tx, services, appId, binding, { lifeMs });
  const app = await namedAppOf(call);
  const mail = invitationMail(invitation, issued);
  return queueMailFromOthers(tx, services, app, mail, { usefulMs: lifeMs, replaces: true });
}

async function invite(
  tx: Tx,
  call: Call,
  user: User,
  organization: Place,
  grant: Grant,
  proposal: Proposal,
): Promise<void> {
  const { services, appId } = call;
  const { urlTemplate } = proposal;
  await takeLimitWithin(tx, call, 'invitationsPerDay', organization.id);
  const now = services.clock.now();
  const id = await upsertInvitation(tx, appId, {
    id: services.ids.next(),
    orgId: organization.id,
    userId: user.id,
    email: proposal.email,
    emailKey: emailKey(proposal.email),
    grant,
    invitedBy: auditIdentity(call.actor),
    now,
    expiresAt: new Date(now.getTime() + codeLifeMs.invitation),
  });
  await mailInvitation(tx, call, { id, userId: user.id, email: proposal.email, organization, grant, urlTemplate });
}

/**
 * Grants a role to the owner of an e-mail address (rule V of contract 2.12). An active user with a claimed account gets
 * the role at once. Every other address is invited and gets the role with the code of the mail, because a stranger may
 * have signed up with the address, even if it is verified.
 *
 * @throws ApiError `user_not_active` for a deactivated user, who could not use the code; `access_denied`;
 *   `rate_limited`
 */
export async function grantOrInvite(tx: Tx, call: Call, proposal: Proposal): Promise<Granted> {
  const { user } = await lockOrInsertUser(tx, call, proposal);
  if (user.state === 'INACTIVE') {
    throw new ApiError('user_not_active', { detail: 'The user of this address is deactivated.' });
  }
  const place = await keepOrganization(tx, call.appId, proposal.orgId);
  const grant = await proposal.toGrant(tx);
  await checkManagerReach(tx, call, { orgId: place.id, userId: user.id }, [grant]);
  if (user.state === 'ACTIVE' && user.isEmailClaimed) {
    const isNew = await grantAtOnce(tx, call, user, place, grant);
    return { grant, userId: user.id, invited: false, isNew };
  }
  await invite(tx, call, user, place, grant, proposal);
  return { grant, userId: user.id, invited: true, isNew: true };
}
