import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
beforeEach(async () => {
  person = await world.person();
});
afterAll(() => app?.close());

const users = '/v1/authentication/users';
let counter = 0;
const fresh = (): string => `new-address-${(counter += 1)}@example.com`;

const ask = (newEmail: string, { by = person, currentPassword = password } = {}) =>
  world.call('POST', `${users}/me/email`, { token: by.token, body: { newEmail, currentPassword } });
const change = (verificationCode: string | undefined, by = person) =>
  world.call('PUT', `${users}/me/email`, { token: by.token, body: { verificationCode } });
const me = ({ token }: { token: string }) => world.call('GET', `${users}/me`, { token });
const leave = (currentPassword = password, { token } = person) =>
  world.call('DELETE', `${users}/me`, { token, body: { currentPassword } });

describe('a change of the address', () => {
  test('is verified by the code to the new address, reported to the old one, and ends other sessions', async () => {
    const newEmail = fresh();
    const other = await world.signIn(person.email);
    const asked = await ask(newEmail);
    expect([asked.statusCode, asked.json()]).toEqual([200, { message: 'Verification email sent' }]);
    const notice = await world.mail(person.email);
    expect([notice.purpose, notice.code, notice.text.includes(newEmail)]).toEqual([
      'email_change_requested',
      undefined,
      true,
    ]);
    expect((await me(person)).json()).toMatchObject({ email: person.email });

    const { code, purpose } = await world.mail(newEmail);
    expect(purpose).toBe('email_change');
    expect((await change(code)).json()).toEqual({ message: 'Email updated' });
    expect((await me(person)).json()).toMatchObject({ email: newEmail, isEmailVerified: true });
    expect((await me(other)).statusCode).toBe(401);
    await expect(world.signIn(person.email)).rejects.toThrow('invalid_credentials');
    expect((await world.signIn(newEmail)).userId).toBe(person.userId);
    expect(problem(await change(code))).toBe('400 code_invalid');
  });

  test('is found by the new address in every organization', async () => {
    const orgId = await world.organization(await world.person());
    const member = await world.member(orgId);
    const newEmail = fresh();
    await ask(newEmail, { by: member });
    await change((await world.mail(newEmail)).code, member);
    const url = '/v1/authorization/organizations/users/search?pageSize=1';
    const search = (email: string) => world.call('POST', url, { token: world.admin.token, orgId, body: { email } });
    expect((await search(newEmail)).json()).toMatchObject({ users: [{ id: member.userId, email: newEmail }] });
    expect((await search(member.email)).json()).toMatchObject({ metadata: { total: 0 } });
  });

  test('may be one of spelling only', async () => {
    const newEmail = person.email.toUpperCase().replace('EXAMPLE.COM', 'example.com');
    await ask(newEmail);
    expect((await change((await world.mail(newEmail)).code)).statusCode).toBe(200);
    expect((await me(person)).json()).toMatchObject({ email: newEmail });
  });

  test('voids codes that were sent to the old address', async () => {
    const unproven = await world.person({ verified: false });
    const { code: old } = await world.mail(unproven.email);
    const newEmail = fresh();
    await ask(newEmail, { by: unproven });
    await change((await world.mail(newEmail)).code, unproven);
    const body = { userId: unproven.userId, verificationCode: old };
    const answer = await world.call('POST', `${users}/email/verification`, { token: unproven.token, body });
    expect(problem(answer)).toBe('400 code_invalid');
  });

  test('does not move invitations of the owner of the old mailbox', async () => {
    const unproven = await world.person({ verified: false });
    const orgId = await world.organization(await world.person());
    const invitee = { email: unproven.email, firstName: 'Jon', lastName: 'Doe' };
    const owners = `/v1/authorization/organizations/${orgId}/owners`;
    await world.call('POST', owners, { token: world.admin.token, body: invitee });
    const supers = '/v1/authorization/super-admins';
    await world.call('POST', supers, { token: world.admin.token, body: { email: unproven.email } });
    const newEmail = fresh();
    await ask(newEmail, { by: unproven });
    await change((await world.mail(newEmail)).code, unproven);
    const [row] = await app.db.query(sql`
      SELECT super_admin_invited_until,
        (SELECT count(*) FROM invitations i WHERE i.user_id = u.id AND i.status = 'pending') AS pending,
        (SELECT count(*) FROM codes c WHERE c.user_id = u.id) AS codes
      FROM users u WHERE app_id = ${world.appId} AND id = ${unproven.userId}`);
    expect(row).toEqual({ super_admin_invited_until: null, pending: '0', codes: '0' });
  });

  test('only the newest code for a change of the address is valid, for an hour', async () => {
    const [first, second] = [fresh(), fresh()];
    await ask(first);
    await ask(second);
    expect(problem(await change((await world.mail(first)).code))).toBe('400 code_invalid');
    app.clock.advance(3_600_000);
    expect(problem(await change((await world.mail(second)).code))).toBe('400 code_invalid');
  });
});

