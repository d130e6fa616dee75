import { randomBytes } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { whileLocked } from '../test/database.ts';
import { createStage, type Stage } from '../test/samples/stage.ts';
import { buildTestApp, masterKey, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import {
  callOf,
  createWorld,
  faults,
  password,
  problem,
  type RequestOptions,
  type World,
} from '../test/world/world.ts';
import { insertStoredResponse } from './idempotency.store.ts';
import { sweepAnswers } from './sweep-answers.ts';

let app: TestApp;
let world: World;
let stage: Stage;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  stage = await createStage(world);
});
afterAll(() => app?.close());

let count = 0;
const unique = (what: string) => `${what} no. ${(count += 1)}`.replaceAll(' ', '-');

const machineUsers = '/v1/authorization/machine-users';
const predefined = '/v1/authorization/predefined-roles';

const post = (key: string, url: string, options: RequestOptions = {}, of: Pick<World, 'call'> = world) =>
  of.call('POST', url, { token: world.admin.token, ...options, headers: { 'idempotency-key': key } });

const createRobot = (key: string, userName = unique('robot'), options: RequestOptions = {}) =>
  post(key, machineUsers, { body: { userName }, ...options });

/** The status, and whether the response is a replay. */
const outcome = (response: LightMyRequestResponse): string =>
  response.statusCode < 400
    ? `${response.statusCode}${response.headers['idempotent-replayed'] === 'true' ? ' replayed' : ''}`
    : problem(response);

const rows = () =>
  app.db.query<Record<string, unknown>>(sql`SELECT * FROM idempotency_keys WHERE app_id = ${world.appId}`);

describe('a key', () => {
  const refused: [string, string][] = [
    ['empty', ''],
    ['of 201 characters', 'k'.repeat(201)],
    ['with a space', 'a key'],
    ['that is sent twice', 'a, a'],
    ['with a letter that is no ASCII', 'schlüssel'],
    ['with a control character', 'a\u0001'],
  ];
  it.each(refused)('%s is refused', async (_, key) => {
    const response = await createRobot(key);
    expect(problem(response)).toBe('400 validation_failed');
    expect(faults(response)).toEqual({
      '/headers/idempotency-key': 'Must be 1 to 200 visible ASCII characters.',
    });
  });

  it('a key of 200 visible characters is accepted', async () => {
    const key = `!"#$%&'()*+,-./:;<=>?@[]^_{|}~`.padEnd(200, 'k');
    expect(outcome(await createRobot(key, 'sturdy'))).toBe('201');
    expect(outcome(await createRobot(key, 'sturdy'))).toBe('201 replayed');
  });

  it('is ignored by calls that store nothing, even an invalid one', async () => {
    const body = { firstName: 'Jon', lastName: 'Doe', email: 'ignored@example.com', password };
    const signUp = () => post('a key', '/v1/authentication/users', { body });
    expect(outcome(await signUp())).toBe('201');
    expect(outcome(await signUp())).toBe('409 email_already_exists');
    const search = '/v1/authorization/organizations/users/search?pageSize=1';
    expect(outcome(await post('a key', search, { orgId: stage.orgId, body: {} }))).toBe('200');
  });
});

describe('the same key means another call', () => {
  it('the same key of another caller means another call', async () => {
    const { token } = stage.machine;
    const body = { roles: [{ key: 'auditor', displayName: 'Auditor', allowedPermissions: [] }] };
    const key = unique('key');
    expect(outcome(await post(key, predefined, { body }))).toBe('201');
    expect(outcome(await post(key, predefined, { body, token }))).toBe('201');
    expect(outcome(await post(key, predefined, { body, token }))).toBe('201 replayed');
  });

  it('the same key for another path means another call', async () => {
    const [first, second] = [await world.machine(), await world.machine()];
    const key = unique('key');
    const secretIds = new Set<string>();
    for (const { machineUserId } of [first, second, first]) {
      const response = await post(key, `${machineUsers}/${machineUserId}/secrets`, { body: {} });
      secretIds.add(response.json<{ secretId: string }>().secretId);
    }
    expect(secretIds.size).toBe(2);
  });

  it('the same key in another app means another call', async () => {
    const elsewhere = await createWorld(app);
    const key = unique('key');
    expect(outcome(await createRobot(key, 'everywhere'))).toBe('201');
    const there = await post(
      key,
      machineUsers,
      { token: elsewhere.admin.token, body: { userName: 'everywhere' } },
      elsewhere,
    );
    expect(outcome(there)).toBe('201');
  });
});

