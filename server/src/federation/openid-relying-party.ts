import * as oidc from 'openid-client';
import type { Clock } from '../clock.ts';
import type { Outbound } from '../http/outbound.ts';
import { type Claims, isAdmittedTenant } from '../identity-providers/provider-types.ts';
import { ProviderFailure } from './failures.ts';
import { createProviderCache } from './provider-cache.ts';
import { configureProvider, type Registration } from './provider-configuration.ts';
import { type FlowSecrets, type Party, type RelyingParty, secondsOf } from './relying-party.ts';
import { toProviderFailure } from './to-provider-failure.ts';

/** Creates the relying party of this process. It caches the configurations and keys of providers. */
export function createOpenidRelyingParty({
  outbound,
  clock,
  isProduction,
}: {
  outbound: Outbound;
  clock: Clock;
  isProduction: boolean;
}): RelyingParty {
  const fetch: oidc.CustomFetch = (url, { method, headers, body, signal }) =>
    outbound.fetch(url, { method, headers, body: body as Exclude<typeof body, ArrayBuffer>, signal });
  const cache = createProviderCache(fetch);
  const configure = (registration: Registration) =>
    configureProvider(registration, { fetchDocument: cache.fetchDocument, fetch, clock, isProduction });
  return {
    discover: (issuer) =>
      failing(async () => {
        cache.forget(issuer);
        return issuerOf(await configure({ issuer, clientId: 'discovery', clientSecret: 'none' }));
      }),
    authorizationUrl: (party, redirectUri, secrets) =>
      failing(async () => authorizationUrl(await configure(party), party, redirectUri, secrets)),
    redeem: (party, callback, secrets) =>
      failing(async () => {
        const config = await configure(party);
        const checks = checksOf(secrets, clock);
        const tokens = await cache.withKeys(config, () => oidc.authorizationCodeGrant(config, callback, checks));
        const claims = admittedClaims(party, tokens.claims());
        const more = await moreClaims(party, config, tokens.access_token, claims);
        const { iss, sub, acr, amr } = claims;
        // Only the signed ID token says how the person authenticated.
        return { ...claims, ...more, iss, sub, acr, amr };
      }),
  };
}

function issuerOf(config: oidc.Configuration): string {
  const { issuer } = config.serverMetadata();
  // The library has a pattern for Microsoft's multi-tenant issuers, which have no configuration to compare with.
  if (issuer.includes('{')) {
    throw new ProviderFailure(
      'provider_response_invalid',
      'This issuer stands for many tenants. Register Microsoft as a provider of its own type.',
    );
  }
  return issuer;
}

async function authorizationUrl(
  config: oidc.Configuration,
  { scopes, acrMapping }: Party,
  redirectUri: string,
  { state, nonce, codeVerifier, authenticateSince }: FlowSecrets,
): Promise<string> {
  const acrValues = acrMapping.filter(({ claim }) => claim === 'acr').map(({ value }) => value);
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: scopes.join(' '),
    state,
    nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    ...(authenticateSince !== undefined && { max_age: '0' }),
    // A re-authentication can also increase the strength of a session. A provider may ignore the request.
    ...(authenticateSince !== undefined && acrValues.length > 0 && { acr_values: acrValues.join(' ') }),
  });
  return url.href;
}

/** Values that the library checks in the response of a provider. */
const checksOf = ({ state, nonce, codeVerifier, authenticateSince }: FlowSecrets, clock: Clock) => ({
  expectedState: state,
  expectedNonce: nonce,
  pkceCodeVerifier: codeVerifier,
  // Converts the earliest allowed time of authentication to a maximum age. The library refuses older authentications
  // and a missing `auth_time`.
  ...(authenticateSince !== undefined && { maxAge: Math.max(0, secondsOf(clock.now()) - authenticateSince) }),
});

/** Returns the claims of the ID token. @throws ProviderFailure if there is none, or the tenant is not allowed */
function admittedClaims(party: Party, claims: oidc.IDToken | undefined): oidc.IDToken {
  if (!claims) throw new ProviderFailure('provider_response_invalid', 'There is no ID token.');
  if (!isAdmittedTenant(party, claims)) {
    throw new ProviderFailure('account_not_allowed', 'The account is a personal account.');
  }
  return claims;
}

/** Reports every failure with a text of our own. */
async function failing<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw toProviderFailure(error);
  }
}

/**
 * Many providers return the address only from their userinfo endpoint. Google and Microsoft do not. For Microsoft, the
 * address also counts only together with the claim that verifies it.
 *
 * @see OpenID Connect Core 1.0, section 5.4
 */
async function moreClaims(
  party: Party,
  config: oidc.Configuration,
  accessToken: string,
  { sub, email }: oidc.IDToken,
): Promise<Claims> {
  if (party.type !== 'oidc' || email !== undefined) return {};
  if (config.serverMetadata().userinfo_endpoint === undefined) return {};
  // `email_verified` of the ID token does not apply to this address.
  return { email_verified: undefined, ...(await oidc.fetchUserInfo(config, accessToken, sub)) };
}
