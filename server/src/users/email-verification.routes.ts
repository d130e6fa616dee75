import { namedAppOf } from '../apps/named-app.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import { checkCode } from '../codes/codes.ts';
import { consumeCode, voidCodes } from '../codes/codes.store.ts';
import { addressKey } from '../http/client-address.ts';
import { overUserInBody } from '../http/access.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../http/mutate.ts';
import { route } from '../http/route.ts';
import { takeLimit } from '../limits/take-limit.ts';
import { mailboxName } from './mailbox-share.ts';
import { emailVerified, requestVerification, verificationRequested, verifyEmail } from './users.schema.ts';
import { getUser, lockUser, setEmailVerified } from './users.store.ts';
import { sendVerification } from './verification-mail.ts';

export const emailVerificationRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/email/verification-request',
    operationId: 'requestEmailVerification',
    tag: 'authentication',
    summary: 'Send a verification mail',
    description:
      'Sends a new code to the e-mail address of the user; older codes are void. So many an hour for one mailbox, whoever asks.',
    access: overUserInBody({ mailedToken: false }, 'SESSION_OWNER', 'GENERIC_MACHINE_USER'),
    audit: 'email_verification.requested',
    body: requestVerification,
    response: { status: 200, description: 'The mail is on its way.', body: verificationRequested },
    errors: ['user_not_active', 'email_already_verified', 'redirect_url_not_allowed', 'rate_limited'],
    handler: async (call) => {
      const app = await namedAppOf(call);
      const template = chooseUrlTemplate(app, call.services.config, 'verificationUrl', call.body.verificationUrl);
      // A person's own network; that of a backend is everybody's.
      if (call.actor.kind === 'user') {
        await takeLimit(call, 'codeRequestsPerAddressPerHour', addressKey(call.client.ip));
      }
      // Not the share of password resets: whoever signs up with a foreign address must not use up what its owner needs.
      const { email } = await getUser(call.services.db, call.appId, call.body.userId);
      await takeLimit(call, 'codeRequestsPerAccountPerHour', mailboxName('verification', email));
      return mutate(call, async (tx) => {
        const target = await lockUser(tx, call.appId, call.body.userId);
        if (target.state !== 'ACTIVE') throw new ApiError('user_not_active');
        if (target.isEmailVerified) throw new ApiError('email_already_verified');
        await sendVerification(tx, call, app, target, template);
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
      'Proves the address with the code of the mail. The caller is the user, or whoever holds the token of that same mail as Bearer. The password stays; invitations to the address still have to be accepted.',
    access: overUserInBody({ mailedToken: true }, 'SESSION_OWNER'),
    audit: 'user.email_verified',
    body: verifyEmail,
    response: { status: 200, description: 'The address is proven.', body: emailVerified },
    errors: ['code_invalid'],
    handler: async (call) => {
      const { userId, verificationCode } = call.body;
      const scope = { userId, purpose: 'email_verification' } as const;
      const codeId = await checkCode(call, scope, verificationCode);
      return mutate(call, async (tx) => {
        await lockUser(tx, call.appId, userId);
        if (!(await consumeCode(tx, call.appId, userId, codeId))) throw new ApiError('code_invalid');
        await voidCodes(tx, call.appId, scope, 0);
        await setEmailVerified(tx, call.appId, userId, call.services.clock.now());
        return { result: { message: 'Email verified' }, event: { target: { kind: 'user', id: userId } } };
      });
    },
  }),
];
