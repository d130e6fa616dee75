import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import {
  claimOf,
  comeBy,
  hijack,
  type Hijacked,
  type Linking,
  linkTo,
  ownersClaims,
  requestVerification,
  strangersClaims,
  verify,
  waysIn,
} from '../test/stranger.ts';
import { runTask } from '../test/tasks.ts';
import { enableSignInCodes, sentCode, signInByCode } from '../test/world/sign-in-codes.ts';
import { createWorld, password, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from './send-password-resets.ts';

const users = '/v1/authentication/users';
const newPassword = 'Secret@slidezAB';
const email = 'owner@mailbox.example';
const ownOrigin = { origin: 'https://app.example.com' };

let app: TestApp;
let world: World;
let linking: Linking;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
  const provider = await TestProvider.start();
  provider.now = () => app.clock.now();
  linking = { provider, idpId: '' };
});
beforeEach(async () => {
  world = await createWorld(app, { settings: { allowedOrigins: ['https://app.example.com'] } });
  linking = { ...linking, idpId: await registerProvider(world, linking.provider) };
  orgId = await world.organization(await world.person());
});
afterAll(async () => {
  await linking?.provider.stop();
  await app?.close();
});

const cookie = (value: string) => ({ cookie: `session-token=${value}`, ...ownOrigin });
const ok = ({ statusCode, body }: { statusCode: number; body: string }) => {
  if (statusCode >= 300) throw new Error(body);
};

async function invite(role = 'reader'): Promise<string> {
  const body = { email, firstName: 'Jane', lastName: 'Roe', role };
  ok(await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token: world.admin.token, body }));
  return (await world.mail(email)).code ?? '';
}
async function reset(verificationCode: string | undefined): Promise<void> {
  ok(await world.call('PUT', `${users}/password`, { body: { email, verificationCode, newPassword } }));
}
async function resetCode(): Promise<string | undefined> {
  await world.call('POST', `${users}/password/reset-request/email`, { body: { email } });
  await runTask(app, sendPasswordResets);
  return (await world.mail(email)).code;
}
const acceptWithPassword = async (method: 'PUT' | 'POST') => {
  const body = { orgId, email, verificationCode: await invite(), newPassword };
  ok(await world.call(method, `${users}/invite`, { body }));
};

/** A method of claiming an account that a stranger may have created, and the sign-in methods that it voids. */
interface Way {
  readonly go: (account: Hijacked) => Promise<void>;
  readonly voids: 'everything' | 'nothing' | 'codes';
}

const ways: Readonly<Record<string, Way>> = {
  '(a) the code with a session of the account': {
    voids: 'nothing',
    go: async ({ token, userId, verificationCode }) => ok(await verify(world, token, { userId, verificationCode })),
  },
  '(a) the code with the session in a cookie alone': {
    voids: 'nothing',
    go: async ({ token, userId, verificationCode }) => {
      const body = { userId, verificationCode };
      ok(await world.call('POST', `${users}/email/verification`, { headers: cookie(token), body }));
    },
  },
  '(a) the mailed token with the cookie of a session': {
    voids: 'nothing',
    go: async ({ token, userId, mailedToken, verificationCode }) =>
      ok(await verify(world, mailedToken, { userId, verificationCode }, cookie(token))),
  },
  '(a) the mailed token with the current password': {
    voids: 'nothing',
    go: async ({ userId, mailedToken, verificationCode }) =>
      ok(await verify(world, mailedToken, { userId, verificationCode, currentPassword: password })),
  },
  '(b) a password reset': { voids: 'everything', go: async () => reset(await resetCode()) },
  '(b) a sign-in with a mailed code': {
    voids: 'everything',
    go: async () => {
      await enableSignInCodes(world);
      const { code, browser } = await sentCode(world, email, { ip: '127.0.0.1' });
      ok(await signInByCode(world, email, code, browser));
    },
  },
  '(b) an invitation accepted by PUT': { voids: 'everything', go: () => acceptWithPassword('PUT') },
  '(b) an invitation accepted by POST': { voids: 'everything', go: () => acceptWithPassword('POST') },
  '(b) an invitation as super admin': {
    voids: 'everything',
    go: async () => {
      ok(await world.call('POST', '/v1/authorization/super-admins', { token: world.admin.token, body: { email } }));
      await reset((await world.mail(email)).code);
    },
  },
  '(b) an invitation accepted while signed in': {
    voids: 'nothing',
    go: async ({ token }) => {
      const body = { orgId, verificationCode: await invite() };
      ok(await world.call('POST', `${users}/me/invitations/accept`, { token, body }));
    },
  },
  '(c) a new identity that vouches for the address': {
    voids: 'everything',
    go: async () => ok(await comeBy(world, linking, ownersClaims(email))),
  },
  '(c) a known identity that vouches for the address by now': {
    voids: 'everything',
    go: async () => ok(await comeBy(world, linking, { ...strangersClaims, email })),
  },
  '(c) linking an identity that vouches for the address': {
    voids: 'everything',
    go: async ({ token }) => ok(await linkTo(world, linking, token, ownersClaims(email))),
  },
  '(c) linking a known identity that vouches for the address by now': {
    voids: 'everything',
    go: async ({ token }) => ok(await linkTo(world, linking, token, { ...strangersClaims, email })),
  },
  '(d) a change of address': {
    voids: 'codes',
    go: async ({ token, changeCode }) =>
      ok(await world.call('PUT', `${users}/me/email`, { token, body: { verificationCode: changeCode } })),
  },
};

