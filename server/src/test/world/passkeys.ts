import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import { sql } from '../../db/db.ts';
import { withStatus } from './answers.ts';
import { confirmation, factorsUrl } from './factors.ts';
import type { World } from './world.ts';

const sessionsUrl = '/v1/authentication/users/sessions';
export const passkeyUrls = {
  registrationOptions: `${factorsUrl}/passkey/options`,
  registration: `${factorsUrl}/passkey`,
  signInOptions: `${sessionsUrl}/passkey/options`,
  signIn: `${sessionsUrl}/passkey`,
  secondFactorOptions: `${sessionsUrl}/mfa/passkey-options`,
  reauthenticationOptions: '/v1/authentication/users/me/reauthentication/passkey-options',
} as const;

/** The relying party of the tests. */
export const relyingParty = { id: 'example.com', origins: ['https://app.example.com'] } as const;

/** Options of the service, as far as the authenticator reads them. */
export interface Options {
  readonly challenge: string;
  readonly allowCredentials?: readonly { readonly id: string }[];
}

/** A deviation from what a correct authenticator and browser do. */
export interface Deviation {
  readonly origin?: string;
  readonly crossOrigin?: boolean;
  readonly rpId?: string;
  readonly isUserPresent?: boolean;
  readonly isUserVerified?: boolean;
  readonly counter?: number;
  readonly type?: string;
  readonly userHandle?: string | null;
  readonly challenge?: string;
  readonly signature?: Buffer;
  /** The public key in the registration, in COSE. */
  readonly publicKey?: Buffer;
}

/** A credential in a software authenticator. */
export interface Passkey {
  readonly credentialId: Buffer;
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly isSynchronized: boolean;
  userHandle: string;
  counter: number;
}

/** A registered passkey with its owner's view. */
export interface OwnPasskey extends Passkey {
  readonly id: string;
  readonly recoveryCodes: readonly string[];
}

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest();
const base64url = (bytes: Buffer | string) => Buffer.from(bytes).toString('base64url');

/** Makes a key pair of an algorithm that the options name. */
const generators = {
  es256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  eddsa: () => generateKeyPairSync('ed25519'),
  rs256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
} as const;
export const algorithms = Object.keys(generators) as (keyof typeof generators)[];

export function createPasskey({
  isSynchronized = true,
  algorithm = 'es256',
  credentialId = randomBytes(32),
}: { isSynchronized?: boolean; algorithm?: keyof typeof generators; credentialId?: Buffer } = {}): Passkey {
  const { privateKey, publicKey } = generators[algorithm]();
  const key = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { credentialId, key, publicKey, isSynchronized, userHandle: '', counter: 0 };
}

const clientDataOf = (type: string, { challenge }: Options, deviation: Deviation) =>
  JSON.stringify({
    type: deviation.type ?? type,
    challenge: deviation.challenge ?? challenge,
    origin: deviation.origin ?? relyingParty.origins[0],
    crossOrigin: deviation.crossOrigin ?? false,
  });

function authenticatorData(passkey: Passkey, deviation: Deviation, attested: Buffer): Buffer {
  const { rpId = relyingParty.id, isUserPresent = true, isUserVerified = true } = deviation;
  const backup = passkey.isSynchronized ? 0x18 : 0;
  const flags = (isUserPresent ? 1 : 0) | (isUserVerified ? 4 : 0) | backup | (attested.length > 0 ? 0x40 : 0);
  const counter = Buffer.alloc(4);
  counter.writeUInt32BE(deviation.counter ?? passkey.counter);
  return Buffer.concat([sha256(rpId), Buffer.from([flags]), counter, attested]);
}

/** A byte string in CBOR, with the shortest form of its length. */
export function byteString(bytes: Buffer): Buffer {
  const { length } = bytes;
  const long = length < 256 ? [0x58, length] : [0x59, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(length < 24 ? [0x40 + length] : long), bytes]);
}

/** The public key in COSE: kty, alg, and then crv, x and y, or n and e. @see RFC 9053, RFC 8230 */
export function coseKey({ publicKey }: Pick<Passkey, 'publicKey'>): Buffer {
  const { kty, x = '', y = '', n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const [start, ...members] = {
    EC: ['a5010203262001', '21', x, '22', y],
    OKP: ['a4010103272006', '21', x],
    RSA: ['a401030339010020', '', n, '21', e],
  }[String(kty)] ?? [''];
  const of = (part: string, index: number) =>
    index % 2 === 0 ? Buffer.from(part, 'hex') : byteString(Buffer.from(part, 'base64url'));
  return Buffer.concat([Buffer.from(start ?? '', 'hex'), ...members.map(of)]);
}

/** The result of `navigator.credentials.create`. @param fmt the format of the attestation and its statement, in CBOR */
export function registration(
  passkey: Passkey,
  options: Options & { user?: { id: string } },
  deviation: Deviation = {},
  fmt: { name: string; statement: Buffer } = { name: 'none', statement: Buffer.from('a0', 'hex') },
) {
  passkey.userHandle = options.user?.id ?? '';
  const { credentialId } = passkey;
  const length = Buffer.from([credentialId.length >> 8, credentialId.length & 255]);
  const data = authenticatorData(
    passkey,
    deviation,
    Buffer.concat([Buffer.alloc(16), length, credentialId, deviation.publicKey ?? coseKey(passkey)]),
  );
  const text = (value: string) => Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)]);
  const attestation = Buffer.concat([
    Buffer.from('a3', 'hex'),
    text('fmt'),
    text(fmt.name),
    text('attStmt'),
    fmt.statement,
    text('authData'),
    byteString(data),
  ]);
  const id = base64url(credentialId);
  const clientDataJSON = base64url(clientDataOf('webauthn.create', options, deviation));
  return {
    id,
    rawId: id,
    type: 'public-key',
    authenticatorAttachment: 'platform',
    clientExtensionResults: {},
    response: { clientDataJSON, attestationObject: base64url(attestation), transports: ['internal', 'hybrid'] },
  };
}

