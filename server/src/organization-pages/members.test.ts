import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { setOrganizationPolicy } from '../test/world/policies.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type Person, type World } from '../test/world/world.ts';

let db: UndoableDb;
let test: TestApp;
let world: World;
let other: World;
let owner: Person;
let orgId: string;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test);
  other = await createWorld(test);
  owner = await world.person();
  orgId = await world.organization(owner, { name: 'Acme', roles: ['reader', 'writer'] });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const at = (page: string, query: Readonly<Record<string, string>> = {}) =>
  `/apps/${world.appName}/organizations/${page}?${new URLSearchParams({ org: orgId, ...query }).toString()}`;

const signIn = (person: { email: string }) => signInOnPages(world, person);

const codeOf = (html: string) => /data-code="(\w+)"/.exec(html)?.[1];

const rolesOf = async ({ userId }: Person): Promise<unknown> => {
  const url = `/v1/authentication/users/me?organizationId=${orgId}`;
  const { token } = await world.signIn((await emailOf(userId)) ?? '');
  return world.call('GET', url, { token }).then((answer) => {
    const [membership] = answer.json<{ organizations: { roles: string[]; managerRoles: string[] }[] }>().organizations;
    return membership && [...membership.managerRoles, ...membership.roles];
  });
};

async function emailOf(userId: string): Promise<string | undefined> {
  const rows = await test.db.query<{ email: string }>(
    sql`SELECT email FROM users WHERE app_id = ${world.appId} AND id = ${userId}`,
  );
  return rows[0]?.email;
}

describe('the list of members', () => {
  it('is linked from the account, for those who manage the organization', async () => {
    const account = await (await signIn(owner)).open(`/apps/${world.appName}/account`);
    expect(account.html).toContain('aria-label="Members of Acme"');
    const member = await world.member(orgId);
    const plain = await (await signIn(member)).open(`/apps/${world.appName}/account`);
    expect(plain.html).not.toContain('organizations/members');
    expect(plain.html).toContain('aria-label="Leave Acme"');
  });

  it('shows roles by their names, and finds by name and by address', async () => {
    const member = await world.member(orgId, 'writer');
    const visitor = await signIn(owner);
    const list = await visitor.open(at('members'));
    expect(list.text).toContain('Members found: 2');
    expect(list.text).toContain(`${owner.email} · Owner`);
    expect(list.text).toContain(`${member.email} · writer`);
    const found = await visitor.open(at('members', { find: member.email.slice(0, -4) }));
    expect(found.text).toContain('Members found: 1');
    expect((await visitor.open(at('members', { find: '%' }))).text).toContain('Nobody was found.');
  });

  it('is paged', async () => {
    await test.db.query(sql`
      INSERT INTO users (
        app_id, id, email, email_key, first_name, last_name, state, is_email_verified, created_at, updated_at
      )
      SELECT
        ${world.appId}, n, 'p' || n || '@example.com', 'p' || n || '@example.com', 'P' || n, 'X', 'ACTIVE', true,
        now(), now()
      FROM generate_series(1, 3000) n`);
    await test.db.query(sql`
      INSERT INTO members (app_id, id, org_id, user_id, created_at)
      SELECT ${world.appId}, n, ${orgId}, n, now() FROM generate_series(1, 3000) n`);
    const visitor = await signIn(owner);
    const first = await visitor.open(at('members'));
    const next = /<a href="([^"]+cursor=[^"]+)">More/.exec(first.html)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const second = await visitor.open(next);
    expect(second.html.length).toBeLessThan(30_000);
    expect(second.text).toContain('Back to the beginning');
    expect(second.html.match(/<li>/g)).toHaveLength(25);
    expect((await visitor.open(at('members', { cursor: 'x' }))).status).toBe(400);
  });

  it('escapes names', async () => {
    const member = await world.member(orgId);
    const body = { firstName: '<script>alert(1)</script>', lastName: '"\'><img src=x>' };
    await world.call('PUT', `/v1/authentication/users/${member.userId}`, { token: member.token, body });
    await world.call('PATCH', `/v1/authorization/organizations/${orgId}`, {
      token: owner.token,
      body: { name: '<b>"Acme"</b>' },
    });
    const visitor = await signIn(owner);
    for (const page of ['members', 'member', 'invitations', 'leave']) {
      const { html, text } = await visitor.open(at(page, { user: member.userId, find: body.lastName }));
      expect([page, html.includes('<script'), html.includes('<img'), html.includes('<b>')]).toEqual([
        page,
        false,
        false,
        false,
      ]);
      expect(text).toContain('<b>"Acme"</b>');
    }
  });
});

