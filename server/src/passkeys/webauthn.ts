import type { VerifiedRegistrationResponse } from '@simplewebauthn/server';
import { z } from 'zod';
import type { RelyingParty } from '../apps/relying-party.ts';
import type { Assertion, NewCredential, Proof, RegistrationCredential } from './passkeys.schema.ts';

/** Accepted signature algorithms (COSE): ES256, EdDSA, RS256. */
export const algorithms = [-7, -8, -257];

/** A response of an authenticator that is not accepted. The message is a sentence for the caller. */
export class PasskeyRefused extends Error {}

const clientData = z.object({ challenge: z.string(), origin: z.string(), crossOrigin: z.boolean().optional() });
type ClientData = z.output<typeof clientData>;

/**
 * The client data that the authenticator signed, or undefined. Its challenge identifies the stored one: a challenge
 * outside the signed data must not be trusted.
 */
export function signedClientData({ response }: Assertion | RegistrationCredential): ClientData | undefined {
  try {
    return clientData.parse(JSON.parse(Buffer.from(response.clientDataJSON, 'base64url').toString('utf8')));
  } catch {
    return undefined;
  }
}

/** @throws PasskeyRefused if the ceremony ran at another origin, or in a frame of another site */
function checkOrigin({ origins }: RelyingParty, { origin, crossOrigin }: ClientData): void {
  if (crossOrigin) throw new PasskeyRefused('Passkeys are not accepted from a frame of another site.');
  if (!origins.includes(origin)) {
    throw new PasskeyRefused(
      `The origin ${JSON.stringify(origin.slice(0, 200))} is not in \`mfa.relyingParty.origins\`.`,
    );
  }
}

/** The package is loaded at the first use, because its parsers of certificates need 25 MB. */
const load = () => import('@simplewebauthn/server');

const refusedAs = (message: string) => (error: unknown) => {
  // The package reports every fault of a response as an error.
  throw new PasskeyRefused(message, { cause: error });
};

/**
 * Replaces the attestation statement by "none". The statement was not requested, so it is not verified. Otherwise the
 * package would parse certificates and fetch the revocation lists that they name.
 */
async function withoutAttestation(attestationObject: string): Promise<string> {
  const { decodeAttestationObject, isoCBOR } = await import('@simplewebauthn/server/helpers');
  const authData = decodeAttestationObject(Buffer.from(attestationObject, 'base64url')).get('authData');
  const none = new Map<string, string | Uint8Array | Map<string, never>>([
    ['fmt', 'none'],
    ['attStmt', new Map<string, never>()],
    ['authData', authData],
  ]);
  return Buffer.from(isoCBOR.encode(none)).toString('base64url');
}

/** Lengths of a credential id, in bytes. @see WebAuthn Level 3, section 4, "Credential ID", and section 7.1 */
const idLengths = { min: 16, max: 1023 } as const;

/** Maximum length of a public key in COSE, in bytes. RSA with 4096 bits needs 550. */
const longestKey = 1024;

/** Minimum length of the modulus of an RSA key, in bytes. */
const shortestModulus = 256;

/** A signature that no key made. ECDSA signatures are in DER. */
const noSignature = Buffer.from('3006020101020101', 'hex');

/**
 * Checks what the package does not. An id that is too long does not fit into an index; an id that differs from that of
 * the response would not be the one that the browser presents later. A key that cannot verify anything would lock its
 * owner out.
 *
 * @throws Error
 */
async function checkCredential(
  id: string,
  { credential }: NonNullable<VerifiedRegistrationResponse['registrationInfo']>,
): Promise<void> {
  const { length } = Buffer.from(credential.id, 'base64url');
  if (credential.id !== id || length < idLengths.min || length > idLengths.max) throw new Error('wrong credential id');
  if (credential.publicKey.length > longestKey) throw new Error('the public key is too long');
  const { cose, decodeCredentialPublicKey, verifySignature } = await import('@simplewebauthn/server/helpers');
  const key = decodeCredentialPublicKey(credential.publicKey);
  if (cose.isCOSEPublicKeyRSA(key) && (key.get(cose.COSEKEYS.n)?.length ?? 0) < shortestModulus) {
    throw new Error('the modulus is too short');
  }
  // Fails if the key cannot be used. Otherwise the result is false.
  await verifySignature({ credentialPublicKey: credential.publicKey, signature: noSignature, data: noSignature });
}

