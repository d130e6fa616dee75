import type { Browser, BrowserContextOptions, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executablePath, freeOrigin, isInstalled, launchBrowser } from '../test/browser.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { setMfa } from '../test/world/browsers.ts';
import { createWorld, password, type Person, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;
let browser: Browser;
let origin: string;

const at = (path: string) => `${origin}/apps/${world.appName}/${path}`;

async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

interface Visit {
  readonly page: Page;
  readonly cdp: CDPSession;
  readonly authenticatorId: string;
  /** Errors of the browser, such as violations of the policy. */
  readonly complaints: string[];
}

const withoutAutofill = 'PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false)';

/**
 * A new browser with its own cookies and an authenticator, which answers at once. So the autofill signs in as soon as
 * the authenticator has a passkey.
 *
 * @param script runs before those of the pages. Default: there is no autofill
 */
async function openBrowser(options: BrowserContextOptions = {}, script = withoutAutofill): Promise<Visit> {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 }, ...options });
  await context.addInitScript(script);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (entry) => {
    if (entry.type() === 'error' && !entry.text().includes('the server responded with a status of 4')) {
      complaints.push(entry.text());
    }
  });
  page.on('pageerror', (error) => void complaints.push(String(error)));
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { page, cdp, authenticatorId, complaints };
}

/** Another browser with the passkeys of this one, and with autofill. */
async function copyBrowser({ cdp, authenticatorId }: Visit, script = ''): Promise<Visit> {
  const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId });
  const copy = await openBrowser({}, script);
  for (const credential of credentials) {
    await copy.cdp.send('WebAuthn.addCredential', { authenticatorId: copy.authenticatorId, credential });
  }
  return copy;
}

