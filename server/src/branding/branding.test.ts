import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { contrast } from '../mail-texts/colors.ts';
import { registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enableSignInCodes } from '../test/world/sign-in-codes.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, faults, password, problem, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;
let provider: TestProvider;

beforeAll(async () => {
  test = await buildTestApp();
  provider = await TestProvider.start();
});
beforeEach(async () => {
  world = await createWorld(test);
});
afterAll(async () => {
  await test?.close();
  await provider?.stop();
});

const url = '/v1/authorization/branding';
const get = async () => (await world.call('GET', url, { token: world.admin.token })).json<Record<string, unknown>>();
const patch = (body: object) => world.call('PATCH', url, { token: world.admin.token, body });
const settings = async (): Promise<{ mail: object }> =>
  (await world.call('GET', '/v1/authorization/apps/settings', { token: world.admin.token })).json();
const setMail = (mail: object) =>
  world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body: { mail } });
const page = (name: string) => createVisitor(test).open(`/apps/${world.appName}/${name}`);

const bad = '\u202E';

describe('a change is refused', () => {
  it.each<[what: string, body: object, pointer: string]>([
    ['with an unknown field', { css: 'body{}' }, '/body/css'],
    ['with a colour of three digits', { primaryColor: '#000' }, '/body/primaryColor'],
    ['with a colour with alpha', { primaryColor: '#00000000' }, '/body/primaryColor'],
    ['with a named colour', { primaryColor: 'black' }, '/body/primaryColor'],
    ['with a colour that goes on', { primaryColor: '#000000;}*{display:none' }, '/body/primaryColor'],
    ['with a colour and a line', { primaryColorDark: '#ffffff\n' }, '/body/primaryColorDark'],
    ['with a negative radius', { radius: -1 }, '/body/radius'],
    ['with a radius in words', { radius: '4px' }, '/body/radius'],
    ['with a font of elsewhere', { font: 'url(https://evil.example/f)' }, '/body/font'],
    ['with a name of nothing visible', { name: '\u200B ' }, '/body/name'],
    ['with a name of two lines', { name: 'Acme\nCloud' }, '/body/name'],
    ['with a name that is turned round', { name: `Acme ${bad}moc.live` }, '/body/name'],
    ['with a text in another language', { texts: { 'fr.footer': 'Bonjour' } }, '/body/texts/fr.footer'],
    ['with a text that is not listed', { texts: { 'en.problemTitle': 'Hi' } }, '/body/texts/en.problemTitle'],
    ['with a text of the prototype', { texts: { constructor: 'Hi' } }, '/body/texts/constructor'],
    ['with a text that is turned round', { texts: { 'en.footer': `a${bad}b` } }, '/body/texts/en.footer'],
    ['with an isolated text', { texts: { 'en.footer': 'a\u2066b' } }, '/body/texts/en.footer'],
    ['with a long text', { texts: { 'en.footer': 'a'.repeat(501) } }, '/body/texts/en.footer'],
    ['with an unknown placeholder', { texts: { 'en.footer': '{{email}}' } }, '/body/texts/en.footer'],
    ['with a link that is a script', { termsUrl: 'javascript:alert(1)' }, '/body/termsUrl'],
    ['with a link that holds data', { privacyUrl: 'data:text/html,x' }, '/body/privacyUrl'],
    ['with a link without encryption', { supportUrl: 'http://acme.example' }, '/body/supportUrl'],
    ['with a link with a user', { termsUrl: 'https://bank.example@evil.example/' }, '/body/termsUrl'],
    ['with a link without slashes', { termsUrl: 'https:acme.example' }, '/body/termsUrl'],
    ['with a link with one slash', { termsUrl: 'https:/acme.example' }, '/body/termsUrl'],
    ['with a link with a tab', { termsUrl: 'https://acme.example/\tx' }, '/body/termsUrl'],
    ['with a method twice', { methods: ['password', 'password'] }, '/body/methods'],
    ['with no method', { methods: [] }, '/body/methods'],
  ])('a change %s is refused, and nothing changes', async (_, body, pointer) => {
    const before = await get();
    const answer = await patch({ ...body, ...(pointer !== '/body/radius' && { radius: 3 }) });
    expect(problem(answer)).toBe('400 validation_failed');
    expect(Object.keys(faults(answer))).toEqual([pointer]);
    expect(await get()).toEqual(before);
  });

  it.each<[field: string, color: string, grounds: string[]]>([
    ['primaryColor', '#ffcc00', ['#ffffff', '#f4f5f7']],
    ['primaryColor', '#ffffff', ['#ffffff', '#f4f5f7']],
    // The contrast is sufficient on cards, but not on the background around them.
    ['primaryColor', '#767676', ['#ffffff', '#f4f5f7']],
    ['primaryColorDark', '#0b6e4f', ['#191b1e', '#0e0f11']],
    ['primaryColorDark', '#000000', ['#191b1e', '#0e0f11']],
  ])('a change of branding is refused for %s %s, and names a colour that is allowed', async (field, color, grounds) => {
    const before = await get();
    const answer = await patch({ [field]: color, radius: 3 });
    expect(problem(answer)).toBe('400 contrast_too_low');
    expect(await get()).toEqual(before);
    const { nearestColors } = answer.json<{ nearestColors: Record<string, string> }>();
    const nearest = nearestColors[field] ?? '';
    const ratios = grounds.map((ground) => contrast(nearest, ground));
    expect(Math.min(...ratios)).toBeGreaterThanOrEqual(4.5);
    // The nearest shade is hardly darker or lighter than necessary.
    expect(Math.min(...ratios)).toBeLessThan(4.7);
    expect((await patch({ [field]: nearest })).statusCode).toBe(200);
  });

  it('a change with two faulty colours is refused, and names both', async () => {
    const answer = await patch({ primaryColor: '#ffff00', primaryColorDark: '#000080' });
    expect(Object.keys(answer.json<{ nearestColors: object }>().nearestColors)).toEqual([
      'primaryColor',
      'primaryColorDark',
    ]);
  });

  it('a change is refused for other people of the app, and for super admins of another app', async () => {
    const person = await world.person();
    expect(problem(await world.call('PATCH', url, { token: person.token, body: { radius: 1 } }))).toBe(
      '403 access_denied',
    );
    const other = await createWorld(test);
    expect(problem(await world.call('PATCH', url, { token: other.admin.token, body: { radius: 1 } }))).toBe(
      '401 unauthenticated',
    );
  });
});

