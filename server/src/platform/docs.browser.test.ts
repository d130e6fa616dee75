import type { Browser, BrowserContext, Locator, Page, Route } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { executablePath, isInstalled, launchBrowser } from '../test/browser.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld } from '../test/world/world.ts';

const place = 'tag/authorization/PATCH/v1/authorization/organizations/{orgId}';
const viewport = { width: 1400, height: 900 };

let test: TestApp;
let origin: string;
let browser: Browser;
let context: BrowserContext;
let requested: string[];
let complaints: string[];

/** A page whose requests and errors are recorded. */
async function open(url: string, until: 'load' | 'commit' = 'load'): Promise<Page> {
  const page = await context.newPage();
  page.on('console', (entry) => void (/^(error|warning)$/.test(entry.type()) && complaints.push(entry.text())));
  page.on('pageerror', (error) => void complaints.push(String(error)));
  await page.goto(url, { waitUntil: until });
  return page;
}

const headingOf = (page: Page): Locator => page.getByRole('heading', { name: 'Update an organization', exact: true });

async function expectInView(heading: Locator): Promise<void> {
  await heading.waitFor();
  const distanceFromTop = async () => (await heading.boundingBox())?.y ?? -1;
  await expect.poll(distanceFromTop).toBeGreaterThanOrEqual(0);
  await expect.poll(distanceFromTop).toBeLessThan(viewport.height / 2);
}

/** Longer than the page waits for the next key before it applies the typed text. */
const settleMs = 1000;

/** Replaces the text of an editor of the page, and advances the clock of the page. */
async function typeOver(page: Page, field: Locator, text: string): Promise<void> {
  await field.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(text);
  await page.clock.runFor(settleMs);
}

/** An organization with an owner, in a separate app. */
async function createOrganization(name: string, settings = {}): Promise<{ orgId: string; ownerToken: string }> {
  const world = await createWorld(test, { name, settings });
  const owner = await world.person();
  return { orgId: await world.organization(owner), ownerToken: owner.token };
}

