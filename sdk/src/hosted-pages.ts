/** The page to open, and the address to which the browser returns. */
export interface SignInUrlOptions {
  /** The address of the service, such as `https://id.example.com`. */
  readonly baseUrl: string;
  readonly appName: string;
  /** The address of the product to which the browser returns. The app setting `redirectUrls` must list it exactly. */
  readonly returnTo?: string;
  /** For a product on another host, which then gets `code` in the query of `returnTo`. See {@link newVerifier}. */
  readonly codeChallenge?: string;
  /** `choose`: the person chooses an organization, and `returnTo` gets its id as `organization` in the query. */
  readonly organization?: 'choose';
  /** Default: `sign-in`. */
  readonly page?: 'sign-in' | 'sign-up';
  /** `login`: the page asks for a sign-in even if the person is signed in. */
  readonly prompt?: 'login';
}

/**
 * The address of the hosted sign-in page.
 *
 * @throws TypeError for an invalid `baseUrl`
 * @example
 * const { verifier, challenge } = await newVerifier();
 * response.redirect(signInUrl({ baseUrl, appName: 'acme', returnTo, codeChallenge: challenge }));
 */
export function signInUrl(options: SignInUrlOptions): string {
  const { baseUrl, appName, returnTo, codeChallenge, organization, page = 'sign-in', prompt } = options;
  const url = new URL(`apps/${encodeURIComponent(appName)}/${page}`, `${baseUrl.replace(/\/+$/, '')}/`);
  const query = { return_to: returnTo, code_challenge: codeChallenge, organization, prompt };
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}

const toBase64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/**
 * A new secret of one browser, and its challenge. Store the verifier in a cookie of the product that scripts cannot
 * read, and send it with the code: `client.sessions.exchange({ code, codeVerifier: verifier, returnTo })`.
 *
 * @returns both as 43 characters of base64url
 * @see RFC 7636, section 4
 */
export async function newVerifier(): Promise<{ verifier: string; challenge: string }> {
  const verifier = toBase64url(crypto.getRandomValues(new Uint8Array(32)));
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return { verifier, challenge: toBase64url(new Uint8Array(hash)) };
}
