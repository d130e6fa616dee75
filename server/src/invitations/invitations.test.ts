import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, password, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner, { name: 'Acme' });
  const { appId } = world;
  await app.db.query(sql`
    INSERT INTO roles (app_id, scope_id, key, display_name, permissions, created_at, updated_at)
    VALUES (${appId}, 0, 'global:auditor', 'Auditor', '{audit:read}', now(), now())`);
});
afterAll(() => app?.close());

type Noun = 'owners' | 'managers' | 'members';

let counter = 0;
const freshEmail = () => `invited-${(counter += 1)}@example.com`;
const invitee = (email: string) => ({ email, firstName: 'Jane', lastName: 'Roe' });
const invite = (noun: Noun, email: string, extra: object = {}, caller: { token: string } = owner, into = orgId) => {
  const body = { ...invitee(email), ...(noun === 'members' && { role: 'reader' }), ...extra };
  return world.call('POST', `/v1/authorization/organizations/${into}/${noun}`, { token: caller.token, body });
};
const organizationsOf = async ({ token }: { token: string }) => {
  const me = await world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', { token });
  return me.json<{ organizations: { id: string; roles: string[]; managerRoles: string[] }[] }>().organizations;
};
const accept = (email: string, verificationCode: string, into = orgId) =>
  world.call('PUT', '/v1/authentication/users/invite', {
    body: { orgId: into, email, verificationCode, newPassword: password },
  });
const acceptNewest = async (email: string, into = orgId) => {
  const response = await accept(email, (await world.mail(email)).code ?? '', into);
  expect(response.statusCode).toBe(200);
  return { token: response.json<{ sessionToken: string }>().sessionToken };
};
const userOf = async (email: string) => {
  const [user] = await app.db.query<{ id: string; state: string; password_hash: string | null; name: string }>(
    sql`SELECT id, state, password_hash, first_name || ' ' || last_name AS name FROM users
      WHERE app_id = ${world.appId} AND email = ${email}`,
  );
  return user;
};
const pending = async (email: string) => {
  const [row] = await app.db.query<{ count: string }>(
    sql`SELECT count(*) FROM invitations WHERE email = ${email} AND status = 'pending'`,
  );
  return Number(row?.count);
};

describe('permission to invite to a role', () => {
  test.each<[Noun, string[], [string, string][]]>([
    [
      'owners',
      ['owner', 'admin'],
      [
        ['manager', '403'],
        ['member', '403'],
        ['machine', '403'],
      ],
    ],
    [
      'managers',
      ['owner', 'admin'],
      [
        ['manager', '403'],
        ['member', '403'],
        ['machine', '403'],
      ],
    ],
    ['members', ['owner', 'manager', 'machine', 'admin'], [['member', '403']]],
  ])('%s', async (noun, allowed, refused) => {
    const callers: Record<string, { token: string }> = {
      owner,
      admin: world.admin,
      manager: await world.manager(orgId),
      member: await world.member(orgId),
      machine: await world.machine(),
      stranger: await world.person(),
    };
    const before = await world.rows();
    for (const [who, status] of [...refused, ['stranger', '404']]) {
      const response = await invite(noun, freshEmail(), {}, callers[who ?? '']);
      expect([who, String(response.statusCode)]).toEqual([who, status]);
    }
    expect(await world.rows()).toEqual(before);
    for (const who of allowed) {
      expect([who, (await invite(noun, freshEmail(), {}, callers[who])).statusCode]).toEqual([who, 201]);
    }
  });

  test('an invitation without a credential or to an unknown organization is refused', async () => {
    const body = invitee(freshEmail());
    const at = (id: string) => `/v1/authorization/organizations/${id}/managers`;
    expect(problem(await world.call('POST', at(orgId), { body }))).toBe('401 unauthenticated');
    const { token } = world.admin;
    expect(problem(await world.call('POST', at('1'), { token, body }))).toBe('404 organization_not_found');
  });
});

