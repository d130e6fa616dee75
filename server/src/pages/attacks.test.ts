import { hash } from 'node:crypto';
import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sendSignInCodes } from '../passwordless/send-sign-in-codes.ts';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import type { UndoableDb } from '../test/undo.ts';
import { enableSignInCodes } from '../test/world/sign-in-codes.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

const target = 'https://product.example/signed-in';
const evil = 'https://evil.example';
const codeChallenge = hash('sha256', 'verifier-of-the-attacker-which-is-long-enough', 'base64url');

let db: UndoableDb;
let test: TestApp;
let world: World;
let other: World;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test, { settings: { redirectUrls: [target, `${target}?*`], allowedOrigins: [evil] } });
  other = await createWorld(test, { settings: { allowedOrigins: [evil] } });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const at = (page: string, query: Readonly<Record<string, string>> = {}) =>
  `/apps/${world.appName}/${page}?${new URLSearchParams(query).toString()}`;

async function signIn() {
  const person = await world.person({ verified: true });
  const visitor = createVisitor(test);
  await visitor.open(at('sign-in'));
  await visitor.press('Continue', { email: person.email });
  await visitor.press('Sign in', { password });
  return { person, visitor };
}

const everyPage = [
  'sign-in',
  'sign-up',
  'verify',
  'forgot-password',
  'reset-password',
  'invitation',
  'account',
  'account/second-factors',
  'account/email',
  'account/identities',
  'account/api-keys',
  'account/data',
  'organizations',
  'organizations/members',
  'organizations/member',
  'organizations/invitations',
  'organizations/leave',
  'organizations/new',
  'continue',
  'signed-out',
];

describe('a page of another origin', () => {
  it.each([
    ['the app', () => world],
    ['another app', () => other],
  ])('a page of an origin that %s allows cannot read pages', async (_, allowing) => {
    const { visitor } = await signIn();
    for (const page of everyPage) {
      const headers = { origin: evil, 'sec-fetch-site': 'same-site', 'x-app-name': allowing().appName };
      const query = { return_to: target, code_challenge: codeChallenge };
      const { headers: sent } = await visitor.open(at(page, query), headers);
      expect([page, sent['access-control-allow-origin']]).toEqual([page, undefined]);
    }
  });
});

describe('a link with a short code', () => {
  it.each([
    ['as it is', (code: string) => code],
    ['with dashes', (code: string) => `${code}${'-'.repeat(30)}`],
    ['with spaces', (code: string) => code.replace(/./g, '$&   ')],
    ['with invisible characters', (code: string) => `${code}${'\u200b'.repeat(30)}`],
    ['of the length of a long code', (code: string) => `${code}${'-'.repeat(19)}`],
  ])('%s does not offer to sign in', async (_, disguise) => {
    await enableSignInCodes(world);
    const { email } = await world.person({ verified: true });
    const attacker = createVisitor(test);
    await attacker.open(at('sign-in'));
    await attacker.press('Continue', { email });
    await attacker.press('Send a code by mail');
    await runTask(test, sendSignInCodes);
    const { code = '' } = await world.mail(email);
    const { forms } = await createVisitor(test).open(at('sign-in', { email, code: disguise(code) }));
    expect(forms.map(({ button }) => button)).toEqual(['Continue', 'Use a passkey']);
  });
});

describe('names of built-in properties', () => {
  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('pages accept no value %s', async (name) => {
    const { visitor } = await signIn();
    for (const page of everyPage) {
      const query = { notice: name, step: name, by: name, email: name, code: name, user: name, org: name };
      const { status } = await visitor.open(at(page, query));
      // Nobody has such an organization, and only super admins create one.
      const expected = page === 'organizations/new' ? 403 : 404;
      expect([page, status]).toEqual([page, page.startsWith('organizations/') ? expected : 200]);
    }
  });
});

describe('the sign-out', () => {
  it('signing out ends a session that has become restricted', async () => {
    const { person, visitor } = await signIn();
    await test.db.query(
      sql`UPDATE sessions SET restriction = 'enrolment' WHERE app_id = ${world.appId} AND user_id = ${person.userId}`,
    );
    await visitor.open(at('account/second-factors'));
    expect((await visitor.press('Sign out')).text).toContain('You are signed out');
    const rows = await test.db.query(
      sql`SELECT 1 FROM sessions WHERE app_id = ${world.appId} AND user_id = ${person.userId}`,
    );
    // The other session is that of the sign-up.
    expect(rows).toHaveLength(1);
  });
});

describe('the return to the product', () => {
  it('the return to the product replaces a code that is already in the address', async () => {
    const { visitor } = await signIn();
    const query = { return_to: `${target}?code=eve&x=1`, code_challenge: codeChallenge };
    const { html } = await visitor.open(at('continue', query));
    expect(/content="0;url=[^?]+\?([^"]+)"/.exec(html)?.[1]).toMatch(/^code=gh_x_[\w-]{43}&amp;x=1$/);
  });

  it.each([
    ['without slashes', (url: string) => url.replace('//', '')],
    ['with a tab', (url: string) => url.replace('product', 'pro\tduct')],
  ])('an address of the product %s is sent as it was checked', async (_, write) => {
    const { visitor } = await signIn();
    const { html } = await visitor.open(at('continue', { return_to: write(target) }));
    expect(html).toContain(`content="0;url=${target}"`);
  });
});

describe('a header of the browser', () => {
  it('does not choose another app, or another caller', async () => {
    const { visitor } = await signIn();
    const stranger = await other.person();
    const headers = {
      'x-app-name': other.appName,
      authorization: `Bearer ${stranger.token}`,
      'idempotency-key': 'key',
      'x-iam-orgid': '1',
    };
    const account = await visitor.open(at('account'), headers);
    expect(account.status).toBe(200);
    expect(account.text).not.toContain(stranger.email);
  });

  it('does not sign anybody in', async () => {
    const { token } = await world.person();
    const visitor = createVisitor(test);
    const { path } = await visitor.open(at('account'), { authorization: `Bearer ${token}` });
    expect(path).toContain('/sign-in');
  });
});

describe('the token of a form', () => {
  it('is invalid in another app', async () => {
    const { email } = await world.person();
    const visitor = createVisitor(test);
    await visitor.open(`/apps/${other.appName}/sign-in`);
    const { forms } = await visitor.press('Continue', { email });
    const sent = await visitor.post(at('sign-in'), { ...forms[0]?.values, password });
    expect(sent.status).toBe(400);
    expect(visitor.jar.has('session-token')).toBe(false);
  });
});

describe('an inactive app', () => {
  it('shows no page, and accepts no form', async () => {
    await test.db.query(sql`UPDATE apps SET status = 'INACTIVE' WHERE id = ${world.appId}`);
    for (const page of everyPage)
      expect([page, (await createVisitor(test).open(at(page))).status]).toEqual([page, 403]);
    expect((await createVisitor(test).post(at('sign-in'), { step: 'password' })).status).toBe(403);
  });
});
