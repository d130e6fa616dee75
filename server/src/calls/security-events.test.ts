import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { raw, sql } from '../db/db.ts';
import { addTo, createStage, type Stage } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let stage: Stage;
let world: World;

beforeAll(async () => {
  app = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  world = await createWorld(app);
  stage = await createStage(world);
});
afterAll(() => app?.close());
beforeEach(async () => {
  app.clock.advance(60_000);
  await app.db.query(sql`DELETE FROM audit_events WHERE app_id = ${world.appId}`);
});

const wrong = 'Wrong@password-of-nobody';

const signIn = (email: string, headers: Record<string, string> = {}, of = world) =>
  of.call('POST', '/v1/authentication/users/sessions', { body: { email, password: wrong }, headers });

const from = (address: string) => ({ 'x-forwarded-for': address });

const rename = (token: string, of = world) =>
  of.call('PATCH', `/v1/authorization/organizations/${stage.orgId}`, { token, body: { name: 'Taken over' } });

const rowsOf = (table: string) => app.db.query(sql`SELECT * FROM ${raw(table)} WHERE app_id = ${world.appId}`);

describe('a sign-in that fails', () => {
  test('is recorded with the account, and never with the address', async () => {
    const headers = { 'user-agent': 'a browser', 'x-request-id': 'request-1', ...from('203.0.113.7') };
    expect(problem(await signIn(stage.member.email, headers))).toBe('401 invalid_credentials');
    expect(await rowsOf('audit_events')).toEqual([
      expect.objectContaining({
        action: 'sign_in.failed',
        org_id: null,
        actor_kind: 'anonymous',
        actor_id: null,
        target_kind: 'user',
        target_id: stage.member.userId,
        ip: '203.0.113.7',
        user_agent: 'a browser',
        request_id: 'request-1',
        changes: [],
      }),
    ]);
    const stored = JSON.stringify([await rowsOf('audit_events'), await rowsOf('rate_limits')]);
    for (const word of [stage.member.email, wrong]) expect(stored).not.toContain(word);
  });

  test('has no target if no account has the address', async () => {
    await signIn('nobody@example.com');
    expect(await world.securityEvents()).toMatchObject([{ action: 'sign_in.failed', target: 'user ' }]);
  });

  test('is counted each time, whether or not there is an account, so the response time reveals nothing', async () => {
    for (const email of [stage.member.email, 'nobody@example.com']) {
      for (let tries = 0; tries < 3; tries += 1) await signIn(email);
    }
    expect(await world.securityEvents()).toMatchObject([
      { target: `user ${stage.member.userId}`, count: 3 },
      { target: 'user ', count: 3 },
    ]);
  });

  test('is counted separately for each network and minute', async () => {
    for (const address of ['203.0.113.1', '203.0.113.2', '203.0.113.1', '2001:db8::1', '2001:db8::2']) {
      await signIn(stage.member.email, from(address));
    }
    app.clock.advance(60_000);
    await signIn(stage.member.email, from('203.0.113.1'));
    expect((await world.securityEvents()).map(({ count }) => count)).toEqual([2, 1, 2, 1]);
  });
});

