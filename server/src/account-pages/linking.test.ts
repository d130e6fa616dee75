import { hash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { createIntent, goThrough, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type Person, type World } from '../test/world/world.ts';

// Linking an account of a provider on the pages of the account.

let test: TestApp;
let provider: TestProvider;
let world: World;
let idpId: string;
let person: Person;
let visitor: Visitor;

beforeAll(async () => {
  provider = await TestProvider.start();
  // Of loopback addresses, the service would accept every page.
  test = await buildTestApp({ env: { PUBLIC_URL: 'https://id.example' } });
});
beforeEach(async () => {
  world = await createWorld(test, { settings: { redirectUrls: ['https://app.example.com/start'] } });
  provider.misbehaviour = {};
  provider.person = { sub: 'ada', email: 'ada@example.com', email_verified: true };
  idpId = await registerProvider(world, provider);
  person = await world.person({ verified: true });
  visitor = await signInOnPages(world, person);
});
afterAll(async () => {
  await provider?.stop();
  await test?.close();
});

type Visitor = Awaited<ReturnType<typeof signInOnPages>>;

const page = 'account/identities';
const at = (path: string) => `/apps/${world.appName}/${path}`;
const codeOf = (html: string) => /data-code="(\w+)"/.exec(html)?.[1];

/** Presses a button that leads to the provider, and signs in there. @returns the address to which that leads */
async function goTo(browser: Visitor, button: string): Promise<string> {
  const { html } = await browser.press(button);
  const [, start = ''] = /content="0;url=([^"]+)"/.exec(html) ?? [];
  const { path: authorization } = await browser.open(start);
  return provider.signIn(authorization);
}
const toLink = async (browser = visitor) => {
  await browser.open(at(page));
  return goTo(browser, 'Link an account of Acme SSO');
};
/** Opens the callback. @returns the address of the page to which it redirects, with the result */
const resultOf = async (browser: Visitor, callback: string) => (await browser.open(callback)).path;
const comeBack = async (browser: Visitor, callback: string) => browser.open(await resultOf(browser, callback));

const linkedTo = async ({ userId }: { userId: string }) => {
  const rows = await test.db.query(sql`
    SELECT 1 FROM identities WHERE app_id = ${world.appId} AND user_id = ${userId}`);
  return rows.length;
};

