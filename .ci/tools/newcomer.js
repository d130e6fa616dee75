/**
 * The part of the quick start in the browser, as a newcomer does it: starts the service with `npm start`, opens the
 * addresses that the terminal shows, and clicks. A second person goes the same way with the keyboard alone.
 *
 *   node .ci/tools/newcomer.js            in a checkout that is built; SCREENSHOTS=folder keeps pictures of the steps
 */
import { equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { freePort } from './service.js';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Locator} Locator */

const executablePath = '/usr/bin/chromium';
const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'];
const password = 'Correct-horse-1';
const startTimeoutMs = 180_000;
// The virtual authenticator confirms at once, so autofill would sign in before anything is clicked.
const withoutAutofill =
  'if (window.PublicKeyCredential)' +
  ' PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false)';

/** @param {string} directory @param {number} port */
async function startInTerminal(directory, port) {
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, PORT: String(port), DATA_DIR: directory };
  const terminal = spawn('script', ['-qefc', 'npm start', '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  let shown = '';
  terminal.stdout.setEncoding('utf8').on('data', (text) => (shown += text));
  const deadline = Date.now() + startTimeoutMs;
  while (!shown.includes('Ctrl+C')) {
    if (terminal.exitCode !== null) throw new Error(`npm start ended:\n${shown}`);
    if (Date.now() > deadline) throw new Error(`The service was not ready in time:\n${shown}`);
    await delay(100);
  }
  const addressOf = (/** @type {string} */ name) => new RegExp(`${name} +(http\\S+)`).exec(shown)?.[1] ?? '';
  const stop = async () => {
    const exited = once(terminal, 'exit');
    terminal.stdin.write('\u0003');
    await exited;
  };
  return { signIn: addressOf('Sign-in'), mailbox: addressOf('Mailbox'), stop };
}

/** The input device of a person: the mouse, or the keyboard alone. */
const mouse = {
  /** @param {Page} _page @param {Locator} target */
  press: (_page, target) => target.click(),
  /** @param {Page} _page @param {Locator} field @param {string} value */
  enter: (_page, field, value) => field.fill(value),
};

/** @param {Page} page @param {Locator} target moves the focus to it, as far as the Tab key leads there */
async function moveTo(page, target) {
  for (let presses = 0; presses < 80; presses += 1) {
    if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keyboard does not reach ${String(target)} at ${page.url()}`);
}

const keyboard = {
  /** @param {Page} page @param {Locator} target */
  press: async (page, target) => {
    await moveTo(page, target);
    await page.keyboard.press('Enter');
  },
  /** @param {Page} page @param {Locator} field @param {string} value */
  enter: async (page, field, value) => {
    await moveTo(page, field);
    await page.keyboard.press('Control+A');
    await page.keyboard.type(value);
  },
};

/**
 * One newcomer and a colleague, each with a browser of their own.
 *
 * @param {import('playwright-core').Browser} browser
 * @param {{ signIn: string, mailbox: string }} addresses
 * @param {{ name: string, hand: typeof mouse, organization: string }} newcomer
 */
async function follow(browser, { signIn, mailbox }, { name, hand, organization }) {
  const email = `${name}@example.com`;
  const colleague = `friend-of-${name}@example.com`;
  /** @type {string[]} */
  const complaints = [];
  let shots = 0;

  const openBrowser = async () => {
    const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 } });
    await context.addInitScript(withoutAutofill);
    context.setDefaultTimeout(15_000);
    context.on(
      'console',
      (entry) => void (entry.type() === 'error' && complaints.push(`${entry.text()} ${entry.location().url}`)),
    );
    context.on('weberror', (error) => void complaints.push(String(error.error())));
    return context;
  };
  const shoot = async (/** @type {Page} */ page, /** @type {string} */ what) => {
    shots += 1;
    const folder = process.env['SCREENSHOTS'];
    if (folder === undefined) return;
    const file = `${name}-${String(shots).padStart(2, '0')}-${what}.png`;
    await page.screenshot({ path: join(folder, file), fullPage: true });
  };
  const button = (/** @type {Page} */ page, /** @type {string} */ label) =>
    hand.press(page, page.getByRole('button', { name: label, exact: true }));
  const link = (/** @type {Page} */ page, /** @type {string} */ label) =>
    hand.press(page, page.getByRole('link', { name: label, exact: true }));
  const fill = async (/** @type {Page} */ page, /** @type {Record<string, string>} */ values) => {
    for (const [label, value] of Object.entries(values)) {
      await hand.enter(page, page.getByLabel(label, { exact: true }), value);
    }
  };
  const heading = (/** @type {Page} */ page, /** @type {string} */ title) =>
    page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
  const shows = (/** @type {Page} */ page, /** @type {string} */ text) => page.getByText(text).first().waitFor();

  /** Opens the mailbox, where the newest mail is selected. */
  const readMail = async (/** @type {Page} */ page, /** @type {string} */ to) => {
    await page.goto(mailbox);
    equal(await page.locator('main dd').first().textContent(), to);
    await shoot(page, 'mailbox');
  };
  /** Follows the link of the newest mail, which opens in another tab. */
  const followLink = async (/** @type {Page} */ page, /** @type {string} */ to) => {
    await readMail(page, to);
    const opened = page.context().waitForEvent('page');
    await link(page, 'Open the link');
    return opened;
  };

  const mine = await openBrowser();
  const first = await mine.newPage();
  await first.goto(signIn);
  await shoot(first, 'sign-in');
  await link(first, 'Create account');
  await heading(first, 'Create your account at demo');
  await fill(first, { 'First name': 'Ada', 'Last name': 'Lovelace', 'Email address': email, Password: password });
  await shoot(first, 'sign-up');
  await button(first, 'Create account');
  await heading(first, 'Verify your address');
  await shoot(first, 'verify');

  const mails = await mine.newPage();
  const page = await followLink(mails, email);
  await shoot(page, 'verify-link');
  await button(page, 'Verify');
  await shows(page, 'Your address is verified.');
  await shoot(page, 'account');

  const devices = await mine.newCDPSession(page);
  await devices.send('WebAuthn.enable');
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true };
  await devices.send('WebAuthn.addVirtualAuthenticator', {
    options: { ...options, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await link(page, 'Manage passkeys and second factors');
  await heading(page, 'Second factors');
  await shoot(page, 'second-factors');
  await button(page, 'Add a passkey');
  await heading(page, 'Add a passkey');
  await readMail(mails, email);
  const code = (await mails.locator('.code').textContent()) ?? '';
  await fill(page, { Name: 'Laptop', 'Code from the mail': code });
  await shoot(page, 'passkey');
  await button(page, 'Create the passkey');
  await page.getByRole('link', { name: 'I have stored the codes' }).waitFor();
  await shoot(page, 'recovery-codes');
  await link(page, 'I have stored the codes');
  await heading(page, 'Your account');

  await button(page, 'Sign out');
  await heading(page, 'Signed out');
  await shoot(page, 'signed-out');
  await page.goto(signIn);
  await button(page, 'Use a passkey');
  await heading(page, 'Your account');

  await link(page, 'Create an organization');
  await heading(page, 'Create an organization');
  await fill(page, { 'Name of the organization': organization });
  await shoot(page, 'new-organization');
  await button(page, 'Create');
  await shows(page, 'The organization is created.');
  await shoot(page, 'members');
  await link(page, 'Invite');
  await heading(page, 'Invitations');
  await fill(page, { 'Email address': colleague, 'First name': 'Charles', 'Last name': 'Babbage' });
  await shoot(page, 'invite');
  await button(page, 'Invite');
  await shows(page, 'The invitation is on its way.');
  await shoot(page, 'invitations');

  const theirs = await openBrowser();
  const invitation = await followLink(await theirs.newPage(), colleague);
  await heading(invitation, 'Accept your invitation');
  await fill(invitation, { 'New password': password });
  await shoot(invitation, 'invitation');
  await button(invitation, 'Accept invitation');
  await shows(invitation, 'The invitation is accepted.');
  await shows(invitation, organization);
  await shoot(invitation, 'accepted');

  await link(page, 'Members');
  await shows(page, colleague);
  await shoot(page, 'members-after');
  for (const shown of [signIn, mailbox, page.url(), invitation.url()]) match(shown, /^http:\/\/localhost:\d+\//);
  equal(complaints.join('\n'), '');
  await Promise.all([mine.close(), theirs.close()]);
}

if (!existsSync(executablePath)) throw new Error(`There is no browser at ${executablePath}`);
const directory = await mkdtemp(join(tmpdir(), 'gatehouse-newcomer-'));
const service = await startInTerminal(join(directory, 'data'), await freePort());
const browser = await chromium.launch({ executablePath, args: flags });
try {
  ok(service.signIn.endsWith('/apps/demo/sign-in'));
  await follow(browser, service, { name: 'ada', hand: mouse, organization: 'Analytical Engines' });
  await follow(browser, service, { name: 'grace', hand: keyboard, organization: 'Compilers' });
} finally {
  await browser.close();
  await service.stop();
  await rm(directory, { recursive: true, force: true });
}
process.stdout.write(
  'A newcomer follows the quick start in the browser, with the mouse and with the keyboard alone.\n',
);
