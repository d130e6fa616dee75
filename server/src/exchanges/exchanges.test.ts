import { hash } from 'node:crypto';
import { afterAll, aroundEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import type { UndoableDb } from '../test/undo.ts';
import { setMfa } from '../test/world/browsers.ts';
import { enrol } from '../test/world/factors.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { withStatus } from '../test/world/answers.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';
import { sweepExchanges } from './sweep-exchanges.ts';

const target = 'https://product.example/signed-in';
const verifier = 'verifier-of-the-product-which-is-long-enough-43';
const codeChallenge = hash('sha256', verifier, 'base64url');

let db: UndoableDb;
let test: TestApp;
let world: World;
let other: World;
let person: Person;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test, { settings: { redirectUrls: [target, `${target}/2`] } });
  other = await createWorld(test, { settings: { redirectUrls: [target] } });
  person = await world.person({ verified: true });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const create = (body: object = {}, token: string | null = person.token) =>
  world.call('POST', '/v1/authentication/users/me/exchange-codes', {
    token: token ?? undefined,
    body: { returnTo: target, codeChallenge, ...body },
  });

const newCode = async () => (await create()).json<{ code: string }>().code;

const exchange = (code: string, body: object = {}, from = world) =>
  from.call('POST', '/v1/authentication/users/sessions/exchange', {
    body: { code, codeVerifier: verifier, returnTo: target, ...body },
  });

const me = (token: string) => world.call('GET', '/v1/authentication/users/me', { token });

describe('creating a code with the session cookie', () => {
  const allowed = 'https://spa.example';
  const createWith = (headers: Record<string, string>) =>
    world.call('POST', '/v1/authentication/users/me/exchange-codes', {
      headers,
      body: { returnTo: target, codeChallenge },
    });
  const cookie = () => `session-token=${person.token}`;

  beforeEach(async () => {
    await db.query(sql`
      UPDATE apps SET settings = settings || ${JSON.stringify({ allowedOrigins: [allowed] })}::jsonb
      WHERE id = ${world.appId}`);
  });

  it.each([
    ['an allowed origin', { origin: allowed }],
    ['a foreign origin', { origin: 'https://evil.example' }],
    ['an unknown origin', { origin: 'null' }],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
  ])('is refused to pages of %s', async (_, headers) => {
    expect(problem(await createWith({ cookie: cookie(), ...headers }))).toBe('403 origin_not_allowed');
  });

  it('is for pages of the service and for callers that are no browsers', async () => {
    const origin = test.services.config.publicUrl;
    for (const headers of [{ origin }, { 'sec-fetch-site': 'same-origin' }, {}]) {
      expect((await createWith({ cookie: cookie(), ...headers })).statusCode).toBe(201);
    }
  });

  it('is possible for pages of an allowed origin that have the token', async () => {
    const authorization = `Bearer ${person.token}`;
    for (const more of [{}, { cookie: cookie() }]) {
      expect((await createWith({ authorization, origin: allowed, ...more })).statusCode).toBe(201);
    }
  });
});

