import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { addFactor, factorsUrl, mailboxCode, nextCode, setPolicy } from '../test/world/factors.ts';
import { createPasskey, optionsOf, passkeyUrls, registration, setRelyingParty } from '../test/world/passkeys.ts';
import { enableSignInCodes, sentCode, signInByCode } from '../test/world/sign-in-codes.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;
let owner: Person;
/** A fresh session of a person who knows only the password. */
let thief: Person;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  await enableSignInCodes(world);
});
afterAll(() => test?.close());
beforeEach(async () => {
  await setPolicy(world, 'optional');
  await setRelyingParty(world);
  owner = await world.person();
  thief = await world.signIn(owner.email);
});

const post = (url: string, { token }: { token: string }, body: object) => world.call('POST', url, { token, body });

/** The calls that add a factor, with or without the mailed code. */
const ways = [
  [
    'an authenticator app',
    async (person: Person, mailed: object) => {
      const added = await addFactor(world, person);
      return post(`${factorsUrl}/${added.id}/confirmation`, person, { code: nextCode(world, added), ...mailed });
    },
  ],
  [
    'a passkey',
    async (person: Person, mailed: object) => {
      const options = await optionsOf(world, 'registrationOptions', { token: person.token });
      return post(passkeyUrls.registration, person, { credential: registration(createPasskey(), options), ...mailed });
    },
  ],
] as const;

const factorsOf = (person: Person) => world.call('GET', factorsUrl, { token: person.token });

describe.each(['optional', 'required'] as const)('first factors in an app whose policy is %s', (policy) => {
  beforeEach(() => setPolicy(world, policy));

  describe.each(ways)('%s as first factor', (_, add) => {
    it.each<[string, () => Promise<object>]>([
      ['no code', () => Promise.resolve({})],
      ['a wrong code', () => Promise.resolve({ verificationCode: 'AAAAAAA' })],
      [
        'the code of another mailbox',
        async () => {
          const other = await world.person();
          return { verificationCode: await mailboxCode(world, other) };
        },
      ],
      [
        'a code to sign in',
        async () => ({ verificationCode: (await sentCode(world, owner.email, { ip: '192.0.2.1' })).code }),
      ],
    ])('is not added with the password and %s', async (_what, mailed) => {
      expect(problem(await add(thief, await mailed()))).toBe('400 code_invalid');
      expect((await factorsOf(thief)).json()).toMatchObject({ factors: [] });
    });

    it('is added by the owner of the mailbox, with a code that works once', async () => {
      const mailed = { verificationCode: await mailboxCode(world, owner) };
      expect((await add(owner, mailed)).statusCode).toBeLessThan(300);
      const again = await post('/v1/authentication/users/me/reauthentication', owner, mailed);
      expect(problem(again)).toBe('400 code_invalid');
    });

    it('needs a claimed address', async () => {
      const unclaimed = await world.person({ verified: false });
      expect(problem(await add(unclaimed, {}))).toBe('403 account_unclaimed');
    });

    it('needs a code after a provider that somebody with the password could have linked', async () => {
      await test.db.query(sql`
        UPDATE sessions SET amr = '{fed}' WHERE app_id = ${world.appId} AND id = ${owner.sessionId}`);
      expect(problem(await add(owner, {}))).toBe('400 code_invalid');
      await test.db.query(sql`
        UPDATE users SET password_hash = NULL WHERE app_id = ${world.appId} AND id = ${owner.userId}`);
      expect((await add(owner, {})).statusCode).toBeLessThan(300);
    });

    it.each([['email'], ['hwk'], ['swk']])('needs no code after a first factor %s', async (method) => {
      await test.db.query(sql`
        UPDATE sessions SET amr = ${[method]}::text[] WHERE app_id = ${world.appId} AND id = ${owner.sessionId}`);
      expect((await add(owner, {})).statusCode).toBeLessThan(300);
    });

    it('needs no code after a sign-in with a mailed code', async () => {
      const { code, browser } = await sentCode(world, owner.email, { ip: '192.0.2.2' });
      const { sessionToken: token = '' } = (await signInByCode(world, owner.email, code, browser)).json<{
        sessionToken?: string;
      }>();
      expect((await add({ ...owner, token }, {})).statusCode).toBeLessThan(300);
    });
  });

  it('a further factor needs the first one, and no code', async () => {
    const [[, addApp], [, addPasskey]] = ways;
    expect((await addApp(owner, { verificationCode: await mailboxCode(world, owner) })).statusCode).toBe(200);
    expect((await addPasskey(owner, {})).statusCode).toBe(201);
  });
});
