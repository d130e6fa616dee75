import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { runTask } from '../test/tasks.ts';
import { enrol, nextCode } from '../test/world/factors.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

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

const at = (page: string) => `/apps/${world.appName}/${page}`;

/** The link in the newest mail to an address. */
const linkTo = async (email: string): Promise<string> => (await world.mail(email)).url ?? '';

describe('sign-up', () => {
  const jon = { firstName: 'Jon', lastName: 'Doe', email: 'jon@example.com', password };

  it('leads over the mail to a claimed account', async () => {
    const visitor = createVisitor(test);
    await visitor.open(at('sign-up'));
    expect((await visitor.press('Create account', jon)).text).toContain(
      'We sent a mail with a code to jon@example.com',
    );
    const { code = '' } = await world.mail(jon.email);
    const account = await visitor.press('Verify', { code });
    expect(account.text).toContain('Your address is verified.');
    expect(account.text).toContain('jon@example.com Verified');
  });

  it('is verified by the link in the same browser', async () => {
    const visitor = createVisitor(test);
    await visitor.open(at('sign-up'));
    await visitor.press('Create account', jon);
    await visitor.open(await linkTo(jon.email));
    expect((await visitor.press('Verify')).text).toContain('jon@example.com Verified');
  });

  it('is verified, but not claimed, by the link in another browser', async () => {
    const visitor = createVisitor(test);
    await visitor.open(at('sign-up'));
    await visitor.press('Create account', jon);
    const other = createVisitor(test);
    await other.open(await linkTo(jon.email));
    expect((await other.press('Verify')).text).toContain('Your address is verified. Sign in');
    expect((await visitor.open(at('account'))).text).toContain('jon@example.com Not verified');
  });

  it('shows each fault beside its field, and keeps what was entered', async () => {
    const visitor = createVisitor(test);
    await visitor.open(at('sign-up'));
    const refused = await visitor.press('Create account', { ...jon, email: 'jon', password: 'short' });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('Enter a complete email address.');
    expect(refused.forms[0]?.values).toMatchObject({ firstName: 'Jon', email: 'jon', password: '' });
  });
});

describe('sign-in', () => {
  it('asks for the address, then for the password', async () => {
    const { email } = await world.person();
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    await visitor.press('Continue', { email });
    expect((await visitor.press('Sign in', { password: 'wrong-password' })).status).toBe(401);
    expect((await visitor.press('Sign in', { password })).path).toBe(at('account'));
  });

  it('looks the same for an address without an account', async () => {
    const { email } = await world.person();
    const pages = await Promise.all(
      [email, 'nobody@example.com'].map(async (address) => {
        const visitor = createVisitor(test);
        await visitor.open(at('sign-in'));
        const { html } = await visitor.press('Continue', { email: address });
        const { html: refused } = await visitor.press('Sign in', { password: 'wrong-password' });
        return (html + refused)
          .replaceAll(address, '')
          .replaceAll(encodeURIComponent(address), '')
          .replace(/value="[\w-]{43}"/g, '');
      }),
    );
    expect(pages[0]).toBe(pages[1]);
  });

  it('returns to the product, after a separate page', async () => {
    const { email } = await world.person();
    const target = 'https://app.example.com/start';
    await world.call('PATCH', '/v1/authorization/apps/settings', {
      token: world.admin.token,
      body: { redirectUrls: [target] },
    });
    const visitor = createVisitor(test);
    await visitor.open(`${at('sign-in')}?return_to=${encodeURIComponent(target)}`);
    await visitor.press('Continue', { email });
    const { html } = await visitor.press('Sign in', { password });
    expect(html).toContain(`<meta http-equiv="refresh" content="0;url=${target}" />`);
  });
});

