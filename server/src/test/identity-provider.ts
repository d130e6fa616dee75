import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** Faults of a test provider. Absent: none. */
export interface Misbehaviour {
  /** Changes to the configuration. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** URLs that return this status without a usable body. */
  readonly status?: Readonly<Record<string, number>>;
  /** URLs that never respond. */
  readonly hangs?: readonly string[];
  /** What happens while the service waits for a response. */
  readonly meanwhile?: () => Promise<unknown>;
  /** URLs that respond with this text. */
  readonly text?: Readonly<Record<string, string>>;
  /** URLs that redirect. */
  readonly redirects?: Readonly<Record<string, string>>;
  /** Changes to the ID token: undefined leaves a claim out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** The token is signed with an unpublished key, under the id of a published one. */
  readonly forgesSignature?: boolean;
  /** Parameters of the callback instead of the code. */
  readonly callback?: Readonly<Record<string, string>>;
  /** The response of the token endpoint, with status 400. */
  readonly tokenError?: Readonly<Record<string, unknown>>;
  /** Changes to the response of the userinfo endpoint. */
  readonly userinfo?: Readonly<Record<string, unknown>>;
}

interface Key {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

interface Granted {
  readonly nonce: string;
  readonly clientId: string;
  readonly challenge: string;
}

async function makeKey(kid: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' } };
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array));
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/**
 * A local OpenID Connect provider with configurable faults. A sign-in immediately redirects back with the person that
 * the test chooses.
 */
export class TestProvider {
  /** Claims of the next person who signs in. */
  person: Readonly<Record<string, unknown>> = {};
  misbehaviour: Misbehaviour = {};
  now: () => Date = () => new Date();
  /** Number of calls of each path. */
  readonly calls = new Map<string, number>();
  /** Credentials of the last call of the token endpoint. */
  lastTokenRequest: { authorization: string | undefined; form: URLSearchParams } | undefined;
  readonly #granted = new Map<string, Granted>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #keys: readonly Key[] = [];
  #issuer: string | undefined;
  #rotations = 0;

  /** @param issuer its issuer, if calls to that URL are redirected here; default: its own URL */
  static async start(issuer?: string): Promise<TestProvider> {
    const provider = new TestProvider();
    provider.#issuer = issuer;
    await provider.rotateKey();
    provider.#server.listen(0, '127.0.0.1');
    await once(provider.#server, 'listening');
    // A failed test must not hang because of this server.
    provider.#server.unref();
    return provider;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get issuer(): string {
    return this.#issuer ?? this.origin;
  }

  /** Replaces the signing key and stops publishing the previous one. */
  async rotateKey(): Promise<void> {
    this.#rotations += 1;
    this.#keys = [await makeKey(`key-${this.#rotations}`)];
  }

  /** Follows the redirects of a browser to the provider and back. @returns the URL of the callback */
  async signIn(authorizationUrl: string): Promise<string> {
    const url = authorizationUrl.replace(this.issuer, this.origin);
    const response = await fetch(url, { redirect: 'manual' });
    const location = response.headers.get('location');
    if (location === null) throw new Error(`the provider answered ${response.status}: ${await response.text()}`);
    return location;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #metadata(): Record<string, unknown> {
    const { issuer } = this;
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
      authorization_response_iss_parameter_supported: true,
      ...this.misbehaviour.metadata,
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.origin);
    this.calls.set(pathname, (this.calls.get(pathname) ?? 0) + 1);
    const { status, hangs, text, redirects, meanwhile } = this.misbehaviour;
    if (hangs?.includes(pathname)) return;
    await meanwhile?.();
    const elsewhere = redirects?.[pathname];
    if (elsewhere !== undefined) return void response.writeHead(302, { location: elsewhere }).end();
    const fault = status?.[pathname];
    if (fault !== undefined) return sendJson(response, {}, fault);
    const words = text?.[pathname];
    if (words !== undefined) return void response.writeHead(200, { 'content-type': 'application/json' }).end(words);
    switch (pathname) {
      case '/.well-known/openid-configuration':
        return sendJson(response, this.#metadata());
      case '/jwks':
        return sendJson(response, { keys: this.#keys.map(({ publicJwk }) => publicJwk) });
      case '/authorize':
        return this.#authorize(searchParams, response);
      case '/token':
        return this.#token(request, response);
      case '/userinfo':
        return sendJson(response, { sub: this.person['sub'], ...this.misbehaviour.userinfo });
      default:
        return sendJson(response, {}, 404);
    }
  }

  #authorize(query: URLSearchParams, response: ServerResponse): void {
    const code = `code-${this.#granted.size + 1}-${Math.random().toString(36).slice(2)}`;
    this.#granted.set(code, {
      nonce: query.get('nonce') ?? '',
      clientId: query.get('client_id') ?? '',
      challenge: query.get('code_challenge') ?? '',
    });
    const back = new URL(query.get('redirect_uri') ?? '');
    const tellsIssuer = this.#metadata()['authorization_response_iss_parameter_supported'] === true;
    const sent = this.misbehaviour.callback ?? { code, ...(tellsIssuer && { iss: this.issuer }) };
    for (const [name, value] of Object.entries({ state: query.get('state') ?? '', ...sent })) {
      back.searchParams.set(name, value);
    }
    response.writeHead(302, { location: back.href }).end();
  }

  async #token(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = await readForm(request);
    this.lastTokenRequest = { authorization: request.headers.authorization, form };
    const { tokenError } = this.misbehaviour;
    const granted = this.#granted.get(form.get('code') ?? '');
    this.#granted.delete(form.get('code') ?? '');
    if (tokenError || !granted || (await challengeOf(form.get('code_verifier') ?? '')) !== granted.challenge) {
      return sendJson(response, tokenError ?? { error: 'invalid_grant' }, 400);
    }
    const idToken = await this.#idToken(granted);
    sendJson(response, { access_token: 'access', token_type: 'Bearer', expires_in: 60, id_token: idToken });
  }

  async #idToken({ nonce, clientId }: Granted): Promise<string> {
    const [key] = this.#keys;
    if (!key) throw new Error('the provider has no key');
    const seconds = Math.floor(this.now().getTime() / 1000);
    const { claims, header, forgesSignature } = this.misbehaviour;
    const right: JWTPayload = { iss: this.issuer, aud: clientId, iat: seconds, exp: seconds + 300, nonce };
    const signer = forgesSignature ? (await makeKey(key.kid)).privateKey : key.privateKey;
    return new SignJWT({ ...right, ...this.person, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: key.kid, ...header })
      .sign(signer);
  }
}

async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return Buffer.from(digest).toString('base64url');
}