describe.skipIf(!isInstalled)(`the reference in a browser (skipped without ${executablePath})`, () => {
  beforeAll(async () => {
    test = await buildTestApp();
    origin = await test.app.listen({ host: '127.0.0.1', port: 0 });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await test.close();
  });

  beforeEach(async () => {
    requested = [];
    complaints = [];
    context = await browser.newContext({ viewport });
    context.on('request', (request) => void requested.push(request.url()));
  });

  afterEach(async () => {
    await context.close();
    expect(requested.filter((url) => !/^(data|blob):/.test(url) && new URL(url).origin !== origin)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it.each([`#${place}`, `#/${place}`])('shows the operation that %s names', async (hash) => {
    const page = await open(`${origin}/docs${hash}`);
    await expectInView(headingOf(page));
    expect(new URL(page.url()).hash).toBe(`#${place}`);
    expect(requested).toContain(`${origin}/openapi.json`);
  });

  it('follows a link of either form on the page itself', async () => {
    const page = await open(`${origin}/docs`);
    await page.getByRole('heading', { name: 'Gatehouse', exact: true }).waitFor();
    await page.evaluate(`location.hash = '#/${place}'`);
    await expectInView(headingOf(page));
  });

  it('is described at once, and leaves space for the reference', async () => {
    const held: Route[] = [];
    await context.route('**/scalar-*.js', (route) => void held.push(route));
    const page = await open(`${origin}/docs`, 'commit');
    const opening = page.locator('#opening');
    await opening.getByRole('heading', { name: 'Gatehouse API' }).waitFor();
    await opening.getByRole('link', { name: 'openapi.json' }).waitFor();
    await Promise.all(held.map((route) => route.continue()));
    await page.getByRole('heading', { name: 'Gatehouse', exact: true }).waitFor();
    await opening.waitFor({ state: 'detached' });
    expect(requested.filter((url) => url === `${origin}/openapi.json`)).toHaveLength(1);
  });

  /** Opens the client of the operation with the address of an organization filled in. */
  async function openClient(orgId: string): Promise<{ page: Page; client: Locator }> {
    await context.clock.install();
    const page = await open(`${origin}/docs#${place}`);
    await expectInView(headingOf(page));
    await page
      .locator(`section[id$="${place}"]`)
      .getByRole('button', { name: /Test Request/ })
      .click();
    const client = page.getByRole('dialog');
    await typeOver(page, client.getByRole('region', { name: 'Variables' }).getByRole('textbox').last(), orgId);
    return { page, client };
  }

  async function expectUpdated(client: Locator, orgId: string): Promise<void> {
    await client.getByRole('button', { name: /^Send patch request/ }).click();
    const response = client.getByRole('region', { name: 'Response' });
    await response.getByText('200 OK').waitFor();
    expect(requested).toContain(`${origin}/v1/authorization/organizations/${orgId}`);
    await response.getByText('Organization Data Updated').waitFor();
  }

  it('sends a request with the token that is typed in, and shows the answer', async () => {
    const { orgId, ownerToken } = await createOrganization('demo');
    const { page, client } = await openClient(orgId);
    const authentication = client.getByRole('region', { name: 'Authentication' });
    await typeOver(page, authentication.getByRole('textbox').last(), ownerToken);
    await expectUpdated(client, orgId);
  });

  it('the reference neither reads nor uses the session of anyone who is signed in', async () => {
    const { orgId, ownerToken } = await createOrganization('signed-in', { allowedOrigins: [origin] });
    await context.addCookies([{ name: 'session-token', value: ownerToken, url: origin, httpOnly: true }]);
    const { page, client } = await openClient(orgId);
    expect(await page.evaluate('document.cookie')).toBe('');
    const authentication = client.getByRole('region', { name: 'Authentication' });
    await typeOver(page, authentication.getByRole('textbox').nth(1), 'signed-in');
    const sent = page.waitForRequest((request) => request.url().endsWith(`/organizations/${orgId}`));
    await client.getByRole('button', { name: /^Send patch request/ }).click();
    expect((await (await sent).allHeaders())['cookie']).toBeUndefined();
    await client.getByRole('region', { name: 'Response' }).getByText('401 Unauthorized').waitFor();
    complaints = complaints.filter((text) => !text.includes('status of 401'));
    const url = '/v1/authentication/users/me';
    const forced = `fetch('${url}', { credentials: 'include', headers: { 'x-app-name': 'signed-in' } })`;
    expect(await page.evaluate(`${forced}.then(({ status }) => status)`)).toBe(401);
    const others = `[typeof XMLHttpRequest, typeof EventSource, typeof navigator.sendBeacon]`;
    expect(await page.evaluate(others)).toEqual(['undefined', 'undefined', 'undefined']);
    complaints = complaints.filter((text) => !text.includes('status of 401'));
  });

  it('finds a page by the search, with the keyboard alone', async () => {
    const page = await open(`${origin}/`);
    await page.keyboard.press('/');
    await page.keyboard.type('invitation resend');
    await page.locator('#found a').first().waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/docs\/.*invitation/i);
  });

  it('is readable without scripts', async () => {
    const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    await page.goto(`${origin}/docs/guides/organizations`);
    await page.getByRole('heading', { name: 'Organizations', exact: true, level: 1 }).waitFor();
    expect(await page.locator('#search').isVisible()).toBe(false);
    await page.context().close();
  });

  it.each([
    '/',
    '/docs/tutorial',
    '/docs/guides/audit',
    '/docs/api/updateOrganization',
    '/docs/variables',
    '/errors',
    '/errors/validation_failed',
  ])('fits a narrow window at %s', async (path) => {
    const page = await open(`${origin}${path}`);
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320);
  });

  it('leads from an error page to an operation that may answer the code', async () => {
    const page = await open(`${origin}/errors/precondition_failed`);
    await page.getByRole('link', { name: 'Update an organization' }).click();
    await expectInView(headingOf(page));
  });
});