describe('the branding', () => {
  it('is empty by default, also beside an app with branding', async () => {
    const other = await createWorld(test);
    await other.call('PATCH', url, { token: other.admin.token, body: { radius: 1 } });
    expect(new Set(Object.values(await get()))).toEqual(new Set([null]));
  });

  it('keeps the fields that a change does not name, and null restores the default', async () => {
    await patch({ radius: 3, font: 'serif' });
    await patch({ font: null });
    expect(await get()).toMatchObject({ radius: 3, font: null });
  });

  it('keeps concurrent changes of different fields', async () => {
    await Promise.all([patch({ radius: 3 }), patch({ font: 'serif' }), patch({ name: 'Acme' })]);
    expect(await get()).toMatchObject({ radius: 3, font: 'serif', name: 'Acme' });
  });

  it('shares name and primary colour with the settings of mails', async () => {
    await patch({ name: 'Acme', primaryColor: '#0b6e4f' });
    expect((await settings()).mail).toEqual({ brandName: 'Acme', color: '#0b6e4f' });
    await setMail({ brandName: 'Other', color: '#ffcc00' });
    expect(await get()).toMatchObject({ name: 'Other', primaryColor: '#ffcc00' });
    await patch({ name: null, primaryColor: null });
    expect((await settings()).mail).toEqual({ brandName: null, color: null });
  });

  it('writes an event with the names of the fields', async () => {
    await patch({ radius: 3, texts: { 'en.footer': 'x' }, primaryColor: '#0b6e4f' });
    const event = (await world.events()).findLast(({ action }) => action === 'app.branding_updated');
    expect(event).toMatchObject({
      target: expect.stringMatching(/^app /),
      changes: ['primaryColor', 'radius', 'texts.en.footer'],
    });
  });
});

