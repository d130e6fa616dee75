import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enableOrganizationMachines } from '../test/samples/stage.ts';
import { runTask } from '../test/tasks.ts';
import { withStatus } from '../test/world/answers.ts';
import { introspected, keysOf, type MadeKey, organizationKey, personalKey } from '../test/world/api-keys.ts';
import { createWorld, type Machine, password, type Person, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let machine: Machine;
/** Stays an owner. */
let owner: Person;
/** An owner with a personal key, who created a key of the organization. */
let former: Person;
let orgId: string;
let personal: MadeKey;
let made: MadeKey;

beforeAll(async () => void (app = await buildTestApp()));
beforeEach(async () => {
  world = await createWorld(app);
  machine = await world.machine();
  owner = await world.person();
  former = await world.person();
  orgId = await world.organization(owner);
  await makeOwner(former);
  personal = await personalKey(world, former, orgId);
  made = await organizationKey(world, former, orgId, { name: 'nightly export' });
});
afterAll(() => app?.close());

const newPassword = 'Another@Password1';
const byAdmin = (method: 'POST' | 'PATCH' | 'DELETE', url: string, body?: object) =>
  world.call(method, url, { token: world.admin.token, ...(body && { body: { ...body } }) });
const userUrl = ({ userId }: Person) => `/v1/authorization/users/${userId}`;

async function makeOwner({ email, userId }: Person): Promise<void> {
  const organization = `/v1/authorization/organizations/${orgId}`;
  withStatus(201, await byAdmin('POST', `${organization}/owners`, { email, firstName: 'A', lastName: 'B' }));
  const options = { token: world.admin.token, orgId, body: { roles: ['reader'] } };
  withStatus(200, await world.call('POST', `/v1/authorization/organizations/users/${userId}`, options));
}

async function resetPassword({ email }: Person): Promise<void> {
  await world.call('POST', '/v1/authentication/users/password/reset-request/email', { body: { email } });
  await runTask(app, sendPasswordResets);
  const { code: verificationCode } = await world.mail(email);
  const body = { email, verificationCode, newPassword };
  withStatus(200, await world.call('PUT', '/v1/authentication/users/password', { body }));
}

async function claim(person: Person): Promise<void> {
  await app.db.query(sql`
    UPDATE users SET claimed_by = NULL WHERE app_id = ${world.appId} AND id = ${person.userId}`);
  await resetPassword(person);
}

async function reportNewDevice({ email }: Person): Promise<void> {
  await world.call('POST', '/v1/authentication/users/sessions', { body: { email, password } });
  const [, token = ''] = /#(gh_n_s[\w-]+)/.exec((await world.mail(email)).text) ?? [];
  const url = '/v1/authentication/users/email/verification/rejection';
  withStatus(200, await world.call('POST', url, { body: { token } }));
}

/** The events about keys that the owners of the organization see, oldest first, with their actor as stored. */
async function keyEvents() {
  const url = `/v1/authorization/organizations/${orgId}/audit-events?pageSize=100`;
  const response = withStatus(200, await world.call('GET', url, { token: owner.token }));
  const { events } = response.json<{ events: { action: string; target: { kind: string; id: string } }[] }>();
  const stored = await world.events();
  return events
    .filter(({ action }) => action.startsWith('api_key.') && action !== 'api_key.created')
    .map(({ action, target: { kind, id } }) => {
      const by = stored.find((one) => one.action === action && one.target === `${kind} ${id}`)?.actor;
      return { action, by, target: { kind, id } };
    })
    .toReversed();
}
const adoptionMails = async ({ email }: Person) =>
  (await world.mails(email)).filter(({ purpose }) => purpose === 'api_keys_need_adoption');
const listed = async () => {
  const list = await world.call('GET', `${keysOf(orgId)}?pageSize=10`, { token: owner.token });
  return list.json<{ apiKeys: { id: string; maker: object | null }[] }>().apiKeys;
};
const isActive = async ({ key }: MadeKey) => (await introspected(world, machine, key))['active'];
const changePassword = ({ userId, token }: Person) =>
  world.call('PUT', `/v1/authentication/users/${userId}/password`, {
    token,
    body: { currentPassword: password, newPassword },
  });

type End = readonly [what: string, end: () => Promise<unknown>, by: () => string];
const bySelf = () => `user ${former.userId}`;
const bySuperAdmin = () => `user ${world.admin.userId}`;

/** Changes that end only personal keys. */
const endingsOfPersonalKeys: readonly End[] = [
  ['a changed password', () => changePassword(former), bySelf],
  ['a reset password', () => resetPassword(former), bySelf],
  ['a "not me" report', () => reportNewDevice(former), bySelf],
];

/** Changes after which the keys of the organization have no maker. */
const endingsOfAllKeys: readonly End[] = [
  ['a claim of the account', () => claim(former), bySelf],
  [
    'removal from the organization',
    () =>
      world.call('DELETE', `/v1/authorization/organizations/users/${former.userId}`, {
        token: world.admin.token,
        orgId,
      }),
    bySuperAdmin,
  ],
  [
    'leaving',
    () => world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token: former.token }),
    bySelf,
  ],
  ['deactivation', () => byAdmin('POST', `${userUrl(former)}/deactivate`), bySuperAdmin],
  ['deletion', () => byAdmin('DELETE', userUrl(former)), bySuperAdmin],
  [
    'deletion of the own account',
    () =>
      world.call('DELETE', '/v1/authentication/users/me', { token: former.token, body: { currentPassword: password } }),
    bySelf,
  ],
];