describe('a code', () => {
  it.each([
    ['another target', { returnTo: `${target}/2` }],
    ['another verifier', { codeVerifier: verifier.replace('v', 'w') }],
    ['the challenge as verifier', { codeVerifier: codeChallenge }],
  ])('is used up by %s', async (_, wrong) => {
    const code = await newCode();
    expect(problem(await exchange(code, wrong))).toBe('400 code_invalid');
    expect(problem(await exchange(code))).toBe('400 code_invalid');
  });

  it('that is invalid leads back to the sign-in page, because nobody can request another code', async () => {
    const { detail } = (await exchange('nonsense'.repeat(5))).json<{ detail: string }>();
    expect(detail).toBe('The code is wrong, expired or already used. Send the person to the sign-in page again.');
  });

  it('is invalid in another app, and stays valid in its own', async () => {
    const code = await newCode();
    expect(problem(await exchange(code, {}, other))).toBe('400 code_invalid');
    expect((await exchange(code)).statusCode).toBe(201);
  });

  it('does not work a second time', async () => {
    const code = await newCode();
    expect((await exchange(code)).statusCode).toBe(201);
    expect(problem(await exchange(code))).toBe('400 code_invalid');
  });

  it('is used by one of several at the same time', async () => {
    const code = await newCode();
    const outcomes = await Promise.all([1, 2, 3].map(async () => (await exchange(code)).statusCode));
    expect(outcomes.filter((status) => status === 201)).toHaveLength(1);
  });

  it('expires after a minute, and is deleted then', async () => {
    const code = await newCode();
    test.clock.advance(60_000);
    expect(problem(await exchange(code))).toBe('400 code_invalid');
    await newCode();
    test.clock.advance(60_000);
    await runTask(test, sweepExchanges);
    expect(await test.db.query(sql`SELECT 1 FROM session_exchanges`)).toEqual([]);
  });

  it.each([
    [
      'the session has ended',
      () => world.call('DELETE', `/v1/authentication/users/sessions/${person.sessionId}`, { token: person.token }),
    ],
    [
      'the user was deactivated',
      () =>
        test.db.query(sql`UPDATE users SET state = 'INACTIVE' WHERE app_id = ${world.appId} AND id = ${person.userId}`),
    ],
    [
      'the session has become a restricted one',
      () =>
        test.db.query(
          sql`UPDATE sessions SET restriction = 'enrolment' WHERE app_id = ${world.appId} AND id = ${person.sessionId}`,
        ),
    ],
    ['the app requires a second factor now', () => setMfa(world, { policy: 'required', graceDays: 0 })],
  ])('is worth nothing when %s', async (_, end) => {
    const code = await newCode();
    await end();
    expect(problem(await exchange(code))).toBe('400 code_invalid');
  });

  it('is stored as a hash', async () => {
    const code = await newCode();
    const rows = await test.db.query(sql`SELECT session_exchanges::text AS row FROM session_exchanges`);
    expect(JSON.stringify(rows)).not.toContain(code);
  });

  it.each(['https://evil.example/', `${target}?x=1`, 'javascript:alert(1)'])(
    'is not created for %s',
    async (returnTo) => {
      expect(problem(await create({ returnTo }))).toBe('400 redirect_url_not_allowed');
    },
  );

  it('is not created without a session', async () => {
    expect(problem(await create({}, null))).toBe('401 unauthenticated');
    const { token } = await world.machine();
    expect(problem(await create({}, token))).toBe('403 human_required');
  });
});

describe('the chosen organization', () => {
  const chosen = async (organizationId: string) => (await create({ organizationId })).json<{ code: string }>().code;
  const organizationIn = async (code: string) => {
    const response = await exchange(code);
    return [response.statusCode, response.json<{ organizationId?: string }>().organizationId];
  };
  const deactivate = (orgId: string) =>
    world.call('POST', `/v1/authorization/organizations/${orgId}/deactivate`, { token: world.admin.token, body: {} });

  const removed = (orgId: string) =>
    world.call('DELETE', `/v1/authorization/organizations/users/${person.userId}`, { token: world.admin.token, orgId });

  it('is never an organization to which the person does not belong, or an inactive one', async () => {
    const left = await world.organization(person);
    const successor = await world.person();
    const body = { email: successor.email, firstName: 'A', lastName: 'B' };
    await world.call('POST', `/v1/authorization/organizations/${left}/owners`, { token: world.admin.token, body });
    await world.call('DELETE', `/v1/authentication/users/me/organizations/${left}`, { token: person.token });
    const deactivated = await world.organization(person);
    await deactivate(deactivated);
    const inviting = await world.organization(successor);
    await test.db.query(sql`UPDATE users SET claimed_by = NULL WHERE id = ${person.userId}`);
    const invited = { email: person.email, firstName: 'A', lastName: 'B', role: 'reader' };
    const members = `/v1/authorization/organizations/${inviting}/members`;
    await world.call('POST', members, { token: successor.token, body: invited });
    const others = [await world.organization(successor), await other.organization(await other.person())];
    for (const organizationId of [left, deactivated, inviting, ...others, '1']) {
      expect(problem(await create({ organizationId }))).toBe('404 organization_not_found');
    }
    expect(await test.db.query(sql`SELECT 1 FROM session_exchanges`)).toEqual([]);
  });

  it('cannot be named by the product', async () => {
    const orgId = await world.organization(person);
    expect(problem(await exchange(await newCode(), { organizationId: orgId }))).toBe('400 validation_failed');
  });

  it('is in the answer, once, for the product of the code', async () => {
    const orgId = await world.organization(person);
    await world.organization(person);
    const code = await chosen(orgId);
    expect(await organizationIn(code)).toEqual([201, orgId]);
    expect(problem(await exchange(code))).toBe('400 code_invalid');
    expect(await organizationIn(await newCode())).toEqual([201, undefined]);
    const wrong = await chosen(orgId);
    expect((await exchange(wrong, { returnTo: `${target}/2` })).body).not.toContain(orgId);
  });

  it.each([
    ['the person was removed', removed],
    ['it was deactivated', deactivate],
  ])('is not in the answer if %s meanwhile', async (_, change) => {
    const orgId = await world.organization(person);
    const successor = await world.person();
    const body = { email: successor.email, firstName: 'A', lastName: 'B' };
    await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: world.admin.token, body });
    const code = await chosen(orgId);
    expect((await change(orgId)).statusCode).toBeLessThan(300);
    expect(await organizationIn(code)).toEqual([201, undefined]);
  });
});