describe('the same key for another request is refused', () => {
  it('the same key for another organization in the header is refused, although the path is the same', async () => {
    const { userId } = await world.person();
    const key = unique('key');
    const add = (orgId: string) =>
      post(key, `/v1/authorization/organizations/users/${userId}`, { orgId, body: { roles: ['reader'] } });
    expect(outcome(await add(stage.orgId))).toBe('200');
    expect(outcome(await add(stage.neighbourOrgId))).toBe('422 idempotency_key_reused');
    const members = await app.db.query(sql`SELECT org_id FROM members WHERE user_id = ${userId}`);
    expect(members).toEqual([{ org_id: stage.orgId }]);
  });

  it('the same key is accepted if only the order of the fields differs', async () => {
    const { machineUserId } = await world.machine();
    const key = unique('key');
    const [label, expiresAt] = ['deploy', '2030-01-01T00:00:00Z'];
    const url = `${machineUsers}/${machineUserId}/secrets`;
    expect(outcome(await post(key, url, { body: { label, expiresAt } }))).toBe('201');
    expect(outcome(await post(key, url, { body: { expiresAt, label } }))).toBe('201 replayed');
    expect(outcome(await post(key, url, { body: { label } }))).toBe('422 idempotency_key_reused');
  });
});

it('many replays at the same time are all answered', async () => {
  const key = unique('key');
  const userName = unique('robot');
  await createRobot(key, userName);
  const answers = await Promise.all(Array.from({ length: 20 }, () => createRobot(key, userName)));
  expect(new Set(answers.map(outcome))).toEqual(new Set(['201 replayed']));
});

describe('whether the caller may is decided again', () => {
  it('a repeated call is refused after the session has ended', async () => {
    const admin = await world.signIn(world.admin.email);
    const key = unique('key');
    const body = { userName: unique('robot') };
    expect(outcome(await post(key, machineUsers, { token: admin.token, body }))).toBe('201');
    await world.call('DELETE', `/v1/authentication/users/sessions/${admin.sessionId}`, { token: admin.token });
    expect(outcome(await post(key, machineUsers, { token: admin.token, body }))).toBe('401 unauthenticated');
    expect(outcome(await post(key, machineUsers, { body }))).toBe('201 replayed');
  });

  it('a repeated call of a former owner in a deactivated organization is refused', async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const key = unique('key');
    const body = { email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' };
    const invite = () => post(key, `/v1/authorization/organizations/${orgId}/managers`, { token: owner.token, body });
    expect(outcome(await invite())).toBe('201');
    const govern = (verb: string) =>
      world.call('POST', `/v1/authorization/organizations/${orgId}/${verb}`, { token: world.admin.token });
    await govern('deactivate');
    expect(outcome(await invite())).toBe('403 organization_inactive');
    await govern('reactivate');
    expect(outcome(await invite())).toBe('201 replayed');
    await app.db.query(sql`
      UPDATE members SET is_owner = false WHERE app_id = ${world.appId} AND user_id = ${owner.userId}`);
    expect(outcome(await invite())).toBe('403 access_denied');
  });
});

