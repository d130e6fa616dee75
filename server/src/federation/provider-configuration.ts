import * as oidc from 'openid-client';
import type { Clock } from '../clock.ts';
import { ProviderFailure } from './failures.ts';

/** The registration of this service at a provider. */
export interface Registration {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Tolerated clock difference to a provider, in seconds. */
const toleranceSeconds = 60;

/**
 * Discovers a provider and configures the library for it.
 *
 * @param means how to fetch the configuration, and how to make all other requests
 * @throws an error of the library; ProviderFailure if the configuration lacks parts that a sign-in needs
 */
export async function configureProvider(
  { issuer, clientId, clientSecret }: Registration,
  means: { fetchDocument: oidc.CustomFetch; fetch: oidc.CustomFetch; clock: Clock; isProduction: boolean },
): Promise<oidc.Configuration> {
  const { fetchDocument, fetch, clock, isProduction } = means;
  const skew = Math.round((clock.now().getTime() - Date.now()) / 1000);
  const config = await oidc.discovery(
    new URL(issuer),
    clientId,
    { [oidc.clockSkew]: skew, [oidc.clockTolerance]: toleranceSeconds },
    clientAuthentication(clientSecret),
    {
      [oidc.customFetch]: fetchDocument,
      // Without this option, the library does not verify the signature of an ID token from the token endpoint.
      execute: [oidc.enableNonRepudiationChecks, ...(isProduction ? [] : [oidc.allowInsecureRequests])],
    },
  );
  config[oidc.customFetch] = fetch;
  checkUsable(config.serverMetadata(), isProduction);
  return config;
}

/**
 * How the client secret is sent: in the body if the provider supports this, because providers decode the header
 * differently; otherwise as the specification says.
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

const isWebAddress = (value: unknown, protocols: readonly string[]): boolean =>
  typeof value === 'string' && URL.canParse(value) && protocols.includes(new URL(value).protocol);

/** Checks that the configuration of a provider has the endpoints for a sign-in. */
function checkUsable(metadata: oidc.ServerMetadata, isProduction: boolean): void {
  const protocols = isProduction ? ['https:'] : ['https:', 'http:'];
  const needed = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const;
  const missing = needed.filter((name) => !isWebAddress(metadata[name], protocols));
  if (missing.length > 0) {
    throw new ProviderFailure(
      'provider_response_invalid',
      `The configuration of the provider lacks ${missing.join(', ')}.`,
    );
  }
}
