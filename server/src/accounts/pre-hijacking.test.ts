import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import {
  claimOf,
  comeBy,
  hijack,
  type Hijacked,
  type Linking,
  ownersClaims,
  requestVerification,
  strangersClaims,
  strangersOwnEmail,
  verify,
} from '../test/stranger.ts';
import { runTask } from '../test/tasks.ts';
import { beginByMail, enrol, factorsUrl } from '../test/world/factors.ts';
import { enableSignInCodes, sentCode, signInByCode } from '../test/world/sign-in-codes.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from './send-password-resets.ts';

const users = '/v1/authentication/users';
const newPassword = 'Secret@slidezAB';
let email: string;
let counter = 0;

let app: TestApp;
let world: World;
let linking: Linking;
let orgId: string;
let orgOwner: Person;

beforeAll(async () => {
  app = await buildTestApp();
  const provider = await TestProvider.start();
  provider.now = () => app.clock.now();
  linking = { provider, idpId: '' };
});
beforeEach(async () => {
  world = await createWorld(app);
  // The mailbox holds the mails of all apps.
  email = `owner-${(counter += 1)}@mailbox.example`;
  linking = { ...linking, idpId: await registerProvider(world, linking.provider) };
  orgOwner = await world.person();
  orgId = await world.organization(orgOwner);
});
afterAll(async () => {
  await linking?.provider.stop();
  await app?.close();
});

const names = () => ({ email, firstName: 'Jane', lastName: 'Roe' });

async function post<Answer>(url: string, body: object, token = orgOwner.token): Promise<Answer> {
  const response = await world.call('POST', `/v1/authorization/${url}`, { token, body });
  if (response.statusCode >= 300) throw new Error(response.body);
  return response.json<Answer>();
}
const grant = (noun: string, more: object = {}) => post(`organizations/${orgId}/${noun}`, { ...names(), ...more });
async function setUp(): Promise<void> {
  const admin = { adminFirstName: 'Jane', adminLastName: 'Roe', adminEmail: email };
  const body = { orgName: `Set up ${orgId}`, ...admin };
  offeredBy = (await post<{ orgId: string }>('organizations/setup', body, world.admin.token)).orgId;
}
async function resend(): Promise<void> {
  const url = `/v1/authorization/organizations/${orgId}/invitations?pageSize=10&status=pending`;
  const listed = await world.call('GET', url, { token: orgOwner.token });
  const [invitation] = listed.json<{ invitations: { id: string }[] }>().invitations;
  await post(`organizations/${orgId}/invitations/${invitation?.id}/resend`, {});
}

/** The organization of the invitation in the mail. */
let offeredBy: string;

type Grants = Readonly<Record<string, Partial<Record<'before' | 'after', () => Promise<unknown>>>>>;

/** Grants to the address, before or after the owner of the mailbox followed the stranger's verification link. */
const grants: Grants = {
  'an owner': { after: () => grant('owners') },
  'a manager': { after: () => grant('managers') },
  'a member': { after: () => grant('members', { role: 'reader' }) },
  'the owner of an organization that is set up': { after: setUp },
  'a super admin': { after: () => post('super-admins', { email }, world.admin.token) },
  'a member by an invitation that is sent again': {
    before: () => grant('members', { role: 'reader' }),
    after: resend,
  },
  'an owner by an invitation that waits': { before: () => grant('owners') },
  'a super admin by an invitation that waits': {
    before: () => post('super-admins', { email }, world.admin.token),
  },
};

/** The roles of a person, read with their session. */
async function holdings(token: string): Promise<{ organizations: number; isSuperAdmin: boolean }> {
  const me = await world.call('GET', `${users}/me?includeOrganizations=true`, { token });
  const list = await world.call('GET', '/v1/authorization/super-admins?pageSize=1', { token });
  return {
    organizations: me.json<{ organizations?: unknown[] }>().organizations?.length ?? 0,
    isSuperAdmin: list.statusCode === 200,
  };
}
const nothing = { organizations: 0, isSuperAdmin: false };

