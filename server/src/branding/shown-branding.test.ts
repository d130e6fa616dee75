import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { type RecordingDb, recordingDb } from '../test/recording-db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { enableOrganizationBranding, setOrganizationBranding, setOrganizationLogo } from '../test/world/branding.ts';
import { unique } from '../test/world/names.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type Person, type World } from '../test/world/world.ts';

// Who sees the branding of an organization, and who does not. The attacker owns an organization with the branding of
// another company, and sends links to pages of the product.

const color = '#0b6e4f';
const phrase = 'Call us at once';

let db: UndoableDb;
let recording: RecordingDb;
let test: TestApp;
let world: World;
let other: World;
let owner: Person;
let orgId: string;
let logo: string;

beforeAll(async () => {
  db = await openTestDatabase();
  recording = recordingDb(db);
  test = await buildTestApp({ db: recording });
  world = await createWorld(test);
  other = await createWorld(test);
  for (const one of [world, other]) await enableOrganizationBranding(one);
  owner = await world.person();
  orgId = await world.organization(owner, { name: 'Evil Corp' });
  const texts = { 'en.signInLead': phrase, 'en.footer': phrase };
  await setOrganizationBranding(world, orgId, {
    name: phrase,
    primaryColor: color,
    texts,
    termsUrl: 'https://evil.example/terms',
    supportUrl: 'https://evil.example/support',
  });
  logo = await setOrganizationLogo(world, orgId);
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => test?.close());

type Values = Readonly<Record<string, string>>;
const at = (page: string, query: Values = {}, app = world.appName) =>
  `/apps/${app}/${page}?${new URLSearchParams({ org: orgId, ...query }).toString()}`;

/** The parts of the organization's branding that a page shows. */
const shownOn = ({ html }: { html: string }) => ({
  color: html.includes(`--accent:${color}`),
  logo: html.includes(`<img src="${logo}"`),
  texts: html.includes(phrase),
  links: html.includes('https://evil.example'),
});
const nothing = { color: false, logo: false, texts: false, links: false };
const look = { color: true, logo: true, texts: false, links: false };
const everything = { color: true, logo: true, texts: true, links: true };

const publicPages = ['sign-in', 'sign-up', 'forgot-password', 'invitation', 'signed-out', 'reset-password'];
const ownPages = [
  'account',
  'account/second-factors',
  'account/email',
  'account/identities',
  'account/api-keys',
  'account/data',
  'organizations',
  'organizations/members',
  'organizations/invitations',
  'organizations/leave',
];

async function invite(email = `${unique('invited')}@example.com`, by = owner, of = orgId) {
  const body = { email, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
  await world.call('POST', `/v1/authorization/organizations/${of}/members`, { token: by.token, body });
  const { url = '', code = '' } = await world.mail(email);
  const { searchParams } = new URL(url);
  return { email, path: url, code, longCode: searchParams.get('code') ?? '' };
}

const allowTexts = () => setOrganizationBranding(world, orgId, { textsAllowed: true });

describe('a link with an organization shows the branding of the app', () => {
  it.each(publicPages)('on the page %s everybody sees the branding of the app', async (page) => {
    await allowTexts();
    const query = { organization: orgId, org_id: orgId, orgId };
    expect(shownOn(await createVisitor(test).open(at(page, query)))).toEqual(nothing);
  });

  it.each([...publicPages, ...ownPages])('on the page %s people of others see that of the app', async (page) => {
    await allowTexts();
    const person = await world.person();
    await world.organization(person);
    const visitor = await signInOnPages(world, person);
    expect(shownOn(await visitor.open(at(page)))).toEqual(nothing);
  });

  it('a link with an organization does not reveal whether the organization exists', async () => {
    const htmlOf = async (org: string) => {
      const { html } = await createVisitor(test).open(at('sign-in', { org }));
      return html.replace(/value="[\w-]{43}"/g, '');
    };
    expect(await htmlOf(orgId)).toBe(await htmlOf('1'));
  });

  it.each(['', '0', '-1', '1e3', '9223372036854775808', '99999999999999999999', "1' OR '1'='1", '١'])(
    'a link with the organization id %j shows the branding of the app',
    async (org) => {
      const visitor = await signInOnPages(world, owner);
      expect((await visitor.open(at('account', { org }))).status).toBe(200);
    },
  );

  it('a link with the parameter twice shows the branding of the app', async () => {
    const visitor = await signInOnPages(world, await world.person());
    expect(shownOn(await visitor.open(`${at('account')}&org=${orgId}`))).toEqual(nothing);
  });
});

describe('a session shows the branding of the app', () => {
  const memberVisits = async (spoil: (person: Person) => Promise<unknown>, query: Values = {}) => {
    const member = await world.member(orgId);
    const visitor = await signInOnPages(world, member);
    expect(shownOn(await visitor.open(at('account')))).toEqual(look);
    await spoil(member);
    return shownOn(await visitor.open(at('sign-in', query)));
  };

  it.each<[what: string, spoil: (person: Person) => Promise<unknown>]>([
    [
      'of somebody who was removed',
      ({ userId }) =>
        world.call('DELETE', `/v1/authorization/organizations/users/${userId}`, { token: owner.token, orgId }),
    ],
    [
      'that has expired',
      ({ userId }) => db.query(sql`UPDATE sessions SET expires_at = created_at WHERE user_id = ${userId}`),
    ],
    [
      'that was not used for too long',
      ({ userId }) => db.query(sql`UPDATE sessions SET idle_expires_at = created_at WHERE user_id = ${userId}`),
    ],
    [
      'of somebody who is deactivated',
      ({ userId }) => db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE id = ${userId}`),
    ],
    [
      'in a deactivated organization',
      () => world.call('POST', `/v1/authorization/organizations/${orgId}/deactivate`, { token: world.admin.token }),
    ],
    [
      'while the app shows no branding of organizations',
      () =>
        world.call('PATCH', '/v1/authorization/apps/settings', {
          token: world.admin.token,
          body: { organizationBranding: false },
        }),
    ],
  ])('the branding of the app is shown for a session %s', async (_, spoil) => {
    expect(await memberVisits(spoil)).toEqual(nothing);
  });

  it('a session of another app, or of its super admin, shows the branding of the app', async () => {
    const visitor = await signInOnPages(other, other.admin);
    expect(shownOn(await visitor.open(at('sign-in')))).toEqual(nothing);
    expect(shownOn(await visitor.open(at('sign-in', {}, other.appName)))).toEqual(nothing);
  });

  it('a session of a super admin who is no member shows the branding of the app', async () => {
    const visitor = await signInOnPages(world, world.admin);
    expect(shownOn(await visitor.open(at('organizations/members')))).toEqual(nothing);
  });

  it('a session that is sent as a header shows the branding of the app', async () => {
    const headers = { authorization: `Bearer ${owner.token}` };
    expect(shownOn(await createVisitor(test).open(at('sign-in'), headers))).toEqual(nothing);
  });
});

describe('an invitation', () => {
  it('shows the branding, without texts and links until a super admin has allowed them', async () => {
    const { path } = await invite();
    expect(shownOn(await createVisitor(test).open(path))).toEqual(look);
    await allowTexts();
    expect(shownOn(await createVisitor(test).open(path))).toEqual(everything);
    await setOrganizationBranding(world, orgId, { textsAllowed: false });
    expect(shownOn(await createVisitor(test).open(path))).toEqual(look);
  });

  it('names the organization as text of its logo, not the app', async () => {
    const { html } = await createVisitor(test).open((await invite()).path);
    expect(html).toContain(`<img src="${logo}" alt="Evil Corp"`);
    expect(html).not.toMatch(/<title>[^<]*Evil Corp/);
  });

  it('keeps the branding when its form is refused, and afterwards on the account', async () => {
    const { path } = await invite();
    const visitor = createVisitor(test);
    await visitor.open(path);
    const refused = await visitor.press('Accept invitation', { newPassword: 'short' });
    expect([refused.status, shownOn(refused)]).toEqual([400, look]);
    const account = await visitor.press('Accept invitation', { newPassword: password });
    expect([account.path.split('?')[0], shownOn(account)]).toEqual([`/apps/${world.appName}/account`, look]);
  });

  it.each<[what: string, change: (link: URL, neighbourOrgId: string) => unknown]>([
    ['with another code', ({ searchParams }) => searchParams.set('code', 'K7PQ2XMHB4T8V9WNRC3DYJ6FAG')],
    ['without its code', ({ searchParams }) => searchParams.delete('code')],
    ['with another address', ({ searchParams }) => searchParams.set('email', owner.email)],
    ['without its address', ({ searchParams }) => searchParams.delete('email')],
    ['with another organization', ({ searchParams }, id) => searchParams.set('org', id)],
    ['with two codes', ({ searchParams }) => searchParams.append('code', 'K7PQ2XMHB4T8V9WNRC3DYJ6FAG')],
  ])('an invitation %s shows the branding of the app', async (_, change) => {
    const neighbour = await world.person();
    const neighbourOrgId = await world.organization(neighbour);
    await setOrganizationBranding(world, neighbourOrgId, { primaryColor: color });
    const link = new URL((await invite()).path);
    change(link, neighbourOrgId);
    expect(shownOn(await createVisitor(test).open(link.href))).toEqual(nothing);
  });

  it.each([...publicPages, ...ownPages].filter((page) => page !== 'invitation'))(
    'an invitation does not show its branding on the page %s',
    async (page) => {
      await allowTexts();
      const { search } = new URL((await invite()).path, 'https://id.example');
      const person = await world.person();
      const visitors = [createVisitor(test), await signInOnPages(world, person)];
      for (const visitor of visitors)
        expect(shownOn(await visitor.open(`/apps/${world.appName}/${page}${search}`))).toEqual(nothing);
    },
  );

  it('an invitation with its short code shows the branding of the app: short codes can be guessed', async () => {
    const { path, code } = await invite();
    for (const short of [code, `${code}${'-'.repeat(19)}`]) {
      const link = new URL(path);
      link.searchParams.set('code', short);
      expect(shownOn(await createVisitor(test).open(link.href))).toEqual(nothing);
    }
  });

  it.each<[what: string, spoil: (email: string) => Promise<unknown>]>([
    ['has expired', () => db.query(sql`UPDATE codes SET expires_at = created_at`)],
    [
      'was withdrawn',
      async () => {
        const url = `/v1/authorization/organizations/${orgId}/invitations`;
        const list = await world.call('GET', `${url}?pageSize=100`, { token: owner.token });
        for (const { id } of list.json<{ invitations: { id: string }[] }>().invitations)
          await world.call('DELETE', `${url}/${id}`, { token: owner.token });
      },
    ],
  ])('an invitation that %s shows the branding of the app', async (_, spoil) => {
    const { path, email } = await invite();
    expect(shownOn(await createVisitor(test).open(path))).toEqual(look);
    await spoil(email);
    expect(shownOn(await createVisitor(test).open(path))).toEqual(nothing);
  });

  it('an invitation of another app with the same ids shows the branding of the app', async () => {
    const { path } = await invite();
    const link = path.replace(`/apps/${world.appName}/`, `/apps/${other.appName}/`);
    expect(shownOn(await createVisitor(test).open(link))).toEqual(nothing);
  });

  it('a code of another purpose is not accepted as an invitation', async () => {
    const { email } = await world.person();
    await world.call('POST', '/v1/authentication/users/password/reset', { body: { email } });
    await db.query(sql`UPDATE codes SET org_id = ${orgId} WHERE purpose <> 'invitation'`);
    const { url, code } = await world.mail(email);
    const long = url === undefined ? (code ?? '') : (new URL(url).searchParams.get('code') ?? '');
    expect(shownOn(await createVisitor(test).open(at('invitation', { email, code: long })))).toEqual(nothing);
  });
});

describe('a member', () => {
  it.each(ownPages)('sees the branding of the organization that the address names, on the page %s', async (page) => {
    const visitor = await signInOnPages(world, owner);
    expect(shownOn(await visitor.open(at(page)))).toEqual(look);
    expect(shownOn(await visitor.open(`/apps/${world.appName}/${page}`))).toEqual(nothing);
  });

  it('a member keeps the branding between the pages', async () => {
    const visitor = await signInOnPages(world, owner);
    const { html } = await visitor.open(at('organizations/members'));
    const [, account = ''] = /<a href="([^"]*account[^"]*)"/.exec(html) ?? [];
    expect(shownOn(await visitor.open(account.replaceAll('&amp;', '&')))).toEqual(look);
    const saved = await visitor.press('Save', { firstName: 'Ada', lastName: 'Lovelace' });
    expect([saved.text.includes('Saved'), shownOn(saved)]).toEqual([true, look]);
    expect(shownOn(await visitor.press('Sign out'))).toEqual(nothing);
  });

  it('sees texts and links with the permission only', async () => {
    await allowTexts();
    const visitor = await signInOnPages(world, owner);
    expect(shownOn(await visitor.open(at('account')))).toEqual(everything);
  });

  it('sees markup in texts as text', async () => {
    const markup = '<script>alert(1)</script>';
    await setOrganizationBranding(world, orgId, { name: markup, texts: { 'en.footer': markup }, textsAllowed: true });
    const { html } = await (await signInOnPages(world, owner)).open(at('account'));
    expect(html).toContain('&lt;script&gt;');
    expect(html).not.toContain('<script>');
  });

  it('a member of two organizations sees the branding of each on its pages', async () => {
    const second = await world.organization(owner);
    await setOrganizationBranding(world, second, { primaryColor: '#7a1f5c' });
    const visitor = await signInOnPages(world, owner);
    const { html } = await visitor.open(at('organizations/members', { org: second }));
    expect([html.includes('#7a1f5c'), html.includes(color)]).toEqual([true, false]);
  });
});

describe('values that an organization does not set', () => {
  const open = async () => (await (await signInOnPages(world, owner)).open(at('account'))).html;
  const ofApp = (body: object) => world.call('PATCH', '/v1/authorization/branding', { token: world.admin.token, body });

  it('comes from the app', async () => {
    await ofApp({ radius: 3, font: 'serif', name: 'Acme', termsUrl: 'https://acme.example/terms' });
    const html = await open();
    expect(html).toContain('--radius:3px;--font:Charter');
    expect(html).toMatch(/<title>[^<]* · Acme</);
    expect(html).toContain('https://acme.example/terms');
    await setOrganizationBranding(world, orgId, { radius: 12, primaryColor: null });
    await ofApp({ primaryColor: '#7a1f5c' });
    const changed = await open();
    expect(changed).toContain('--radius:12px;--font:Charter');
    expect(changed).toContain('--accent:#7a1f5c');
  });

  it('includes the dark colour, if it has no primary colour', async () => {
    await ofApp({ primaryColor: '#7a1f5c', primaryColorDark: '#ff8ad0' });
    // A shade of its own primary colour, not the pink of the app.
    expect(await open()).not.toContain('#ff8ad0');
    await setOrganizationBranding(world, orgId, { primaryColor: null });
    expect(await open()).toContain('#ff8ad0');
  });
});

describe('the database is asked', () => {
  it('one query reads the app and the branding, with and without an organization', async () => {
    const statementsFor = async (query: Values) => {
      const url = `/apps/${world.appName}/signed-out?${new URLSearchParams(query).toString()}`;
      recording.take();
      const answer = await test.app.inject({ url, headers: { cookie: `session-token=${owner.token}` } });
      return { count: recording.take().length, isShown: shownOn({ html: answer.body }).color };
    };
    const { count } = await statementsFor({});
    expect(await statementsFor({ org: orgId })).toEqual({ count, isShown: true });
    expect(await statementsFor({ org: '1' })).toEqual({ count, isShown: false });
  });
});
