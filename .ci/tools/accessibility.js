/**
 * Opens pages of a running service in Chromium and fails when axe-core finds a breach of WCAG 2.2 AA, or when a page of
 * 320 px has to be scrolled sideways. Every guide, one page of each other kind, and the hosted pages with and without
 * faults, in light and dark, narrow in Arabic and wide in English. The width of 320 px is measured in both languages.
 *
 *   .ci/tools/accessibility.sh
 *
 * With a folder as third argument, screenshots of the hosted pages are kept in it.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { totpCode } from '../../server/dist/factors/totp.js';
import { createGallery } from './screenshots.js';

const [axeFile = '', packages = '', screenshots] = process.argv.slice(2);
const origin = process.env['GATEHOUSE_URL'] ?? '';
const { chromium } = createRequire(packages)('playwright-core');
const axe = await readFile(axeFile, 'utf8');

const password = 'Password@123JonDoeInc';
const levels = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const looks = [
  { colorScheme: 'light', locale: 'en', viewport: { width: 1280, height: 900 } },
  { colorScheme: 'dark', locale: 'ar', viewport: { width: 320, height: 700 } },
];

/**
 * Every guide, and the first page of each other kind. Guides differ only in their text, so each is looked at in one
 * alone; in the others it must fit into the window.
 *
 * @param {number} turn the number of the look
 * @returns {Promise<{ address: string, isLookedAt: boolean }[]>}
 */
async function addresses(turn) {
  const index = await (await fetch(`${origin}/llms.txt`)).text();
  const all = [...index.matchAll(/\]\(\S*?(\/(?:docs|errors)\/[^)\s]+)\.md\)/g)].map(([, address = '']) => address);
  const firsts = new Map(all.map((address) => [address.replace(/[^/]+$/, ''), address]));
  const kinds = new Set(['/', '/there-is-no-such-page', '/dev/mailbox', ...firsts.values()]);
  const guides = all.filter((address) => /^\/docs\/(guides|recipes|operating|[^/]+$)/.test(address));
  return [...new Set([...kinds, ...guides])].map((address, place) => ({
    address,
    isLookedAt: kinds.has(address) || place % looks.length === turn,
  }));
}

const hosted = (page) => `${origin}/apps/demo/${page}`;

/** The hosted pages that people see before a sign-in, each also with a form that was sent empty. */
const outside = ['sign-in', 'sign-up', 'forgot-password', 'reset-password?email=jon%40example.com', 'signed-out'];
const invitation = 'invitation?email=jon%40example.com&code=ABCDEFG&org=118273645546213376';
const link = 'verify?user=118273645546213376&code=ABCDEFG';

/** Calls the API as the super admin. @returns {Promise<Record<string, unknown>>} */
async function callAsAdmin(method, path, body) {
  const { GATEHOUSE_EMAIL: email, GATEHOUSE_PASSWORD: adminPassword } = process.env;
  const call = async (url, init, credential = {}) => {
    const headers = { 'X-App-Name': 'demo', 'Content-Type': 'application/json', ...credential };
    const response = await fetch(`${origin}/v1/${url}`, { headers, ...init });
    if (!response.ok) throw new Error(`${url}: ${await response.text()}`);
    return response.json();
  };
  const signIn = { method: 'POST', body: JSON.stringify({ email, password: adminPassword }) };
  const { sessionToken } = await call('authentication/users/sessions', signIn);
  return call(path, { method, body: JSON.stringify(body) }, { Authorization: `Bearer ${sessionToken}` });
}

