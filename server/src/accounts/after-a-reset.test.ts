import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Db, sql } from '../db/db.ts';
import { freshForSeconds } from '../access/required-authentication.ts';
import { goThrough, newVerifier, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from './send-password-resets.ts';

const users = '/v1/authentication/users';
const newPassword = 'Secret@slidezAB';

/** Runs before the next transaction: what happens between the authentication of a call and its change. */
let meanwhile: (() => Promise<void>) | undefined;

function withMeanwhile(db: Db): Db {
  return {
    ...db,
    query: (...args) => db.query(...args),
    close: () => db.close(),
    transaction: async (work) => {
      const happens = meanwhile;
      meanwhile = undefined;
      await happens?.();
      return db.transaction(work);
    },
  };
}

let app: TestApp;
let world: World;
let provider: TestProvider;
let idpId: string;
let person: Person;

beforeAll(async () => {
  app = await buildTestApp({ db: withMeanwhile(await openTestDatabase()) });
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
  world = await createWorld(app);
  idpId = await registerProvider(world, provider);
});
beforeEach(async () => {
  meanwhile = undefined;
  person = await world.person();
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});

type Claims = Readonly<Record<string, unknown>>;

const vouched = (email: string, more: Claims = {}): Claims => ({
  sub: `sub ${person.userId}`,
  email,
  email_verified: true,
  ...more,
});
async function arriveAs(claims: Claims) {
  provider.person = claims;
  return redeem(world, await goThrough(world, provider, idpId));
}
async function prepareLink(claims: Claims) {
  provider.person = claims;
  const { codeChallenge, codeVerifier } = newVerifier();
  const back = await goThrough(world, provider, idpId, { codeChallenge });
  return (token = person.token) => redeem(world, back, { token, codeVerifier });
}
const link = async (claims: Claims) => (await prepareLink(claims))();
async function reset(email = person.email, headers: Record<string, string> = {}) {
  await world.call('POST', `${users}/password/reset-request/email`, { body: { email } });
  await runTask(app, sendPasswordResets);
  const { code: verificationCode } = await world.mail(email);
  const body = { email, verificationCode, newPassword };
  return world.call('PUT', `${users}/password`, { body, headers });
}
const linkedSubjects = async () =>
  app.db.query(sql`SELECT subject FROM identities WHERE app_id = ${world.appId} AND user_id = ${person.userId}`);
const age = () => app.clock.advance((freshForSeconds + 1) * 1000);
async function trust(trustEmail: boolean): Promise<void> {
  await app.db.query(sql`
    UPDATE identity_providers SET trust_email = ${trustEmail} WHERE app_id = ${world.appId} AND id = ${idpId}`);
}

describe('a thief who has only the token of a session', () => {
  test('a thief with an old session cannot link, unlink or see the export', async () => {
    await link(vouched(person.email));
    const [identity] = (await world.call('GET', `${users}/me/identities`, { token: person.token })).json<{
      identities: { id: string }[];
    }>().identities;
    const thieves = await prepareLink(vouched('thief@elsewhere.example', { sub: 'thief' }));
    age();
    const attempts = [
      await thieves(),
      await world.call('DELETE', `${users}/me/identities/${identity?.id}`, { token: person.token }),
      await world.call('GET', `${users}/me/export`, { token: person.token }),
    ];
    expect(attempts.map(problem)).toEqual(attempts.map(() => '401 reauthentication_required'));
    expect(await linkedSubjects()).toEqual([{ subject: `sub ${person.userId}` }]);
  });

  test('a thief with a fresh session gains no link that survives the reset', async () => {
    const thief = { sub: `thief of ${person.userId}`, email: 'thief@elsewhere.example', email_verified: true };
    expect((await link(thief)).statusCode).toBe(200);
    expect((await arriveAs(thief)).json()).toMatchObject({ userId: person.userId });
    expect((await reset()).statusCode).toBe(200);
    expect(await linkedSubjects()).toEqual([]);
    expect((await arriveAs(thief)).json()).not.toMatchObject({ userId: person.userId });
  });

  test.each<[what: string, act: () => Promise<() => ReturnType<typeof link>>]>([
    ['links', () => prepareLink({ sub: 'late thief' })],
    [
      'asks for another address',
      () =>
        Promise.resolve(() =>
          world.call('POST', `${users}/me/email`, {
            token: person.token,
            body: { newEmail: 'late@elsewhere.example' },
          }),
        ),
    ],
    [
      'sets a password',
      () =>
        Promise.resolve(() =>
          world.call('PUT', `${users}/${person.userId}/password`, {
            token: person.token,
            body: { newPassword: 'Password@of-a-thief' },
          }),
        ),
    ],
    [
      'asks for a code',
      () => Promise.resolve(() => world.call('POST', `${users}/me/reauthentication-request`, { token: person.token })),
    ],
    ['deletes', () => Promise.resolve(() => world.call('DELETE', `${users}/me`, { token: person.token, body: {} }))],
    [
      'changes the address',
      async () => {
        const newEmail = `late-of-${person.userId}@elsewhere.example`;
        await world.call('POST', `${users}/me/email`, { token: person.token, body: { newEmail } });
        const body = { verificationCode: (await world.mail(newEmail)).code };
        return () => world.call('PUT', `${users}/me/email`, { token: person.token, body });
      },
    ],
  ])('a thief who tries to %s at the moment of the reset fails: the session ends first', async (_, prepare) => {
    const act = await prepare();
    meanwhile = async () => {
      await app.db.query(sql`DELETE FROM sessions WHERE app_id = ${world.appId} AND user_id = ${person.userId}`);
    };
    expect(problem(await act())).toBe('401 unauthenticated');
    expect(await linkedSubjects()).toEqual([]);
    await world.signIn(person.email);
  });

  test('cannot use a code that they requested before', async () => {
    const newEmail = `thief-of-${person.userId}@elsewhere.example`;
    await world.call('POST', `${users}/me/email`, { token: person.token, body: { newEmail } });
    const { code: verificationCode } = await world.mail(newEmail);
    await reset();
    const again = await world.call('POST', `${users}/sessions`, {
      body: { email: person.email, password: newPassword },
    });
    const { sessionToken: token } = again.json<{ sessionToken: string }>();
    expect(problem(await world.call('PUT', `${users}/me/email`, { token, body: { verificationCode } }))).toBe(
      '400 code_invalid',
    );
  });
});

describe('a reset unlinks an identity unless its provider vouches for the present address:', () => {
  test.each<[what: string, prepare: () => Promise<unknown>, stays: boolean]>([
    ['it does', () => link(vouched(person.email)), true],
    ['it does, in another spelling', () => link(vouched(person.email.toUpperCase())), true],
    ['it vouches for another address', () => link(vouched('other@example.com')), false],
    [
      'it does not say that the address is verified',
      () => link(vouched(person.email, { email_verified: false })),
      false,
    ],
    ['it names no address', () => link({ sub: `sub ${person.userId}` }), false],
    [
      'it does since a later arrival',
      async () => {
        await link({ sub: `sub ${person.userId}` });
        await arriveAs(vouched(person.email));
      },
      true,
    ],
    [
      'it does since the identity was shown once more to link it',
      async () => {
        await link({ sub: `sub ${person.userId}` });
        await link(vouched(person.email));
      },
      true,
    ],
    [
      'it did, and no longer does at the latest arrival',
      async () => {
        await link(vouched(person.email));
        await arriveAs(vouched(person.email, { email_verified: false }));
      },
      false,
    ],
    [
      'it did, and the app no longer trusts what the provider says of addresses',
      async () => {
        await link(vouched(person.email));
        await trust(false);
      },
      false,
    ],
  ])('%s', async (_, prepare, stays) => {
    onTestFinished(() => trust(true));
    await prepare();
    expect(await linkedSubjects()).toHaveLength(1);
    expect((await reset()).statusCode).toBe(200);
    expect(await linkedSubjects()).toHaveLength(stays ? 1 : 0);
  });

  test('a reset unlinks only identities of this account', async () => {
    const other = await world.person();
    provider.person = { sub: `sub ${other.userId}` };
    const { codeChallenge, codeVerifier } = newVerifier();
    await redeem(world, await goThrough(world, provider, idpId, { codeChallenge }), {
      token: other.token,
      codeVerifier,
    });
    await reset();
    expect(
      await app.db.query(sql`SELECT 1 FROM identities WHERE app_id = ${world.appId} AND user_id = ${other.userId}`),
    ).toHaveLength(1);
  });
});

describe('a change of the address unlinks an identity unless its provider vouches for the new address:', () => {
  const newEmail = () => `newer-${person.email}`;
  async function changeAddress() {
    await world.call('POST', `${users}/me/email`, { token: person.token, body: { newEmail: newEmail() } });
    const { code: verificationCode } = await world.mail(newEmail());
    return world.call('PUT', `${users}/me/email`, { token: person.token, body: { verificationCode } });
  }
  const methods = (...signInMethods: string[]) =>
    world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body: { signInMethods } });

  test.each<[what: string, claims: () => Claims, stays: boolean]>([
    ['it vouches for the old address', () => vouched(person.email), false],
    ['it names no address', () => ({ sub: `sub ${person.userId}` }), false],
    ['it vouches for the new address', () => vouched(newEmail()), true],
  ])('%s', async (_, claims, stays) => {
    await link(claims());
    expect((await changeAddress()).statusCode).toBe(200);
    expect(await linkedSubjects()).toHaveLength(stays ? 1 : 0);
    const arrived = await arriveAs(claims());
    expect(arrived.json<{ userId?: string }>().userId === person.userId).toBe(stays);
    const changed = (await world.events()).findLast(({ action }) => action === 'user.email_changed');
    expect(changed?.changes).toEqual(stays ? ['email'] : ['email', 'identities']);
  });

  test('an app whose people sign in by provider alone keeps it', async () => {
    onTestFinished(async () => {
      await methods('password', 'passkey', 'provider');
    });
    await link(vouched(person.email));
    await world.reauthenticate();
    expect((await methods('provider')).statusCode).toBe(200);
    expect((await changeAddress()).statusCode).toBe(200);
    expect(await linkedSubjects()).toHaveLength(1);
  });
});