describe('stored responses', () => {
  it('is no refusal: the same call may succeed later', async () => {
    const key = unique('key');
    const { machineUserId } = await world.machine('in the way');
    expect(outcome(await createRobot(key, 'in the way'))).toBe('409 machine_user_name_taken');
    await world.call('DELETE', `${machineUsers}/${machineUserId}`, { token: world.admin.token });
    expect(outcome(await createRobot(key, 'in the way'))).toBe('201');
    expect(outcome(await createRobot(key, 'in the way'))).toBe('201 replayed');
  });

  it('reveals nothing to a reader of the database: neither key nor request nor secret', async () => {
    const key = unique('a-key-that-is-nowhere');
    const userName = unique('name-that-is-not-there');
    const { clientSecret, secretId } = (await createRobot(key, userName)).json<Record<string, string>>();
    const stored = JSON.stringify(await rows());
    const bytes = (await rows()).flatMap((row) => Object.values(row).filter((value) => Buffer.isBuffer(value)));
    for (const word of [key, userName, clientSecret ?? '', secretId ?? '']) {
      expect(stored).not.toContain(word);
      expect(bytes.filter((value) => value.includes(word))).toEqual([]);
    }
  });

  it('opens with the key of the caller only: another row’s answer cannot be put in its place', async () => {
    const [one, other] = [unique('key'), unique('key')];
    await createRobot(one, 'first of two');
    await createRobot(other, 'second of two');
    const [second, first] = await app.db.query<{ key_hash: Buffer; sealed_answer: Buffer }>(sql`
      SELECT key_hash, sealed_answer FROM idempotency_keys WHERE app_id = ${world.appId}
      ORDER BY expires_at DESC, xmin::text::bigint DESC LIMIT 2`);
    await app.db.query(sql`
      UPDATE idempotency_keys SET sealed_answer = ${second?.sealed_answer} WHERE key_hash = ${first?.key_hash}`);
    expect(outcome(await createRobot(one, 'first of two'))).toBe('500 internal_error');
    expect(outcome(await createRobot(other, 'second of two'))).toBe('201 replayed');
  });

  it('is kept for 24 hours to the moment, and removed after', async () => {
    const key = unique('key');
    const userName = unique('robot');
    expect(outcome(await createRobot(key, userName))).toBe('201');
    app.clock.advance(24 * 3_600_000 - 1);
    expect(outcome(await createRobot(key, userName))).toBe('201 replayed');
    app.clock.advance(1);
    expect(outcome(await createRobot(key, userName))).toBe('409 machine_user_name_taken');
    expect(outcome(await createRobot(key, unique('robot')))).toBe('201');
    await runTask(app, sweepAnswers);
    expect(await rows()).toHaveLength(1);
  });

  it('is deleted with the user or machine user that made the call', async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const machine = await world.machine();
    const body = { email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
    const url = `/v1/authorization/organizations/${orgId}/members`;
    for (const { token } of [owner, machine]) {
      expect(outcome(await post(unique('key'), url, { token, body }))).toBe('201');
    }
    const before = (await rows()).length;
    await world.reauthenticate();
    await world.call('DELETE', `${machineUsers}/${machine.machineUserId}`, { token: world.admin.token });
    await app.db.query(sql`DELETE FROM users WHERE app_id = ${world.appId} AND id = ${owner.userId}`);
    expect(await rows()).toHaveLength(before - 2);
  });

  it('is found by an index when it has expired', async () => {
    const plan = await app.db.transaction(async (tx) => {
      await tx.query(sql`SET LOCAL enable_seqscan = off`);
      return tx.query(sql`
        EXPLAIN SELECT app_id, key_hash FROM idempotency_keys WHERE expires_at <= ${app.clock.now()}
        ORDER BY expires_at LIMIT 500`);
    });
    expect(JSON.stringify(plan)).toContain('idempotency_keys_end');
  });
});

it('an answer that was kept under an old master key is replayed while that is configured', async () => {
  const key = unique('key');
  const userName = unique('robot');
  const first = await createRobot(key, userName);
  const env = {
    MASTER_KEY: randomBytes(32).toString('base64'),
    MASTER_KEYS_OLD: masterKey.toString('base64'),
  };
  const rotated = await buildTestApp({ db: app.db, clock: app.clock, env });
  const again = await post(key, machineUsers, { body: { userName } }, { call: callOf(rotated.app, world.appName) });
  expect(outcome(again)).toBe('201 replayed');
  expect(again.json()).toEqual(first.json());
  await rotated.app.close();
});

it('a twin that another process has in flight is refused at once, and replayed afterwards', async () => {
  // Only one process can use the embedded database.
  if (app.db.engine === 'embedded') return;
  const other = await buildTestApp({ db: app.db, clock: app.clock });
  const there = { call: callOf(other.app, world.appName) };
  const key = unique('key');
  const body = { userName: unique('robot') };
  const { first } = await whileLocked(app.db, sql`LOCK TABLE machine_users IN EXCLUSIVE MODE`, async () => {
    const started = post(key, machineUsers, { body });
    for (let waiting: unknown[] = []; waiting.length === 0;) {
      waiting = await app.db.query(sql`
        SELECT 1 FROM pg_locks waits JOIN pg_locks holds ON holds.pid = waits.pid AND holds.locktype = 'advisory'
        WHERE NOT waits.granted AND waits.relation = 'machine_users'::regclass`);
    }
    expect(outcome(await post(key, machineUsers, { body }, there))).toBe('409 idempotency_in_progress');
    expect(outcome(await post(key, machineUsers, { body }))).toBe('409 idempotency_in_progress');
    return { first: started };
  });
  expect(outcome(await first)).toBe('201');
  expect(outcome(await post(key, machineUsers, { body }, there))).toBe('201 replayed');
  await other.app.close();
});

it.each(['userId', 'machineUserId', 'organizationMachineId'] as const)(
  'the call of a caller who was deleted meanwhile (%s) is refused',
  async (kind) => {
    const kept = { keyHash: randomBytes(32), requestHash: randomBytes(32), sealedAnswer: randomBytes(8) };
    const nobody = { userId: null, machineUserId: null, organizationMachineId: null };
    const keep = app.db.transaction((tx) =>
      insertStoredResponse(tx, world.appId, kept, { ...nobody, [kind]: '1' }, new Date('2030-01-01')),
    );
    await expect(keep).rejects.toMatchObject({ code: 'unauthenticated' });
  },
);
