/**
 * Runs the JavaScript of the guide "Passkeys" in Chromium with a virtual authenticator, against the built service, and
 * prints the options and responses as JSON, for verify.py.
 *
 *   npm run build
 *   node .ci/tools/passkeys/record.js | python verify.py      needs /usr/bin/chromium and the package webauthn
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { admin, withService } from '../service.js';

const guide = await readFile(new URL('../../../docs/guides/passkeys.md', import.meta.url), 'utf8');
const script = /```js\n(.*?)```/s.exec(guide)?.[1] ?? '';

const site = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>Site</title>'));
await once(site.listen(0, '127.0.0.1'), 'listening');
const address = site.address();
if (address === null || typeof address === 'string') throw new Error('There is no port');
const origin = `http://localhost:${address.port}`;
const rpId = 'localhost';

/** @param {string} url @param {string} path @param {string} method @param {object} body @param {string} [token] */
async function call(url, path, method, body, token) {
  const headers = {
    'content-type': 'application/json',
    'x-app-name': admin.app,
    ...(token && { authorization: `Bearer ${token}` }),
  };
  const init = { method, headers, body: JSON.stringify(body) };
  const response = await fetch(`${url}${path}`, init);
  const answer = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

/** Requests a code by mail, which the first factor needs. @param {string} url @param {string} token */
async function codeFromMailbox(url, token) {
  await call(url, '/v1/authentication/users/me/reauthentication-request', 'POST', {}, token);
  const mailbox = await fetch(`${url}/dev/mailbox?to=${admin.email}`, { headers: { accept: 'application/json' } });
  const { messages } = await mailbox.json();
  return messages[0].code;
}

/** @param {string} service */
async function record(service) {
  const url = service.replace('127.0.0.1', 'localhost');
  const { email, password } = admin;
  const { sessionToken } = await call(url, '/v1/authentication/users/sessions', 'POST', { email, password });
  const settings = { allowedOrigins: [origin], mfa: { relyingParty: { id: rpId, origins: [origin] } } };
  await call(url, '/v1/authorization/apps/settings', 'PATCH', settings, sessionToken);

  const code = await codeFromMailbox(url, sessionToken);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    /** @type {{ credential?: object, assertion?: object }[]} */
    const sent = [];
    // The options of the service, in the order of the ceremonies.
    /** @type {Promise<{ publicKey?: { challenge: string } }>[]} */
    const answers = [];
    page.on('response', (response) => void (response.url().endsWith('options') && answers.push(response.json())));
    page.on('request', (request) => void (request.postData() && sent.push(request.postDataJSON())));
    await page.goto(origin);
    await page.addScriptTag({ content: script.replace('http://localhost:3000', url) });
    /** @type {{ passkey: object }} */
    const added = await page.evaluate(`addPasskey('Laptop', ...${JSON.stringify([sessionToken, code])})`);
    for (let round = 0; round < 3; round += 1) await page.evaluate('signInWithPasskey()');
    await page.evaluate(`reauthenticate(${JSON.stringify(sessionToken)})`);

    const challenges = (await Promise.all(answers)).flatMap(({ publicKey }) => publicKey?.challenge ?? []);
    const [credential] = sent.flatMap((body) => body.credential ?? []);
    const assertions = sent.flatMap((body) => body.assertion ?? []);
    const registration = { credential, challenge: challenges[0] };
    const authentications = assertions.map((assertion, index) => ({ assertion, challenge: challenges[index + 1] }));
    process.stdout.write(JSON.stringify({ rpId, origin, factor: added.passkey, registration, authentications }));
  } finally {
    await browser.close();
  }
}

await withService(record);
site.close();
