import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executablePath, freeOrigin, isInstalled, launchBrowser } from '../test/browser.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

const target = 'https://app.example.com/start';

let test: TestApp;
let world: World;
let browser: Browser;
let origin: string;

async function openBrowser(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 }, ...options });
  return context.newPage();
}

const at = (path: string) => `${origin}/apps/${world.appName}/${path}`;

async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const shows = (page: Page, text: string) => page.getByText(text, { exact: false }).first().waitFor();

async function signUp(page: Page, email: string): Promise<void> {
  await page.goto(at('sign-up'));
  await page.getByLabel('First name').fill('Jon');
  await page.getByLabel('Last name').fill('Doe');
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password').fill(password);
  await press(page, 'Create account');
  await page.getByRole('heading', { name: 'Verify your address' }).waitFor();
  await page.goto((await world.mail(email)).url ?? '');
  await press(page, 'Verify');
  await shows(page, 'Your address is verified.');
}

async function signIn(page: Page, email: string): Promise<void> {
  await page.goto(at('sign-in'));
  await page.getByLabel('Email address').fill(email);
  await press(page, 'Continue');
  await page.getByLabel('Password').fill(password);
  await press(page, 'Sign in');
  await page.getByRole('heading', { name: 'Your account' }).waitFor();
}

describe.skipIf(!isInstalled)(`pages of organizations in a browser (skipped without ${executablePath})`, () => {
  beforeAll(async () => {
    origin = await freeOrigin();
    test = await buildTestApp({ env: { PUBLIC_URL: origin } });
    world = await createWorld(test, { settings: { redirectUrls: [target] } });
    await test.app.listen({ host: '127.0.0.1', port: Number(new URL(origin).port) });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await test?.close();
  });

  it.each([true, false])('lead a newcomer to a colleague in the organization, with script: %s', async (script) => {
    const tag = String(script);
    const jon = `jon-${tag}@example.com`;
    const mia = `mia-${tag}@example.com`;
    const mine = await openBrowser({ javaScriptEnabled: script });
    await signUp(mine, jon);

    const admin = await openBrowser({ javaScriptEnabled: script });
    await signIn(admin, world.admin.email);
    await admin.getByRole('link', { name: 'Create an organization' }).click();
    await admin.getByLabel('Name of the organization').fill(`Acme ${tag}`);
    await admin.getByLabel('Email address of the owner').fill(jon);
    await admin.getByLabel('Roles').fill('Reader, Writer');
    await shoot(admin, 'organization-new');
    await press(admin, 'Create');
    await shows(admin, 'The organization is created.');

    await mine.goto(at('account'));
    await shoot(mine, 'account-organizations');
    await mine.getByRole('link', { name: `Members of Acme ${tag}` }).click();
    await mine.getByRole('link', { name: 'Invite', exact: true }).click();
    await mine.getByLabel('Email address').fill(mia);
    await mine.getByLabel('First name').fill('Mia');
    await mine.getByLabel('Last name').fill('Ray');
    await mine.getByLabel('Role', { exact: true }).selectOption('Writer');
    await shoot(mine, 'invite');
    await press(mine, 'Invite');
    await shows(mine, 'The invitation is on its way.');
    await shoot(mine, 'invitations');

    const hers = await openBrowser({ javaScriptEnabled: script });
    await hers.goto((await world.mail(mia)).url ?? '');
    await hers.getByLabel('New password').fill('Secret@slidezAB');
    await press(hers, 'Accept invitation');
    await shows(hers, `Acme ${tag}`);

    await mine.getByRole('link', { name: 'Members', exact: true }).click();
    await shoot(mine, 'members');
    await mine.getByLabel('Search').fill('mia');
    await press(mine, 'Search');
    await shows(mine, 'Members found: 1');
    await mine.getByRole('link', { name: /^Change/ }).click();
    await mine.getByLabel('Reader').check();
    await mine.getByLabel('Writer').uncheck();
    await press(mine, 'Save');
    await shows(mine, 'The roles are saved.');
    await shoot(mine, 'member');
    await hers.reload();
    await shows(hers, 'Reader');
    for (const page of [mine, admin, hers]) await page.context().close();
  });

  it('fit a narrow screen in Arabic', async () => {
    const owner = await world.person({ verified: true });
    const org = await world.organization(owner, { name: `Organization${'n'.repeat(120)}`, roles: ['r'.repeat(60)] });
    await world.organization(owner, { name: 'Beta' });
    const options = { locale: 'ar', colorScheme: 'dark', viewport: { width: 320, height: 640 } } as const;
    const page = await openBrowser(options);
    await page.context().addCookies([{ name: 'session-token', value: owner.token, url: origin }]);
    const query = `return_to=${encodeURIComponent(target)}&organization=choose`;
    for (const path of [
      'account',
      'account/email',
      'account/identities',
      `account/api-keys?org=${org}`,
      'account/data',
      `organizations?${query}`,
      `organizations/members?org=${org}`,
      `organizations/member?org=${org}&user=${owner.userId}`,
      `organizations/invitations?org=${org}`,
      `organizations/leave?org=${org}`,
    ]) {
      const response = await page.goto(at(path));
      expect([path, response?.status()]).toEqual([path, 200]);
      await shoot(page, `ar-${path.replace(/\?.*/, '').replace('/', '-')}`);
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 320]);
    }
    await page.context().close();
  });
});
