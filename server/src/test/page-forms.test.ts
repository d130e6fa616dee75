import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabase } from './database.ts';
import { digestOfEverything } from './digest.ts';
import { outcomeOf, type Prepared, urlOf } from './samples/sample.ts';
import { type Case, cases } from './samples/samples.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

// The guards of every form of a page. Each form would change something if the page accepted it.

const allowedOrigin = 'https://app.example.com';

let db: UndoableDb;
let test: TestApp;
let stage: Stage;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  stage = await createStage(await createWorld(test, { settings: { allowedOrigins: [allowedOrigin] } }));
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => test?.close());

const forms = cases.filter(({ route }) => route.page && route.method === 'POST');
const byName = (some: readonly Case[]) => some.map((one) => [one.name, one] as const);

const send = ({ route }: Case, prepared: Prepared, headers: Readonly<Record<string, string>>) =>
  stage.world.call('POST', urlOf(route, prepared), {
    app: null,
    headers: { ...prepared.headers, ...headers },
    form: prepared.body as Readonly<Record<string, string>>,
  });

/** Sends a form as the page of the service sends it. */
const sendOwn = (one: Case, prepared: Prepared) =>
  send(one, prepared, { origin: test.services.config.publicUrl, 'sec-fetch-site': 'same-origin' });

const foreign: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
  ['an old browser on another site', { origin: 'https://evil.example' }],
  ['an origin that the app allows', { origin: allowedOrigin, 'sec-fetch-site': 'cross-site' }],
  ['an old browser on an origin that the app allows', { origin: allowedOrigin }],
  ['another port of the same host', { origin: 'http://127.0.0.1:3001', 'sec-fetch-site': 'same-site' }],
  ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
  ['a sandboxed frame of an old browser', { origin: 'null' }],
  ['a site that hides its origin', { 'sec-fetch-site': 'cross-site' }],
];

const withoutToken: readonly (readonly [string, (prepared: Prepared) => Prepared])[] = [
  ['no token', ({ body, ...prepared }) => ({ ...prepared, body: { ...body, form_token: '' } })],
  ['another token', ({ body, ...prepared }) => ({ ...prepared, body: { ...body, form_token: 'x'.repeat(43) } })],
  [
    'the token in the address',
    ({ body, query, ...prepared }) => ({
      ...prepared,
      query: { ...query, form_token: String(body?.['form_token']) },
      body: { ...body, form_token: '' },
    }),
  ],
  [
    'a token without its cookie',
    ({ headers, ...prepared }) => ({
      ...prepared,
      headers: { ...headers, cookie: String(headers?.['cookie']).replace(/^page=[^;]*(?:; )?/, '') },
    }),
  ],
];

/** A form without a page of its own leads to the account. Other forms are shown again. */
const afterExpiry = ({ route }: Case) =>
  route.operationId === 'submitSignOutPage'
    ? { status: 303, location: expect.stringMatching(/\/account$/), isShownAgain: false }
    : { status: 400, location: undefined, isShownAgain: true };

describe('the form of every page', () => {
  it('is in this test', () => {
    expect(forms.length).toBeGreaterThan(15);
  });

  it.each(byName(forms))('%s accepts forms of the own origin only', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    const before = await digestOfEverything(test.db);
    for (const [sender, headers] of foreign) {
      const response = await send(one, prepared, headers);
      expect([sender, response.statusCode, outcomeOf(response)]).toEqual([sender, 403, 'origin_not_allowed']);
      expect([sender, response.headers['set-cookie']]).toEqual([sender, undefined]);
    }
    expect(await digestOfEverything(test.db)).toEqual(before);
    expect((await sendOwn(one, prepared)).statusCode).toBeLessThan(400);
  });

  it.each(byName(forms))('%s accepts forms with the token of the browser only', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    const before = await digestOfEverything(test.db);
    for (const [sent, change] of withoutToken) {
      const { statusCode: status, body, headers } = await sendOwn(one, change(prepared));
      const isShownAgain = body.includes('The page was open for too long');
      const seen = { status, location: headers.location, isShownAgain };
      expect([sent, seen]).toEqual([sent, afterExpiry(one)]);
    }
    expect(await digestOfEverything(test.db)).toEqual(before);
    expect((await sendOwn(one, prepared)).statusCode).toBeLessThan(400);
  });
});
