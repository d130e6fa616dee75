import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { enableOrganizationBranding, setOrganizationBranding, setOrganizationLogo } from '../test/world/branding.ts';
import { unique } from '../test/world/names.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

const color = '#0b6e4f';

let db: UndoableDb;
let test: TestApp;
let world: World;
let owner: Person;
let orgId: string;
let logo: string;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test);
  await enableOrganizationBranding(world);
  owner = await world.person();
  orgId = await world.organization(owner, { name: 'www.evil.example' });
  await setOrganizationBranding(world, orgId, { name: 'Our Brand', primaryColor: color });
  logo = await setOrganizationLogo(world, orgId);
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => test?.close());

const invite = async (to = `${unique('invited')}@example.com`) => {
  const body = { email: to, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
  await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token: owner.token, body });
  return to;
};
const lookOf = async (to: string) => {
  const { html, subject } = await world.mail(to);
  return { color: html.includes(color), logo: html.includes(logo), name: `${html}${subject}`.includes('Our Brand') };
};
const nothing = { color: false, logo: false, name: false };
const look = { color: true, logo: true, name: false };

describe('a mail of an organization', () => {
  it('has its branding, and its name for the product with the permission only', async () => {
    const to = await invite();
    expect(await lookOf(to)).toEqual(look);
    await setOrganizationBranding(world, orgId, { textsAllowed: true });
    expect(await lookOf(to)).toEqual({ ...look, name: true });
  });

  it('has it for a granted role, too', async () => {
    const { email } = await world.person();
    await invite(email);
    expect((await world.mail(email)).purpose).toBe('role_granted');
    expect(await lookOf(email)).toEqual(look);
  });

  it('names the organization as text of its logo, never as a link', async () => {
    const { html } = await world.mail(await invite());
    expect(html).toMatch(/<img [^>]*alt="www\.\u2060evil\.\u2060example"/);
  });

  it('keeps sender and texts of the app', async () => {
    const texts = { 'en.footer': 'From the vendor' };
    const body = { mail: { fromName: 'Vendor', texts } };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    const own = { texts: { 'en.footer': 'From us' }, textsAllowed: true };
    await setOrganizationBranding(world, orgId, own);
    const { text } = await world.mail(await invite());
    expect([text.includes('From the vendor'), text.includes('From us')]).toEqual([true, false]);
  });

  it('shows its own logo also if the settings name one, and that of the settings without an own one', async () => {
    const logoUrl = 'https://acme.example/logo.png';
    const body = { mail: { logoUrl } };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    const to = await invite();
    expect(await lookOf(to)).toEqual(look);
    const url = `/v1/authorization/organizations/${orgId}/branding/logo`;
    await world.call('DELETE', url, { token: world.admin.token });
    expect((await world.mail(to)).html).toContain(logoUrl);
  });
});

describe('a mail has the branding of the app', () => {
  it.each<[what: string, spoil: () => Promise<unknown>]>([
    [
      'while the app shows no branding of organizations',
      () => db.query(sql`UPDATE apps SET settings = settings - 'organizationBranding' WHERE id = ${world.appId}`),
    ],
    ['of a deactivated organization', () => db.query(sql`UPDATE organizations SET status = 'Inactive'`)],
    [
      'of a deleted organization',
      () => world.call('DELETE', `/v1/authorization/organizations/${orgId}`, { token: world.admin.token }),
    ],
  ])('%s', async (_, spoil) => {
    const { email } = await world.person();
    await invite(email);
    await spoil();
    expect(await lookOf(email)).toEqual(nothing);
  });

  it('a mail of another organization has the branding of the app', async () => {
    const neighbour = await world.person();
    const its = await world.organization(neighbour);
    const email = `${unique('invited')}@example.com`;
    const body = { email, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
    await world.call('POST', `/v1/authorization/organizations/${its}/members`, { token: neighbour.token, body });
    expect(await lookOf(email)).toEqual(nothing);
  });

  it('a mail about the account of a member has the branding of the app', async () => {
    const { email } = await world.member(orgId);
    await world.call('POST', '/v1/authentication/users/password/reset', { body: { email } });
    await db.query(sql`DELETE FROM mails WHERE purpose <> 'email_verification'`);
    expect(await lookOf(email)).toEqual(nothing);
  });
});
