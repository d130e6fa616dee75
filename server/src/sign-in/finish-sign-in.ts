import type { SessionRestriction } from '../access/actor.ts';
import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { type ChangeEvent, mutate } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { sql, type Tx } from '../db/db.ts';
import { presentedDeviceTokens } from '../devices/device-token.ts';
import { rememberDevice, setRememberedDevice } from '../devices/remembered-device.ts';
import {
  amrAfter,
  checkFactor,
  type CheckedFactor,
  consumeFactor,
  isOfAllowedKind,
  type PresentedFactor,
} from '../factors/check-factor.ts';
import { countRecoveryCodes } from '../factors/recovery-codes.store.ts';
import { notifyOfFactor } from '../factors/notify-factor.ts';
import { ApiError } from '../http/errors.ts';
import { sha256 } from '../keys/secrets.ts';
import { type LimitName, limits } from '../limits/limits.ts';
import { refundUnit } from '../limits/limits.store.ts';
import { findAndLockUser, type User } from '../users/users.store.ts';
import { consumeChallenge, findChallenge, type MfaChallenge } from './mfa-challenges.store.ts';
import { noticeOf } from './sign-in.ts';
import { queueDeviceNotice } from './sign-in.store.ts';
import { sessionEvent, setSessionCookies, type StartedSession, startSession } from './start-session.ts';

/** The data that the client sends to finish a sign-in. */
interface Given {
  readonly mfaToken: string;
  readonly factor: PresentedFactor;
  readonly rememberDevice: boolean;
}

const challengeInvalid = (): ApiError =>
  new ApiError('unauthenticated', {
    detail: 'The mfaToken is wrong, expired, already used or belongs to another device. Sign in again.',
  });

/**
 * The sign-in of an `mfaToken`, if the call comes from its device.
 *
 * @throws ApiError `unauthenticated`
 */
export async function findPendingSignIn(call: Call, app: App, mfaToken: string): Promise<MfaChallenge> {
  const { services, appId } = call;
  const deviceHashes = presentedDeviceTokens(call, app.name).map(sha256);
  const given = { tokenHash: sha256(mfaToken), deviceHashes, now: services.clock.now() };
  const challenge = await findChallenge(services.db, appId, given);
  if (!challenge) throw challengeInvalid();
  return challenge;
}

/** Refunds the quotas that the first factor consumed. */
async function refund(tx: Tx, { id, settings }: App, { quotas }: MfaChallenge): Promise<void> {
  for (const { name, keyHash } of quotas) {
    const { periodSeconds } = limits[name as LimitName];
    await tx.query(refundUnit(id, { keyHash, count: settings.limits[name as LimitName], periodSeconds }, sql`true`));
  }
}

/** Notifies the owner about a sign-in from a device that the account does not know. */
export async function notifyOfDevice(tx: Tx, call: Call, app: App, user: User, sessionId: string): Promise<void> {
  if (user.isEmailVerified) {
    await queueDeviceNotice(tx, app.id, noticeOf(call, app, user, sessionId), call.services.clock.now());
  }
}

/** After a factor of a kind that the app no longer allows, the session can only change factors. */
function restrictionAfter(app: App, checked: CheckedFactor): SessionRestriction | null {
  if (checked.proof.by === 'recovery-code') return 'recovery';
  return isOfAllowedKind(app, checked) ? null : 'enrolment';
}

async function storeSession(
  tx: Tx,
  call: Call,
  app: App,
  { challenge, tokenHash, checked }: { challenge: MfaChallenge; tokenHash: Buffer; checked: CheckedFactor },
): Promise<{ user: User; events: ChangeEvent[]; started: StartedSession }> {
  const user = await findAndLockUser(tx, app.id, challenge.userId);
  if (user?.state !== 'ACTIVE' || !(await consumeChallenge(tx, app.id, tokenHash))) throw challengeInvalid();
  const events = await consumeFactor(tx, call, checked, { startsSession: true });
  const started = await startSession(tx, call, app, {
    id: user.id,
    amr: amrAfter(challenge.amr, checked),
    providerAcr: challenge.providerAcr,
    // A mailed code finishes the sign-in, but does not count as a recent factor, for example to change factors.
    isFactorProven: checked.proof.by !== 'email',
    isMailProven: checked.proof.by === 'email',
    boundHash: challenge.deviceHash,
    restriction: restrictionAfter(app, checked),
  });
  if (started.kind !== 'started') throw new Error('a sign-in with two factors has started no session');
  return { user, events, started };
}

const rememberEvent = (userId: string): ChangeEvent => {
  const person = { kind: 'user', id: userId } as const;
  return { action: 'device.remembered', target: person, actor: person };
};

/**
 * Finishes a sign-in with a second factor, or with a recovery code. Everything that a sign-in writes is written now:
 * the session, the device, the refund of the attempts, the mail about a new device. A session after a recovery code
 * lasts 15 minutes and can only replace factors.
 *
 * @throws ApiError `unauthenticated` if the token is wrong, expired, used or of another device; `factor_invalid`,
 *   `rate_limited`
 */
export async function finishSignIn(call: Call, { mfaToken, factor, rememberDevice: isWanted }: Given) {
  const { appId } = call;
  const app = await namedAppOf(call);
  const tokenHash = sha256(mfaToken);
  const challenge = await findPendingSignIn(call, app, mfaToken);
  const { userId, provenDevice } = challenge;
  const proven = provenDevice && `device ${provenDevice.toString('hex')}`;
  const ceremony = { purpose: 'second_factor', mfaTokenHash: tokenHash } as const;
  const checked = await checkFactor(call, { userId, proven, firstAmr: challenge.amr }, factor, ceremony);
  const { started, secret } = await mutate(call, async (tx) => {
    const { user, events, started: session } = await storeSession(tx, call, app, { challenge, tokenHash, checked });
    await refund(tx, app, challenge);
    if (!challenge.amr.includes('fed') && session.isDeviceNew)
      await notifyOfDevice(tx, call, app, user, session.sessionId);
    if (checked.proof.by === 'recovery-code') {
      const { unused } = await countRecoveryCodes(tx, appId, userId);
      const content = { codesLeft: String(unused) };
      await notifyOfFactor(tx, call, app, { user, purpose: 'recovery_code_used', content });
    }
    const device = { userId, tokenHash: session.deviceHash };
    const isAllowed = isWanted && checked.proof.by !== 'email' && isOfAllowedKind(app, checked);
    const remembered = isAllowed ? await rememberDevice(tx, call, app, device) : undefined;
    const event = [
      sessionEvent(userId, session),
      ...events,
      ...(remembered === undefined ? [] : [rememberEvent(userId)]),
    ];
    return { result: { started: session, secret: remembered }, event };
  });
  setSessionCookies(call, app, started);
  if (secret !== undefined) setRememberedDevice(call, app, secret);
  return { sessionId: started.sessionId, sessionToken: started.sessionToken, userId };
}
