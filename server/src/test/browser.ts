import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

export const executablePath = '/usr/bin/chromium';
/** Tests in a browser are skipped if there is none. */
export const isInstalled = existsSync(executablePath);
// If the environment requires a browser, skipping would hide that it is missing.
if (!isInstalled && process.env['REQUIRE_BROWSER'] === '1') throw new Error(`There is no browser at ${executablePath}`);

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
];

/** A browser that makes no requests by itself. */
export const launchBrowser = (): Promise<Browser> => chromium.launch({ executablePath, args: flags });
