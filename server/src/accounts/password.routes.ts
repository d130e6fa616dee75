import { endPersonalKeys } from '../api-keys/end-keys.ts';
import { checkMailedCode } from '../users/check-mailed-code.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import { consumeCode, voidAllCodes } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { deviceHeaders, presentedDeviceTokens, setDeviceToken } from '../devices/device-token.ts';
import { overUser, publicAccess } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { type ChangeEvent, mutate } from '../calls/mutate.ts';
import { type Call, noAudit, route } from '../calls/route.ts';
import { listIdentities } from '../identity-providers/identities.store.ts';
import { sha256 } from '../keys/secrets.ts';
import { resetQuotas } from '../limits/limits.store.ts';
import { quotaKey } from '../calls/take-limit.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { storeDeviceOf } from '../sign-in/start-session.ts';
import { acceptSuperAdmin } from './accept-super-admin.ts';
import { byUser, claimAccount } from './claim-account.ts';
import { lockConfirmation, withConfirmation } from './current-password.ts';
import { emailKey } from '../http/email-address.ts';
import { notifyPasswordReset, notifyPasswordChanged } from './notify-password-changed.ts';
import { hashNewPassword } from '../passwords/new-password.ts';
import { checkPassword } from '../passwords/password-policy.ts';
import { renewPassword, voidedByPassword } from './renew-password.ts';
import { insertPasswordResetRequest } from './password-reset-requests.store.ts';
import {
  changePassword,
  passwordResetRequested,
  passwordUpdated,
  requestPasswordReset,
  resetPassword,
} from './passwords.schema.ts';
import { userParams } from '../users/users.schema.ts';
import { getUser, lockUser, setPasswordHash, type User } from '../users/users.store.ts';

/** Sets the password. Claims an unclaimed account for the owner of the mailbox. */
async function givePassword(
  tx: Tx,
  call: Call,
  user: User,
  { email, passwordHash }: { email: string; passwordHash: string },
): Promise<ChangeEvent[]> {
  if (user.isEmailClaimed) {
    const ended = await renewPassword(tx, call, user.id, passwordHash);
    return [...byUser(user.id, ended), ...(await acceptSuperAdmin(tx, call, user))];
  }
  const claimed = await claimAccount(tx, call, user.id, { way: 'mailed_code', email, passwordHash });
  return [...claimed, ...(await acceptSuperAdmin(tx, call, user))];
}