describe('an identity is not linked', () => {
  it('a result that another browser started is not linked', async () => {
    const eve = await signInOnPages(world, await world.person());
    const result = await resultOf(eve, await toLink(eve));
    const { status, html, text } = await visitor.open(result);
    expect([status, codeOf(html)]).toEqual([400, 'intent_invalid']);
    expect(text).toContain('The account was not linked. Try again.');
    expect(await linkedTo(person)).toBe(0);
  });

  it('an identity is not linked by an intent that was created with the API', async () => {
    for (const verifier of ['none', '', 'undefined']) {
      const successUrl = test.services.config.publicUrl + at(`${page}/link`);
      const codeChallenge = hash('sha256', verifier, 'base64url');
      const { authUrl } = await createIntent(world, idpId, { successUrl, codeChallenge });
      const { path: authorization } = await visitor.open(authUrl);
      const { html } = await comeBack(visitor, await provider.signIn(authorization));
      expect([verifier, codeOf(html)]).toEqual([verifier, 'intent_invalid']);
    }
    expect(await linkedTo(person)).toBe(0);
  });

  it('the result of a sign-in does not link, and the result of a link does not sign in', async () => {
    await visitor.open(at('sign-in?prompt=login'));
    const signInResult = await resultOf(visitor, await goTo(visitor, 'Continue with Acme SSO'));
    const link = await visitor.open(signInResult.replace('/provider?', `/${page}/link?`));
    expect(codeOf(link.html)).toBe('intent_invalid');
    const linkResult = await resultOf(visitor, await toLink());
    const signIn = await visitor.open(linkResult.replace(`/${page}/link?`, '/provider?'));
    expect(codeOf(signIn.html)).toBe('intent_invalid');
    expect(await linkedTo(person)).toBe(0);
  });

  it('an identity is not linked to another person who signed in with the same browser meanwhile', async () => {
    const result = await resultOf(visitor, await toLink());
    const secret = visitor.jar.get('page') ?? '';
    const other = await world.person({ verified: true });
    await visitor.open(at('sign-in?prompt=login'));
    await visitor.press('Continue', { email: other.email });
    await visitor.press('Sign in', { password });
    visitor.jar.set('page', secret);
    expect(codeOf((await visitor.open(result)).html)).toBe('intent_invalid');
    expect([await linkedTo(person), await linkedTo(other)]).toEqual([0, 0]);
  });

  it('an identity is not linked after the end of the session', async () => {
    const result = await resultOf(visitor, await toLink());
    await test.db.query(sql`DELETE FROM sessions WHERE app_id = ${world.appId} AND user_id = ${person.userId}`);
    expect((await visitor.open(result)).path).toContain(at('sign-in'));
    expect(await linkedTo(person)).toBe(0);
  });

  it('an identity that belongs to another user is not linked', async () => {
    const other = await world.person();
    const codeVerifier = 'v'.repeat(43);
    const codeChallenge = hash('sha256', codeVerifier, 'base64url');
    const back = await goThrough(world, provider, idpId, { codeChallenge });
    await redeem(world, back, { token: other.token, codeVerifier });
    const { status, text } = await comeBack(visitor, await toLink());
    expect([status, text.includes('This account is already linked to somebody else here.')]).toEqual([409, true]);
    expect([await linkedTo(person), await linkedTo(other)]).toEqual([0, 1]);
  });

  it('an identity is not linked if the person refuses at the provider', async () => {
    const { text, path } = await visitor.open(at(`${page}?notice=provider_failed&error_description=evil`));
    expect([path.startsWith(at(page)), text.includes('was not linked'), text.includes('evil')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('no provider is offered if the app has none or does not allow them', async () => {
    const settings = (body: object) =>
      world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    await settings({ signInMethods: ['password'] });
    expect((await visitor.open(at(page))).text).not.toContain('Link an account');
    await settings({ signInMethods: ['password', 'provider'] });
    expect((await visitor.open(at(page))).text).toContain('Link an account');
    const body = { enabled: false };
    await world.call('PATCH', `/v1/authorization/idps/${idpId}`, { token: world.admin.token, body });
    expect((await visitor.open(at(page))).text).not.toContain('Link an account');
  });
});

describe('an identity is linked', () => {
  it('an identity is linked to the signed-in person, who can sign in with it and gets a mail', async () => {
    const { text } = await comeBack(visitor, await toLink());
    expect(text).toContain('The account is linked. You can sign in with it from now on.');
    expect(text).toContain('ada@example.com');
    expect((await world.mail(person.email)).purpose).toBe('identity_linked');
    const other = createVisitor(test);
    await other.open(at('sign-in'));
    const account = await comeBack(other, await goTo(other, 'Continue with Acme SSO'));
    expect(account.text).toContain(person.email);
  });

  it('an identity is linked after a confirmation of the person, without a second round trip', async () => {
    const callback = await toLink();
    await test.db.query(sql`UPDATE sessions SET authenticated_at = authenticated_at - interval '1 hour'`);
    const asked = await comeBack(visitor, callback);
    expect([asked.status, codeOf(asked.html)]).toEqual([401, 'reauthentication_required']);
    expect(await linkedTo(person)).toBe(0);
    expect((await visitor.press('Continue', { currentPassword: 'wrong' })).status).toBeGreaterThanOrEqual(400);
    const done = await visitor.press('Continue', { currentPassword: password });
    expect(done.text).toContain('The account is linked.');
    expect(await linkedTo(person)).toBe(1);
  });

  it('a link invalidates the forms that were opened before', async () => {
    const { forms } = await visitor.open(at(page));
    await comeBack(visitor, await toLink());
    const old = forms.find(({ button }) => button.startsWith('Link'));
    const answer = await visitor.post(old?.action ?? '', old?.values ?? {});
    expect([answer.status, answer.text.includes('open for too long')]).toEqual([400, true]);
  });
});
