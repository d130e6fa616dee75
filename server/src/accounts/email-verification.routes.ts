import { namedAppOf } from '../apps/named-app.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import { checkCode } from '../codes/codes.ts';
import { consumeCode } from '../codes/codes.store.ts';
import { requireMailQuota } from '../email/mail-quotas.ts';
import { addressKey } from '../http/network-address.ts';
import { accepting, overUserInBody } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { hasSessionCookieOf } from '../calls/authenticate.ts';
import { type Call, route } from '../calls/route.ts';
import { takeLimit } from '../calls/take-limit.ts';
import { type ComparedPassword, withPasswordOf } from './current-password.ts';
import { renewSessionCookie } from '../sessions/renew-cookie.ts';
import { endCopies } from '../sessions/sessions.store.ts';
import { requireSession } from '../sessions/session-of-caller.ts';
import { emailVerified, requestVerification, verificationRequested, verifyEmail } from '../users/users.schema.ts';
import { signUpOf } from '../users/sign-up-event.ts';
import { lockCredentials, getUser, lockUser, setEmailVerified } from '../users/users.store.ts';
import { sendVerification } from './verification-mail.ts';

/**
 * Consumes the code and marks the address as verified.
 *
 * @param claimedBy null if only the mailed token was presented: the account is then not claimed
 * @param compared the password that was compared, if one was sent
 * @returns undefined, without a change, if the stored password was replaced in the meantime
 * @throws ApiError `code_invalid`
 */
async function verifyAddress(
  call: Call,
  { userId, verificationCode }: { userId: string; verificationCode: string },
  { claimedBy, compared }: { claimedBy: 'verification' | null; compared: ComparedPassword | undefined },
): Promise<true | undefined> {
  const { appId, services } = call;
  const codeId = await checkCode(call, { userId, purpose: 'email_verification' }, verificationCode);
  return mutate(call, async (tx) => {
    const user = await lockUser(tx, appId, userId);
    if (compared && !(await lockCredentials(tx, appId, compared))) return { result: undefined, event: undefined };
    if (!(await consumeCode(tx, appId, userId, codeId))) throw new ApiError('code_invalid');
    await setEmailVerified(tx, appId, userId, { claimedBy, now: services.clock.now() });
    const isClaim = claimedBy !== null && !user.isEmailClaimed;
    if (isClaim) await endCopies(tx, appId, userId, call.actor.kind === 'user' ? call.actor.session.id : undefined);
    const changes = isClaim ? ['isEmailClaimed'] : [];
    return { result: true, event: { target: { kind: 'user', id: userId }, changes } };
  });
}

export const emailVerificationRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/email/verification-request',
    operationId: 'requestEmailVerification',
    tag: 'authentication',
    summary: 'Send a verification mail',
    description:
      'Sends a new code to the e-mail address of the user; older codes are void. A verified address of an ' +
      'account that is not claimed gets a code too. The number of mails per hour to one mailbox is ' +
      'limited, regardless of the caller.',
    forRestrictedSessions: ['enrolment'],
    access: accepting(
      { machineScope: 'users:write' },
      overUserInBody({ mailedToken: false }, 'SESSION_OWNER', 'GENERIC_MACHINE_USER'),
    ),
    audit: 'email_verification.requested',
    body: requestVerification,
    response: { status: 200, description: 'The mail is on its way.', body: verificationRequested },
    errors: ['user_not_active', 'email_already_verified', 'redirect_url_not_allowed', 'rate_limited'],
    handler: async (call) => {
      const app = await namedAppOf(call);
      const template = chooseUrlTemplate(call, app, 'verificationUrl', call.body.verificationUrl);
      // The limit applies only to people, because all users of a backend share the network of the backend.
      if (call.actor.kind === 'user') {
        await takeLimit(call, 'codeRequestsPerAddressPerHour', addressKey(call.client.ip));
      }
      // A separate quota from that of password resets: a stranger who signs up with somebody's address must not exhaust
      // the owner's resets.
      const { email } = await getUser(call.services.db, call.appId, call.body.userId);
      await requireMailQuota(call, 'verification', email);
      return mutate(call, async (tx) => {
        const target = await lockUser(tx, call.appId, call.body.userId);
        await requireSession(tx, call);
        if (target.state !== 'ACTIVE') throw new ApiError('user_not_active');
        if (target.isEmailVerified && target.isEmailClaimed) throw new ApiError('email_already_verified');
        const signUp = await signUpOf(tx, call.appId, target.id);
        await sendVerification(tx, call, app, target, template, { signUp, cause: 'request' });
        return { result: { message: 'Verification email sent' }, event: { target: { kind: 'user', id: target.id } } };
      });
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authentication/users/email/verification',
    operationId: 'verifyEmail',
    tag: 'authentication',
    summary: 'Verify an e-mail address',
    description:
      'Verifies the address with the code from the mail. With a session of the account the call also claims the ' +
      'account: from then on, roles are granted to the address directly. The token from the mail, sent as Bearer, ' +
      'only verifies the address, because a stranger may have signed up with it. Together with the session cookie ' +
      'of the account or with `currentPassword`, the token also claims the account. The password does not change. ' +
      'A claim ends the sessions that products got by exchange codes, except that of the caller, and gives a session ' +
      'cookie of the account a new token. ' +
      'Invitations to the address still have to be accepted.',
    forRestrictedSessions: ['enrolment'],
    access: overUserInBody({ mailedToken: true }, 'SESSION_OWNER'),
    audit: 'user.email_verified',
    body: verifyEmail,
    response: { status: 200, description: 'The address is verified.', body: emailVerified },
    errors: ['code_invalid', 'current_password_wrong', 'rate_limited', 'overloaded'],
    handler: async (call) => {
      const { userId, currentPassword } = call.body;
      const hasSession = call.actor.kind === 'user' || (await hasSessionCookieOf(call, userId));
      const claimedBy = hasSession || currentPassword !== undefined ? 'verification' : null;
      const verify = (compared?: ComparedPassword) => verifyAddress(call, call.body, { claimedBy, compared });
      await (currentPassword === undefined ? verify() : withPasswordOf(call, userId, currentPassword, verify));
      if (claimedBy !== null) await renewSessionCookie(call, userId);
      return { message: 'Email verified' };
    },
  }),
];
