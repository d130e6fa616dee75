import { Readable } from 'node:stream';
import { Command } from 'commander';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { getApp } from '../apps/apps.store.ts';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { personalKey } from '../test/world/api-keys.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { addAdminCommands } from './admins.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(app);
});
afterAll(() => app?.close());

/** @returns what the command prints */
async function operate(words: readonly string[], stdin = ''): Promise<string> {
  const lines: string[] = [];
  const program = new Command().exitOverride();
  addAdminCommands(program, {
    withApp: async (name, work) => {
      expect(name).toBe(world.appName);
      return work(app.services, await getApp(app.db, name));
    },
    print: (line) => lines.push(line),
    input: Readable.from([stdin]),
  });
  await program.parseAsync(['node', 'operate', ...words]);
  return lines.join('\n');
}

const signIn = (email: string, password: string) =>
  world.call('POST', '/v1/authentication/users/sessions', { body: { email, password } });
const superAdmins = (token: string) => world.call('GET', '/v1/authorization/super-admins?pageSize=100', { token });
const passwordIn = (line: string) => / {2}password: (\S{24}) {2}\(shown only once\)$/.exec(line)?.[1] ?? '';
const everything = () =>
  app.db.query(
    sql`SELECT id, password_hash, is_super_admin, state FROM users WHERE app_id = ${world.appId} ORDER BY id`,
  );
const events = () =>
  app.db.query(sql`
    SELECT action, actor_kind, target_kind, target_id FROM audit_events
    WHERE app_id = ${world.appId} AND actor_kind = 'operator'`);

