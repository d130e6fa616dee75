import { checkCode, issueCode } from '../codes/codes.ts';
import { consumeCode } from '../codes/codes.store.ts';
import { mailedCode } from '../email/mailed-code.ts';
import type { Tx } from '../db/db.ts';
import { requireMailQuota } from '../email/mail-quotas.ts';
import { queueMail } from '../email/queue-mail.ts';
import { overApp } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import type { Acr } from '../access/second-factor.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { redeemIntent, type ShownIntent } from '../federation/redeem-intent.ts';
import { recognizeCaller } from '../federation/settle-identity.ts';
import { namedAppOf } from '../apps/named-app.ts';
import {
  amrAfter,
  checkFactor,
  consumeFactor,
  holderOf,
  isOfAllowedKind,
  type PresentedFactor,
  recordedFactor,
} from '../factors/check-factor.ts';
import { recordFactor, renewAuthentication } from '../sessions/sessions.store.ts';
import { lockConfirmation, withConfirmation } from '../accounts/current-password.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { reauthenticate, reauthenticated, reauthenticationRequested } from './reauthentication.schema.ts';

/** The result of a re-authentication. */
interface Renewed {
  /** Default: now. */
  readonly authenticatedAt?: Date | undefined;
  /** The strength that an identity provider has asserted. Default: none. */
  readonly providerAcr?: Acr | null;
}

/** Renews the authentication of the current session only. */
async function renew(
  tx: Tx,
  call: Call,
  { authenticatedAt = call.services.clock.now(), providerAcr = null }: Renewed = {},
) {
  const { user, session } = signedIn(call.actor);
  await renewAuthentication(tx, call.appId, { id: session.id, userId: user.id, authenticatedAt, providerAcr });
  const result = {
    message: 'Authentication renewed',
    sessionId: session.id,
    authenticatedAt: authenticatedAt.toISOString(),
  };
  return { result, event: { target: { kind: 'session', id: session.id } } };
}

const renewByPassword = (call: Call, password: string) =>
  withConfirmation(call, password, (confirmation) =>
    mutate(call, async (tx) => {
      if (!(await lockConfirmation(tx, call, confirmation))) return { result: undefined, event: undefined };
      return renew(tx, call);
    }),
  );

async function renewByCode(call: Call, code: string) {
  const { user } = signedIn(call.actor);
  const codeId = await checkCode(call, { userId: user.id, purpose: 'reauthentication' }, code);
  return mutate(call, async (tx) => {
    await lockCallerWithSession(tx, call);
    if (!(await consumeCode(tx, call.appId, user.id, codeId))) throw new ApiError('code_invalid');
    return renew(tx, call);
  });
}

const renewByProvider = (call: Call, intent: ShownIntent) =>
  mutate(call, async (tx) => {
    const arrival = await redeemIntent(tx, call, intent, { reauthenticates: true });
    await recognizeCaller(tx, call, arrival);
    // The client may redeem the intent minutes after the person returned from the provider.
    const { authenticatedAt: seconds, providerAcr } = arrival;
    return renew(tx, call, {
      authenticatedAt: seconds === undefined ? undefined : new Date(seconds * 1000),
      providerAcr,
    });
  });

async function renewByFactor(call: Call, factor: PresentedFactor) {
  const { session } = signedIn(call.actor);
  const app = await namedAppOf(call);
  const ceremony = { purpose: 'reauthentication', sessionId: session.id } as const;
  const checked = await checkFactor(call, holderOf(call), factor, ceremony);
  return mutate(call, async (tx) => {
    await lockCallerWithSession(tx, call);
    const events = await consumeFactor(tx, call, checked, { startsSession: false });
    await recordFactor(tx, call.appId, recordedFactor(call, app, amrAfter([], checked), isOfAllowedKind(app, checked)));
    const { result, event } = await renew(tx, call);
    return { result, event: [event, ...events] };
  });
}

export const reauthenticationRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/me/reauthentication-request',
    operationId: 'requestReauthentication',
    tag: 'authentication',
    summary: 'Send a code to re-authenticate',
    description:
      'Sends a code to the e-mail address of the caller. The account must be claimed. The code is for `POST ' +
      '…/users/me/reauthentication`, is valid for 15 minutes, and replaces earlier codes.',
    access: overApp('SESSION_OWNER'),
    forRestrictedSessions: ['enrolment'],
    addressLimit: 'codeRequestsPerAddressPerHour',
    audit: 'reauthentication.requested',
    response: { status: 200, description: 'The mail is on its way.', body: reauthenticationRequested },
    errors: ['account_unclaimed', 'rate_limited'],
    handler: async (call) => {
      const { services, appId } = call;
      const { user } = signedIn(call.actor);
      if (!user.isEmailClaimed) throw new ApiError('account_unclaimed');
      await requireMailQuota(call, 'reauthentication', user.email);
      return mutate(call, async (tx) => {
        await lockCallerWithSession(tx, call);
        const purpose = 'reauthentication';
        const issued = await issueCode(tx, services, appId, { userId: user.id, purpose });
        const content = { ...mailedCode(issued, undefined, {}), ...circumstancesOf(call) };
        await queueMail(tx, services, appId, { userId: user.id, recipient: user.email, purpose, content });
        return { result: { message: 'Verification email sent' }, event: { target: { kind: 'user', id: user.id } } };
      });
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authentication/users/me/reauthentication',
    operationId: 'reauthenticate',
    tag: 'authentication',
    summary: 'Renew the authentication of my session',
    description:
      'Operations with `x-fresh-authentication` require that the caller signed in or re-authenticated within the ' +
      'last ten minutes. This call re-authenticates the current session with one of: the current password, a mailed ' +
      'code, a sign-in with a linked provider, or a second factor. Operations with the error `step_up_required` need ' +
      'the second factor. For a provider, create an intent with `reauthenticate: true` and a `codeChallenge`, and ' +
      'send the parameters of the success URL. For a passkey, request options with `POST ' +
      '…/users/me/reauthentication/passkey-options`, and send the result as `assertion`. Attempts are counted before ' +
      'they are checked.',
    access: overApp('SESSION_OWNER'),
    forRestrictedSessions: ['enrolment'],
    audit: 'session.reauthenticated',
    body: reauthenticate,
    response: { status: 200, description: 'The session is fresh.', body: reauthenticated },
    errors: [
      'current_password_wrong',
      'code_invalid',
      'intent_invalid',
      'factor_invalid',
      'relying_party_missing',
      'rate_limited',
      'overloaded',
    ],
    handler: (call) => {
      const { body } = call;
      switch (body.by) {
        case 'password':
          return renewByPassword(call, body.password);
        case 'code':
          return renewByCode(call, body.code);
        case 'provider':
          return renewByProvider(call, body.intent);
        case 'factor':
          return renewByFactor(call, body.factor);
      }
    },
  }),
];
