import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { digestOfEverything } from '../test/digest.ts';
import { png, pngOf } from '../test/images.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { enableOrganizationMachines } from '../test/samples/stage.ts';
import { brandingOf, enableOrganizationBranding, setOrganizationLogo } from '../test/world/branding.ts';
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
  orgId = await world.organization(owner);
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => test?.close());

type Caller = { readonly token: string };
const get = (by: Caller = owner, of = orgId) => world.call('GET', brandingOf(of), { token: by.token });
const patch = (body: object, by: Caller = owner, headers = {}) =>
  world.call('PATCH', brandingOf(orgId), { token: by.token, body, headers });
const putLogo = (bytes: Buffer, by: Caller = owner, headers = {}) =>
  world.call('PUT', `${brandingOf(orgId)}/logo`, {
    token: by.token,
    body: { content: bytes.toString('base64') },
    headers,
  });
const deleteLogo = (by: Caller = owner) => world.call('DELETE', `${brandingOf(orgId)}/logo`, { token: by.token });
const open = (path: string) => test.app.inject({ url: path });
const setSetting = (on: boolean) =>
  world.call('PATCH', '/v1/authorization/apps/settings', {
    token: world.admin.token,
    body: { organizationBranding: on },
  });

const inherited = {
  name: null,
  primaryColor: null,
  primaryColorDark: null,
  radius: null,
  font: null,
  logoBackground: null,
  texts: null,
  termsUrl: null,
  privacyUrl: null,
  supportUrl: null,
  textsAllowed: false,
};

describe('a change is refused', () => {
  it.each<[what: string, body: object, pointer: string]>([
    ['with an unknown field', { css: 'body{}' }, '/body/css'],
    ['with methods, which belong to the app', { methods: ['password'] }, '/body/methods'],
    ['with a colour that goes on', { primaryColor: '#000000;}*{display:none' }, '/body/primaryColor'],
    ['with a font of elsewhere', { font: 'url(https://evil.example/f)' }, '/body/font'],
    ['with a name that is turned round', { name: 'Acme \u202Emoc.live' }, '/body/name'],
    ['with a text that is not listed', { texts: { 'en.problemTitle': 'Hi' } }, '/body/texts/en.problemTitle'],
    ['with a long text', { texts: { 'en.footer': 'a'.repeat(501) } }, '/body/texts/en.footer'],
    ['with a link that is a script', { termsUrl: 'javascript:alert(1)' }, '/body/termsUrl'],
    ['with a link with a user', { termsUrl: 'https://bank.example@evil.example/' }, '/body/termsUrl'],
    ['with a link without slashes', { termsUrl: 'https:acme.example' }, '/body/termsUrl'],
    ['with a link with one slash', { termsUrl: 'https:/acme.example' }, '/body/termsUrl'],
    ['with a permission that is no boolean', { textsAllowed: null }, '/body/textsAllowed'],
  ])('a change %s is refused, and nothing changes', async (_, body, pointer) => {
    const before = await digestOfEverything(db);
    const answer = await patch({ ...body, radius: 3 }, world.admin);
    expect(problem(answer)).toBe('400 validation_failed');
    expect(Object.keys(faults(answer))).toEqual([pointer]);
    expect(await digestOfEverything(db)).toEqual(before);
  });

  it.each([{ primaryColor: '#ffcc00' }, { primaryColorDark: '#000000' }])(
    'a change to an illegible colour is refused, and names a legible one: %o',
    async (body) => {
      const answer = await patch({ ...body, radius: 3 });
      expect(problem(answer)).toBe('400 contrast_too_low');
      const { nearestColors } = answer.json<{ nearestColors: object }>();
      expect(Object.keys(nearestColors)).toEqual(Object.keys(body));
      expect((await get()).json()).toEqual(inherited);
      expect((await patch(nearestColors)).statusCode).toBe(200);
    },
  );

  it('a change is refused while the app shows no branding of organizations, also for super admins', async () => {
    const path = await setOrganizationLogo(world, orgId);
    await setSetting(false);
    for (const by of [owner, world.admin]) {
      expect(problem(await patch({ radius: 3 }, by))).toBe('403 organization_branding_disabled');
      expect(problem(await putLogo(png(1, 1), by))).toBe('403 organization_branding_disabled');
    }
    // The address in sent mails does not return the logo either.
    expect((await open(path)).statusCode).toBe(404);
    expect((await deleteLogo()).statusCode).toBe(204);
  });

  it('a change is refused by default', async () => {
    const other = await createWorld(test);
    const its = await other.organization(await other.person());
    const answer = await other.call('PATCH', brandingOf(its), { token: other.admin.token, body: { radius: 3 } });
    expect(problem(answer)).toBe('403 organization_branding_disabled');
  });

  it.each<[who: string, caller: () => Promise<Caller>, code: string]>([
    ['a member', () => world.member(orgId), '403 access_denied'],
    ['a manager', () => world.manager(orgId), '403 access_denied'],
    ['a stranger', () => world.person(), '404 organization_not_found'],
    ['a machine user of the app', () => world.machine(), '403 access_denied'],
    [
      'the owner of another organization',
      async () => {
        const neighbour = await world.person();
        await world.organization(neighbour);
        return neighbour;
      },
      '404 organization_not_found',
    ],
    ['a super admin of another app', async () => (await createWorld(test)).admin, '401 unauthenticated'],
  ])('a change is refused to %s', async (_, caller, code) => {
    const by = await caller();
    for (const answer of [await patch({ radius: 3 }, by), await putLogo(png(1, 1), by), await deleteLogo(by)])
      expect(problem(answer)).toBe(code);
    expect((await get()).json()).toEqual(inherited);
  });

  it('a change is refused to an owner whose authentication is old', async () => {
    await db.query(sql`
      UPDATE sessions SET authenticated_at = authenticated_at - interval '11 minutes' WHERE user_id = ${owner.userId}`);
    expect(problem(await patch({ radius: 3 }))).toBe('401 reauthentication_required');
    expect(problem(await putLogo(png(1, 1)))).toBe('401 reauthentication_required');
    expect(problem(await deleteLogo())).toBe('401 reauthentication_required');
    expect((await get()).statusCode).toBe(200);
  });

  it('a change is refused to the owner of a deactivated organization', async () => {
    const url = `/v1/authorization/organizations/${orgId}/deactivate`;
    await world.call('POST', url, { token: world.admin.token });
    expect(problem(await patch({ radius: 3 }))).toBe('403 organization_inactive');
    expect((await patch({ radius: 3 }, world.admin)).statusCode).toBe(200);
  });
});

