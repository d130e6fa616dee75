import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { limits as allLimits } from '../limits/limits.ts';
import { type MailServer, startMailServer } from '../test/mail-server.ts';
import { openOutbox } from '../test/outbox.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';

const users = '/v1/authentication/users';
const hourMs = 3_600_000;
const perHour = 4;
const perDay = 9;
const limits = { mailsPerMailboxPerHour: perHour, mailsPerMailboxPerDay: perDay };

let app: TestApp;
let world: World;
let owner: Person;
let server: MailServer;
let counter = 0;
let name: string;

beforeAll(async () => {
  app = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  server = await startMailServer();
});
beforeEach(async () => {
  await app.db.query(sql`DELETE FROM mails`);
  world = await createWorld(app, { settings: { limits } });
  owner = await world.person();
  name = `victim-${(counter += 1)}`;
});
afterAll(async () => {
  await server?.close();
  await app?.close();
});

const mailbox = () => `${name}@example.com`;
const tagged = (tag: number | string) => `${name}+${tag}@example.com`;
const isOfMailbox = (address = '') => address.startsWith(`${name}@`) || address.startsWith(`${name}+`);

const invite = (orgId: string, email: string, as: Person = owner) => {
  const body = { email, firstName: 'Jane', lastName: 'Roe', role: 'reader' };
  return world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token: as.token, body });
};
const invitationsOf = async (orgId: string) => {
  const url = `/v1/authorization/organizations/${orgId}/invitations?pageSize=100`;
  const answer = await world.call('GET', url, { token: owner.token });
  return answer.json<{ invitations: { id: string; email: string; mail?: string }[] }>().invitations;
};
const signUp = (email: string) =>
  world.call('POST', users, { body: { firstName: 'Jon', lastName: 'Doe', email, password } });
const askForReset = async (email: string, address: string, headers: Record<string, string> = {}) => {
  const all = { 'x-forwarded-for': address, ...headers };
  await world.call('POST', `${users}/password/reset-request/email`, { body: { email }, headers: all });
  await runTask(app, sendPasswordResets);
};

/** Sends all mails that are due. @returns how many mails the mailbox got */
async function deliver(): Promise<number> {
  const before = server.mails.length;
  await openOutbox(app, world).run(server);
  return server.mails.slice(before).filter(({ envelope }) => isOfMailbox(envelope.to[0])).length;
}
const purposesDue = async () =>
  app.db.query<{ purpose: string }>(sql`
    SELECT purpose FROM mails
    WHERE app_id = ${world.appId} AND state = 'QUEUED' AND due_at <= ${app.clock.now()} AND recipient LIKE ${`${name}%`}
    ORDER BY id`);

