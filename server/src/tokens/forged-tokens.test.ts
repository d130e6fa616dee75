import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeJwt, decodeProtectedHeader, exportSPKI, importJWK, type JWK, type JWTPayload } from 'jose';
import { signJwt } from '../keys/jws.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Machine, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let elsewhere: World;
let machine: Machine;
let neighbour: Machine;
let claims: JWTPayload;
let kid: string;
let jwk: JWK;
let privateKey: KeyObject;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  elsewhere = await createWorld(app);
  machine = await world.machine();
  neighbour = await elsewhere.machine();
  claims = decodeJwt(machine.token);
  ({ kid = '' } = decodeProtectedHeader(machine.token));
  const published = await world.call('GET', '/v1/authentication/token/jwks');
  jwk = published.json<{ keys: JWK[] }>().keys[0] ?? {};
  privateKey = await app.services.signingKeys.privateKey(world.appId, kid);
});
afterAll(() => app?.close());

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const use = async (token: string) => {
  const response = await world.call('GET', '/v1/authorization/organizations?pageSize=1', { token });
  return response.statusCode === 200 ? '200' : problem(response);
};
const parts = () => machine.token.split('.') as [header: string, claims: string, signature: string];

/** Another character than the one at this place of the text. */
const flip = (text: string, at: number) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

test('the real token works, before and after all forgeries', async () => {
  expect(await use(machine.token)).toBe('200');
});

describe('a token that was changed is refused:', () => {
  test.each([0, 1, 2])('a change of part %i, at any place, is refused', async (part) => {
    const length = parts()[part]?.length ?? 0;
    for (const at of [0, 1, Math.floor(length / 2), length - 2]) {
      const changed = parts().map((text, index) => (index === part ? flip(text, at) : text));
      expect([at, await use(changed.join('.'))]).toEqual([at, '401 unauthenticated']);
    }
    expect(await use(machine.token)).toBe('200');
  });

  test.each<[what: string, change: (header: string, body: string, signature: string) => string]>([
    ['without signature', (header, body) => `${header}.${body}.`],
    ['without its last part', (header, body) => `${header}.${body}`],
    ['with a fourth part', (header, body, signature) => `${header}.${body}.${signature}.x`],
    ['with padding', (header, body, signature) => `${header}.${body}.${signature}==`],
    ['with white space inside', (header, body, signature) => `${header}. ${body}.${signature}`],
    ['with a signature of zeros', (header, body) => `${header}.${body}.${Buffer.alloc(64).toString('base64url')}`],
    [
      'with another person’s claims',
      (header, _, signature) => `${header}.${encode({ ...claims, sub: '1' })}.${signature}`,
    ],
    ['with more life', (header, _, signature) => `${header}.${encode({ ...claims, exp: 9_999_999_999 })}.${signature}`],
  ])('%s', async (_, change) => {
    expect(await use(change(...parts()))).toBe('401 unauthenticated');
  });
});

