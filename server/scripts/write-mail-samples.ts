import { mkdir, writeFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { mailSamples } from '../src/test/mail-samples.ts';

/**
 * Writes every mail in every language to docs/mail-samples, as HTML, plain text and pictures. Needs a browser:
 *
 *   npm run mail-samples [-- --no-pictures]
 */
const target = new URL('../../docs/mail-samples/', import.meta.url);
const withPictures = !process.argv.includes('--no-pictures');

/** The width of a mail in its own window. */
const width = 640;

const browser = withPictures
  ? await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
  : undefined;

async function takePicture(name: string, html: string, colorScheme: 'light' | 'dark'): Promise<void> {
  const page = await browser?.newPage({ viewport: { width, height: 100 }, colorScheme });
  await page?.setContent(html);
  await page?.screenshot({ path: new URL(`${name}.png`, target).pathname, fullPage: true });
  await page?.close();
}

for (const { name, subject, text, html } of mailSamples) {
  await mkdir(new URL('.', new URL(name, target)), { recursive: true });
  await writeFile(new URL(`${name}.html`, target), html);
  await writeFile(new URL(`${name}.txt`, target), `Subject: ${subject}\n\n${text}`);
  await takePicture(name, html, 'light');
  const dark = `${name}-at-night`;
  if (/(?:password_reset|of-an-app)$/.test(name)) await takePicture(dark, html, 'dark');
}
await browser?.close();