describe('the permission for texts', () => {
  it('only super admins give the permission, also together with other fields', async () => {
    for (const body of [{ textsAllowed: true }, { textsAllowed: false, radius: 3 }, { radius: 3, textsAllowed: true }])
      expect(problem(await patch(body))).toBe('403 access_denied');
    expect((await get()).json()).toEqual(inherited);
    expect((await patch({ textsAllowed: true }, world.admin)).json()).toMatchObject({ textsAllowed: true });
    const event = (await world.events()).findLast(({ action }) => action === 'organization.branding_updated');
    expect(event).toMatchObject({ target: `organization ${orgId}`, changes: ['textsAllowed'] });
  });

  it('stays when the owner changes or clears values', async () => {
    await patch({ textsAllowed: true }, world.admin);
    expect((await patch({ name: 'Acme' })).json()).toMatchObject({ name: 'Acme', textsAllowed: true });
    await putLogo(png(1, 1));
    expect((await patch({ name: null })).json()).toMatchObject({ name: null, textsAllowed: true });
  });

  it('the permission for texts of one organization applies to no other', async () => {
    await patch({ textsAllowed: true }, world.admin);
    const neighbour = await world.person();
    const its = await world.organization(neighbour);
    expect((await get(neighbour, its)).json()).toEqual(inherited);
  });
});

