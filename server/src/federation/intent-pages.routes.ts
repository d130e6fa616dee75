import { randomBytes } from 'node:crypto';
import { serialize } from 'cookie';
import { z } from 'zod';
import { publicAccess } from '../access/access.ts';
import { deploymentCookieOf } from '../http/credential.ts';
import { ApiError } from '../http/errors.ts';
import { id as idSchema } from '../http/fields.ts';
import { type Call, route } from '../calls/route.ts';
import { constantTimeEqual, newSecret, sha256 } from '../keys/secrets.ts';
import { callbackUrl } from './callback-url.ts';
import { assertedAuthentication } from '../identity-providers/acr-mapping.schema.ts';
import { openClientSecret } from '../identity-providers/client-secret.ts';
import { type FailureCode, failures, ProviderFailure } from './failures.ts';
import { intentLifeMs, openSecrets, sealContent } from './intent-content.ts';
import { intentParams } from './intents.schema.ts';
import { failIntent, findIntent, type Intent, startIntent, succeedIntent, takeState } from './intents.store.ts';
import { profileOf } from './profile.ts';
import { type Party, secondsOf } from './relying-party.ts';

const cookieName = 'idp-intent';
const cookieValuePattern = /^gh_i_[\w-]{43}$/;

/** Allows any query, because providers add parameters. */
const anyQuery = z.looseObject({});

const newRandom = (): string => randomBytes(32).toString('base64url');

/**
 * Cookie that binds intents to a browser. All intents share one value, so that two tabs do not overwrite each other. On
 * https, browsers must send the cookie with the prefix `__Host-`, because a sibling domain can set the documented one.
 */
function browserSecretOf({ request, services }: Call): string | undefined {
  const value = deploymentCookieOf(request, cookieName, services.config.publicUrl);
  return value !== undefined && cookieValuePattern.test(value) ? value : undefined;
}

function setBrowserSecret({ services, reply }: Call, value: string): void {
  const secure = services.config.publicUrl.startsWith('https:');
  const options = { httpOnly: true, sameSite: 'lax', secure, maxAge: intentLifeMs / 1000 } as const;
  const documented = serialize(cookieName, value, { ...options, path: '/idps' });
  const ofHost = serialize(`__Host-${cookieName}`, value, { ...options, path: '/' });
  reply.header('set-cookie', secure ? [documented, ofHost] : documented);
}

async function redirect({ reply }: Call, to: string): Promise<void> {
  await reply.code(302).header('location', to).send();
}

function withParameters(url: string, parameters: Readonly<Record<string, string>>): string {
  const target = new URL(url);
  for (const [name, value] of Object.entries(parameters)) target.searchParams.set(name, value);
  return target.href;
}

/** Records the failed sign-in in the audit of the app of the intent, with the name of the error. */
async function reportFailure(call: Call, intent: Intent, error: string): Promise<void> {
  const inApp = { ...call, appId: intent.appId, body: { intentId: intent.id } };
  const target = { kind: 'identity_provider', id: intent.provider.id };
  await call.services.securityEvents.report(inApp, { action: 'idp.failed', target, changes: [`error.${error}`] });
}

/** Redirects the browser to the failure URL of the intent. */
async function sendFailure(call: Call, intent: Intent, error: FailureCode): Promise<void> {
  await reportFailure(call, intent, error);
  const parameters = { intentId: intent.id, error, error_description: failures[error] };
  await redirect(call, withParameters(intent.failureUrl, parameters));
}

/**
 * The intent in the request of a browser. An error is shown as a page, because without an intent there is no URL to
 * redirect to.
 *
 * @throws ApiError `intent_invalid`, `app_inactive`
 */
async function namedIntent(call: Call, intentId: string | undefined): Promise<Intent> {
  const intent = intentId === undefined ? undefined : await findIntent(call.services.db, intentId);
  if (!intent) throw new ApiError('intent_invalid');
  if (intent.appStatus !== 'ACTIVE') throw new ApiError('app_inactive');
  return intent;
}

/** Another browser than the first one gets no information and changes nothing. */
async function refuseBrowser(call: Call, intent: Intent): Promise<never> {
  await reportFailure(call, intent, 'browser_mismatch');
  throw new ApiError('intent_invalid', { detail: 'This sign-in was started in another browser. Start again.' });
}

const isOver = ({ services }: Call, { expiresAt }: Intent): boolean => expiresAt <= services.clock.now();

function partyOf({ services }: Call, { appId, provider }: Intent): Party {
  const clientSecret = openClientSecret(services.sealer, appId, provider.id, provider.sealedClientSecret);
  return { ...provider, clientSecret };
}

/** Returns the authorization URL for this browser, after storing the values that the callback checks. */
async function begin(call: Call, intent: Intent, browserSecret: string): Promise<string | undefined> {
  const { services } = call;
  const secrets = {
    nonce: newRandom(),
    codeVerifier: newRandom(),
    ...(intent.reauthenticates && { authenticateSince: secondsOf(services.clock.now()) }),
  };
  // The state contains the id of the intent and a random secret.
  const state = `${intent.id}.${newRandom()}`;
  const url = await services.relyingParty.authorizationUrl(partyOf(call, intent), callbackUrl(services.config), {
    ...secrets,
    state,
  });
  const way = {
    browserHash: sha256(browserSecret),
    stateHash: sha256(state),
    sealedContent: sealContent(services.sealer, intent.appId, intent.id, secrets),
  };
  const isBegun = await startIntent(services.db, intent.appId, intent.id, way, services.clock.now());
  return isBegun ? url : undefined;
}

