import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Machine, problem, type World } from '../test/world/world.ts';
import { generateSigningKey, generateSuccessor, revokeKey, rotateSigningKey } from './signing-keys.ts';

const minuteMs = 60_000;
const longestLifeMs = 43_199_000;

let app: TestApp;
let world: World;
let machine: Machine;

beforeAll(async () => {
  app = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(app);
  machine = await world.machine();
});
afterAll(() => app?.close());

const jwks = () => world.call('GET', '/v1/authentication/token/jwks');
const jwksOf = (name: string) => world.call('GET', `/apps/${name}/.well-known/jwks.json`, { app: null });
const published = async () => (await jwks()).json<JSONWebKeySet>();
const publishedIds = async () => (await published()).keys.map(({ kid }) => kid);
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
async function newToken(): Promise<string> {
  const body = { clientId: machine.machineUserId, clientSecret: machine.clientSecret };
  const response = await world.call('POST', '/v1/authentication/machine-users/access-token', { body });
  return response.json<{ token: string }>().token;
}
const use = async (token: string) =>
  (await world.call('GET', '/v1/authorization/organizations?pageSize=1', { token })).statusCode;
const rotate = async () => {
  const key = await generateSuccessor(app.services.sealer, world.appId, 'machine', app.clock.now());
  await app.db.transaction((tx) => rotateSigningKey(tx, world.appId, key, app.clock.now()));
  return key;
};
const revoke = async (kid = '') => {
  const spare = await generateSigningKey(app.services.sealer, world.appId, 'machine', app.clock.now());
  return app.db.transaction((tx) => revokeKey(tx, world.appId, kid, spare, app.clock.now()));
};

describe('the key set', () => {
  test('is literally this, at both addresses, to be kept for 5 minutes', async () => {
    for (const response of [await jwks(), await jwksOf(world.appName)]) {
      expect(response.statusCode).toBe(200);
      const coordinate = expect.stringMatching(/^[\w-]{43}$/);
      expect(response.json()).toEqual({
        keys: [
          {
            alg: 'ES256',
            crv: 'P-256',
            kid: kidOf(machine.token),
            kty: 'EC',
            use: 'sig',
            x: coordinate,
            y: coordinate,
          },
        ],
      });
      expect(response.headers['cache-control']).toBe('public, max-age=300');
    }
  });

  test('is another one to caches for every origin and every app header', async () => {
    const names = String((await jwks()).headers.vary).split(', ');
    expect(names).toEqual(expect.arrayContaining(['Origin', 'X-App-Name']));
  });

  test('is another one in every app', async () => {
    const elsewhere = await createWorld(app);
    const theirs = (await elsewhere.call('GET', '/v1/authentication/token/jwks')).json<JSONWebKeySet>();
    expect(theirs.keys.map(({ kid }) => kid)).not.toEqual(await publishedIds());
    expect((await jwksOf(elsewhere.appName)).json()).toEqual(theirs);
  });

  test('is not there for an app that is not named, not there or deactivated', async () => {
    const url = '/v1/authentication/token/jwks';
    expect(problem(await world.call('GET', url, { app: null }))).toBe('400 app_name_required');
    expect(problem(await world.call('GET', url, { app: 'nowhere' }))).toBe('404 app_not_found');
    expect(problem(await jwksOf('nowhere'))).toBe('404 app_not_found');
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { status: 'INACTIVE' });
    expect(problem(await jwks())).toBe('403 app_inactive');
    expect(problem(await jwksOf(world.appName))).toBe('403 app_inactive');
  });

  test('has private parts that are stored only encrypted', async () => {
    const [row] = await app.db.query<{ stored: string; sealed: Buffer }>(sql`
      SELECT public_jwk::text AS stored, sealed_private_key AS sealed FROM signing_keys WHERE app_id = ${world.appId}`);
    const key = await app.services.signingKeys.privateKey(world.appId, kidOf(machine.token) ?? '');
    const { d = '' } = key.export({ format: 'jwk' });
    expect(row?.stored).not.toContain('"d"');
    expect(row?.sealed.includes(Buffer.from(d, 'base64url'))).toBe(false);
  });
});

