/**
 * Opens pages of a running service in Chromium and fails when axe-core finds a breach of WCAG 2.2 AA, or when a page of
 * 320 px has to be scrolled sideways. Every guide, one page of each other kind, and the hosted pages with and without
 * faults, in light and dark, narrow and wide, English and Arabic.
 *
 *   .ci/tools/accessibility.sh
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const [axeFile = '', packages = ''] = process.argv.slice(2);
const origin = process.env['GATEHOUSE_URL'] ?? '';
const { chromium } = createRequire(packages)('playwright-core');
const axe = await readFile(axeFile, 'utf8');

const levels = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const looks = [
  { colorScheme: 'light', locale: 'en', viewport: { width: 1280, height: 900 } },
  { colorScheme: 'dark', locale: 'ar', viewport: { width: 320, height: 700 } },
];

/** @returns {Promise<string[]>} every guide, and the first page of each other kind */
async function addresses() {
  const index = await (await fetch(`${origin}/llms.txt`)).text();
  const all = [...index.matchAll(/\]\(\S*?(\/(?:docs|errors)\/[^)\s]+)\.md\)/g)].map(([, address = '']) => address);
  const firsts = new Map(all.map((address) => [address.replace(/[^/]+$/, ''), address]));
  const guides = all.filter((address) => /^\/docs\/(guides|recipes|operating|[^/]+$)/.test(address));
  return [...new Set(['/', '/there-is-no-such-page', '/dev/mailbox', ...firsts.values(), ...guides])];
}

const hosted = (page) => `${origin}/apps/demo/${page}`;

/** The hosted pages that people see before a sign-in, each also with a form that was sent empty. */
const outside = ['sign-in', 'sign-up', 'forgot-password', 'reset-password?email=jon%40example.com', 'signed-out'];
const invitation = 'invitation?email=jon%40example.com&code=ABCDEFG&org=118273645546213376';
const link = 'verify?user=118273645546213376&code=ABCDEFG';

/** Signs up, and looks at the pages of the account. */
async function inside(context, name) {
  const page = await context.newPage();
  await page.goto(hosted('sign-up'));
  for (const [field, value] of [
    ['firstName', 'Jon'],
    ['lastName', 'Doe'],
    ['email', `${name}@example.com`],
    ['password', 'Password@123JonDoeInc'],
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
    'sign-in',
  ];
  for (const address of pages) {
    await page.goto(hosted(address));
    await check(page, address);
  }
  await page.goto(hosted('account/second-factors'));
  await page.locator('form:has([value=add-passkey]) button').click();
  await page.locator('[role=alert]').first().waitFor();
  await check(page, 'account/second-factors, refused');
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
  await page.locator('main form').last().locator('button').click();
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
  const all = [`organizations/members?find=nobody&org=${org}`, `organizations/leave?org=${org}`];
  const listed = [`organizations/invitations?org=${org}`, `organizations/invitations?list=expired&org=${org}`];
  for (const address of [...listed, ...all, 'organizations?list=all', 'account']) {
    await page.goto(hosted(address));
    await check(page, address);
  }
  await page.goto(hosted(`organizations/members?org=${org}`));
  await page.locator('main li a').first().click();
  await check(page, 'organizations/member');
  await page.close();
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const found = [];
let looked = 0;

async function check(page, address) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((values) => globalThis.axe.run({ runOnly: values }), levels);
  const { isWider, scheme } = await page.evaluate(() => ({
    isWider: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    scheme: matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',
  }));
  for (const { id, nodes } of violations) {
    found.push(`${address} (${scheme}) ${id}, ${nodes.length} times: ${nodes[0].html} ${nodes[0].failureSummary}`);
  }
  if (isWider) found.push(`${address} (${scheme}) is wider than the window`);
  looked += 1;
}

for (const look of looks) {
  // The pages forbid scripts that are not theirs; the checker is one.
  const context = await browser.newContext({ ...look, bypassCSP: true });
  for (const address of await addresses()) {
    const page = await context.newPage();
    await page.goto(origin + address);
    await check(page, address);
    await page.close();
  }
  for (const address of [...outside, invitation, link, 'no-such-page']) {
    const page = await context.newPage();
    await page.goto(hosted(address));
    await check(page, address);
    const button = page.locator('form button').first();
    if ((await button.count()) > 0) {
      await Promise.all([page.waitForEvent('load'), button.click()]);
      await check(page, `${address}, sent empty`);
    }
    await page.close();
  }
  await inside(context, look.locale);
  await organizations(context, look.locale);
  await context.close();
}
await browser.close();
process.stdout.write([...found, `${looked} pages looked at, ${found.length} breaches`, ''].join('\n'));
process.exitCode = looked > 100 && found.length === 0 ? 0 : 1;
