import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { requireSignInMethod } from '../apps/sign-in-methods.ts';
import { mutate } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { quotaOf, tryLimit } from '../calls/take-limit.ts';
import { sql } from '../db/db.ts';
import { recordPasskeyUse } from '../factors/check-factor.ts';
import { checkPasskey } from '../factors/check-passkey.ts';
import { allowsFactor, isUsable } from '../factors/usable-factors.ts';
import { findCredentialsByEmail, listCredentials } from '../factors/passkeys.store.ts';
import { emailKey } from '../http/email-address.ts';
import { ApiError } from '../http/errors.ts';
import { addressKey } from '../http/network-address.ts';
import { sha256 } from '../keys/secrets.ts';
import { refundUnit } from '../limits/limits.store.ts';
import { withDecoys, relyingPartyOf, requestOptions } from '../passkeys/options.ts';
import { type Accepted, issueChallenge } from '../passkeys/passkey-challenges.store.ts';
import type { Assertion } from '../passkeys/passkeys.schema.ts';
import { PasskeyRefused } from '../passkeys/webauthn.ts';
import { findAndLockUser } from '../users/users.store.ts';
import { findPendingSignIn, notifyOfDevice } from './finish-sign-in.ts';
import { sessionEvent, setSessionCookies, startSession } from './start-session.ts';

/**
 * Options for a sign-in with a passkey, without a password. Without an e-mail address, every passkey of the app is
 * accepted. With an address, the options name those of the account and invented ones. For an address without an
 * account, the challenge accepts no passkey.
 *
 * @throws ApiError `relying_party_missing`, `sign_in_method_disabled`
 */
export async function beginPasskeySignIn(call: Call, email: string | undefined) {
  const { services, appId } = call;
  const { db, clock } = services;
  const app = await namedAppOf(call);
  requireSignInMethod(app, 'passkey');
  relyingPartyOf(call, app);
  const issue = (accepted: Accepted) =>
    issueChallenge(db, appId, { ceremony: { purpose: 'sign_in' }, accepted, now: clock.now() });
  if (email === undefined) return requestOptions(call, app, [], 'required', await issue('any'));
  const known = await findCredentialsByEmail(db, appId, emailKey(email));
  const challenge = await issue(known ? { userId: known.userId } : 'none');
  return requestOptions(call, app, withDecoys(call, email, known?.credentialIds ?? []), 'required', challenge);
}

/**
 * Options for a passkey as second factor.
 *
 * @throws ApiError `unauthenticated` if the token is wrong, expired, used or of another device; `relying_party_missing`
 */
export async function beginPasskeyAsSecondFactor(call: Call, mfaToken: string) {
  const { services, appId } = call;
  const { db, clock } = services;
  const app = await namedAppOf(call);
  const { userId } = await findPendingSignIn(call, app, mfaToken);
  relyingPartyOf(call, app);
  const allowed = await listCredentials(db, appId, userId);
  const ceremony = { purpose: 'second_factor', mfaTokenHash: sha256(mfaToken) } as const;
  const challenge = await issueChallenge(db, appId, { ceremony, accepted: { userId }, now: clock.now() });
  return requestOptions(call, app, allowed, 'preferred', challenge);
}

const attempts = 'signInsPerAddressPerHour';

/**
 * Counts the attempt. Accounts are not locked, because a signature cannot be guessed.
 *
 * @throws ApiError `too_many_attempts`
 */
async function countAttempt(call: Call, app: App): Promise<void> {
  const wait = await tryLimit(call.services, app, attempts, addressKey(call.client.ip));
  if (wait !== undefined) throw new ApiError('too_many_attempts', { retryAfterInSeconds: wait });
}

const about = (id: string | null) => ({ about: { target: { kind: 'user', id } } });

/** The passkey could not be verified. The response is that of a wrong password. */
function refused(error: unknown): never {
  if (!(error instanceof PasskeyRefused)) throw error;
  throw new ApiError('invalid_credentials', { detail: error.message, ...about(null) });
}

/**
 * Signs in with a passkey, without a password. The passkey counts as two factors: the possession of the key, and the
 * PIN or biometrics that the authenticator has verified.
 *
 * @throws ApiError `invalid_credentials`, `user_inactive`, `too_many_attempts`, `relying_party_missing`,
 *   `sign_in_method_disabled`
 */
export async function signInWithPasskey(call: Call, assertion: Assertion) {
  const { services, appId, client } = call;
  const app = await namedAppOf(call);
  requireSignInMethod(app, 'passkey');
  await countAttempt(call, app);
  const given = { assertion, ceremony: { purpose: 'sign_in' }, isAlone: true } as const;
  const passkey = await checkPasskey(call, app, given).catch(refused);
  const { userId } = passkey;
  const started = await mutate(call, async (tx) => {
    const user = await findAndLockUser(tx, appId, userId);
    const used = user && (await recordPasskeyUse(tx, call, passkey, { startsSession: true }));
    if (!used) throw new ApiError('invalid_credentials', about(userId));
    if (!(await isUsable(tx, app, userId, 'passkey'))) throw new ApiError('invalid_credentials', about(userId));
    if (user.state !== 'ACTIVE') throw new ApiError('user_inactive', about(userId));
    const amr = [...passkey.methods, 'mfa'];
    const restriction = allowsFactor(app, 'passkey') ? null : 'enrolment';
    const session = await startSession(tx, call, app, { id: userId, amr, isFactorProven: true, restriction });
    if (session.kind !== 'started') throw new Error('a sign-in with two factors has started no session');
    if (session.isDeviceNew) await notifyOfDevice(tx, call, app, user, session.sessionId);
    await tx.query(refundUnit(appId, quotaOf(services, app, attempts, addressKey(client.ip)), sql`true`));
    return { result: session, event: [sessionEvent(userId, session), ...used] };
  });
  setSessionCookies(call, app, started);
  return { sessionId: started.sessionId, sessionToken: started.sessionToken, userId };
}
