import { hash } from 'node:crypto';
import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import type { UndoableDb } from '../test/undo.ts';
import { enrol, nextCode } from '../test/world/factors.ts';
import { unique } from '../test/world/names.ts';
import type { Visit, Visitor } from '../test/world/page-passkeys.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

const publicUrl = 'https://id.example';
const target = 'https://product.example/signed-in';
const codeChallenge = hash('sha256', 'verifier-of-the-attacker-which-is-long-enough', 'base64url');

let db: UndoableDb;
let test: TestApp;
let world: World;
let other: World;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db, env: { PUBLIC_URL: publicUrl } });
  const settings = { redirectUrls: [target], cookieSameSite: 'none' as const };
  world = await createWorld(test, { settings });
  other = await createWorld(test, { settings });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const at = (page: string, { appName } = world) => `/apps/${appName}/${page}`;
const names = ['session-token', 'page'] as const;
const cookieOf = ({ jar }: Visitor, name: (typeof names)[number], { appName } = world) =>
  jar.get(`__Host-${name}-${appName}`);

async function enterPassword(visitor: Visitor, email: string, of = world): Promise<Visit> {
  await visitor.open(`${at('sign-in', of)}?prompt=login`);
  await visitor.press('Continue', { email });
  return visitor.press('Sign in', { password });
}

async function signIn(of = world, { verified = true } = {}) {
  const person = await of.person({ verified });
  const visitor = createVisitor(test);
  await enterPassword(visitor, person.email, of);
  return { person, visitor };
}

const statusOf = async (token: string | undefined) =>
  (await world.call('GET', '/v1/authentication/users/me', { token: token ?? '' })).statusCode;

