/**
 * Opens pages of a running service in Chromium and fails when axe-core finds a breach of WCAG 2.2 AA, or when a page of
 * 320 px has to be scrolled sideways. Every guide and one page of each other kind, in light and dark, narrow and wide.
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
  { colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { colorScheme: 'dark', viewport: { width: 320, height: 700 } },
];

/** @returns {Promise<string[]>} every guide, and the first page of each other kind */
async function addresses() {
  const index = await (await fetch(`${origin}/llms.txt`)).text();
  const all = [...index.matchAll(/\]\(\S*?(\/(?:docs|errors)\/[^)\s]+)\.md\)/g)].map(([, address = '']) => address);
  const firsts = new Map(all.map((address) => [address.replace(/[^/]+$/, ''), address]));
  const guides = all.filter((address) => /^\/docs\/(guides|recipes|operating|[^/]+$)/.test(address));
  return [...new Set(['/', '/there-is-no-such-page', '/dev/mailbox', ...firsts.values(), ...guides])];
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const found = [];
let looked = 0;
for (const look of looks) {
  // The pages forbid scripts that are not theirs; the checker is one.
  const context = await browser.newContext({ ...look, bypassCSP: true });
  for (const address of await addresses()) {
    const page = await context.newPage();
    await page.goto(origin + address);
    await page.evaluate(axe);
    const { violations } = await page.evaluate((values) => globalThis.axe.run({ runOnly: values }), levels);
    const isWider = await page.evaluate(
      () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
    );
    for (const { id, nodes } of violations) {
      found.push(
        `${address} (${look.colorScheme}) ${id}, ${nodes.length} times: ${nodes[0].html} ${nodes[0].failureSummary}`,
      );
    }
    if (isWider) found.push(`${address} is wider than ${look.viewport.width} px`);
    looked += 1;
    await page.close();
  }
  await context.close();
}
await browser.close();
process.stdout.write([...found, `${looked} pages looked at, ${found.length} breaches`, ''].join('\n'));
process.exitCode = looked > 100 && found.length === 0 ? 0 : 1;