describe('the session of a product', () => {
  /** The properties of a session that its copy must have. */
  const sessions = () =>
    test.db.query(sql`
      SELECT to_jsonb(s)
        - '{id,token_hash,last_seen_at,idle_expires_at,ip,user_agent,copied_from,copied_through}'::text[] AS session
      FROM sessions s
      WHERE user_id = ${person.userId} ORDER BY id`);

  it('is as strong and as old as that of the pages, and ends no later', async () => {
    await enrol(world, await withProvider());
    await test.db.query(sql`
      UPDATE sessions SET strong_factor_at = created_at, provider_acr = 2, remembered_factor_at = created_at
      WHERE user_id = ${person.userId}`);
    const code = await newCode();
    test.clock.advance(30_000);
    const started = (await exchange(code)).json<{ sessionToken: string; userId: string }>();
    expect(started.userId).toBe(person.userId);
    expect((await me(started.sessionToken)).statusCode).toBe(200);
    const [one, copy] = await sessions();
    expect(copy).toEqual(one);
  });

  it('sets no cookie, and writes an event', async () => {
    const response = await exchange(await newCode());
    expect(response.headers['set-cookie']).toBeUndefined();
    const event = (await world.events()).at(-1);
    expect(event).toMatchObject({ action: 'session.created', actor: `user ${person.userId}` });
  });

  async function withProvider(): Promise<Person> {
    await test.db.query(sql`UPDATE sessions SET amr = '{fed}' WHERE user_id = ${person.userId}`);
    return person;
  }
});

describe('copies of a session', () => {
  interface Started {
    readonly sessionId: string;
    readonly sessionToken: string;
  }
  const copyOf = async (token: string) => {
    const { code } = (await create({}, token)).json<{ code: string }>();
    const response = await exchange(code);
    return response.statusCode === 201 ? response.json<Started>() : problem(response);
  };
  const started = async (token: string): Promise<Started> => {
    const copy = await copyOf(token);
    if (typeof copy === 'string') throw new Error(copy);
    return copy;
  };
  const end = (sessionId: string, token: string) =>
    world.call('DELETE', `/v1/authentication/users/sessions/${sessionId}`, { token });

  /** A session with two copies, of which the first has a copy that has a copy, and another session. */
  async function family() {
    const body = { email: person.email, password };
    const signIn = async () =>
      (await world.call('POST', '/v1/authentication/users/sessions', { body })).json<Started>();
    const origin = await signIn();
    const one = await started(origin.sessionToken);
    const two = await started(origin.sessionToken);
    const oneOne = await started(one.sessionToken);
    const oneOneOne = await started(oneOne.sessionToken);
    return { origin, one, two, oneOne, oneOneOne, other: await signIn() };
  }
  type Family = Awaited<ReturnType<typeof family>>;
  const living = async (all: Family) => {
    const live: string[] = [];
    for (const [name, { sessionToken }] of Object.entries(all)) {
      if ((await me(sessionToken)).statusCode === 200) live.push(name);
    }
    return live;
  };

  it.each<[ended: keyof Family, left: (keyof Family)[]]>([
    ['origin', ['other']],
    ['one', ['origin', 'two', 'other']],
    ['two', ['origin', 'one', 'oneOne', 'oneOneOne', 'other']],
    ['oneOne', ['origin', 'one', 'two', 'other']],
    ['oneOneOne', ['origin', 'one', 'two', 'oneOne', 'other']],
    ['other', ['origin', 'one', 'two', 'oneOne', 'oneOneOne']],
  ])('end with the session "%s", and others stay', async (ended, left) => {
    const all = await family();
    expect((await end(all[ended].sessionId, person.token)).statusCode).toBe(204);
    expect(await living(all)).toEqual(left);
    expect((await me(person.token)).statusCode).toBe(200);
  });

  it('end after the session between them and the ended one has expired', async () => {
    const all = await family();
    await test.db.query(sql`
      DELETE FROM sessions WHERE app_id = ${world.appId} AND id = ANY (${[all.oneOne.sessionId]}::bigint[])`);
    expect(await living(all)).toContain('oneOneOne');
    await end(all.one.sessionId, person.token);
    expect(await living(all)).toEqual(['origin', 'two', 'other']);
  });

  it('end when the person signs out on the pages, or ends all other sessions', async () => {
    const all = await family();
    const visitor = createVisitor(test);
    visitor.jar.set('session-token', all.origin.sessionToken);
    await visitor.open(`/apps/${world.appName}/account`);
    await visitor.press('Sign out');
    expect(await living(all)).toEqual(['other']);
    const more = await family();
    const url = '/v1/authentication/users/me/sessions';
    expect((await world.call('DELETE', url, { token: more.other.sessionToken })).statusCode).toBe(204);
    expect(await living(more)).toEqual(['other']);
  });

  it('end only for their owner', async () => {
    const all = await family();
    const stranger = await world.person();
    expect(problem(await end(all.origin.sessionId, stranger.token))).toBe('404 session_not_found');
    expect(await living(all)).toEqual(Object.keys(all));
  });

  it('form a chain of ten at most', async () => {
    let { token } = person;
    for (let depth = 1; depth <= 10; depth += 1) token = (await started(token)).sessionToken;
    expect(await copyOf(token)).toBe('400 code_invalid');
    expect((await me(token)).statusCode).toBe(200);
  });
});

