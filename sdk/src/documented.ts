import { createClient } from './client.ts';
import type { AppMetadata, Me, StartedSession } from './generated/types.gen.ts';
import { createTokenVerifier } from './verify-token.ts';

/** Compatible with the names of the client library of the service whose API this one implements. */
export class AuthService {
  readonly #client;
  readonly #options: { readonly iamBaseUrl: string; readonly iamAppName: string };

  /** @example const auth = new AuthService({ iamBaseUrl: 'https://id.example.com', iamAppName: 'acme' }); */
  constructor(options: { readonly iamBaseUrl: string; readonly iamAppName: string }) {
    this.#options = options;
    this.#client = createClient({ baseUrl: options.iamBaseUrl, appName: options.iamAppName });
  }

  /** @throws GatehouseError `invalid_credentials` */
  signInByEmailPassword(email: string, password: string): Promise<StartedSession> {
    return this.#client.sessions.signIn({ email, password });
  }

  /** The user of a session token. @throws GatehouseError `unauthenticated` */
  getUserDetails(sessionToken: string): Promise<Me> {
    return this.#client.users.me({}, { token: sessionToken });
  }

  /** The app's name and its identity providers. */
  getAppMetadata(): Promise<AppMetadata> {
    return this.#client.apps.metadata();
  }

  /** Verifies a machine token with the app's JWKS and returns its claims. @throws InvalidTokenError */
  verifyMachineToken(
    token: string,
    audience = this.#options.iamAppName,
  ): ReturnType<ReturnType<typeof createTokenVerifier>> {
    const { iamBaseUrl: baseUrl, iamAppName: appName } = this.#options;
    this.#verifiers[audience] ??= createTokenVerifier({ baseUrl, appName, kind: 'machine', audience });
    return this.#verifiers[audience](token);
  }
  readonly #verifiers: Record<string, ReturnType<typeof createTokenVerifier>> = {};
}