describe('a foreign page that embeds a page that changes something', () => {
  it.each([
    [{ 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate' }],
    [{ 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors' }],
    [{ 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'no-cors' }],
    [{ 'sec-fetch-dest': 'object', 'sec-fetch-mode': 'navigate' }],
    [{ 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch;prerender' }],
  ])('a foreign page that embeds the page with %o causes no mail without a reader', async (headers) => {
    const { visitor } = await signIn();
    const query = new URLSearchParams({ return_to: target, code_challenge: codeChallenge }).toString();
    for (const page of ['continue', 'provider']) {
      const sent = await visitor.open(`${at(page)}?${query}`, { ...headers, 'sec-fetch-site': 'cross-site' });
      expect([page, sent.status]).toEqual([page, 'sec-purpose' in headers ? 503 : 403]);
    }
    expect(await test.db.query(sql`SELECT 1 FROM session_exchanges`)).toEqual([]);
    const navigation = { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' };
    expect((await visitor.open(`${at('continue')}?${query}`, navigation)).status).toBe(200);
  });
});

describe('earlier cookies are invalid afterwards', () => {
  /** Runs an action, and checks that the earlier session and forms are void. */
  async function replaces(visitor: Visitor, action: () => Promise<Visit>): Promise<void> {
    await visitor.open(at('account'));
    const before = names.map((name) => cookieOf(visitor, name));
    await action();
    await visitor.open(at('account'));
    const after = names.map((name) => cookieOf(visitor, name));
    expect(after.filter((value) => value !== undefined && !before.includes(value))).toHaveLength(names.length);
    expect([await statusOf(before[0]), await statusOf(after[0])]).toEqual([401, 200]);
  }

  it('a sign-in of the same person invalidates earlier cookies', async () => {
    const { person, visitor } = await signIn();
    await replaces(visitor, () => enterPassword(visitor, person.email));
  });

  it('the verification of the address invalidates earlier cookies', async () => {
    const visitor = createVisitor(test);
    const email = `${unique('jon')}@example.com`;
    await visitor.open(at('sign-up'));
    await visitor.press('Create account', { firstName: 'Jon', lastName: 'Doe', email, password });
    await replaces(visitor, async () => {
      await visitor.open(at('verify'));
      return visitor.press('Verify', { code: (await world.mail(email)).code ?? '' });
    });
  });

  it('the acceptance of an invitation invalidates earlier cookies', async () => {
    const { person, visitor } = await signIn(world, { verified: false });
    const orgId = await world.organization(await world.person());
    const body = { email: person.email, firstName: 'Ada', lastName: 'Lovelace' };
    const owners = `/v1/authorization/organizations/${orgId}/owners`;
    await world.call('POST', owners, { token: world.admin.token, body });
    const { url = '' } = await world.mail(person.email);
    await replaces(visitor, async () => {
      await visitor.open(url);
      return visitor.press('Accept invitation');
    });
  });

  it('a sign-up or sign-in of another person replaces the cookies of the browser', async () => {
    const { person, visitor } = await signIn();
    const first = names.map((name) => cookieOf(visitor, name));
    await visitor.open(at('sign-up'));
    const email = `${unique('jon')}@example.com`;
    await visitor.press('Create account', { firstName: 'Jon', lastName: 'Doe', email, password });
    const second = names.map((name) => cookieOf(visitor, name));
    await enterPassword(visitor, person.email);
    const third = names.map((name) => cookieOf(visitor, name));
    expect(new Set([...first, ...second, ...third]).size).toBe(6);
  });

  it('a reset of the password ends the forms', async () => {
    const { person, visitor } = await signIn();
    await visitor.open(at('account'));
    const form = cookieOf(visitor, 'page');
    await visitor.open(at('forgot-password'));
    await visitor.press('Send the mail', { email: person.email });
    await runTask(test, sendPasswordResets);
    const { url = '' } = await world.mail(person.email);
    await visitor.open(url);
    await visitor.press('Set password', { newPassword: 'Secret@slidezAB' });
    expect(cookieOf(visitor, 'page')).not.toBe(form);
  });
});

describe('two tabs', () => {
  it('keep the values entered in one tab when the other signs in', async () => {
    const { person, visitor } = await signIn();
    const { forms } = await visitor.open(at('sign-up'));
    await enterPassword(visitor, person.email);
    const entered = { firstName: 'Jon', lastName: 'Doe', email: 'jon@example.com', password };
    const again = await visitor.post(at('sign-up'), { ...forms[0]?.values, ...entered });
    expect([again.status, again.text]).toEqual([400, expect.stringContaining('The page was open for too long')]);
    expect(again.forms[0]?.values).toMatchObject({ ...entered, password: '' });
  });

  it('can both ask for a second factor', async () => {
    const person = await world.person({ verified: true });
    const factor = await enrol(world, person);
    const visitor = createVisitor(test);
    const first = await enterPassword(visitor, person.email);
    await enterPassword(visitor, person.email);
    const values = first.forms.find(({ button }) => button === 'Verify')?.values;
    const { path } = await visitor.post(at('sign-in'), { ...values, code: nextCode(world, factor) });
    expect(path).toBe(at('account'));
  });

  it('cannot both use a form from before the sign-out', async () => {
    const { visitor } = await signIn();
    const { forms } = await visitor.open(at('account'));
    const profile = forms.find(({ button }) => button === 'Save');
    await visitor.press('Sign out');
    const sent = await visitor.post(at('account'), { ...profile?.values, firstName: 'Eve' });
    expect(sent.path).toBe(at('sign-in'));
  });
});

describe('two apps in one browser', () => {
  it('have sessions and forms of their own', async () => {
    const { visitor } = await signIn();
    const stranger = await other.person({ verified: true });
    await enterPassword(visitor, stranger.email, other);
    expect((await visitor.open(at('account', other))).text).toContain(stranger.email);
    expect((await visitor.open(at('account'))).text).not.toContain(stranger.email);
    await visitor.press('Sign out');
    expect((await visitor.open(at('account'))).path).toBe(at('sign-in'));
    expect((await visitor.open(at('account', other))).text).toContain(stranger.email);
  });

  it('do not take the session of one for the other, also if the cookie is copied', async () => {
    const { visitor } = await signIn();
    visitor.jar.set(`__Host-session-token-${other.appName}`, cookieOf(visitor, 'session-token') ?? '');
    expect((await visitor.open(at('account', other))).path).toBe(at('sign-in', other));
  });

  it('ignore cookies that a sibling domain can set', async () => {
    const { visitor } = await signIn();
    const token = cookieOf(visitor, 'session-token') ?? '';
    const victim = createVisitor(test);
    victim.jar.set('session-token', token);
    expect((await victim.open(at('account'))).path).toBe(at('sign-in'));
  });
});

describe('a form cookie that a sibling domain has set', () => {
  /** The attacker's form for the attacker's account, and the secret of its browser. */
  async function attack() {
    const { email } = await world.person({ verified: true });
    const attacker = createVisitor(test);
    await attacker.open(at('sign-in'));
    const { forms } = await attacker.press('Continue', { email });
    const form = { ...forms.find(({ button }) => button === 'Sign in')?.values, password };
    return { attacker, email, form, secret: cookieOf(attacker, 'page') ?? '' };
  }

  it.each([
    ['alone', false],
    ['beside the cookie of the browser', true],
  ])('does not sign anybody in to the account of the attacker: %s', async (_, hasOwn) => {
    const { form, secret } = await attack();
    const victim = createVisitor(test);
    if (hasOwn) await victim.open(at('sign-in'));
    const before = cookieOf(victim, 'page');
    victim.jar.set('page', secret);
    const { status, text } = await victim.post(at('sign-in'), form);
    expect([status, text]).toEqual([400, expect.stringContaining('The page was open for too long')]);
    expect(cookieOf(victim, 'session-token')).toBeUndefined();
    const after = cookieOf(victim, 'page');
    expect([undefined, after]).toContain(before);
    expect(after).toMatch(/^gh_p_/);
    expect(after).not.toBe(secret);
  });

  it('does not sign anybody in from the site of the attacker', async () => {
    const { form, secret } = await attack();
    const victim = createVisitor(test);
    victim.jar.set('page', secret);
    for (const site of [{}, { 'sec-fetch-site': 'same-site' }]) {
      const { status } = await victim.post(at('sign-in'), form, { origin: 'https://evil.id.example', ...site });
      expect(status).toBe(403);
    }
    expect([...victim.jar.keys()]).toEqual(['page']);
  });

  it('is a form that works in the browser of the attacker', async () => {
    const { attacker, email, form } = await attack();
    expect((await attacker.post(at('sign-in'), form)).text).toContain(email);
    expect(cookieOf(attacker, 'session-token')).toBeDefined();
  });
});

describe('every page', () => {
  it.each([
    'sign-in',
    'sign-up',
    'verify',
    'account',
    'account/second-factors',
    'invitation',
    'continue',
    'signed-out',
  ])('the page %s gives no other tab a reference, and is not cached', async (page) => {
    const { visitor } = await signIn();
    const { headers, html } = await visitor.open(at(page));
    expect(headers).toMatchObject({ 'cross-origin-opener-policy': 'same-origin', 'cache-control': 'no-store' });
    expect(html).not.toContain('target=');
  });
});
