import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright-core';

export const executablePath = '/usr/bin/chromium';
/** Whether the tests in a browser run: they are skipped if there is none, or if `REQUIRE_BROWSER` is `0`. */
export const isInstalled = existsSync(executablePath) && process.env['REQUIRE_BROWSER'] !== '0';
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

/** An address on which nothing listens: the service has to know its own address before it starts. */
export async function freeOrigin(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}