const signIn = (as: string, secret: string) =>
  world.call('POST', `${users}/sessions`, { body: { email: as, password: secret } });
const tokenOf = (response: Awaited<ReturnType<World['call']>>): string[] =>
  response.statusCode < 300 ? [response.json<{ sessionToken: string }>().sessionToken] : [];

/** The stranger attempts every sign-in method of the account. @returns the sessions */
async function tryAll({ token, userId }: Hijacked, ownEmail: string): Promise<string[]> {
  const byIdentity = await comeBy(world, linking, strangersClaims);
  const isAccount = byIdentity.statusCode < 300 && byIdentity.json<{ userId: string }>().userId === userId;
  const me = await world.call('GET', `${users}/me`, { token });
  return [
    ...(me.statusCode === 200 ? [token] : []),
    ...tokenOf(await signIn(ownEmail, password)),
    ...(isAccount ? tokenOf(byIdentity) : []),
  ];
}

/** Resets the password with a code from the mailbox. @returns a session */
async function reset(): Promise<string> {
  await world.call('POST', `${users}/password/reset-request/email`, { body: { email } });
  await runTask(app, sendPasswordResets);
  const { code: verificationCode } = await world.mail(email);
  const response = await world.call('PUT', `${users}/password`, { body: { email, verificationCode, newPassword } });
  if (response.statusCode !== 200) throw new Error(response.body);
  return tokenOf(await signIn(email, newPassword))[0] ?? '';
}

/** The owner of the mailbox accepts the offer of the newest mail. @returns their session */
async function accept(): Promise<string> {
  const mail = (await world.mails(email)).find(({ purpose }) => purpose === 'invitation');
  if (!mail) return reset();
  const body = { orgId: offeredBy, email, verificationCode: mail.code, newPassword };
  const response = await world.call('PUT', `${users}/invite`, { body });
  if (response.statusCode !== 200) throw new Error(response.body);
  return response.json<{ sessionToken: string }>().sessionToken;
}

async function offer({ before }: Grants[string]): Promise<void> {
  offeredBy = orgId;
  await before?.();
}

describe.each(Object.entries(grants))('grants to the address of %s', (name, given) => {
  const expected = name.includes('super admin') ? { ...nothing, isSuperAdmin: true } : { ...nothing, organizations: 1 };

  test("belongs to the owner, not to the stranger, and the stranger's changes are removed", async () => {
    await offer(given);
    const account = await hijack(world, linking, email, { clicked: true });
    await given.after?.();
    const sessions = await tryAll(account, email);
    expect(sessions).toHaveLength(3);
    for (const token of sessions) expect(await holdings(token)).toEqual(nothing);

    const owner = await accept();
    expect(await holdings(owner)).toEqual(expected);
    for (const token of sessions) expect((await world.call('GET', `${users}/me`, { token })).statusCode).toBe(401);
    expect(await tryAll(account, email)).toEqual([]);
    const change = { verificationCode: account.changeCode };
    for (const token of [account.token, owner]) {
      const response = await world.call('PUT', `${users}/me/email`, { token, body: change });
      expect(['401 unauthenticated', '400 code_invalid']).toContain(problem(response));
    }
    expect(await claimOf(world, account.userId)).toEqual({ isEmailVerified: true, isEmailClaimed: true });
  });

  test('stays with the mailbox when the stranger deletes or moves the account', async () => {
    await offer(given);
    const account = await hijack(world, linking, email, { clicked: true });
    await given.after?.();
    const body = { verificationCode: account.changeCode };
    expect((await world.call('PUT', `${users}/me/email`, { token: account.token, body })).statusCode).toBe(200);
    for (const token of await tryAll(account, strangersOwnEmail)) expect(await holdings(token)).toEqual(nothing);
    const owner = await accept();
    expect(await holdings(owner)).toEqual(expected);
    for (const token of await tryAll(account, strangersOwnEmail)) expect(await holdings(token)).toEqual(nothing);
  });

  test('belongs to the owner after a sign-in with a trusted provider, except super admin rights', async () => {
    await offer(given);
    const account = await hijack(world, linking, email, { clicked: true });
    await given.after?.();
    const came = await comeBy(world, linking, ownersClaims(email));
    const held = await Promise.all(tokenOf(came).map(holdings));
    expect([came.statusCode, held]).toEqual(expected.isSuperAdmin ? [403, []] : [200, [expected]]);
    const remaining = await Promise.all((await tryAll(account, email)).map(holdings));
    // A person who is invited as a super admin must use the code. Until then, the stranger has an account with nothing.
    expect(remaining.every((one) => !one.isSuperAdmin && one.organizations === 0)).toBe(true);
    expect(remaining.length > 0).toBe(expected.isSuperAdmin);
  });
});

