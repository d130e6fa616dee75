import { createHash, randomBytes } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import type { TestProvider } from './identity-provider.ts';
import type { World } from './world/world.ts';

export const successUrl = 'http://localhost:4000/signed-in?from=provider#top';
export const failureUrl = 'http://localhost:4000/sign-in';

/** A browser as far as these flows need one: it stores the cookies of `/idps`. */
export interface Browser {
  cookie: string | undefined;
}

export const newBrowser = (): Browser => ({ cookie: undefined });

/** Calls a page of the service like a browser. */
export async function visit(world: World, browser: Browser, url: string): Promise<LightMyRequestResponse> {
  const { pathname, search } = new URL(url);
  const headers = browser.cookie === undefined ? {} : { cookie: browser.cookie };
  const response = await world.call('GET', pathname + search, { app: null, headers });
  const set = [response.headers['set-cookie'] ?? []].flat();
  if (set.length > 0) browser.cookie = set.map((cookie) => cookie.split(';')[0]).join('; ');
  return response;
}

/** A verifier of a client, and its challenge. */
export function newVerifier(): { codeVerifier: string; codeChallenge: string } {
  const codeVerifier = randomBytes(32).toString('base64url');
  return { codeVerifier, codeChallenge: createHash('sha256').update(codeVerifier).digest('base64url') };
}

/** Creates an intent. */
export async function createIntent(
  world: World,
  idpId: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ intentId: string; authUrl: string }> {
  const body = { idpId, successUrl, failureUrl, ...more };
  const response = await world.call('POST', '/v1/authentication/idp/intents/create', { body });
  if (response.statusCode !== 201) throw new Error(response.body);
  return response.json<{ intentId: string; authUrl: string }>();
}

const locationOf = (response: LightMyRequestResponse): string => {
  const { location } = response.headers;
  if (response.statusCode !== 302 || location === undefined) throw new Error(`${response.statusCode} ${response.body}`);
  return location;
};

/**
 * Follows the redirect from the start page to the provider. @returns the URL to which the provider redirects the
 * browser
 */
export async function goToProvider(world: World, browser: Browser, provider: TestProvider, authUrl: string) {
  return provider.signIn(locationOf(await visit(world, browser, authUrl)));
}

/** Opens the callback. @returns the parameters of the success or failure URL */
export async function comeBack(world: World, browser: Browser, callback: string): Promise<Record<string, string>> {
  const target = new URL(locationOf(await visit(world, browser, callback)));
  return { to: `${target.origin}${target.pathname}${target.hash}`, ...Object.fromEntries(target.searchParams) };
}

/** The whole flow in a new browser. */
export async function goThrough(
  world: World,
  provider: TestProvider,
  idpId: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Record<string, string>> {
  const browser = newBrowser();
  const { authUrl } = await createIntent(world, idpId, more);
  const sent = await visit(world, browser, authUrl);
  const location = locationOf(sent);
  if (location.startsWith(failureUrl)) return { to: failureUrl, ...Object.fromEntries(new URL(location).searchParams) };
  return comeBack(world, browser, await provider.signIn(location));
}

/** Redeems the result of a flow. */
export function redeem(
  world: World,
  { intentId, intentToken }: Readonly<Record<string, string>>,
  options: { token?: string; codeVerifier?: string; headers?: Record<string, string> } = {},
): Promise<LightMyRequestResponse> {
  const { token, codeVerifier, headers } = options;
  const body = { intentId, idpToken: intentToken, ...(codeVerifier !== undefined && { codeVerifier }) };
  return world.call('POST', '/v1/authentication/idp/intents/validate', { token, body, ...(headers && { headers }) });
}

/** Registers the provider as a generic one. @returns its id */
export async function registerProvider(
  world: World,
  provider: TestProvider,
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { issuer } = provider;
  const body = {
    name: 'Acme SSO',
    issuer,
    clientId: 'our-client',
    clientSecret: 'our:secret/0',
    trustEmail: true,
    ...more,
  };
  const response = await world.call('POST', '/v1/authorization/idps/oidc', { token: world.admin.token, body });
  if (response.statusCode !== 201) throw new Error(response.body);
  return response.json<{ id: string }>().id;
}
