import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, faults, password, type Person, problem, type World } from '../test/world/world.ts';

const url = '/v1/authentication/users/invite';
const newPassword = 'Secret@slidezAB';
const dayMs = 86_400_000;

let app: TestApp;
let world: World;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(app);
  orgId = await world.organization(await world.person());
});
afterAll(() => app?.close());

const email = 'jane.roe@example.com';
const invite = async (into = orgId, noun = 'owners', extra: object = {}) => {
  const body = { email, firstName: 'Jane', lastName: 'Roe', ...extra };
  const at = `/v1/authorization/organizations/${into}/${noun}`;
  expect((await world.call('POST', at, { token: world.admin.token, body })).statusCode).toBe(201);
  return (await world.mails(email)).find(({ purpose }) => purpose === 'invitation')?.code ?? '';
};
const accept = (verificationCode: string, changes: object = {}, method: 'PUT' | 'POST' = 'PUT') =>
  world.call(method, url, { body: { orgId, email, verificationCode, newPassword, ...changes } });
const me = (token: string) => world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', { token });
const signIn = async (with_: string) =>
  (await world.call('POST', '/v1/authentication/users/sessions', { body: { email, password: with_ } })).statusCode;
const setState = (state: string) =>
  app.db.query(sql`UPDATE users SET state = ${state} WHERE app_id = ${world.appId} AND email = ${email}`);
const organizationsOf = async (token: string) =>
  (await me(token)).json<{ organizations: { id: string; managerRoles: string[]; roles: string[] }[] }>().organizations;
const update = (userId: string, body: object, { token }: { token: string }) =>
  world.call('PUT', `/v1/authentication/users/${userId}`, { token, body });
const stored = async (userId: string) => {
  const at = `/v1/authentication/users/${userId}?includeMetadata=true`;
  return (await world.call('GET', at, { token: world.admin.token })).json<{ metadata: object }>();
};
const verify = async ({ userId, token }: Person, verificationCode: string) =>
  world.call('POST', '/v1/authentication/users/email/verification', { token, body: { userId, verificationCode } });

describe('the audit of an organization', () => {
  test.each<[what: string, toAccept: (code: string) => Promise<unknown>, ours: boolean]>([
    ['whose code was presented', (code) => accept(code), true],
    ['if the person resets the password', () => reset(), false],
  ])('shows the client only to the organization %s', async (_, toAccept, isShown) => {
    const elsewhere = await world.organization(await world.person());
    await invite(elsewhere, 'owners');
    const code = await invite();
    await toAccept(code);
    const eventOf = async (id: string) => {
      const at = `/v1/authorization/organizations/${id}/audit-events?pageSize=10&action=invitation.accepted`;
      const list = await world.call('GET', at, { token: world.admin.token });
      return list.json<{ events: { ip: string | null; userAgent: string | null }[] }>().events;
    };
    const hidden = { ip: null, userAgent: null };
    expect(await eventOf(elsewhere)).toMatchObject([hidden]);
    expect(await eventOf(orgId)).toMatchObject([isShown ? { ip: '127.0.0.1' } : hidden]);
  });

  async function reset() {
    await world.call('POST', '/v1/authentication/users/password/reset-request/email', { body: { email } });
    await runTask(app, sendPasswordResets);
    const mails = await world.mails(email);
    const verificationCode = mails.find(({ purpose }) => purpose === 'password_reset')?.code;
    const body = { email, verificationCode, newPassword };
    expect((await world.call('PUT', '/v1/authentication/users/password', { body })).statusCode).toBe(200);
  }
});