describe('an address that is already in use', () => {
  test('gets the same response, no code, and the owner of the address is notified', async () => {
    const other = await world.person();
    const [free, taken] = [await ask(fresh()), await ask(other.email.toUpperCase())];
    expect([taken.statusCode, taken.json()]).toEqual([free.statusCode, free.json()]);
    const { purpose, code } = await world.mail(other.email);
    expect([purpose, code]).toEqual(['sign_up_attempted', undefined]);
  });

  test('invalidates the codes of earlier requests', async () => {
    const newEmail = fresh();
    await ask(newEmail);
    await ask((await world.person()).email);
    expect(problem(await change((await world.mail(newEmail)).code))).toBe('400 code_invalid');
  });

  test('is refused if it is taken when the code is sent back, and nothing has changed', async () => {
    const newEmail = fresh();
    await ask(newEmail);
    const { code } = await world.mail(newEmail);
    await world.person({ email: newEmail });
    expect(problem(await change(code))).toBe('409 email_already_exists');
    expect((await me(person)).json()).toMatchObject({ email: person.email });
  });

  test('one of two concurrent callers gets the address', async () => {
    const other = await world.person();
    const newEmail = fresh();
    await ask(newEmail);
    const first = (await world.mail(newEmail)).code;
    await ask(newEmail, { by: other });
    const second = (await world.mail(newEmail)).code;
    const answers = await Promise.all([change(first), change(second, other)]);
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 409]);
  });
});

describe('the current password', () => {
  test.each<[string, () => ReturnType<typeof ask>]>([
    ['a change of the address', () => ask(fresh(), { currentPassword: 'Wrong@password-of-nobody' })],
    ['the deletion of the account', () => leave('Wrong@password-of-nobody')],
  ])('is needed for %s, and failed attempts are counted', async (_, act) => {
    const strict = await createWorld(app, { settings: { limits: { passwordChecksPerUserPerHour: 1 } } });
    const [before, own] = [world, person];
    world = strict;
    person = await strict.person();
    const answers = [await act(), await act()].map(problem);
    [world, person] = [before, own];
    expect(answers).toEqual(['403 current_password_wrong', '429 rate_limited']);
  });

  test('limits the number of codes that are sent', async () => {
    const strict = await createWorld(app, { settings: { limits: { codeRequestsPerAccountPerHour: 1 } } });
    const { token } = await strict.person();
    const asking = (newEmail: string) =>
      strict.call('POST', `${users}/me/email`, { token, body: { newEmail, currentPassword: password } });
    expect((await asking(fresh())).statusCode).toBe(200);
    expect(problem(await asking(fresh()))).toBe('429 rate_limited');
  });
});

describe("the deletion of the caller's account", () => {
  test('is final: no session, no sign-in, no address in the audit, and the cookie is cleared', async () => {
    const headers = { cookie: `session-token=${person.token}`, 'user-agent': 'browser of hers' };
    const body = { currentPassword: password };
    const answer = await world.call('DELETE', `${users}/me`, { headers, body });
    expect([answer.statusCode, answer.json()]).toEqual([200, { message: `User ${person.userId} deleted` }]);
    expect(answer.cookies).toMatchObject([{ name: 'session-token', value: '', maxAge: 0 }]);
    expect((await me(person)).statusCode).toBe(401);
    await expect(world.signIn(person.email)).rejects.toThrow('invalid_credentials');
    const events = await app.db.query(sql`
      SELECT action, ip, user_agent FROM audit_events
      WHERE app_id = ${world.appId} AND actor_id = ${person.userId} ORDER BY id DESC LIMIT 1`);
    expect(events).toEqual([{ action: 'user.deleted', ip: null, user_agent: null }]);
  });

  test('is refused to the last owner and to the last super admin', async () => {
    await world.organization(person);
    expect(problem(await leave())).toBe('409 last_owner');
    expect(problem(await leave(password, world.admin))).toBe('409 last_super_admin');
    expect((await me(person)).statusCode).toBe(200);
  });

  test('is refused to one of the last two owners who delete their accounts concurrently', async () => {
    const orgId = await world.organization(person);
    const other = await world.person();
    const owner = { email: other.email, firstName: 'Jon', lastName: 'Doe' };
    const url = `/v1/authorization/organizations/${orgId}/owners`;
    await world.call('POST', url, { token: world.admin.token, body: owner });
    const answers = await Promise.all([leave(), leave(password, other)]);
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 409]);
  });
});
