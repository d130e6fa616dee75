import { afterAll, beforeAll, expect, test } from 'vitest';
import { raw, sql } from '../db/db.ts';
import { addTo } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol } from '../test/world/factors.ts';
import { personalKey } from '../test/world/api-keys.ts';
import { createWorld, password, type Person, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

const users = '/v1/authentication/users';
const headers = { 'user-agent': 'browser of hers' };

const exportOf = async ({ token }: Pick<Person, 'token'>) => {
  const response = await world.call('GET', `${users}/me/export`, { token });
  expect(response.statusCode).toBe(200);
  return { response, document: response.json<Record<string, unknown[]> & { user: object; truncated: string[] }>() };
};

/** Creates a person with all kinds of data, who is a member of one organization and invited to another. */
async function signUp(): Promise<Person> {
  const email = 'ada@example.com';
  const body = { firstName: 'Ada', lastName: 'Lovelace', email, password, phoneNumber: '+4915112345678' };
  const more = { metadata: { plan: 'pro' }, language: 'ar' };
  const response = await world.call('POST', users, { headers, body: { ...body, ...more } });
  const made = response.json<{ userId: string; sessionToken: string; sessionId: string }>();
  return { userId: made.userId, email, token: made.sessionToken, sessionId: made.sessionId };
}

test('an export has all data about a person', async () => {
  const person = await signUp();
  const { code: verificationCode } = await world.mail(person.email);
  const owner = await world.person();
  const [orgId, waiting] = [await world.organization(owner, { name: 'One' }), await world.organization(owner)];
  await addTo({ world, orgId }, person.userId, 'writer');
  const invitee = { email: person.email, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
  const members = `/v1/authorization/organizations/${waiting}/members`;
  await world.call('POST', members, { token: owner.token, body: invitee });

  const body = { userId: person.userId, verificationCode };
  await world.call('POST', `${users}/email/verification`, { token: person.token, headers, body });
  const key = await personalKey(world, person, orgId, { name: 'laptop', roles: ['writer'] });

  const { response, document } = await exportOf(person);
  expect(response.headers['content-disposition']).toBe('attachment; filename="account.json"');
  const now = app.clock.now().toISOString();
  expect(document).toMatchObject({
    exportedAt: now,
    user: {
      id: person.userId,
      email: 'ada@example.com',
      isEmailVerified: true,
      firstName: 'Ada',
      lastName: 'Lovelace',
      displayName: 'Ada Lovelace',
      phoneNumber: '+4915112345678',
      isPhoneVerified: false,
      userState: 'ACTIVE',
      language: 'ar',
      metadata: { plan: 'pro' },
      createdAt: now,
    },
    sessions: [{ id: person.sessionId, ip: '127.0.0.1', userAgent: 'browser of hers' }],
    devices: [{ createdAt: now, rememberedUntil: null }],
    organizations: [{ id: orgId, name: 'One', roles: ['writer'], managerRoles: [], permissions: ['documents:writer'] }],
    invitations: [{ orgId: waiting, email: person.email, role: 'reader', status: 'pending' }],
    identities: [],
    factors: [],
    apiKeys: [{ id: key.id, name: 'laptop', orgId, roles: ['writer'], permissions: [], lastUsedAt: null }],
    machineSecrets: [],
    events: [
      { action: 'api_key.created' },
      { action: 'user.email_verified' },
      {
        action: 'user.signed_up',
        target: { kind: 'user', id: person.userId },
        userAgent: 'browser of hers',
        time: now,
      },
    ],
    truncated: [],
  });
  expect(document['mails']?.[0]).toEqual({ recipient: person.email, purpose: 'email_verification', createdAt: now });
});

test('except invitations for the owner of a mailbox that the user has not verified', async () => {
  const email = 'invited@example.com';
  const invite = async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner, { name: `Secret of ${owner.email}` });
    const members = `/v1/authorization/organizations/${orgId}/members`;
    const body = { email, firstName: 'Jane', lastName: 'Roe', role: 'reader' };
    expect((await world.call('POST', members, { token: owner.token, body })).statusCode).toBe(201);
  };
  await invite();
  const stranger = await world.person({ email, verified: false });
  await invite();
  await world.call('POST', '/v1/authorization/super-admins', { token: world.admin.token, body: { email } });
  const { response, document } = await exportOf(stranger);
  expect(document['invitations']).toEqual([]);
  expect(document['mails']).toMatchObject([{ purpose: 'email_verification' }]);
  expect(response.body).not.toMatch(/Secret of|invit(?!ations"|ed@example)/);
});

test('the export has no secrets and no data of other people', async () => {
  const person = await world.person();
  const { code } = await world.mail(person.email);
  const other = await world.person();
  const { response } = await exportOf(person);
  for (const word of [person.token, code, password, 'argon2', other.email, other.userId]) {
    expect(response.body).not.toContain(word);
  }
});

test('names the lists that it cuts short', async () => {
  const person = await world.person();
  await app.db.query(sql`
    INSERT INTO audit_events (app_id, id, time, action, actor_kind, actor_id, target_kind, changes)
    SELECT ${world.appId}::bigint, n, now(), 'session.created', 'user', ${person.userId}::bigint, 'session', '{}'
    FROM generate_series(1, 1001) AS n`);
  const { document } = await exportOf(person);
  expect([document['events']?.length, document.truncated]).toEqual([1000, ['events']]);
});

test('it has second factors without their secrets', async () => {
  const person = await world.person();
  const { id } = await enrol(world, person);
  const { document } = await exportOf(person);
  expect(document['factors']).toEqual([
    { id, kind: 'totp', name: 'Phone', createdAt: expect.any(String), lastUsedAt: expect.any(String) },
  ]);
});

test.each(['expires_at', 'idle_expires_at'])('the export leaves out sessions that have ended by %s', async (column) => {
  const person = await world.person();
  const ended = await world.signIn(person.email);
  const sessions = async () => (await exportOf(person)).document['sessions'];
  const [own, other] = [person, ended].map(({ sessionId }) => expect.objectContaining({ id: sessionId }));
  expect(await sessions()).toEqual([own, other]);
  await app.db.query(sql`
    UPDATE sessions SET ${raw(column)} = ${app.clock.now()} WHERE app_id = ${world.appId} AND id = ${ended.sessionId}`);
  expect(await sessions()).toEqual([own]);
});