describe('mails that others cause', () => {
  test('mails of all organizations and to plus tags share the quotas of a mailbox, and arrive', async () => {
    const organizations = [];
    for (let index = 0; index < 3; index += 1) organizations.push(await world.organization(owner));
    for (const email of [tagged('me'), mailbox()]) expect((await signUp(email)).statusCode).toBe(201);
    let sent = 2;
    for (const orgId of organizations) {
      for (let tag = 0; tag < 5; tag += 1) {
        expect((await invite(orgId, tagged(tag))).statusCode).toBe(201);
        sent += 1;
      }
    }

    const arrivals: { at: number; count: number }[] = [];
    for (let step = 0; step < 60 * 4; step += 1) {
      const count = await deliver();
      if (count > 0) arrivals.push({ at: app.clock.now().getTime(), count });
      app.clock.advance(hourMs / 4);
    }
    const within = (from: number, periodMs: number) =>
      arrivals.filter(({ at }) => at >= from && at < from + periodMs).reduce((sum, { count }) => sum + count, 0);
    expect(Math.max(...arrivals.map(({ at }) => within(at, hourMs)))).toBe(perHour);
    expect(Math.max(...arrivals.map(({ at }) => within(at, 24 * hourMs)))).toBe(perDay);
    expect(within(0, Number.MAX_SAFE_INTEGER)).toBe(sent);
  });

  test('do not affect other mailboxes, also if their addresses begin in the same way', async () => {
    const orgId = await world.organization(owner);
    for (let tag = 0; tag < perHour + 2; tag += 1) await invite(orgId, tagged(tag));
    const others = [`${name}x+1@example.com`, `${name}@example.org`, `+${name}@example.com`];
    for (const email of others) await invite(orgId, email);
    await openOutbox(app, world).run(server);
    const recipients = new Set(server.mails.map(({ envelope }) => envelope.to[0]));
    expect(others.filter((email) => !recipients.has(email))).toEqual([]);
  });

  test('do not exceed the limit of the app, also when they are sent at once', async () => {
    const orgId = await world.organization(owner);
    await Promise.all(Array.from({ length: 12 }, (_, tag) => invite(orgId, tagged(tag))));
    expect(await deliver()).toBe(perHour);
  });

  test('are of all kinds: sign-ups, invitations, roles, attempts to sign up, super admins', async () => {
    const person = await world.person({ email: mailbox() });
    const orgId = await world.organization(owner);
    await app.db.query(sql`DELETE FROM mails`);
    // The sign-up consumed one unit.
    await invite(orgId, mailbox());
    await signUp(mailbox());
    await world.call('POST', '/v1/authorization/super-admins', {
      token: world.admin.token,
      body: { email: tagged('root') },
    });
    expect((await purposesDue()).map(({ purpose }) => purpose)).toEqual([
      'role_granted',
      'sign_up_attempted',
      'super_admin_invited',
    ]);
    for (const cause of [() => invite(orgId, tagged(1)), () => signUp(tagged(2)), () => signUp(tagged(3))])
      await cause();
    expect(await deliver()).toBe(3);
    expect(person.email).toBe(mailbox());
  });

  test('delayed mails are shown in lists, until they are sent', async () => {
    const orgId = await world.organization(owner);
    for (let tag = 0; tag < perHour + 1; tag += 1) await invite(orgId, tagged(tag));
    await world.call('POST', '/v1/authorization/super-admins', {
      token: world.admin.token,
      body: { email: tagged('root') },
    });
    const superAdmins = async () => {
      const answer = await world.call('GET', '/v1/authorization/super-admins?pageSize=10', {
        token: world.admin.token,
      });
      return answer.json<{ superAdmins: { mail?: string }[] }>().superAdmins.map(({ mail }) => mail);
    };
    const told = async () => (await invitationsOf(orgId)).map(({ mail }) => mail);
    expect(await told()).toEqual([...Array<undefined>(perHour).fill(undefined), 'delayed']);
    expect(await superAdmins()).toEqual([undefined, 'delayed']);
    expect(await world.mails(tagged(perHour))).toEqual([]);
    app.clock.advance(hourMs);
    expect(await deliver()).toBe(perHour + 2);
    expect(await told()).toEqual(Array(perHour + 1).fill(undefined));
    expect(await superAdmins()).toEqual([undefined, undefined]);
  });

  test('are replaced in the queue: inviting again does not add a mail, and the newest code arrives', async () => {
    const orgId = await world.organization(owner);
    for (let tag = 0; tag < perHour + 1; tag += 1) await invite(orgId, tagged(tag));
    const waiting = (await invitationsOf(orgId)).at(-1);
    for (let again = 0; again < 5; again += 1) {
      const url = `/v1/authorization/organizations/${orgId}/invitations/${waiting?.id}/resend`;
      expect((await world.call('POST', url, { token: owner.token })).statusCode).toBe(200);
    }
    await invite(orgId, tagged('next'));
    await deliver();
    app.clock.advance(hourMs);
    expect(await deliver()).toBe(2);
    const { text = '' } = server.mails.findLast(({ envelope }) => envelope.to[0] === waiting?.email) ?? {};
    const verificationCode = /Your code: (\w{7})/.exec(text)?.[1];
    const body = { orgId, email: waiting?.email, verificationCode, newPassword: 'Secret@slidezAB' };
    expect((await world.call('PUT', `${users}/invite`, { body })).statusCode).toBe(200);
  });

  test('mails that would be of no use by then are not queued, and later mails have room again', async () => {
    for (let tag = 0; tag < perDay * 3; tag += 1) await signUp(tagged(tag));
    const queued = sql`SELECT count(*)::integer AS count FROM mails WHERE recipient LIKE ${`${name}%`}`;
    // The mails of today, and the mails that are due before their codes expire.
    const [row] = await app.db.query<{ count: number }>(queued);
    expect(row?.count).toBeLessThanOrEqual(2 * perDay);
    app.clock.advance(3 * 24 * hourMs);
    await deliver();
    await signUp(tagged('late'));
    expect(await deliver()).toBe(1);
  });

  test('do not run after a person who is deleted, and stay counted for the mailbox', async () => {
    for (let tag = 0; tag < perHour; tag += 1) {
      const made = (await signUp(tagged(tag))).json<{ sessionToken: string }>();
      const gone = { token: made.sessionToken, body: { currentPassword: password } };
      expect((await world.call('DELETE', `${users}/me`, gone)).statusCode).toBe(200);
    }
    await signUp(mailbox());
    expect(await deliver()).toBe(0);
    app.clock.advance(hourMs);
    expect(await deliver()).toBe(1);
  });
});

