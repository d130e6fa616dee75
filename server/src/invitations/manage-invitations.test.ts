import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

const dayMs = 86_400_000;

let app: TestApp;
let world: World;
let owner: Person;
let manager: Person;
let machine: { token: string; machineUserId: string };
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner, { name: 'Acme' });
  manager = await world.manager(orgId);
  machine = await world.machine();
});
afterAll(() => app?.close());

type Caller = { token: string };
type Noun = 'owners' | 'managers' | 'members';

let counter = 0;
const freshEmail = () => `invited-${(counter += 1)}@example.com`;
const url = (path: string, at = orgId) => `/v1/authorization/organizations/${at}/${path}`;
const invite = async (email: string, noun: Noun = 'members', { token }: Caller = owner, at = orgId) => {
  const body = { email, firstName: 'Jane', lastName: 'Roe', ...(noun === 'members' && { role: 'reader' }) };
  return world.call('POST', url(noun, at), { token, body });
};
const list = async ({ token }: Caller = owner, query = 'pageSize=100', at = orgId) => {
  const response = await world.call('GET', url(`invitations?${query}`, at), { token });
  return response.json<{
    metadata: { total: number; nextCursor?: string };
    invitations: { id: string; email: string; role: string; status: string; invitedBy: object; expiresAt: string }[];
  }>();
};
/** Invites an address. @returns the invitation */
const invited = async (email: string, noun: Noun = 'members', caller: Caller = owner, at = orgId): Promise<string> => {
  expect((await invite(email, noun, caller, at)).statusCode).toBe(201);
  const { invitations } = await list(owner, 'pageSize=100', at);
  return invitations.findLast((one) => one.email === email)?.id ?? '';
};
const resend = (id: string, { token }: Caller = owner, body?: object) =>
  world.call('POST', url(`invitations/${id}/resend`), { token, ...(body && { body }) });
const revoke = (id: string, { token }: Caller = owner) => world.call('DELETE', url(`invitations/${id}`), { token });
const accept = (email: string, verificationCode: string, at = orgId) =>
  world.call('PUT', '/v1/authentication/users/invite', {
    body: { orgId: at, email, verificationCode, newPassword: 'Secret@slidezAB' },
  });
const codeTo = async (email: string) => (await world.mails(email)).find(({ code }) => code)?.code ?? '';
const userOf = async (email: string) => {
  const [row] = await app.db.query<{ id: string; state: string }>(
    sql`SELECT id, state FROM users WHERE app_id = ${world.appId} AND email = ${email}`,
  );
  return row;
};
const verify = async ({ userId, email, token }: Person) => {
  const mail = (await world.mails(email)).find(({ purpose }) => purpose === 'email_verification');
  const body = { userId, verificationCode: mail?.code };
  const at = '/v1/authentication/users/email/verification';
  expect((await world.call('POST', at, { token, body })).statusCode).toBe(200);
};

