import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BarrierDb, barrierDb } from '../test/barrier-db.ts';
import { openTestDatabase } from '../test/database.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

/** A super admin sends a change, and loses the rights after the service has authenticated the call. */
let db: BarrierDb;
let app: TestApp;
let world: World;
let provider: TestProvider;
let leaving: Person;
let orgId: string;

beforeAll(async () => {
  db = barrierDb(await openTestDatabase());
  app = await buildTestApp({ db });
  provider = await TestProvider.start();
  world = await createWorld(app);
  orgId = await world.organization(await world.person());
});
beforeEach(async () => {
  provider.misbehaviour = {};
  const { email } = await world.person();
  await world.call('POST', superAdmins, { token: world.admin.token, body: { email } });
  leaving = await world.signIn(email);
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});

const superAdmins = '/v1/authorization/super-admins';
const invitee = { email: 'friend@example.com', firstName: 'A', lastName: 'Friend' };
const client = { clientId: 'our-client', clientSecret: 'our-secret-0123' };
const oidc = () => ({ ...client, name: 'Acme SSO', issuer: provider.issuer, trustEmail: true });

const changes: [
  what: string,
  prepare: () => Promise<['POST' | 'PATCH', string, object]> | ['POST' | 'PATCH', string, object],
][] = [
  ['add a super admin', () => ['POST', superAdmins, { email: invitee.email }]],
  ['add an owner', () => ['POST', `/v1/authorization/organizations/${orgId}/owners`, invitee]],
  [
    'set up an organization',
    () => [
      'POST',
      '/v1/authorization/organizations/setup',
      { orgName: 'Mine', adminFirstName: 'A', adminLastName: 'B', adminEmail: invitee.email },
    ],
  ],
  ['create a machine user', () => ['POST', '/v1/authorization/machine-users', { userName: 'robot' }]],
  [
    'create a secret',
    async () => ['POST', `/v1/authorization/machine-users/${(await world.machine()).machineUserId}/secrets`, {}],
  ],
  ['change the settings', () => ['PATCH', '/v1/authorization/apps/settings', { signUpEnabled: false }]],
  ['register Google', () => ['POST', '/v1/authorization/idps/google', client]],
];

const losses: [how: string, lose: () => Promise<{ statusCode: number }>, refusal: string][] = [
  [
    'the rights',
    () => world.call('DELETE', `${superAdmins}/${leaving.userId}`, { token: world.admin.token }),
    // An organization is hidden from people who are not in it.
    '403 access_denied',
  ],
  [
    'the session',
    () => world.call('DELETE', `/v1/authentication/users/${leaving.userId}/sessions`, { token: world.admin.token }),
    '401 unauthenticated',
  ],
];

describe.each(losses)('a super admin who has lost %s meanwhile cannot', (_, lose, refusal) => {
  it.each(changes)('%s', async (_what, prepare) => {
    const [method, url, body] = await prepare();
    const before = await world.rows();
    const held = db.hold('u.has_factor', 'after');
    const answer = world.call(method, url, { token: leaving.token, body: { ...body } }).then(problem);
    await held.reached;
    expect((await lose()).statusCode).toBeLessThan(300);
    held.release();
    const isHidden = refusal.startsWith('403') && url.includes(orgId);
    expect(await answer).toBe(isHidden ? '404 organization_not_found' : refusal);
    const after = await world.rows();
    for (const table of ['users', 'machine_users', 'machine_secrets', 'organizations', 'invitations'])
      expect([table, after[table]]).toEqual([table, before[table]]);
  });

  it('register a provider that responds late', async () => {
    provider.misbehaviour = { meanwhile: lose };
    const request = { token: leaving.token, body: oidc() };
    expect(problem(await world.call('POST', '/v1/authorization/idps/oidc', request))).toBe(refusal);
    const listed = await world.call('GET', '/v1/authorization/idps', { token: world.admin.token });
    expect(listed.json<{ idps: { type: string }[] }>().idps.filter(({ type }) => type === 'oidc')).toEqual([]);
  });
});

it('a super admin can remove their own rights', async () => {
  const { token, userId } = leaving;
  expect((await world.call('DELETE', `${superAdmins}/${userId}`, { token })).statusCode).toBe(204);
});