describe('mails that the owner of a mailbox needs', () => {
  const kind = { ...limits, codeRequestsPerAccountPerHour: 5, reservedCodeMailsPerAccountPerHour: 3 };
  const stranger = (index: number) => `203.0.113.${index}`;
  const resets = async () => (await purposesDue()).filter(({ purpose }) => purpose === 'password_reset').length;
  /** Three valid codes would block strangers. Their attempts are exhausted, so that only the quota decides. */
  const useUp = () => app.db.query(sql`UPDATE codes SET tries = 50 WHERE app_id = ${world.appId}`);

  beforeEach(async () => {
    world = await createWorld(app, { settings: { limits: kind } });
    owner = await world.person();
  });

  test('go out at once although others have filled the mailbox: resets, verifications, notices', async () => {
    const orgId = await world.organization(owner);
    const { token, userId } = await world.person({ email: mailbox() });
    for (let tag = 0; tag < perDay; tag += 1) await invite(orgId, tagged(tag));
    const later = (await signUp(tagged('me'))).json<{ sessionToken: string; userId: string }>();
    await app.db.query(sql`DELETE FROM mails`);
    await askForReset(mailbox(), stranger(1));
    const change = { currentPassword: password, newPassword: 'Secret@slidezAB' };
    expect((await world.call('PUT', `${users}/${userId}/password`, { token, body: change })).statusCode).toBe(200);
    const request = { token: later.sessionToken, body: { userId: later.userId } };
    expect((await world.call('POST', `${users}/email/verification-request`, request)).statusCode).toBe(200);
    expect((await purposesDue()).map(({ purpose }) => purpose).toSorted()).toEqual([
      'email_verification',
      'password_changed',
      'password_reset',
    ]);
  });

  test('do not delay mails that others cause', async () => {
    await world.person({ email: mailbox() });
    const orgId = await world.organization(owner);
    for (let asked = 0; asked < 10; asked += 1) {
      await askForReset(mailbox(), stranger(asked));
      await useUp();
    }
    await app.db.query(sql`DELETE FROM mails`);
    await invite(orgId, tagged(1));
    expect((await purposesDue()).map(({ purpose }) => purpose)).toEqual(['invitation']);
  });

  /** @returns the device that the service knows from then on, as a header */
  async function signUpFrom(address: string, email: string): Promise<Record<string, string>> {
    const signedUp = await world.call('POST', users, {
      body: { firstName: 'Jon', lastName: 'Doe', email, password },
      headers: { 'x-forwarded-for': address },
    });
    return { 'x-device-token': String(signedUp.headers['x-device-token']) };
  }

  test('have three an hour reserved for networks and devices of the account', async () => {
    const device = await signUpFrom('192.0.2.40', mailbox());
    await app.db.query(
      sql`UPDATE users SET is_email_verified = true, claimed_by = 'verification' WHERE app_id = ${world.appId}`,
    );
    await app.db.query(sql`DELETE FROM mails`);
    const ofSomebodyElse = await signUpFrom('192.0.2.50', 'somebody-else@example.com');
    for (let asked = 0; asked < 12; asked += 1) {
      await askForReset(mailbox(), stranger(asked));
      await useUp();
    }
    expect(await resets()).toBe(kind.codeRequestsPerAccountPerHour);
    await askForReset(mailbox(), '192.0.2.50');
    await askForReset(mailbox(), '192.0.2.99', ofSomebodyElse);
    expect(await resets()).toBe(kind.codeRequestsPerAccountPerHour);
    await askForReset(mailbox(), '192.0.2.40');
    await askForReset(mailbox(), '192.0.2.99', device);
    await askForReset(mailbox(), '192.0.2.99', { 'x-device-token': `gh_d_${'A'.repeat(43)}` });
    expect(await resets()).toBe(kind.codeRequestsPerAccountPerHour + 2);
    for (let asked = 0; asked < 4; asked += 1) {
      await useUp();
      await askForReset(mailbox(), '192.0.2.40');
    }
    expect(await resets()).toBe(kind.codeRequestsPerAccountPerHour + 3);
  });

  test.each<[what: string, ageMs: number, more: number]>([
    ['have a reserve for a device for 180 days after its last sign-in', 180 * 24 * hourMs - 1, 1],
    ['have no reserve for a device that is no longer known', 180 * 24 * hourMs, 0],
  ])('%s', async (_, ageMs, more) => {
    const device = await signUpFrom('192.0.2.40', mailbox());
    await app.db.query(
      sql`UPDATE users SET is_email_verified = true, claimed_by = 'verification' WHERE app_id = ${world.appId}`,
    );
    app.clock.advance(ageMs);
    for (let asked = 0; asked <= kind.codeRequestsPerAccountPerHour; asked += 1) {
      await askForReset(mailbox(), stranger(asked));
      await useUp();
    }
    expect(await resets()).toBe(kind.codeRequestsPerAccountPerHour);
    await askForReset(mailbox(), '192.0.2.99', device);
    expect(await resets()).toBe(kind.codeRequestsPerAccountPerHour + more);
  });

  test('have no reserve for an unverified address: plus tags must not exhaust the reserve', async () => {
    await world.person({ email: mailbox() });
    await signUp(tagged('squatter'));
    await app.db.query(sql`DELETE FROM mails`);
    for (let asked = 0; asked < 12; asked += 1) {
      await askForReset(tagged('squatter'), '127.0.0.1');
      await useUp();
    }
    expect(await resets()).toBe(kind.codeRequestsPerAccountPerHour);
  });

  test('are counted for the mailbox, regardless of the plus tag', async () => {
    const people = [];
    for (let tag = 0; tag < 3; tag += 1) people.push(await world.person({ email: tagged(tag), verified: false }));
    const answers: string[] = [];
    for (let asked = 0; asked < 6; asked += 1) {
      const { token, userId } = people[asked % 3] as Person;
      const answer = await world.call('POST', `${users}/email/verification-request`, { token, body: { userId } });
      answers.push(answer.statusCode === 200 ? '200' : problem(answer));
    }
    expect(answers).toEqual([...Array<string>(5).fill('200'), '429 rate_limited']);
  });

  test('notices are delayed, and not lost, when somebody causes very many', async () => {
    const { token, userId } = await world.person({ email: mailbox() });
    await app.db.query(sql`DELETE FROM mails`);
    const passwords = [password, 'Secret@slidezAB'];
    for (let index = 0; index < 7; index += 1) {
      const body = { currentPassword: passwords[index % 2], newPassword: passwords[(index + 1) % 2] };
      await world.call('PUT', `${users}/${userId}/password`, { token, body });
    }
    expect(await deliver()).toBe(kind.codeRequestsPerAccountPerHour);
    app.clock.advance(hourMs);
    expect(await deliver()).toBe(2);
  });
});

