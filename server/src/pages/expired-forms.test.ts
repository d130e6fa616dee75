import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { unique } from '../test/world/names.ts';
import type { Visitor } from '../test/world/page-passkeys.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

// A form whose cookie has expired is shown again with the values that were typed, except passwords and codes.

const secret = 'Typed@Secret1';
const code = 'K7M2QXA';

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

const at = (page: string, query: Readonly<Record<string, string>> = {}) =>
  `/apps/${world.appName}/${page}?${new URLSearchParams(query).toString()}`;

async function signedIn() {
  const person = await world.person({ verified: true });
  return { person, visitor: await signInOnPages(world, person) };
}

async function ownerOfOrganization() {
  const { person, visitor } = await signedIn();
  return { person, visitor, orgId: await world.organization(person) };
}

const jon = { firstName: 'Jon', lastName: 'Doe' };
const newEmail = 'new@example.com';

/** A form that is open, and the values to type. */
interface Open {
  readonly visitor: Visitor;
  readonly button: string;
  readonly kept: Readonly<Record<string, string>>;
  /** Passwords and codes. */
  readonly forgotten?: Readonly<Record<string, string>>;
}

const opened: Readonly<Record<string, () => Promise<Open>>> = {
  'the address of a sign-in': async () => {
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    return { visitor, button: 'Continue', kept: { email: newEmail } };
  },
  'the address for a reset': async () => {
    const visitor = createVisitor(test);
    await visitor.open(at('forgot-password'));
    return { visitor, button: 'Send the mail', kept: { email: newEmail } };
  },
  'the code and password of a reset': async () => {
    const visitor = createVisitor(test);
    await visitor.open(at('reset-password', { email: newEmail }));
    return { visitor, button: 'Set password', kept: {}, forgotten: { code, newPassword: secret } };
  },
  'the code of a verification': async () => {
    const person = await world.person();
    const visitor = await signInOnPages(world, person);
    await visitor.open(at('verify'));
    return { visitor, button: 'Verify', kept: {}, forgotten: { code } };
  },
  'the profile': async () => {
    const { visitor } = await signedIn();
    return { visitor, button: 'Save', kept: { firstName: 'Grace', lastName: '' } };
  },
  'the password of the account': async () => {
    const { visitor } = await signedIn();
    const forgotten = { currentPassword: password, newPassword: secret };
    return { visitor, button: 'Change password', kept: {}, forgotten };
  },
  'the new address': async () => {
    const { visitor } = await signedIn();
    await visitor.open(at('account/email'));
    return { visitor, button: 'Continue', kept: { newEmail } };
  },
  'the code for the new address': async () => {
    const { visitor } = await signedIn();
    await visitor.open(at('account/email'));
    await visitor.press('Continue', { newEmail });
    return { visitor, button: 'Change the address', kept: {}, forgotten: { code } };
  },
  'an invitation': async () => {
    const email = `${unique('ada')}@example.com`;
    const body = { email, firstName: 'Ada', lastName: 'Lovelace' };
    const owners = `/v1/authorization/organizations/${await world.organization(await world.person())}/owners`;
    await world.call('POST', owners, { token: world.admin.token, body });
    const visitor = createVisitor(test);
    await visitor.open((await world.mail(email)).url ?? '');
    return { visitor, button: 'Accept invitation', kept: jon, forgotten: { newPassword: secret } };
  },
  'a new invitation': async () => {
    const { visitor, orgId } = await ownerOfOrganization();
    await visitor.open(at('organizations/invitations', { org: orgId }));
    return { visitor, button: 'Invite', kept: { ...jon, email: newEmail, role: 'managers' } };
  },
  'a new organization': async () => {
    const visitor = await signInOnPages(world, world.admin);
    await visitor.open(at('organizations/new'));
    const kept = {
      orgName: 'Acme',
      adminEmail: newEmail,
      adminFirstName: 'Jon',
      adminLastName: 'Doe',
      roles: 'Reader',
    };
    return { visitor, button: 'Create', kept };
  },
  'a new API key': async () => {
    const { person, visitor, orgId } = await ownerOfOrganization();
    const url = `/v1/authorization/organizations/users/${person.userId}`;
    await world.call('POST', url, { token: world.admin.token, orgId, body: { roles: ['reader'] } });
    await visitor.open(at('account/api-keys', { org: orgId }));
    return { visitor, button: 'Create a key', kept: { name: 'Export', days: '30' } };
  },
};

describe('a form that has expired', () => {
  it.each(Object.entries(opened))('keeps what was typed, without passwords and codes: %s', async (_, open) => {
    const { visitor, button, kept, forgotten = {} } = await open();
    visitor.jar.delete('page');
    const again = await visitor.press(button, { ...kept, ...forgotten });
    expect([again.status, again.text]).toEqual([400, expect.stringContaining('The page was open for too long')]);
    const form = again.forms.find((one) => one.button === button);
    const emptied = Object.fromEntries(Object.keys(forgotten).map((name) => [name, '']));
    expect(form?.values).toMatchObject({ ...kept, ...emptied });
    for (const value of Object.values(forgotten)) expect(again.html).not.toContain(value);
  });
});

describe('the cookie of the forms', () => {
  it.each([
    ['http://127.0.0.1:3000', /^page=gh_p_[\w-]{43}; Max-Age=7200; Path=\/; HttpOnly; SameSite=Lax$/],
    [
      'https://id.example',
      /^__Host-page-\w[\w-]*=gh_p_[\w-]{43}; Max-Age=7200; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    ],
  ])('lives two hours in the browser, on %s', async (publicUrl, expected) => {
    const service = await buildTestApp({ db, env: { PUBLIC_URL: publicUrl } });
    const { headers } = await createVisitor(service).open(at('sign-in'));
    expect([headers['set-cookie']].flat()).toEqual([expect.stringMatching(expected)]);
    await service.app.close();
  });
});