const everything = ['sessions', 'identities', 'devices', 'codes', 'password'];
const voidedBy = { everything, nothing: [], codes: ['codes'] } as const;

/** The "not me" tokens of all verification mails to the owner, newest first. */
async function notMeTokens(): Promise<string[]> {
  const mails = (await world.mails(email)).filter(({ purpose }) => purpose === 'email_verification');
  return mails.map(({ text }) => /\/not-me#(\S+)/.exec(text)?.[1] ?? '');
}
async function expectVoid(tokens: readonly string[]): Promise<void> {
  expect(tokens.length).toBeGreaterThan(1);
  const before = await world.rows();
  for (const token of tokens) {
    const answer = await world.call('POST', `${users}/email/verification/rejection`, { body: { token } });
    expect(problem(answer)).toBe('400 code_invalid');
  }
  expect(await world.rows()).toEqual(before);
}

/** The tables that still have rows. */
async function survivors(userId: string, before: Awaited<ReturnType<typeof waysIn>>): Promise<string[]> {
  const after = await waysIn(world, userId);
  return Object.keys(before).filter((name) => before[name]?.some((row) => after[name]?.includes(row)));
}

describe.each([
  { state: 'never verified', clicked: false },
  { state: 'verified by a link that the owner of the mailbox followed', clicked: true },
])('an account that is $state', ({ clicked }) => {
  test.each(Object.entries(ways))('is claimed by %s', async (_, { go, voids }) => {
    const account = await hijack(world, linking, email, { clicked });
    expect(await claimOf(world, account.userId)).toEqual({ isEmailVerified: clicked, isEmailClaimed: false });
    const before = await waysIn(world, account.userId);
    expect(Object.entries(before).filter(([, rows]) => rows.length === 0)).toEqual([]);
    const links = await notMeTokens();
    await go(account);
    expect(await claimOf(world, account.userId)).toEqual({ isEmailVerified: true, isEmailClaimed: true });
    await expectVoid(links);
    const isForeignData = voids === 'everything' && !clicked;
    const gone = new Set([...voidedBy[voids], ...(isForeignData ? ['phone', 'metadata'] : [])]);
    expect(await survivors(account.userId, before)).toEqual(Object.keys(before).filter((name) => !gone.has(name)));
  });
});

/** Calls that do not claim an account, and their responses. */
const others: Readonly<Record<string, (account: Hijacked) => Promise<string>>> = {
  'the mailed token alone': async ({ userId, mailedToken, verificationCode }) =>
    answer(await verify(world, mailedToken, { userId, verificationCode })),
  'the mailed token with a session of somebody else in the cookie': async (account) => {
    const { token } = await world.person();
    const { userId, mailedToken, verificationCode } = account;
    return answer(await verify(world, mailedToken, { userId, verificationCode }, cookie(token)));
  },
  'the mailed token with a cookie that is no session': async ({ userId, mailedToken, verificationCode }) =>
    answer(await verify(world, mailedToken, { userId, verificationCode }, cookie('gh_s_nothing'))),
  'the mailed token with the cookie of the session twice, differently': async (account) => {
    const { userId, token, mailedToken, verificationCode } = account;
    const headers = { ...ownOrigin, cookie: `session-token=${token}; session-token=other` };
    return answer(await verify(world, mailedToken, { userId, verificationCode }, headers));
  },
  'the mailed token with the cookie, from a page of another origin': async (account) => {
    const { userId, token, mailedToken, verificationCode } = account;
    const headers = { ...cookie(token), origin: 'https://evil.example' };
    return answer(await verify(world, mailedToken, { userId, verificationCode }, headers));
  },
  'the mailed token with the cookie, across sites': async (account) => {
    const { userId, token, mailedToken, verificationCode } = account;
    const headers = { cookie: `session-token=${token}`, 'sec-fetch-site': 'cross-site' };
    return answer(await verify(world, mailedToken, { userId, verificationCode }, headers));
  },
  'the mailed token with a wrong password': async ({ userId, mailedToken, verificationCode }) =>
    answer(await verify(world, mailedToken, { userId, verificationCode, currentPassword: newPassword })),
  'a session with a wrong code': async ({ userId, token }) =>
    answer(await verify(world, token, { userId, verificationCode: 'AAAAAAA' })),
  'signing in': async () => answer(await world.call('POST', `${users}/sessions`, { body: { email, password } })),
  'changing the password': async ({ userId, token }) => {
    const body = { currentPassword: password, newPassword };
    return answer(await world.call('PUT', `${users}/${userId}/password`, { token, body }));
  },
  'signing in by a known identity of another address': async () =>
    answer(await comeBy(world, linking, strangersClaims)),
  'signing in by a known identity that does not vouch': async () =>
    answer(await comeBy(world, linking, { ...strangersClaims, email, email_verified: false })),
  'coming by an unknown identity that does not vouch': async () =>
    answer(await comeBy(world, linking, { ...ownersClaims(email), email_verified: false })),
  'linking an identity of another address': async ({ token }) =>
    answer(await linkTo(world, linking, token, { ...ownersClaims('third@else.example') })),
  'linking an identity that does not vouch': async ({ token }) =>
    answer(await linkTo(world, linking, token, { ...ownersClaims(email), email_verified: false })),
  'a role that is granted to the address': async () => {
    await invite();
    return '201';
  },
  'a role that is granted by id': async ({ userId }) => {
    const url = `/v1/authorization/organizations/users/${userId}`;
    return answer(await world.call('POST', url, { token: world.admin.token, orgId, body: { roles: ['reader'] } }));
  },
  'an invitation accepted while signed in with a wrong code': async ({ token }) => {
    await invite();
    const body = { orgId, verificationCode: 'AAAAAAA' };
    return answer(await world.call('POST', `${users}/me/invitations/accept`, { token, body }));
  },
  'asking for another verification mail': async (account) => {
    await requestVerification(world, account);
    return '200';
  },
  'deactivating and reactivating': async ({ userId }) => {
    const url = `/v1/authorization/users/${userId}`;
    await world.call('POST', `${url}/deactivate`, { token: world.admin.token });
    return answer(await world.call('POST', `${url}/reactivate`, { token: world.admin.token }));
  },
};
const answer = (response: Awaited<ReturnType<World['call']>>): string =>
  response.statusCode < 300 ? String(response.statusCode) : problem(response);

const answersOfOthers: Readonly<Record<string, string>> = {
  'the mailed token with the cookie, from a page of another origin': '403 origin_not_allowed',
  'the mailed token with the cookie, across sites': '403 origin_not_allowed',
  'the mailed token with a wrong password': '403 current_password_wrong',
  'a session with a wrong code': '400 code_invalid',
  'coming by an unknown identity that does not vouch': '403 idp_email_unverified',
  'an invitation accepted while signed in with a wrong code': '400 code_invalid',
  'signing in': '201',
  'a role that is granted to the address': '201',
};

describe('an account is not claimed by', () => {
  test.each(Object.entries(others))('%s', async (name, go) => {
    const account = await hijack(world, linking, email, { clicked: true });
    expect(await go(account)).toBe(answersOfOthers[name] ?? '200');
    expect(await claimOf(world, account.userId)).toEqual({ isEmailVerified: true, isEmailClaimed: false });
  });

  test('a sign-up, nor by one with an invited address', async () => {
    const { userId } = await world.person({ email, verified: false });
    expect(await claimOf(world, userId)).toEqual({ isEmailVerified: false, isEmailClaimed: false });
    const invited = 'invited@mailbox.example';
    const body = { email: invited, firstName: 'Jane', lastName: 'Roe' };
    await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: world.admin.token, body });
    const signedUp = await world.person({ email: invited, verified: false });
    expect(await claimOf(world, signedUp.userId)).toEqual({ isEmailVerified: false, isEmailClaimed: false });
  });
});