export const passwordRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/password/reset-request/email',
    operationId: 'requestPasswordReset',
    tag: 'authentication',
    summary: 'Request a password reset',
    description:
      'Sends a code to the address if it belongs to a user who is not deactivated. The response is the ' +
      'same for every address; the mail is sent afterwards. Codes are valid for one hour. While three ' +
      'codes are valid, no further mail is sent.',
    access: publicAccess(),
    addressLimit: 'codeRequestsPerAddressPerHour',
    audit: noAudit('The account is looked up in the background, and the event is written together with the code.'),
    body: requestPasswordReset,
    response: { status: 200, description: 'The request is accepted.', body: passwordResetRequested },
    errors: ['redirect_url_not_allowed'],
    handler: async (call) => {
      const { services, appId, client, body } = call;
      const app = await namedAppOf(call);
      const template = chooseUrlTemplate(call, app, 'resetUrl', body.resetUrl);
      await insertPasswordResetRequest(services.db, appId, {
        id: services.ids.next(),
        emailKey: emailKey(body.email),
        urlTemplate: template ?? null,
        ip: client.ip,
        userAgent: client.userAgent ?? null,
        deviceHashes: presentedDeviceTokens(call, app.name).map(sha256),
        requestId: client.requestId,
        createdAt: services.clock.now(),
      });
      return { message: 'If the account exists, an email has been sent' };
    },
  }),

  route({
    method: 'PUT',
    url: '/v1/authentication/users/password',
    operationId: 'resetPassword',
    tag: 'authentication',
    summary: 'Reset a password',
    description:
      'Sets a new password with the code from the mail. This verifies the address, ends every session and every ' +
      'personal API key of the user, forgets all devices and resets the count of failed sign-ins. It unlinks ' +
      'identities whose provider has not verified the address; a mail lists the unlinked and the remaining ' +
      'identities. The device of this call becomes a known device, so that failed sign-ins of strangers cannot lock ' +
      'the user out. If the account was not claimed, the owner of the mailbox claims it: earlier credentials are ' +
      'void, and pending invitations to the address take effect.',
    access: publicAccess({ setsCookie: true }),
    knowsDevice: true,
    audit: 'user.password_reset',
    body: resetPassword,
    response: { status: 200, description: 'The password is changed.', body: passwordUpdated, headers: deviceHeaders },
    errors: ['code_invalid', 'password_too_weak', 'user_inactive', 'overloaded'],
    handler: async (call) => {
      const { body, services, appId } = call;
      // Checked before the code, so that a weak password does not consume a code attempt.
      checkPassword(body.newPassword, body);
      const proof = await checkMailedCode(call, body, { purpose: 'password_reset' });
      // Checked after the code, so that strangers cannot make the service call another server.
      const owner = await getUser(services.db, appId, proof.userId);
      const passwordHash = await hashNewPassword(services, body.newPassword, owner);
      const app = await namedAppOf(call);
      const deviceToken = await mutate(call, async (tx) => {
        const user = await lockUser(tx, appId, proof.userId);
        if (user.state === 'INACTIVE') throw new ApiError('user_inactive');
        if (!(await consumeCode(tx, appId, user.id, proof.codeId))) throw new ApiError('code_invalid');
        const identities = await listIdentities(tx, appId, user.id);
        const accepted = await givePassword(tx, call, user, { email: body.email, passwordHash });
        await notifyPasswordReset(tx, call, app, user, { identities, passwordHash });
        await resetQuotas(tx, appId, [quotaKey(services, 'signInsPerAccountPerHour', emailKey(user.email))]);
        const actor = { kind: 'user', id: user.id } as const;
        const held = await storeDeviceOf(tx, call, app, user.id);
        return { result: held.deviceToken, event: [{ target: actor, actor }, ...accepted] };
      });
      setDeviceToken(call, app, deviceToken);
      return { message: 'Password updated' };
    },
  }),

  route({
    method: 'PUT',
    url: '/v1/authentication/users/:userId/password',
    operationId: 'changePassword',
    tag: 'authentication',
    summary: 'Change my password',
    description:
      'Sets a new password. Requires the current password or fresh authentication. All other sessions ' +
      'and all personal API keys of the caller end.',
    access: overUser('SESSION_OWNER'),
    freshAuthentication: 'always',
    // The documented call has the current password, also of people with a second factor.
    isExemptFromFreshAuthentication: ({ body }) => body.currentPassword !== undefined,
    audit: 'user.password_changed',
    params: userParams,
    body: changePassword,
    response: { status: 200, description: 'The password is changed.', body: passwordUpdated },
    errors: ['password_too_weak', 'current_password_wrong', 'rate_limited', 'overloaded'],
    handler: async (call) => {
      const { services, appId, body } = call;
      const { user, session } = signedIn(call.actor);
      const app = await namedAppOf(call);
      checkPassword(body.newPassword, user);
      return withConfirmation(call, body.currentPassword, async (confirmation) => {
        const passwordHash = await hashNewPassword(services, body.newPassword, user);
        return mutate(call, async (tx) => {
          if (!(await lockConfirmation(tx, call, confirmation))) return { result: undefined, event: undefined };
          await setPasswordHash(tx, appId, user.id, passwordHash, services.clock.now());
          await deleteSessions(tx, appId, user.id, session.id);
          const ended = await endPersonalKeys(tx, call, user.id);
          await voidAllCodes(tx, appId, user.id, voidedByPassword);
          if (user.isEmailVerified) await notifyPasswordChanged(tx, call, app, user, passwordHash);
          return {
            result: { message: 'Password updated' },
            event: [{ target: { kind: 'user', id: user.id } }, ...ended],
          };
        });
      });
    },
  }),
];
