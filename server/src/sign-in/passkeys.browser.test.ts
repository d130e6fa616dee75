import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { executablePath, isInstalled, launchBrowser } from '../test/browser.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { confirmation, factorsUrl, setPolicy } from '../test/world/factors.ts';
import { setRelyingParty } from '../test/world/passkeys.ts';
import { createWorld, password, type Person, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;
let service: string;
let site: Server;
let origin: string;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let cdp: CDPSession;
let person: Person;

/** The result of a function of the guide: the response of the service, or the error. */
type Outcome = Readonly<Record<string, unknown>>;

/** The JavaScript of the guide, configured for our service and app. */
async function guideScript(): Promise<string> {
  const guide = await readFile(new URL('../../../docs/guides/passkeys.md', import.meta.url), 'utf8');
  const script = /```js\n(.*?)```/s.exec(guide)?.[1] ?? '';
  return script.replace('http://localhost:3000', service).replace("'demo'", `'${world.appName}'`);
}

/** Calls a function of the guide in the page. Its argument is JSON, because the types of the browser are not ours. */
const run = (name: string, ...args: readonly unknown[]): Promise<Outcome> =>
  page.evaluate(`${name}(...${JSON.stringify(args)}).catch(({ name, code, detail, factors, mfaToken }) =>
    ({ name, code, detail, factors, mfaToken }))`);

interface Authenticator {
  readonly hasResidentKey?: boolean;
  readonly hasUserVerification?: boolean;
  readonly isUserVerified?: boolean;
  readonly transport?: 'internal' | 'usb';
}

/** Adds a virtual authenticator to the page. @returns its id */
async function plugIn(options: Authenticator = {}): Promise<string> {
  const { hasResidentKey = true, hasUserVerification = true, isUserVerified = true, transport = 'internal' } = options;
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport,
      hasResidentKey,
      hasUserVerification,
      isUserVerified,
      automaticPresenceSimulation: true,
    },
  });
  return authenticatorId;
}

const credentialsOf = async (authenticatorId: string) =>
  (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;

const register = async (name: string) => {
  const { verificationCode } = await confirmation(world, person);
  return run('addPasskey', name, person.token, verificationCode);
};
const signInAlone = (options: object = {}) => run('signInWithPasskey', options);

const amrOf = async (token: unknown) => {
  const response = await world.call('GET', '/v1/authentication/users/me', { token: String(token) });
  return response.json<{ session: { amr: string[] } }>().session.amr;
};

const factorsOf = async () =>
  (await world.call('GET', factorsUrl, { token: person.token })).json<{ factors: Record<string, unknown>[] }>().factors;

describe.skipIf(!isInstalled)(`passkeys in a browser (skipped without ${executablePath})`, () => {
  beforeAll(async () => {
    test = await buildTestApp();
    service = (await test.app.listen({ host: '127.0.0.1', port: 0 })).replace('127.0.0.1', 'localhost');
    site = createServer((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<input autocomplete="username webauthn">'),
    );
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    origin = `http://localhost:${(site.address() as AddressInfo).port}`;
    world = await createWorld(test, { settings: { allowedOrigins: [origin] } });
    await setPolicy(world, 'optional');
    await setRelyingParty(world, { id: 'localhost', origins: [origin] });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    site?.close();
    await test?.close();
  });

  beforeEach(async () => {
    person = await world.person();
    context = await browser.newContext();
    page = await context.newPage();
    await page.goto(origin);
    await page.addScriptTag({ content: await guideScript() });
    cdp = await context.newCDPSession(page);
    await cdp.send('WebAuthn.enable');
  });

  afterEach(() => context?.close());

  it('registers a discoverable passkey, which signs in alone', async () => {
    const authenticator = await plugIn();
    const added = await register('Laptop');
    expect(added).toMatchObject({ kind: 'passkey', name: 'Laptop' });
    const [credential] = await credentialsOf(authenticator);
    expect(credential).toMatchObject({ isResidentCredential: true, rpId: 'localhost' });
    const handle = Buffer.from(credential?.userHandle ?? '', 'base64');
    expect(handle.readBigInt64BE(8)).toBe(BigInt(person.userId));

    const signedIn = await signInAlone();
    expect(signedIn).toMatchObject({ userId: person.userId });
    expect(await amrOf(signedIn['sessionToken'])).toEqual(['hwk', 'user', 'mfa']);
    const names = (await context.cookies(service)).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['session-token', 'device-token']));
  });

  it('signs in by autofill', async () => {
    await plugIn();
    await register('Laptop');
    expect(await signInAlone({ mediation: 'conditional' })).toMatchObject({ userId: person.userId });
  });

  it('signs in with an e-mail address', async () => {
    await plugIn();
    await register('Laptop');
    expect(await signInAlone({ email: person.email })).toMatchObject({ userId: person.userId });
  });

  it('uses a security key without PIN as second factor, but not alone', async () => {
    await plugIn({ hasResidentKey: false, hasUserVerification: false, isUserVerified: false, transport: 'usb' });
    expect(await register('Key')).toMatchObject({ passkey: { isBackupEligible: false } });
    const first = await run('call', 'POST', 'sessions', { email: person.email, password });
    expect(first).toMatchObject({ code: 'mfa_required', factors: [{ kind: 'passkey' }] });
    const finished = await run('finishSignIn', first['mfaToken']);
    expect(await amrOf(finished['sessionToken'])).toEqual(['pwd', 'hwk', 'mfa']);
    // Whether the browser or the service refuses it.
    expect(await signInAlone({ email: person.email })).not.toHaveProperty('sessionToken');
  });

  it('registers one passkey on each of several authenticators', async () => {
    const first = await plugIn();
    await register('Laptop');
    expect(await register('Laptop again')).toMatchObject({ name: 'InvalidStateError' });
    await cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: first, enabled: false });
    await plugIn({ transport: 'usb' });
    expect(await register('Key')).toMatchObject({ name: 'Key' });
    expect((await factorsOf()).map(({ name }) => name)).toEqual(['Laptop', 'Key']);
  });

  it('renews an authentication, and follows the counter of the authenticator', async () => {
    const authenticator = await plugIn();
    await register('Laptop');
    for (let round = 0; round < 2; round += 1) {
      expect(await run('reauthenticate', person.token)).toMatchObject({ sessionId: person.sessionId });
    }
    expect((await credentialsOf(authenticator))[0]?.signCount).toBeGreaterThan(1);
    expect(await factorsOf()).toMatchObject([{ passkey: { counterRegressedAt: null } }]);
  });

  it('is refused at an origin that the app does not list', async () => {
    await plugIn();
    await register('Laptop');
    await setRelyingParty(world, { id: 'localhost', origins: ['http://localhost:1'] });
    const refused = await signInAlone();
    await setRelyingParty(world, { id: 'localhost', origins: [origin] });
    expect(refused).toMatchObject({ code: 'invalid_credentials', detail: expect.stringContaining(origin) });
  });
});
