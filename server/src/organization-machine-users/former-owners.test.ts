import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { sql } from '../db/db.ts';
import { type BarrierDb, barrierDb } from '../test/barrier-db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';
import type { OrganizationMachine } from '../test/world/machines.ts';

const dayMs = 24 * 3_600_000;
const minuteMs = 60_000;

let db: BarrierDb;
let app: TestApp;
let world: World;
/** Stays an owner. */
let owner: Person;
/** Creates secrets, and then stops being an owner. */
let former: Person;
let orgId: string;
let machine: OrganizationMachine;

beforeAll(async () => {
  db = barrierDb(await openTestDatabase());
  app = await buildTestApp({ db });
});
beforeEach(async () => {
  world = await createWorld(app, { settings: { organizationMachineUsers: true } });
  owner = await world.person();
  former = await world.person();
  orgId = await world.organization(owner);
  await makeOwner(former);
  machine = await world.organizationMachine(orgId, { by: former.token });
});
afterAll(() => app?.close());

const organizationUrl = () => `/v1/authorization/organizations/${orgId}`;
const byAdmin = (method: 'POST' | 'PATCH' | 'DELETE', url: string, body?: object) =>
  world.call(method, url, { token: world.admin.token, ...(body && { body: { ...body } }) });
const makeOwner = ({ email }: Person) =>
  byAdmin('POST', `${organizationUrl()}/owners`, { email, firstName: 'A', lastName: 'B' });
const getToken = ({ machineUserId: clientId, clientSecret } = machine) =>
  world.call('POST', '/v1/authentication/machine-users/access-token', { body: { clientId, clientSecret } });
const outcome = async (of = machine) => {
  const response = await getToken(of);
  return response.statusCode === 200 ? '200' : problem(response);
};
const secretUrl = ({ machineUserId, secretId } = machine) =>
  `${organizationUrl()}/machine-users/${machineUserId}/secrets/${secretId}`;
const confirm = (token = owner.token) => world.call('POST', `${secretUrl()}/confirm`, { token });
const secret = async () => {
  const response = await world.call('GET', `${organizationUrl()}/machine-users?pageSize=9`, {
    token: world.admin.token,
  });
  const { machineUsers } = response.json<{
    machineUsers: { secrets: { createdBy: string | null; confirmBy: string | null }[] }[];
  }>();
  return machineUsers[0]?.secrets[0];
};
const demote = () => byAdmin('DELETE', `${organizationUrl()}/managers/${former.userId}`);
const inDays = (days: number) => new Date(app.clock.now().getTime() + days * dayMs).toISOString();
/** The super admin and the owner sign in again after the clock moved. */
const later = async (ms: number) => {
  app.clock.advance(ms);
  owner = await world.signIn(owner.email);
};

/** Changes after which somebody is no longer an owner. */
const ways: [what: string, leave: () => Promise<{ statusCode: number }>][] = [
  ['is demoted', demote],
  [
    'is removed',
    () =>
      world.call('DELETE', `/v1/authorization/organizations/users/${former.userId}`, {
        token: world.admin.token,
        orgId,
      }),
  ],
  ['leaves', () => world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token: former.token })],
  ['is deactivated', () => byAdmin('POST', `/v1/authorization/users/${former.userId}/deactivate`)],
  ['is deleted', () => byAdmin('DELETE', `/v1/authorization/users/${former.userId}`)],
  [
    'deletes the account',
    () =>
      world.call('DELETE', '/v1/authentication/users/me', {
        token: former.token,
        body: { currentPassword: password },
      }),
  ],
];

