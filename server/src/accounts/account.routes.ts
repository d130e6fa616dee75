import { namedAppOf } from '../apps/named-app.ts';
import { checkCode, issueCode } from '../codes/codes.ts';
import { consumeCode, voidAllCodes } from '../codes/codes.store.ts';
import { mailedCode } from '../email/mailed-code.ts';
import type { Tx } from '../db/db.ts';
import { queueNotice, requireMailQuota } from '../email/mail-quotas.ts';
import { queueMail } from '../email/queue-mail.ts';
import { overApp } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { leaveToMailbox } from './leave-to-mailbox.ts';
import { withdrawAllInvitations } from '../invitations/withdraw-invitations.ts';
import { deleteUnvouchedIdentities } from '../identity-providers/identities.store.ts';
import { takeLimit } from '../calls/take-limit.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { clearSessionCookie } from '../sessions/clear-session-cookie.ts';
import { renewSessionCookie } from '../sessions/renew-cookie.ts';
import { accountExport } from './account-export.schema.ts';
import { exportAccount } from './account-export.ts';
import { changeEmail, deleteMe, emailChanged, emailChangeRequested, requestEmailChange } from './account.schema.ts';
import { isEmailTaken, setEmail } from './account.store.ts';
import { userDeleted } from '../users/app-users.schema.ts';
import { lockGovernedUser } from '../users/app-users.store.ts';
import { lockConfirmation, withConfirmation } from './current-password.ts';
import { deleteGovernedUser } from './delete-user.ts';
import { emailKey } from '../http/email-address.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { notifyAddressOwner } from './notify-address-owner.ts';
import { lockUser } from '../users/users.store.ts';

/** Queues the code to the new address and the notice to the old address. */
async function queueCodeAndNotice(
  tx: Tx,
  call: Call,
  user: { id: string; email: string },
  { email, isTaken }: { email: string; isTaken: boolean },
): Promise<void> {
  const { services, appId } = call;
  const circumstances = circumstancesOf(call);
  const { id: userId, email: recipient } = user;
  if (isTaken) await voidAllCodes(tx, appId, userId, ['email_change']);
  else {
    const issued = await issueCode(tx, services, appId, { userId, purpose: 'email_change' }, { email });
    const content = { ...mailedCode(issued, undefined, {}), ...circumstances };
    await queueMail(tx, services, appId, { userId, recipient: email, purpose: 'email_change', content });
  }
  const content = { email, ...circumstances };
  const app = await namedAppOf(call);
  await queueNotice(tx, services, app, { userId, recipient, purpose: 'email_change_requested', content });
}

/** Purposes of codes that are voided, because the old address may belong to someone else. */
const voidedByEmail = [
  'second_factor',
  'email_verification',
  'password_reset',
  'email_change',
  'invitation',
  'reauthentication',
  'sign_in',
] as const;

/**
 * The methods by which a person can sign in with their mailbox: the password can be reset. In an app without them, a
 * change of the address unlinks no identity, because the person could not sign in any more.
 */
const methodsByMail: ReadonlySet<string> = new Set(['password', 'emailCode']);