describe('a refused call changes nothing', () => {
  it.each<[string, (user: string) => string[], RegExp, string?]>([
    [
      'resetting the password of nobody',
      () => ['reset-admin-password', world.appName, 'x@example.com'],
      /no super admin/,
    ],
    ['resetting that of a user', (user) => ['reset-admin-password', world.appName, user], /no super admin of this app/],
    ['what is no address', () => ['create-admin', world.appName, 'jon'], /"jon" is not an e-mail address/],
    ['creating somebody with an account', (user) => ['create-admin', world.appName, user], /has an account already/],
    [
      'a weak password',
      () => ['reset-admin-password', world.appName, world.admin.email, '--password-stdin'],
      /at least 10 characters/,
      'short\n',
    ],
    [
      'no password',
      () => ['create-admin', world.appName, 'x@example.com', '--password-stdin'],
      /at least 10 characters/,
    ],
  ])('%s', async (_, words, message, stdin) => {
    const person = await world.person();
    const before = await everything();
    await expect(operate(words(person.email), stdin)).rejects.toThrow(message);
    expect(await everything()).toEqual(before);
    expect(await events()).toEqual([]);
  });

  it('creating somebody who is invited to an organization, who can still accept', async () => {
    const orgId = await world.organization(await world.person());
    const [email, newPassword] = ['invited@example.com', 'Password@123JonDoeInc'];
    const body = { email, firstName: 'Ina', lastName: 'Vited', role: 'reader' };
    const url = `/v1/authorization/organizations/${orgId}/members`;
    expect((await world.call('POST', url, { token: world.admin.token, body })).statusCode).toBe(201);
    const before = await everything();
    await expect(operate(['create-admin', world.appName, email])).rejects.toThrow(/has an account already/);
    expect([await everything(), await events()]).toEqual([before, []]);
    const { code: verificationCode } = await world.mail(email);
    const accepted = await world.call('PUT', '/v1/authentication/users/invite', {
      body: { orgId, email, verificationCode, newPassword },
    });
    expect(accepted.statusCode).toBe(200);
    expect((await superAdmins(accepted.json<{ sessionToken: string }>().sessionToken)).statusCode).toBe(403);
  });

  it('creating somebody who is invited as super admin, who can still accept', async () => {
    const [email, newPassword] = ['invited.admin@example.com', 'Password@123JonDoeInc'];
    const { token } = world.admin;
    const invited = await world.call('POST', '/v1/authorization/super-admins', { token, body: { email } });
    expect(invited.json()).toMatchObject({ invited: true });
    const before = await everything();
    await expect(operate(['create-admin', world.appName, email])).rejects.toThrow(/has an account already/);
    await expect(operate(['reset-admin-password', world.appName, email])).rejects.toThrow(/no super admin|not claimed/);
    expect([await everything(), await events()]).toEqual([before, []]);
    const { code: verificationCode } = await world.mail(email);
    const body = { email, verificationCode, newPassword };
    expect((await world.call('PUT', '/v1/authentication/users/password', { body })).statusCode).toBe(200);
    const { sessionToken } = (await signIn(email, newPassword)).json<{ sessionToken: string }>();
    expect((await superAdmins(sessionToken)).statusCode).toBe(200);
  });

  it('a super admin who is deactivated, or whose account is not claimed', async () => {
    const words = ['reset-admin-password', world.appName, world.admin.email];
    await app.db.query(sql`UPDATE users SET claimed_by = NULL WHERE app_id = ${world.appId} AND is_super_admin`);
    await expect(operate(words)).rejects.toThrow(/is not claimed/);
    await app.db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE app_id = ${world.appId} AND is_super_admin`);
    await expect(operate(words)).rejects.toThrow(/is deactivated/);
  });
});

describe('reset-admin-password', () => {
  it('prints a password that works, ends the sessions and is recorded in the audit', async () => {
    const { email, token, userId } = world.admin;
    expect((await superAdmins(token)).statusCode).toBe(200);
    const password = passwordIn(await operate(['reset-admin-password', world.appName, email.toUpperCase()]));
    expect((await superAdmins(token)).statusCode).toBe(401);
    const signedIn = await signIn(email, password);
    expect(signedIn.statusCode).toBe(201);
    expect(await events()).toEqual([
      { action: 'user.password_reset', actor_kind: 'operator', target_kind: 'user', target_id: userId },
    ]);
  });

  it('records the personal API keys that end in the audit of their organization', async () => {
    const orgId = await world.organization(world.admin);
    const roles = { token: world.admin.token, orgId, body: { roles: ['reader'] } };
    await world.call('POST', `/v1/authorization/organizations/users/${world.admin.userId}`, roles);
    const { id } = await personalKey(world, world.admin, orgId);
    await operate(['reset-admin-password', world.appName, world.admin.email]);
    const rows = await app.db.query(sql`
      SELECT action, org_id, target_id FROM audit_events
      WHERE app_id = ${world.appId} AND actor_kind = 'operator' AND target_kind = 'api_key'`);
    expect(rows).toEqual([{ action: 'api_key.revoked', org_id: orgId, target_id: id }]);
  });

  it('notifies the super admin by mail, whose link removes the password', async () => {
    const { email } = world.admin;
    const password = passwordIn(await operate(['reset-admin-password', world.appName, email]));
    const [mail, ...older] = await world.mails(email);
    expect([mail?.purpose, older.map(({ purpose }) => purpose)]).toEqual(['password_changed', []]);
    expect(`${mail?.text}${mail?.html}`).not.toContain(password);
    const [, appName, token] = /\/apps\/([a-z0-9-]+)\/not-me#(\S+)/.exec(mail?.text ?? '') ?? [];
    expect(appName).toBe(world.appName);
    const url = '/v1/authentication/users/email/verification/rejection';
    expect((await world.call('POST', url, { body: { token } })).statusCode).toBe(200);
    expect((await signIn(email, password)).statusCode).toBe(401);
  });

  it('takes the password from standard input and does not print it', async () => {
    const given = 'Password@of the 0perator';
    const { email } = world.admin;
    const printed = await operate(['reset-admin-password', world.appName, email, '--password-stdin'], `${given}\n`);
    expect(printed).toBe(`${email}  password set`);
    expect((await signIn(email, given)).statusCode).toBe(201);
  });

  it('works after too many attempts with the password', async () => {
    const { email } = world.admin;
    const body = { limits: { signInsPerAccountPerHour: 3 } };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    for (let tries = 0; tries < 3; tries += 1) await signIn(email, 'wrong password');
    expect((await signIn(email, 'wrong password')).statusCode).toBe(429);
    const password = passwordIn(await operate(['reset-admin-password', world.appName, email]));
    expect((await signIn(email, password)).statusCode).toBe(201);
  });
});

describe('create-admin', () => {
  it('adds a super admin who can sign in, records it in the audit and notifies the other super admins', async () => {
    const email = 'second@example.com';
    const password = passwordIn(await operate(['create-admin', world.appName, email]));
    const { sessionToken: token } = (await signIn(email, password)).json<{ sessionToken: string }>();
    const listed = (await superAdmins(token)).json<{ superAdmins: { email: string }[] }>();
    expect(listed.superAdmins.map((admin) => admin.email).toSorted()).toEqual([world.admin.email, email].toSorted());
    expect(await events()).toMatchObject([{ action: 'super_admin.granted', actor_kind: 'operator' }]);
    const listedEvents = await world.call('GET', '/v1/authorization/audit-events?pageSize=100', { token });
    expect(listedEvents.json()).toMatchObject({
      events: expect.arrayContaining([
        expect.objectContaining({ action: 'super_admin.granted', actor: { kind: 'operator', id: null } }),
      ]),
    });
    const mails = await app.db.query<{ recipient: string }>(sql`
      SELECT recipient FROM mails WHERE app_id = ${world.appId} AND purpose = 'super_admin_granted'`);
    expect(mails.map(({ recipient }) => recipient).toSorted()).toEqual([world.admin.email, email].toSorted());
  });

  it('adds no user to another app', async () => {
    const other = await createWorld(app);
    const password = passwordIn(await operate(['create-admin', world.appName, 'third@example.com']));
    const answer = await other.call('POST', '/v1/authentication/users/sessions', {
      body: { email: 'third@example.com', password },
    });
    expect(answer.statusCode).toBe(401);
  });
});
