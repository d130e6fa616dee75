import { afterAll, aroundEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { type Copy, copySession, newExchange, productUrl } from '../test/world/exchanges.ts';
import { enrol, nextCode, type OwnFactor } from '../test/world/factors.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

let db: UndoableDb;
let test: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test, { settings: { redirectUrls: [productUrl] } });
  person = await world.person({ verified: true });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

describe('attempts to guess the second factor', () => {
  let factor: OwnFactor;

  beforeEach(async () => {
    factor = await enrol(world, person);
    const body = { limits: { secondFactorsPerDevicePerHour: 2, secondFactorsPerUserPerHour: 1 } };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
  });

  const attempt = async (token: string, code: string) =>
    problem(
      await world.call('POST', '/v1/authentication/users/me/reauthentication', {
        token,
        body: { factorId: factor.id, code },
      }),
    );

  it('are shared by a session and all of its copies', async () => {
    const copy = await copySession(world, person.token);
    const copyOfCopy = await copySession(world, copy.sessionToken);
    const tokens = [copy.sessionToken, copyOfCopy.sessionToken, person.token];
    const answers = [];
    for (const token of tokens) answers.push(await attempt(token, '000000'));
    expect(answers).toEqual(['400 factor_invalid', '400 factor_invalid', '429 rate_limited']);
    const another = await copySession(world, copy.sessionToken);
    expect(await attempt(another.sessionToken, nextCode(world, factor))).toBe('429 rate_limited');
  });

  it('are refunded to all of them by a correct code', async () => {
    const copy = await copySession(world, person.token);
    expect(await attempt(copy.sessionToken, '000000')).toBe('400 factor_invalid');
    expect(await attempt(person.token, nextCode(world, factor))).toBe('200 undefined');
    expect(await attempt(copy.sessionToken, '000000')).toBe('400 factor_invalid');
    expect(await attempt(person.token, '000000')).toBe('400 factor_invalid');
    expect(await attempt(copy.sessionToken, '000000')).toBe('429 rate_limited');
  });
});

const users = '/v1/authentication/users';
const cookie = (token: string) => ({ cookie: `session-token=${token}` });
const me = async (token: string) => (await world.call('GET', `${users}/me`, { token })).statusCode;
const signIn = async (headers: Record<string, string> = {}, { email } = person): Promise<Copy> =>
  (await world.call('POST', `${users}/sessions`, { body: { email, password }, headers })).json();
const statuses = async (...sessions: readonly Pick<Copy, 'sessionToken'>[]) => {
  const found = [];
  for (const { sessionToken } of sessions) found.push(await me(sessionToken));
  return found;
};
/** The session of a person, as of a sign-in. */
const of = ({ token }: Person) => ({ sessionToken: token });

describe('the sign-in that renews a session', () => {
  it('ends the copies of the session, and their copies', async () => {
    const stays = await copySession(world, (await signIn()).sessionToken);
    const copy = await copySession(world, person.token);
    const copyOfCopy = await copySession(world, copy.sessionToken);
    const again = await signIn(cookie(person.token));
    expect(again.sessionId).toBe(person.sessionId);
    expect(await statuses(copy, copyOfCopy, again, stays)).toEqual([401, 401, 200, 200]);
  });

  it('ends the copies after a second factor, too', async () => {
    const factor = await enrol(world, person);
    const copy = await copySession(world, person.token);
    const body = { email: person.email, password };
    const begun = await world.call('POST', `${users}/sessions`, { body });
    const { mfaToken } = begun.json<{ mfaToken: string }>();
    const headers = { ...cookie(person.token), 'x-device-token': String(begun.headers['x-device-token']) };
    const proof = { mfaToken, factorId: factor.id, code: nextCode(world, factor) };
    const again = (await world.call('PUT', `${users}/sessions/mfa`, { body: proof, headers })).json<Copy>();
    expect(again.sessionId).toBe(person.sessionId);
    expect(await statuses(copy, again)).toEqual([401, 200]);
  });

  it('voids the codes that were created before, and not those of other sessions', async () => {
    const other = await signIn();
    const codes = [await newExchange(world, person.token), await newExchange(world, other.sessionToken)];
    await signIn(cookie(person.token));
    const answers = [];
    for (const redeem of codes) answers.push(problem(await redeem()));
    expect(answers).toEqual(['400 code_invalid', '201 undefined']);
  });

  it('ends no copies of another person', async () => {
    const copy = await copySession(world, (await world.person()).token);
    await signIn(cookie(person.token));
    expect(await statuses(copy)).toEqual([200]);
  });
});