export const accountRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/me/email',
    operationId: 'requestEmailChange',
    tag: 'authentication',
    summary: 'Request a change of my e-mail address',
    description:
      'Sends a code to the new address and a notice to the old one. Nothing changes until the caller presents the ' +
      'code, within an hour. If another user has the new address, the response is the same, but no code is sent and ' +
      'that user gets a notice.',
    access: overApp('SESSION_OWNER'),
    freshAuthentication: 'always',
    isExemptFromFreshAuthentication: ({ actor, body }) => body.newEmail === signedIn(actor).user.email,
    addressLimit: 'codeRequestsPerAddressPerHour',
    audit: 'email_change.requested',
    body: requestEmailChange,
    response: { status: 200, description: 'The mail is on its way.', body: emailChangeRequested },
    errors: ['current_password_wrong', 'rate_limited', 'overloaded'],
    handler: async (call) => {
      const { appId, body, services } = call;
      const { user } = signedIn(call.actor);
      const isTaken = await isEmailTaken(services.db, appId, user.id, body.newEmail);
      await withConfirmation(call, body.currentPassword, async (confirmation) => {
        await takeLimit(call, 'codeRequestsPerAccountPerHour', `email_change ${user.id}`);
        await requireMailQuota(call, 'email_change', body.newEmail);
        return mutate(call, async (tx) => {
          if (!(await lockConfirmation(tx, call, confirmation))) return { result: undefined, event: undefined };
          await queueCodeAndNotice(tx, call, user, { email: body.newEmail, isTaken });
          return { result: true, event: { target: { kind: 'user', id: user.id }, changes: ['email'] } };
        });
      });
      if (isTaken) await notifyAddressOwner(call, body.newEmail);
      return { message: 'Verification email sent' };
    },
  }),

  route({
    method: 'PUT',
    url: '/v1/authentication/users/me/email',
    operationId: 'changeEmail',
    tag: 'authentication',
    summary: 'Change my e-mail address',
    description:
      'Changes the address to the address to which the code was sent. The new address is verified. All other ' +
      'sessions of the caller end, and a session cookie gets a new token. As by a password reset, identities whose ' +
      'provider has not verified the new address are unlinked. Codes that were sent to the old address are void. ' +
      'Invitations to the old address are revoked if the caller had verified it. Otherwise they stay pending for the ' +
      'owner of that mailbox, who gets a new mail.',
    access: overApp('SESSION_OWNER'),
    audit: 'user.email_changed',
    body: changeEmail,
    response: { status: 200, description: 'The address is changed.', body: emailChanged },
    errors: ['code_invalid', 'email_already_exists'],
    handler: async (call) => {
      const { appId, body, services } = call;
      const { user, session } = signedIn(call.actor);
      const app = await namedAppOf(call);
      const codeId = await checkCode(call, { userId: user.id, purpose: 'email_change' }, body.verificationCode);
      const changed = await mutate(call, async (tx) => {
        await lockCallerWithSession(tx, call);
        const before = await lockUser(tx, appId, user.id);
        const email = (await consumeCode(tx, appId, user.id, codeId))?.email;
        if (!email) throw new ApiError('code_invalid');
        const left = emailKey(email) === emailKey(before.email) ? [] : await leaveToMailbox(tx, call, app, before);
        await setEmail(tx, appId, user.id, email, services.clock.now());
        const revoked = await withdrawAllInvitations(tx, call, user.id);
        await voidAllCodes(tx, appId, user.id, voidedByEmail);
        await deleteSessions(tx, appId, user.id, session.id);
        const isReachable = app.settings.signInMethods.some((method) => methodsByMail.has(method));
        const unlinked = isReachable ? await deleteUnvouchedIdentities(tx, appId, user.id) : 0;
        const changes = ['email', ...(unlinked > 0 ? ['identities'] : [])];
        const event = { target: { kind: 'user', id: user.id }, changes };
        return { result: { message: 'Email updated' }, event: [event, ...left, ...revoked] };
      });
      await renewSessionCookie(call, user.id);
      return changed;
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authentication/users/me/export',
    operationId: 'exportMe',
    tag: 'authentication',
    summary: 'Export my account',
    description:
      'Returns all data about the caller as one JSON document: profile, metadata, sessions, devices, organizations, ' +
      'invitations, identities, mails and audit events. It contains no secrets. Each list has at most 1,000 items; ' +
      '`truncated` names the lists that are longer.',
    access: overApp('SESSION_OWNER'),
    freshAuthentication: 'always',
    response: {
      status: 200,
      description: 'The document.',
      body: accountExport,
      headers: { 'Content-Disposition': 'A suggested file name.' },
    },
    handler: (call) => {
      const { appId, reply, services } = call;
      reply.header('content-disposition', 'attachment; filename="account.json"');
      return exportAccount(services.db, appId, signedIn(call.actor).user.id, services.clock.now());
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authentication/users/me',
    operationId: 'deleteMe',
    tag: 'authentication',
    summary: 'Delete my account',
    description:
      'Permanently deletes the caller with all their data; the audit keeps only the user id. Invitations to an ' +
      'address that the caller never verified stay pending for the owner of the mailbox. The last active owner of an ' +
      'organization and the last active super admin cannot delete their accounts.',
    access: overApp('SESSION_OWNER'),
    freshAuthentication: 'always',
    audit: 'user.deleted',
    body: deleteMe,
    response: { status: 200, description: 'The account is deleted.', body: userDeleted },
    errors: ['current_password_wrong', 'last_owner', 'last_super_admin', 'rate_limited', 'overloaded'],
    handler: async (call) => {
      const { appId, body } = call;
      const { user } = signedIn(call.actor);
      const app = await namedAppOf(call);
      const { ended, ...result } = await withConfirmation(call, body.currentPassword, (confirmation) =>
        mutate(call, async (tx) => {
          if (!(await lockConfirmation(tx, call, confirmation))) return { result: undefined, event: undefined };
          const ending = await deleteSessions(tx, appId, user.id);
          const governed = await lockGovernedUser(tx, appId, user.id);
          const left = await leaveToMailbox(tx, call, app, governed);
          const deleted = await deleteGovernedUser(tx, call, governed);
          const event = [deleted.event ?? [], left].flat();
          return { result: { ...deleted.result, ended: ending }, event };
        }),
      );
      clearSessionCookie(call, app, ended);
      return result;
    },
  }),
];
