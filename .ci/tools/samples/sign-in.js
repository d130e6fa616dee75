/**
 * Starts the product that docs/guides/hosted-pages.md shows, and signs in to it in a browser, with script and without:
 * the product is on another host than the service.
 *
 *   npm run build
 *   node .ci/tools/samples/sign-in.js
 */
import { match, ok } from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { admin, withService } from '../service.js';
import { installForNode, withServer, writeFiles } from './servers.js';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'];

/** Lets the app return to the product. @param {string} url @param {string} target */
async function allow(url, target) {
  /** @param {string} method @param {string} path @param {object} body @param {string} [token] */
  const call = async (method, path, body, token) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const headers = { 'content-type': 'application/json', 'x-app-name': admin.app, ...authorization };
    const options = { method, headers, body: JSON.stringify(body) };
    const response = await fetch(`${url}/v1/${path}`, options);
    ok(response.ok, `${path}: ${response.status}`);
    return response.json();
  };
  const credentials = { email: admin.email, password: admin.password };
  const { sessionToken } = await call('POST', 'authentication/users/sessions', credentials);
  await call('PATCH', 'authorization/apps/settings', { redirectUrls: [target] }, sessionToken);
}

/** @param {import('playwright-core').Browser} browser @param {{ url: string, product: string, script: boolean }} how */
async function signIn(browser, { url, product, script }) {
  const context = await browser.newContext({ javaScriptEnabled: script, locale: 'en' });
  const page = await context.newPage();
  await page.goto(product);
  ok(page.url().startsWith(`${url}/apps/${admin.app}/sign-in?`), page.url());
  await page.locator('[name=email]').fill(admin.email);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.locator('[name=password]').fill('wrong-password-1');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('[role=alert]').first().waitFor();
  await page.locator('[name=password]').fill(admin.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL(`${product}/`);
  match(await page.locator('body').innerText(), /^Signed in, user \d+$/);
  const cookies = await context.cookies(product);
  const own = cookies.find(({ name }) => name === 'session');
  ok(own?.httpOnly, 'the product has a session in a cookie that scripts cannot read');
  const ofService = await context.cookies(url);
  ok(!ofService.some(({ value }) => value === own?.value), 'the product has a session of its own');
  // A code from elsewhere does not sign anybody in: the product sends the browser to the service again.
  await context.clearCookies({ domain: new URL(product).hostname });
  await page.goto(`${product}/signed-in?code=${'x'.repeat(43)}`);
  ok(page.url().startsWith(`${url}/apps/${admin.app}/sign-in?`), page.url());
  // The person is still signed in at the service, and is asked before the way back.
  await page.getByRole('link', { name: 'Continue', exact: true }).click();
  await page.waitForURL(`${product}/`);
  await context.close();
}

const work = await mkdtemp(join(tmpdir(), 'gatehouse-product-'));
try {
  const directory = join(work, 'product');
  await mkdir(directory);
  await writeFiles('guides/hosted-pages', directory);
  await installForNode(dirname(directory));
  const urlOf = (/** @type {number | string} */ port) => `http://product.localhost:${port}`;
  const command = () => [process.execPath, '--import', import.meta.resolve('tsx'), 'app.ts'];
  await withService(async (url) => {
    const variables = (/** @type {number} */ port) => ({ GATEHOUSE_URL: url, PRODUCT_URL: urlOf(port) });
    await withServer(directory, command, variables, async (address) => {
      const product = urlOf(new URL(address).port);
      await allow(url, `${product}/signed-in`);
      const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags });
      for (const script of [true, false]) await signIn(browser, { url, product, script });
      await browser.close();
    });
  });
} finally {
  await rm(work, { recursive: true, force: true });
}
process.stdout.write('people sign in to the product of the guide, with script and without\n');