describe('a page of an organization', () => {
  const pages = ['members', 'member', 'invitations'];

  it.each([
    ['a plain member', () => world.member(orgId), 403, 'access_denied'],
    [
      'the owner of another organization',
      async () => {
        const stranger = await world.person();
        await world.organization(stranger);
        return stranger;
      },
      404,
      'organization_not_found',
    ],
  ])('refuses %s', async (_, who, status, code) => {
    const person = await who();
    const visitor = await signIn(person);
    for (const page of pages) {
      const shown = await visitor.open(at(page, { user: owner.userId }));
      expect([page, shown.status, codeOf(shown.html)]).toEqual([page, status, code]);
      expect(shown.text).not.toContain(owner.email);
    }
    expect((await world.events()).map(({ action }) => action)).not.toContain('access.denied');
  });

  it('refuses people of another app, also with their session', async () => {
    const stranger = await other.person();
    const foreign = await other.organization(stranger);
    const visitor = await signIn(owner);
    const shown = await visitor.open(at('members', { org: foreign }));
    expect([shown.status, codeOf(shown.html)]).toEqual([404, 'organization_not_found']);
    const elsewhere = await visitor.open(at('members').replace(world.appName, other.appName));
    expect(elsewhere.path).toContain(`/apps/${other.appName}/sign-in`);
  });

  it.each(['', '../users', '1/../../super-admins', 'x', '%00', '0'])('refuses the id "%s"', async (org) => {
    const visitor = await signIn(owner);
    for (const page of [...pages, 'leave']) {
      const shown = await visitor.open(at(page, { org, user: org }));
      expect([page, shown.status, codeOf(shown.html)]).toEqual([page, 404, 'organization_not_found']);
    }
  });

  it('sends people without a session to the sign-in', async () => {
    for (const page of [...pages, 'leave', 'new']) {
      expect((await createVisitor(test).open(at(page))).path).toContain('/sign-in');
    }
  });

  it('asks for a stronger sign-in if the organization requires it', async () => {
    await setOrganizationPolicy(world, orgId, { maxSessionHours: 1 });
    const visitor = await signIn(owner);
    await visitor.open(at('members'));
    await test.db.query(sql`UPDATE sessions SET authenticated_at = authenticated_at - interval '2 hours'`);
    const refused = await visitor.open(at('members'));
    expect(refused.status).toBe(401);
    expect(refused.text).not.toContain(owner.email);
    const list = await visitor.press('Continue', { currentPassword: password });
    expect(list.text).toContain('Members found: 1');
  });
});