describe('a form', () => {
  const attempt = async (change: (form: Record<string, string>) => Record<string, string>, headers = {}) => {
    const { email } = await world.person();
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    const { forms } = await visitor.press('Continue', { email });
    const { values = {} } = forms.find(({ button }) => button === 'Sign in') ?? {};
    return visitor.post(at('sign-in'), change({ ...values, password }), headers);
  };

  it.each([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['a site of the same domain', { origin: 'http://other.localhost', 'sec-fetch-site': 'same-site' }],
    ['a page without an origin', { origin: 'null' }],
    ['a browser that hides the origin', { 'sec-fetch-site': 'cross-site' }],
  ])('a form of %s is refused', async (_, headers) => {
    const { status, text, html } = await attempt((form) => form, headers);
    expect([status, /data-code="(\w+)"/.exec(html)?.[1]]).toEqual([403, 'origin_not_allowed']);
    expect(text).toContain('The form was sent by another site.');
  });

  it('a form of an origin in allowedOrigins is refused', async () => {
    const body = { allowedOrigins: ['https://app.example.com'] };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    expect((await attempt((form) => form, { origin: 'https://app.example.com' })).status).toBe(403);
  });

  it.each([
    ['no token', (form: Record<string, string>) => ({ ...form, form_token: '' })],
    ['another token', (form: Record<string, string>) => ({ ...form, form_token: 'x'.repeat(43) })],
  ])('a form with %s is shown again, without the password', async (_, change) => {
    const { status, text, forms } = await attempt(change);
    expect(status).toBe(400);
    expect(text).toContain('The page was open for too long');
    expect(forms[0]?.values).toMatchObject({ step: 'password', password: '' });
    expect(forms[0]?.values['email']).toContain('@');
  });

  it('a form of another browser is shown again', async () => {
    const { email } = await world.person();
    const attacker = createVisitor(test);
    await attacker.open(at('sign-in'));
    const { forms } = await attacker.press('Continue', { email });
    const victim = createVisitor(test);
    await victim.open(at('sign-in'));
    const sent = await victim.post(at('sign-in'), { ...forms[0]?.values, password });
    expect(sent.status).toBe(400);
    expect([...victim.jar.keys()]).toEqual(['page']);
  });

  it('a form from before the sign-in is not accepted afterwards', async () => {
    const { email } = await world.person();
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    const { forms } = await visitor.press('Continue', { email });
    await visitor.press('Sign in', { password });
    expect((await visitor.post(at('sign-in'), { ...forms[0]?.values, password })).status).toBe(400);
  });

  it('a form with invented steps or names of built-in properties shows the page', async () => {
    for (const step of ['constructor', '__proto__', 'toString', 'x']) {
      expect((await attempt((form) => ({ ...form, step }))).status).toBe(200);
    }
  });
});

describe('a page', () => {
  it.each([
    ['sign-in', "script-src 'self'; connect-src 'self'; "],
    ['sign-up', ''],
    ['signed-out', ''],
  ])('%s says how browsers must treat it, and loads a script only for passkeys', async (page, scripts) => {
    const { headers, html } = await createVisitor(test).open(at(page));
    expect(html.includes('<script')).toBe(scripts !== '');
    expect(html.replaceAll(/<script type="module" src="\/pages\/passkeys-[0-9a-f]{16}\.js">/g, '')).not.toContain(
      '<script',
    );
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringMatching(
        new RegExp(
          `^default-src 'none'; ${scripts}style-src 'sha256-[^']+'; .*form-action 'self'; frame-ancestors 'none'$`,
        ),
      ),
    });
  });

  it.each([
    ['https://evil.example/'],
    ['javascript:alert(1)'],
    ['//evil.example'],
    ['https://app.example.com/other'],
    ['https://app.example.com@evil.example/start'],
  ])('never returns to %s', async (target) => {
    const body = { redirectUrls: ['https://app.example.com/start'] };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    for (const page of ['sign-in', 'sign-up', 'continue', 'account', 'signed-out', 'verify']) {
      const { status, html } = await createVisitor(test).open(`${at(page)}?return_to=${encodeURIComponent(target)}`);
      expect([page, status, /data-code="(\w+)"/.exec(html)?.[1]]).toEqual([page, 400, 'redirect_url_not_allowed']);
    }
  });

  it('does not exist in an app without pages or in an unknown app', async () => {
    const body = { hostedPages: false };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    expect((await createVisitor(test).open(at('sign-in'))).status).toBe(404);
    expect((await createVisitor(test).open('/apps/nowhere/sign-in')).status).toBe(404);
  });

  it('escapes what people enter', async () => {
    const visitor = createVisitor(test);
    await visitor.open(`${at('sign-up')}?email=${encodeURIComponent('"><script>alert(1)</script>')}`);
    const { html } = await visitor.press('Create account', { firstName: '<b>' });
    expect(html).not.toMatch(/<script|<b>/);
  });

  it.each(['x', 'c'.repeat(44), 'c'.repeat(42) + '='])('refuses the code challenge %s at once', async (challenge) => {
    const body = { redirectUrls: ['https://app.example.com/start'] };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    const query = new URLSearchParams({ return_to: 'https://app.example.com/start', code_challenge: challenge });
    const { status, text } = await createVisitor(test).open(`${at('sign-in')}?${query.toString()}`);
    expect([status, text]).toEqual([400, expect.stringContaining('This request could not be read.')]);
  });

  it('shows a failure of the provider as an alert', async () => {
    const { html } = await createVisitor(test).open(`${at('sign-in')}?notice=provider_failed`);
    expect(html).toMatch(/<p class="alert" role="alert">[^<]*The sign-in with the provider did not work/);
  });

  it('the page does not blame the service for an unreadable form', async () => {
    const { status, text } = await createVisitor(test).post(at('sign-in'), { step: 'x'.repeat(40_000) });
    expect([status, text]).toEqual([413, expect.stringContaining('This request could not be read.')]);
  });

  it('does not sign in by a short code in its address', async () => {
    const visitor = createVisitor(test);
    const { forms } = await visitor.open(`${at('sign-in')}?email=eve%40example.com&code=K7M2QXA`);
    expect(forms.map(({ button }) => button)).toEqual(['Continue', 'Use a passkey']);
  });
});