async function enterPassword({ page }: Visit, { email }: Person): Promise<void> {
  await page.goto(at('sign-in?prompt=login'));
  await page.getByLabel('Email address').fill(email);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const account = ({ page }: Visit) => page.getByRole('heading', { name: 'Your account' }).waitFor();

/** Signs in, adds a passkey on the page, and signs out. */
async function addPasskey(visit: Visit): Promise<Person> {
  const { page } = visit;
  const person = await world.person({ verified: true });
  await enterPassword(visit, person);
  await page.getByRole('link', { name: 'Manage passkeys and second factors' }).click();
  await shoot(page, 'passkeys-none');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByLabel('Name').fill('Laptop');
  const { code = '' } = await world.mail(person.email);
  await page.getByLabel('Code from the mail').fill(code);
  await shoot(page, 'passkey-new');
  await page.getByRole('button', { name: 'Create the passkey' }).click();
  await page.getByRole('link', { name: 'I have stored the codes' }).click();
  await account(visit);
  return person;
}

async function signOut({ page }: Visit): Promise<void> {
  await page.goto(at('account'));
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Signed out' }).waitFor();
}

describe.skipIf(!isInstalled)(`passkeys on the pages (skipped without ${executablePath})`, () => {
  beforeAll(async () => {
    origin = (await freeOrigin()).replace('127.0.0.1', 'localhost');
    test = await buildTestApp({ env: { PUBLIC_URL: origin } });
    world = await createWorld(test);
    await setMfa(world, { factors: ['totp', 'passkey', 'email'], rememberDays: 30 });
    await test.app.listen({ host: '127.0.0.1', port: Number(new URL(origin).port) });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await test?.close();
  });

  it('are added, and sign in by autofill', async () => {
    const first = await openBrowser();
    await addPasskey(first);
    const visit = await copyBrowser(first);
    await visit.page.goto(at('sign-in'));
    await account(visit);
    expect([...first.complaints, ...visit.complaints]).toEqual([]);
    await Promise.all([first, visit].map(({ page }) => page.context().close()));
  });

  it('sign in by the button, before and after the address', async () => {
    const visit = await openBrowser();
    const { page } = visit;
    const person = await addPasskey(visit);
    for (const email of [undefined, person.email]) {
      await signOut(visit);
      await page.goto(at('sign-in'));
      if (email !== undefined) {
        await page.getByLabel('Email address').fill(email);
        await page.getByRole('button', { name: 'Continue' }).click();
        await page.getByLabel('Password').waitFor();
      }
      await shoot(page, `sign-in-passkey-${email === undefined ? 'first' : 'named'}`);
      await page.getByRole('button', { name: 'Use a passkey' }).click();
      await account(visit);
    }
    expect(visit.complaints).toEqual([]);
    await page.context().close();
  });

  it('are the second factor, of a device that is then remembered', async () => {
    const visit = await openBrowser();
    const { page } = visit;
    const person = await addPasskey(visit);
    await signOut(visit);
    await enterPassword(visit, person);
    await page.getByLabel('Do not ask again on this device').check();
    await shoot(page, 'second-factor-passkey');
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await account(visit);
    await signOut(visit);
    await enterPassword(visit, person);
    await account(visit);
    expect(visit.complaints).toEqual([]);
    await page.context().close();
  });

  it('confirm a change of the factors', async () => {
    const visit = await openBrowser();
    const { page } = visit;
    await addPasskey(visit);
    test.clock.advance(20 * 60_000);
    await page.goto(at('account/second-factors'));
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('alert').first().waitFor();
    await shoot(page, 'confirm-passkey');
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByText('Confirmed. Now try again.').waitFor();
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('The second factor is removed.').waitFor();
    expect(visit.complaints).toEqual([]);
    await page.context().close();
  });

  it('are refused with a reason that people understand', async () => {
    const visit = await openBrowser();
    const { page, cdp, authenticatorId } = visit;
    await addPasskey(visit);
    // The authenticator has a passkey for this account.
    await page.goto(at('account/second-factors'));
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByRole('button', { name: 'Create the passkey' }).click();
    await page.getByText('This device has a passkey for your account already.').waitFor();
    await shoot(page, 'passkey-exists');
    // The passkey was deleted from the account, but not from the authenticator.
    await page.goto(at('account/second-factors'));
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('The second factor is removed.').waitFor();
    await signOut(visit);
    await page.goto(at('sign-in'));
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByText('The passkey was not accepted.').first().waitFor();
    // The person does not confirm.
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    await page.goto(at('sign-in'));
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByText('The passkey was not used.').waitFor();
    await shoot(page, 'passkey-cancelled');
    await page.context().close();
  });

  it('work with browsers that do not convert the JSON', async () => {
    const script = `
      delete PublicKeyCredential.parseCreationOptionsFromJSON;
      delete PublicKeyCredential.parseRequestOptionsFromJSON;
      PublicKeyCredential.prototype.toJSON = () => { throw new Error('not implemented'); };`;
    const first = await openBrowser({}, `${withoutAutofill}; ${script}`);
    await addPasskey(first);
    const visit = await copyBrowser(first, script);
    await visit.page.goto(at('sign-in'));
    await account(visit);
    expect([...first.complaints, ...visit.complaints]).toEqual([]);
    await Promise.all([first, visit].map(({ page }) => page.context().close()));
  });

  it('are explained to browsers that do not know them', async () => {
    const { page } = await openBrowser({}, 'delete window.PublicKeyCredential');
    await page.goto(at('sign-in'));
    await page.getByText('This browser does not support passkeys.').waitFor();
    expect(await page.getByRole('button', { name: 'Use a passkey' }).count()).toBe(0);
    await page.context().close();
  });

  it('are not offered without script; all other functions work without script', async () => {
    const visit = await openBrowser({ javaScriptEnabled: false });
    await visit.page.goto(at('sign-in'));
    expect(await visit.page.getByRole('button', { name: 'Use a passkey' }).count()).toBe(0);
    await enterPassword(visit, await world.person({ verified: true }));
    await account(visit);
    await visit.page.context().close();
  });

  it('fit on a narrow screen, in Arabic', async () => {
    const visit = await openBrowser({ locale: 'ar', colorScheme: 'dark', viewport: { width: 320, height: 640 } });
    const { page } = visit;
    const person = await world.person({ verified: true });
    await page.goto(at('sign-in'));
    await shoot(page, 'sign-in-ar-dark');
    await page.getByRole('textbox').fill(person.email);
    await page.getByRole('button').first().click();
    await page.locator('input[type=password]').fill(password);
    await shoot(page, 'password-ar-dark');
    await page.getByRole('button').first().click();
    await page.goto(at('account/second-factors'));
    await page.locator('section').getByRole('button').first().click();
    await page.locator('input[name=name]').waitFor();
    await shoot(page, 'passkey-new-ar-dark');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    await page.context().close();
  });
});
