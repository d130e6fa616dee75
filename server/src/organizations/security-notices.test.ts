import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol } from '../test/world/factors.ts';
import { securityOf, setOrganizationPolicy } from '../test/world/policies.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

// The mails to the owners of an organization whose security policy changes.

const users = '/v1/authentication/users';
const purpose = 'organization_security_changed';
const perHour = 3;

let app: TestApp;
let world: World;
let owner: Person;
let other: Person;
let orgId: string;

beforeAll(async () => void (app = await buildTestApp({ db: await openTestDatabase() })));
beforeEach(async () => {
  world = await createWorld(app, { settings: { limits: { codeRequestsPerAccountPerHour: perHour } } });
  owner = await world.person();
  other = await world.person();
  orgId = await world.organization(owner, { name: 'Jon Doe Inc' });
  await makeOwner(orgId, other);
});
afterAll(() => app?.close());

const makeOwner = async (id: string, { email }: Person) => {
  const url = `/v1/authorization/organizations/${id}/owners`;
  const body = { email, firstName: 'A', lastName: 'B' };
  expect((await world.call('POST', url, { token: world.admin.token, body })).statusCode).toBeLessThan(300);
};
const patch = (body: object, { token }: { token: string } = owner) =>
  world.call('PATCH', securityOf(orgId), { token, body });
const change = async (body: object, by: { token: string } = owner) =>
  expect((await patch(body, by)).statusCode).toBe(200);
const noticesTo = async ({ email }: Person) =>
  (await world.mails(email)).filter((mail) => mail.purpose === purpose).map(({ text }) => text);
/** Addresses that got a notice. */
const notified = async () => {
  const rows = await app.db.query<{ recipient: string }>(
    sql`SELECT recipient FROM mails WHERE app_id = ${world.appId} AND purpose = ${purpose} ORDER BY recipient`,
  );
  return rows.map(({ recipient }) => recipient);
};
/** Mails that are due, with their purpose, and the number of those that wait. */
const due = async ({ email }: Person, about: string) => {
  const rows = await app.db.query<{ due: boolean }>(sql`
    SELECT due_at <= ${app.clock.now()} AS due FROM mails
    WHERE app_id = ${world.appId} AND recipient = ${email} AND purpose = ${about}`);
  return { now: rows.filter((row) => row.due).length, later: rows.filter((row) => !row.due).length };
};

/** Number of notices that wait, and whether the newest notice does. */
const waiting = async ({ email }: Person) => {
  const rows = await app.db.query<{ waits: boolean }>(sql`
    SELECT state = 'QUEUED' AND due_at > ${app.clock.now()} AS waits FROM mails
    WHERE app_id = ${world.appId} AND recipient = ${email} AND purpose = ${purpose} ORDER BY id`);
  return { count: rows.filter(({ waits }) => waits).length, isNewest: rows.at(-1)?.waits };
};

describe('nobody is notified of', () => {
  it('a change that is refused', async () => {
    const manager = await world.manager(orgId);
    expect(problem(await patch({ mfa: 'required' }))).toBe('409 policy_locks_you_out');
    expect(problem(await patch({ maxSessionHours: 0 }))).toMatch(/^400/);
    expect(problem(await patch({ maxSessionHours: 5 }, manager))).toBe('403 access_denied');
    expect(problem(await patch({ maxSessionHours: 5 }, await world.person()))).toBe('404 organization_not_found');
    expect(await notified()).toEqual([]);
  });

  it('values that are equal to the stored ones', async () => {
    await setOrganizationPolicy(world, orgId, { maxSessionHours: 48, signInMethods: ['password', 'passkey'] });
    await change({ maxSessionHours: 48, signInMethods: ['passkey', 'password'], mfa: 'optional' });
    expect(await notified()).toEqual([]);
  });
});

describe('recipients of security notices', () => {
  it('only active owners with a verified address are notified, not managers, members or former owners', async () => {
    await world.manager(orgId);
    await world.member(orgId);
    await world.organization(await world.person());
    const [former, deactivated, unverified] = [await world.person(), await world.person(), await world.person()];
    for (const person of [former, deactivated, unverified]) await makeOwner(orgId, person);
    const { token } = world.admin;
    const managers = `/v1/authorization/organizations/${orgId}/managers`;
    expect((await world.call('DELETE', `${managers}/${former.userId}`, { token })).statusCode).toBeLessThan(300);
    await app.db.query(sql`
      UPDATE users SET state = 'INACTIVE' WHERE app_id = ${world.appId} AND id = ${deactivated.userId}`);
    await app.db.query(sql`
      UPDATE users SET is_email_verified = false, claimed_by = NULL
      WHERE app_id = ${world.appId} AND id = ${unverified.userId}`);
    await change({ maxSessionHours: 48 });
    expect(await notified()).toEqual([owner.email, other.email].toSorted());
  });
});

