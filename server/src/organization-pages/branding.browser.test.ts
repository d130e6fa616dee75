import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executablePath, freeOrigin, isInstalled, launchBrowser } from '../test/browser.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { brandingOf, enableOrganizationBranding, setOrganizationBranding } from '../test/world/branding.ts';
import { unique } from '../test/world/names.ts';
import { createWorld, password, type Person, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;
let browser: Browser;
let origin: string;
let owner: Person;
let orgId: string;

const views = [
  { name: 'en-light', locale: 'en-GB', colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  { name: 'ar-dark', locale: 'ar', colorScheme: 'dark', viewport: { width: 320, height: 700 } },
] as const;

const at = (path: string) => `${origin}/apps/${world.appName}/${path}`;

/** A word in a colour on a transparent ground, as PNG. */
async function drawLogo(word: string, color: string): Promise<Buffer> {
  const page = await browser.newPage();
  await page.setContent(
    `<body style="margin:0"><b id="logo" style="font:700 44px Georgia,serif;color:${color}">${word}</b>`,
  );
  const image = await page.locator('#logo').screenshot({ omitBackground: true });
  await page.close();
  return image;
}

async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

async function expectToFit(page: Page): Promise<void> {
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  expect(await page.evaluate('[...document.images].every(({ naturalWidth }) => naturalWidth > 0)')).toBe(true);
}

describe.skipIf(!isInstalled)(`branded pages in a browser (skipped without ${executablePath})`, () => {
  beforeAll(async () => {
    origin = await freeOrigin();
    test = await buildTestApp({ env: { PUBLIC_URL: origin } });
    world = await createWorld(test);
    await test.app.listen({ host: '127.0.0.1', port: Number(new URL(origin).port) });
    browser = await launchBrowser();
    await enableOrganizationBranding(world);
    owner = await world.person();
    orgId = await world.organization(owner, { name: 'Northwind Traders' });
    const { token } = world.admin;
    const ofApp = '/v1/authorization/branding';
    const bright = (await drawLogo('Acme Cloud', '#ffffff')).toString('base64');
    await world.call('PUT', `${ofApp}/logo`, { token, body: { content: bright } });
    const texts = { 'en.signInLead': 'Welcome to {{brandName}}', 'ar.signInLead': 'مرحبًا بك في {{brandName}}' };
    const links = { termsUrl: 'https://acme.example/terms', privacyUrl: 'https://acme.example/privacy' };
    const body = { name: 'Acme Cloud', primaryColor: '#5b21b6', radius: 14, logoBackground: 'dark', texts, ...links };
    await world.call('PATCH', ofApp, { token, body });
    await setOrganizationBranding(world, orgId, { primaryColor: '#0b6e4f', font: 'serif', radius: 4 });
    const content = (await drawLogo('Northwind', '#0b6e4f')).toString('base64');
    await world.call('PUT', `${brandingOf(orgId)}/logo`, { token, body: { content } });
  });

  afterAll(async () => {
    await browser?.close();
    await test?.close();
  });

  it.each(views)('fit and obey their policy: $name', async ({ name, ...options }) => {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (entry) => {
      if (entry.type() === 'error' && !entry.text().includes('status of 404')) complaints.push(entry.text());
    });
    await page.goto(at('sign-in'));
    await expectToFit(page);
    await shoot(page, `brand-sign-in-${name}`);
    await page.locator('input[name=email]').fill(owner.email);
    await page.locator('main button').first().click();
    await page.locator('input[name=password]').fill(password);
    await page.locator('main button').first().click();
    await page.waitForURL(/\/account/);

    for (const [shown, path] of [
      ['members', 'organizations/members'],
      ['account', 'account'],
    ] as const) {
      await page.goto(at(`${path}?org=${orgId}`));
      expect(await page.locator('.logo img').getAttribute('alt')).toBe('Northwind Traders');
      await expectToFit(page);
      await shoot(page, `brand-${shown}-${name}`);
    }

    const email = `${unique('invited')}@example.com`;
    const body = { email, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
    await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token: owner.token, body });
    await context.clearCookies();
    await page.goto((await world.mail(email)).url ?? '');
    expect(await page.locator('.logo img').getAttribute('alt')).toBe('Northwind Traders');
    await expectToFit(page);
    await shoot(page, `brand-invitation-${name}`);
    expect(complaints).toEqual([]);
    await context.close();
  });
});
