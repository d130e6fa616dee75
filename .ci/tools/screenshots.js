/**
 * Keeps screenshots of the hosted pages in a folder, for people who want to know them before they install the service.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** @param {string} address of a hosted page, perhaps with a remark after a comma @returns {string} name of a file */
const nameOf = (address) =>
  address
    .replace(/\?[^,]*/, (query) => ` ${/expired|all|none|choose/.exec(query)?.[0] ?? ''}`)
    .trim()
    .replaceAll(/[^a-z]+/g, '-');

/** @param {string} folder emptied, with a folder for each language */
export function createGallery(folder) {
  const languages = ['en', 'ar'];
  const kept = new Set();

  return {
    async prepare() {
      await rm(folder, { recursive: true, force: true });
      for (const language of languages) await mkdir(join(folder, language), { recursive: true });
    },

    /**
     * Writes the whole page as WebP.
     *
     * @param {import('playwright-core').Page} page
     * @param {string} language
     * @param {string} address
     */
    async keep(page, language, address) {
      const session = await page.context().newCDPSession(page);
      const { cssContentSize: size } = await session.send('Page.getLayoutMetrics');
      const { data } = await session.send('Page.captureScreenshot', {
        format: 'webp',
        quality: 50,
        captureBeyondViewport: true,
        clip: { x: 0, y: 0, width: size.width, height: Math.min(size.height, 2_000), scale: 1 },
      });
      const file = join(folder, language, `${nameOf(address)}.webp`);
      // Two pages of one name leave one picture.
      if (kept.has(file)) throw new Error(`two pages have the name ${file}`);
      kept.add(file);
      await writeFile(file, Buffer.from(data, 'base64'));
      await session.detach();
    },

    /** Writes the page that shows all of them. */
    async writeIndex() {
      const names = (await readdir(join(folder, 'en'))).toSorted();
      const rows = names.map((name) => {
        const title = name.replace('.webp', '').replaceAll('-', ' ');
        const images = languages.map((language) => `![${title}, ${language}](${language}/${name})`);
        return `| ${title} | ${images.join(' | ')} |`;
      });
      const head = [
        '# Screenshots of the hosted pages',
        '',
        'The hosted pages of an app without any branding: in English on a wide screen with the light theme, and in',
        'Arabic on a screen of 320 px with the dark theme. They are written by',
        '`.ci/tools/accessibility.sh DIRECTORY docs/screenshots`.',
        '',
        '| page | English | Arabic |',
        '|---|---|---|',
      ];
      await writeFile(join(folder, 'README.md'), [...head, ...rows, ''].join('\n'));
    },
  };
}
