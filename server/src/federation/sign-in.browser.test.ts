import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { executablePath, freeOrigin, isInstalled, launchBrowser } from '../test/browser.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';

const client = { client_id: 'our-client', client_secret: 'our-secret-0123456789' };

/** Listens on a free port. @returns the origin, by this name of the machine */
async function listen(server: Server, name: 'localhost' | '127.0.0.1'): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://${name}:${(server.address() as AddressInfo).port}`;
}

const example = new URL('../../../examples/sign-in/', import.meta.url);
const types: Readonly<Record<string, string>> = { '/': 'text/html', '/sign-in.js': 'text/javascript' };

/** Serves the example, configured for our service and app. */
function serveExample(service: string, appName: () => string): Server {
  const answer = async (pathname: string, response: ServerResponse): Promise<void> => {
    const type = types[pathname];
    if (type === undefined) return void response.writeHead(404).end();
    const text = await readFile(new URL(pathname === '/' ? 'index.html' : pathname.slice(1), example), 'utf8');
    const set = text.replace('http://localhost:3000', service).replace("'demo'", `'${appName()}'`);
    response.writeHead(200, { 'content-type': type }).end(set);
  };
  return createServer((request, response) => void answer(new URL(request.url ?? '/', service).pathname, response));
}

/**
 * A certified OpenID Connect provider with a sign-in page: anyone who signs in has the address `<name>@example.com`.
 */
function createProvider(issuer: string, callbackUrl: string): Provider {
  return new Provider(issuer, {
    clients: [{ ...client, redirect_uris: [callbackUrl] }],
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name'] },
    cookies: { keys: ['a key of the tests'] },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@example.com`, email_verified: true, given_name: sub, family_name: 'Doe' }),
    }),
  });
}

let test: TestApp;
let world: World;
let origin: string;
let frontEnd: string;
let servers: Server[];
let browser: Browser;
let context: BrowserContext;

async function open(url: string, where = context): Promise<Page> {
  const page = await where.newPage();
  await page.goto(url);
  return page;
}

const begin = async (page: Page) => {
  await page.getByRole('button', { name: 'Sign in with Acme SSO' }).click();
  await page.waitForURL((url) => url.pathname.startsWith('/interaction/'));
};

/** Signs in at the provider and consents. */
async function signInThere(page: Page, name: string): Promise<void> {
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('anything');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

/** Records all addresses that the browser opens, including redirects. @returns the first matching address */
function watchFor(page: Page, part: string): () => string {
  const seen: string[] = [];
  page.on('request', (request) => void (request.url().includes(part) && seen.push(request.url())));
  return () => seen[0] ?? '';
}

const signedIn = (page: Page) => page.getByText('Signed in as');
const alert = (page: Page) => page.getByRole('alert');

describe.skipIf(!isInstalled)(`signing in with a provider in a browser (skipped without ${executablePath})`, () => {
  beforeAll(async () => {
    origin = await freeOrigin();
    test = await buildTestApp({ env: { PUBLIC_URL: origin } });
    await test.app.listen({ host: '127.0.0.1', port: Number(new URL(origin).port) });
    const ofProvider = createServer();
    const ofExample = serveExample(origin, () => world.appName);
    servers = [ofProvider, ofExample];
    // A site other than ours, as for real providers.
    const issuer = await listen(ofProvider, 'localhost');
    frontEnd = await listen(ofExample, '127.0.0.1');
    const answer = createProvider(issuer, `${origin}/idps/callback`).callback();
    ofProvider.on('request', (request, response) => void answer(request, response));
    world = await createWorld(test, { settings: { allowedOrigins: [frontEnd], redirectUrls: [`${frontEnd}/`] } });
    const credentials = { clientId: client.client_id, clientSecret: client.client_secret };
    const body = { ...credentials, name: 'Acme SSO', issuer, trustEmail: true };
    const options = { token: world.admin.token, body };
    const registered = await world.call('POST', '/v1/authorization/idps/oidc', options);
    expect(registered.statusCode).toBe(201);
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    for (const server of servers ?? []) server.closeAllConnections();
    await Promise.all((servers ?? []).map((server) => new Promise((resolve) => server.close(resolve))));
    await test?.close();
  });

  beforeEach(async () => {
    context = await browser.newContext();
  });
  afterEach(() => context.close());

  it('opens the hosted page, returns, and signs out', async () => {
    const page = await open(frontEnd);
    await begin(page);
    await signInThere(page, 'jon');
    await signedIn(page).waitFor();
    expect(await signedIn(page).textContent()).toBe('Signed in as jon Doe (jon@example.com)');
    expect(page.url()).toBe(`${frontEnd}/`);
    const cookies = await context.cookies(origin);
    const kept = cookies.filter(({ name }) => name === 'session-token');
    expect(kept).toMatchObject([{ httpOnly: true, sameSite: 'Lax' }]);
    await page.reload();
    await signedIn(page).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in with Acme SSO' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Sign in with Acme SSO' }).waitFor();
  });

  it('knows who signed in before, and asks the provider again', async () => {
    const page = await open(frontEnd);
    await begin(page);
    await signInThere(page, 'mia');
    await signedIn(page).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in with Acme SSO' }).click();
    await signedIn(page).waitFor();
    expect(await signedIn(page).textContent()).toContain('mia@example.com');
  });

  it('redirects back with a reason when somebody cancels', async () => {
    const page = await open(frontEnd);
    await begin(page);
    await page.getByRole('link', { name: 'Cancel' }).click();
    await expect.poll(() => alert(page).textContent()).toBe('The sign-in was cancelled at the provider.');
    expect(page.url()).toBe(`${frontEnd}/`);
    await page.getByRole('button', { name: 'Sign in with Acme SSO' }).waitFor();
  });

  it('does not sign a victim in to the account of an attacker by the redirect', async () => {
    const page = await open(frontEnd);
    const callback = watchFor(page, '/idps/callback');
    // The result of the sign-in is not redeemed.
    await page.route('**/idp/intents/validate', (route) => route.abort());
    await begin(page);
    await signInThere(page, 'attacker');
    await page.getByRole('button', { name: 'Sign in with Acme SSO' }).waitFor();
    const victim = await browser.newContext();
    const lured = await open(callback(), victim);
    expect(await lured.textContent('body')).toContain('The sign-in with the provider did not work');
    expect(await victim.cookies(origin)).toEqual([]);
    await victim.close();
  });

  it('does not sign a victim in as an attacker, by the success URL', async () => {
    const page = await open(frontEnd);
    const success = watchFor(page, 'intentToken=');
    await page.route('**/idp/intents/validate', (route) => route.abort());
    await begin(page);
    await signInThere(page, 'attacker');
    await page.getByRole('button', { name: 'Sign in with Acme SSO' }).waitFor();
    const victim = await browser.newContext();
    const lured = await open(success(), victim);
    await expect.poll(() => alert(lured).textContent()).toBe('This sign-in was not started here. Start again.');
    expect(await victim.cookies(origin)).toEqual([]);
    await victim.close();
  });
});