describe('the secrets of an owner who', () => {
  it.each(ways)('%s end after 7 days, tokens included', async (_, leave) => {
    const until = inDays(7);
    const { token } = (await getToken()).json<{ token: string }>();
    expect((await leave()).statusCode).toBeLessThan(300);
    const use = async (bearer: string) => (await world.call('GET', organizationUrl(), { token: bearer })).statusCode;
    expect(await use(token)).toBe(200);
    expect((await secret())?.confirmBy).toBe(until);
    app.clock.advance(7 * dayMs - 1000);
    const last = (await getToken()).json<{ token: string; expiresInSeconds: number }>();
    expect(last.expiresInSeconds).toBeLessThanOrEqual(2);
    app.clock.advance(1000);
    expect(await outcome()).toBe('401 invalid_client');
    expect(await use(last.token)).toBe(401);
  });

  it.each(ways)('%s are reported to the other owners and recorded', async (_, leave) => {
    const actorIsSelf = await leave();
    expect(actorIsSelf.statusCode).toBeLessThan(300);
    const mail = await world.mail(owner.email);
    expect([mail.purpose, mail.text.includes('exporter')]).toEqual(['machine_secrets_end', true]);
    expect((await world.mails(former.email)).filter(({ purpose }) => purpose === 'machine_secrets_end')).toEqual([]);
    const events = (await world.events()).filter(({ action }) => action.startsWith('organization_machine_secret.end'));
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      target: `organization_machine ${machine.machineUserId}`,
      changes: [`secret.${machine.secretId}`],
    });
  });

  it.each(ways)('%s keep working once another owner confirms them', async (_, leave) => {
    await leave();
    expect((await confirm()).json()).toEqual({ message: 'Secret confirmed' });
    expect(await secret()).toMatchObject({ createdBy: owner.userId, confirmBy: null });
    await later(30 * dayMs);
    expect(await outcome()).toBe('200');
  });
});

describe('a secret of a former owner', () => {
  it.each<[what: string, ageMs: number, isScheduled: boolean]>([
    ['that has expired is neither ended nor recorded', minuteMs, false],
    ['that has not expired yet is ended and recorded', minuteMs - 1, true],
  ])('%s', async (_, ageMs, isScheduled) => {
    const expiresAt = new Date(app.clock.now().getTime() + minuteMs).toISOString();
    const url = `${organizationUrl()}/machine-users/${machine.machineUserId}/secrets`;
    const added = await world.call('POST', url, { token: former.token, body: { expiresAt } });
    const { secretId } = added.json<{ secretId: string }>();
    app.clock.advance(ageMs);
    await demote();
    const rows = await app.db.query<{ confirm_by: Date | null }>(sql`
      SELECT confirm_by FROM organization_machine_secrets WHERE app_id = ${world.appId} AND id = ${secretId}`);
    expect(rows.map(({ confirm_by: end }) => end?.toISOString())).toEqual([isScheduled ? inDays(7) : undefined]);
    const events = (await world.events()).filter(
      ({ action }) => action === 'organization_machine_secret.end_scheduled',
    );
    const ended = [machine.secretId, ...(isScheduled ? [secretId] : [])];
    expect(events.flatMap(({ changes }) => changes).toSorted()).toEqual(ended.map((id) => `secret.${id}`).toSorted());
  });
});

describe('a super admin who is no owner', () => {
  const makeSuperAdmin = () => byAdmin('POST', '/v1/authorization/super-admins', { email: former.email });
  const removeSuperAdmin = () => byAdmin('DELETE', `/v1/authorization/super-admins/${former.userId}`);

  it('keeps the secrets only while being super admin', async () => {
    await makeSuperAdmin();
    await demote();
    expect((await secret())?.confirmBy).toBeNull();
    await removeSuperAdmin();
    expect((await secret())?.confirmBy).toBe(inDays(7));
  });

  it('keeps the secrets of organizations that they own', async () => {
    await makeSuperAdmin();
    await removeSuperAdmin();
    expect((await secret())?.confirmBy).toBeNull();
  });
});

