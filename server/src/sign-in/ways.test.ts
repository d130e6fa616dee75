import type { LightMyRequestResponse } from 'fastify';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { goThrough, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol, setPolicy } from '../test/world/factors.ts';
import { unique } from '../test/world/names.ts';
import { addPasskey, setRelyingParty, signInByPasskey } from '../test/world/passkeys.ts';
import { enableSignInCodes, sentCode, signInByCode } from '../test/world/sign-in-codes.ts';
import { createWorld, password, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';

let app: TestApp;
let world: World;
let provider: TestProvider;
let idpId: string;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});
beforeEach(async () => {
  world = await createWorld(app);
  await enableSignInCodes(world);
  await setRelyingParty(world);
  await setPolicy(world, 'optional');
  idpId = await registerProvider(world, provider);
  orgId = await world.organization(await world.person());
});

type Answer = Promise<LightMyRequestResponse>;

/** A person with one way to sign in. */
interface Prepared {
  readonly token: string;
  readonly signIn: () => Answer;
}

const from = { ip: '127.0.0.1' };

async function byCode(part: 'code' | 'longCode'): Promise<Prepared> {
  const { token, email } = await world.person();
  const signIn = async () => {
    const sent = await sentCode(world, email, from);
    return signInByCode(world, email, sent[part], sent.browser);
  };
  return { token, signIn };
}

/** The ways to sign in to an account that exists. */
const ways: Readonly<Record<string, () => Promise<Prepared>>> = {
  password: async () => {
    const { token, email } = await world.person();
    return { token, signIn: () => world.call('POST', `${users}/sessions`, { body: { email, password } }) };
  },
  'mailed code': () => byCode('code'),
  'mailed link': () => byCode('longCode'),
  provider: async () => {
    const sub = unique('sub');
    const signIn = async () => {
      provider.person = { sub, email: `${sub}@acme.example`, email_verified: true, given_name: 'Ada' };
      return redeem(world, await goThrough(world, provider, idpId));
    };
    const { sessionToken: token } = (await signIn()).json<{ sessionToken: string }>();
    return { token, signIn };
  },
};

/** Invites an address. @returns the address and the code in the mail */
async function invited(): Promise<{ email: string; verificationCode: string }> {
  const email = `${unique('invited')}@example.com`;
  const body = { email, firstName: 'Jane', lastName: 'Roe' };
  await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: world.admin.token, body });
  const mail = (await world.mails(email)).find(({ purpose }) => purpose === 'invitation');
  return { email, verificationCode: mail?.code ?? '' };
}

const signUp = (email: string): Answer =>
  world.call('POST', users, { body: { email, password, firstName: 'Jane', lastName: 'Roe' } });

/** The ways to a new account, which has no factor. */
const beginnings: Readonly<Record<string, () => Promise<() => Answer>>> = {
  'sign-up': () => Promise.resolve(() => signUp(`${unique('new')}@example.com`)),
  'sign-up with the address of an invitation': async () => {
    const { email } = await invited();
    return () => signUp(email);
  },
  invitation: async () => {
    const body = { orgId, ...(await invited()), newPassword: password };
    return () => world.call('PUT', `${users}/invite`, { body });
  },
};

/** The code of the refusal, or the kind of the new session. */
async function outcomeOf(response: LightMyRequestResponse): Promise<string | undefined> {
  if (response.statusCode >= 300) return problem(response);
  const { sessionId } = response.json<{ sessionId: string }>();
  const [row] = await app.db.query<{ restriction: string | null }>(
    sql`SELECT restriction FROM sessions WHERE app_id = ${world.appId} AND id = ${sessionId}`,
  );
  return row && (row.restriction ?? 'session');
}

const policies = ['off', 'optional', 'required'] as const;
type Policy = (typeof policies)[number];

/** What each policy makes of a right first factor. */
const expected: Readonly<Record<Policy, { readonly none: string; readonly factor: string }>> = {
  off: { none: 'session', factor: 'session' },
  optional: { none: 'session', factor: '403 mfa_required' },
  required: { none: 'enrolment', factor: '403 mfa_required' },
};

describe.each(policies)('with the policy %s', (policy) => {
  describe.each(Object.entries(ways))('%s leads to', (_, prepare) => {
    it.each(['none', 'factor'] as const)('the declared outcome for people with factors: %s', async (has) => {
      const { token, signIn } = await prepare();
      if (has === 'factor') await enrol(world, { token });
      await setPolicy(world, policy);
      expect(await outcomeOf(await signIn())).toBe(expected[policy][has]);
    });
  });

  it.each(Object.entries(beginnings))(
    '%s leads to a session like that of people without factors',
    async (_, prepare) => {
      const begin = await prepare();
      await setPolicy(world, policy);
      expect(await outcomeOf(await begin())).toBe(expected[policy].none);
    },
  );

  it('a passkey alone leads to a session, because it is two factors', async () => {
    const passkey = await addPasskey(world, await world.person());
    await setPolicy(world, policy);
    expect(await outcomeOf(await signInByPasskey(world, passkey))).toBe('session');
  });
});

it('only two functions start sessions, so no other code can skip the second factor', () => {
  const room = new URL('../', import.meta.url);
  const files = readdirSync(room, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.startsWith('test/'),
  );
  const using = (text: string) => files.filter((name) => readFileSync(new URL(name, room), 'utf8').includes(text));
  expect(using('insertSession(').toSorted()).toEqual(['sign-in/sign-in.store.ts', 'sign-in/start-session.ts']);
  // The second statement there copies a session that exists.
  expect(using('INSERT INTO sessions ')).toEqual(['sessions/sessions.store.ts']);
});