/** Signs up, and looks at the pages of the account. */
async function inside(context, name) {
  const page = await context.newPage();
  await page.goto(hosted('sign-up'));
  for (const [field, value] of [
    ['firstName', 'Jon'],
    ['lastName', 'Doe'],
    ['email', `${name}@example.com`],
    ['password', password],
  ])
    await page.locator(`[name=${field}]`).last().fill(value);
  await page.locator('button').last().click();
  await page.waitForURL(/verify/);
  const choice = `organizations?return_to=${encodeURIComponent(origin)}&organization=choose`;
  const further = ['email', 'identities', 'api-keys', 'data'].map((part) => `account/${part}`);
  const pages = [
    ...further,
    'verify',
    'account',
    'account/second-factors',
    'organizations',
    choice,
    'organizations/members',
  ];
  for (const address of pages) {
    await page.goto(hosted(address));
    await check(page, address === 'organizations/members' ? `${address}, without an organization` : address);
  }
  await page.goto(hosted('sign-in'));
  await check(page, 'sign-in, signed in');
  await page.goto(hosted('account/second-factors'));
  await page.locator('form:has([value=add-passkey]) button').click();
  await page.locator('[role=alert]').first().waitFor();
  await check(page, 'account/second-factors, refused');
  await page.goto(hosted('account/identities?notice=provider_failed'));
  await check(page, 'account/identities, failed');
  await page.goto(hosted('account/email'));
  await send(page, { newEmail: `new-${name}@example.com` });
  await check(page, 'account/email, code of the new address');
  await send(page, { code: 'wrong' });
  await check(page, 'account/email, wrong code of the new address');
  await page.close();
}

/**
 * Looks at the form for fresh authentication with the password, which a page shows again after a wrong one. Waiting
 * until the session needs it takes too long.
 */
async function confirmationByPassword(context) {
  const page = await context.newPage();
  await page.goto(hosted('account/email'));
  await page
    .locator('main form')
    .last()
    .evaluate((form) => {
      form.querySelector('[name=step]').value = 'confirm-again';
      form.querySelector('[name=newEmail]').name = 'currentPassword';
    });
  await page.locator('[name=currentPassword]').evaluate((field) => (field.type = 'password'));
  await send(page, { currentPassword: 'wrong-password' });
  await page.locator('#again').waitFor();
  await check(page, 'account/email, confirm with the password, wrong password');
  await page.close();
}

const press = (page, form) => Promise.all([page.waitForEvent('load'), page.locator(`${form} button`).first().click()]);
const withField = (name) => `main form:has([name=${name}]:not([type=hidden]))`;

/** Sends the form with these fields. */
async function send(page, fields) {
  for (const [name, value] of Object.entries(fields)) await page.locator(`[name=${name}]`).fill(value);
  await press(page, withField(Object.keys(fields)[0]));
}

/** @returns {Promise<string>} this part of the newest mail to somebody that has it */
async function newestMail(email, part) {
  const mailbox = await fetch(`${origin}/dev/mailbox?to=${email}`, { headers: { accept: 'application/json' } });
  const { messages } = await mailbox.json();
  return messages.find((message) => message[part])[part];
}

/** @param {string} text the secret in Base32 (RFC 4648, section 6) */
function secretOf(text) {
  const digits = text
    .replaceAll(/\s/g, '')
    .split('')
    .map((digit) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(digit));
  const bits = digits.map((digit) => digit.toString(2).padStart(5, '0')).join('');
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
}

/** Adds an authenticator app, signs in with it, and looks at each page on the way. */
async function secondFactors(context, name) {
  const page = await context.newPage();
  const email = `${name}@example.com`;
  await page.goto(hosted('verify'));
  await send(page, { code: await newestMail(email, 'code') });
  await check(page, 'account, verified');
  await page.goto(hosted('account/second-factors'));
  await press(page, 'form:has([name=step][value=add])');
  await check(page, 'account/second-factors, new app');
  const secret = secretOf(await page.locator('main code').innerText());
  const code = () => totpCode(secret, Math.floor(Date.now() / 30_000));
  await send(page, { code: 'wrong', verificationCode: 'wrong' });
  await check(page, 'account/second-factors, new app, wrong code');
  await send(page, { code: code(), verificationCode: await newestMail(email, 'code') });
  await check(page, 'account/second-factors, recovery codes');
  const [, notMe = ''] = /(http\S+\/not-me\S*)/.exec(await newestMail(email, 'text')) ?? [];
  const other = await context.newPage();
  await other.goto(notMe);
  await check(other, 'not-me');
  await other.close();
  const [recoveryCode = ''] = (await page.locator('pre.codes').innerText()).split('\n');
  await page.goto(hosted('account/second-factors'));
  await check(page, 'account/second-factors, with an app');
  await press(page, `[action$=sign-out]`);
  await page.goto(hosted('sign-in'));
  await send(page, { email });
  await check(page, 'sign-in, password');
  await send(page, { password: 'wrong-password' });
  await check(page, 'sign-in, wrong password');
  await send(page, { password });
  await check(page, 'sign-in, second factor');
  await send(page, { code: '000000' });
  await check(page, 'sign-in, wrong second factor');
  await press(page, 'form:has([name=factor][value=recovery-code])');
  await check(page, 'sign-in, recovery code');
  await send(page, { recoveryCode });
  await check(page, 'account/second-factors, after a recovery code');
  await page.goto(hosted('forgot-password'));
  await send(page, { email });
  await check(page, 'forgot-password, sent');
  await confirmationByApp(page, { email, code: totpCode(secret, Math.floor(Date.now() / 30_000) + 1) });
  await page.close();
}

