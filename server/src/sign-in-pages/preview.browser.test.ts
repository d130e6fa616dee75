import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executablePath, freeOrigin, isInstalled, launchBrowser } from '../test/browser.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;
let browser: Browser;

describe.skipIf(!isInstalled)(`a preview in a browser (skipped without ${executablePath})`, () => {
  beforeAll(async () => {
    test = await buildTestApp({ env: { PUBLIC_URL: await freeOrigin() } });
    world = await createWorld(test);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await test?.close();
  });

  it.each([
    ['en', 'light', 1280],
    ['ar', 'dark', 320],
  ] as const)(
    'is shown with its style, and nothing on it can be used: %s, %s',
    async (language, colorScheme, width) => {
      const body = {
        name: 'Acme Cloud',
        primaryColor: '#0b6e4f',
        radius: 14,
        termsUrl: 'https://acme.example/',
        language,
      };
      const url = '/v1/authorization/branding/preview';
      const { html } = (await world.call('POST', url, { token: world.admin.token, body })).json<{ html: string }>();
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 700 } });
      const page = await context.newPage();
      const requests: string[] = [];
      page.on('request', (request) => void requests.push(request.url()));
      await page.setContent(
        '<style>*{margin:0}iframe{width:100%;height:690px;border:0}</style><iframe sandbox></iframe>',
      );
      await page.locator('iframe').evaluate((frame, source) => frame.setAttribute('srcdoc', source), html);
      const shown = page.frameLocator('iframe');
      const button = shown.locator('button').first();
      await button.waitFor();
      const frame = page.frames()[1];
      expect(await frame?.evaluate('getComputedStyle(document.querySelector("button")).borderRadius')).toBe('14px');
      await expect(button.click({ timeout: 500 })).rejects.toThrow(/Timeout/);
      await page.keyboard.press('Tab');
      expect(await frame?.evaluate('document.activeElement.localName')).toBe('body');
      const folder = process.env['SCREENSHOTS'];
      if (folder) await page.screenshot({ path: `${folder}/brand-preview-${language}-${colorScheme}.png` });
      expect(requests.filter((one) => one.startsWith('http'))).toEqual([]);
      await context.close();
    },
  );
});
