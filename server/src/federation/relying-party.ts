import type { AcrMapping } from '../identity-providers/acr-mapping.schema.ts';
import type { Claims, ProviderRules } from '../identity-providers/provider-types.ts';
import type { Registration } from './provider-configuration.ts';

/** The client configuration for a provider. */
export interface Party extends ProviderRules, Registration {
  readonly scopes: readonly string[];
  readonly acrMapping: AcrMapping;
}

/** Values that bind the response of a provider to the browser and to the authorization request. */
export interface FlowSecrets {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  /**
   * Seconds since the epoch: the provider must authenticate the person after this time, even if they have a session
   * there. Undefined: an existing session at the provider is accepted.
   */
  readonly authenticateSince?: number | undefined;
}

declare module '../calls/services.ts' {
  interface Services {
    readonly relyingParty: RelyingParty;
  }
}

/** The role of this service towards identity providers: an OpenID Connect relying party. */
export interface RelyingParty {
  /**
   * Reads the configuration of a provider, bypassing the cache.
   *
   * @returns its issuer, spelled as in the configuration
   * @throws ProviderFailure
   */
  discover(issuer: string): Promise<string>;
  /** The authorization URL. @throws ProviderFailure */
  authorizationUrl(party: Party, redirectUri: string, secrets: FlowSecrets): Promise<string>;
  /**
   * Exchanges the parameters of the callback for validated claims.
   *
   * @param callback the callback URL that the browser called, with parameters
   * @throws ProviderFailure
   */
  redeem(party: Party, callback: URL, secrets: FlowSecrets): Promise<Claims & { iss: string; sub: string }>;
}

/** Seconds since the epoch. */
export const secondsOf = (time: Date): number => Math.floor(time.getTime() / 1000);

/** Loads the relying party at its first use, because many deployments have no provider. */
export function lazyRelyingParty(load: () => Promise<() => RelyingParty>): RelyingParty {
  let created: RelyingParty | undefined;
  const party = async (): Promise<RelyingParty> => {
    const create = await load();
    return (created ??= create());
  };
  return {
    discover: async (...given) => (await party()).discover(...given),
    authorizationUrl: async (...given) => (await party()).authorizationUrl(...given),
    redeem: async (...given) => (await party()).redeem(...given),
  };
}