test.each(Object.entries(grants))(
  'grants to the address of %s belong to the owner after a sign-in with a mailed code, not to the stranger',
  async (name, given) => {
    const expected = name.includes('super admin')
      ? { ...nothing, isSuperAdmin: true }
      : { ...nothing, organizations: 1 };
    await enableSignInCodes(world);
    await offer(given);
    const account = await hijack(world, linking, email, { clicked: true });
    await beginByMail(world, account);
    const factor = await enrol(world, account);
    await given.after?.();
    const { code, browser } = await sentCode(world, email, { ip: '192.0.2.80' });
    const signedIn = await signInByCode(world, email, code, browser);
    expect(signedIn.statusCode).toBe(201);
    const [owner = ''] = tokenOf(signedIn);
    expect(await holdings(owner)).toEqual(expected);
    expect(await tryAll(account, email)).toEqual([]);
    expect(await claimOf(world, account.userId)).toEqual({ isEmailVerified: true, isEmailClaimed: true });
    const factors = await world.call('GET', factorsUrl, { token: owner });
    expect(JSON.stringify(factors.json())).not.toContain(factor.id);
    const change = { verificationCode: account.changeCode };
    expect(problem(await world.call('PUT', `${users}/me/email`, { token: owner, body: change }))).toBe(
      '400 code_invalid',
    );
  },
);

