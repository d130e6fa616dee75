import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { goThrough, newVerifier, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let provider: TestProvider;
let idpId: string;

beforeAll(async () => {
  app = await buildTestApp();
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
});
beforeEach(async () => {
  world = await createWorld(app);
  provider.misbehaviour = {};
  idpId = await registerProvider(world, provider);
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});

interface Answer {
  readonly userId: string;
  readonly sessionToken: string;
  readonly sessionId: string;
  readonly isNewUser: boolean;
}

const claims = (email: string, more: object = {}) => ({ sub: `sub of ${email}`, email, email_verified: true, ...more });

/** Signs in at the provider as the person with these claims. */
async function come(person: Readonly<Record<string, unknown>>, idp = idpId, from = provider) {
  from.person = person;
  return redeem(world, await goThrough(world, from, idp));
}
const comeIn = async (person: Readonly<Record<string, unknown>>, idp = idpId, from = provider): Promise<Answer> => {
  const response = await come(person, idp, from);
  if (response.statusCode !== 200) throw new Error(response.body);
  return response.json<Answer>();
};
const link = async ({ token }: { token: string }, person: Readonly<Record<string, unknown>>) => {
  provider.person = person;
  const { codeChallenge, codeVerifier } = newVerifier();
  return redeem(world, await goThrough(world, provider, idpId, { codeChallenge }), { token, codeVerifier });
};
const me = async (token: string) =>
  (await world.call('GET', '/v1/authentication/users/me', { token })).json<Record<string, unknown>>();
const signIn = (email: string) =>
  world.call('POST', '/v1/authentication/users/sessions', { body: { email, password } });
const identities = async (token: string) =>
  (await world.call('GET', '/v1/authentication/users/me/identities', { token })).json<{
    identities: { id: string; email: string | null }[];
  }>().identities;
const deactivate = (userId: string) =>
  app.db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE app_id = ${world.appId} AND id = ${userId}`);
const actions = async () => (await world.events()).map(({ action }) => action);
const countOf = async (table: 'users' | 'identities') => {
  const [row] = await app.db.query<{ count: string }>(
    table === 'users'
      ? sql`SELECT count(*) FROM users WHERE app_id = ${world.appId}`
      : sql`SELECT count(*) FROM identities WHERE app_id = ${world.appId}`,
  );
  return Number(row?.count);
};

describe('an unknown user', () => {
  it('becomes a user without a password, with a verified address and the names of the provider', async () => {
    const before = (await actions()).length;
    const came = await comeIn(claims('Jon.Doe@Example.com', { given_name: 'Jon', family_name: 'Doe', name: 'J' }));
    expect(came.isNewUser).toBe(true);
    expect(await me(came.sessionToken)).toMatchObject({
      email: 'Jon.Doe@example.com',
      isEmailVerified: true,
      firstName: 'Jon',
      lastName: 'Doe',
      displayName: 'Jon Doe',
    });
    expect(problem(await signIn('jon.doe@example.com'))).toBe('401 invalid_credentials');
    expect((await actions()).slice(before)).toEqual(['user.signed_up', 'identity.linked', 'session.created']);
  });

  it.each([
    [{ name: 'Jon Doe' }, 'Jon Doe', ''],
    [{ given_name: ' \u0000\n ', family_name: 7 }, 'jon', ''],
    [{ given_name: 'J\u0007on', family_name: 'x'.repeat(300) }, 'J on', 'x'.repeat(200)],
    [{ given_name: '\ud800' }, '\ufffd', ''],
  ])('an unknown user whom the provider names %j is created', async (names, firstName, lastName) => {
    const { sessionToken } = await comeIn(claims('jon@example.com', names));
    expect(await me(sessionToken)).toMatchObject({ firstName, lastName });
  });

  it('is known the next time, by the subject and not by the address', async () => {
    const first = await comeIn(claims('jon@example.com'));
    const again = await comeIn({ ...claims('other@example.com'), sub: 'sub of jon@example.com' });
    expect(again).toMatchObject({ userId: first.userId, isNewUser: false });
    const third = await comeIn({ sub: 'sub of jon@example.com' });
    expect(third.userId).toBe(first.userId);
    expect(await identities(third.sessionToken)).toMatchObject([{ email: 'jon@example.com' }]);
  });

  it('an address at two providers belongs to one user with two identities', async () => {
    const first = await comeIn(claims('jon@example.com'));
    const other = await registerProvider(world, provider);
    const second = await comeIn({ ...claims('JON@example.com'), sub: 'another' }, other);
    expect(second).toMatchObject({ userId: first.userId, isNewUser: false });
    expect(await identities(second.sessionToken)).toHaveLength(2);
  });

  it('is one user after several concurrent sign-ins of different kinds', async () => {
    provider.person = claims('jon@example.com');
    const ways = await Promise.all([1, 2, 3, 4].map(() => goThrough(world, provider, idpId)));
    const answers = await Promise.all(ways.map((way) => redeem(world, way)));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
    expect(new Set(answers.map((answer) => answer.json<Answer>().userId)).size).toBe(1);
    expect(answers.filter((answer) => answer.json<Answer>().isNewUser)).toHaveLength(1);
    expect([await countOf('users'), await countOf('identities')]).toEqual([2, 1]);
  });

  it('is refused if sign-ups are disabled, and accepted if the user exists', async () => {
    const settings = { signUpEnabled: false };
    const jon = await world.person();
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings });
    expect(problem(await come(claims('new@example.com')))).toBe('403 sign_up_disabled');
    expect(await countOf('users')).toBe(2);
    expect((await comeIn(claims(jon.email))).userId).toBe(jon.userId);
  });
});

describe('an address that the provider does not vouch for', () => {
  it.each([
    ['is unverified', { email: 'jon@example.com', email_verified: false }],
    ['is not said to be verified', { email: 'jon@example.com' }],
    ['is missing', { email_verified: true }],
    ['is no address', { email: 'jon at example.com', email_verified: true }],
    ['is no text', { email: ['jon@example.com'], email_verified: true }],
  ])('an address that the provider does not vouch for because it %s creates and links no user', async (_, person) => {
    await world.person({ email: 'jon@example.com' });
    const response = await come({ sub: 'jon', ...person });
    expect(problem(response)).toBe('403 idp_email_unverified');
    expect([await countOf('users'), await countOf('identities')]).toEqual([2, 0]);
    expect((await world.securityEvents()).at(-1)).toMatchObject({
      action: 'idp.failed',
      target: `identity_provider ${idpId}`,
      changes: ['error.idp_email_unverified'],
    });
  });

  it('an address that the provider is not trusted to vouch for creates and links no user', async () => {
    const untrusted = await registerProvider(world, provider, { trustEmail: false });
    expect(problem(await come(claims('jon@example.com'), untrusted))).toBe('403 idp_email_unverified');
    await world.call('PATCH', `/v1/authorization/idps/${untrusted}`, {
      token: world.admin.token,
      body: { trustEmail: true },
    });
    expect((await come(claims('jon@example.com'), untrusted)).statusCode).toBe(200);
  });

  it('does not matter to who is linked', async () => {
    const jon = await world.person();
    expect((await link(jon, { sub: 'jon' })).statusCode).toBe(200);
    expect((await comeIn({ sub: 'jon', email: 'anything@example.com', email_verified: false })).userId).toBe(
      jon.userId,
    );
  });

  it('is not the one of the userinfo endpoint because the token says that some address is verified', async () => {
    provider.misbehaviour = { userinfo: { email: 'jon@example.com' } };
    expect(problem(await come({ sub: 'jon', email_verified: true }))).toBe('403 idp_email_unverified');
    provider.misbehaviour = { userinfo: { email: 'jon@example.com', email_verified: false } };
    expect(problem(await come({ sub: 'jon', email_verified: true }))).toBe('403 idp_email_unverified');
  });

  it('may be in the response of the userinfo endpoint', async () => {
    provider.misbehaviour = { userinfo: { email: 'jon@example.com', email_verified: true, given_name: 'Jon' } };
    expect(await me((await comeIn({ sub: 'jon' })).sessionToken)).toMatchObject({ email: 'jon@example.com' });
  });
});

describe('somebody whose address has an account', () => {
  it('joins it when the account is verified, keeps everything and is notified', async () => {
    const jon = await world.person();
    const came = await comeIn(claims(jon.email, { given_name: 'Other' }));
    expect(came).toMatchObject({ userId: jon.userId, isNewUser: false });
    expect(await me(jon.token)).toMatchObject({ firstName: 'Jon' });
    const mail = await world.mail(jon.email);
    expect(mail.subject).toContain('Acme SSO was linked to your account');
    expect((await signIn(jon.email)).statusCode).toBe(201);
  });

  it('claims the account if it was not verified, and removes all of its data', async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const squatter = await world.person({ email: 'victim@example.com', verified: false });
    expect((await link(squatter, { sub: 'squatter' })).statusCode).toBe(200);
    const body = { email: 'victim@example.com', firstName: 'A', lastName: 'B', role: 'reader' };
    const members = `/v1/authorization/organizations/${orgId}/members`;
    const invited = await world.call('POST', members, { token: owner.token, body });
    expect(invited.json()).toMatchObject({ invited: true });
    const came = await comeIn(claims('victim@example.com', { given_name: 'Vic', family_name: 'Tim' }));
    expect(came).toMatchObject({ userId: squatter.userId, isNewUser: false });
    const url = '/v1/authentication/users/me';
    expect(problem(await world.call('GET', url, { token: squatter.token }))).toBe('401 unauthenticated');
    expect(problem(await signIn('victim@example.com'))).toBe('401 invalid_credentials');
    expect(problem(await come({ sub: 'squatter' }))).toBe('403 idp_email_unverified');
    expect(await identities(came.sessionToken)).toHaveLength(1);
    const mine = await world.call('GET', `${url}?includeOrganizations=true`, { token: came.sessionToken });
    expect(mine.json()).toMatchObject({ firstName: 'Vic', organizations: [{ id: orgId, roles: ['reader'] }] });
  });

  it('takes it over too when the identity was linked before, and is linked still', async () => {
    const jon = await world.person({ verified: false });
    await link(jon, { sub: 'jon' });
    const came = await comeIn({ ...claims(jon.email), sub: 'jon' });
    expect(came.userId).toBe(jon.userId);
    expect(await me(came.sessionToken)).toMatchObject({ isEmailVerified: true });
    expect(problem(await signIn(jon.email))).toBe('401 invalid_credentials');
    expect(problem(await world.call('GET', '/v1/authentication/users/me', { token: jon.token }))).toBe(
      '401 unauthenticated',
    );
    expect((await comeIn({ sub: 'jon' })).userId).toBe(jon.userId);
  });

  it('does not take over an unverified account of another address by a link', async () => {
    const jon = await world.person({ verified: false });
    await link(jon, { sub: 'jon' });
    const came = await comeIn({ ...claims('else@example.com'), sub: 'jon' });
    expect(await me(came.sessionToken)).toMatchObject({ userId: jon.userId, isEmailVerified: false });
    expect((await signIn(jon.email)).statusCode).toBe(201);
  });

  it('becomes the one who was invited, under the name of the invitation', async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const body = { email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' };
    const managers = `/v1/authorization/organizations/${orgId}/managers`;
    const { userId } = (await world.call('POST', managers, { token: owner.token, body })).json<{ userId: string }>();
    const came = await comeIn(claims('ada@example.com', { given_name: 'Augusta' }));
    expect(came).toMatchObject({ userId, isNewUser: false });
    expect(await me(came.sessionToken)).toMatchObject({ firstName: 'Ada', isEmailVerified: true });
    expect(await actions()).toContain('invitation.accepted');
  });

  it('cannot sign in while deactivated, whether linked or not', async () => {
    const jon = await world.person();
    await deactivate(jon.userId);
    expect(problem(await come(claims(jon.email)))).toBe('403 user_inactive');
    expect(await countOf('identities')).toBe(0);
    const mia = await world.person();
    await link(mia, claims(mia.email));
    await deactivate(mia.userId);
    expect(problem(await come(claims(mia.email)))).toBe('403 user_inactive');
  });

  it('does not get into that of a super admin, unless the super admin linked it', async () => {
    const { admin } = world;
    expect(problem(await come(claims(admin.email)))).toBe('403 idp_link_required');
    expect(await countOf('identities')).toBe(0);
    expect((await link(admin, claims(admin.email))).statusCode).toBe(200);
    expect((await comeIn(claims(admin.email))).userId).toBe(admin.userId);
  });
});

describe('linking while signed in', () => {
  it('adds a sign-in method, keeps the session and notifies the owner', async () => {
    const jon = await world.person();
    const response = await link(jon, { sub: 'jon', email: 'private@example.com' });
    expect(response.json()).toEqual({
      sessionId: jon.sessionId,
      sessionToken: jon.token,
      userId: jon.userId,
      isNewUser: false,
    });
    expect(response.headers['set-cookie']).toBeUndefined();
    expect(await identities(jon.token)).toEqual([
      {
        id: expect.any(String),
        idpId,
        type: 'oidc',
        name: 'Acme SSO',
        email: 'private@example.com',
        createdAt: app.clock.now().toISOString(),
        lastUsedAt: app.clock.now().toISOString(),
      },
    ]);
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'identity.linked',
      actor: `user ${jon.userId}`,
      changes: [`idp.${idpId}`],
    });
    expect((await world.mail(jon.email)).purpose).toBe('identity_linked');
    const events = await actions();
    expect((await link(jon, { sub: 'jon' })).statusCode).toBe(200);
    expect(await actions()).toEqual(events);
  });

  it('needs a challenge: a link token of somebody else cannot be redeemed', async () => {
    const victim = await world.person();
    provider.person = { sub: 'attacker' };
    const unbound = await goThrough(world, provider, idpId);
    expect(problem(await redeem(world, unbound, { token: victim.token }))).toBe('400 intent_invalid');
    const { codeChallenge } = newVerifier();
    const bound = await goThrough(world, provider, idpId, { codeChallenge });
    const { codeVerifier } = newVerifier();
    expect(problem(await redeem(world, bound, { token: victim.token, codeVerifier }))).toBe('400 intent_invalid');
    expect(await countOf('identities')).toBe(0);
  });

  it('does not take an identity from another user', async () => {
    const [jon, mia] = [await world.person(), await world.person()];
    await link(jon, { sub: 'jon' });
    expect(problem(await link(mia, { sub: 'jon' }))).toBe('409 identity_already_linked');
    expect(await identities(mia.token)).toEqual([]);
  });

  it('links an identity to one of two users who link it concurrently', async () => {
    const people = await Promise.all([world.person(), world.person()]);
    provider.person = { sub: 'shared' };
    const ways = await Promise.all(
      people.map(async ({ token }) => {
        const { codeChallenge, codeVerifier } = newVerifier();
        return { token, codeVerifier, back: await goThrough(world, provider, idpId, { codeChallenge }) };
      }),
    );
    const answers = await Promise.all(ways.map(({ back, ...options }) => redeem(world, back, options)));
    expect(answers.map(({ statusCode }) => `${statusCode}`).toSorted()).toEqual(['200', '409']);
    expect(await countOf('identities')).toBe(1);
  });

  it('is refused with a session that has ended, and nobody is signed in', async () => {
    const jon = await world.person();
    const url = `/v1/authentication/users/sessions/${jon.sessionId}`;
    await world.call('DELETE', url, { token: jon.token });
    expect(problem(await link(jon, claims('jon@example.com')))).toBe('401 unauthenticated');
    expect(await countOf('identities')).toBe(0);
  });

  it.each([
    ['the token of a machine', async () => `Bearer ${(await world.machine()).token}`],
    ['a token in other letters', async () => `Bearer ${(await world.person()).token.toUpperCase()}`],
    ['a token without its prefix', async () => `Bearer ${(await world.person()).token.replace('gh_s_', '')}`],
    ['a word', () => 'bearer undefined'],
    ['none', () => 'Bearer'],
  ])('is refused with a Bearer that is no session: %s; nobody is signed in', async (_, credential) => {
    provider.person = claims('jon@example.com');
    const authorization = await credential();
    const back = await goThrough(world, provider, idpId);
    expect(problem(await redeem(world, back, { headers: { authorization } }))).toBe('401 unauthenticated');
    expect(await countOf('identities')).toBe(0);
    const otherScheme = { headers: { authorization: 'Basic eDp5' } };
    expect((await redeem(world, back, otherScheme)).json()).toMatchObject({ isNewUser: true });
  });
});

describe('unlinking', () => {
  const unlink = ({ token }: { token: string }, id: string | undefined) =>
    world.call('DELETE', `/v1/authentication/users/me/identities/${id}`, { token });

  const withTwo = async () => {
    const first = await comeIn(claims('jon@example.com'));
    const other = await registerProvider(world, provider);
    const { sessionToken: token } = await comeIn({ ...claims('jon@example.com'), sub: 'second' }, other);
    return { token, userId: first.userId, ids: (await identities(token)).map(({ id }) => id) };
  };

  it('removes the sign-in method', async () => {
    const jon = await world.person();
    await link(jon, { sub: 'jon' });
    const [identity] = await identities(jon.token);
    expect((await unlink(jon, identity?.id)).statusCode).toBe(204);
    expect(problem(await come({ sub: 'jon' }))).toBe('403 idp_email_unverified');
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'identity.unlinked',
      target: `identity ${identity?.id}`,
    });
  });

  it('keeps the last sign-in method, even when two are unlinked at once', async () => {
    const jon = await withTwo();
    const answers = await Promise.all(jon.ids.map((id) => unlink(jon, id)));
    expect(answers.map(problemOrStatus).toSorted()).toEqual(['204', '409 last_sign_in_method']);
    expect(await identities(jon.token)).toHaveLength(1);
  });

  it('does not count a disabled provider', async () => {
    const other = await registerProvider(world, provider);
    const { sessionToken: token } = await comeIn(claims('jon@example.com'));
    await comeIn({ ...claims('jon@example.com'), sub: 'other' }, other);
    const body = { enabled: false };
    await world.call('PATCH', `/v1/authorization/idps/${other}`, { token: world.admin.token, body });
    const [first, second] = await identities(token);
    expect(problem(await unlink({ token }, first?.id))).toBe('409 last_sign_in_method');
    expect((await unlink({ token }, second?.id)).statusCode).toBe(204);
  });

  it("is possible only for the user's own identities", async () => {
    const jon = await world.person();
    await link(jon, { sub: 'jon' });
    const [identity] = await identities(jon.token);
    const mia: Person = await world.person();
    expect(problem(await unlink(mia, identity?.id))).toBe('404 identity_not_found');
    expect(await identities(jon.token)).toHaveLength(1);
  });
});

const problemOrStatus = (response: Awaited<ReturnType<typeof come>>): string =>
  response.statusCode < 400 ? `${response.statusCode}` : problem(response);

describe('a user without a password', () => {
  it('gets one by a password reset', async () => {
    const { sessionToken } = await comeIn(claims('jon@example.com'));
    const { userId } = await me(sessionToken);
    const url = `/v1/authentication/users/${String(userId)}/password`;
    const body = { currentPassword: password, newPassword: 'Secret@slidezAB' };
    expect(problem(await world.call('PUT', url, { token: sessionToken, body }))).toBe('403 current_password_wrong');
    const email = 'jon@example.com';
    await world.call('POST', '/v1/authentication/users/password/reset-request/email', { body: { email } });
    await runTask(app, sendPasswordResets);
    const { code: verificationCode } = await world.mail(email);
    const reset = { email, verificationCode, newPassword: password };
    expect((await world.call('PUT', '/v1/authentication/users/password', { body: reset })).statusCode).toBe(200);
    expect((await signIn(email)).statusCode).toBe(201);
    expect((await comeIn(claims(email))).userId).toBe(userId);
  });

  it('loses their identities when they are deleted', async () => {
    const { userId } = await comeIn(claims('jon@example.com'));
    await app.db.query(sql`DELETE FROM users WHERE app_id = ${world.appId} AND id = ${userId}`);
    expect(await countOf('identities')).toBe(0);
    expect((await comeIn(claims('jon@example.com'))).isNewUser).toBe(true);
  });
});
