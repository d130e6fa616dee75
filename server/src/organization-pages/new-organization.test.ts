import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

let db: UndoableDb;
let test: TestApp;
let world: World;
let owner: Person;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test);
  owner = await world.person();
  await world.organization(owner, { name: 'Acme' });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const at = (page: string) => `/apps/${world.appName}/organizations/${page}`;

const signIn = (person: { email: string }) => signInOnPages(world, person);

const codeOf = (html: string) => /data-code="(\w+)"/.exec(html)?.[1];

describe('a new organization', () => {
  it('is created by a super admin, and its owner invites', async () => {
    const jon = await world.person({ verified: true });
    const visitor = await signIn(world.admin);
    const account = await visitor.open(`/apps/${world.appName}/account`);
    expect(account.text).toContain('Create an organization');
    await visitor.open(`/apps/${world.appName}/organizations/new`);
    const made = await visitor.press('Create', { orgName: 'Beta', adminEmail: jon.email, roles: 'Reader, Writer,' });
    expect(made.text).toContain('The organization is created.');
    const mine = await signIn(jon);
    expect((await mine.open(`/apps/${world.appName}/account`)).text).toContain('Beta Owner');
    const { html } = await visitor.open(`/apps/${world.appName}/organizations?list=all`);
    expect(html).toContain('Beta');
  });

  it('the form for a new organization with a fault is shown again with the entered values', async () => {
    const visitor = await signIn(world.admin);
    await visitor.open(`/apps/${world.appName}/organizations/new`);
    const refused = await visitor.press('Create', { orgName: 'Beta', roles: 'Org_Owner' });
    expect(refused.status).toBe(400);
    expect(refused.forms.find(({ button }) => button === 'Create')?.values).toMatchObject({ roles: 'Org_Owner' });
    const taken = await visitor.press('Create', { orgName: 'acme ', roles: '' });
    expect([taken.status, codeOf(taken.html)]).toEqual([409, 'organization_name_taken']);
  });

  const allow = (settings: object) =>
    world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body: settings });

  it('is created by its owner, if the app allows it', async () => {
    await allow({ usersMayCreateOrganizations: true, organizationsPerUser: 1 });
    const visitor = await signIn(await world.person({ verified: true }));
    expect((await visitor.open(`/apps/${world.appName}/account`)).html).toContain('organizations/new');
    expect((await visitor.open(`/apps/${world.appName}/organizations`)).html).toContain('organizations/new');
    await visitor.open(at('new'));
    const faulty = await visitor.press('Create', { orgName: '', roles: 'Reader' });
    expect([faulty.status, faulty.html.includes('id="orgName-fault"')]).toEqual([400, true]);
    const made = await visitor.press('Create', { orgName: 'Gamma', roles: 'Reader, Writer' });
    expect(made.text).toContain('The organization is created.');
    expect((await visitor.open(`/apps/${world.appName}/account`)).text).toContain('Gamma Owner');
    await visitor.open(at('new'));
    const refused = await visitor.press('Create', { orgName: 'Delta' });
    expect([refused.status, codeOf(refused.html)]).toEqual([409, 'organization_limit_reached']);
  });

  it('leads back to the choice of an organization', async () => {
    await allow({ usersMayCreateOrganizations: true, redirectUrls: ['https://app.example/'] });
    const visitor = await signIn(await world.person({ verified: true }));
    const goal = 'organization=choose&return_to=https%3A%2F%2Fapp.example%2F';
    const { html } = await visitor.open(`/apps/${world.appName}/organizations?${goal}`);
    const [, link = ''] = /href="([^"]*organizations\/new[^"]*)"/.exec(html) ?? [];
    await visitor.open(link.replaceAll('&amp;', '&'));
    const choice = await visitor.press('Create', { orgName: 'Epsilon' });
    expect(choice.text).toContain('Epsilon');
    expect(choice.forms.map(({ button }) => button)).toContain('Continue');
  });

  it('needs a verified address', async () => {
    await allow({ usersMayCreateOrganizations: true });
    const person = await world.person();
    await test.db.query(sql`
      UPDATE users SET claimed_by = NULL, is_email_verified = false
      WHERE app_id = ${world.appId} AND id = ${person.userId}`);
    const visitor = await signIn(person);
    expect((await visitor.open(`/apps/${world.appName}/account`)).html).not.toContain('organizations/new');
    const shown = await visitor.open(at('new'));
    expect([shown.status, codeOf(shown.html)]).toEqual([403, 'account_unclaimed']);
    expect(shown.html).toContain('/verify');
  });

  it('is not offered to others', async () => {
    const visitor = await signIn(owner);
    expect((await visitor.open(`/apps/${world.appName}/account`)).html).not.toContain('organizations/new');
    const shown = await visitor.open(at('new'));
    expect([shown.status, codeOf(shown.html)]).toEqual([403, 'access_denied']);
    const { values = {} } = shown.forms[0] ?? {};
    const form = { ...values, orgName: 'Evil', adminFirstName: 'E', adminLastName: 'E', adminEmail: owner.email };
    expect((await visitor.post(at('new'), form)).status).toBe(403);
  });
});