describe('the owners see an event of each key that ended by', () => {
  test.each(endingsOfPersonalKeys)('%s', async (_, end, by) => {
    await end();
    expect(await keyEvents()).toEqual([
      { action: 'api_key.revoked', by: by(), target: { kind: 'api_key', id: personal.id } },
    ]);
    expect(await adoptionMails(owner)).toEqual([]);
    expect([await isActive(personal), await isActive(made)]).toEqual([false, true]);
  });

  test.each(endingsOfAllKeys)('%s', async (_, end, by) => {
    await end();
    expect(await keyEvents()).toEqual([
      { action: 'api_key.revoked', by: by(), target: { kind: 'api_key', id: personal.id } },
      { action: 'api_key.adoption_required', by: by(), target: { kind: 'api_key', id: made.id } },
    ]);
    expect([await isActive(personal), await isActive(made)]).toEqual([false, false]);
    expect(await listed()).toEqual([expect.objectContaining({ id: made.id, maker: null })]);
  });
});

describe('the remaining owners get one mail about keys that need adoption, after', () => {
  test.each(endingsOfAllKeys)('%s', async (_, end) => {
    await organizationKey(world, former, orgId, { name: 'website' });
    const expiresAt = new Date(app.clock.now().getTime() + 1000).toISOString();
    await organizationKey(world, former, orgId, { name: 'expired key', expiresAt });
    app.clock.advance(2000);
    await end();
    const mails = await adoptionMails(owner);
    expect(mails).toHaveLength(1);
    expect(mails[0]?.text).toContain('nightly export, website');
    expect(mails[0]?.text).not.toContain('expired key');
    expect(await adoptionMails(former)).toEqual([]);
  });
});

