import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executablePath, isInstalled, launchBrowser } from '../test/browser.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { addPasskey, setRelyingParty, signInByPasskey } from '../test/world/passkeys.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';
import { notMeLetters, type NotMeSubject, notMeUrlOfApp } from '../users/not-me-token.ts';
import { pageWords } from './not-me.words.ts';

let test: TestApp;
let world: World;
let browser: Browser;
let origin: string;

/** Opens the page of a link, and records errors of the browser, such as violations of the policy. */
async function open(link: string, locale = 'en-GB'): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ locale, viewport: { width: 720, height: 560 } });
  const complaints: string[] = [];
  page.on('console', (entry) => {
    // Browsers ask for an icon, which the service does not have.
    const isAboutIcon = entry.location().url.endsWith('/favicon.ico');
    if (entry.type() === 'error' && !isAboutIcon) complaints.push(entry.text());
  });
  page.on('pageerror', (error) => void complaints.push(String(error)));
  await page.goto(`${origin}${link}`);
  return { page, complaints };
}

/** Path and fragment of the link in the newest mail. */
const linkTo = async (email: string) => /\/apps\/\S+not-me#\S+/.exec((await world.mail(email)).text)?.[0] ?? '';

const shot = (name: string) =>
  process.env['SCREENSHOTS'] ? { path: `${process.env['SCREENSHOTS']}/${name}.png` } : {};

describe.skipIf(!isInstalled)(`the "not me" page in a browser (skipped without ${executablePath})`, () => {
  beforeAll(async () => {
    test = await buildTestApp();
    world = await createWorld(test);
    origin = await test.app.listen({ host: '127.0.0.1', port: 0 });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await test?.close();
  });

  it.each([
    ['en-GB', 'This was not me', 'Done'],
    ['ar', 'لم أكن أنا', 'تمّ'],
  ])('rejects a sign-up at the press of its button, in %s', async (locale, label, done) => {
    const person = await world.person({ verified: false });
    const { page, complaints } = await open(await linkTo(person.email), locale);
    const button = page.getByRole('button', { name: label });
    await button.waitFor();
    await page.screenshot(shot(`asked-${locale}`));
    expect(await page.getByRole('heading').count()).toBe(1);
    const isLive = async () =>
      (await world.call('GET', '/v1/authentication/users/me', { token: person.token })).statusCode === 200;
    expect(await isLive()).toBe(true);
    await button.click();
    await page.getByRole('heading', { name: done }).waitFor();
    await page.screenshot(shot(`done-${locale}`));
    expect(await isLive()).toBe(false);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it.each(Object.keys(notMeLetters))('has a button, and a text of its own, for a link of the kind %s', async (kind) => {
    const person = await world.person();
    const subject = { kind, id: '1', passwordHash: 'x' } as NotMeSubject;
    const owner = { id: person.userId, email: person.email };
    const url = notMeUrlOfApp(test.services, { id: world.appId, name: world.appName }, owner, subject);
    const { page, complaints } = await open(url.replace(/^http:..[^/]+/, ''));
    await page.getByRole('button', { name: pageWords.en.button }).waitFor();
    const effect = pageWords.en[subject.kind].split('{{brandName}}');
    const shown = await page.locator('p:visible').allTextContents();
    expect(shown.filter((text) => effect.every((piece) => text.includes(piece)))).toHaveLength(1);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('removes a second factor at the press of its button', async () => {
    await setRelyingParty(world);
    const person = await world.person();
    const passkey = await addPasskey(world, person);
    const { page } = await open(await linkTo(person.email));
    await page.getByRole('button').click();
    await page.getByRole('heading', { name: pageWords.en.doneTitle }).waitFor();
    expect(problem(await signInByPasskey(world, passkey))).toBe('401 invalid_credentials');
    await page.close();
  });

  it('says so when the link is incomplete or no longer valid', async () => {
    const person = await world.person({ verified: false });
    const link = await linkTo(person.email);
    const { page } = await open(link.slice(0, -100));
    await page.getByText('This link is incomplete').waitFor();
    expect(await page.getByRole('button').count()).toBe(0);
    await page.close();
    const { page: changed } = await open(`${link.slice(0, -3)}AAA`);
    await changed.getByRole('button').click();
    await changed.getByText('This link is no longer valid').waitFor();
    await changed.close();
  });
});