describe('the operator answers for', () => {
  test('the super admin of an app that the platform creates (e)', async () => {
    const admin = { adminEmail: 'root@example.com', adminPassword: password };
    const body = { name: `vouched-${orgId}`, displayName: 'Vouched', ...admin };
    expect((await world.operate('POST', '/v1/platform/apps', body)).statusCode).toBe(201);
    const signIn = { email: admin.adminEmail, password };
    const options = { app: body.name, body: signIn };
    const { sessionToken } = (await world.call('POST', `${users}/sessions`, options)).json<{ sessionToken: string }>();
    const me = await world.call('GET', `${users}/me`, { app: body.name, token: sessionToken });
    expect(me.json()).toMatchObject({ isEmailVerified: true, isEmailClaimed: true });
  });
});

describe('an account that is claimed', () => {
  test('is visible in every view of a user, and its tokens have email_verified', async () => {
    const { userId, token } = await world.person();
    const machine = await world.machine();
    const claimed = { isEmailVerified: true, isEmailClaimed: true };
    for (const url of [`${users}/me`, `${users}/${userId}`]) {
      expect((await world.call('GET', url, { token })).json()).toMatchObject(claimed);
    }
    const list = await world.call('GET', '/v1/authorization/users?pageSize=100', { token: machine.token });
    expect(list.json<{ users: { id: string }[] }>().users.find(({ id }) => id === userId)).toMatchObject(claimed);
    const exported = await world.call('GET', `${users}/me/export`, { token });
    expect(exported.json()).toMatchObject({ user: claimed });
    const options = { token: machine.token, body: { token } };
    const introspected = await world.call('POST', '/v1/authentication/token/introspection', options);
    expect(introspected.json()).toMatchObject({ email_verified: true });
  });

  test('keeps its data at a later reset or sign-in with a provider', async () => {
    const { userId, token } = await world.person({ email });
    await world.call('PUT', `${users}/${userId}`, { token, body: { phoneNumber: '+4915112345678' } });
    ok(await comeBy(world, linking, ownersClaims(email)));
    const kept = await waysIn(world, userId);
    await reset(await resetCode());
    expect(await survivors(userId, kept)).toEqual(expect.arrayContaining(['phone']));
    expect(await claimOf(world, userId)).toEqual({ isEmailVerified: true, isEmailClaimed: true });
  });
});

