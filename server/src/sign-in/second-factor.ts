import type { Acr } from '../access/second-factor.ts';
import type { App } from '../apps/apps.store.ts';
import type { CookieApp } from '../calls/app-cookies.ts';
import type { Call } from '../calls/route.ts';
import type { Queryable } from '../db/db.ts';
import { empty } from '../db/db.ts';
import { presentedDeviceTokens, setDeviceToken, withPendingToken } from '../devices/device-token.ts';
import { usableFactors } from '../factors/usable-factors.ts';
import { ApiError } from '../http/errors.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import { insertChallenge, type MfaChallenge, type NewMfaChallenge } from './mfa-challenges.store.ts';

/** How long the second factor may take. */
const challengeLifeMs = 600_000;

/** Whether sign-ins require the second factor of people who have one. */
export const asksForFactors = ({ settings }: App): boolean => settings.mfa.policy !== 'off';

/** A sign-in whose second factor is missing, for the response. */
export interface PendingSignIn {
  readonly mfaToken: string;
  readonly factors: readonly { readonly id: string; readonly kind: string; readonly name: string }[];
  /** The tokens of the device, one of which the second call must present. */
  readonly deviceTokens: string;
}

/** A user who presented the correct first factor. */
export interface HalfAuthenticated {
  readonly id: string;
  readonly amr: readonly string[];
  readonly providerAcr?: Acr | null;
  /** Quotas to refund when the sign-in succeeds. */
  readonly quotas?: MfaChallenge['quotas'];
}

/** A challenge to store, with its tokens for the client. */
export function prepareChallenge(call: Call, app: CookieApp, user: HalfAuthenticated) {
  const now = call.services.clock.now();
  const mfaToken = newSecret('gh_f_');
  const deviceToken = newSecret('gh_d_');
  const presented = presentedDeviceTokens(call, app.name);
  const challenge: NewMfaChallenge = {
    userId: user.id,
    amr: user.amr,
    providerAcr: user.providerAcr ?? null,
    deviceHash: sha256(deviceToken),
    presentedHashes: presented.map(sha256),
    quotas: user.quotas ?? [],
    tokenHash: sha256(mfaToken),
    now,
    expiresAt: new Date(now.getTime() + challengeLifeMs),
  };
  const deviceTokens = withPendingToken(presented, deviceToken);
  return { challenge, mfaToken, deviceTokens };
}

/**
 * Begins the second step of a sign-in, after the correct first factor of a user who has a second one.
 */
export async function beginSecondFactor(
  db: Queryable,
  call: Call,
  app: App,
  user: HalfAuthenticated,
): Promise<PendingSignIn> {
  const { challenge, mfaToken, deviceTokens } = prepareChallenge(call, app, user);
  await db.query(insertChallenge(app.id, challenge, empty));
  return { mfaToken, deviceTokens, factors: await usableFactors(db, app, user, challenge.now) };
}

/** The refusal of a sign-in whose second factor is missing. Sets the device cookie, to which the sign-in is bound. */
export function mfaRequired(call: Call, app: CookieApp, pending: PendingSignIn): ApiError {
  setDeviceToken(call, app, pending.deviceTokens);
  const { mfaToken, factors } = pending;
  return new ApiError('mfa_required', { members: { mfaToken, factors } });
}