describe('accepting is refused', () => {
  test('every wrong code, address or organization gets the same response', async () => {
    const code = await invite();
    const other = await world.organization(await world.person());
    const answers = [
      await accept('AAAAAAA'),
      await accept(code, { email: 'nobody@example.com' }),
      await accept(code, { email: world.admin.email }),
      await accept(code, { orgId: other }),
      await accept(code, { orgId: '1' }),
    ];
    expect(answers.map(problem)).toEqual(Array(5).fill('400 code_invalid'));
    const told = answers.map((answer) => JSON.stringify({ ...answer.json<object>(), requestId: '' }));
    expect(new Set(told).size).toBe(1);
    expect(await signIn(newPassword)).toBe(401);
    expect((await accept(code)).statusCode).toBe(200);
  });

  test.each<[what: string, changes: object, pointer: string]>([
    ['without organization', { orgId: undefined }, '/body/orgId'],
    ['without address', { email: undefined }, '/body/email'],
    ['without code', { verificationCode: undefined }, '/body/verificationCode'],
    ['without password', { newPassword: undefined }, '/body/newPassword'],
    ['with a blank name', { firstName: ' ' }, '/body/firstName'],
    ['with an unknown field', { role: 'writer' }, '/body/role'],
  ])('%s', async (_, changes, pointer) => {
    const response = await accept('AAAAAAA', changes);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('accepting with a weak password is refused, and the code stays valid', async () => {
    const code = await invite();
    for (const weak of ['short', 'password123', 'Jane.Roe@example.com', 'x'.repeat(129), 'letmein', '12345678']) {
      expect(problem(await accept(code, { newPassword: weak }))).toBe('400 password_too_weak');
    }
    expect((await accept(code)).statusCode).toBe(200);
  });

  test('accepting with the name of the invitation as password is refused', async () => {
    const code = await invite(orgId, 'owners', { firstName: 'Bartholomew', lastName: 'Longfellow' });
    expect(problem(await accept(code, { newPassword: 'Bartholomew' }))).toBe('400 password_too_weak');
    expect((await accept(code)).statusCode).toBe(200);
  });

  test('accepting is refused for a deactivated user, and the invitation is kept', async () => {
    const code = await invite();
    await setState('INACTIVE');
    expect(problem(await accept('AAAAAAA'))).toBe('400 code_invalid');
    expect(problem(await accept(code))).toBe('403 user_inactive');
    await setState('INVITED');
    expect((await accept(code)).statusCode).toBe(200);
  });

  test('accepting is refused after 7 days', async () => {
    const inTime = await invite();
    app.clock.advance(7 * dayMs - 1000);
    expect((await accept(inTime)).statusCode).toBe(200);
    world = await createWorld(app);
    orgId = await world.organization(await world.person());
    const late = await invite();
    app.clock.advance(7 * dayMs);
    expect(problem(await accept(late))).toBe('400 code_invalid');
  });

  test('a second acceptance with one code is refused, also concurrently', async () => {
    const code = await invite();
    const outcomes = (await Promise.all(Array.from({ length: 4 }, () => accept(code)))).map(
      ({ statusCode }) => statusCode,
    );
    expect(outcomes.toSorted((a, b) => a - b)).toEqual([200, 400, 400, 400]);
    expect(problem(await accept(code))).toBe('400 code_invalid');
  });

  test('accepting is refused after 5 wrong codes from one address', async () => {
    const code = await invite();
    await Promise.all(Array.from({ length: 5 }, () => accept('AAAAAAA')));
    expect(problem(await accept(code))).toBe('400 code_invalid');
  });
});

describe('accepting', () => {
  test.each(['PUT', 'POST'] as const)('accepting by %s starts a session with the role', async (method) => {
    const code = await invite();
    const response = await accept(` ${code.toLowerCase()} `, {}, method);
    expect(response.statusCode).toBe(200);
    const { sessionToken, userId } = response.json<{ sessionToken: string; userId: string }>();
    expect(response.json()).toEqual({
      message: 'Invitation accepted',
      userId: expect.stringMatching(/^\d{18}$/),
      sessionId: expect.stringMatching(/^\d{18}$/),
      sessionToken: expect.stringMatching(/^gh_s_[\w-]{43}$/),
    });
    expect(response.cookies[0]).toMatchObject({ name: 'session-token', value: sessionToken, httpOnly: true });
    expect((await me(sessionToken)).json()).toMatchObject({
      userId,
      displayName: 'Jane Roe',
      isEmailVerified: true,
      organizations: [{ id: orgId, managerRoles: ['ORG_OWNER'] }],
    });
    expect(await signIn(newPassword)).toBe(201);
    expect((await world.events()).findLast(({ action }) => action === 'invitation.accepted')).toMatchObject({
      actor: `user ${userId}`,
    });
  });

  test('uses the names in the request; other names are kept', async () => {
    const { sessionToken } = (await accept(await invite(), { firstName: 'Janet' })).json<{ sessionToken: string }>();
    expect((await me(sessionToken)).json()).toMatchObject({ displayName: 'Janet Roe' });
  });

  test('accepts all pending invitations to the address, of every organization', async () => {
    const other = await world.organization(await world.person());
    const code = await invite();
    await invite(orgId, 'members', { role: 'reader' });
    const otherCode = await invite(other, 'managers');
    const { sessionToken } = (await accept(code)).json<{ sessionToken: string }>();
    expect(await organizationsOf(sessionToken)).toMatchObject([
      { id: orgId, managerRoles: ['ORG_OWNER'], roles: ['reader'] },
      { id: other, managerRoles: ['ORG_USER_MANAGER'], roles: [] },
    ]);
    expect(problem(await accept(otherCode, { orgId: other }))).toBe('400 code_invalid');
  });

  test('is recorded in the audit of every organization with a new member', async () => {
    const other = await world.organization(await world.person());
    const code = await invite();
    await invite(orgId, 'members', { role: 'reader' });
    await invite(other, 'members', { role: 'writer' });
    const { userId } = (await accept(code)).json<{ userId: string }>();
    const events = await app.db.query<{ org_id: string; changes: string[] }>(sql`
      SELECT org_id, changes FROM audit_events
      WHERE app_id = ${world.appId} AND action = 'invitation.accepted' AND actor_id = ${userId} ORDER BY org_id`);
    expect(events.map((event) => [event.org_id, event.changes.toSorted()])).toEqual([
      [orgId, ['managerRoles.ORG_OWNER', 'roles.reader']],
      [other, ['roles.writer']],
    ]);
  });

  test('works 7 days from the newest invitation', async () => {
    await invite();
    app.clock.advance(6 * dayMs);
    const code = await invite();
    app.clock.advance(6 * dayMs);
    const { sessionToken } = (await accept(code)).json<{ sessionToken: string }>();
    expect(await organizationsOf(sessionToken)).toMatchObject([{ id: orgId, managerRoles: ['ORG_OWNER'] }]);
  });

  test('does not accept an expired invitation', async () => {
    const other = await world.organization(await world.person());
    await invite(other);
    app.clock.advance(4 * dayMs);
    const code = await invite();
    app.clock.advance(4 * dayMs);
    const { sessionToken } = (await accept(code)).json<{ sessionToken: string }>();
    expect((await organizationsOf(sessionToken)).map(({ id }) => id)).toEqual([orgId]);
  });
});

describe('the code of an invitation that was settled', () => {
  const asAdmin = (method: 'POST' | 'PUT', at: string, body: object) =>
    world.call(method, `/v1/authorization/organizations/${at}`, { token: world.admin.token, orgId, body });
  const unverified = () => world.person({ email, verified: false });

  /** Each call claims the account, and closes the invitation without its code. */
  const settled: Readonly<Record<string, () => Promise<string>>> = {
    'because an invitation of another organization was accepted while signed in': async () => {
      const person = await unverified();
      const other = await world.organization(await world.person());
      const code = await invite(orgId, 'members', { role: 'reader' });
      const body = { orgId: other, verificationCode: await invite(other) };
      const at = '/v1/authentication/users/me/invitations/accept';
      expect((await world.call('POST', at, { token: person.token, body })).statusCode).toBe(200);
      return code;
    },
    'because the role was granted to the address': async () => {
      const person = await unverified();
      const { code: verification = '' } = await world.mail(email);
      const code = await invite(orgId, 'members', { role: 'reader' });
      expect((await verify(person, verification)).statusCode).toBe(200);
      const body = { email, firstName: 'Jane', lastName: 'Roe', role: 'reader' };
      expect((await asAdmin('POST', `${orgId}/members`, body)).json()).toMatchObject({ invited: false });
      return code;
    },
    'because the role was granted by id': async () => {
      const person = await unverified();
      const { code: verification = '' } = await world.mail(email);
      const code = await invite(orgId, 'members', { role: 'reader' });
      expect((await verify(person, verification)).statusCode).toBe(200);
      expect((await asAdmin('POST', `users/${person.userId}`, { roles: ['reader'] })).statusCode).toBe(200);
      return code;
    },
  };

  test.each(Object.entries(settled))('sets no password of a claimed account, %s', async (_, settle) => {
    const code = await settle();
    const before = await world.rows();
    expect(problem(await accept(code))).toBe('400 code_invalid');
    expect(await world.rows()).toEqual(before);
    expect(await signIn(password)).toBe(201);
  });

  test('lets the owner claim an account that a stranger created', async () => {
    const { userId } = await unverified();
    const code = await invite(orgId, 'members', { role: 'reader' });
    await asAdmin('POST', `users/${userId}`, { roles: ['reader'] });
    expect((await accept(code)).statusCode).toBe(200);
    expect(await signIn(password)).toBe(401);
  });
});

describe('an address that was only invited', () => {
  test('can sign up: keeps the id, is unverified, gets no invited role', async () => {
    const code = await invite();
    const body = { email, firstName: 'Janet', lastName: 'Roe', password };
    const response = await world.call('POST', '/v1/authentication/users', { body });
    expect(response.statusCode).toBe(201);
    const { userId, sessionToken } = response.json<{ userId: string; sessionToken: string }>();
    const users = await app.db.query(sql`SELECT id FROM users WHERE app_id = ${world.appId} AND email = ${email}`);
    expect(users).toEqual([{ id: userId }]);
    expect((await me(sessionToken)).json()).toMatchObject({ isEmailVerified: false, organizations: [] });
    expect((await accept(code)).json()).toMatchObject({ userId });
    expect((await me(sessionToken)).statusCode).toBe(401);
  });

  test('keeps upper and lower case of the invitation when somebody signs up with a different case', async () => {
    await invite();
    const body = { email: email.toUpperCase(), firstName: 'Janet', lastName: 'Roe', password };
    const { userId } = (await world.call('POST', '/v1/authentication/users', { body })).json<{ userId: string }>();
    expect(await stored(userId)).toMatchObject({ email, displayName: 'Janet Roe', userState: 'ACTIVE' });
  });

  test('keeps data of backends and administrators', async () => {
    const code = await invite();
    const [user] = await app.db.query<{ id: string }>(
      sql`SELECT id FROM users WHERE app_id = ${world.appId} AND email = ${email}`,
    );
    const kept = { phoneNumber: '+4915112345678', metadata: { plan: 'pro', 'app:plan': 'pro' } };
    await update(user?.id ?? '', kept, world.admin);
    const { userId } = (await accept(code)).json<{ userId: string }>();
    expect(await stored(userId)).toMatchObject({ ...kept, isEmailVerified: true });
  });
});

describe('verifying the address with only its verification code', () => {
  test('keeps the password; the invitation must still be accepted', async () => {
    const person = await world.person({ email, verified: false });
    const { code: verificationCode = '' } = await world.mail(email);
    const code = await invite();
    expect((await verify(person, verificationCode)).statusCode).toBe(200);
    expect(await organizationsOf(person.token)).toEqual([]);
    expect(await signIn(password)).toBe(201);
    const { sessionToken } = (await accept(code)).json<{ sessionToken: string }>();
    expect(await organizationsOf(sessionToken)).toMatchObject([{ id: orgId }]);
  });
});

describe("a stranger who signs up first with somebody's address", () => {
  /** The attacker knows the address and chose a password; the mailbox is the victim’s. */
  async function squat() {
    const attacker = await world.person({ email, verified: false });
    const requestUrl = '/v1/authentication/users/email/verification-request';
    const body = { userId: attacker.userId, verificationUrl: 'http://localhost/?t={{sessionToken}}' };
    await world.call('POST', requestUrl, { token: attacker.token, body });
    const mail = await world.mail(email);
    const mailedToken = new URL(mail.url ?? '').searchParams.get('t') ?? '';
    return { ...attacker, code: mail.code ?? '', mailedToken };
  }

  test('never owns data that is later added to it', async () => {
    const attacker = await squat();
    const code = await invite();
    expect(await organizationsOf(attacker.token)).toEqual([]);
    const seen = await world.call('GET', `/v1/authorization/organizations/${orgId}`, { token: attacker.token });
    expect(seen.statusCode).toBe(404);
    const { sessionToken, userId } = (await accept(code)).json<{ sessionToken: string; userId: string }>();
    expect(userId).toBe(attacker.userId);
    expect(await organizationsOf(sessionToken)).toMatchObject([{ id: orgId, managerRoles: ['ORG_OWNER'] }]);
    expect((await me(attacker.token)).statusCode).toBe(401);
    expect(await signIn(password)).toBe(401);
  });

  test('loses codes and mailed tokens with the account', async () => {
    const attacker = await squat();
    const { sessionToken } = (await accept(await invite())).json<{ sessionToken: string }>();
    const byMail = await verify({ ...attacker, token: attacker.mailedToken }, attacker.code);
    expect(problem(byMail)).toBe('401 unauthenticated');
    const bySession = await verify({ ...attacker, token: sessionToken }, attacker.code);
    expect(problem(bySession)).toBe('400 code_invalid');
  });

  test('removes all of their data from the account; data of backends is kept', async () => {
    const attacker = await squat();
    const code = await invite();
    await update(attacker.userId, { phoneNumber: '+4915112345678', metadata: { plan: 'pro' } }, attacker);
    await update(attacker.userId, { metadata: { 'app:plan': 'pro' } }, world.admin);
    expect((await accept(code)).statusCode).toBe(200);
    const left = { phoneNumber: null, isPhoneVerified: false, metadata: { 'app:plan': 'pro' } };
    const claimed = await stored(attacker.userId);
    expect(claimed).toMatchObject(left);
    expect(claimed.metadata).toEqual(left.metadata);
  });

  test('gets no access by signing in while the owner accepts', async () => {
    await squat();
    const code = await invite();
    const body = { email, password };
    const attempts = Array.from({ length: 12 }, () =>
      world.call('POST', '/v1/authentication/users/sessions', { body }),
    );
    const [accepted, ...signIns] = await Promise.all([accept(code), ...attempts]);
    expect(accepted.statusCode).toBe(200);
    for (const response of signIns.filter(({ statusCode }) => statusCode === 201)) {
      expect((await me(response.json<{ sessionToken: string }>().sessionToken)).statusCode).toBe(401);
    }
    expect([await signIn(password), await signIn(newPassword)]).toEqual([401, 201]);
  });
});
