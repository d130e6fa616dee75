import { publicAccess } from '../access/access.ts';
import { noAudit, route } from '../calls/route.ts';
import { passkeyRequestOptions } from '../passkeys/passkeys.schema.ts';
import { startedSession } from '../sessions/sessions.schema.ts';
import { passkeyOptions, passkeySecondFactor, passkeySignIn } from './mfa.schema.ts';
import { beginPasskeyAsSecondFactor, beginPasskeySignIn, signInWithPasskey } from './passkey-sign-in.ts';
import { sessionHeaders } from './start-session.ts';

export const passkeySignInRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/sessions/passkey/options',
    operationId: 'createPasskeyOptions',
    tag: 'authentication',
    summary: 'Begin a sign-in with a passkey',
    description:
      'Returns the options with which the browser or native app uses a passkey (WebAuthn). Without `email`, the ' +
      'person chooses a passkey of the device, also by autofill. With `email`, the options name the passkeys of that ' +
      'account; for an address without passkeys, they contain invented passkeys, so that the response does not ' +
      'reveal who has an account. The challenge can be used once, within five minutes.',
    access: publicAccess(),
    addressLimit: 'passkeyChallengesPerAddressPerHour',
    audit: noAudit('Only a challenge is issued.'),
    body: passkeyOptions,
    response: { status: 201, description: 'The options.', body: passkeyRequestOptions },
    errors: ['relying_party_missing', 'sign_in_method_disabled', 'rate_limited'],
    handler: (call) => beginPasskeySignIn(call, call.body.email),
  }),

  route({
    method: 'POST',
    url: '/v1/authentication/users/sessions/passkey',
    operationId: 'signInWithPasskey',
    tag: 'authentication',
    summary: 'Sign in with a passkey',
    description:
      'Starts a session with a passkey, without a password. The authenticator must have verified the person by PIN ' +
      'or biometrics: the session then counts as authenticated with two factors. The response is that of a sign-in. ' +
      'Attempts are limited per client address.',
    access: publicAccess({ setsCookie: true }),
    knowsDevice: true,
    audit: 'session.created',
    body: passkeySignIn,
    response: {
      status: 201,
      description: 'The session has started.',
      body: startedSession,
      headers: sessionHeaders,
    },
    errors: [
      'invalid_credentials',
      'user_inactive',
      'too_many_attempts',
      'relying_party_missing',
      'sign_in_method_disabled',
    ],
    handler: (call) => signInWithPasskey(call, call.body.assertion),
  }),

  route({
    method: 'POST',
    url: '/v1/authentication/users/sessions/mfa/passkey-options',
    operationId: 'createSecondFactorPasskeyOptions',
    tag: 'authentication',
    summary: 'Begin a second factor with a passkey',
    description:
      'Returns the options with which the browser or native app uses a passkey as second factor of a sign-in that ' +
      'was refused with `mfa_required`. The call must come from the same device. Send the result as `assertion` to ' +
      '`PUT …/users/sessions/mfa`, within five minutes.',
    access: publicAccess(),
    addressLimit: 'passkeyChallengesPerAddressPerHour',
    knowsDevice: true,
    audit: noAudit('Only a challenge is issued.'),
    body: passkeySecondFactor,
    response: { status: 201, description: 'The options.', body: passkeyRequestOptions },
    errors: ['unauthenticated', 'relying_party_missing', 'rate_limited'],
    handler: (call) => beginPasskeyAsSecondFactor(call, call.body.mfaToken),
  }),
];