/** The result of `navigator.credentials.get`. Increments the counter, if the authenticator has a counter. */
export function assertion(passkey: Passkey, options: Options, deviation: Deviation = {}) {
  if (passkey.counter > 0) passkey.counter += 1;
  const clientData = clientDataOf('webauthn.get', options, deviation);
  const data = authenticatorData(passkey, deviation, Buffer.alloc(0));
  const digest = passkey.key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signature = deviation.signature ?? sign(digest, Buffer.concat([data, sha256(clientData)]), passkey.key);
  const id = base64url(passkey.credentialId);
  const handle = deviation.userHandle === undefined ? passkey.userHandle : deviation.userHandle;
  return {
    id,
    rawId: id,
    type: 'public-key',
    authenticatorAttachment: 'platform',
    clientExtensionResults: {},
    response: {
      clientDataJSON: base64url(clientData),
      authenticatorData: base64url(data),
      signature: base64url(signature),
      ...(handle !== null && { userHandle: handle }),
    },
  };
}

const publicKeyIn = (response: LightMyRequestResponse): Options & { user?: { id: string } } =>
  withStatus(201, response).json<{ publicKey: Options & { user?: { id: string } } }>().publicKey;

/** Requests options. */
export const optionsOf = async (
  { call }: Pick<World, 'call'>,
  name: keyof typeof passkeyUrls,
  request: { token?: string; body?: object; headers?: Record<string, string> } = {},
) => publicKeyIn(await call('POST', passkeyUrls[name], request));

/** Sets the relying party of the app, without an event. */
export const setRelyingParty = (
  { test, appId }: Pick<World, 'test' | 'appId'>,
  party: { id: string; origins: readonly string[] } = relyingParty,
) =>
  test.db.query(sql`
    UPDATE apps SET settings = settings || jsonb_build_object('mfa', COALESCE(settings -> 'mfa', '{}')
      || jsonb_build_object('relyingParty', ${JSON.stringify(party)}::jsonb))
    WHERE id = ${appId}`);

/** Registers a passkey for a person. */
export async function addPasskey(
  world: World,
  { token }: { token: string },
  passkey: Passkey = createPasskey(),
  deviation: Deviation = {},
): Promise<OwnPasskey> {
  const options = await optionsOf(world, 'registrationOptions', { token });
  const credential = registration(passkey, options, deviation);
  const body = { name: 'Laptop', credential, ...(await confirmation(world, { token })) };
  const response = withStatus(201, await world.call('POST', passkeyUrls.registration, { token, body }));
  const { id, recoveryCodes = [] } = response.json<{ id: string; recoveryCodes?: string[] }>();
  return Object.assign(passkey, { id, recoveryCodes });
}

/** Signs in with a passkey alone. */
export async function signInByPasskey(
  world: Pick<World, 'call'>,
  passkey: Passkey,
  deviation: Deviation = {},
  body: { email?: string } = {},
): Promise<LightMyRequestResponse> {
  const options = await optionsOf(world, 'signInOptions', { body });
  return world.call('POST', passkeyUrls.signIn, { body: { assertion: assertion(passkey, options, deviation) } });
}

/** Responses that every ceremony with a registered passkey refuses. */
export const refusedDeviations: readonly (readonly [string, Deviation])[] = [
  ['of another origin', { origin: 'https://evil.example' }],
  ['of a subdomain that is not listed', { origin: 'https://evil.example.com' }],
  ['in a frame of another site', { crossOrigin: true }],
  ['for another relying party', { rpId: 'evil.example' }],
  ['without presence of the person', { isUserPresent: false }],
  ['that is a registration', { type: 'webauthn.create' }],
  ['with a challenge of the caller', { challenge: Buffer.alloc(32).toString('base64url') }],
  ['with a wrong signature', { signature: Buffer.alloc(70, 1) }],
  ['with a wrong user handle', { userHandle: Buffer.alloc(16).toString('base64url') }],
];