describe('a secret that is wrong', () => {
  test.each([
    ['POST', 'me/reauthentication', {}],
    ['PUT', ':userId/password', { newPassword: password }],
    ['POST', 'me/email', { newEmail: 'newer@example.com' }],
    ['DELETE', 'me', {}],
  ] as const)('is recorded with the user who was attacked: %s %s', async (method, path, more) => {
    const { userId, token } = stage.member;
    const url = `/v1/authentication/users/${path.replace(':userId', userId)}`;
    const body = { ...more, currentPassword: wrong };
    expect(problem(await world.call(method, url, { token, body }))).toBe('403 current_password_wrong');
    expect(await world.securityEvents()).toEqual([
      expect.objectContaining({ action: 'sign_in.failed', actor: `user ${userId}`, target: `user ${userId}` }),
    ]);
  });

  test('is recorded with the user whose code it would be', async () => {
    const person = await world.person({ verified: false });
    const url = '/v1/authentication/users/email/verification';
    const body = { userId: person.userId, verificationCode: 'AAAAAAA' };
    expect(problem(await world.call('POST', url, { token: person.token, body }))).toBe('400 code_invalid');
    expect(await world.securityEvents()).toEqual([
      expect.objectContaining({
        action: 'code.failed',
        actor: `user ${person.userId}`,
        target: `user ${person.userId}`,
      }),
    ]);
  });

  test('is recorded with the organization of the invitation', async () => {
    for (const email of [stage.member.email, 'nobody@example.com']) {
      const body = { orgId: stage.orgId, email, verificationCode: 'AAAAAAA', newPassword: password };
      await world.call('PUT', '/v1/authentication/users/invite', { body });
    }
    const events = await app.db.query(sql`
      SELECT action, org_id, actor_kind, target_kind, target_id FROM audit_events WHERE app_id = ${world.appId}
      ORDER BY id`);
    const common = { action: 'code.failed', org_id: stage.orgId, actor_kind: 'anonymous', target_kind: 'user' };
    expect(events).toEqual([
      { ...common, target_id: stage.member.userId },
      { ...common, target_id: null },
    ]);
  });

  test('is recorded with the machine user whose secret it would be', async () => {
    const url = '/v1/authentication/machine-users/access-token';
    for (const clientId of [stage.machine.machineUserId, 'no-id-at-all']) {
      await world.call('POST', url, { body: { clientId, clientSecret: `gh_m_${'x'.repeat(43)}` } });
    }
    expect(await world.securityEvents()).toMatchObject([
      { action: 'client_secret.failed', target: `machine ${stage.machine.machineUserId}` },
      { action: 'client_secret.failed', target: 'machine ' },
    ]);
    expect(JSON.stringify(await rowsOf('audit_events'))).not.toMatch(/gh_m_|no-id-at-all/);
  });
});

describe('access that is denied', () => {
  test('access that is denied by the statement of the change is recorded, and the change is not applied', async () => {
    expect(problem(await rename(stage.manager.token))).toBe('403 access_denied');
    expect(problem(await rename(stage.stranger.token))).toBe('404 organization_not_found');
    const target = `organization ${stage.orgId}`;
    expect(await world.securityEvents()).toMatchObject([
      { action: 'access.denied', actor: `user ${stage.manager.userId}`, target },
      { action: 'access.denied', actor: `user ${stage.stranger.userId}`, target },
    ]);
    expect(await world.events()).toEqual([]);
  });

  test('is counted for each actor and target', async () => {
    const url = `/v1/authorization/organizations/${stage.orgId}`;
    const read = () => world.call('GET', `${url}?includeMetadata=true`, { token: stage.member.token });
    for (let times = 0; times < 2; times += 1) {
      await rename(stage.member.token);
      await read();
      await rename(stage.manager.token);
    }
    expect(await world.securityEvents()).toMatchObject([
      { actor: `user ${stage.member.userId}`, count: 4 },
      { actor: `user ${stage.manager.userId}`, count: 2 },
    ]);
  });

  test.each([
    ['organizations', () => '/v1/authorization/organizations/ID'],
    ['users', () => '/v1/authentication/users/ID'],
    ['sessions', () => '/v1/authentication/users/sessions/ID'],
  ])('denied access to %s that do not exist is recorded as one shared event', async (_, url) => {
    const method = url().includes('sessions') ? 'DELETE' : 'GET';
    for (let id = 1; id <= 5; id += 1) {
      const answer = await world.call(method, url().replace('ID', `${id}`), { token: stage.stranger.token });
      expect(answer.statusCode).toBe(404);
    }
    expect(await world.securityEvents()).toMatchObject([{ action: 'access.denied', count: 5 }]);
    const [event] = await rowsOf('audit_events');
    expect(event).toMatchObject({ target_id: null, org_id: null });
  });

  test('is counted in one event by several processes together', async () => {
    const others = await Promise.all([1, 2].map(() => buildTestApp({ db: app.db, clock: app.clock })));
    const worlds = [world, ...others.map((other) => ({ ...world, call: callOn(other) }))];
    const calls = worlds.flatMap((one) => Array.from({ length: 8 }, () => rename(stage.manager.token, one)));
    const answers = (await Promise.all(calls)).map(problem);
    expect(new Set(answers)).toEqual(new Set(['403 access_denied']));
    expect(await world.securityEvents()).toMatchObject([{ count: 24 }]);
    await Promise.all(others.map((other) => other.app.close()));
  });

  test('does not record requests of super admins and machine users that return not found', async () => {
    const url = '/v1/authorization/organizations/1';
    expect(problem(await world.call('GET', url, { token: world.admin.token }))).toBe('404 organization_not_found');
    expect(problem(await world.call('GET', url, { token: stage.machine.token }))).toBe('404 organization_not_found');
    expect(await world.securityEvents()).toEqual([]);
  });

  test('is denied, with the same response, also if the event cannot be written', async () => {
    await app.db.query(sql`ALTER TABLE audit_events RENAME COLUMN count TO out_of_the_way`);
    expect(problem(await rename(stage.manager.token))).toBe('403 access_denied');
    await app.db.query(sql`ALTER TABLE audit_events RENAME COLUMN out_of_the_way TO count`);
    expect(await world.securityEvents()).toEqual([]);
  });

  test('is recorded although the transaction of the change is rolled back', async () => {
    await addTo(stage, stage.stranger.userId, 'reader');
    const url = `/v1/authorization/organizations/users/${stage.owner.userId}`;
    const options = { token: stage.manager.token, orgId: stage.orgId, body: { roles: ['writer'] } };
    expect(problem(await world.call('POST', url, options))).toBe('403 access_denied');
    expect(await world.securityEvents()).toMatchObject([{ action: 'access.denied' }]);
  });
});