describe('an invitation is refused', () => {
  test.each<[what: string, noun: Noun, extra: object, pointer: string]>([
    ['without an address', 'managers', { email: undefined }, '/body/email'],
    ['without a given name', 'owners', { firstName: undefined }, '/body/firstName'],
    ['without a family name', 'owners', { lastName: undefined }, '/body/lastName'],
    ['without a role of a member', 'members', { role: undefined }, '/body/role'],
    ['with a role of a manager', 'managers', { role: 'reader' }, '/body/role'],
    ['with an organization in the body', 'members', { orgId: '1' }, '/body/orgId'],
  ])('%s', async (_, noun, extra, pointer) => {
    const response = await invite(noun, freshEmail(), extra);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test.each(['nobody-defined-this', 'ORG_OWNER', 'ORG_USER_MANAGER', 'auditor', 'global:reader', 'READER', 'reader '])(
    'an invitation to the unknown role "%s" is refused, names the role and invites nobody',
    async (role) => {
      const before = await world.rows();
      const response = await invite('members', freshEmail(), { role });
      expect(problem(response)).toBe('400 unknown_role');
      expect(response.json<{ detail: string }>().detail).toContain(`"${role}"`);
      expect(await world.rows()).toEqual(before);
    },
  );

  test('an invitation to a role of another organization is refused', async () => {
    const other = await world.organization(await world.person(), { roles: ['theirs'] });
    expect(other).not.toBe(orgId);
    expect(problem(await invite('members', freshEmail(), { role: 'theirs' }))).toBe('400 unknown_role');
  });

  test('an invitation with a link to a foreign page is refused', async () => {
    const before = await world.rows();
    const response = await invite('owners', freshEmail(), { inviteUrl: 'https://evil.example/{{code}}' });
    expect(problem(response)).toBe('400 redirect_url_not_allowed');
    expect(await world.rows()).toEqual(before);
  });
});

describe('an unknown address', () => {
  test.each<[Noun, string]>([
    ['owners', 'Owner invited'],
    ['managers', 'Manager invited'],
    ['members', 'Member invited'],
  ])('is invited to the %s: a user without password and without any role', async (noun, message) => {
    const email = freshEmail();
    const response = await invite(noun, email);
    expect(response.statusCode).toBe(201);
    const user = await userOf(email);
    expect(response.json()).toEqual({ message, userId: user?.id, invited: true });
    expect(user).toMatchObject({ state: 'INVITED', password_hash: null, name: 'Jane Roe' });
    const [held] = await app.db.query<{ count: string }>(
      sql`SELECT count(*) FROM members WHERE user_id = ${user?.id ?? ''}`,
    );
    expect(held).toEqual({ count: '0' });
    expect(await world.mail(email)).toMatchObject({ purpose: 'invitation', code: expect.stringMatching(/^\w{7}$/) });
  });

  test('gets a mail that names the organization and the role', async () => {
    const email = freshEmail();
    await invite('members', email, { role: 'writer' });
    const { subject, text } = await world.mail(email);
    expect(subject).toContain('Acme');
    expect(text).toContain('Acme');
    expect(text).toContain('writer');
  });
});

describe('an active user with a verified address', () => {
  test.each<[Noun, string, object]>([
    ['owners', 'Owner assigned', { managerRoles: ['ORG_OWNER'], roles: [] }],
    ['managers', 'Manager assigned', { managerRoles: ['ORG_USER_MANAGER'], roles: [] }],
    ['members', 'Member assigned', { managerRoles: [], roles: ['reader'] }],
  ])('is among the %s at once and gets a mail', async (noun, message, held) => {
    const person = await world.person();
    const response = await invite(noun, person.email.toUpperCase());
    expect(response.json()).toEqual({ message, userId: person.userId, invited: false });
    expect(await organizationsOf(person)).toMatchObject([{ id: orgId, ...held }]);
    const mail = await world.mail(person.email);
    expect(mail.purpose).toBe('role_granted');
    expect(mail).not.toHaveProperty('code');
    expect(await pending(person.email)).toBe(0);
  });

  test('keeps their roles and names', async () => {
    const person = await world.person();
    await invite('members', person.email, { role: 'writer' });
    await invite('managers', person.email);
    await invite('members', person.email, { role: 'reader' });
    await invite('members', person.email, { role: 'reader' });
    const [held] = await organizationsOf(person);
    expect(held).toMatchObject({ roles: ['reader', 'writer'], managerRoles: ['ORG_USER_MANAGER'] });
    expect(await userOf(person.email)).toMatchObject({ name: 'Jon Doe' });
  });
});

describe('an unverified user', () => {
  test('is invited like an unknown one', async () => {
    const person = await world.person({ verified: false });
    const response = await invite('owners', person.email);
    expect(response.json()).toEqual({ message: 'Owner invited', userId: person.userId, invited: true });
    expect(await userOf(person.email)).toMatchObject({ name: 'Jon Doe' });
    expect(await organizationsOf(person)).toEqual([]);
  });
});

describe('a deactivated user', () => {
  test.each<Noun>(['owners', 'managers', 'members'])(
    'is not invited to the %s: they could not use the code',
    async (noun) => {
      const person = await world.person();
      await app.db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE id = ${person.userId}`);
      const before = await world.rows();
      expect(problem(await invite(noun, person.email))).toBe('409 user_not_active');
      expect(await world.rows()).toEqual(before);
    },
  );
});

describe('inviting again', () => {
  test('resends, keeps one pending invitation and does not overwrite names', async () => {
    const email = freshEmail();
    const first = await invite('members', email);
    const again = await invite('members', email, { firstName: 'Somebody', lastName: 'Else' });
    expect(again.json()).toEqual(first.json());
    expect(await pending(email)).toBe(1);
    expect(await world.mails(email)).toHaveLength(2);
    expect(await userOf(email)).toMatchObject({ name: 'Jane Roe' });
  });

  test('a second role creates a second invitation; one acceptance covers both', async () => {
    const email = freshEmail();
    await invite('members', email, { role: 'reader' });
    await invite('members', email, { role: 'global:auditor' });
    await invite('managers', email);
    expect(await pending(email)).toBe(3);
    expect(await organizationsOf(await acceptNewest(email))).toMatchObject([
      {
        roles: ['global:auditor', 'reader'],
        managerRoles: ['ORG_USER_MANAGER'],
        permissions: ['audit:read', 'documents:reader'],
      },
    ]);
    expect(await pending(email)).toBe(0);
  });

  test('once the account is claimed grants directly and settles pending ones', async () => {
    const person = await world.person({ verified: false });
    const { code: verificationCode } = await world.mail(person.email);
    await invite('members', person.email);
    await invite('members', person.email, { role: 'writer' });
    const { code = '' } = await world.mail(person.email);
    const body = { userId: person.userId, verificationCode };
    await world.call('POST', '/v1/authentication/users/email/verification', { token: person.token, body });

    expect((await invite('members', person.email)).json()).toMatchObject({ invited: false });
    const rows = await app.db.query(sql`
      SELECT role_key, status FROM invitations WHERE user_id = ${person.userId} ORDER BY role_key`);
    expect(rows).toEqual([
      { role_key: 'reader', status: 'accepted' },
      { role_key: 'writer', status: 'pending' },
    ]);
    await app.db.query(sql`DELETE FROM member_roles WHERE user_id = ${person.userId}`);
    const { sessionToken } = (await accept(person.email, code)).json<{ sessionToken: string }>();
    expect(await organizationsOf({ token: sessionToken })).toMatchObject([{ roles: ['writer'] }]);
  });

  test('concurrently creates one user and one invitation', async () => {
    const email = freshEmail();
    const responses = await Promise.all(Array.from({ length: 8 }, () => invite('members', email)));
    expect(new Set(responses.map(({ body }) => body)).size).toBe(1);
    expect(responses[0]?.statusCode).toBe(201);
    expect(await pending(email)).toBe(1);
  });
});

describe('the audit of an invitation', () => {
  test('records the user for whom a machine user claims to act, and no such user for a human', async () => {
    const machine = await world.machine();
    await invite('members', freshEmail(), { userId: '42' }, machine);
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'organization.member_granted',
      actor: `machine ${machine.machineUserId}`,
      claimedOnBehalfOf: '42',
    });
    await invite('members', freshEmail(), { userId: '42' });
    expect((await world.events()).at(-1)).toMatchObject({ actor: `user ${owner.userId}`, claimedOnBehalfOf: null });
  });

  test.each<unknown>([42, null, { id: '42' }, '', '\0', '42\0', 'jon@example.com', '9'.repeat(19)])(
    'does not stumble over %j in that field, nor note it',
    async (userId) => {
      const machine = await world.machine();
      expect((await invite('members', freshEmail(), { userId }, machine)).statusCode).toBe(201);
      expect((await world.events()).at(-1)).toMatchObject({ claimedOnBehalfOf: null });
    },
  );

  test.each<[Noun, string]>([
    ['owners', 'managerRoles.ORG_OWNER'],
    ['managers', 'managerRoles.ORG_USER_MANAGER'],
    ['members', 'roles.reader'],
  ])('names what was granted to the %s, and whether it is an invitation only', async (noun, granted) => {
    const { email } = await world.person();
    await invite(noun, email);
    await invite(noun, freshEmail());
    const changes = (await world.events()).slice(-2).map((event) => event.changes);
    expect(changes).toEqual([[granted], [granted, 'invited']]);
  });
});
