import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { type Tx, violatesUnique } from '../db/db.ts';
import { publicAccessOrSession } from '../http/access.ts';
import { bearerToken } from '../http/credential.ts';
import { ApiError } from '../http/errors.ts';
import { id as idSchema } from '../http/fields.ts';
import { mutate } from '../http/mutate.ts';
import { type Call, route } from '../http/route.ts';
import { constantTimeEqual, sha256 } from '../keys/secrets.ts';
import {
  sessionEvent,
  sessionHeaders,
  setSessionCookies,
  type StartedSession,
  startSession,
} from '../sessions/start-session.ts';
import { identityIsUnique } from './identities.store.ts';
import { openProfile } from './intent-content.ts';
import { intentValidated, validateIntent } from './intents.schema.ts';
import { redeemIntent } from './intents.store.ts';
import { type Arrival, linkIdentity, settleIdentity } from './settle-identity.ts';

/** What a client shows of what came back to it. */
interface Shown {
  readonly intentId: string;
  readonly idpToken: string;
  readonly codeVerifier?: string | undefined;
}

const invalid = (): ApiError =>
  new ApiError('intent_invalid', { about: { target: { kind: 'identity_provider', id: null } } });

/**
 * Whether the client that shows the token is the one that made the intent. A verifier where none belongs is refused
 * too: the client thinks of another intent than this one.
 *
 * @see RFC 7636, section 4.6; RFC 9700, section 2.1.1
 */
function isShownByItsClient(codeChallenge: string | null, codeVerifier: string | undefined): boolean {
  if (codeChallenge === null || codeVerifier === undefined) return codeChallenge === null && codeVerifier === undefined;
  return constantTimeEqual(Buffer.from(sha256(codeVerifier).toString('base64url')), Buffer.from(codeChallenge));
}

/** Uses the intent up. @throws ApiError `intent_invalid`, whatever is wrong with it */
async function redeem(tx: Tx, call: Call, shown: Shown): Promise<Arrival & { isBoundToClient: boolean }> {
  const { services, appId } = call;
  const intentId = idSchema.safeParse(shown.intentId).data;
  if (intentId === undefined) throw invalid();
  const intent = await redeemIntent(tx, appId, intentId, sha256(shown.idpToken), services.clock.now());
  if (!intent || !isShownByItsClient(intent.codeChallenge, shown.codeVerifier)) throw invalid();
  const { idpId, providerName, codeChallenge, sealedContent } = intent;
  const profile = openProfile(services.sealer, appId, intentId, sealedContent);
  return { ...profile, idpId, providerName, isBoundToClient: codeChallenge !== null };
}

/** Starts a session for whoever came back. */
function signIn(call: Call, app: App, shown: Shown) {
  return mutate(call, async (tx) => {
    const { userId, isNewUser, events } = await settleIdentity(tx, call, app, await redeem(tx, call, shown));
    const session = await startSession(tx, call, app, { id: userId, amr: ['fed'] });
    return { result: { ...session, userId, isNewUser }, event: [...events, sessionEvent(userId, session)] };
  });
}

/** The session after linking, and what the browser gets. */
interface AfterLinking {
  readonly sessionId: string;
  readonly sessionToken: string;
  /** A session that began because the account was claimed, which ends all sessions. */
  readonly started?: StartedSession;
}

/**
 * Links an identity to the signed-in user. Without a code challenge an attacker could make somebody link the attacker's
 * identity, and sign in by it afterwards.
 */
async function linkToCaller(call: Call, app: App, actor: Call['actor'] & { kind: 'user' }, shown: Shown) {
  const { sessionId, sessionToken, started } = await mutate<AfterLinking>(call, async (tx) => {
    const arrival = await redeem(tx, call, shown);
    if (!arrival.isBoundToClient) throw invalid();
    const { events, isClaimed } = await linkIdentity(tx, call, actor, arrival);
    const token = bearerToken(call.request) ?? '';
    if (!isClaimed) return { result: { sessionId: actor.session.id, sessionToken: token }, event: events };
    const session = await startSession(tx, call, app, { id: actor.user.id, amr: ['fed'] });
    return { result: { ...session, started: session }, event: [...events, sessionEvent(actor.user.id, session)] };
  });
  if (started) setSessionCookies(call, app, started);
  return { sessionId, sessionToken, userId: actor.user.id, isNewUser: false };
}

/** Once more when the same person came by two ways at the same moment: the second time they are known. */
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
    tag: 'idp-authentication',
    summary: 'Finish signing in with a provider',
    description:
      'Exchanges what came back to the success URL for a session. Somebody whose identity is linked gets into that account; else the account of their address is linked, or made, if the provider vouches for the address. The account of a super admin is never linked that way. With the session token of a signed-in human as Bearer the identity is linked to them instead, whatever its address; the intent then needs a `codeChallenge`, and the answer names the session of the caller. If the account is not claimed and the provider vouches for its address, the account is claimed: earlier passwords, sessions and identities are void, and the answer has a new session.',
    access: publicAccessOrSession,
    audit: 'session.created',
    body: validateIntent,
    response: { status: 200, description: 'Signed in, or linked.', body: intentValidated, headers: sessionHeaders },
    errors: [
      'intent_invalid',
      'idp_email_unverified',
      'idp_link_required',
      'identity_already_linked',
      'sign_up_disabled',
      'user_inactive',
    ],
    handler: async (call) => {
      const { actor, body } = call;
      const app = await namedAppOf(call);
      if (actor.kind === 'user') return twice(() => linkToCaller(call, app, actor, body));
      const started = await twice(() => signIn(call, app, body));
      setSessionCookies(call, app, started);
      return started;
    },
  }),
];