async function sendToProvider(call: Call, intentId: string): Promise<void> {
  const intent = await namedIntent(call, intentId);
  const known = browserSecretOf(call);
  const isForeign = intent.browserHash && !(known && constantTimeEqual(sha256(known), intent.browserHash));
  if (isForeign) return refuseBrowser(call, intent);
  if (isOver(call, intent)) return sendFailure(call, intent, 'intent_expired');
  if (!intent.provider.enabled) return sendFailure(call, intent, 'provider_disabled');
  const browserSecret = known ?? newSecret('gh_i_');
  try {
    const url = await begin(call, intent, browserSecret);
    if (url === undefined) return await sendFailure(call, intent, 'state_invalid');
    setBrowserSecret(call, browserSecret);
    return await redirect(call, url);
  } catch (error) {
    return giveUp(call, intent, error);
  }
}

/** Every failure of a provider redirects to the failure URL. Failures of this service do not. */
async function giveUp(call: Call, intent: Intent, error: unknown): Promise<void> {
  if (!(error instanceof ProviderFailure)) throw error;
  const { id: idpId } = intent.provider;
  call.request.log.warn({ idpId, code: error.code, reason: error.reason }, 'a sign-in through a provider failed');
  await failIntent(call.services.db, intent.appId, intent.id);
  await sendFailure(call, intent, error.code);
}

/** The state that the provider returned, and the id of the intent in it. */
function returned({ request, services }: Call): { callback: URL; state: string; intentId: string | undefined } {
  const { search } = new URL(request.url, services.config.publicUrl);
  const callback = new URL(`${callbackUrl(services.config)}${search}`);
  const state = callback.searchParams.get('state') ?? '';
  return { callback, state, intentId: idSchema.safeParse(state.split('.')[0]).data };
}

/** Validates the response of the provider and returns a token that redeems the intent. */
async function finish(call: Call, intent: Intent, callback: URL, state: string): Promise<string> {
  const { services } = call;
  const { appId, id } = intent;
  const secrets = openSecrets(services.sealer, appId, id, intent.sealedContent ?? Buffer.alloc(0));
  const party = partyOf(call, intent);
  const claims = await services.relyingParty.redeem(party, callback, { ...secrets, state });
  const profile = {
    ...profileOf(party, claims),
    ...(intent.reauthenticates && { authenticatedAt: secondsOf(services.clock.now()) }),
    ...(party.acrMapping.length > 0 && { asserted: assertedAuthentication(claims) }),
  };
  const sealedContent = sealContent(services.sealer, appId, id, profile);
  const intentToken = newSecret('gh_i_');
  await succeedIntent(services.db, appId, id, { tokenHash: sha256(intentToken), sealedContent });
  return intentToken;
}

async function comeBack(call: Call): Promise<void> {
  const { callback, state, intentId } = returned(call);
  const intent = await namedIntent(call, intentId);
  const known = browserSecretOf(call);
  const isOwn = known && intent.browserHash && constantTimeEqual(sha256(known), intent.browserHash);
  if (!isOwn) return refuseBrowser(call, intent);
  if (isOver(call, intent)) return sendFailure(call, intent, 'intent_expired');
  const { services } = call;
  const stateHash = sha256(state);
  const isCurrent = intent.stateHash && constantTimeEqual(stateHash, intent.stateHash);
  if (!isCurrent || !(await takeState(services.db, intent.appId, intent.id, stateHash, services.clock.now()))) {
    return sendFailure(call, intent, 'state_invalid');
  }
  if (!intent.provider.enabled) return sendFailure(call, intent, 'provider_disabled');
  try {
    const intentToken = await finish(call, intent, callback, state);
    return await redirect(call, withParameters(intent.successUrl, { intentId: intent.id, intentToken }));
  } catch (error) {
    return giveUp(call, intent, error);
  }
}

const page = {
  tag: 'idp-authentication',
  access: publicAccess({ app: 'none' }),
  query: anyQuery,
  hidden: true,
  changesState: true,
} as const;
const sentOn = { status: 302, description: 'The browser is redirected.' } as const;

/** Pages for browsers: no JSON, no app header. */
export const intentPageRoutes = [
  route({
    ...page,
    method: 'GET',
    url: '/idps/start/:intentId',
    operationId: 'startIntent',
    summary: 'Go to the provider',
    description: 'Binds the intent to this browser and redirects it to the provider.',
    params: intentParams,
    response: sentOn,
    errors: ['intent_invalid', 'app_inactive'],
    handler: (call) => sendToProvider(call, call.params.intentId),
  }),

  route({
    ...page,
    method: 'GET',
    url: '/idps/callback',
    operationId: 'finishIntent',
    summary: 'Return from the provider',
    description:
      'Validates the response of the provider and redirects the browser to the success or failure URL of the ' +
      'intent.',
    response: sentOn,
    errors: ['intent_invalid', 'app_inactive'],
    handler: comeBack,
  }),
];
