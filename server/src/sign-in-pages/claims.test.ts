import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sql } from '../db/db.ts';
import { sendSignInCodes } from '../passwordless/send-sign-in-codes.ts';
import { registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { unique } from '../test/world/names.ts';
import { enableSignInCodes } from '../test/world/sign-in-codes.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

// Somebody who had the cookies and a form of a browser before its account was claimed gains nothing afterwards.

let test: TestApp;
let provider: TestProvider;
let world: World;

beforeAll(async () => {
  provider = await TestProvider.start();
  test = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(test);
  await registerProvider(world, provider);
  await enableSignInCodes(world);
});
afterAll(async () => {
  await provider?.stop();
  await test?.close();
});

type Visitor = ReturnType<typeof createVisitor>;
type Claim = (visitor: Visitor, email: string) => Promise<unknown>;

const at = (page: string) => `/apps/${world.appName}/${page}`;
const newPassword = 'Secret@slidezAB';

/** Presses a button that leads to the provider, signs in there as the owner of the address, and comes back. */
async function throughProvider(visitor: Visitor, button: string, email: string): Promise<void> {
  provider.person = { sub: email, email, email_verified: true, given_name: 'Ada', family_name: 'Doe' };
  const { html } = await visitor.press(button);
  const [, start = ''] = /content="0;url=([^"]+)"/.exec(html) ?? [];
  const { path: authorization } = await visitor.open(start);
  const { path } = await visitor.open(await provider.signIn(authorization));
  await visitor.open(path);
}

async function invite(email: string): Promise<string> {
  const orgId = await world.organization(await world.person());
  const body = { email, firstName: 'Ada', lastName: 'Doe' };
  await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: world.admin.token, body });
  return (await world.mail(email)).url ?? '';
}

/** The ways to claim an account on the pages, in the browser that signed up. */
const claims: Readonly<Record<string, Claim>> = {
  'a verification code': async (visitor, email) => {
    await visitor.open(at('verify'));
    await visitor.press('Verify', { code: (await world.mail(email)).code ?? '' });
  },
  'the link of the verification mail': async (visitor, email) => {
    await visitor.open((await world.mail(email)).url ?? '');
    await visitor.press('Verify');
  },
  'a change of the address': async (visitor) => {
    const newEmail = `${unique('new')}@example.com`;
    await visitor.open(at('account/email'));
    await visitor.press('Continue', { newEmail });
    await visitor.press('Change the address', { code: (await world.mail(newEmail)).code ?? '' });
  },
  'the acceptance of an invitation': async (visitor, email) => {
    await visitor.open(await invite(email));
    await visitor.press('Accept invitation');
  },
  'the acceptance of an invitation, signed out': async (visitor, email) => {
    const url = await invite(email);
    visitor.jar.delete('session-token');
    await visitor.open(url);
    await visitor.press('Accept invitation', { newPassword });
  },
  'a reset of the password': async (visitor, email) => {
    await visitor.open(at('forgot-password'));
    await visitor.press('Send the mail', { email });
    await runTask(test, sendPasswordResets);
    await visitor.open((await world.mail(email)).url ?? '');
    await visitor.press('Set password', { newPassword });
  },
  'a mailed code': async (visitor, email) => {
    await visitor.open(at('sign-in?prompt=login'));
    await visitor.press('Continue', { email });
    await visitor.press('Send a code by mail');
    await runTask(test, sendSignInCodes);
    await visitor.press('Sign in', { code: (await world.mail(email)).code ?? '' });
  },
  'a sign-in with a provider': async (visitor, email) => {
    await visitor.open(at('sign-in?prompt=login'));
    await throughProvider(visitor, 'Continue with Acme SSO', email);
  },
  'a linked account of a provider': async (visitor, email) => {
    await visitor.open(at('account/identities'));
    await throughProvider(visitor, 'Link an account of Acme SSO', email);
  },
};

const meWith = async (token: string | undefined) =>
  (await world.call('GET', '/v1/authentication/users/me', { token: token ?? '' })).statusCode;

describe('after the account is claimed on the pages, earlier cookies and forms are refused:', () => {
  it.each(Object.keys(claims))('%s', async (name) => {
    const visitor = createVisitor(test);
    const email = `${unique('jon')}@example.com`;
    await visitor.open(at('sign-up'));
    await visitor.press('Create account', { firstName: 'Jon', lastName: 'Doe', email, password });
    const { forms } = await visitor.open(at('account'));
    const form = forms.find(({ button }) => button === 'Save');
    const stolen = new Map(visitor.jar);
    expect(form?.values['form_token']).toMatch(/^[\w-]{43}$/);
    expect(await meWith(stolen.get('session-token'))).toBe(200);
    const [person] = await test.db.query<{ id: string }>(sql`
      SELECT id FROM users WHERE app_id = ${world.appId} AND email = ${email}`);

    await claims[name]?.(visitor, email);

    const [user] = await test.db.query<{ claimed_by: string | null }>(sql`
      SELECT claimed_by FROM users WHERE app_id = ${world.appId} AND id = ${person?.id}`);
    expect(user?.claimed_by).toEqual(expect.any(String));
    expect(await meWith(stolen.get('session-token'))).toBe(401);

    // The form, with the cookies of the browser as they are now, and with a session that is live.
    if ((await meWith(visitor.jar.get('session-token'))) === 401) {
      await visitor.open(at('sign-in'));
      await visitor.press('Continue', { email });
      await visitor.press('Sign in', { password: newPassword });
    }
    await visitor.open(at('account'));
    expect(visitor.jar.get('page')).not.toBe(stolen.get('page'));
    const sent = await visitor.post(at('account'), { ...form?.values, firstName: 'Eve' });
    expect([sent.status, sent.text]).toEqual([400, expect.stringContaining('The page was open for too long')]);
    const people = await test.db.query(sql`SELECT 1 FROM users WHERE app_id = ${world.appId} AND first_name = 'Eve'`);
    expect(people).toEqual([]);

    // The session of the owner, with the stolen cookie of the forms.
    const token = visitor.jar.get('session-token') ?? '';
    expect(await meWith(token)).toBe(200);
    for (const [cookie, value] of stolen) visitor.jar.set(cookie, value);
    const thief = await visitor.post(at('account'), { ...form?.values, firstName: 'Eve' });
    expect(thief.path).toBe(at('sign-in'));
  });
});
