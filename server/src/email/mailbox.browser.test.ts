import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executablePath, isInstalled, launchBrowser } from '../test/browser.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;
let browser: Browser;
let origin: string;

/** Opens the mailbox, and records errors of the browser, such as violations of the page's policy. */
async function openMailbox(query = ''): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (entry) => void (entry.type() === 'error' && complaints.push(entry.text())));
  page.on('pageerror', (error) => void complaints.push(String(error)));
  await page.goto(`${origin}/dev/mailbox${query}`);
  return { page, complaints };
}

const signUp = (email: string, language: string) =>
  world.call('POST', '/v1/authentication/users', {
    body: {
      firstName: 'Nora',
      lastName: 'Doe',
      email,
      password,
      language,
      verificationUrl: 'http://localhost:1/?c={{code}}',
    },
  });

describe.skipIf(!isInstalled)(`the mailbox in a browser (skipped without ${executablePath})`, () => {
  beforeAll(async () => {
    test = await buildTestApp();
    world = await createWorld(test);
    await signUp('english@example.com', 'en');
    await signUp('arabic@example.com', 'ar');
    origin = await test.app.listen({ host: '127.0.0.1', port: 0 });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await test?.close();
  });

  it('shows the newest mail as its recipient sees it, and another one on a click', async () => {
    const { page, complaints } = await openMailbox();
    const frame = page.frameLocator('iframe');
    await frame.getByRole('heading', { name: 'أكّد عنوان بريدك الإلكتروني' }).waitFor();
    await page.getByRole('link', { name: /english@example\.com/ }).click();
    const { code = '' } = await world.mail('english@example.com');
    await frame.getByRole('heading', { name: 'Confirm your e-mail address' }).waitFor();
    await frame.getByText(code, { exact: true }).waitFor();
    const button = frame.getByRole('link', { name: 'Confirm my address' });
    await button.waitFor();
    const ground = 'getComputedStyle(document.querySelector("td[bgcolor]")).backgroundColor';
    expect(await page.frames().at(-1)?.evaluate(ground)).toBe('rgb(31, 95, 208)');
    expect(await page.getByRole('link', { name: 'Open the link' }).getAttribute('href')).toMatch(
      /^http:\/\/localhost:1\/\?c=[A-Z2-9]{26}$/,
    );
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('the mailbox filters by address', async () => {
    const { page, complaints } = await openMailbox();
    await page.getByRole('textbox', { name: 'Address' }).fill('english@example.com');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByRole('link', { name: 'All mails' }).waitFor();
    expect(await page.getByRole('navigation').getByRole('link').count()).toBe(1);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('isolates mails from the service: they have no origin and no access to cookies', async () => {
    const { page } = await openMailbox();
    const frame = page.frames().find((each) => each !== page.mainFrame());
    await expect(frame?.evaluate('document.cookie')).rejects.toThrow(/sandboxed/);
    await page.close();
  });
});