test('email_verified of introspection needs both: verified and claimed', async () => {
  const { token } = await hijack(world, linking, email, { clicked: true });
  const machine = await world.machine();
  const url = '/v1/authentication/token/introspection';
  const introspected = await world.call('POST', url, { token: machine.token, body: { token } });
  expect(introspected.json()).toMatchObject({ active: true, email_verified: false });
});

describe('a verification mail can be asked for', () => {
  test('again while the account is not claimed, and not after', async () => {
    const account = await hijack(world, linking, email, { clicked: true });
    const { verificationCode } = await requestVerification(world, account);
    ok(await verify(world, account.token, { userId: account.userId, verificationCode }));
    const body = { userId: account.userId };
    const options = { token: account.token, body };
    const refused = await world.call('POST', `${users}/email/verification-request`, options);
    expect(problem(refused)).toBe('409 email_already_verified');
  });
});

describe('a wrong password together with the mailed token', () => {
  test('changes nothing, costs no attempt of the code, and is limited', async () => {
    const limits = { passwordChecksPerUserPerHour: 3 };
    world = await createWorld(app, { settings: { limits } });
    const person = await world.person({ email, verified: false });
    const { mailedToken, verificationCode } = await requestVerification(world, person);
    const body = { userId: person.userId, verificationCode };
    const wrong = () => verify(world, mailedToken, { ...body, currentPassword: newPassword });
    expect([problem(await wrong()), problem(await wrong()), problem(await wrong())]).toEqual(
      Array(3).fill('403 current_password_wrong'),
    );
    const right = { ...body, currentPassword: password };
    expect(problem(await verify(world, mailedToken, right))).toBe('429 rate_limited');
    expect(await claimOf(world, person.userId)).toEqual({ isEmailVerified: false, isEmailClaimed: false });
    app.clock.advance(3_600_000);
    expect((await verify(world, mailedToken, right)).statusCode).toBe(200);
    expect(await claimOf(world, person.userId)).toEqual({ isEmailVerified: true, isEmailClaimed: true });
  });
});

test('linking that claims an account returns a new session; the previous one has ended', async () => {
  const account = await hijack(world, linking, email, { clicked: true });
  const response = await linkTo(world, linking, account.token, ownersClaims(email));
  const { sessionToken, userId } = response.json<{ sessionToken: string; userId: string }>();
  expect(userId).toBe(account.userId);
  expect(sessionToken).not.toBe(account.token);
  expect((await world.call('GET', `${users}/me`, { token: account.token })).statusCode).toBe(401);
  expect((await world.call('GET', `${users}/me`, { token: sessionToken })).statusCode).toBe(200);
  expect(response.cookies.find(({ name }) => name === 'session-token')).toMatchObject({ value: sessionToken });
});
