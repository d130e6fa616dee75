import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { requireSignInMethod } from '../apps/sign-in-methods.ts';
import { violatesUnique } from '../db/db.ts';
import { publicAccess } from '../access/access.ts';
import { bearerToken } from '../http/credential.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import {
  sessionEvents,
  sessionHeaders,
  setCookiesOf,
  type SignInOutcome,
  startSession,
} from '../sign-in/start-session.ts';
import { identityIsUnique } from '../identity-providers/identities.store.ts';
import { intentValidated, validateIntent } from './intents.schema.ts';
import { intentInvalid, redeemIntent, type ShownIntent } from './redeem-intent.ts';
import { linkIdentity, settleIdentity } from './settle-identity.ts';

/** Starts a session for a person who returned from a provider. */
function signIn(call: Call, app: App, shown: ShownIntent) {
  requireSignInMethod(app, 'provider');
  return mutate(call, async (tx) => {
    const arrival = await redeemIntent(tx, call, shown);
    const { userId, isNewUser, events } = await settleIdentity(tx, call, app, arrival);
    const { providerAcr } = arrival;
    const session = await startSession(tx, call, app, { id: userId, amr: ['fed'], providerAcr });
    return { result: { session, userId, isNewUser }, event: [...events, ...sessionEvents(userId, session)] };
  });
}

/** The session after linking, and the cookies for the browser. */
interface AfterLinking {
  readonly sessionId: string;
  readonly sessionToken: string;
  /** A new session, because claiming the account ended all sessions. */
  readonly started?: SignInOutcome;
}

/**
 * Links an identity to the signed-in user. Without a code challenge, an attacker could make somebody link the
 * attacker's identity, and then sign in with it.
 */
async function linkToCaller(call: Call, app: App, actor: Call['actor'] & { kind: 'user' }, shown: ShownIntent) {
  const { started, ...presented } = await mutate<AfterLinking>(call, async (tx) => {
    const arrival = await redeemIntent(tx, call, shown);
    if (!arrival.isBoundToClient) throw intentInvalid();
    const { events, isClaimed } = await linkIdentity(tx, call, actor, arrival);
    const token = bearerToken(call.request) ?? '';
    if (!isClaimed) return { result: { sessionId: actor.session.id, sessionToken: token }, event: events };
    const { providerAcr } = arrival;
    const session = await startSession(tx, call, app, { id: actor.user.id, amr: ['fed'], providerAcr });
    const result = { sessionId: actor.session.id, sessionToken: token, started: session };
    return { result, event: [...events, ...sessionEvents(actor.user.id, session)] };
  });
  const { sessionId, sessionToken } = started ? setCookiesOf(call, app, started) : presented;
  return { sessionId, sessionToken, userId: actor.user.id, isNewUser: false };
}

/** Retries once if two sign-ins of the same new person run concurrently: at the second attempt the identity exists. */
async function twice<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!violatesUnique(error, identityIsUnique)) throw error;
    return work();
  }
}

export const validateIntentRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/idp/intents/validate',
    operationId: 'validateIntent',
    // Only callers who link an identity have a session here.
    freshAuthentication: 'always',
    tag: 'idp-authentication',
    summary: 'Finish a sign-in with a provider',
    description:
      'Exchanges the parameters of the success URL for a session. If the identity is linked to an account, the ' +
      'session is for that account. Otherwise, if the provider has verified the address, the identity is linked ' +
      'to the account with this address, or a new account is created. The account of a super admin is never ' +
      'linked automatically. With the session token of a signed-in person as Bearer, the identity is linked to ' +
      'that user instead, regardless of its address. The intent then requires a `codeChallenge`, and the response ' +
      'has the session of the caller. If the account is not claimed and the provider has verified its address, ' +
      'the account is claimed: earlier passwords, sessions and identities are void, and the response has a new ' +
      'session.',
    access: publicAccess({ setsCookie: true, acceptsSession: true }),
    audit: 'session.created',
    body: validateIntent,
    response: { status: 200, description: 'Signed in, or linked.', body: intentValidated, headers: sessionHeaders },
    errors: [
      'intent_invalid',
      'idp_email_unverified',
      'idp_link_required',
      'identity_already_linked',
      'sign_up_disabled',
      'sign_in_method_disabled',
      'user_inactive',
      'mfa_required',
    ],
    handler: async (call) => {
      const { actor, body } = call;
      const app = await namedAppOf(call);
      if (actor.kind === 'user') return twice(() => linkToCaller(call, app, actor, body));
      const { session, userId, isNewUser } = await twice(() => signIn(call, app, body));
      return { ...setCookiesOf(call, app, session), userId, isNewUser };
    },
  }),
];
