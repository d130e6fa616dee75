import type { App } from '../apps/apps.store.ts';
import type { Call } from '../calls/route.ts';
import { unusedId } from '../ids.ts';
import { relyingPartyOf, userOfHandle } from '../passkeys/options.ts';
import { type Accepted, type Ceremony, consumePasskeyChallenge } from '../passkeys/passkey-challenges.store.ts';
import type { Assertion, Proof } from '../passkeys/passkeys.schema.ts';
import { PasskeyRefused, signedClientData, verifyAssertion } from '../passkeys/webauthn.ts';
import { findPasskey, type StoredPasskey } from './passkeys.store.ts';

/** A verified passkey whose use is not recorded yet. */
export interface CheckedPasskey extends Pick<Proof, 'counter' | 'isBackedUp'> {
  readonly factorId: string;
  readonly userId: string;
  /** Methods of authentication with the passkey. @see RFC 8176 */
  readonly methods: readonly string[];
}

/** A response of an authenticator, and its purpose. */
interface Presented {
  readonly assertion: Assertion;
  readonly ceremony: Ceremony;
  /** Whether PIN or biometrics are required, because the passkey is the only factor. */
  readonly isAlone: boolean;
}

/**
 * Methods of authentication of a passkey: a key in hardware, or one that can be synchronized. `user` only if the
 * authenticator has verified the person by PIN or biometrics: `acrOf` relies on it.
 *
 * @see RFC 8176, section 2
 */
export const methodsOf = (
  { isBackupEligible }: Pick<StoredPasskey, 'isBackupEligible'>,
  { isUserVerified }: Pick<Proof, 'isUserVerified'>,
): string[] => [isBackupEligible ? 'swk' : 'hwk', ...(isUserVerified ? ['user'] : [])];

const challengeRefused = () =>
  new PasskeyRefused(
    'The challenge is unknown, expired or already used, or was issued for another call. Request new options.',
  );

/**
 * Consumes the signed challenge. This is committed before the response is verified.
 *
 * @throws PasskeyRefused
 */
export async function consumeSignedChallenge(
  { services, appId }: Call,
  response: Parameters<typeof signedClientData>[0],
  ceremony: Ceremony,
) {
  const signed = signedClientData(response);
  if (!signed) throw challengeRefused();
  const given = { challenge: signed.challenge, ceremony, now: services.clock.now() };
  const accepted = await consumePasskeyChallenge(services.db, appId, given);
  if (!accepted) throw challengeRefused();
  return { signed, accepted };
}

/**
 * The user whose passkey may be used with this challenge. If the caller has named no user, the authenticator names app
 * and user by the handle. The id of the credential is not enough, because several users can have registered it.
 */
function acceptedUser(appId: string, accepted: Accepted, handle: string | undefined): string {
  const named = handle === undefined ? undefined : (userOfHandle(appId, handle) ?? unusedId);
  if (accepted === 'any') return named ?? unusedId;
  if (accepted === 'none' || (named !== undefined && named !== accepted.userId)) return unusedId;
  return accepted.userId;
}

/**
 * Verifies a passkey. An unknown credential and one of another user are refused like a wrong signature, after the same
 * work.
 *
 * @throws PasskeyRefused
 * @throws ApiError `relying_party_missing`
 */
export async function checkPasskey(
  call: Call,
  app: App,
  { assertion, ceremony, isAlone }: Presented,
): Promise<CheckedPasskey> {
  const { services, appId } = call;
  const relyingParty = relyingPartyOf(call, app);
  const { signed, accepted } = await consumeSignedChallenge(call, assertion, ceremony);
  const userId = acceptedUser(appId, accepted, assertion.response.userHandle);
  const passkey = await findPasskey(services.db, appId, userId, Buffer.from(assertion.id, 'base64url'));
  const proof = await verifyAssertion(relyingParty, assertion, signed, passkey?.publicKey);
  if (!passkey) throw new Error('a response without a public key was verified');
  if (isAlone && !proof.isUserVerified) {
    throw new PasskeyRefused('The authenticator has not verified the person. Use a passkey with PIN or biometrics.');
  }
  const { factorId } = passkey;
  const { counter, isBackedUp } = proof;
  return { factorId, userId, counter, isBackedUp, methods: methodsOf(passkey, proof) };
}