/** Signs in on a remembered device, and looks at the form for fresh authentication with an app. */
async function confirmationByApp(page, { email, code }) {
  await page.goto(hosted('sign-in?prompt=login'));
  await send(page, { email });
  await send(page, { password });
  await page.locator('[name=remember]').check();
  await send(page, { code });
  await page.goto(hosted('sign-in?prompt=login'));
  await send(page, { email });
  await send(page, { password });
  await page.goto(hosted('account/email'));
  await send(page, { newEmail: `other-${email}` });
  await page.locator('#again').waitFor();
  await check(page, 'account/email, confirm with the app');
  await send(page, { code: '000000' });
  await check(page, 'account/email, confirm with the app, wrong code');
}

/** Enters wrong passwords until there are too many, and looks at the page that says how long to wait. */
async function tooMany(context, name) {
  const page = await context.newPage();
  await page.goto(hosted('sign-in?prompt=login'));
  await send(page, { email: `nobody-${name}@example.com` });
  for (const _ of 'another') await send(page, { password: 'wrong-password' });
  const wait = page.locator('[role=alert]', { hasText: /\d/ });
  await wait.waitFor();
  await check(page, 'sign-in, too many passwords');
  await page.close();
}

/** Opens Mia's invitation while somebody else is signed in, accepts it as Mia, and creates an API key. */
async function invitedAndKeys(context, email) {
  const page = await context.newPage();
  const [, address = ''] = /(http\S+\/invitation\S*)/.exec(await newestMail(email, 'text')) ?? [];
  await page.goto(address);
  await check(page, 'invitation, of somebody else');
  await send(page, { newPassword: 'short' });
  await check(page, 'invitation, refused password');
  await send(page, { newPassword: password });
  await check(page, 'account, invitation accepted');
  await page.goto(hosted('account/api-keys'));
  await check(page, 'account/api-keys, with an organization');
  await page.locator('main a[href*="org="]').first().click();
  await page.locator('[name=name]').waitFor();
  await check(page, 'account/api-keys, new key');
  await send(page, { name: 'Export' });
  await page.locator('pre.codes').waitFor();
  await check(page, 'account/api-keys, key shown');
  await page.goto(hosted('account/api-keys'));
  await check(page, 'account/api-keys, with a key');
  await page.close();
}