describe('invitations', () => {
  const mia = { email: 'mia@example.com', firstName: 'Mia', lastName: 'Ray' };

  it('lead a colleague, in another browser, into the organization', async () => {
    const visitor = await signIn(owner);
    await visitor.open(at('invitations'));
    const list = await visitor.press('Invite', { ...mia, role: 'role:reader' });
    expect(list.text).toContain('The invitation is on its way.');
    expect(list.text).toContain('mia@example.com reader');
    const { url = '' } = await world.mail(mia.email);
    const colleague = createVisitor(test);
    await colleague.open(url);
    await colleague.press('Accept invitation', { newPassword: 'Secret@slidezAB' });
    expect((await colleague.open(`/apps/${world.appName}/account`)).text).toContain('Acme reader');
    expect((await visitor.open(at('members'))).text).toContain('mia@example.com · reader');
  });

  it('make people with an account members at once', async () => {
    const { email } = await world.person({ verified: true });
    const visitor = await signIn(owner);
    await visitor.open(at('invitations'));
    const list = await visitor.press('Invite', { ...mia, email, role: 'managers' });
    expect(list.text).toContain('The person is now a member.');
    expect(list.text).toContain(`${email} · Manager`);
  });

  it('are sent again and withdrawn', async () => {
    const visitor = await signIn(owner);
    await visitor.open(at('invitations'));
    await visitor.press('Invite', { ...mia, role: 'owners' });
    const { code } = await world.mail(mia.email);
    expect((await visitor.press('Send again')).text).toContain('The invitation is on its way.');
    expect((await world.mail(mia.email)).code).not.toBe(code);
    const list = await visitor.press('Withdraw');
    expect(list.text).toContain('The invitation is withdrawn. ');
    expect(list.text).toContain('There are none.');
  });

  it('expired invitations are listed separately', async () => {
    const visitor = await signIn(owner);
    await visitor.open(at('invitations'));
    await visitor.press('Invite', { ...mia, role: 'role:reader' });
    await test.db.query(sql`UPDATE invitations SET expires_at = created_at - interval '1 day'`);
    expect((await visitor.open(at('invitations'))).text).toContain('There are none.');
    expect((await visitor.open(at('invitations', { list: 'expired' }))).text).toContain('mia@example.com reader');
    expect((await visitor.press('Send again')).text).toContain('The invitation is on its way.');
  });

  it('a form for an invitation with a fault is shown again with the entered values', async () => {
    const visitor = await signIn(owner);
    await visitor.open(at('invitations'));
    const refused = await visitor.press('Invite', { ...mia, email: 'mia', role: 'managers' });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('Enter a complete email address.');
    expect(refused.forms.find(({ button }) => button === 'Invite')?.values).toMatchObject({
      email: 'mia',
      firstName: 'Mia',
      role: 'managers',
    });
  });

  it('invitations by a manager offer roles only', async () => {
    const visitor = await signIn(await world.manager(orgId));
    const { html } = await visitor.open(at('invitations'));
    expect(html).not.toContain('value="owners"');
    const refused = await visitor.press('Invite', { ...mia, role: 'owners' });
    expect([refused.status, codeOf(refused.html)]).toEqual([403, 'access_denied']);
  });

  it('an invitation of another organization cannot be revoked', async () => {
    const eve = await world.person();
    const evil = await world.organization(eve);
    const mine = await signIn(owner);
    await mine.open(at('invitations'));
    const { forms } = await mine.press('Invite', { ...mia, role: 'role:reader' });
    const { invitation = '' } = forms.find(({ button }) => button === 'Withdraw')?.values ?? {};
    const visitor = await signIn(eve);
    const page = await visitor.open(at('invitations', { org: evil }));
    const { form_token = '' } = page.forms.find(({ button }) => button === 'Invite')?.values ?? {};
    for (const org of [evil, orgId]) {
      for (const step of ['withdraw', 'resend']) {
        const form = { form_token, org, invitation, step };
        expect([org, step, (await visitor.post(at('invitations'), form)).status]).toEqual([org, step, 404]);
      }
    }
    expect((await mine.open(at('invitations'))).text).toContain(mia.email);
  });
});

