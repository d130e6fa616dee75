import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../test/database.ts';
import { digestOfEverything } from '../test/digest.ts';
import { pngOf } from '../test/images.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { brandingOf, enableOrganizationBranding, setOrganizationBranding } from '../test/world/branding.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

let db: UndoableDb;
let test: TestApp;
let world: World;
let owner: Person;
let orgId: string;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test);
  await enableOrganizationBranding(world);
  owner = await world.person();
  await world.organization(owner, { name: 'Contoso' });
  orgId = await world.organization(owner, { name: 'Northwind' });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => test?.close());

type Caller = { readonly token: string };
const ofApp = (body: object, by: Caller = world.admin) =>
  world.call('POST', '/v1/authorization/branding/preview', { token: by.token, body });
const ofOrganization = (body: object, by: Caller = owner) =>
  world.call('POST', `${brandingOf(orgId)}/preview`, { token: by.token, body });
const htmlOf = (answer: { json: () => unknown }) => (answer.json() as { html: string }).html;

describe('a preview is refused', () => {
  it.each<[what: string, caller: () => Promise<Caller>, app: string, organization: string]>([
    ['a member', () => world.member(orgId), '403 access_denied', '403 access_denied'],
    ['a manager', () => world.manager(orgId), '403 access_denied', '403 access_denied'],
    ['a stranger', () => world.person(), '403 access_denied', '404 organization_not_found'],
    ['the owner of the organization, for the app', () => Promise.resolve(owner), '403 access_denied', '200 undefined'],
    ['a machine user', () => world.machine(), '403 access_denied', '403 access_denied'],
    [
      'a super admin of another app',
      async () => (await createWorld(test)).admin,
      '401 unauthenticated',
      '401 unauthenticated',
    ],
  ])('a preview is refused to %s', async (_, caller, app, organization) => {
    const by = await caller();
    const answers = [await ofApp({ radius: 3 }, by), await ofOrganization({ radius: 3 }, by)];
    expect(answers.map((answer) => problem(answer))).toEqual([app, organization]);
  });

  it('a preview is refused without a credential, and by links', async () => {
    for (const path of ['/v1/authorization/branding/preview', `${brandingOf(orgId)}/preview`]) {
      expect(problem(await world.call('POST', path, { body: { radius: 3 } }))).toBe('401 unauthenticated');
      const link = await test.app.inject({ url: `${path}?radius=3`, headers: { 'x-app-name': world.appName } });
      expect(link.statusCode).toBe(405);
    }
  });

  it('a preview is refused to forms of other sites in the browser of a super admin', async () => {
    const { appName } = world;
    const headers = {
      cookie: `session-token=${world.admin.token}`,
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
      'x-app-name': appName,
    };
    const url = '/v1/authorization/branding/preview';
    const asJson = await test.app.inject({ method: 'POST', url, headers, payload: { radius: 3 } });
    const formType = { 'content-type': 'application/x-www-form-urlencoded' };
    const asForm = await test.app.inject({
      method: 'POST',
      url,
      headers: { ...headers, ...formType },
      payload: 'radius=3',
    });
    expect([asJson.statusCode, asForm.statusCode].every((status) => status >= 400)).toBe(true);
  });

  it.each<[what: string, body: object, code: string]>([
    ['with a colour that cannot be read', { primaryColor: '#ffcc00' }, '400 contrast_too_low'],
    ['with a logo that is an SVG', { logo: Buffer.from('<svg/>').toString('base64') }, '400 logo_invalid'],
    ['with an unknown field', { css: '*{}' }, '400 validation_failed'],
    ['with an unknown language', { language: 'xx' }, '400 validation_failed'],
  ])('a preview %s is refused', async (_, body, code) => {
    for (const answer of [await ofApp(body), await ofOrganization(body)]) expect(problem(answer)).toBe(code);
  });

  it('a preview with methods for an organization is refused', async () => {
    expect(Object.keys(faults(await ofOrganization({ methods: ['password'] })))).toEqual(['/body/methods']);
  });

  it('a preview of an organization is refused while the app shows no such branding', async () => {
    const other = await createWorld(test);
    const its = await other.organization(await other.person());
    const url = `${brandingOf(its)}/preview`;
    expect(problem(await other.call('POST', url, { token: other.admin.token, body: {} }))).toBe(
      '403 organization_branding_disabled',
    );
  });
});