describe('a reset', () => {
  test('lists the unlinked and the remaining identities in its mail', async () => {
    await world.reauthenticate();
    const second = await registerProvider(world, provider, { name: 'Second SSO' });
    await link(vouched(person.email));
    provider.person = { sub: 'thief of the mail', email: 'thief@elsewhere.example' };
    const { codeChallenge, codeVerifier } = newVerifier();
    const back = await goThrough(world, provider, second, { codeChallenge });
    await redeem(world, back, { token: person.token, codeVerifier });
    await reset();
    const { purpose, text } = await world.mail(person.email);
    const plain = text.replaceAll('\u2060', '');
    expect(purpose).toBe('password_reset_done');
    expect(plain).toContain('Unlinked: Second SSO (thief@elsewhere.example)');
    expect(plain).toContain(`Still linked: Acme SSO (${person.email})`);
    // A name that somebody else chose must not become a link.
    expect(text).not.toContain('elsewhere.example');
  });

  test('has a link in its mail for each remaining identity, which unlinks that identity', async () => {
    await world.reauthenticate();
    await link(vouched(person.email));
    await reset();
    const { text, html } = await world.mail(person.email);
    const pattern = /This was not me: Acme SSO \([^)]*\):\n\S+#(gh_n_i\S+)/;
    const token = pattern.exec(text.replaceAll('\u2060', ''))?.[1];
    expect(html).toContain(`#${token}"`);
    const stays = (await linkedSubjects()).length;
    const rejected = await world.call('POST', `${users}/email/verification/rejection`, { body: { token } });
    expect([rejected.statusCode, stays, await linkedSubjects()]).toEqual([200, 1, []]);
  });

  test('deletes every device, and makes the device of the reset known', async () => {
    const signIn = (pass: string, headers: Record<string, string> = {}) =>
      world.call('POST', `${users}/sessions`, { body: { email: person.email, password: pass }, headers });
    const before = String((await signIn(password)).headers['x-device-token']);
    const answer = await reset();
    const known = String(answer.headers['x-device-token']);
    const isKnown = async (token: string) =>
      (await signIn(newPassword, { 'x-device-token': token })).headers['x-device-token'] === token;
    expect([await isKnown(known), await isKnown(before)]).toEqual([true, false]);
  });

  test('deletes the token of the device of the reset, too', async () => {
    const body = { email: person.email, password };
    const stolen = String((await world.call('POST', `${users}/sessions`, { body })).headers['x-device-token']);
    const answer = await reset(person.email, { 'x-device-token': stolen });
    const devices = await app.db.query(
      sql`SELECT 1 FROM devices WHERE app_id = ${world.appId} AND user_id = ${person.userId}`,
    );
    expect(devices).toHaveLength(1);
    expect(String(answer.headers['x-device-token']).split('.')).toHaveLength(2);
  });
});