describe('an honest user who opened the link on another device', () => {
  /**
   * The owner of the mailbox followed the link in another browser: the account is verified, not claimed, and invited.
   */
  async function honest() {
    const person = await world.person({ email, verified: false });
    const { verificationCode, mailedToken } = await requestVerification(world, person);
    await verify(world, mailedToken, { userId: person.userId, verificationCode });
    expect(await grant('members', { role: 'reader' })).toMatchObject({ invited: true });
    const { code = '' } = await world.mail(email);
    return { ...person, code };
  }
  const acceptSignedIn = (token: string, verificationCode: string, into = orgId) =>
    world.call('POST', `${users}/me/invitations/accept`, { token, body: { orgId: into, verificationCode } });

  test('accepts the invitation while signed in, without a new password, and all sessions are kept', async () => {
    const person = await honest();
    const other = await world.signIn(email);
    const response = await acceptSignedIn(person.token, person.code);
    expect([response.statusCode, response.json()]).toEqual([200, { message: 'Invitation accepted' }]);
    for (const token of [person.token, other.token]) {
      expect(await holdings(token)).toEqual({ ...nothing, organizations: 1 });
    }
    expect((await signIn(email, password)).statusCode).toBe(201);
    expect(await grant('managers')).toMatchObject({ invited: false });
    expect((await world.events()).findLast(({ action }) => action === 'invitation.accepted')).toMatchObject({
      actor: `user ${person.userId}`,
      changes: ['roles.reader'],
    });
  });

  test('requests a new code, presents it signed in, and gets roles directly when invited again', async () => {
    const person = await honest();
    const { verificationCode } = await requestVerification(world, person);
    expect((await verify(world, person.token, { userId: person.userId, verificationCode })).statusCode).toBe(200);
    expect(await holdings(person.token)).toEqual(nothing);
    await resend();
    expect(await holdings(person.token)).toEqual({ ...nothing, organizations: 1 });
  });

  test('accepts with a new password, and keeps phone number and metadata', async () => {
    const person = await honest();
    const profile = { phoneNumber: '+4915112345678', metadata: { plan: 'pro' } };
    await world.call('PUT', `${users}/${person.userId}`, { token: person.token, body: profile });
    offeredBy = orgId;
    await accept();
    const url = `${users}/${person.userId}?includeMetadata=true`;
    expect((await world.call('GET', url, { token: world.admin.token })).json()).toMatchObject(profile);
  });

  test('is refused with a code of another organization, of another user, and a used one', async () => {
    const person = await honest();
    const elsewhere = await world.organization(await world.person());
    const somebody = await world.person();
    expect(problem(await acceptSignedIn(person.token, person.code, elsewhere))).toBe('400 code_invalid');
    expect(problem(await acceptSignedIn(somebody.token, person.code))).toBe('400 code_invalid');
    expect(problem(await acceptSignedIn((await world.machine()).token, person.code))).toBe('403 human_required');
    expect((await acceptSignedIn(person.token, person.code)).statusCode).toBe(200);
    expect(problem(await acceptSignedIn(person.token, person.code))).toBe('400 code_invalid');
  });

  test('does not become super admin by accepting an invitation to an organization', async () => {
    const person = await honest();
    await post('super-admins', { email }, world.admin.token);
    expect((await acceptSignedIn(person.token, person.code)).statusCode).toBe(200);
    expect(await holdings(person.token)).toEqual({ ...nothing, organizations: 1 });
    expect(await holdings(await reset())).toEqual({ organizations: 1, isSuperAdmin: true });
  });
});

describe('a grant by id', () => {
  const byId = (userId: string, method: 'POST' | 'PUT', token: string, roles = ['reader']) =>
    world.call(method, `/v1/authorization/organizations/users/${userId}${method === 'PUT' ? '/roles' : ''}`, {
      token,
      orgId,
      body: { roles },
    });
  const lastChanges = async () => (await world.events()).at(-1)?.changes;

  test('a grant by id to an unclaimed account is made as documented, and recorded', async () => {
    const { userId, token } = await hijack(world, linking, email, { clicked: true });
    const machine = await world.machine();
    const added = await byId(userId, 'POST', machine.token);
    const message = `User ${userId} added to ${orgId} as reader`;
    expect([added.statusCode, added.json()]).toEqual([200, { message }]);
    expect(await lastChanges()).toEqual(['roles.reader', 'unclaimed']);
    expect((await byId(userId, 'PUT', world.admin.token, ['writer'])).statusCode).toBe(200);
    expect(await lastChanges()).toEqual(['roles.writer', 'roles.reader', 'unclaimed']);
    expect((await byId(userId, 'PUT', world.admin.token, [])).statusCode).toBe(200);
    expect(await lastChanges()).toEqual(['roles.writer']);
    expect(await holdings(token)).toEqual({ ...nothing, organizations: 1 });
  });

  test('a grant by id to a claimed account is recorded without a note', async () => {
    const { userId } = await world.person();
    expect((await byId(userId, 'POST', world.admin.token)).statusCode).toBe(200);
    expect(await lastChanges()).toEqual(['roles.reader']);
  });

  test('stays with the account when its owner claims it, and the stranger loses it', async () => {
    const account = await hijack(world, linking, email, { clicked: false });
    await byId(account.userId, 'POST', world.admin.token);
    const owner = await reset();
    expect(await holdings(owner)).toEqual({ ...nothing, organizations: 1 });
    expect(await tryAll(account, email)).toEqual([]);
  });
});