describe('the list', () => {
  test('lists the offer, the address, the inviter and the expiry', async () => {
    const [toRole, toOwner] = [freshEmail(), freshEmail()];
    await invite(toRole, 'members', manager);
    await invite(toOwner, 'owners');
    const { metadata, invitations } = await list();
    expect(metadata).toEqual({ total: 2 });
    expect(invitations).toEqual([
      {
        id: expect.stringMatching(/^\d{18}$/),
        email: toRole,
        role: 'reader',
        status: 'pending',
        invitedBy: { kind: 'user', id: manager.userId },
        createdAt: app.clock.now().toISOString(),
        expiresAt: new Date(app.clock.now().getTime() + 7 * dayMs).toISOString(),
      },
      expect.objectContaining({ email: toOwner, role: 'ORG_OWNER', invitedBy: { kind: 'user', id: owner.userId } }),
    ]);
  });

  test('the list no longer has a revoked invitation, whose user is deleted while others stay invited', async () => {
    const [gone, kept] = [freshEmail(), freshEmail()];
    const id = await invited(gone);
    await invited(kept);
    expect((await revoke(id)).statusCode).toBe(204);
    expect([await userOf(gone), (await userOf(kept))?.state]).toEqual([undefined, 'INVITED']);
  });

  test('the list no longer has a revoked invitation, whose codes are void while others stay invited', async () => {
    const { email, userId } = await world.person({ verified: false });
    const id = await invited(email);
    await invited(freshEmail());
    const codes = () => app.db.query(sql`SELECT 1 FROM codes WHERE user_id = ${userId} AND purpose = 'invitation'`);
    expect(await codes()).not.toEqual([]);
    expect((await revoke(id)).statusCode).toBe(204);
    expect(await codes()).toEqual([]);
  });

  test('does not show members the id of an inviter who became a member afterwards', async () => {
    await invite(freshEmail(), 'members', world.admin);
    app.clock.advance(60_000);
    const body = { email: world.admin.email, firstName: 'Jon', lastName: 'Doe' };
    await world.call('POST', url('owners'), { token: world.admin.token, body });
    await invite(freshEmail(), 'members', world.admin);
    const inviters = (await list()).invitations.map(({ invitedBy }) => invitedBy);
    expect(inviters).toEqual([{ kind: 'user' }, { kind: 'user', id: world.admin.userId }]);
  });

  test('does not show members the ids of inviters from outside', async () => {
    await world.organization(world.admin);
    await invite(freshEmail(), 'members', world.admin);
    await invite(freshEmail(), 'members', machine);
    const kinds = [{ kind: 'user' }, { kind: 'machine' }];
    for (const caller of [owner, manager]) {
      expect((await list(caller)).invitations.map(({ invitedBy }) => invitedBy)).toEqual(kinds);
    }
    for (const caller of [world.admin, machine]) {
      expect((await list(caller)).invitations.map(({ invitedBy }) => invitedBy)).toEqual([
        { kind: 'user', id: world.admin.userId },
        { kind: 'machine', id: machine.machineUserId },
      ]);
    }
  });

  test('shows managers only offers to members', async () => {
    const id = await invited(freshEmail());
    await invite(freshEmail(), 'owners');
    await invite(freshEmail(), 'managers');
    expect(await list(manager)).toMatchObject({ metadata: { total: 1 }, invitations: [{ id }] });
    for (const caller of [owner, world.admin, machine]) {
      expect((await list(caller)).metadata).toEqual({ total: 3 });
    }
  });

  test('is paged and filtered by status; a cursor of another list is refused', async () => {
    const emails = [freshEmail(), freshEmail(), freshEmail()];
    for (const email of emails) await invite(email);
    await accept(emails[0] ?? '', await codeTo(emails[0] ?? ''));
    app.clock.advance(7 * dayMs);
    owner = await world.signIn(owner.email);
    manager = await world.signIn(manager.email);
    const late = await invited(freshEmail());
    await revoke(await invited((await world.person({ verified: false })).email));
    const statuses = async () => (await list()).invitations.map(({ status }) => status);
    expect(await statuses()).toEqual(['accepted', 'expired', 'expired', 'pending', 'revoked']);
    expect(await list(owner, 'pageSize=9&status=pending')).toMatchObject({
      metadata: { total: 1 },
      invitations: [{ id: late }],
    });
    const first = await list(owner, 'pageSize=1&status=expired');
    expect(first).toMatchObject({ metadata: { total: 2 }, invitations: [{ email: emails[1] }] });
    const next = `pageSize=1&status=expired&cursor=${first.metadata.nextCursor}`;
    expect(await list(owner, next)).toMatchObject({ metadata: { total: 2 }, invitations: [{ email: emails[2] }] });
    for (const [caller, query] of [
      [manager, next],
      [owner, next.replace('expired', 'pending')],
    ] as const) {
      const refused = await world.call('GET', url(`invitations?${query}`), { token: caller.token });
      expect(faults(refused)).toEqual({ '/query/cursor': 'Not a cursor of this list.' });
    }
    const unknown = await world.call('GET', url('invitations?pageSize=9&status=open'), { token: owner.token });
    expect(Object.keys(faults(unknown))).toEqual(['/query/status']);
  });
});