describe('a key that a super admin created in an organization', () => {
  let key: MadeKey;
  const superAdminUrl = '/v1/authorization/super-admins';
  const promote = async ({ email }: Person) => withStatus(201, await byAdmin('POST', superAdminUrl, { email }));
  const demote = async ({ userId }: Person) => withStatus(204, await byAdmin('DELETE', `${superAdminUrl}/${userId}`));
  const makerOf = async ({ id }: MadeKey) => (await listed()).find((one) => one.id === id)?.maker;
  const adoptionEvents = async () =>
    (await keyEvents()).filter(({ target }) => target.id === key.id).map(({ action, by }) => [action, by]);

  beforeEach(async () => {
    former = await world.person();
    await promote(former);
    former = await world.signIn(former.email);
    key = await organizationKey(world, former, orgId, { name: 'migration' });
    expect([await makerOf(key), await isActive(key)]).toEqual([{ kind: 'user', id: former.userId }, true]);
  });

  test('is refused after the demotion, has no maker, and the owners are notified', async () => {
    await demote(former);
    expect([await makerOf(key), await isActive(key)]).toEqual([null, false]);
    expect(await adoptionEvents()).toEqual([['api_key.adoption_required', bySuperAdmin()]]);
    expect((await adoptionMails(owner)).map(({ text }) => text.includes('migration'))).toEqual([true]);
  });

  test('is refused also if the creator is a member of another organization', async () => {
    const next = await world.organization(owner);
    const body = { email: former.email, firstName: 'A', lastName: 'B' };
    withStatus(201, await byAdmin('POST', `/v1/authorization/organizations/${next}/owners`, body));
    await demote(former);
    expect([await makerOf(key), await isActive(key)]).toEqual([null, false]);
  });

  test('stays refused when the creator becomes a super admin again, until an owner adopts it', async () => {
    await demote(former);
    await promote(former);
    expect([await makerOf(key), await isActive(key)]).toEqual([null, false]);
    const url = `${keysOf(orgId)}/${key.id}/adopt`;
    withStatus(200, await world.call('POST', url, { token: owner.token }));
    expect([await makerOf(key), await isActive(key)]).toEqual([{ kind: 'user', id: owner.userId }, true]);
  });

  test('keeps its maker if the creator is an owner meanwhile, with the rights of an owner', async () => {
    await makeOwner(former);
    await demote(former);
    expect([await makerOf(key), await isActive(key)]).toEqual([{ kind: 'user', id: former.userId }, true]);
    expect([await adoptionEvents(), await adoptionMails(owner)]).toEqual([[], []]);
    withStatus(200, await byAdmin('POST', `${userUrl(former)}/deactivate`));
    expect([await makerOf(key), await isActive(key)]).toEqual([null, false]);
  });

  test.each([
    ['is deactivated', (person: Person) => byAdmin('POST', `${userUrl(person)}/deactivate`)],
    ['is deleted', (person: Person) => byAdmin('DELETE', userUrl(person))],
  ])('has no maker after its creator %s', async (_, end) => {
    expect((await end(former)).statusCode).toBe(200);
    expect([await makerOf(key), await isActive(key)]).toEqual([null, false]);
    expect(await adoptionEvents()).toEqual([['api_key.adoption_required', bySuperAdmin()]]);
  });

  test('is not affected when another super admin is demoted', async () => {
    const other = await world.person();
    await promote(other);
    await demote(other);
    expect(await isActive(key)).toBe(true);
  });
});

