import type { Claims, ProviderRules } from '../identity-providers/provider-types.ts';
import type { Registration } from './provider-configuration.ts';

/** The client configuration for a provider. */
export interface Party extends ProviderRules, Registration {
  readonly scopes: readonly string[];
}

/** Values that bind the response of a provider to the browser and to the authorization request. */
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
   * Reads the configuration of a provider again, past the cache.
   *
   * @returns its issuer, as it writes it itself
   * @throws ProviderFailure
   */
  discover(issuer: string): Promise<string>;
  /** The authorization URL. @throws ProviderFailure */
  authorizationUrl(party: Party, redirectUri: string, secrets: FlowSecrets): Promise<string>;
  /**
   * Exchanges the parameters of the callback for validated claims.
   *
   * @param callback our address as the browser called it, parameters and all
   * @throws ProviderFailure
   */
  redeem(party: Party, callback: URL, secrets: FlowSecrets): Promise<Claims & { iss: string; sub: string }>;
}

/** Seconds since the epoch. */
export const secondsOf = (time: Date): number => Math.floor(time.getTime() / 1000);

/**
 * Loads the relying party with its first call: a start does not wait for its library, and many deployments have no
 * provider.
 */
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