describe('the branding', () => {
  it('inherits everything by default, and is shown to members and machine users', async () => {
    await enableOrganizationMachines(world);
    for (const by of [owner, await world.member(orgId), await world.manager(orgId), await world.machine(), world.admin])
      expect((await get(by)).json()).toEqual(inherited);
    expect(problem(await get(await world.person()))).toBe('404 organization_not_found');
  });

  it('keeps the fields that a change does not name; null restores the value of the app', async () => {
    await patch({ radius: 3, font: 'serif', texts: { 'en.footer': 'x' } });
    await patch({ font: null });
    expect((await get()).json()).toEqual({ ...inherited, radius: 3, texts: { 'en.footer': 'x' } });
  });

  it('has the version of the organization, so that of two changes of one version the second is refused', async () => {
    const version = String((await get()).headers['etag']);
    const answers = await Promise.all([
      patch({ radius: 3 }, owner, { 'if-match': version }),
      patch({ font: 'serif' }, owner, { 'if-match': version }),
      putLogo(png(1, 1), owner, { 'if-match': version }),
    ]);
    expect(answers.map((answer) => problem(answer)).toSorted((one, two) => one.localeCompare(two))).toEqual([
      '200 undefined',
      '412 precondition_failed',
      '412 precondition_failed',
    ]);
    const kept = answers.find(({ statusCode }) => statusCode === 200);
    expect(String((await get()).headers['etag'])).toBe(String(kept?.headers['etag']));
  });

  it('keeps concurrent changes of different fields', async () => {
    const changes = [{ radius: 3 }, { font: 'serif' }, { primaryColor: '#0b6e4f' }];
    await Promise.all([...changes.map((body) => patch(body)), patch({ textsAllowed: true }, world.admin)]);
    expect((await get()).json()).toEqual({ ...inherited, ...Object.assign({}, ...changes), textsAllowed: true });
  });

  it('is deleted with the organization, and so is its logo', async () => {
    await patch({ radius: 3 });
    const path = await setOrganizationLogo(world, orgId);
    expect((await open(path)).statusCode).toBe(200);
    await world.call('DELETE', `/v1/authorization/organizations/${orgId}`, { token: world.admin.token });
    expect((await open(path)).statusCode).toBe(404);
    expect(await db.query(sql`SELECT 1 FROM organization_branding WHERE org_id = ${orgId}`)).toEqual([]);
    expect(problem(await patch({ radius: 3 }, world.admin))).toBe('404 organization_not_found');
  });
});

describe('a logo', () => {
  it.each<[what: string, bytes: Buffer]>([
    ['that is an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')],
    ['with a page after it', Buffer.concat([png(1, 1), Buffer.from('<script>alert(1)</script>')])],
    ['that is too wide', png(2049, 1)],
  ])('%s is refused', async (_, bytes) => {
    expect(problem(await putLogo(bytes))).toBe('400 logo_invalid');
  });

  it('a logo that is too large is refused', async () => {
    expect(problem(await putLogo(Buffer.alloc(100 * 1024 + 1)))).toBe('400 validation_failed');
  });

  it('is served at the address of its app and content, as a download if it is opened', async () => {
    const path = await setOrganizationLogo(world, orgId, [5, 4]);
    const served = await open(path);
    expect(served.rawPayload).toEqual(png(5, 4));
    expect(served.headers).toMatchObject({
      'content-type': 'image/png',
      'content-disposition': 'attachment; filename="logo"',
      'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
    });
    const other = await createWorld(test);
    expect((await open(path.replace(world.appName, other.appName))).statusCode).toBe(404);
    await setOrganizationLogo(world, orgId, [6, 4]);
    expect((await open(path)).statusCode).toBe(404);
  });

  it('is not served while its organization is deactivated', async () => {
    const path = await setOrganizationLogo(world, orgId);
    const url = `/v1/authorization/organizations/${orgId}/deactivate`;
    await world.call('POST', url, { token: world.admin.token });
    expect((await open(path)).statusCode).toBe(404);
  });

  it('does not affect that of the app and of another organization when it is deleted', async () => {
    const neighbourOrgId = await world.organization(await world.person());
    const path = await setOrganizationLogo(world, orgId);
    await setOrganizationLogo(world, neighbourOrgId);
    const ofApp = '/v1/authorization/branding/logo';
    await world.call('PUT', ofApp, { token: world.admin.token, body: { content: pngOf(7, 7) } });
    expect((await deleteLogo()).statusCode).toBe(204);
    expect(problem(await deleteLogo())).toBe('404 logo_not_found');
    expect((await open(path)).statusCode).toBe(200);
    expect((await world.call('GET', ofApp, { token: world.admin.token })).json()).toMatchObject({ width: 7 });
    const url = `${brandingOf(neighbourOrgId)}/logo`;
    expect((await world.call('GET', url, { token: world.admin.token })).json()).toMatchObject({ width: 2 });
  });

  it('changes of a logo and of the values of an organization keep each other', async () => {
    await putLogo(png(1, 1));
    await patch({ radius: 3 });
    await putLogo(png(2, 2));
    expect((await get()).json()).toEqual({ ...inherited, radius: 3 });
    const events = (await world.events()).filter(({ action }) => action === 'organization.branding_updated');
    expect(events.map(({ changes }) => changes)).toEqual([['logo'], ['radius'], ['logo']]);
  });
});