describe('a secret that ends', () => {
  beforeEach(demote);

  it('ends at the same time when its creator is an owner again, who can confirm it', async () => {
    const until = (await secret())?.confirmBy;
    app.clock.advance(1000);
    await makeOwner(former);
    await demote();
    expect((await secret())?.confirmBy).toBe(until);
    await makeOwner(former);
    expect((await confirm(former.token)).statusCode).toBe(200);
    expect((await secret())?.confirmBy).toBeNull();
    await demote();
    expect((await secret())?.confirmBy).toBe(inDays(7));
  });

  it('ends again when the owner who confirmed it leaves', async () => {
    await confirm();
    await makeOwner(former);
    await byAdmin('DELETE', `${organizationUrl()}/managers/${owner.userId}`);
    expect((await secret())?.confirmBy).toBe(inDays(7));
  });

  it('is not confirmed after it expired, because it would not work again', async () => {
    await app.db.query(sql`
      UPDATE organization_machine_secrets SET expires_at = ${app.clock.now()} WHERE id = ${machine.secretId}`);
    expect(problem(await confirm())).toBe('404 machine_secret_not_found');
  });

  test.each<[who: string, token: () => Promise<string>, answer: string]>([
    ['its creator', () => Promise.resolve(former.token), '403 access_denied'],
    ['a manager', async () => (await world.manager(orgId)).token, '403 access_denied'],
    ['a stranger', async () => (await world.person()).token, '404 organization_not_found'],
    ['a machine user of the app', async () => (await world.machine()).token, '403 access_denied'],
    ['its machine user', async () => (await getToken()).json<{ token: string }>().token, '403 human_required'],
  ])('is not confirmed by %s', async (_, token, answer) => {
    expect(problem(await confirm(await token()))).toBe(answer);
    expect((await secret())?.confirmBy).not.toBeNull();
  });

  it('cannot be confirmed after it has expired', async () => {
    await later(7 * dayMs);
    expect(problem(await confirm())).toBe('404 machine_secret_not_found');
  });
});

describe('an owner of two organizations', () => {
  let otherId: string;
  let neighbour: Person;
  const deleteFormer = () => byAdmin('DELETE', `/v1/authorization/users/${former.userId}`);
  const ends = async ({ email }: Person) =>
    (await world.mails(email)).filter(({ purpose }) => purpose === 'machine_secrets_end');
  const endOf = async ({ secretId }: OrganizationMachine) => {
    const [row] = await app.db.query<{ confirm_by: Date | null }>(sql`
      SELECT confirm_by FROM organization_machine_secrets WHERE app_id = ${world.appId} AND id = ${secretId}`);
    return row?.confirm_by?.toISOString();
  };

  beforeEach(async () => {
    neighbour = await world.person();
    otherId = await world.organization(neighbour, { name: 'Next door' });
    const { email } = former;
    const body = { email, firstName: 'A', lastName: 'B' };
    await byAdmin('POST', `/v1/authorization/organizations/${otherId}/owners`, body);
  });

  it('loses the secrets of the one that they no longer own, and keeps those of the other', async () => {
    const other = await world.organizationMachine(otherId, { by: former.token });
    await demote();
    expect([await endOf(machine), await endOf(other)]).toEqual([inDays(7), undefined]);
  });

  test('the owners of each organization read its own name, once', async () => {
    await byAdmin('PATCH', organizationUrl(), { name: 'Our house' });
    await world.organizationMachine(otherId, { by: former.token });
    await deleteFormer();
    for (const [person, name] of [
      [owner, 'Our house'],
      [neighbour, 'Next door'],
    ] as const) {
      const mails = await ends(person);
      expect(mails.map(({ subject }) => subject)).toEqual([expect.stringContaining(`Secrets of ${name} are`)]);
    }
  });

  test('the owners of an inactive organization get no mail, those of active ones do', async () => {
    await world.organizationMachine(otherId, { by: former.token });
    await byAdmin('POST', `/v1/authorization/organizations/${otherId}/deactivate`);
    await deleteFormer();
    expect([(await ends(owner)).length, (await ends(neighbour)).length]).toEqual([1, 0]);
  });

  test('the mail about a new secret names the organization', async () => {
    await byAdmin('PATCH', organizationUrl(), { name: 'Our house' });
    for (const [org, name] of [
      [orgId, 'Our house'],
      [otherId, 'Next door'],
    ] as const) {
      await world.organizationMachine(org, { by: former.token });
      expect((await world.mail(former.email)).text).toContain(` of ${name} at `);
    }
  });
});

