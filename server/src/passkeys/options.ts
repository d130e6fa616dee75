import { createHmac } from 'node:crypto';
import type { z } from 'zod';
import type { App } from '../apps/apps.store.ts';
import { type RelyingParty, relyingPartyFor } from '../apps/relying-party.ts';
import type { Call } from '../calls/route.ts';
import { emailKey } from '../http/email-address.ts';
import { ApiError } from '../http/errors.ts';
import type { Descriptor, passkeyCreationOptions, passkeyRequestOptions } from './passkeys.schema.ts';
import { challengeLifeMs } from './passkey-challenges.store.ts';
import { algorithms } from './webauthn.ts';

/** The account, as the authenticator shows it. */
interface Account {
  readonly id: string;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
}

/** The domain and the origins of the passkeys of the app. @throws ApiError `relying_party_missing` */
export function relyingPartyOf({ services }: Pick<Call, 'services'>, { settings }: App): RelyingParty {
  const relyingParty = relyingPartyFor(settings, services.config);
  if (relyingParty === null) throw new ApiError('relying_party_missing');
  return relyingParty;
}

/**
 * The user handle: app and user, 8 bytes each, so that a passkey cannot be confused with one of another app. It
 * contains only ids, because authenticators show and synchronize the handle.
 */
export function userHandle(appId: string, userId: string): Buffer {
  const handle = Buffer.alloc(16);
  handle.writeBigInt64BE(BigInt(appId), 0);
  handle.writeBigInt64BE(BigInt(userId), 8);
  return handle;
}

/** The user that a handle names; undefined if it is no handle of the app. */
export function userOfHandle(appId: string, handle: string): string | undefined {
  const bytes = Buffer.from(handle, 'base64url');
  if (bytes.length !== 16) return undefined;
  const userId = bytes.readBigInt64BE(8).toString();
  return handle === userHandle(appId, userId).toString('base64url') ? userId : undefined;
}

const type = 'public-key' as const;
const toDescriptor = ({ credentialId, transports }: Descriptor) => ({
  type,
  id: credentialId.toString('base64url'),
  ...(transports.length > 0 && { transports: [...transports] }),
});

/** Options for the registration of a passkey. @throws ApiError `relying_party_missing` */
export function creationOptions(
  call: Call,
  app: App,
  account: Account,
  registered: readonly Descriptor[],
  challenge: string,
): z.input<typeof passkeyCreationOptions> {
  const { id, email, firstName, lastName } = account;
  return {
    publicKey: {
      rp: { id: relyingPartyOf(call, app).id, name: app.settings.mail.brandName ?? app.displayName },
      user: {
        id: userHandle(app.id, id).toString('base64url'),
        name: email,
        displayName: `${firstName} ${lastName}`.trim() || email,
      },
      challenge,
      pubKeyCredParams: algorithms.map((alg) => ({ type, alg })),
      timeout: challengeLifeMs,
      excludeCredentials: registered.map(toDescriptor),
      authenticatorSelection: {
        residentKey: 'preferred',
        requireResidentKey: false,
        userVerification: 'preferred',
      },
      attestation: 'none',
    },
  };
}

/** Options for an authentication with a passkey. @throws ApiError `relying_party_missing` */
export const requestOptions = (
  call: Call,
  app: App,
  allowed: readonly Descriptor[],
  userVerification: 'required' | 'preferred',
  challenge: string,
): z.input<typeof passkeyRequestOptions> => ({
  publicKey: {
    rpId: relyingPartyOf(call, app).id,
    challenge,
    timeout: challengeLifeMs,
    userVerification,
    allowCredentials: allowed.map(toDescriptor),
  },
});

/** Lengths of the credential ids of common authenticators, in bytes: password managers, platforms, security keys. */
const commonLengths = [16, 20, 32, 48, 64] as const;

/** The number of passkeys that the options for an e-mail address name, unless the account has more. */
const shownPasskeys = 3;

/**
 * An invented credential id. An address always gets the same ids. The length must not be derived from the bytes of the
 * id, because anybody could then recognize invented ids.
 */
function inventedId({ services, appId }: Call, email: string, place: number): Buffer {
  const derive = (what: 'bytes' | 'length') =>
    createHmac('sha512', services.sealer.deriveKey('passkey-decoys'))
      .update(JSON.stringify([what, appId, emailKey(email), place]))
      .digest();
  const length = commonLengths[derive('length').readUInt32BE() % commonLengths.length];
  return derive('bytes').subarray(0, length);
}

/**
 * The passkeys of an e-mail address, completed with invented ones and sorted, so that the options do not reveal whether
 * an account has the address, or how many passkeys, up to three.
 */
export function withDecoys(call: Call, email: string, real: readonly Buffer[]): Descriptor[] {
  const missing = Math.max(0, shownPasskeys - real.length);
  const invented = Array.from({ length: missing }, (_, place) => inventedId(call, email, place));
  const ids = [...real, ...invented].toSorted((one, other) => Buffer.compare(one, other));
  return ids.map((credentialId) => ({ credentialId, transports: [] }));
}