describe('a preview', () => {
  it('a preview is a JSON value, which no browser shows as a page, and sets no cookie', async () => {
    for (const answer of [await ofApp({ radius: 3 }), await ofOrganization({ radius: 3 })]) {
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  it('has nothing that can be run, sent, followed or loaded', async () => {
    const markup = '<script>alert(1)</script><img src=x onerror=alert(1)>';
    const body = { name: markup, texts: { 'en.signInLead': markup, 'en.footer': markup }, logo: pngOf(4, 4) };
    for (const answer of [await ofApp(body), await ofOrganization({ ...body, textsAllowed: true })]) {
      const html = htmlOf(answer);
      expect(html).toContain('&lt;script&gt;');
      expect(html).not.toMatch(
        /<script|onerror=alert\(1\)>|\saction=|type="hidden" name="form_token"|http-equiv="refresh"/,
      );
      expect(html).toMatch(/<body[^>]* inert/);
      expect(html).toMatch(/default-src &#39;none&#39;; style-src &#39;sha256-[^ ]+&#39;; img-src data:;/);
      expect(html).toContain('form-action &#39;none&#39;');
      expect(html).not.toMatch(/(?:src|href)="(?:\/|http)/);
    }
  });

  it('a preview shows the values of the request, and stores nothing', async () => {
    await setOrganizationBranding(world, orgId, { radius: 9 });
    const before = await digestOfEverything(db);
    const values = { primaryColor: '#0b6e4f', font: 'serif', name: 'Acme', texts: { 'en.signInLead': 'Hello' } };
    const app = htmlOf(await ofApp({ ...values, methods: ['password'], logo: pngOf(6, 5) }));
    for (const shown of ['--accent:#0b6e4f', 'Charter', 'Acme', 'Hello', `data:image/png;base64,${pngOf(6, 5)}`])
      expect(app).toContain(shown);
    const organization = htmlOf(await ofOrganization({ primaryColor: '#7a1f5c', logo: pngOf(3, 3) }));
    for (const shown of ['--accent:#7a1f5c', '--radius:9px', 'alt="Northwind"', pngOf(3, 3)])
      expect(organization).toContain(shown);
    expect(await digestOfEverything(db)).toEqual(before);
  });

  it('a preview names an organization that has no branding yet', async () => {
    expect(htmlOf(await ofOrganization({ logo: pngOf(3, 3) }))).toContain('alt="Northwind"');
  });

  it('shows the stored logo, or none', async () => {
    const body = { content: pngOf(8, 8) };
    await world.call('PUT', '/v1/authorization/branding/logo', { token: world.admin.token, body });
    expect(htmlOf(await ofApp({}))).toContain(pngOf(8, 8));
    expect(htmlOf(await ofApp({ logo: null }))).not.toContain('<img');
    // Inherited from the app.
    expect(htmlOf(await ofOrganization({}))).toContain(pngOf(8, 8));
  });

  it('a preview shows texts of an organization only with the permission', async () => {
    const texts = { name: 'Our Brand', texts: { 'en.footer': 'Our footer' } };
    expect(htmlOf(await ofOrganization(texts))).not.toContain('Our');
    expect(htmlOf(await ofOrganization({ ...texts, textsAllowed: true }))).toContain('Our footer');
    await setOrganizationBranding(world, orgId, { textsAllowed: true });
    expect(htmlOf(await ofOrganization(texts))).toContain('Our footer');
  });

  it('has the language that is asked for', async () => {
    expect(htmlOf(await ofApp({ language: 'ar' }))).toContain('<html lang="ar" dir="rtl">');
    expect(htmlOf(await ofApp({}))).toContain('<html lang="en" dir="ltr">');
  });

  it('shows the passkey button, which needs a script elsewhere', async () => {
    const html = htmlOf(await ofApp({}));
    expect(html).toContain('Use a passkey');
    expect(html).not.toContain('data-passkey');
  });
});
