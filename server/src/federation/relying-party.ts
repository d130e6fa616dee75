import { LRUCache } from 'lru-cache';
import * as oidc from 'openid-client';
import type { Clock } from '../clock.ts';
import type { Outbound } from '../http/outbound.ts';
import { ProviderFailure, toProviderFailure } from './failures.ts';
import { type Claims, isAdmittedTenant, type ProviderRules } from '../identity-providers/provider-types.ts';

/** What it takes to talk to a provider. */
export interface Party extends ProviderRules {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
}

/** What ties the answer of a provider to the browser and the question that it belongs to. */
export interface FlowSecrets {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  /**
   * Seconds since the epoch: the provider has to authenticate the person after that, whether or not they have a session
   * there. Undefined: their session at the provider will do.
   */
  readonly authenticateSince?: number | undefined;
}

declare module '../calls/services.ts' {
  interface Services {
    readonly relyingParty: RelyingParty;
  }
}

/** This service towards identity providers: an OpenID Connect relying party. */
export interface RelyingParty {
  /**
   * Reads the configuration of a provider anew.
   *
   * @returns its issuer, as it writes it itself
   * @throws ProviderFailure
   */
  discover(issuer: string): Promise<string>;
  /** Where the browser goes to sign in. @throws ProviderFailure */
  authorizationUrl(party: Party, redirectUri: string, secrets: FlowSecrets): Promise<string>;
  /**
   * Exchanges what the provider sent the browser back with for proven claims.
   *
   * @param callback our address as the browser called it, parameters and all
   * @throws ProviderFailure
   */
  redeem(party: Party, callback: URL, secrets: FlowSecrets): Promise<Claims & { iss: string; sub: string }>;
}

/** Seconds since the epoch. */
export const secondsOf = (time: Date): number => Math.floor(time.getTime() / 1000);

/** How long the configuration of a provider and its keys are believed without asking again. */
const metadataLifeMs = 600_000;
const keysLifeMs = 300_000;
/** How far the clock of a provider may be off ours. */
const toleranceSeconds = 60;
/**
 * Kept keys are handed to the library as this old: old enough that it fetches them once more when it finds no key
 * for a token, since keys rotate, and young enough that it takes them at all.
 */
const ageOfKeptKeysSeconds = 100;

