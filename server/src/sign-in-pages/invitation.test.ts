import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { unique } from '../test/world/names.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

// An invitation that is opened while somebody else is signed in.

const newPassword = 'Secret@slidezAB';

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

interface Self {
  email: string;
  firstName: string;
  isEmailClaimed: boolean;
  organizations: { id: string; roles: string[]; managerRoles: string[] }[];
}

const selfOf = async (token: string | undefined) => {
  const url = '/v1/authentication/users/me?includeOrganizations=true';
  return (await world.call('GET', url, { token: token ?? '' })).json<Self>();
};

/** Invites Ada. @returns the link of the mail */
async function invite(email: string, grant: 'owners' | 'managers' | 'members') {
  const owner = await world.person();
  const orgId = await world.organization(owner);
  const role = grant === 'members' ? { role: 'reader' } : {};
  const body = { email, firstName: 'Ada', lastName: 'Lovelace', ...role };
  const url = `/v1/authorization/organizations/${orgId}/${grant}`;
  await world.call('POST', url, { token: owner.token, body });
  return { orgId, link: (await world.mail(email)).url ?? '' };
}

/** Eve, signed in, with the link of Ada's invitation open. */
async function eveWithInvitation(ada: { email: string }, grant: 'owners' | 'managers' | 'members' = 'owners') {
  const eve = await world.person({ verified: true });
  const { orgId, link } = await invite(ada.email, grant);
  const visitor = await signInOnPages(world, eve);
  const visit = await visitor.open(link);
  return { eve, orgId, link, visitor, form: visit.forms.find(({ button }) => button === 'Accept invitation') };
}

const expectNoMember = async ({ token }: Person) => expect((await selfOf(token)).organizations).toEqual([]);

describe('an invitation that somebody else opens who is signed in', () => {
  it.each(['owners', 'managers', 'members'] as const)(
    'makes the invited person a member, not the other person: %s',
    async (grant) => {
      const ada = { email: `${unique('ada')}@example.com` };
      const { eve, orgId, visitor } = await eveWithInvitation(ada, grant);
      const before = visitor.jar.get('session-token');
      const account = await visitor.press('Accept invitation', { newPassword });
      expect(account.text).toContain(`${ada.email} Verified`);
      expect(account.text).not.toContain(eve.email);
      expect(visitor.jar.get('session-token')).not.toBe(before);
      const now = await selfOf(visitor.jar.get('session-token'));
      expect(now).toMatchObject({ email: ada.email, isEmailClaimed: true, organizations: [{ id: orgId }] });
      await expectNoMember(eve);
    },
  );

  it('signs the invited person in who has an account, and leaves the other account as it is', async () => {
    const ada = await world.person({ verified: false });
    const { eve, orgId, visitor } = await eveWithInvitation(ada);
    await visitor.press('Accept invitation', { newPassword });
    const now = await selfOf(visitor.jar.get('session-token'));
    expect(now).toMatchObject({ email: ada.email, isEmailClaimed: true, organizations: [{ id: orgId }] });
    await expectNoMember(eve);
    const session = { email: eve.email, password: newPassword };
    expect((await world.call('POST', '/v1/authentication/users/sessions', { body: session })).statusCode).toBe(401);
  });

  it.each<[what: string, change: (eve: Person) => Record<string, string>]>([
    ['as the person who is signed in', () => ({ step: 'mine' })],
    ['for another address', ({ email }) => ({ email })],
    ['with a code that is not in the mail', () => ({ code: 'ABCDEFG' })],
  ])('is not accepted %s', async (_, change) => {
    const ada = { email: `${unique('ada')}@example.com` };
    const { eve, visitor, form } = await eveWithInvitation(ada);
    const values = { ...form?.values, newPassword, ...change(eve) };
    const { status, html } = await visitor.post(form?.action ?? '', values);
    expect([status, /data-code="(\w+)"/.exec(html)?.[1]]).toEqual([400, 'code_invalid']);
    expect((await selfOf(visitor.jar.get('session-token'))).email).toBe(eve.email);
    await expectNoMember(eve);
  });

  it('signs nobody out while it is open, or while its password is refused', async () => {
    const ada = { email: `${unique('ada')}@example.com` };
    const { eve, link, visitor } = await eveWithInvitation(ada);
    expect((await visitor.press('Accept invitation', { newPassword: 'short' })).status).toBe(400);
    expect((await selfOf(visitor.jar.get('session-token'))).email).toBe(eve.email);
    expect((await visitor.open(link)).text).toContain(`You are signed in as ${eve.email}`);
  });
});