describe('the number of codes', () => {
  const limit = async (count: number) => {
    await world.reauthenticate();
    const body = { limits: { exchangeCodesPerUserPerHour: count } };
    withStatus(200, await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body }));
  };

  it('is limited per user, for all of their sessions together', async () => {
    await limit(3);
    await exchange(await newCode());
    const copy = (await exchange(await newCode())).json<{ sessionToken: string }>();
    expect((await create({}, copy.sessionToken)).statusCode).toBe(201);
    for (const token of [person.token, copy.sessionToken]) {
      const refused = await create({}, token);
      expect(problem(refused)).toBe('429 rate_limited');
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect((await create({}, (await world.person()).token)).statusCode).toBe(201);
    test.clock.advance(3_600_000);
    expect((await create()).statusCode).toBe(201);
  });

  it('does not count requests for a foreign target', async () => {
    await limit(1);
    await create({ returnTo: 'https://evil.example/' });
    expect((await create()).statusCode).toBe(201);
  });

  it('is explained on the page', async () => {
    await limit(1);
    await create();
    const visitor = createVisitor(test);
    visitor.jar.set('session-token', person.token);
    const query = new URLSearchParams({ return_to: target, code_challenge: codeChallenge });
    const { status, html } = await visitor.open(`/apps/${world.appName}/continue?${query.toString()}`);
    expect([status, /data-code="(\w+)"/.exec(html)?.[1]]).toEqual([429, 'rate_limited']);
  });
});

describe('the sign-in on the pages', () => {
  it('ends at the product, which exchanges the code of its address', async () => {
    const visitor = createVisitor(test);
    const query = new URLSearchParams({ return_to: target, code_challenge: codeChallenge });
    await visitor.open(`/apps/${world.appName}/sign-in?${query.toString()}`);
    await visitor.press('Continue', { email: person.email });
    const { html } = await visitor.press('Sign in', { password });
    const [, code = ''] =
      /content="0;url=https:\/\/product.example\/signed-in\?code=(gh_x_[\w-]{43})"/.exec(html) ?? [];
    expect((await exchange(code)).json()).toMatchObject({ userId: person.userId });
  });

  it('returns no code to somebody who is not signed in', async () => {
    const visitor = createVisitor(test);
    const query = new URLSearchParams({ return_to: target, code_challenge: codeChallenge });
    const { path } = await visitor.open(`/apps/${world.appName}/continue?${query.toString()}`);
    expect(path).toContain(`/apps/${world.appName}/sign-in?`);
    expect(path).toContain('code_challenge=');
  });
});
