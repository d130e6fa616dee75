import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabase } from './database.ts';
import { isAppNamed, urlOf } from './samples/sample.ts';
import { type Case, cases } from './samples/samples.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

// The content security policy of everything that a browser shows as HTML.

let db: UndoableDb;
let test: TestApp;
let stage: Stage;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  stage = await createStage(await createWorld(test));
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => test?.close());

const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

/** The directives of a policy, by name. */
const directivesOf = (policy: unknown): ReadonlyMap<string, string> =>
  new Map(
    String(policy)
      .split(';')
      .map((directive) => directive.trim().split(/\s+/))
      .map(([name = '', ...values]) => [name, values.join(' ')]),
  );

/** Calls a route as a browser that shows the response. Sends no form token, so that a form is shown again. */
async function open({ route, sample }: Case) {
  const prepared = await sample.prepare(stage);
  const { headers, body } = await stage.world.call(route.method, urlOf(route, prepared), {
    app: isAppNamed(route) ? stage.world.appName : null,
    token: prepared.as.token,
    headers: { ...browser, ...prepared.headers },
    ...(prepared.orgId !== undefined && { orgId: prepared.orgId }),
    ...(route.method === 'POST' && { form: { ...(prepared.body as Record<string, string>), form_token: '' } }),
  });
  const isHtml = String(headers['content-type']).startsWith('text/html');
  return { isHtml, body, policy: directivesOf(headers['content-security-policy']) };
}

const documents = cases.filter(({ route }) => route.method === 'GET' || route.page);
const named = (some: readonly Case[]) => some.map((one) => [one.name, one] as const);

/** The reference needs inline styles, because its library writes them. No document has inline scripts. */
const unsafeIn = new Map([['showDocs', ['style-src']]]);

describe('the content security policy', () => {
  it.each(named(documents))('allows neither frames nor unsafe code around %s', async (_, one) => {
    const { policy } = await open(one);
    const unsafe = [...policy].filter(([, sources]) => /unsafe-|\*|https?:/.test(sources));
    expect(policy.get('frame-ancestors')).toBe("'none'");
    expect(policy.get('default-src')).toBe("'none'");
    expect(unsafe.map(([name]) => name)).toEqual(unsafeIn.get(one.name) ?? []);
  });

  it.each([
    'showSignInPage',
    'submitSignInPage',
    'showAccountPage',
    'showNotMePage',
    'showFrontPage',
    'showDocs',
    'showDocumentationPage',
    'listErrorPages',
    'readDevelopmentMailbox',
  ])('is checked on a document: %s', async (name) => {
    const one = documents.find((candidate) => candidate.name === name);
    expect(one && (await open(one))).toMatchObject({ isHtml: true });
  });

  it.each(named(documents.filter(({ route }) => route.page)))(
    'blocks nothing that is in the page: %s',
    async (_, one) => {
      const { body } = await open(one);
      expect(body).not.toMatch(/<[^>]*\s(?:style|on[a-z]+)="/);
    },
  );
});
