import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { raw } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { enrol, nextCode } from '../test/world/factors.ts';
import type { Visit } from '../test/world/page-passkeys.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, problem, type World } from '../test/world/world.ts';

// Pages whose call of the API gets a refusal for which they have no words.

const words = 'call-0800-evil';

let db: UndoableDb;
let test: TestApp;
let world: World;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test);
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const at = (page: string, query: Readonly<Record<string, string>> = {}) =>
  `/apps/${world.appName}/${page}?${new URLSearchParams(query).toString()}`;

/** Every write to a table fails with a text of the database. */
async function failOnWrite(table: string): Promise<void> {
  await db.query(
    raw(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''${words}''; END'`),
  );
  await db.query(raw(`CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON ${table} EXECUTE FUNCTION fail()`));
}

/** Every call that reads a table fails with a text of the database. */
const hide = (table: string) => db.query(raw(`ALTER TABLE ${table} RENAME TO call_0800_evil`));

const signIn = async () => signInOnPages(world, await world.person({ verified: true }));

const alertOf = ({ html }: Visit) => /role="alert" data-code="(\w+)">\s*(.*?)\s*<\/p>/s.exec(html) ?? [];

/** Expects the text for failures of the service, with the id of the request, and nothing from elsewhere. */
function expectFailure(visit: Visit): void {
  const [, code, text] = alertOf(visit);
  const reference = String(visit.headers['x-request-id']);
  expect([visit.status, code]).toEqual([500, 'internal_error']);
  expect(text).toBe(`Something went wrong on our side. Please try again later. Reference: <bdi>${reference}</bdi>`);
  expect(visit.html).not.toMatch(/0800|trigger|relation|Internal error|The service failed|node_modules|\.ts:/);
}

describe('a page whose call fails', () => {
  it('shows only its own text after a sign-up', async () => {
    const visitor = createVisitor(test);
    await visitor.open(at('sign-up'));
    await failOnWrite('users');
    const jon = { firstName: 'Jon', lastName: 'Doe', email: 'jon@example.com' };
    const visit = await visitor.press('Create account', { ...jon, password });
    expectFailure(visit);
    expect(visit.forms[0]?.values).toMatchObject({ ...jon, password: '' });
  });

  it('shows only its own text after a sign-in, and signs nobody in', async () => {
    const { email } = await world.person({ verified: true });
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    await visitor.press('Continue', { email });
    await failOnWrite('sessions');
    expectFailure(await visitor.press('Sign in', { password }));
    expect(visitor.jar.has('session-token')).toBe(false);
  });

  it('shows only its own text after a change of the profile', async () => {
    const visitor = await signIn();
    await failOnWrite('users');
    const visit = await visitor.press('Save', { firstName: 'Grace' });
    expectFailure(visit);
    expect(visit.forms.find(({ button }) => button === 'Save')?.values).toMatchObject({ firstName: 'Grace' });
  });

  it.each([
    ['account/api-keys', 'api_keys'],
    ['account/identities', 'identities'],
    ['account/second-factors', 'factors'],
  ])('shows only its own text on the page %s', async (page, table) => {
    const visitor = await signIn();
    await hide(table);
    expectFailure(await visitor.open(at(page)));
  });

  it('shows only its own text in Arabic', async () => {
    const visitor = createVisitor(test, { language: 'ar' });
    const { forms } = await visitor.open(at('forgot-password'));
    await hide('apps');
    const visit = await visitor.press(forms[0]?.button ?? '', { email: 'jon@example.com' });
    expect(visit.status).toBe(500);
    expect(visit.html).toContain('<html lang="ar" dir="rtl">');
    expect(visit.text).not.toMatch(/0800|Internal error|The service failed/);
  });
});

describe('a page whose call is refused with a code without words', () => {
  it('shows only its own text', async () => {
    const person = await world.person({ verified: true });
    const factor = await enrol(world, person);
    const visitor = await signInOnPages(world, person);
    await visitor.press('Verify', { code: nextCode(world, factor) });
    const { forms } = await visitor.open(at('account/second-factors'));
    const form = forms.find(({ values }) => values['step'] === 'remove');
    const visit = await visitor.post(at('account/second-factors'), { ...form?.values, factor: '118273645546213376' });
    const url = '/v1/authentication/users/me/factors/118273645546213376';
    const refused = await world.call('DELETE', url, { token: visitor.jar.get('session-token') });
    expect(problem(refused)).toBe('404 factor_not_found');
    expect([visit.status, ...alertOf(visit).slice(1)]).toEqual([
      404,
      'factor_not_found',
      'This request could not be read. Go back and open the page again.',
    ]);
    const { title, detail } = refused.json<{ title: string; detail: string }>();
    expect([title, detail].filter((text) => visit.text.includes(text))).toEqual([]);
  });
});