describe('the account', () => {
  async function signIn() {
    const person = await world.person();
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    await visitor.press('Continue', { email: person.email });
    await visitor.press('Sign in', { password });
    return { person, visitor };
  }

  it('sends people who are not signed in to the sign-in', async () => {
    expect((await createVisitor(test).open(at('account'))).path).toBe(at('sign-in'));
  });

  it('changes name and password, and ends sessions', async () => {
    const { person, visitor } = await signIn();
    expect((await visitor.press('Save', { firstName: 'Ada' })).text).toContain('Saved.');
    expect((await visitor.press('End session')).text).toContain('The session has ended.');
    const secret = { currentPassword: password, newPassword: 'Secret@slidezAB' };
    expect((await visitor.press('Change password', secret)).text).toContain('Your password is changed.');
    const me = await world.call('GET', '/v1/authentication/users/me', { token: person.token });
    expect(me.statusCode).toBe(401);
  });

  it('the account page does not change other accounts', async () => {
    const { visitor } = await signIn();
    const other = await world.person();
    const { forms } = await visitor.open(at('account'));
    const { values = {} } = forms.find(({ button }) => button === 'Save') ?? {};
    const { status } = await visitor.post(at('account'), { ...values, user: other.userId, firstName: 'Eve' });
    expect(status).toBe(404);
  });

  it('names the organization that requires a stronger sign-in', async () => {
    const { person, visitor } = await signIn();
    const orgId = await world.organization(person);
    expect((await visitor.open(at('account'))).text).toContain('Owner');
    await test.db.query(sql`
      UPDATE organizations SET security = '{"mfa": "required"}' WHERE app_id = ${world.appId} AND id = ${orgId}`);
    expect((await visitor.open(at('account'))).text).toContain(
      'This organization requires a stronger or newer sign-in.',
    );
  });

  it('ends at the sign-out', async () => {
    const { visitor } = await signIn();
    const token = visitor.jar.get('session-token');
    expect((await visitor.press('Sign out')).text).toContain('You are signed out');
    expect((await world.call('GET', '/v1/authentication/users/me', { token })).statusCode).toBe(401);
    expect((await visitor.open(at('account'))).path).toBe(at('sign-in'));
  });
});

describe('an invitation', () => {
  async function invite(email: string): Promise<string> {
    const orgId = await world.organization(await world.person());
    const body = { email, firstName: 'Ada', lastName: 'Lovelace' };
    const url = `/v1/authorization/organizations/${orgId}/owners`;
    await world.call('POST', url, { token: world.admin.token, body });
    return linkTo(email);
  }

  it('is accepted with a new password', async () => {
    const visitor = createVisitor(test);
    await visitor.open(await invite('ada@example.com'));
    const account = await visitor.press('Accept invitation', { newPassword: 'Secret@slidezAB' });
    expect(account.text).toContain('ada@example.com Verified');
    expect(account.text).toContain('Owner');
  });

  it('names both people to somebody else who is signed in', async () => {
    const link = await invite('ada@example.com');
    const { email } = await world.person();
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    await visitor.press('Continue', { email });
    await visitor.press('Sign in', { password });
    expect((await visitor.open(link)).text).toContain(
      `You are signed in as ${email} . The invitation is for ada@example.com`,
    );
  });
});

describe('a forgotten password', () => {
  it('is replaced with the link of the mail', async () => {
    const { email } = await world.person();
    const visitor = createVisitor(test);
    await visitor.open(at('forgot-password'));
    expect((await visitor.press('Send the mail', { email })).text).toContain('If there is an account with');
    await runTask(test, sendPasswordResets);
    await visitor.open(await linkTo(email));
    expect((await visitor.press('Set password', { newPassword: 'short' })).status).toBe(400);
    const { text } = await visitor.press('Set password', { newPassword: 'Secret@slidezAB' });
    expect(text).toContain('Your password is changed. Sign in with it.');
  });
});

describe('a second factor', () => {
  it('is asked for after the password, and is needed', async () => {
    const person = await world.person();
    const factor = await enrol(world, person);
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    await visitor.press('Continue', { email: person.email });
    expect((await visitor.press('Sign in', { password })).text).toContain('Your account has a second factor.');
    expect(visitor.jar.has('session-token')).toBe(false);
    expect((await visitor.press('Verify', { code: '000000' })).status).toBe(400);
    expect((await visitor.press('Verify', { code: nextCode(world, factor) })).path).toBe(at('account'));
  });
});
