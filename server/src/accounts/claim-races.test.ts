import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { whileLocked } from '../test/database.ts';
import { goThrough, newVerifier, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import {
  claimOf,
  hijack,
  type Hijacked,
  type Linking,
  strangersClaims,
  strangersOwnEmail,
  verify,
  waysIn,
} from '../test/stranger.ts';
import { runTask } from '../test/tasks.ts';
import { enableSignInCodes, sentCode, signInByCode } from '../test/world/sign-in-codes.ts';
import { createWorld, password, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from './send-password-resets.ts';

const users = '/v1/authentication/users';
const newPassword = 'Secret@slidezAB';

let app: TestApp;
let world: World;
let linking: Linking;
let email: string;
let counter = 0;

beforeAll(async () => {
  app = await buildTestApp();
  const provider = await TestProvider.start();
  provider.now = () => app.clock.now();
  linking = { provider, idpId: '' };
});
beforeEach(async () => {
  world = await createWorld(app);
  linking = { ...linking, idpId: await registerProvider(world, linking.provider) };
  email = `racing-${(counter += 1)}@mailbox.example`;
});
afterAll(async () => {
  await linking?.provider.stop();
  await app?.close();
});

type Answer = Awaited<ReturnType<World['call']>>;

/** Waits until this number of statements wait for a lock. */
async function waiting(count: number): Promise<void> {
  for (let found = 0; found < count;) {
    const rows = await app.db.query(sql`
      SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`);
    found = rows.length;
  }
}

async function resetCode(): Promise<string | undefined> {
  await world.call('POST', `${users}/password/reset-request/email`, { body: { email } });
  await runTask(app, sendPasswordResets);
  return (await world.mail(email)).code;
}
const reset = (verificationCode: string | undefined) =>
  world.call('PUT', `${users}/password`, { body: { email, verificationCode, newPassword } });

/**
 * Prepares an action of the stranger. The returned function sends the request that runs concurrently with the claim.
 */
const requests: Readonly<Record<string, (account: Hijacked) => Promise<() => Promise<Answer>>>> = {
  'links another identity': async ({ token }) => {
    linking.provider.person = { ...strangersClaims, sub: 'another' };
    const { codeChallenge, codeVerifier } = newVerifier();
    const back = await goThrough(world, linking.provider, linking.idpId, { codeChallenge });
    return () => redeem(world, back, { token, codeVerifier });
  },
  'signs in with the password': () =>
    Promise.resolve(() => world.call('POST', `${users}/sessions`, { body: { email, password } })),
  'changes the password': ({ token, userId }) => {
    const body = { currentPassword: password, newPassword: 'Another@password-of-mine' };
    return Promise.resolve(() => world.call('PUT', `${users}/${userId}/password`, { token, body }));
  },
  'asks for a change of address': ({ token }) => {
    const body = { newEmail: strangersOwnEmail, currentPassword: password };
    return Promise.resolve(() => world.call('POST', `${users}/me/email`, { token, body }));
  },
  'changes names, phone number and metadata': ({ token, userId }) => {
    const body = { firstName: 'Mallory', phoneNumber: '+4915187654321', metadata: { motto: 'still mine' } };
    return Promise.resolve(() => world.call('PUT', `${users}/${userId}`, { token, body }));
  },
  'leaves an organization': async ({ token, userId }) => {
    const orgId = await world.organization(await world.person());
    const url = `/v1/authorization/organizations/users/${userId}`;
    await world.call('POST', url, { token: world.admin.token, orgId, body: { roles: ['reader'] } });
    return () => world.call('DELETE', `${users}/me/organizations/${orgId}`, { token });
  },
  'unlinks an identity': async ({ token }) => {
    const listed = await world.call('GET', `${users}/me/identities`, { token });
    const [identity] = listed.json<{ identities: { id: string }[] }>().identities;
    return () => world.call('DELETE', `${users}/me/identities/${identity?.id}`, { token });
  },
  'asks for a verification mail': ({ token, userId }) =>
    Promise.resolve(() => world.call('POST', `${users}/email/verification-request`, { token, body: { userId } })),
};

/** The account in the view of administrators, without the fields that the claim itself changes. */
async function contentOf(userId: string) {
  const [row] = await app.db.query(sql`
    SELECT first_name, last_name, phone_number, metadata,
      ARRAY(SELECT org_id::text FROM members m WHERE m.app_id = ${world.appId} AND m.user_id = u.id) AS organizations
    FROM users u WHERE u.app_id = ${world.appId} AND u.id = ${userId}`);
  return row;
}

/** Prepares a claim of the account by its owner. The returned function sends the request. */
const claims: Readonly<Record<string, () => Promise<() => Promise<Answer>>>> = {
  'a reset': async () => {
    const code = await resetCode();
    return () => reset(code);
  },
  'a sign-in with a mailed code': async () => {
    await enableSignInCodes(world);
    const { code, browser } = await sentCode(world, email, { ip: '127.0.0.1' });
    return () => signInByCode(world, email, code, browser);
  },
};

const pairs = Object.keys(claims).flatMap((way) => Object.keys(requests).map((what) => [what, way] as const));

/** A request that waits for the lock of the claim must find afterwards that its credential is void. */
test.each(pairs)('a stranger who %s while the account is claimed by %s gains nothing', async (what, way) => {
  const account = await hijack(world, linking, email, { clicked: true });
  const claim = (await claims[way]?.()) ?? (() => reset(undefined));
  const prepare = requests[what] ?? (() => Promise.reject(new Error(what)));
  const request = await prepare(account);
  const before = await waysIn(world, account.userId);
  const content = await contentOf(account.userId);
  // The embedded database runs one transaction at a time, so there the requests run in sequence.
  const row = sql`SELECT 1 FROM users WHERE app_id = ${world.appId} AND id = ${account.userId} FOR UPDATE`;
  const { claimed, answered } =
    app.db.engine === 'embedded'
      ? { claimed: Promise.resolve(await claim()), answered: request() }
      : await whileLocked(app.db, row, async () => {
          const first = claim();
          void first.then(() => undefined);
          await waiting(1);
          const second = request();
          void second.then(() => undefined);
          await waiting(2);
          return { claimed: first, answered: second };
        });
  const { statusCode } = await claimed;
  expect(statusCode).toBe(way === 'a reset' ? 200 : 201);
  expect(['401 unauthenticated', '401 invalid_credentials', '403 current_password_wrong']).toContain(
    problem(await answered),
  );
  expect(await contentOf(account.userId)).toEqual(content);
  const after = await waysIn(world, account.userId);
  for (const table of ['identities', 'codes']) expect([table, after[table]]).toEqual([table, []]);
  expect(after['sessions']?.filter((session) => before['sessions']?.includes(session))).toEqual([]);
  expect(after['sessions']).toHaveLength(way === 'a reset' ? 0 : 1);
  expect(after['devices']?.filter((device) => before['devices']?.includes(device))).toEqual([]);
  expect((await world.call('POST', `${users}/sessions`, { body: { email, password } })).statusCode).toBe(401);
  const withNew = await world.call('POST', `${users}/sessions`, { body: { email, password: newPassword } });
  expect(withNew.statusCode).toBe(way === 'a reset' ? 201 : 401);
});

test('a grant that races with the claim belongs to the owner in either order', async () => {
  const orgId = await world.organization(await world.person());
  for (const isClaimFirst of [true, false]) {
    email = `racing-${(counter += 1)}@mailbox.example`;
    const { userId } = await world.person({ email, verified: false });
    const code = await resetCode();
    const url = `/v1/authorization/organizations/${orgId}/members`;
    const body = { email, firstName: 'Jane', lastName: 'Roe', role: 'reader' };
    const grant = () => world.call('POST', url, { token: world.admin.token, body });
    const pair = isClaimFirst ? [() => reset(code), grant] : [grant, () => reset(code)];
    const answers = await Promise.all(pair.map((send) => send()));
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, 201]);
    const signedIn = await world.call('POST', `${users}/sessions`, { body: { email, password: newPassword } });
    const { sessionToken: token } = signedIn.json<{ sessionToken: string }>();
    const me = await world.call('GET', `${users}/me?includeOrganizations=true`, { token });
    expect(me.json()).toMatchObject({ organizations: [{ id: orgId, roles: ['reader'] }] });
    expect(await claimOf(world, userId)).toEqual({ isEmailVerified: true, isEmailClaimed: true });
  }
});

test('only one of many concurrent uses of one verification code claims the account', async () => {
  const account = await hijack(world, linking, email, { clicked: true });
  const body = { userId: account.userId, verificationCode: account.verificationCode };
  const tokens = [account.token, account.mailedToken, account.token];
  const answers = await Promise.all(tokens.map((token) => verify(world, token, body)));
  expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
});