/** The same calls to another process. */
const callOn =
  (other: TestApp): World['call'] =>
  (method, url, { token, body } = {}) =>
    other.app.inject({
      method,
      url,
      headers: { 'x-app-name': world.appName, authorization: `Bearer ${token}` },
      payload: body as object,
    });

/** A world whose calls come from a separate network. */
const floodOf = (count: number): World => ({
  ...world,
  call: (method, url, options = {}) =>
    world.call(method, url, { ...options, headers: { ...options.headers, ...from(`198.51.100.${count}`) } }),
});

/** A client id that does not exist. */
const wrongSecret = (clientId: number, headers: Record<string, string>) => {
  const body = { clientId: `${clientId}`, clientSecret: `gh_m_${'x'.repeat(43)}` };
  return world.call('POST', '/v1/authentication/machine-users/access-token', { body, headers });
};

describe('a flood', () => {
  const fullRows = 100;

  /** A wrong code for a person, from one address. */
  const guess = (email: string, headers: Record<string, string>) => {
    const body = { email, verificationCode: 'AAAAAAA', newPassword: password };
    return world.call('PUT', '/v1/authentication/users/password', { body, headers });
  };

  const eventsAbout = async (target: string) =>
    (await world.securityEvents()).filter((event) => event.target === target);

  test('a flood on other users displaces no event about a person, and every attempt is counted', async () => {
    for (let count = 0; count < 700; count += 1) {
      if (count % 70 === 0) for (let own = 0; own < 3; own += 1) await guess(stage.member.email, from('203.0.113.9'));
      await guess(`nobody-${count}@example.com`, from(`198.51.${count % 7}.${count % 251}`));
    }
    expect(await eventsAbout(`user ${stage.member.userId}`)).toMatchObject([{ action: 'code.failed', count: 30 }]);
    const others = await eventsAbout('user ');
    expect(others).toHaveLength(fullRows + 1);
    expect(others.reduce((sum, { count }) => sum + count, 0)).toBe(700);
  });

  test('a flood from one network on targets that do not exist is one event', async () => {
    for (let count = 0; count < 60; count += 1) await wrongSecret(count, from(`2001:db8::${count + 1}`));
    expect(await world.securityEvents()).toMatchObject([{ action: 'client_secret.failed', count: 60 }]);
  });

  test('a flood from 100 networks shares one event without a source; a known network keeps its own', async () => {
    for (let count = 0; count < 150; count += 1) await wrongSecret(count, from(`198.51.100.${count}`));
    await wrongSecret(1, from('198.51.100.1'));
    await wrongSecret(1, from('198.51.100.149'));
    const events = await world.securityEvents();
    expect(events).toHaveLength(fullRows + 1);
    expect(events[1]).toMatchObject({ count: 2, changes: [] });
    expect(events.at(-1)).toMatchObject({ actor: 'anonymous ', count: 51, changes: ['further_sources'] });
    const [further] = await app.db.query(sql`
      SELECT ip, user_agent, request_id FROM audit_events
      WHERE app_id = ${world.appId} AND 'further_sources' = ANY (changes)`);
    expect(further).toEqual({ ip: null, user_agent: null, request_id: null });
  });

  test('a flood from many networks through several processes is counted completely in few events', async () => {
    const other = await buildTestApp({ db: app.db, clock: app.clock, env: { TRUST_PROXY: '1' } });
    const calls = Array.from({ length: 300 }, (_, count) => {
      const process = count % 2 === 0 ? app : other;
      return process.app.inject({
        method: 'POST',
        url: '/v1/authentication/machine-users/access-token',
        headers: { 'x-app-name': world.appName, ...from(`198.51.${count % 3}.${count % 250}`) },
        payload: { clientId: '1', clientSecret: `gh_m_${'x'.repeat(43)}` },
      });
    });
    await Promise.all(calls);
    const events = await world.securityEvents();
    expect(events.reduce((sum, { count }) => sum + count, 0)).toBe(300);
    expect(events.length).toBeLessThanOrEqual(fullRows + 3);
    await other.app.close();
  });

  test('a flood of one kind or on one target hides no other event', async () => {
    for (let count = 0; count < 120; count += 1) await rename(stage.stranger.token, floodOf(count));
    await rename(stage.manager.token);
    await signIn(stage.member.email);
    expect((await world.securityEvents()).slice(-2)).toMatchObject([
      { action: 'access.denied', target: `organization ${stage.orgId}`, count: 21 },
      { action: 'sign_in.failed', target: `user ${stage.member.userId}`, count: 1 },
    ]);
  });

  test('a flood in one app does not hide events of another app', async () => {
    const other = await createWorld(app);
    for (let count = 0; count < 120; count += 1) await wrongSecret(count, from(`198.51.100.${count}`));
    await signIn('nobody@example.com', from('198.51.100.1'), other);
    expect(await other.securityEvents()).toHaveLength(1);
  });
});