describe('a header with chosen values is refused:', () => {
  const unsigned = (header: object, signature = '') => `${encode(header)}.${encode(claims)}.${signature}`;

  test.each(['none', 'None', 'NONE', 'nOnE', ''])('a header with the alg "%s" is refused', async (alg) => {
    for (const signature of ['', parts()[2]]) {
      expect(await use(unsigned({ alg, typ: 'at+jwt', kid }, signature))).toBe('401 unauthenticated');
    }
  });

  test('HS256 with every published part of the key as secret is refused', async () => {
    const pem = await exportSPKI((await importJWK(jwk, 'ES256')) as Parameters<typeof exportSPKI>[0]);
    const point = Buffer.concat([Buffer.from(jwk.x ?? '', 'base64url'), Buffer.from(jwk.y ?? '', 'base64url')]);
    for (const secret of [pem, pem.trim(), JSON.stringify(jwk), point, '']) {
      const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${encode(claims)}`;
      const signature = createHmac('sha256', secret).update(input).digest('base64url');
      expect(await use(`${input}.${signature}`)).toBe('401 unauthenticated');
    }
  });

  test('a key that the token brings along, with any kid', async () => {
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const ownJwk = own.publicKey.export({ format: 'jwk' });
    for (const name of [kid, 'mine', ''])
      expect(await use(signJwt(own.privateKey, name, claims))).toBe('401 unauthenticated');
    const [, , signature = ''] = signJwt(own.privateKey, kid, claims).split('.');
    for (const extra of [{ jwk: ownJwk }, { jku: 'https://evil.example/jwks' }, { x5u: 'https://evil.example' }]) {
      const header = { alg: 'ES256', typ: 'at+jwt', kid, ...extra };
      expect(await use(unsigned(header, signature))).toBe('401 unauthenticated');
    }
  });

  test('a kid that is a path, a query or unknown', async () => {
    const cut = kid.slice(0, -1);
    for (const name of ['../../dev/null', "' OR 1=1 --", '\0', 'x\0', `${cut}\0`, `${cut}=`, cut, kid.toUpperCase()]) {
      expect(await use(signJwt(privateKey, name, claims))).toBe('401 unauthenticated');
    }
  });
});

describe('a token of another app is refused', () => {
  test('a token of another app is refused unchanged, and under a kid of this app', async () => {
    expect(await use(neighbour.token)).toBe('401 unauthenticated');
    const [, body, signature] = neighbour.token.split('.');
    const header = encode({ alg: 'ES256', typ: 'at+jwt', kid });
    expect(await use(`${header}.${body}.${signature}`)).toBe('401 unauthenticated');
  });

  test('a token of another app is refused even if its key signs the claims of this app', async () => {
    const { kid: theirKid = '' } = decodeProtectedHeader(neighbour.token);
    const theirKey = await app.services.signingKeys.privateKey(elsewhere.appId, theirKid);
    expect(await use(signJwt(theirKey, theirKid, claims))).toBe('401 unauthenticated');
    expect(await use(signJwt(theirKey, kid, claims))).toBe('401 unauthenticated');
  });
});

describe('claims are refused, however well they are signed:', () => {
  const issue = (changes: object) => signJwt(privateKey, kid, { ...claims, ...changes });
  const now = () => Math.floor(app.clock.now().getTime() / 1000);

  test('though the claims of the real token pass, signed again', async () => {
    expect(await use(issue({}))).toBe('200');
  });

  test.each<[what: string, changes: () => object]>([
    ['no issuer', () => ({ iss: undefined })],
    ['the issuer of another app', () => ({ iss: `http://127.0.0.1:3000/apps/${elsewhere.appName}` })],
    ['the issuer under another host', () => ({ iss: `https://evil.example/apps/${world.appName}` })],
    ['no audience', () => ({ aud: undefined })],
    ['another audience', () => ({ aud: 'https://billing.example.com' })],
    ['the audience of another app', () => ({ aud: elsewhere.appName })],
    ['the audience among others', () => ({ aud: [world.appName, 'https://billing.example.com'] })],
    ['no expiry', () => ({ exp: undefined })],
    ['an expiry that is now', () => ({ exp: now() })],
    ['an expiry in words', () => ({ exp: '9999999999' })],
    ['a beginning that is ahead', () => ({ nbf: now() + 60 })],
    ['no beginning', () => ({ nbf: undefined })],
    ['no subject', () => ({ sub: undefined })],
    ['a human as subject', () => ({ sub: world.admin.userId, client_id: world.admin.userId })],
    ['a machine user that is not there', () => ({ sub: '1', client_id: '1' })],
    ['another client than the subject', () => ({ client_id: neighbour.machineUserId })],
    ['a machine user of another app', () => ({ sub: neighbour.machineUserId, client_id: neighbour.machineUserId })],
    ['no secret', () => ({ secret_id: undefined })],
    ['the secret of another machine user', () => ({ secret_id: neighbour.secretId })],
    ['a number as subject', () => ({ sub: Number(machine.machineUserId) })],
  ])('%s', async (_, changes) => {
    expect(await use(issue(changes()))).toBe('401 unauthenticated');
  });
});