describe('the mail', () => {
  it('says what changed, by whom and when; nothing about the device and network of a colleague', async () => {
    await change({ maxSessionHours: 12, rememberDays: 3 });
    const [text = ''] = (await noticesTo(other)).map((mail) => mail.replaceAll('\u2060', ''));
    for (const part of [
      'Jon Doe Inc',
      `Changed by: ${owner.email}`,
      'Hours until people sign in again: 12 (before: no restriction)',
      'Days without a second factor on remembered devices: 3 (before: 0)',
      'Time: ',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).not.toMatch(/IP address|Device:|Allowed sign-in methods|not-me#/);
  });

  it('is in the language of the recipient', async () => {
    await app.db.query(sql`
      UPDATE users SET language = 'ar' WHERE app_id = ${world.appId} AND id = ${other.userId}`);
    await enrol(world, owner);
    await change({ mfa: 'required', allowedFactors: ['totp'] });
    const [arabic = ''] = await noticesTo(other);
    expect(arabic).toContain('العامل الثاني: إلزامي (سابقًا: اختياري)');
    expect(arabic).toContain('تطبيق المصادقة (سابقًا: بلا قيود)');
    const [english = ''] = await noticesTo(owner);
    expect(english).toContain('Second factor: required (before: optional)');
    expect(english).toContain('Allowed second factors: authenticator app (before: no restriction)');
  });

  it('does not show the address of a super admin, who gets none', async () => {
    await change({ maxSessionHours: 12 }, world.admin);
    const [text = ''] = await noticesTo(other);
    expect(text).toContain('Changed by: an administrator');
    expect(text.replaceAll('\u2060', '')).not.toContain(world.admin.email);
    expect(text).not.toContain('not-me#');
    expect(await notified()).toEqual([owner.email, other.email].toSorted());
  });

  it('is also sent to the owner who made the change: its link ends all sessions and starts a reset', async () => {
    const thief = await world.signIn(owner.email);
    await change({ maxSessionHours: 12 }, thief);
    const [text = ''] = await noticesTo(owner);
    const [, token] = /not-me#(\S+)/.exec(text) ?? [];
    const press = () => world.call('POST', `${users}/email/verification/rejection`, { body: { token } });
    expect((await press()).statusCode).toBe(200);
    for (const session of [thief, owner]) {
      expect((await world.call('GET', `${users}/me`, session)).statusCode).toBe(401);
    }
    expect((await world.call('GET', `${users}/me`, other)).statusCode).toBe(200);
    const [request] = await app.db.query<{ count: string }>(
      sql`SELECT count(*)::text AS count FROM password_reset_requests WHERE app_id = ${world.appId}`,
    );
    expect(request).toEqual({ count: '1' });
    const rejected = (await world.events()).findLast(({ action }) => action === 'user.rejected');
    expect(rejected).toMatchObject({ target: `user ${owner.userId}`, changes: ['security_policy'] });
  });
});

describe('very many changes', () => {
  const setHours = async (id: string, changes: number, by: { token: string }) => {
    for (let hours = 1; hours <= changes; hours += 1) {
      const body = { maxSessionHours: 47 + hours };
      const response = await world.call('PATCH', securityOf(id), { token: by.token, body });
      expect(response.statusCode).toBe(200);
    }
  };

  it('are delayed, but do not delay notices about the accounts of the other owners', async () => {
    await setHours(orgId, perHour + 2, owner);
    expect(await due(other, purpose)).toEqual({ now: perHour, later: 2 });
    const body = { currentPassword: password, newPassword: 'Another@slidezAB12' };
    const changed = await world.call('PUT', `${users}/${other.userId}/password`, { token: other.token, body });
    expect(changed.statusCode).toBeLessThan(300);
    expect(await due(other, 'password_changed')).toEqual({ now: 1, later: 0 });
  });

  it('do not delay notices about another organization of the same owner', async () => {
    const attacker = await world.person();
    const theirs = await world.organization(attacker, { name: 'Elsewhere' });
    await makeOwner(theirs, other);
    await setHours(theirs, perHour + 2, attacker);
    await change({ maxSessionHours: 99 });
    expect(await due(other, purpose)).toEqual({ now: perHour + 1, later: 2 });
  });

  it('do not drop the newest notice: it replaces those that wait', async () => {
    // The quota of an hour is free again after each of 24 hours.
    const booked = perHour * 25;
    await setHours(orgId, booked, world.admin);
    expect(await waiting(other)).toEqual({ count: booked - perHour, isNewest: true });
    await change({ maxSessionHours: 500 });
    await change({ maxSessionHours: 501 });
    expect(await waiting(other)).toEqual({ count: 1, isNewest: true });
  });

  it('by owners are refused beyond the limit; equal values and super admins do not count', async () => {
    const limited = await createWorld(app, { settings: { limits: { securityChangesPerOrganizationPerHour: 2 } } });
    const [mine, others] = [await limited.person(), await limited.person()];
    const ids = [await limited.organization(mine), await limited.organization(mine)] as const;
    const set = (id: string, hours: number, { token } = mine) =>
      limited.call('PATCH', securityOf(id), { token, body: { maxSessionHours: hours } });
    for (const hours of [1, 1, 2, 2]) expect((await set(ids[0], hours)).statusCode).toBe(200);
    const refused = await set(ids[0], 3);
    expect(problem(refused)).toBe('429 rate_limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await set(ids[0], 2)).statusCode).toBe(200);
    expect(problem(await set(ids[0], 3, others))).toBe('404 organization_not_found');
    expect((await set(ids[1], 3)).statusCode).toBe(200);
    for (const hours of [4, 5, 6]) expect((await set(ids[0], hours, limited.admin)).statusCode).toBe(200);
  });
});
