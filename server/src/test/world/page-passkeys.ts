import { afterAll, aroundEach, beforeAll, expect } from 'vitest';
import { openTestDatabase } from '../database.ts';
import { buildTestApp, type TestApp } from '../setup.ts';
import type { UndoableDb } from '../undo.ts';
import { assertion, type Options, type Passkey } from './passkeys.ts';
import type { createVisitor } from './visitor.ts';
import { createWorld, password, type World } from './world.ts';

export type Visitor = ReturnType<typeof createVisitor>;
export type Visit = Awaited<ReturnType<Visitor['open']>>;

/** The address of the service in these tests, and what an authenticator signs there. */
export const publicUrl = 'https://id.example';
export const own = { origin: publicUrl, rpId: 'id.example' };

/** A service at an address where browsers allow passkeys, with one app. */
interface PasskeyPages {
  readonly db: UndoableDb;
  readonly test: TestApp;
  readonly world: World;
}

/** Starts the service for the tests of a file, and undoes the changes of each. */
export function startPasskeyPages(take: (pages: PasskeyPages) => void): void {
  let pages: PasskeyPages;
  beforeAll(async () => {
    const db = await openTestDatabase();
    const test = await buildTestApp({ db, env: { PUBLIC_URL: publicUrl } });
    pages = { db, test, world: await createWorld(test) };
    take(pages);
  });
  aroundEach((runTest) => pages.db.undo(runTest));
  afterAll(() => pages?.test.close());
}

/** Signs in with the password, which is the first step for people who have a second factor. */
export async function passwordFirst({ appName }: World, visitor: Visitor, email: string): Promise<Visit> {
  await visitor.open(`/apps/${appName}/sign-in`);
  await visitor.press('Continue', { email });
  return visitor.press('Sign in', { password });
}

/** What the script of the page does: requests the options that the page names, with the cookies of the browser. */
export async function optionsFor(
  test: TestApp,
  visitor: Visitor,
  { html }: Visit,
): Promise<Options & { user?: { id: string } }> {
  const tag = /<div\s[^>]*data-passkey="[^"]*"[^>]*>/.exec(html)?.[0] ?? '';
  const value = (name: string) => new RegExp(`data-${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll('&quot;', '"') ?? '';
  const response = await test.app.inject({
    method: 'POST',
    url: value('options'),
    headers: {
      'content-type': 'application/json',
      'x-app-name': value('app'),
      origin: publicUrl,
      'sec-fetch-site': 'same-origin',
      cookie: [...visitor.jar].map(([name, content]) => `${name}=${content}`).join('; '),
    },
    payload: value('body'),
  });
  expect(response.statusCode).toBe(201);
  return response.json<{ publicKey: Options }>().publicKey;
}

/** Presses the button of the passkey form, and lets the authenticator answer. */
export async function usePasskey(
  test: TestApp,
  visitor: Visitor,
  visit: Visit,
  { passkey, deviation = {}, fields = {} }: { passkey: Passkey; deviation?: object; fields?: object },
): Promise<Visit> {
  const response = assertion(passkey, await optionsFor(test, visitor, visit), { ...own, ...deviation });
  return sendCredential(visitor, visit, 'Use a passkey', response, fields);
}

/** Sends the form of the button with a result of the authenticator. */
export async function sendCredential(
  visitor: Visitor,
  visit: Visit,
  button: string,
  credential: object,
  fields: object = {},
): Promise<Visit> {
  const form = visit.forms.find((one) => one.button === button && 'credential' in one.values);
  expect(form?.values['credential']).toBe('');
  const values = { ...form?.values, ...fields, credential: JSON.stringify(credential) };
  return visitor.post(form?.action ?? '', values);
}
