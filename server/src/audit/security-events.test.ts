import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { raw, sql } from '../db/db.ts';
import { addTo, createStage, type Stage } from '../test/calls.stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, password, problem, type World } from '../test/world.ts';

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
  test('is told of with the account that it was for, and never with the address', async () => {
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

  test('names nobody where nobody has the address', async () => {
    await signIn('nobody@example.com');
    expect(await world.securityEvents()).toMatchObject([{ action: 'sign_in.failed', target: 'user ' }]);
  });

  test('is told of once a minute, whether or not there is an account: the time of an answer says nothing', async () => {
    for (const email of [stage.member.email, 'nobody@example.com']) {
      const counts: number[] = [];
      for (let tries = 0; tries < 3; tries += 1) {
        await signIn(email);
        counts.push((await world.securityEvents()).length);
      }
      expect(counts.map((count) => count - (counts[0] ?? 0))).toEqual([0, 0, 0]);
    }
    expect(await world.securityEvents()).toHaveLength(2);
  });

  test('is told of again for another address of the client', async () => {
    for (const address of ['203.0.113.1', '203.0.113.2', '203.0.113.1']) {
      await signIn(stage.member.email, from(address));
    }
    expect(await world.securityEvents()).toHaveLength(2);
  });
});

describe('a secret that is wrong', () => {
  test('is told of with the user whose code it is not', async () => {
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

  test('is told of with the organization that an invitation is not from', async () => {
    for (const email of [stage.member.email, 'nobody@example.com']) {
      const body = { orgId: stage.orgId, email, verificationCode: 'AAAAAAA', newPassword: password };
      await world.call('PUT', '/v1/authentication/users/invite', { body });
    }
    const events = await app.db.query(sql`
      SELECT action, org_id, actor_kind, target_kind, target_id FROM audit_events WHERE app_id = ${world.appId} ORDER BY id`);
    const common = { action: 'code.failed', org_id: stage.orgId, actor_kind: 'anonymous', target_kind: 'user' };
    expect(events).toEqual([
      { ...common, target_id: stage.member.userId },
      { ...common, target_id: null },
    ]);
  });

  test('is told of with the machine user whose it is not', async () => {
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
  test('in the statement of the change is told of, and the change is not made', async () => {
    expect(problem(await rename(stage.manager.token))).toBe('403 access_denied');
    expect(problem(await rename(stage.stranger.token))).toBe('404 organization_not_found');
    const target = `organization ${stage.orgId}`;
    expect(await world.securityEvents()).toMatchObject([
      { action: 'access.denied', actor: `user ${stage.manager.userId}`, target },
      { action: 'access.denied', actor: `user ${stage.stranger.userId}`, target },
    ]);
    expect(await world.events()).toEqual([]);
  });

  test('is told of at most once a minute per actor and route', async () => {
    const url = `/v1/authorization/organizations/${stage.orgId}`;
    const read = () => world.call('GET', `${url}?includeMetadata=true`, { token: stage.member.token });
    const deny = async () => {
      await rename(stage.member.token);
      await read();
      await rename(stage.manager.token);
      return (await world.securityEvents()).length;
    };
    expect([await deny(), await deny()]).toEqual([3, 3]);
    app.clock.advance(59_999);
    expect(await deny()).toBe(3);
    app.clock.advance(1);
    expect(await deny()).toBe(6);
  });

  test('is told of once by several processes together', async () => {
    const others = await Promise.all([1, 2].map(() => buildTestApp({ db: app.db })));
    const worlds = [world, ...others.map((other) => ({ ...world, call: callOn(other) }))];
    const calls = worlds.flatMap((one) => Array.from({ length: 8 }, () => rename(stage.manager.token, one)));
    const answers = (await Promise.all(calls)).map(problem);
    expect(new Set(answers)).toEqual(new Set(['403 access_denied']));
    expect(await world.securityEvents()).toHaveLength(1);
    await Promise.all(others.map((other) => other.app.close()));
  });

  test('does not tell of what super admins and machines do not find', async () => {
    const url = '/v1/authorization/organizations/1';
    expect(problem(await world.call('GET', url, { token: world.admin.token }))).toBe('404 organization_not_found');
    expect(problem(await world.call('GET', url, { token: stage.machine.token }))).toBe('404 organization_not_found');
    expect(await world.securityEvents()).toEqual([]);
  });

  test('stays denied, with the same answer, when the event cannot be written', async () => {
    await app.db.query(sql`ALTER TABLE rate_limits RENAME TO out_of_the_way`);
    expect(problem(await rename(stage.manager.token))).toBe('403 access_denied');
    await app.db.query(sql`ALTER TABLE out_of_the_way RENAME TO rate_limits`);
    expect(await world.securityEvents()).toEqual([]);
  });

  test('is told of although the transaction of the change is rolled back', async () => {
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

/** A client id that nobody has. */
const wrongSecret = (clientId: number, headers: Record<string, string>) => {
  const body = { clientId: `${clientId}`, clientSecret: `gh_m_${'x'.repeat(43)}` };
  return world.call('POST', '/v1/authentication/machine-users/access-token', { body, headers });
};

describe('a flood', () => {
  test('from one network writes few events and few counters', async () => {
    const before = (await rowsOf('rate_limits')).length;
    for (let count = 0; count < 60; count += 1) {
      await wrongSecret(count, from(`2001:db8::${count + 1}`));
    }
    expect(await world.securityEvents()).toHaveLength(20);
    expect((await rowsOf('rate_limits')).length - before).toBeLessThanOrEqual(20 + 2);
  });

  test('from everywhere writes few events and few counters', async () => {
    const before = (await rowsOf('rate_limits')).length;
    for (let count = 0; count < 100; count += 1) await wrongSecret(count, from(`198.51.100.${count}`));
    expect(await world.securityEvents()).toHaveLength(60);
    expect((await rowsOf('rate_limits')).length - before).toBeLessThanOrEqual(60 * 2 + 1);
  });

  test('of one kind hides no other', async () => {
    for (let count = 0; count < 70; count += 1) await wrongSecret(count, from(`198.51.100.${count}`));
    await rename(stage.manager.token);
    expect((await world.securityEvents()).at(-1)).toMatchObject({ action: 'access.denied' });
  });

  test('in one app hides nothing of another', async () => {
    const other = await createWorld(app);
    for (let count = 0; count < 70; count += 1) await wrongSecret(count, from(`198.51.100.${count}`));
    await signIn('nobody@example.com', from('198.51.100.1'), other);
    expect(await other.securityEvents()).toHaveLength(1);
  });
});