describe('resending and revoking are refused', () => {
  test.each<[string, () => Promise<Caller>, string]>([
    ['to members', () => world.member(orgId), '403 access_denied'],
    ['to strangers', () => world.person(), '404 organization_not_found'],
    [
      'to the owner of another organization',
      async () => {
        const person = await world.person();
        await world.organization(person);
        return person;
      },
      '404 organization_not_found',
    ],
  ])('%s', async (_, who, answer) => {
    const id = await invited(freshEmail());
    const caller = await who();
    const before = await world.rows();
    expect(problem(await resend(id, caller))).toBe(answer);
    expect(problem(await revoke(id, caller))).toBe(answer);
    expect(await world.rows()).toEqual(before);
  });

  test.each<Noun>(['owners', 'managers'])('managers find no invitation to revoke of %s', async (noun) => {
    const id = await invited(freshEmail(), noun);
    const before = await world.rows();
    expect(problem(await resend(id, manager))).toBe('404 invitation_not_found');
    expect(problem(await revoke(id, manager))).toBe('404 invitation_not_found');
    expect(await world.rows()).toEqual(before);
  });

  test.each<Noun>(['owners', 'managers'])('machines revoke, but do not resend, for %s', async (noun) => {
    const id = await invited(freshEmail(), noun);
    expect(problem(await resend(id, machine))).toBe('403 access_denied');
    expect((await revoke(id, machine)).statusCode).toBe(204);
  });

  test('managers cannot resend the invitation of a user who is already a manager', async () => {
    const person = await world.person({ verified: false });
    const id = await invited(person.email);
    await verify(person);
    await invite(person.email, 'managers');
    expect(problem(await resend(id, manager))).toBe('403 access_denied');
    expect(problem(await revoke(id, manager))).toBe('403 access_denied');
    expect((await revoke(id, owner)).statusCode).toBe(204);
  });

  test('managers cannot resend a role that they do not have, if the app says so', async () => {
    const id = await invited(freshEmail());
    const settings = { managersMayGrantAnyRole: false };
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings });
    expect(problem(await resend(id, manager))).toBe('403 access_denied');
    expect((await revoke(id, manager)).statusCode).toBe(204);
  });

  test('resending under the path of another organization is refused, even for an owner of both', async () => {
    const elsewhere = await world.organization(owner);
    const id = await invited(freshEmail(), 'members', owner, elsewhere);
    expect(problem(await resend(id))).toBe('404 invitation_not_found');
    expect(problem(await revoke(id))).toBe('404 invitation_not_found');
    expect(problem(await revoke('1'))).toBe('404 invitation_not_found');
  });

  test('once it was accepted or revoked', async () => {
    const [email, other] = [freshEmail(), (await world.person({ verified: false })).email];
    const ids = [await invited(email), await invited(other)];
    await accept(email, await codeTo(email));
    await revoke(ids[1] ?? '');
    const before = await world.rows();
    for (const id of ids) {
      expect(problem(await resend(id))).toBe('409 invitation_closed');
      expect(problem(await revoke(id))).toBe('409 invitation_closed');
    }
    expect(await world.rows()).toEqual(before);
  });

  test('the invitation of a deactivated user cannot be resent', async () => {
    const person = await world.person({ verified: false });
    const id = await invited(person.email);
    await app.db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE id = ${person.userId}`);
    expect(problem(await resend(id))).toBe('409 user_not_active');
    expect((await revoke(id)).statusCode).toBe(204);
  });

  test('resending with a link to a foreign page or unknown fields is refused', async () => {
    const id = await invited(freshEmail());
    const before = await world.rows();
    const foreign = await resend(id, owner, { inviteUrl: 'https://evil.example/{{code}}' });
    expect(problem(foreign)).toBe('400 redirect_url_not_allowed');
    expect(Object.keys(faults(await resend(id, owner, { email: 'other@example.com' })))).toEqual(['/body/email']);
    expect(await world.rows()).toEqual(before);
  });
});

describe('resending', () => {
  test('mails a new code and restarts the lifetime; the older code stays valid', async () => {
    const email = freshEmail();
    const id = await invited(email);
    const code = await codeTo(email);
    app.clock.advance(2 * dayMs);
    const inviteUrl = 'http://localhost/join?code={{code}}';
    const response = await resend(id, manager, { inviteUrl });
    expect(response.json()).toEqual({ message: 'Invitation resent', userId: (await userOf(email))?.id, invited: true });
    const mail = await world.mail(email);
    expect(mail).toMatchObject({
      purpose: 'invitation',
      url: expect.stringMatching(/^http:\/\/localhost\/join\?code=[A-Z2-9]{26}$/),
    });
    expect(mail.code).not.toBe(code);
    expect(await list()).toMatchObject({
      metadata: { total: 1 },
      invitations: [{ id, expiresAt: new Date(app.clock.now().getTime() + 7 * dayMs).toISOString() }],
    });
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'invitation.resent',
      actor: `user ${manager.userId}`,
      target: `invitation ${id}`,
      changes: ['roles.reader'],
    });
    expect((await accept(email, code)).statusCode).toBe(200);
  });

  test('grants directly if the account is claimed by then', async () => {
    const person = await world.person({ verified: false });
    const id = await invited(person.email, 'owners');
    await verify(person);
    expect((await resend(id)).json()).toEqual({ message: 'Owner assigned', userId: person.userId, invited: false });
    expect((await world.mail(person.email)).purpose).toBe('role_granted');
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'organization.owner_granted',
      target: `user ${person.userId}`,
    });
    expect(problem(await resend(id))).toBe('409 invitation_closed');
  });

  test('is not delivered to a later owner of the address', async () => {
    const person = await world.person({ verified: false });
    const id = await invited(person.email);
    await app.db.query(sql`
      UPDATE users SET email = 'moved@example.com', email_key = 'moved@example.com'
      WHERE app_id = ${world.appId} AND id = ${person.userId}`);
    expect(problem(await resend(id))).toBe('409 invitation_closed');
    const successor = await world.person({ email: person.email });
    expect(problem(await resend(id))).toBe('409 invitation_closed');
    expect((await world.call('GET', url(''), { token: successor.token })).statusCode).toBe(404);
    expect((await revoke(id)).statusCode).toBe(204);
    expect((await invite(person.email)).json()).toMatchObject({ userId: successor.userId, invited: false });
  });
});

describe('revoking', () => {
  test('the last one deletes a user who was only invited, and the code is invalid', async () => {
    const email = freshEmail();
    const id = await invited(email);
    const code = await codeTo(email);
    expect((await revoke(id, manager)).statusCode).toBe(204);
    expect(await userOf(email)).toBeUndefined();
    expect(problem(await accept(email, code))).toBe('400 code_invalid');
    expect(await list()).toMatchObject({ invitations: [] });
    expect((await world.events()).at(-1)).toMatchObject({ action: 'invitation.revoked', target: `invitation ${id}` });
    expect((await invite(email)).json()).toMatchObject({ invited: true });
  });

  test('the last one removes the addresses of attempts on the code from the audit, and nothing else', async () => {
    const email = freshEmail();
    const id = await invited(email);
    expect(problem(await accept(email, 'AAAAAAA'))).toBe('400 code_invalid');
    const { id: userId } = (await userOf(email)) ?? {};
    const traces = () =>
      app.db.query(sql`
      SELECT action, ip IS NOT NULL AS told FROM audit_events
      WHERE app_id = ${world.appId} AND target_id = ${userId ?? ''} ORDER BY id`);
    const others = { action: 'organization.member_granted', told: true };
    expect(await traces()).toEqual([others, { action: 'code.failed', told: true }]);
    await revoke(id);
    expect(await traces()).toEqual([others, { action: 'code.failed', told: false }]);
  });

  test('one of several does not affect the others: the same code accepts them', async () => {
    const email = freshEmail();
    const toOwner = await invited(email, 'owners');
    await invite(email);
    const code = await codeTo(email);
    await revoke(toOwner);
    const { sessionToken } = (await accept(email, code)).json<{ sessionToken: string }>();
    const me = await world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', {
      token: sessionToken,
    });
    expect(me.json()).toMatchObject({ organizations: [{ id: orgId, roles: ['reader'], managerRoles: [] }] });
  });

  test('keeps offers of another organization', async () => {
    const email = freshEmail();
    const elsewhere = await world.organization(owner);
    await invite(email, 'members', owner, elsewhere);
    const codeElsewhere = await codeTo(email);
    const id = await invited(email);
    const code = await codeTo(email);
    await revoke(id);
    expect(await userOf(email)).toMatchObject({ state: 'INVITED' });
    expect(problem(await accept(email, code))).toBe('400 code_invalid');
    expect((await accept(email, codeElsewhere, elsewhere)).statusCode).toBe(200);
  });

  test('keeps a user who has signed up, without the invited role', async () => {
    const person = await world.person({ verified: false });
    const id = await invited(person.email);
    const code = await codeTo(person.email);
    await revoke(id);
    expect(problem(await accept(person.email, code))).toBe('400 code_invalid');
    expect(await userOf(person.email)).toMatchObject({ state: 'ACTIVE' });
    expect((await world.call('GET', '/v1/authentication/users/me', { token: person.token })).statusCode).toBe(200);
  });

  test('an expired one deletes the address as well', async () => {
    const email = freshEmail();
    const id = await invited(email);
    app.clock.advance(8 * dayMs);
    owner = await world.signIn(owner.email);
    expect((await revoke(id)).statusCode).toBe(204);
    expect(await userOf(email)).toBeUndefined();
  });

  test('during an acceptance ends in one of the two, without an error', async () => {
    const emails = Array.from({ length: 6 }, freshEmail);
    for (const email of emails) {
      const id = await invited(email);
      const code = await codeTo(email);
      const [accepted, revoked] = await Promise.all([accept(email, code), revoke(id)]);
      const outcome = [accepted.statusCode, revoked.statusCode];
      expect([
        [200, 409],
        [400, 204],
      ]).toContainEqual(outcome);
      expect((await userOf(email))?.state).toBe(outcome[0] === 200 ? 'ACTIVE' : undefined);
    }
  });
});
