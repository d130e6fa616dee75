/**
 * Signs up, verifies the address, adds an authenticator app and signs out in Firefox, with the keyboard alone. Firefox
 * is driven by WebDriver BiDi, which it has itself.
 *
 *   .ci/tools/firefox.sh DIRECTORY
 */
import { createRequire } from 'node:module';
import { ok, equal } from 'node:assert/strict';

const [packages = ''] = process.argv.slice(2);
const origin = process.env['GATEHOUSE_URL'] ?? '';
const puppeteer = createRequire(packages)('puppeteer-core');
const email = 'keyboard@example.com';
const password = 'Password@123JonDoeInc';
const hosted = (page) => `${origin}/apps/demo/${page}`;

const browser = await puppeteer.launch({ browser: 'firefox', executablePath: '/usr/bin/firefox-esr' });
const page = await browser.newPage();
const heading = () => page.$eval('h1', (element) => element.textContent);
const focused = () => page.evaluate(() => document.activeElement?.textContent.trim() ?? '');

/** Presses a key that leads to another page. */
const go = (key) => Promise.all([page.waitForNavigation(), page.keyboard.press(key)]);

/** Types into the fields in the order of the keyboard, from the one that has the focus. */
async function fill(...values) {
  for (const [index, value] of values.entries()) {
    if (index > 0) await page.keyboard.press('Tab');
    await page.keyboard.type(value);
  }
}

/** Moves to the button or link with this text. */
async function moveTo(text) {
  for (let presses = 0; presses < 60; presses += 1) {
    if ((await focused()) === text) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keyboard does not reach "${text}"`);
}

async function newestCode() {
  const mailbox = await fetch(`${origin}/dev/mailbox?to=${email}`, { headers: { accept: 'application/json' } });
  const { messages } = await mailbox.json();
  return messages[0].code;
}

await page.goto(hosted('sign-up'));
await fill('Jon', 'Doe', email, password);
await go('Enter');
equal(await heading(), 'Verify your address');
await fill(await newestCode());
await go('Enter');
equal(await heading(), 'Your account');
await page.goto(hosted('account/second-factors'));
await moveTo('Add an authenticator app');
await go('Enter');
equal(await heading(), 'Add an authenticator app');
await page.goto(hosted('account/second-factors'));
await moveTo('Sign out');
await go('Enter');
equal(await heading(), 'Signed out');
await page.goBack();
ok(page.url().includes('/sign-in'), `the account is shown after the sign-out: ${page.url()}`);
await fill(email);
await go('Enter');
await fill('wrong-password');
await go('Enter');
equal(await page.$eval('[role=alert]', (element) => element.dataset.code), 'invalid_credentials');
await browser.close();
process.stdout.write('The hosted pages work in Firefox with the keyboard alone.\n');
