import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executablePath, freeOrigin, isInstalled, launchBrowser } from '../test/browser.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { fromBase32, nextCode } from '../test/world/factors.ts';
import { unique } from '../test/world/names.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;
let browser: Browser;
let origin: string;

/** A new browser with its own cookies. Records its errors, such as violations of the policy. */
async function openBrowser(options: BrowserContextOptions = {}): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 800, height: 700 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (entry) => {
    if (entry.type() === 'error' && !entry.text().includes('the server responded with a status of 4')) {
      complaints.push(entry.text());
    }
  });
  page.on('pageerror', (error) => void complaints.push(String(error)));
  return { page, complaints };
}

const at = (path: string) => `${origin}/apps/${world.appName}/${path}`;
const linkTo = async (email: string) => (await world.mail(email)).url ?? '';

async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

async function signUp(page: Page, email: string): Promise<void> {
  await page.goto(at('sign-in'));
  await shoot(page, 'sign-in');
  await page.getByRole('link', { name: 'Create account' }).click();
  await page.getByLabel('First name').fill('Jon');
  await page.getByLabel('Last name').fill('Doe');
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password').fill(password);
  await shoot(page, 'sign-up');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('heading', { name: 'Verify your address' }).waitFor();
}

describe.skipIf(!isInstalled)(`the pages in a browser (skipped without ${executablePath})`, () => {
  beforeAll(async () => {
    origin = await freeOrigin();
    test = await buildTestApp({ env: { PUBLIC_URL: origin } });
    world = await createWorld(test);
    await test.app.listen({ host: '127.0.0.1', port: Number(new URL(origin).port) });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await test?.close();
  });

  it.each([true, false])(
    'lead from a sign-up to the account and out again, with script: %s',
    async (javaScriptEnabled) => {
      const { page, complaints } = await openBrowser({ javaScriptEnabled });
      const email = `${unique('jon')}@example.com`;
      await signUp(page, email);
      await shoot(page, 'verify');
      await page.goto(await linkTo(email));
      await shoot(page, 'verify-link');
      await page.getByRole('button', { name: 'Verify' }).click();
      await page.getByRole('heading', { name: 'Your account' }).waitFor();
      await shoot(page, 'account');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Signed out' }).waitFor();
      await page.goBack();
      await page.waitForLoadState();
      expect(page.url()).toContain('/sign-in');
      await page.getByLabel('Email address').fill(email);
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByLabel('Password').fill('wrong-password');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').waitFor();
      await shoot(page, 'wrong-password');
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Your account' }).waitFor();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
  );

  it('show the second factors', async () => {
    const { page, complaints } = await openBrowser();
    const email = `${unique('jon')}@example.com`;
    await signUp(page, email);
    await page.goto(await linkTo(email));
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByRole('link', { name: 'Manage passkeys and second factors' }).click();
    await shoot(page, 'factors');
    await page.getByRole('button', { name: 'Add an authenticator app' }).click();
    await page.getByRole('img').waitFor();
    await shoot(page, 'factor-new');
    const secret = fromBase32(((await page.locator('code').textContent()) ?? '').replaceAll(' ', ''));
    const { code = '' } = await world.mail(email);
    await page.getByLabel('Code from the mail').fill(code);
    await page.getByLabel('Code', { exact: true }).fill(nextCode(world, { secret }));
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByRole('link', { name: 'I have stored the codes' }).waitFor();
    await shoot(page, 'recovery-codes');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  /** The moving parts of the page, in the order of the document. */
  const moving = (page: Page) =>
    page.evaluate(`[...document.querySelectorAll('*')].filter((part) => {
      const { transitionDuration, animationName } = getComputedStyle(part);
      return transitionDuration !== '0s' || animationName !== 'none';
    }).map((part) => part.localName)`);

  it('move nothing for people who prefer that', async () => {
    for (const path of ['sign-in', 'sign-up']) {
      const { page } = await openBrowser({ reducedMotion: 'no-preference' });
      await page.goto(at(path));
      expect(await moving(page)).toContain('button');
      await page.emulateMedia({ reducedMotion: 'reduce' });
      expect(await moving(page)).toEqual([]);
      await page.context().close();
    }
  });

  it('fit into 320 px in English', async () => {
    const { page } = await openBrowser({ viewport: { width: 320, height: 640 } });
    const email = `${unique('jon')}@example.com`;
    const fits = async (): Promise<void> => {
      expect([page.url(), await page.evaluate('document.documentElement.scrollWidth')]).toEqual([page.url(), 320]);
    };
    await page.goto(at('sign-up'));
    await page.getByRole('button').click();
    await page.getByRole('alert').waitFor();
    await shoot(page, 'sign-up-en-320');
    await fits();
    await signUp(page, email);
    await fits();
    for (const path of ['account', 'account/second-factors', 'account/email', 'account/data', 'sign-in']) {
      await page.goto(at(path));
      await shoot(page, `${path.replace('/', '-')}-en-320`);
      await fits();
    }
    await page.context().close();
  });

  it('are written from right to left in Arabic', async () => {
    const { page } = await openBrowser({ locale: 'ar', colorScheme: 'dark', viewport: { width: 320, height: 640 } });
    await page.goto(at('sign-up'));
    await page.getByRole('button').click();
    await shoot(page, 'sign-up-ar-dark');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    expect(await page.locator('html').getAttribute('dir')).toBe('rtl');
    await page.context().close();
  });
});