describe('the list of events', () => {
  const list = async () => {
    const url = '/v1/authorization/audit-events?pageSize=10';
    return (await world.call('GET', url, { token: world.admin.token })).json<{ events: object[] }>().events;
  };

  test('has a count, for refusals only', async () => {
    for (let times = 0; times < 3; times += 1) await rename(stage.manager.token);
    await rename(stage.owner.token);
    const [changed, denied] = await list();
    expect(denied).toMatchObject({ action: 'access.denied', count: 3 });
    expect(changed).not.toHaveProperty('count');
  });

  test('continues to count after the traces of a deleted person are removed', async () => {
    const person = await world.person();
    await signIn(person.email, from('203.0.113.1'));
    await signIn(person.email, from('203.0.113.2'));
    await world.call('DELETE', `/v1/authorization/users/${person.userId}`, { token: world.admin.token });
    await signIn(person.email, from('203.0.113.1'));
    const failed = (await rowsOf('audit_events')).filter(
      (row) => (row as { action: string }).action === 'sign_in.failed',
    );
    expect(failed).toMatchObject([
      { target_id: person.userId, ip: null, counted_source: null },
      { target_id: person.userId, ip: null, counted_source: null },
      { target_id: null, ip: '203.0.113.1', count: 1 },
    ]);
  });
});
