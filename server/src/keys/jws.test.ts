import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { decodeJwt, signJwt, verifySignature } from './jws.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const claims = { sub: '912781798495246538', name: 'Zoë – زوي', exp: 4_102_444_800 };
const header = { alg: 'ES256', typ: 'at+jwt', kid: 'k1' };
const token = signJwt(privateKey, 'k1', claims);

describe('agrees with jose', () => {
  test('which verifies our tokens', async () => {
    const result = await jwtVerify(token, publicKey, { algorithms: ['ES256'], typ: 'at+jwt' });
    expect(result.protectedHeader).toEqual(header);
    expect(result.payload).toEqual(claims);
  });

  test('our code verifies tokens of jose', async () => {
    const foreign = await new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
    expect(check(foreign)).toBe(true);
    expect(decodeJwt(foreign)).toMatchObject({ header, claims });
  });
});

test('many signatures verify, with every size of r and s', () => {
  for (let index = 0; index < 200; index += 1) expect(check(signJwt(privateKey, 'k1', { index }))).toBe(true);
});

describe('tampering', () => {
  test('a token of another key is refused', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(check(token, other.publicKey)).toBe(false);
  });

  test('each part is protected', () => {
    const [head = '', body = '', signature = ''] = token.split('.');
    const [otherHead = '', otherBody = '', otherSignature = ''] = signJwt(privateKey, 'k2', { sub: '1' }).split('.');
    expect(check(`${otherHead}.${body}.${signature}`)).toBe(false);
    expect(check(`${head}.${otherBody}.${signature}`)).toBe(false);
    expect(check(`${head}.${body}.${otherSignature}`)).toBe(false);
  });

  test('no other character at any place is accepted', () => {
    for (let index = 0; index < token.length; index += 1) {
      const replacement = token[index] === 'A' ? 'B' : 'A';
      expect(check(token.slice(0, index) + replacement + token.slice(index + 1))).toBe(false);
    }
  });

  test.each([0, 63, 65, 96])('a signature of %d bytes is refused', (bytes) => {
    const decoded = decodeJwt(token);
    if (!decoded) throw new Error('the token must decode');
    expect(verifySignature(publicKey, { ...decoded, signature: Buffer.alloc(bytes, 1) })).toBe(false);
  });

  test('a DER signature, or one of zeros, is refused', () => {
    const signingInput = token.slice(0, token.lastIndexOf('.'));
    const der = sign('sha256', Buffer.from(signingInput), privateKey);
    expect(check(`${signingInput}.${der.toString('base64url')}`)).toBe(false);
    expect(check(`${signingInput}.${Buffer.alloc(64).toString('base64url')}`)).toBe(false);
  });
});

describe('algorithms', () => {
  test('a token with the algorithm none is refused', () => {
    const unsigned = join({ ...header, alg: 'none' }, claims);
    expect(decodeJwt(`${unsigned}.`)).toBeUndefined();
    expect(decodeJwt(`${unsigned}.${token.split('.')[2]}`)).toBeUndefined();
  });

  test('a token with HS256 and the public key as secret is refused', () => {
    const signingInput = join({ ...header, alg: 'HS256' }, claims);
    const secret = publicKey.export({ type: 'spki', format: 'pem' });
    const mac = createHmac('sha256', secret).update(signingInput).digest('base64url');
    expect(decodeJwt(`${signingInput}.${mac}`)).toBeUndefined();
  });

  test('a token with ES384 is refused', async () => {
    const stronger = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const foreign = await new SignJWT(claims).setProtectedHeader({ ...header, alg: 'ES384' }).sign(stronger.privateKey);
    expect(decodeJwt(foreign)).toBeUndefined();
  });
});

describe('form', () => {
  test.each<[string, object]>([
    ['another type', { ...header, typ: 'JWT' }],
    ['no type', { alg: 'ES256', kid: 'k1' }],
    ['no key id', { alg: 'ES256', typ: 'at+jwt' }],
    ['an empty key id', { ...header, kid: '' }],
    ['a key id that is no string', { ...header, kid: 1 }],
    ['crit', { ...header, crit: ['exp'] }],
    ['b64', { ...header, b64: false }],
    ['jwk', { ...header, jwk: publicKey.export({ format: 'jwk' }) }],
    ['jku', { ...header, jku: 'https://evil.example/jwks' }],
    ['x5u', { ...header, x5u: 'https://evil.example/cert' }],
    ['zip', { ...header, zip: 'DEF' }],
    ['an array as header', [header]],
    ['an array as claims', header],
  ])('%s is refused despite a correct signature', (name, testHeader) => {
    const signingInput = join(testHeader, name === 'an array as claims' ? [claims] : claims);
    expect(decodeJwt(signed(signingInput))).toBeUndefined();
  });

  test('claims that are not strict UTF-8, or no JSON, are refused', () => {
    for (const bytes of [Buffer.from('{"a":"\xff"}', 'latin1'), Buffer.from('{'), Buffer.from('null')]) {
      expect(decodeJwt(signed(`${encode(header)}.${bytes.toString('base64url')}`))).toBeUndefined();
    }
  });

  test.each(['', '.', '..', '...', 'a.b', 'a.b.c', 'a.b.c.d', 'a.b.c.d.e', '\0', '💥.💥.💥'])(
    '%o is no token',
    (text) => {
      expect(decodeJwt(text)).toBeUndefined();
    },
  );

  test('base64url has one spelling', () => {
    const [head = '', body = '', signature = ''] = token.split('.');
    // 64 bytes leave four unused bits in the last character: A, Q, g and w are its canonical forms.
    const stray = signature.slice(0, -1) + String.fromCharCode(signature.charCodeAt(85) + 1);
    const variants = [`${signature}=`, `${signature}==`, ` ${signature}`, `${signature}\n`, `${signature}AAA`, stray];
    for (const variant of variants) expect(decodeJwt(`${head}.${body}.${variant}`)).toBeUndefined();
    expect(decodeJwt(`${head}=.${body}.${signature}`)).toBeUndefined();
    expect(decodeJwt(`${head}.${body}.${signature}.`)).toBeUndefined();
  });

  test('standard base64 is not base64url', () => {
    const body = Buffer.from(JSON.stringify({ text: '???>>>' }))
      .toString('base64')
      .replaceAll('=', '');
    expect(body).toMatch(/[+/]/);
    expect(decodeJwt(signed(`${encode(header)}.${body}`))).toBeUndefined();
  });

  test('8 KiB is the limit, and a huge token is refused at once', () => {
    expect(check(signJwt(privateKey, 'k1', { padding: 'x'.repeat(5900) }))).toBe(true);
    expect(decodeJwt(signJwt(privateKey, 'k1', { padding: 'x'.repeat(6100) }))).toBeUndefined();
    expect(decodeJwt(signJwt(privateKey, 'k1', { padding: 'x'.repeat(75_000) }))).toBeUndefined();
  });
});

function check(text: string, key: KeyObject = publicKey): boolean {
  const decoded = decodeJwt(text);
  return decoded !== undefined && verifySignature(key, decoded);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function join(testHeader: object, testClaims: object): string {
  return `${encode(testHeader)}.${encode(testClaims)}`;
}

function signed(signingInput: string): string {
  const signature = sign('sha256', Buffer.from(signingInput), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signingInput}.${signature.toString('base64url')}`;
}