/** Signs in as the super admin, creates an organization, and looks at its pages. */
async function organizations(context, name) {
  const page = await context.newPage();
  await page.goto(hosted('sign-in?prompt=login'));
  await page.locator('[name=email]').fill(process.env['GATEHOUSE_EMAIL'] ?? '');
  await page.locator('button').first().click();
  await page.locator('[name=password]').fill(process.env['GATEHOUSE_PASSWORD'] ?? '');
  await page.locator('button').first().click();
  await page.waitForURL(/account/);
  await page.goto(hosted('organizations/new'));
  await check(page, 'organizations/new');
  await Promise.all([page.waitForEvent('load'), page.locator('main form').last().locator('button').click()]);
  await check(page, 'organizations/new, sent empty');
  await page.locator('[name=orgName]').fill(`Acme ${name}`);
  await page.locator('[name=roles]').fill('Reader, Writer');
  await page.locator('main form').last().locator('button').click();
  await page.waitForURL(/members/);
  await check(page, 'organizations/members');
  const org = new URL(page.url()).searchParams.get('org');
  await page.goto(hosted(`organizations/invitations?org=${org}`));
  for (const field of ['firstName', 'lastName', 'email']) {
    await page.locator(`[name=${field}]`).fill(field === 'email' ? `mia-${name}@example.com` : 'Mia');
  }
  await page.locator('[name=email]').press('Enter');
  await page.waitForURL(/notice/);
  const all = [`organizations/members?find=none&org=${org}`, `organizations/leave?org=${org}`];
  const listed = [`organizations/invitations?org=${org}`, `organizations/invitations?list=expired&org=${org}`];
  for (const address of [...listed, ...all, 'organizations?list=all', 'account']) {
    await page.goto(hosted(address));
    await check(page, address === 'account' ? 'account, of a super admin' : address);
  }
  await page.goto(hosted(`organizations/members?org=${org}`));
  await Promise.all([page.waitForEvent('load'), page.locator('main li a').first().click()]);
  await check(page, 'organizations/member');
  await page.close();
  await invitedAndKeys(context, `mia-${name}@example.com`);
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const gallery = screenshots === undefined ? undefined : createGallery(screenshots);
await gallery?.prepare();
const found = [];
let looked = 0;

/** Whether the page fits into the window, and into one of 320 px, which 1280 px become at a zoom of 400 %. */
async function measure(page, address) {
  await measureNow(page, address);
  const size = page.viewportSize();
  if (size.width === 320) return;
  await page.setViewportSize({ ...size, width: 320 });
  await measureNow(page, `${address} (320 px)`);
  await page.setViewportSize(size);
}

async function measureNow(page, address) {
  const isWider = await page.evaluate(
    () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
  );
  if (isWider) found.push(`${address} is wider than the window`);
  // In a page from right to left, what sticks out on the right does not make the page wider.
  const sticksOut = await page.evaluate(() =>
    [...document.querySelectorAll('main :is(pre, p, li, h1, h2, div)')].some(
      (part) => part.scrollWidth > part.clientWidth && getComputedStyle(part).overflowX === 'visible',
    ),
  );
  if (sticksOut && page.url().includes('/apps/')) found.push(`${address} has text that is wider than its place`);
}

/** Looks for breaches in the present theme. */
async function lookAt(page, address) {
  await measure(page, address);
  const { violations } = await page.evaluate((values) => globalThis.axe.run({ runOnly: values }), levels);
  const scheme = await page.evaluate(() => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));
  for (const { id, nodes } of violations) {
    found.push(`${address} (${scheme}) ${id}, ${nodes.length} times: ${nodes[0].html} ${nodes[0].failureSummary}`);
  }
  looked += 1;
}

/** Looks at a page; at a hosted page in both themes. */
async function check(page, address) {
  const isHosted = page.url().includes('/apps/');
  if (isHosted) await gallery?.keep(page, page.viewportSize().width < 400 ? 'ar' : 'en', address);
  await page.evaluate(axe);
  await lookAt(page, address);
  if (!isHosted) return;
  const isDark = await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches);
  await page.emulateMedia({ colorScheme: isDark ? 'light' : 'dark' });
  await lookAt(page, address);
  await page.emulateMedia({ colorScheme: isDark ? 'dark' : 'light' });
}

await callAsAdmin('POST', 'authorization/idps/google', { clientId: 'demo', clientSecret: 'demo' });
await callAsAdmin('PATCH', 'authorization/apps/settings', {
  limits: { signInsPerAccountPerHour: 5 },
  mfa: { rememberDays: 30 },
});
for (const [turn, look] of looks.entries()) {
  // The pages forbid scripts that are not theirs; the checker is one.
  const context = await browser.newContext({ ...look, bypassCSP: true });
  for (const { address, isLookedAt } of await addresses(turn)) {
    const page = await context.newPage();
    await page.goto(origin + address);
    await (isLookedAt ? check : measure)(page, address);
    await page.close();
  }
  for (const address of [...outside, invitation, link, 'no-such-page']) {
    const title = address === link ? 'verify, link of the mail' : address;
    const page = await context.newPage();
    await page.goto(hosted(address));
    await check(page, title);
    const button = page.locator('form button').first();
    if ((await button.count()) > 0) {
      await Promise.all([page.waitForEvent('load'), button.click()]);
      await check(page, `${title}, sent empty`);
    }
    await page.close();
  }
  await inside(context, look.locale);
  await tooMany(context, look.locale);
  await confirmationByPassword(context);
  await secondFactors(context, look.locale);
  await organizations(context, look.locale);
  await context.close();
}
await browser.close();
await gallery?.writeIndex();
process.stdout.write([...found, `${looked} pages looked at, ${found.length} breaches`, ''].join('\n'));
process.exitCode = looked > 100 && found.length === 0 ? 0 : 1;
