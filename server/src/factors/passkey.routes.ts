import { namedAppOf } from '../apps/named-app.ts';
import type { App } from '../apps/apps.store.ts';
import { originOfPages } from '../apps/relying-party.ts';
import { overApp } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, noAudit, nothingKept, route } from '../calls/route.ts';
import { creationOptions, relyingPartyOf, requestOptions } from '../passkeys/options.ts';
import { issueChallenge } from '../passkeys/passkey-challenges.store.ts';
import {
  passkeyCreationOptions,
  passkeyRequestOptions,
  type RegistrationCredential,
} from '../passkeys/passkeys.schema.ts';
import { verifyRegistration } from '../passkeys/webauthn.ts';
import { factorInvalid, refusedPasskey } from './check-factor.ts';
import { consumeSignedChallenge, methodsOf } from './check-passkey.ts';
import { type AddedFactor, checkMailbox, storeFactor } from './confirm-factor.ts';
import { addPasskey, mostFactors, passkeyAdded, toFactorBody } from './factors.schema.ts';
import { listFactors } from './factors.store.ts';
import { requireKind } from './usable-factors.ts';
import { insertPasskey, listCredentials } from './passkeys.store.ts';

/** Sessions that may add a passkey: all, also the restricted ones. */
const forRestrictedSessions = ['enrolment', 'recovery'] as const;

/** @throws ApiError `mfa_disabled`, `factor_not_allowed`, `relying_party_missing` */
async function appWithPasskeys(call: Call): Promise<App> {
  const app = await namedAppOf(call);
  requireKind(app, 'passkey');
  relyingPartyOf(call, app);
  return app;
}

/** The body of a request to register a passkey. */
interface Given {
  readonly credential: RegistrationCredential;
  readonly name?: string | undefined;
  readonly verificationCode?: string | undefined;
}

const alreadyRegistered = 'The passkey is registered already, or the relying party of the app has just changed.';

async function addMyPasskey(call: Call, given: Given): Promise<AddedFactor> {
  const { services, appId } = call;
  const { user, session } = signedIn(call.actor);
  const app = await appWithPasskeys(call);
  const relyingParty = relyingPartyOf(call, app);
  const codeId = await checkMailbox(call, given);
  const ceremony = { purpose: 'registration', sessionId: session.id } as const;
  const verify = async () => {
    const { signed } = await consumeSignedChallenge(call, given.credential, ceremony);
    return verifyRegistration(relyingParty, given.credential, signed);
  };
  const credential = await verify().catch(refusedPasskey(user.id));
  const id = services.ids.next();
  const methods = methodsOf(credential, credential);
  const pages = originOfPages(services.config);
  const domainOfPages = pages && new URL(pages).hostname;
  return mutate(call, (tx) =>
    storeFactor(tx, call, app, { id, codeId, methods }, async (factors) => {
      if (factors.length >= mostFactors) throw new ApiError('factor_limit_exceeded');
      const name = given.name ?? 'Passkey';
      const of = {
        id,
        userId: user.id,
        name,
        relyingPartyId: relyingParty.id,
        domainOfPages,
        now: services.clock.now(),
      };
      const isStored = await insertPasskey(tx, appId, { ...credential, ...of });
      if (!isStored) throw factorInvalid(user.id, alreadyRegistered);
    }),
  );
}

export const passkeyRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/me/factors/passkey/options',
    operationId: 'createMyPasskeyOptions',
    tag: 'authentication',
    summary: 'Begin adding a passkey',
    description:
      'Returns the options with which the browser or native app creates a passkey (WebAuthn). The challenge is valid ' +
      'for five minutes, once, and only in this session; it replaces an earlier challenge of the session. The app ' +
      'needs the setting `mfa.relyingParty`.',
    access: overApp('SESSION_OWNER'),
    forRestrictedSessions,
    freshAuthentication: 'always',
    audit: noAudit('Only a challenge is issued.'),
    idempotency: nothingKept('The challenge is for one use, and the call can be repeated without harm.'),
    response: { status: 201, description: 'The options.', body: passkeyCreationOptions },
    errors: ['mfa_disabled', 'factor_not_allowed', 'relying_party_missing', 'factor_limit_exceeded'],
    handler: async (call) => {
      const { services, appId } = call;
      const { db, clock } = services;
      const { user, session } = signedIn(call.actor);
      const app = await appWithPasskeys(call);
      if ((await listFactors(db, appId, user.id)).length >= mostFactors) throw new ApiError('factor_limit_exceeded');
      const registered = await listCredentials(db, appId, user.id);
      const ceremony = { purpose: 'registration', sessionId: session.id } as const;
      const accepted = { userId: user.id };
      const challenge = await issueChallenge(db, appId, { ceremony, accepted, now: clock.now() });
      return creationOptions(call, app, user, registered, challenge);
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authentication/users/me/factors/passkey',
    operationId: 'addMyPasskey',
    tag: 'authentication',
    summary: 'Add a passkey',
    description:
      'Registers the passkey that the browser or native app created with the options of `POST ' +
      '…/factors/passkey/options`. From then on it is a second factor. With PIN or biometrics, it can also be used ' +
      'to sign in without a password. With the first factor, the response has ten recovery codes. The session counts ' +
      'as authenticated with two factors. The caller is notified by mail.',
    access: overApp('SESSION_OWNER'),
    forRestrictedSessions,
    freshAuthentication: 'always',
    audit: 'factor.added',
    idempotency: nothingKept('The response has recovery codes, which are stored only as hashes.'),
    body: addPasskey,
    response: { status: 201, description: 'The passkey.', body: passkeyAdded },
    errors: [
      'mfa_disabled',
      'factor_not_allowed',
      'relying_party_missing',
      'factor_limit_exceeded',
      'factor_invalid',
      'code_invalid',
      'account_unclaimed',
    ],
    handler: async (call) => {
      const { factor, recoveryCodes } = await addMyPasskey(call, call.body);
      return { ...toFactorBody(factor), ...(recoveryCodes && { recoveryCodes }) };
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authentication/users/me/reauthentication/passkey-options',
    operationId: 'createReauthenticationPasskeyOptions',
    tag: 'authentication',
    summary: 'Begin a re-authentication with a passkey',
    description:
      'Returns the options with which the browser or native app uses a passkey of the caller. Send the result as ' +
      '`assertion` to `POST …/users/me/reauthentication`, within five minutes.',
    access: overApp('SESSION_OWNER'),
    forRestrictedSessions: ['enrolment'],
    audit: noAudit('Only a challenge is issued.'),
    idempotency: nothingKept('The challenge is for one use, and the call can be repeated without harm.'),
    response: { status: 201, description: 'The options.', body: passkeyRequestOptions },
    errors: ['relying_party_missing'],
    handler: async (call) => {
      const { services, appId } = call;
      const { user, session } = signedIn(call.actor);
      const app = await namedAppOf(call);
      relyingPartyOf(call, app);
      const allowed = await listCredentials(services.db, appId, user.id);
      const ceremony = { purpose: 'reauthentication', sessionId: session.id } as const;
      const given = { ceremony, accepted: { userId: user.id }, now: services.clock.now() };
      return requestOptions(call, app, allowed, 'preferred', await issueChallenge(services.db, appId, given));
    },
  }),
];