describe('races', () => {
  it('end every secret of a former owner', async () => {
    const url = `${organizationUrl()}/machine-users/${machine.machineUserId}/secrets`;
    const add = () => world.call('POST', url, { token: former.token, body: {} });
    const [first, demoted, second] = await Promise.all([add(), demote(), add()]);
    expect(demoted.statusCode).toBe(204);
    expect([201, 403, 404]).toContain(first.statusCode);
    expect([201, 403, 404]).toContain(second.statusCode);
    const rows = await app.db.query<{ confirm_by: Date | null }>(sql`
      SELECT confirm_by FROM organization_machine_secrets WHERE created_by_user_id = ${former.userId}`);
    expect(rows.filter(({ confirm_by }) => confirm_by === null)).toEqual([]);
  });

  it('refuse a secret to a former owner who owns another organization', async () => {
    await world.organization(former);
    const held = db.hold('caller.is_owner', 'after');
    const url = `${organizationUrl()}/machine-users/${machine.machineUserId}/secrets`;
    const answer = world.call('POST', url, { token: former.token, body: {} }).then(problem);
    await held.reached;
    await demote();
    held.release();
    expect(await answer).toBe('403 access_denied');
  });

  it('a concurrent confirmation and demotion of the confirming owner end the secret', async () => {
    await demote();
    await makeOwner(former);
    await Promise.all([confirm(), byAdmin('DELETE', `${organizationUrl()}/managers/${owner.userId}`)]);
    expect((await secret())?.confirmBy).not.toBeNull();
  });
});

test('the creator is notified of a new secret, and rejects it by the link of the mail', async () => {
  const mail = await world.mail(former.email);
  expect(mail.purpose).toBe('machine_secret_created');
  const [, token = ''] = /#(gh_n_m[\w-]+)/.exec(mail.text) ?? [];
  const url = '/v1/authentication/users/email/verification/rejection';
  expect((await world.call('POST', url, { body: { token } })).statusCode).toBe(200);
  expect(await outcome()).toBe('401 invalid_client');
  const me = await world.call('GET', '/v1/authentication/users/me', { token: former.token });
  expect(me.statusCode).toBe(401);
});

test('the link deletes a secret that another owner has confirmed, and the owners are notified', async () => {
  await world.organization(await world.person(), { name: 'Next door' });
  await byAdmin('PATCH', organizationUrl(), { name: 'Our house' });
  const mail = await world.mail(former.email);
  const [, token = ''] = /#(gh_n_m[\w-]+)/.exec(mail.text) ?? [];
  await demote();
  expect((await confirm()).statusCode).toBe(200);
  const bearer = (await getToken()).json<{ token: string }>().token;
  const url = '/v1/authentication/users/email/verification/rejection';
  for (const _ of [1, 2]) expect((await world.call('POST', url, { body: { token } })).statusCode).toBe(200);
  expect(await outcome()).toBe('401 invalid_client');
  expect((await world.call('GET', organizationUrl(), { token: bearer })).statusCode).toBe(401);
  const mails = (await world.mails(owner.email)).filter(({ purpose }) => purpose === 'credential_reported');
  expect(mails.map(({ text }) => [text.includes('exporter'), text.includes('Our house')])).toEqual([[true, true]]);
  const audit = await world.call('GET', `${organizationUrl()}/audit-events?pageSize=9`, { token: owner.token });
  const { events } = audit.json<{ events: { action: string }[] }>();
  expect(events.filter(({ action }) => action === 'organization_machine_secret.deleted')).toHaveLength(1);
});

test('the link of another user’s mail does not reject it', async () => {
  await world.organizationMachine(orgId, { by: owner.token });
  const mail = await world.mail(owner.email);
  const [, token = ''] = /#(gh_n_m[\w-]+)/.exec(mail.text) ?? [];
  await world.call('POST', '/v1/authentication/users/email/verification/rejection', { body: { token } });
  expect(await outcome()).toBe('200');
});