/**
 * Verifies the registration of a credential.
 *
 * @param signed the signed client data, whose challenge must be consumed already
 * @throws PasskeyRefused
 * @see WebAuthn Level 3, section 7.1
 */
export async function verifyRegistration(
  relyingParty: RelyingParty,
  credential: RegistrationCredential,
  signed: ClientData,
): Promise<NewCredential> {
  checkOrigin(relyingParty, signed);
  const { id, rawId, type, response } = credential;
  const verify = async () => {
    const { verifyRegistrationResponse } = await load();
    const attestationObject = await withoutAttestation(response.attestationObject);
    const { clientDataJSON } = response;
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: { id, rawId, type, response: { clientDataJSON, attestationObject }, clientExtensionResults: {} },
      expectedChallenge: signed.challenge,
      expectedOrigin: signed.origin,
      expectedRPID: relyingParty.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: algorithms,
    });
    if (!verified || !registrationInfo) throw new Error('not verified');
    await checkCredential(id, registrationInfo);
    return registrationInfo;
  };
  const message = 'The new passkey is not valid for `mfa.relyingParty.id`, or its response is malformed.';
  const info = await verify().catch(refusedAs(message));
  return {
    credentialId: Buffer.from(info.credential.id, 'base64url'),
    publicKey: Buffer.from(info.credential.publicKey),
    counter: info.credential.counter,
    aaguid: info.aaguid,
    transports: [...new Set(response.transports?.filter((transport) => /^[a-z-]{1,20}$/.test(transport)))],
    isBackupEligible: info.credentialDeviceType === 'multiDevice',
    isBackedUp: info.credentialBackedUp,
    isUserVerified: info.userVerified,
  };
}

/** Message for an unknown passkey and for a wrong signature, which must not be distinguishable. */
const wrongPasskey = 'The passkey is unknown, or its response is wrong.';

/** Verified instead of an unknown credential, so that the time does not reveal which credentials exist. */
const unknownKey = Buffer.from(
  'pQECAyYgASFYIBWZ9k0OKXXpC2H6qxKdcq4ERhW7QXXIOM07yb4hpf01IlggzoVM94nHHff2keV3vEQkyMlisLnWfGSSAM6cz3yVwwk',
  'base64url',
);

/**
 * Verifies the response of a registered credential. A counter that did not grow is not refused.
 *
 * @param publicKey undefined if the credential is unknown
 * @throws PasskeyRefused
 * @see WebAuthn Level 3, section 7.2
 */
export async function verifyAssertion(
  relyingParty: RelyingParty,
  { id, rawId, type, response }: Assertion,
  signed: ClientData,
  publicKey: Buffer | undefined,
): Promise<Proof> {
  checkOrigin(relyingParty, signed);
  const { clientDataJSON, authenticatorData, signature } = response;
  const verify = async () => {
    const { verifyAuthenticationResponse } = await load();
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: {
        id,
        rawId,
        type,
        response: { clientDataJSON, authenticatorData, signature },
        clientExtensionResults: {},
      },
      expectedChallenge: signed.challenge,
      expectedOrigin: signed.origin,
      expectedRPID: relyingParty.id,
      // With 0, the package accepts every counter.
      credential: { id, publicKey: new Uint8Array(publicKey ?? unknownKey), counter: 0 },
      requireUserVerification: false,
    });
    if (!verified || !publicKey) throw new Error('not verified');
    return authenticationInfo;
  };
  const info = await verify().catch(refusedAs(wrongPasskey));
  return {
    counter: info.newCounter,
    isBackedUp: info.credentialBackedUp,
    isUserVerified: info.userVerified,
  };
}