export function createRelyingParty(dependencies: {
  outbound: Outbound;
  clock: Clock;
  isProduction: boolean;
}): RelyingParty {
  const { outbound, clock, isProduction } = dependencies;
  const documents = new LRUCache<string, { body: string; headers: [string, string][] }>({
    max: 500,
    ttl: metadataLifeMs,
  });
  const keySets = new LRUCache<string, oidc.ExportedJWKSCache>({ max: 500, ttl: keysLifeMs });

  const fetchAnew: oidc.CustomFetch = (url, { method, headers, body, signal }) =>
    outbound.fetch(url, { method, headers, body: body as Exclude<typeof body, ArrayBuffer>, signal });

  /** The library reads the configuration of a provider for each flow; what it is given is read once in a while. */
  const fetchDocument: oidc.CustomFetch = async (url, options) => {
    const kept = documents.get(url);
    if (kept) return new Response(kept.body, { headers: kept.headers });
    const response = await fetchAnew(url, options);
    if (response.status !== 200) return response;
    const document = { body: await response.text(), headers: [...response.headers] };
    documents.set(url, document);
    return new Response(document.body, { headers: document.headers });
  };

  async function configure(party: Pick<Party, 'issuer' | 'clientId' | 'clientSecret'>): Promise<oidc.Configuration> {
    const skew = Math.round((clock.now().getTime() - Date.now()) / 1000);
    const config = await oidc.discovery(
      new URL(party.issuer),
      party.clientId,
      { [oidc.clockSkew]: skew, [oidc.clockTolerance]: toleranceSeconds },
      clientAuthentication(party.clientSecret),
      {
        [oidc.customFetch]: fetchDocument,
        // Without it the library takes the word of the token endpoint for whatever stands in an ID token.
        execute: [oidc.enableNonRepudiationChecks, ...(isProduction ? [] : [oidc.allowInsecureRequests])],
      },
    );
    config[oidc.customFetch] = fetchAnew;
    checkUsable(config.serverMetadata(), isProduction);
    return config;
  }

  /** Keeps the keys of a provider from one flow to the next. */
  async function withKeys<Result>(config: oidc.Configuration, work: () => Promise<Result>): Promise<Result> {
    const name = config.serverMetadata().jwks_uri ?? '';
    const kept = keySets.get(name);
    const uat = Math.floor(Date.now() / 1000) - ageOfKeptKeysSeconds;
    if (kept) oidc.setJwksCache(config, { jwks: kept.jwks, uat });
    const result = await work();
    const used = oidc.getJwksCache(config);
    if (used && used.uat !== uat) keySets.set(name, used);
    return result;
  }

  return {
    discover: (issuer) =>
      failing(async () => {
        for (const url of documents.keys()) if (url.startsWith(issuer)) documents.delete(url);
        const config = await configure({ issuer, clientId: 'discovery', clientSecret: 'none' });
        const found = config.serverMetadata().issuer;
        // The library knows the pattern of Microsoft; there is no configuration at such an address to come back to.
        if (found.includes('{')) {
          throw new ProviderFailure('provider_response_invalid', 'It is many issuers. Register Microsoft as such.');
        }
        return found;
      }),

    authorizationUrl: (party, redirectUri, { state, nonce, codeVerifier, authenticateSince }) =>
      failing(async () => {
        const config = await configure(party);
        const url = oidc.buildAuthorizationUrl(config, {
          redirect_uri: redirectUri,
          scope: party.scopes.join(' '),
          state,
          nonce,
          code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
          code_challenge_method: 'S256',
          ...(authenticateSince !== undefined && { max_age: '0' }),
        });
        return url.href;
      }),

    redeem: (party, callback, { state, nonce, codeVerifier, authenticateSince }) =>
      failing(async () => {
        const config = await configure(party);
        const checks = {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
          // The age that an authentication at that moment has now; the library refuses older ones and a missing `auth_time`.
          ...(authenticateSince !== undefined && { maxAge: Math.max(0, secondsOf(clock.now()) - authenticateSince) }),
        };
        const tokens = await withKeys(config, () => oidc.authorizationCodeGrant(config, callback, checks));
        const claims = tokens.claims();
        if (!claims) throw new ProviderFailure('provider_response_invalid', 'There is no ID token.');
        if (!isAdmittedTenant(party, claims)) {
          throw new ProviderFailure('account_not_allowed', 'The account is a personal one.');
        }
        const more = await moreClaims(party, config, tokens.access_token, claims);
        return { ...claims, ...more, iss: claims.iss, sub: claims.sub };
      }),
  };
}

/**
 * How the secret is presented: in the body where the provider takes it there, for not all decode the header alike; else
 * as the specification has it.
 *
 * @see OpenID Connect Discovery 1.0, section 3; RFC 6749, section 2.3.1
 */
function clientAuthentication(clientSecret: string): oidc.ClientAuth {
  const post = oidc.ClientSecretPost(clientSecret);
  const basic = oidc.ClientSecretBasic(clientSecret);
  return (server, client, body, headers) => {
    const inBody = server.token_endpoint_auth_methods_supported?.includes('client_secret_post');
    return (inBody ? post : basic)(server, client, body, headers);
  };
}

/** Whatever fails on the way is told in our own words. */
async function failing<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw toProviderFailure(error);
  }
}

const isWebAddress = (value: unknown, protocols: readonly string[]): boolean =>
  typeof value === 'string' && URL.canParse(value) && protocols.includes(new URL(value).protocol);

/** What a sign-in needs of a provider: where to send the browser, and whom to ask. */
function checkUsable(metadata: oidc.ServerMetadata, isProduction: boolean): void {
  const protocols = isProduction ? ['https:'] : ['https:', 'http:'];
  const needed = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const;
  const missing = needed.filter((name) => !isWebAddress(metadata[name], protocols));
  if (missing.length > 0) {
    throw new ProviderFailure('provider_response_invalid', `Its configuration lacks ${missing.join(', ')}.`);
  }
}

/**
 * Many providers put the address into the answer of their userinfo endpoint only. Google and Microsoft do not, and
 * what Microsoft says of an address counts only beside the claim that vouches for it.
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
  // What the token says of verification is not about this address.
  return { email_verified: undefined, ...(await oidc.fetchUserInfo(config, accessToken, sub)) };
}