describe('a member', () => {
  it('gets and loses roles', async () => {
    const person = await world.member(orgId, 'reader');
    const visitor = await signIn(owner);
    const page = await visitor.open(at('member', { user: person.userId }));
    expect(page.forms.find(({ button }) => button === 'Save')?.values).toMatchObject({ role_reader: 'on' });
    await visitor.press('Save', { role_writer: 'on' });
    expect(await rolesOf(person)).toEqual(['reader', 'writer']);
    const { values = {} } =
      (await visitor.open(at('member', { user: person.userId }))).forms.find(({ button }) => button === 'Save') ?? {};
    const { role_reader: _, ...without } = values;
    expect((await visitor.post(at('member'), without)).text).toContain('The roles are saved.');
    expect(await rolesOf(person)).toEqual(['writer']);
  });

  it('becomes manager and owner, and loses both roles again', async () => {
    const person = await world.member(orgId, 'reader');
    const visitor = await signIn(owner);
    await visitor.open(at('member', { user: person.userId }));
    await visitor.press('Make manager');
    await visitor.press('Make owner');
    expect(await rolesOf(person)).toEqual(['ORG_OWNER', 'ORG_USER_MANAGER', 'reader']);
    expect((await visitor.press('Take management away')).text).toContain('The management is saved.');
    expect(await rolesOf(person)).toEqual(['reader']);
  });

  it('is removed', async () => {
    const person = await world.member(orgId, 'reader');
    const visitor = await signIn(owner);
    await visitor.open(at('member', { user: person.userId }));
    const list = await visitor.press('Remove from the organization');
    expect(list.text).toContain('The person is no longer a member.');
    expect(list.text).not.toContain(person.email);
  });

  it('the last owner cannot be removed', async () => {
    const visitor = await signIn(owner);
    await visitor.open(at('member', { user: owner.userId }));
    for (const button of ['Remove from the organization', 'Take management away']) {
      const refused = await visitor.press(button);
      expect([refused.status, codeOf(refused.html)]).toEqual([409, 'last_owner']);
    }
  });

  it('a manager cannot change another manager', async () => {
    const manager = await world.manager(orgId);
    const visitor = await signIn(manager);
    const list = await visitor.open(at('members'));
    expect(list.html).not.toContain('organizations/member?');
    const person = await world.member(orgId, 'reader');
    const page = await visitor.open(at('member', { user: person.userId }));
    expect(page.forms.map(({ button }) => button)).toEqual(['Sign out', 'Save', 'Remove from the organization']);
    const { values = {} } = page.forms[1] ?? {};
    for (const user of [owner.userId, manager.userId]) {
      expect((await visitor.open(at('member', { user }))).status).toBe(403);
      for (const step of ['remove', 'roles', 'manager', 'owner', 'no-manager']) {
        const refused = await visitor.post(at('member'), { ...values, user, step });
        expect([step, refused.status]).toEqual([step, 403]);
      }
    }
    for (const step of ['manager', 'owner']) {
      const refused = await visitor.post(at('member'), { ...values, step });
      expect([step, refused.status, codeOf(refused.html)]).toEqual([step, 403, 'access_denied']);
    }
    expect(await rolesOf(person)).toEqual(['reader']);
  });

  it('gets no role that a manager lacks, if the app does not allow it', async () => {
    await world.call('PATCH', '/v1/authorization/apps/settings', {
      token: world.admin.token,
      body: { managersMayGrantAnyRole: false },
    });
    const visitor = await signIn(await world.manager(orgId));
    const person = await world.member(orgId, 'reader');
    const { forms } = await visitor.open(at('member', { user: person.userId }));
    expect(forms[1]?.fields).toEqual(['role_reader']);
    await visitor.post(at('member'), { ...forms[1]?.values, role_writer: 'on' });
    expect(await rolesOf(person)).toEqual(['reader']);
  });

  it('a member of another organization is not found', async () => {
    const stranger = await world.person();
    const visitor = await signIn(owner);
    const shown = await visitor.open(at('member', { user: stranger.userId }));
    expect([shown.status, codeOf(shown.html)]).toEqual([404, 'user_not_found']);
    expect(shown.text).not.toContain(stranger.email);
  });
});

describe('a form', () => {
  it.each(['member', 'invitations', 'leave', 'members', 'new'])('the page %s needs a form token', async (page) => {
    const person = await world.member(orgId, 'reader');
    const visitor = await signIn(owner);
    await visitor.open(at('members'));
    for (const step of ['remove', 'invite', 'leave', 'create']) {
      const form = {
        org: orgId,
        user: person.userId,
        step,
        email: 'mia@example.com',
        firstName: 'Mia',
        lastName: 'Ray',
        role: 'owners',
        form_token: 'x'.repeat(43),
      };
      expect((await visitor.post(at(page), form)).status).not.toBe(303);
    }
    expect(await rolesOf(person)).toEqual(['reader']);
    expect((await visitor.open(at('invitations'))).text).toContain('There are none.');
  });
});

describe('leaving', () => {
  it('asks for confirmation, and redirects to the account', async () => {
    const person = await world.member(orgId, 'reader');
    const visitor = await signIn(person);
    expect((await visitor.open(at('leave'))).text).toContain('You lose your roles in Acme at once.');
    const account = await visitor.press('Leave');
    expect(account.text).toContain('You have left the organization.');
    expect(account.text).toContain('You are in no organization yet.');
  });

  it('is refused to the last owner', async () => {
    const visitor = await signIn(owner);
    await visitor.open(at('leave'));
    const refused = await visitor.press('Leave');
    expect([refused.status, codeOf(refused.html)]).toEqual([409, 'last_owner']);
  });
});