it('shows the browser of the product, not that of the pages', async () => {
  const copy = await copySession(world, person.token, { 'user-agent': 'Product/1.0' });
  const listed = await world.call('GET', `${users}/me/sessions`, { token: person.token });
  const { sessions } = listed.json<{ sessions: { id: string; userAgent: string | null }[] }>();
  const agents = new Map(sessions.map(({ id, userAgent }) => [id, userAgent]));
  expect(agents.get(copy.sessionId)).toBe('Product/1.0');
  expect(agents.get(person.sessionId)).not.toBe('Product/1.0');
});

describe('the limit of sessions', () => {
  const limit = (sessionsPerUser: number) =>
    test.db.query(sql`
      UPDATE apps SET settings = settings || jsonb_build_object('sessionsPerUser', ${sessionsPerUser}::integer)
      WHERE id = ${world.appId}`);

  it('does not count a copy against its session', async () => {
    await limit(1);
    const copy = await copySession(world, person.token);
    expect(await statuses(of(person), copy)).toEqual([200, 200]);
  });

  it('ends a session together with its copies', async () => {
    await limit(2);
    const copy = await copySession(world, person.token);
    const copyOfCopy = await copySession(world, copy.sessionToken);
    const second = await signIn();
    expect(await statuses(of(person), copy, copyOfCopy, second)).toEqual([200, 200, 200, 200]);
    const third = await signIn();
    expect(await statuses(of(person), copy, copyOfCopy, second, third)).toEqual([401, 401, 401, 200, 200]);
  });

  it('takes the latest use of a copy as one of its session', async () => {
    await limit(2);
    const copy = await copySession(world, person.token);
    test.clock.advance(3_600_000);
    const second = await signIn();
    test.clock.advance(3_600_000);
    await me(copy.sessionToken);
    const third = await signIn();
    expect(await statuses(of(person), copy, second, third)).toEqual([200, 200, 401, 200]);
  });

  it('ends the copies of a session that has expired', async () => {
    await limit(1);
    const copy = await copySession(world, person.token);
    await test.db.query(sql`
      UPDATE sessions SET expires_at = created_at, idle_expires_at = created_at
      WHERE app_id = ${world.appId} AND id = ${person.sessionId}`);
    expect(await statuses(copy)).toEqual([200]);
    await signIn();
    expect(await statuses(copy)).toEqual([401]);
  });

  it('applies to the copies of a person, of which the new one and its origins stay', async () => {
    await limit(2);
    const first = await copySession(world, person.token);
    test.clock.advance(1000);
    const second = await copySession(world, person.token);
    const ofSecond = await copySession(world, second.sessionToken);
    expect(await statuses(of(person), second, ofSecond)).toEqual([200, 200, 200]);
    test.clock.advance(1000);
    const third = await copySession(world, person.token);
    expect(await statuses(of(person), first, third)).toEqual([200, 401, 200]);
  });

  it('does not count the copies of another person', async () => {
    await limit(2);
    const own = await copySession(world, person.token);
    test.clock.advance(1000);
    const other = await world.person();
    for (let count = 0; count < 2; count += 1) await copySession(world, other.token);
    const second = await copySession(world, person.token);
    expect(await statuses(own, second)).toEqual([200, 200]);
  });
});