describe('mail quotas with the default numbers', () => {
  const defaults = Object.fromEntries(Object.entries(allLimits).map(([limit, { count }]) => [limit, count]));
  const count = async (of: World) => {
    const [row] = await of.test.db.query<{ due: number; waiting: number }>(sql`
      SELECT count(*) FILTER (WHERE due_at <= ${of.test.clock.now()})::integer AS due,
        count(*) FILTER (WHERE due_at > ${of.test.clock.now()})::integer AS waiting
      FROM mails WHERE app_id = ${of.appId} AND purpose = 'email_verification'`);
    return row;
  };
  const signUpOften = async (of: World, times: number) => {
    for (let tag = 0; tag < times; tag += 1) {
      const body = { firstName: 'Jon', lastName: 'Doe', email: tagged(tag), password };
      const headers = { origin: of.test.services.config.publicUrl };
      expect((await of.call('POST', users, { body, headers })).statusCode).toBe(201);
    }
  };

  test('nothing is delayed with development features', async () => {
    const development = await createWorld(app, { settings: { limits: defaults } });
    await signUpOften(development, 35);
    expect(await count(development)).toEqual({ due: 35, waiting: 0 });
  });

  test('ten go out at once in production', async () => {
    const env = {
      NODE_ENV: 'production',
      PUBLIC_URL: 'https://id.example.com',
      MASTER_KEY: randomBytes(32).toString('base64'),
      ALLOW_EMBEDDED: 'true',
    };
    const production = await buildTestApp({ env });
    try {
      const of = await createWorld(production, { settings: { limits: defaults } });
      await signUpOften(of, 12);
      expect(await count(of)).toEqual({ due: 10, waiting: 2 });
    } finally {
      await production.close();
    }
  });
});
