import { checkMailedCode } from '../users/check-mailed-code.ts';
import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { checkCode } from '../codes/codes.ts';
import { consumeCode } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { overApp, publicAccess } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { type ChangeEvent, mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { endCopies } from '../sessions/sessions.store.ts';
import { renewSessionCookie } from '../sessions/renew-cookie.ts';
import { sessionHeaders, setCookiesOf, startSession } from '../sign-in/start-session.ts';
import { listIdentities } from '../identity-providers/identities.store.ts';
import { emailKey } from '../http/email-address.ts';
import { resetQuotas } from '../limits/limits.store.ts';
import { quotaKey } from '../calls/take-limit.ts';
import { notifyPasswordReset } from '../accounts/notify-password-changed.ts';
import { acceptSuperAdmin } from '../accounts/accept-super-admin.ts';
import { acceptanceEvents, byUser, claimAccount, grantInvitations } from '../accounts/claim-account.ts';
import { hashNewPassword } from '../passwords/new-password.ts';
import { checkPassword } from '../passwords/password-policy.ts';
import { renewPassword } from '../accounts/renew-password.ts';
import { getUser, lockUser, patchUser, setEmailVerified, type User } from '../users/users.store.ts';
import {
  acceptInvitation,
  acceptMyInvitation,
  invitationAccepted,
  myInvitationAccepted,
} from './invitations.schema.ts';

/** The user was deleted after the code was checked: report the code as invalid. */
async function ofCode<Result>(work: Promise<Result>): Promise<Result> {
  return work.catch((error: unknown) => {
    const isGone = error instanceof ApiError && error.code === 'user_not_found';
    throw isGone ? new ApiError('code_invalid', { cause: error }) : error;
  });
}

/** The password that the owner of the mailbox sets with the code. */
interface Given {
  readonly email: string;
  readonly passwordHash: string;
  readonly firstName?: string | undefined;
  readonly lastName?: string | undefined;
  /** The organization whose code was presented. */
  readonly invitedBy: string;
}

/**
 * An unclaimed account is claimed (rule P). A claimed account gets the new password as by a password reset, because the
 * mail may have been forwarded: its owner is notified.
 */
async function giveAccount(tx: Tx, call: Call, app: App, user: User, given: Given): Promise<ChangeEvent[]> {
  const { services, appId } = call;
  if (!user.isEmailClaimed) return claimAccount(tx, call, user.id, { way: 'mailed_code', ...given });
  const { firstName, lastName, passwordHash } = given;
  const identities = await listIdentities(tx, appId, user.id);
  const ended = await renewPassword(tx, call, user.id, passwordHash);
  await notifyPasswordReset(tx, call, app, user, { identities, passwordHash });
  await resetQuotas(tx, appId, [quotaKey(services, 'signInsPerAccountPerHour', emailKey(user.email))]);
  await patchUser(tx, appId, user.id, { firstName, lastName }, services.clock.now());
  const granted = await grantInvitations(tx, services, appId, user.id);
  const reset = { action: 'user.password_reset', target: { kind: 'user', id: user.id } } as const;
  return [...acceptanceEvents(user.id, granted, given.invitedBy), ...byUser(user.id, [reset, ...ended])];
}

/** Consumes the code, accepts the invitations and starts a session. */
async function acceptByCode(tx: Tx, call: Call, app: App, proof: { userId: string; codeId: string }, given: Given) {
  const user = await ofCode(lockUser(tx, app.id, proof.userId));
  if (user.state === 'INACTIVE') throw new ApiError('user_inactive');
  if (!(await consumeCode(tx, app.id, user.id, proof.codeId))) throw new ApiError('code_invalid');
  const settled = await giveAccount(tx, call, app, user, given);
  const events = [...settled, ...(await acceptSuperAdmin(tx, call, user))];
  return { events, session: await startSession(tx, call, app, { id: user.id, amr: ['pwd'] }) };
}

/** PUT is the documented method; POST does the same. */
const accept = (method: 'PUT' | 'POST', operationId: string) =>
  route({
    method,
    url: '/v1/authentication/users/invite',
    operationId,
    tag: 'authentication',
    summary: 'Accept an invitation',
    description:
      'Verifies the address with the code of an invitation, sets a password and starts a session. All ' +
      'pending invitations to the address take effect. The earlier password and all earlier sessions ' +
      'become invalid. If the account was not claimed, all its other sign-in methods become invalid too. If it was ' +
      'claimed, the call has the effects of a password reset: devices are forgotten, identities whose provider has ' +
      'not verified the address are unlinked, and a mail notifies the person. For a person with a ' +
      'second factor, invitation and password take effect, but the response is 403 `mfa_required`.',
    access: publicAccess({ setsCookie: true }),
    knowsDevice: true,
    audit: 'invitation.accepted',
    body: acceptInvitation,
    response: {
      status: 200,
      description: 'The invitation is accepted.',
      body: invitationAccepted,
      headers: sessionHeaders,
    },
    errors: ['code_invalid', 'password_too_weak', 'user_inactive', 'mfa_required', 'overloaded'],
    handler: async (call) => {
      const { body, services } = call;
      const app = await namedAppOf(call);
      // Checked before the code, so that a weak password does not consume a code attempt.
      checkPassword(body.newPassword, body);
      const proof = await checkMailedCode(call, body, { purpose: 'invitation', orgId: body.orgId });
      const known = await ofCode(getUser(services.db, app.id, proof.userId));
      const { email, firstName = known.firstName, lastName = known.lastName } = body;
      const names = { firstName: body.firstName, lastName: body.lastName };
      const passwordHash = await hashNewPassword(services, body.newPassword, { email, firstName, lastName });
      const started = await mutate(call, async (tx) => {
        const given = { email, ...names, passwordHash, invitedBy: body.orgId };
        const { session, events } = await acceptByCode(tx, call, app, proof, given);
        const actor = { kind: 'user', id: proof.userId } as const;
        // If no invitation was left, the target of the event is the account.
        const event = events.length > 0 ? events : { target: actor, actor, orgId: body.orgId };
        return { result: session, event };
      });
      return { message: 'Invitation accepted', userId: proof.userId, ...setCookiesOf(call, app, started) };
    },
  });

/** Accepts for a user who is already signed in: sets no password and ends no session. */
const acceptMine = route({
  method: 'POST',
  url: '/v1/authentication/users/me/invitations/accept',
  operationId: 'acceptMyInvitation',
  tag: 'authentication',
  summary: 'Accept an invitation while signed in',
  description:
    'Accepts an invitation to the address of the caller with the code from the mail. This verifies the ' +
    'address and claims the account; password and sessions stay. All pending invitations to the address ' +
    'take effect.',
  access: overApp('SESSION_OWNER'),
  audit: 'invitation.accepted',
  body: acceptMyInvitation,
  response: { status: 200, description: 'The invitation is accepted.', body: myInvitationAccepted },
  errors: ['code_invalid', 'user_inactive'],
  handler: async (call) => {
    const { body, services, appId } = call;
    const {
      user: { id: userId },
      session,
    } = signedIn(call.actor);
    const binding = { userId, purpose: 'invitation', orgId: body.orgId } as const;
    const codeId = await checkCode(call, binding, body.verificationCode);
    const accepted = await mutate(call, async (tx) => {
      const user = await ofCode(lockUser(tx, appId, userId));
      if (user.state === 'INACTIVE') throw new ApiError('user_inactive');
      // If somebody else claims the account, the session ends and the code is voided in the same transaction.
      if (!(await consumeCode(tx, appId, user.id, codeId))) throw new ApiError('code_invalid');
      await setEmailVerified(tx, appId, user.id, { claimedBy: 'mailed_code', now: services.clock.now() });
      if (!user.isEmailClaimed) await endCopies(tx, appId, user.id, session.id);
      const events = acceptanceEvents(user.id, await grantInvitations(tx, services, appId, user.id), body.orgId);
      const event = events.length > 0 ? events : { target: { kind: 'user', id: user.id }, orgId: body.orgId };
      return { result: { message: 'Invitation accepted' }, event };
    });
    await renewSessionCookie(call, userId);
    return accepted;
  },
});

export const invitationRoutes = [
  accept('PUT', 'acceptInvitation'),
  accept('POST', 'acceptInvitationByPost'),
  acceptMine,
];