describe('the "not me" link about a key of the organization', () => {
  const linkIn = async ({ email }: Person, purpose: string) => {
    const mail = (await world.mails(email)).find((one) => one.purpose === purpose);
    return /#(gh_n_[\w-]+)/.exec(mail?.text ?? '')?.[1] ?? '';
  };
  const report = async (token: string, of = world) => {
    const url = '/v1/authentication/users/email/verification/rejection';
    return of.call('POST', url, { body: { token } });
  };
  const adopt = async (by: Person) =>
    withStatus(200, await world.call('POST', `${keysOf(orgId)}/${made.id}/adopt`, { token: by.token }));
  const reportMails = async ({ email }: Person) =>
    (await world.mails(email)).filter(({ purpose }) => purpose === 'credential_reported');

  test.each<[what: string, before: () => Promise<unknown>]>([
    ['deletes the key', () => Promise.resolve()],
    ['deletes the key that another owner has adopted', () => adopt(owner)],
    [
      'deletes the key that another owner has adopted after the creator left',
      async () => {
        await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token: former.token });
        await adopt(owner);
      },
    ],
  ])('%s, and the owners are notified', async (_, before) => {
    await before();
    const link = await linkIn(former, 'api_key_created');
    expect((await report(link)).statusCode).toBe(200);
    expect(await isActive(made)).toBe(false);
    expect(await listed()).toEqual([]);
    const revoked = (await keyEvents()).findLast(({ target }) => target.id === made.id);
    expect(revoked).toMatchObject({ action: 'api_key.revoked', by: bySelf() });
    expect((await reportMails(owner)).map(({ text }) => text.includes('nightly export'))).toEqual([true]);
    expect((await report(link)).statusCode).toBe(200);
    expect(await reportMails(owner)).toHaveLength(1);
  });

  test('does not delete another key of the organization', async () => {
    const other = await organizationKey(world, owner, orgId);
    await report(await linkIn(former, 'api_key_created'));
    expect(await isActive(other)).toBe(true);
  });

  test('of another app is refused', async () => {
    const link = await linkIn(former, 'api_key_created');
    expect((await report(link, await createWorld(app))).statusCode).toBe(400);
    expect(await isActive(made)).toBe(true);
  });

  test('is not sent to the owner who adopts the key, whose reports do not delete it', async () => {
    await adopt(owner);
    expect(await linkIn(owner, 'api_key_created')).toBe('');
    await reportNewDevice(owner);
    expect(await isActive(made)).toBe(true);
  });

  test('about a personal key notifies no owner', async () => {
    await personalKey(world, former, orgId);
    await report(await linkIn(former, 'api_key_created'));
    expect([await reportMails(owner), await isActive(made)]).toEqual([[], true]);
  });
});

test('a key that a machine user of the app created needs adoption after its deletion', async () => {
  const robot = await world.machine();
  const key = await organizationKey(world, robot, orgId, { name: 'importer' });
  expect(await isActive(key)).toBe(true);
  withStatus(204, await byAdmin('DELETE', `/v1/authorization/machine-users/${robot.machineUserId}`));
  expect(await isActive(key)).toBe(false);
  expect(await keyEvents()).toEqual([
    { action: 'api_key.adoption_required', by: bySuperAdmin(), target: { kind: 'api_key', id: key.id } },
  ]);
  expect((await adoptionMails(owner)).map(({ text }) => text.includes('importer'))).toEqual([true]);
});

test('keys in other organizations are not affected when somebody leaves one', async () => {
  const otherOrgId = await world.organization(former);
  const options = { token: world.admin.token, orgId: otherOrgId, body: { roles: ['reader'] } };
  await world.call('POST', `/v1/authorization/organizations/users/${former.userId}`, options);
  const elsewhere = await personalKey(world, former, otherOrgId);
  const madeElsewhere = await organizationKey(world, former, otherOrgId);
  await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token: former.token });
  expect([await isActive(elsewhere), await isActive(madeElsewhere)]).toEqual([true, true]);
});

test('the claim of an account records the secrets of machine users that end', async () => {
  await enableOrganizationMachines(world);
  const { machineUserId, secretId } = await world.organizationMachine(orgId, { by: former.token });
  await claim(former);
  const events = (await world.events()).filter(({ action }) => action === 'organization_machine_secret.deleted');
  expect(events).toEqual([
    expect.objectContaining({
      actor: `user ${former.userId}`,
      target: `organization_machine ${machineUserId}`,
      changes: [`secret.${secretId}`],
    }),
  ]);
});

test('a refused departure of the last owner ends no key', async () => {
  await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token: owner.token });
  const left = await world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, {
    token: former.token,
  });
  expect(left.statusCode).toBe(409);
  expect([await isActive(personal), await isActive(made)]).toEqual([true, true]);
  expect(await adoptionMails(former)).toEqual([]);
});

test('after a deletion of the own account the events have no client address', async () => {
  await world.call('DELETE', '/v1/authentication/users/me', {
    token: former.token,
    body: { currentPassword: password },
  });
  const rows = await app.db.query(sql`
    SELECT ip, user_agent FROM audit_events WHERE app_id = ${world.appId} AND target_kind = 'api_key'
      AND action <> 'api_key.created'`);
  expect(rows).toEqual([
    { ip: null, user_agent: null },
    { ip: null, user_agent: null },
  ]);
});
