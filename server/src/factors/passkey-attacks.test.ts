import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { addFactor, confirmation, factorsUrl, nextCode } from '../test/world/factors.ts';
import {
  addPasskey,
  algorithms,
  byteString,
  coseKey,
  createPasskey,
  optionsOf,
  passkeyUrls,
  registration,
  setRelyingParty,
  signInByPasskey,
} from '../test/world/passkeys.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

// Attacks with passkeys by a signed-in person, on accounts and on the service.

let test: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  await setRelyingParty(world);
});
afterAll(() => test?.close());
beforeEach(async () => {
  person = await world.person();
});

const begin = () => optionsOf(world, 'registrationOptions', { token: person.token });
async function register(credential: object) {
  const body = { credential, ...(await confirmation(world, person)) };
  return world.call('POST', passkeyUrls.registration, { token: person.token, body });
}
const listed = async () => {
  const response = await world.call('GET', factorsUrl, { token: person.token });
  return response.json<{ factors: unknown[] }>().factors;
};

/** A response whose credential id differs from the attested id. */
const withId = (credential: ReturnType<typeof registration>, id: string) => ({ ...credential, id, rawId: id });
const anyId = randomBytes(16).toString('base64url');

describe('a credential id', () => {
  const attempt = async (length: number) => {
    const credential = registration(createPasskey({ credentialId: randomBytes(length) }), await begin());
    return register(credential.id === '' ? withId(credential, anyId) : credential);
  };

  it.each([16, 1023])('a credential id of %i bytes is accepted, and signs in', async (length) => {
    const passkey = await addPasskey(world, person, createPasskey({ credentialId: randomBytes(length) }));
    expect((await signInByPasskey(world, passkey)).statusCode).toBe(201);
  });

  it.each([0, 1, 15])('a credential id of %i bytes is refused', async (length) => {
    expect(problem(await attempt(length))).toBe('400 factor_invalid');
    expect(await listed()).toEqual([]);
  });

  it.each([1024, 3000, 10_000])('an id of %i bytes is refused, also under a shorter name', async (length) => {
    const credential = registration(createPasskey({ credentialId: randomBytes(length) }), await begin());
    expect(problem(await register(withId(credential, anyId)))).toBe('400 factor_invalid');
    expect(problem(await attempt(length))).toBe('400 validation_failed');
    expect(await listed()).toEqual([]);
  });

  it('a credential id that differs from the attested id is refused', async () => {
    const credential = registration(createPasskey(), await begin());
    expect(problem(await register(withId(credential, anyId)))).toBe('400 factor_invalid');
  });
});

describe('a public key', () => {
  it.each(algorithms)('a public key of the algorithm %s is accepted, and signs in', async (algorithm) => {
    const passkey = await addPasskey(world, person, createPasskey({ algorithm }));
    expect((await signInByPasskey(world, passkey)).statusCode).toBe(201);
    const other = { ...createPasskey({ algorithm }), credentialId: passkey.credentialId };
    expect(problem(await signInByPasskey(world, { ...other, userHandle: passkey.userHandle }))).toBe(
      '401 invalid_credentials',
    );
  });

  const hex = (text: string) => Buffer.from(text, 'hex');
  const coordinate = () => byteString(randomBytes(32));
  const rsa = (n: Buffer, e: Buffer) =>
    Buffer.concat([hex('a401030339010020'), byteString(n), hex('21'), byteString(e)]);
  const keys: [string, () => Buffer][] = [
    ['that is no map', () => hex('80')],
    ['without anything but an algorithm', () => hex('a10326')],
    ['without coordinates', () => hex('a3010203262001')],
    [
      'of a point that is not on the curve',
      () => Buffer.concat([hex('a501020326200121'), coordinate(), hex('22'), coordinate()]),
    ],
    ['of an unknown curve', () => Buffer.concat([hex('a501020326200921'), coordinate(), hex('22'), coordinate()])],
    ['of an unknown type', () => Buffer.concat([hex('a501190fff0326200121'), coordinate(), hex('22'), coordinate()])],
    [
      'of an algorithm that was not offered',
      () => Buffer.concat([hex('a501020338222002'), hex('21'), coordinate(), hex('22'), coordinate()]),
    ],
    ['of RSA without modulus', () => rsa(Buffer.alloc(0), hex('010001'))],
    ['of RSA with 1024 bits', () => rsa(Buffer.concat([hex('ff'), randomBytes(126), hex('01')]), hex('010001'))],
    ['of RSA with a huge modulus', () => rsa(randomBytes(8_000), hex('010001'))],
    ['of RSA with a huge exponent', () => rsa(Buffer.concat([hex('ff'), randomBytes(511)]), randomBytes(8_000))],
    [
      'with additional members',
      () => Buffer.concat([hex('a6'), coseKey(createPasskey()).subarray(1), hex('05'), byteString(randomBytes(8_000))]),
    ],
  ];
  it.each(keys)('%s is refused', async (_, make) => {
    const credential = registration(createPasskey(), await begin(), { publicKey: make() });
    expect(problem(await register(credential))).toBe('400 factor_invalid');
    expect(await listed()).toEqual([]);
  });
});

describe('an attestation object', () => {
  /** A map with an authenticator's data, and as many empty strings as fit. They cost the most time to decode. */
  const filledTo = (attestationObject: string, characters: number) => {
    const given = Buffer.from(attestationObject, 'base64url');
    const count = (characters / 4) * 3 - given.length - 5;
    const filler = Buffer.concat([Buffer.from([0x61, 0x78, 0x99, count >> 8, count & 255]), Buffer.alloc(count, 0x60)]);
    return Buffer.concat([Buffer.from([0xa4]), given.subarray(1), filler]).toString('base64url');
  };

  it.each([
    [16_384, '201 undefined'],
    [16_388, '400 validation_failed'],
    [65_536, '400 validation_failed'],
  ])('an attestation object of %i characters is answered with %s', async (characters, answer) => {
    const credential = registration(createPasskey(), await begin());
    const attestationObject = filledTo(credential.response.attestationObject, characters);
    expect(attestationObject).toHaveLength(characters);
    expect(problem(await register({ ...credential, response: { ...credential.response, attestationObject } }))).toBe(
      answer,
    );
  });
});

describe('the limit of ten factors', () => {
  it('applies to an authenticator app that was added before the tenth and is confirmed after it', async () => {
    for (let count = 0; count < 9; count += 1) await addPasskey(world, person);
    const { id, secret } = await addFactor(world, person);
    const confirm = () =>
      world.call('POST', `${factorsUrl}/${id}/confirmation`, {
        token: person.token,
        body: { code: nextCode(world, { secret }) },
      });
    const tenth = await addPasskey(world, person);
    expect(problem(await confirm())).toBe('409 factor_limit_exceeded');
    expect(await listed()).toHaveLength(10);
    expect((await world.call('DELETE', `${factorsUrl}/${tenth.id}`, { token: person.token })).statusCode).toBe(204);
    expect((await confirm()).statusCode).toBe(200);
  });
});