describe('a claim', () => {
  let claimant: Person;
  let code: string;
  let mailedToken: string;

  async function signUp(): Promise<void> {
    claimant = await world.person({ verified: false });
    const mail = await world.mail(claimant.email);
    code = mail.code ?? '';
    mailedToken = /gh_v_[\w-]+/.exec(mail.text)?.[0] ?? '';
  }
  beforeEach(signUp);

  const claim = (headers: Record<string, string>, token: string) => {
    const body = { userId: claimant.userId, verificationCode: code };
    return world.call('POST', `${users}/email/verification`, { token, headers, body });
  };
  /** Invites the claimant to an organization. @returns the body with which the claimant accepts */
  async function invite(): Promise<object> {
    const orgId = await world.organization(person);
    const body = { email: claimant.email, firstName: 'A', lastName: 'B', role: 'reader' };
    const at = `/v1/authorization/organizations/${orgId}/members`;
    await world.call('POST', at, { token: world.admin.token, body });
    return { orgId, verificationCode: (await world.mail(claimant.email)).code };
  }
  async function accept(body: object): Promise<void> {
    const response = await world.call('POST', `${users}/me/invitations/accept`, { token: claimant.token, body });
    expect(response.statusCode).toBe(200);
  }
  const newCookie = (response: { headers: Record<string, unknown> }) =>
    /session-token=(gh_s_[^;]+);/.exec(String(response.headers['set-cookie']))?.[1];

  it('ends the copies of all sessions', async () => {
    const other = await signIn({}, claimant);
    const copies = [await copySession(world, claimant.token), await copySession(world, other.sessionToken)];
    expect((await claim({}, claimant.token)).statusCode).toBe(200);
    expect(await statuses(...copies, of(claimant), other)).toEqual([401, 401, 200, 200]);
  });

  it('ends no copies of another person, and keeps the cookie of another person', async () => {
    const copy = await copySession(world, person.token);
    const response = await claim(cookie(person.token), claimant.token);
    expect([response.statusCode, newCookie(response)]).toEqual([200, undefined]);
    expect(await statuses(copy, of(person))).toEqual([200, 200]);
  });

  it('keeps the copy that makes the call', async () => {
    const [own, other] = [await copySession(world, claimant.token), await copySession(world, claimant.token)];
    expect((await claim({}, own.sessionToken)).statusCode).toBe(200);
    expect(await statuses(own, other)).toEqual([200, 401]);
  });

  it('by an invitation ends copies, too', async () => {
    const copy = await copySession(world, claimant.token);
    await accept(await invite());
    expect(await statuses(copy, of(claimant))).toEqual([401, 200]);
  });

  it('an invitation that is accepted after the claim ends no copies', async () => {
    const proof = await invite();
    expect((await claim({}, claimant.token)).statusCode).toBe(200);
    const copy = await copySession(world, claimant.token);
    await accept(proof);
    expect(await statuses(copy, of(claimant))).toEqual([200, 200]);
  });

  it.each<[what: string, bearer: () => Promise<string> | string]>([
    ['of another session', async () => (await signIn({}, claimant)).sessionToken],
    ['of the mail', () => mailedToken],
  ])('renews the session of the cookie if the call has a token %s', async (_, bearer) => {
    const response = await claim(cookie(claimant.token), await bearer());
    expect(response.statusCode).toBe(200);
    const renewed = { sessionToken: newCookie(response) ?? '' };
    expect(await statuses(of(claimant), renewed)).toEqual([401, 200]);
  });

  it('keeps the token that a program sends, also as cookie', async () => {
    const response = await claim(cookie(claimant.token), claimant.token);
    expect([response.statusCode, newCookie(response)]).toEqual([200, undefined]);
    expect(await statuses(of(claimant))).toEqual([200]);
  });

  it('keeps the cookie of another person', async () => {
    const response = await claim(cookie(person.token), claimant.token);
    expect([response.statusCode, newCookie(response)]).toEqual([200, undefined]);
    expect(await statuses(of(person))).toEqual([200]);
  });
});