describe('a token is verified by others with the key set alone:', () => {
  const issuer = () => `http://127.0.0.1:3000/apps/${world.appName}`;

  test('jose verifies our tokens with the key set alone', async () => {
    const keys = createLocalJWKSet((await jwksOf(world.appName)).json<JSONWebKeySet>());
    const options = { issuer: issuer(), audience: world.appName, typ: 'at+jwt', algorithms: ['ES256'] };
    const { payload } = await jwtVerify(machine.token, keys, options);
    expect(payload.sub).toBe(machine.machineUserId);
    await expect(jwtVerify(machine.token, keys, { ...options, audience: 'other' })).rejects.toThrow(/aud/);
  });

  const program = [
    'import json, sys, jwt',
    'given = json.load(sys.stdin)',
    'keys = {key["kid"]: jwt.PyJWK(key).key for key in given["keys"]}',
    'kid = jwt.get_unverified_header(given["token"])["kid"]',
    'required = {"require": ["exp", "iat", "nbf", "iss", "aud", "sub"]}',
    'claims = jwt.decode(given["token"], keys[kid], algorithms=["ES256"], audience=given["audience"],',
    '                    issuer=given["issuer"], options=required)',
    'print(json.dumps(claims))',
  ].join('\n');
  const pythons = ['python3', '/usr/bin/python3'];
  const runPython = (python: string, code: string, input = '') =>
    spawnSync(python, ['-c', code], { input, encoding: 'utf8' });

  test('PyJWT verifies our tokens with the key set alone', async ({ skip }) => {
    const python = pythons.find((name) => runPython(name, 'import jwt, cryptography').status === 0);
    skip(!python && process.env['REQUIRE_PYJWT'] !== '1', 'no python3 with PyJWT and cryptography is installed here');
    const verify = (token: string) => {
      const input = JSON.stringify({ ...keys, token, audience: world.appName, issuer: issuer() });
      return runPython(python ?? 'python3', program, input);
    };
    const keys = await published();
    const verified = verify(machine.token);
    expect(verified.stderr).toBe('');
    expect(JSON.parse(verified.stdout)).toMatchObject({ sub: machine.machineUserId, aud: world.appName });
    const [header, claims] = machine.token.split('.');
    const [, , foreignSignature] = (await newToken()).split('.');
    expect(verify(`${header}.${claims}.${foreignSignature}`).stderr).toContain('InvalidSignatureError');
  });
});

describe('a rotation', () => {
  test('publishes the new key at once and uses it 15 minutes later', async () => {
    const old = kidOf(machine.token);
    const { kid } = await rotate();
    expect(new Set(await publishedIds())).toEqual(new Set([old, kid]));
    expect(kidOf(await newToken())).toBe(old);
    app.clock.advance(15 * minuteMs - 1000);
    expect(kidOf(await newToken())).toBe(old);
    app.clock.advance(1000);
    const token = await newToken();
    expect([kidOf(token), await use(token)]).toEqual([kid, 200]);
  });

  test('keeps old tokens working to their end, and the old key published 15 minutes longer', async () => {
    const old = kidOf(machine.token);
    const { kid } = await rotate();
    app.clock.advance(15 * minuteMs - 1000);
    const last = await newToken();
    expect(kidOf(last)).toBe(old);
    // The lifetime is counted from `iat`, which is one second in the past.
    app.clock.advance(longestLifeMs - 2000);
    expect(await use(last)).toBe(200);
    app.clock.advance(1000);
    expect(await use(last)).toBe(401);
    expect(await publishedIds()).toContain(old);
    app.clock.advance(15 * minuteMs + 2000);
    expect(await publishedIds()).toEqual([kid]);
    expect(await use(await newToken())).toBe(200);
  });

  test('soon after another one has its turn too', async () => {
    await rotate();
    app.clock.advance(5 * minuteMs);
    const { kid } = await rotate();
    expect(await publishedIds()).toHaveLength(3);
    app.clock.advance(15 * minuteMs);
    const token = await newToken();
    expect([kidOf(token), await use(token)]).toEqual([kid, 200]);
  });

  test('a rotation in one app does not affect the keys of others', async () => {
    const elsewhere = await createWorld(app);
    const before = (await elsewhere.call('GET', '/v1/authentication/token/jwks')).json();
    await rotate();
    expect((await elsewhere.call('GET', '/v1/authentication/token/jwks')).json()).toEqual(before);
  });
});

describe('a revoked key', () => {
  test('is refused at once, though its tokens were just accepted, and is no longer published', async () => {
    const { kid } = await rotate();
    app.clock.advance(15 * minuteMs);
    const fresh = await newToken();
    expect([await use(machine.token), await use(fresh)]).toEqual([200, 200]);
    expect(await revoke(kidOf(machine.token))).toBe(true);
    expect([await use(machine.token), await use(fresh)]).toEqual([401, 200]);
    expect(await publishedIds()).toEqual([kid]);
    expect(kidOf(await newToken())).toBe(kid);
  });

  test('is revoked once, and only in its own app', async () => {
    const elsewhere = await createWorld(app);
    const theirs = kidOf((await elsewhere.machine()).token);
    expect(await revoke(theirs)).toBe(false);
    const kid = kidOf(machine.token);
    expect([await revoke(kid), await revoke(kid)]).toEqual([true, false]);
  });

  test('a revoked key that was the only key is replaced by a new key at once', async () => {
    const old = kidOf(machine.token);
    await revoke(old);
    const token = await newToken();
    expect([kidOf(token), await use(token), await use(machine.token)]).toEqual([
      expect.not.stringMatching(old ?? ''),
      200,
      401,
    ]);
    expect(await publishedIds()).toEqual([kidOf(token)]);
  });

  test('a revoked key that was the only key in use is replaced early by its published successor', async () => {
    const { kid } = await rotate();
    await revoke(kidOf(machine.token));
    const token = await newToken();
    expect([kidOf(token), await use(token)]).toEqual([kid, 200]);
  });
});