describe('a page', () => {
  it('shows texts, links and the name of its own app', async () => {
    await patch({
      name: 'Acme',
      texts: { 'en.signInLead': 'Welcome to {{brandName}}', 'en.signInNote': 'Staff only.', 'en.footer': 'Since 1999' },
      termsUrl: 'https://acme.example/terms?a=1&b="2',
    });
    const { html, text } = await page('sign-in');
    expect(text).toContain('Welcome to Acme');
    expect(text).toContain('Staff only.');
    expect(text).toContain('Since 1999');
    expect(html).toContain(
      '<a href="https://acme.example/terms?a=1&amp;b=&quot;2" rel="noopener noreferrer nofollow">Terms of service</a>',
    );
    const other = await createWorld(test);
    expect((await createVisitor(test).open(`/apps/${other.appName}/sign-in`)).text).not.toContain('Acme');
  });

  it('shows markup in texts as text', async () => {
    const text = '<script>alert(1)</script><img src=x onerror=alert(1)>';
    await patch({ name: text, texts: { 'en.signInLead': text, 'en.signUpNote': text, 'en.footer': text } });
    for (const name of ['sign-in', 'sign-up']) {
      const { html } = await page(name);
      expect(html).toContain('&lt;script&gt;');
      expect(html).not.toMatch(/<script>|<img/);
    }
  });

  it('shows texts in the language of the browser only', async () => {
    await patch({ texts: { 'ar.footer': 'مرحبا' } });
    expect((await page('sign-in')).text).not.toContain('مرحبا');
  });

  it('offers the methods that the app lists, in its order', async () => {
    const buttons = async () => (await page('sign-in')).forms.map(({ button }) => button);
    await registerProvider(world, provider);
    expect(await buttons()).toEqual(['Continue', 'Use a passkey', 'Continue with Acme SSO']);
    await patch({ methods: ['provider', 'password'] });
    expect(await buttons()).toEqual(['Continue with Acme SSO', 'Continue']);
    await patch({ methods: ['provider'] });
    expect(await buttons()).toEqual(['Continue with Acme SSO']);
    // The two lists have no method in common, so the setting counts. Otherwise people could not sign in.
    await patch({ methods: ['emailCode'] });
    expect(await buttons()).toEqual(['Continue', 'Use a passkey', 'Continue with Acme SSO']);
  });

  it('asks for a code or a password first, by the order of the methods', async () => {
    await enableSignInCodes(world);
    const { email } = await world.person();
    const goOn = async () => {
      const visitor = createVisitor(test);
      await visitor.open(`/apps/${world.appName}/sign-in`);
      const { forms } = await visitor.press('Continue', { email });
      return { visitor, buttons: forms.map(({ button }) => button).slice(0, 3) };
    };
    await patch({ methods: ['password', 'emailCode'] });
    expect((await goOn()).buttons.slice(0, 2)).toEqual(['Sign in', 'Send a code by mail']);
    await patch({ methods: ['emailCode', 'password'] });
    const { visitor, buttons } = await goOn();
    expect(buttons).toEqual(['Sign in', 'Send the mail again', 'Use a password']);
    const asked = await visitor.press('Use a password');
    expect(asked.forms[0]?.fields).toEqual(['password']);
    expect((await visitor.press('Sign in', { password })).path).toContain('/account');
    await patch({ methods: ['emailCode'] });
    expect((await goOn()).buttons).toEqual(['Sign in', 'Send the mail again']);
  });

  it('asks for the password if the code cannot be sent', async () => {
    await enableSignInCodes(world);
    await patch({ methods: ['emailCode', 'password'] });
    const { email } = await world.person();
    await test.db.query(sql`
      UPDATE apps SET settings = settings || '{"limits": {"codeRequestsPerAddressPerHour": 1}}'::jsonb
      WHERE id = ${world.appId}`);
    const visitor = createVisitor(test);
    for (const status of [200, 429]) {
      await visitor.open(`/apps/${world.appName}/sign-in`);
      expect((await visitor.press('Continue', { email })).status).toBe(status);
    }
    expect((await visitor.press('Sign in', { password })).path).toContain('/account');
  });

  it.each([
    ['light', 'dark', '#ffffff'],
    ['dark', 'light', '#191b1e'],
  ])('shows a logo for %s backgrounds on this background in %s mode', async (logoBackground, mode, surface) => {
    await patch({ logoBackground });
    const { html } = await page('sign-in');
    expect(html).toContain(`@media (prefers-color-scheme:${mode}){.logo img{background:${surface};`);
    expect(html.match(/\.logo img\{background/g)).toHaveLength(1);
  });

  it('creates its style from typed values, under a policy that allows only this style', async () => {
    await patch({ primaryColor: '#0b6e4f', primaryColorDark: '#8ab4ff', radius: 3, font: 'serif' });
    const response = await test.app.inject({ url: `/apps/${world.appName}/sign-in` });
    expect(response.body).toContain('--radius:3px;--font:Charter');
    expect(response.body).toContain('--accent:#0b6e4f;--ink:#ffffff;--link:#0b6e4f');
    expect(response.body).toContain('--accent:#8ab4ff;--ink:#000000;--link:#8ab4ff');
    expect(String(response.headers['content-security-policy'])).toMatch(/style-src 'sha256-[^ ]+'; img-src/);
  });

  it('shows links in a shade that can be read if the setting of mails has another colour', async () => {
    await setMail({ color: '#ffcc00' });
    const { body } = await test.app.inject({ url: `/apps/${world.appName}/sign-in` });
    const [, accent, link = ''] = /--accent:(#ffcc00);--ink:#000000;--link:(#\w{6})/.exec(body) ?? [];
    expect(accent).toBe('#ffcc00');
    expect(contrast(link, '#f4f5f7')).toBeGreaterThanOrEqual(4.5);
  });

  it('removes marks of the writing direction from names that the settings accept', async () => {
    await setMail({ brandName: `Acme${bad}evil` });
    expect((await page('sign-in')).html).not.toContain(bad);
  });
});
