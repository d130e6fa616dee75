import { publicAccess } from '../access/access.ts';
import { route } from '../calls/route.ts';
import { startedSession } from '../sessions/sessions.schema.ts';
import { finishSignIn } from './finish-sign-in.ts';
import { finishSignIn as finishSignInBody, secondFactorCode, secondFactorCodeSent } from './mfa.schema.ts';
import { sendSecondFactorCode } from './send-second-factor-code.ts';
import { sessionHeaders } from './start-session.ts';

export const mfaRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/sessions/mfa/email-code',
    operationId: 'sendSecondFactorCode',
    tag: 'authentication',
    summary: 'Send a second factor by mail',
    description:
      'Sends a code to the person whose sign-in was refused with `mfa_required`, if `factors` of that response has ' +
      'the kind `email`. Send the id of that factor and the code to `PUT …/users/sessions/mfa`. The call must come ' +
      'from the same device. Codes are valid for ten minutes. While three codes are valid, no further mail is sent.',
    access: publicAccess(),
    addressLimit: 'codeRequestsPerAddressPerHour',
    knowsDevice: true,
    audit: 'second_factor_code.sent',
    body: secondFactorCode,
    response: { status: 200, description: 'The mail is on its way.', body: secondFactorCodeSent },
    errors: ['unauthenticated', 'factor_not_allowed', 'rate_limited'],
    handler: (call) => sendSecondFactorCode(call, call.body.mfaToken),
  }),

  route({
    method: 'PUT',
    url: '/v1/authentication/users/sessions/mfa',
    operationId: 'finishSignIn',
    tag: 'authentication',
    summary: 'Finish a sign-in with a second factor',
    description:
      'Starts the session of a sign-in that was refused with `mfa_required`. The call must come from the same ' +
      'device: with the cookie `device-token` or the header `X-Device-Token` of that response. For a passkey, ' +
      'request options with `POST …/users/sessions/mfa/passkey-options`, and send the result as `assertion`. A ' +
      'recovery code starts a session of 15 minutes that can only replace second factors. Wrong codes are limited ' +
      'per user and per client address; all sign-ins of a user share the limit. A code is accepted once. With ' +
      '`rememberDevice`, later sign-ins in this browser do not require the second factor, until the app setting ' +
      '`mfa.rememberDays` has passed, or the password, a factor or the policy of the app changes. In such a session, ' +
      'only one factor was used.',
    access: publicAccess({ setsCookie: true }),
    knowsDevice: true,
    audit: 'session.created',
    body: finishSignInBody,
    response: {
      status: 201,
      description: 'The session has started.',
      body: startedSession,
      headers: {
        ...sessionHeaders,
        'Set-Cookie': 'The session cookie, the device cookie, and the cookie of a remembered device.',
      },
    },
    errors: ['unauthenticated', 'factor_invalid', 'relying_party_missing', 'rate_limited'],
    handler: (call) => finishSignIn(call, call.body),
  }),
];
