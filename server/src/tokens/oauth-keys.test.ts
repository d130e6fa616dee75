import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeProtectedHeader } from 'jose';
import { createSealer } from '../keys/seal.ts';
import {
  createSigningKeys,
  generateSigningKey,
  generateSuccessor,
  revokeKey,
  rotateSigningKey,
} from '../keys/signing-keys.ts';
import {
  type KeySet,
  keySets,
  listPublishedKeys,
  listSealedKeys,
  listSigningKeys,
} from '../keys/signing-keys.store.ts';
import { reseal } from '../operate/reseal.ts';
import { publicUrl } from '../test/access-tokens.ts';
import { buildTestApp, masterKey, type TestApp } from '../test/setup.ts';
import { createWorld, type Machine, type Person, problem, type World } from '../test/world/world.ts';

const minuteMs = 60_000;

let app: TestApp;
let world: World;
let person: Person;
let machine: Machine;

beforeAll(async () => void (app = await buildTestApp()));
beforeEach(async () => {
  world = await createWorld(app, { settings: { audiences: [publicUrl], accessTokenLifeSeconds: 3600 } });
  person = await world.person();
  machine = await world.machine();
});
afterAll(() => app?.close());

const paths: Readonly<Record<KeySet, string>> = { machine: '.well-known/jwks.json', oauth: 'oauth/jwks' };
async function publishedIds(set: KeySet): Promise<string[]> {
  const response = await world.call('GET', `/apps/${world.appName}/${paths[set]}`, { app: null });
  return response.json<{ keys: { kid: string }[] }>().keys.map(({ kid }) => kid);
}
const kidOf = (token: string): string => decodeProtectedHeader(token).kid ?? '';
async function newToken(): Promise<string> {
  const url = '/v1/authentication/users/me/access-token';
  const response = await world.call('POST', url, { token: person.token, body: {} });
  return response.json<{ token: string }>().token;
}
const use = async (token: string) => {
  const response = await world.call('GET', '/v1/authorization/organizations?pageSize=1', { token });
  return response.statusCode === 200 ? '200' : problem(response);
};
async function rotate(set: KeySet): Promise<string> {
  const key = await generateSuccessor(app.services.sealer, world.appId, set, app.clock.now());
  await app.db.transaction((tx) => rotateSigningKey(tx, world.appId, key, app.clock.now()));
  return key.kid;
}
async function revoke(set: KeySet, kid: string): Promise<boolean> {
  const spare = await generateSigningKey(app.services.sealer, world.appId, set, app.clock.now());
  return app.db.transaction((tx) => revokeKey(tx, world.appId, kid, spare, app.clock.now()));
}

test('the two sets of an app, and those of two apps, have no key in common', async () => {
  const elsewhere = await createWorld(app);
  const lists = [world.appId, elsewhere.appId].flatMap((appId) => keySets.map((set) => ({ appId, set })));
  const found = await Promise.all(
    lists.map(({ appId, set }) => listPublishedKeys(app.db, appId, set, app.clock.now())),
  );
  const kids = found.flat().map(({ kid }) => kid);
  expect(kids).toHaveLength(4);
  expect(new Set(kids).size).toBe(4);
});

test('the key set may be kept for 5 minutes, and has no private part', async () => {
  const response = await world.call('GET', `/apps/${world.appName}/oauth/jwks`, { app: null });
  expect(response.headers['cache-control']).toBe('public, max-age=300');
  const coordinate = expect.stringMatching(/^[\w-]{43}$/);
  expect(response.json()).toEqual({
    keys: [
      { alg: 'ES256', crv: 'P-256', kid: kidOf(await newToken()), kty: 'EC', use: 'sig', x: coordinate, y: coordinate },
    ],
  });
  expect(problem(await world.call('GET', '/apps/nowhere/oauth/jwks', { app: null }))).toBe('404 app_not_found');
  await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { status: 'INACTIVE' });
  const closed = await world.call('GET', `/apps/${world.appName}/oauth/jwks`, { app: null });
  expect(problem(closed)).toBe('403 app_inactive');
});

describe('a rotation of the keys of people', () => {
  test('publishes at once, signs after 15 minutes, and does not affect the keys of machines', async () => {
    const [ofMachines, old] = [await publishedIds('machine'), kidOf(await newToken())];
    const kid = await rotate('oauth');
    expect(new Set(await publishedIds('oauth'))).toEqual(new Set([old, kid]));
    app.clock.advance(15 * minuteMs - 1000);
    expect(kidOf(await newToken())).toBe(old);
    app.clock.advance(1000);
    const token = await newToken();
    expect([kidOf(token), await use(token)]).toEqual([kid, '200']);
    expect(await publishedIds('machine')).toEqual(ofMachines);
  });

  test('keeps the old key until its last token has expired, and 15 minutes longer', async () => {
    const old = kidOf(await newToken());
    const kid = await rotate('oauth');
    app.clock.advance(15 * minuteMs - 1000);
    const last = await newToken();
    app.clock.advance(60 * minuteMs - 2000);
    expect([kidOf(last), await use(last)]).toEqual([old, '200']);
    app.clock.advance(1000);
    expect(await use(last)).toBe('401 unauthenticated');
    expect(await publishedIds('oauth')).toContain(old);
    app.clock.advance(15 * minuteMs + 2000);
    expect(await publishedIds('oauth')).toEqual([kid]);
  });

  test('a rotation of the keys of machines does not affect the keys of people', async () => {
    const before = await publishedIds('oauth');
    await rotate('machine');
    expect(await publishedIds('oauth')).toEqual(before);
  });
});

describe('a revocation', () => {
  test('a revocation of the only key refuses its tokens at once and creates a new key', async () => {
    const token = await newToken();
    expect(await use(token)).toBe('200');
    expect(await revoke('oauth', kidOf(token))).toBe(true);
    expect(await use(token)).toBe('401 unauthenticated');
    expect(await use(await newToken())).toBe('200');
    expect(await use(machine.token)).toBe('200');
  });

  test('does not affect a key of the other set', async () => {
    expect(await revoke('oauth', kidOf(machine.token))).toBe(false);
    expect(await revoke('machine', kidOf(await newToken()))).toBe(false);
    expect([await use(machine.token), await use(await newToken())]).toEqual(['200', '200']);
  });
});

test('a change of the master key seals the keys of both sets again', async () => {
  const [current, old] = [Buffer.alloc(32, 9), masterKey];
  const both = createSealer({ current, old: [old] });
  const stored = await Promise.all(keySets.map((set) => listSealedKeys(app.db, set)));
  const { keys } = await reseal(app.db, both);
  expect(keys).toBe(stored.flat().length);
  const alone = createSealer({ current, old: [] });
  for (const set of keySets) {
    const [key] = await listSigningKeys(app.db, world.appId, set);
    const opened = await createSigningKeys(app.db, alone, set).privateKey(world.appId, key?.kid ?? '');
    expect([set, opened.asymmetricKeyType]).toEqual([set, 'ec']);
  }
  expect((await reseal(app.db, both)).keys).toBe(0);
  await reseal(app.db, createSealer({ current: old, old: [current] }));
});
