import { type RememberedFactor, storedDevice } from '../devices/devices.store.ts';
import { rememberHashesOf } from '../devices/remembered-device.ts';
import type { App } from '../apps/apps.store.ts';
import { requireSignInMethod } from '../apps/sign-in-methods.ts';
import { type DeviceOfCall, deviceOfCall, presentedDeviceTokens } from '../devices/device-token.ts';
import { sealMail } from '../email/queue-mail.ts';
import { addressKey } from '../http/network-address.ts';
import { ApiError } from '../http/errors.ts';
import { mutateInStatement } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { sha256 } from '../keys/secrets.ts';
import { type LimitName, limits } from '../limits/limits.ts';
import type { Quota } from '../limits/limits.store.ts';
import { quotaInQuery, quotaKey, quotaOf, toRetryAfter } from '../calls/take-limit.ts';
import { notMeUrl } from '../users/not-me-token.ts';
import { emailKey } from '../http/email-address.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import {
  type Credentials,
  countSignInAttempt,
  type CountedAttempt,
  type SuccessfulSignIn,
  signInChanges,
  type SignInQuotas,
  storeChallenge,
} from './sign-in.store.ts';
import { usableFactors } from '../factors/usable-factors.ts';
import { asksForFactors, prepareChallenge } from './second-factor.ts';
import {
  prepareSession,
  presentedSessionHash,
  restrictionWithoutFactor,
  sessionEvent,
  type SignInOutcome,
} from './start-session.ts';

/** The credentials of the request. */
interface Given {
  readonly email: string;
  readonly password: string;
}

/** A started session, or a sign-in whose second factor is missing, with its user and app. */
export interface SignedIn {
  readonly app: App;
  readonly outcome: SignInOutcome;
  readonly userId: string;
}

/** The result of an authentication: correct password, active account. */
interface Authenticated {
  readonly app: App;
  readonly credentials: Credentials;
  readonly newHash: string | undefined;
  readonly isDeviceKnown: boolean;
  /** Set if the device of the call is remembered for the account. */
  readonly remembered: RememberedFactor | undefined;
  /** The live session of this account that the caller presents, which is renewed. */
  readonly presented: { readonly sessionId: string; readonly tokenHash: Buffer } | undefined;
  readonly taken: readonly (Quota & { readonly name: LimitName })[];
}

/**
 * The quotas that an attempt consumes. A known device has a separate quota, so that strangers cannot exhaust the
 * attempts of the owner. Accounts are identified by address, so that attempts on addresses without an account are
 * counted too.
 */
function signInQuotas(call: Call, { email }: Given): SignInQuotas {
  const { services, client, request } = call;
  const { count, periodSeconds } = quotaInQuery(services, 'signInsPerDevicePerHour', '');
  return {
    address: quotaInQuery(services, 'signInsPerAddressPerHour', addressKey(client.ip)),
    account: quotaInQuery(services, 'signInsPerAccountPerHour', emailKey(email)),
    device: { count, periodSeconds },
    devices: presentedDeviceTokens(call, String(request.headers['x-app-name'])).map((token) => ({
      tokenHash: sha256(token),
      keyHash: quotaKey(services, 'signInsPerDevicePerHour', token),
    })),
  };
}

/** Target of the attempt, for the security event; empty if no account has the address. */
const aboutUser = (credentials: Credentials | undefined) => ({
  target: { kind: 'user', id: credentials?.id ?? null },
});

/** @throws ApiError `too_many_attempts` */
function refuseLocked({ waitSeconds, credentials }: CountedAttempt): void {
  if (waitSeconds === undefined) return;
  const about = aboutUser(credentials);
  throw new ApiError('too_many_attempts', { retryAfterInSeconds: toRetryAfter(waitSeconds), about });
}

/** The quotas to refund after a correct password. */
function takenOf({ address, account }: SignInQuotas, { app, deviceKeyHash }: CountedAttempt): Authenticated['taken'] {
  const counted = (name: LimitName, { keyHash }: { keyHash: Buffer }) => ({
    name,
    keyHash,
    count: app.settings.limits[name],
    periodSeconds: limits[name].periodSeconds,
  });
  if (deviceKeyHash) return [counted('signInsPerDevicePerHour', { keyHash: deviceKeyHash })];
  return [counted('signInsPerAddressPerHour', address), counted('signInsPerAccountPerHour', account)];
}

/**
 * Authenticates by e-mail address and password. Unknown address, wrong password and invited user get the same response
 * after the same work. The attempt is counted before the password is compared. If the hash threads are overloaded, the
 * attempt is refused without being counted.
 *
 * @throws ApiError `app_inactive`, `sign_in_method_disabled`, `invalid_credentials`, `user_inactive`,
 *   `too_many_attempts`
 * @throws OverloadedError
 */
async function authenticateUser(call: Call, given: Given): Promise<Authenticated> {
  const { services, appId } = call;
  services.passwords.expectRoom();
  const quotas = signInQuotas(call, given);
  const tokenHash = presentedSessionHash(call);
  const counted = await countSignInAttempt(
    services.db,
    appId,
    emailKey(given.email),
    quotas,
    { presentedHash: tokenHash, rememberHashes: rememberHashesOf(call, String(call.request.headers['x-app-name'])) },
    services.clock.now(),
  );
  requireSignInMethod(counted.app, 'password');
  refuseLocked(counted);
  const { app, credentials, remembered } = counted;
  const matches = await services.passwords.verify(credentials?.passwordHash ?? null, given.password);
  const about = aboutUser(credentials);
  if (!credentials?.passwordHash || !matches) throw new ApiError('invalid_credentials', { about });
  if (credentials.state !== 'ACTIVE') throw new ApiError('user_inactive', { about });
  const isOutdated = services.passwords.needsRehash(credentials.passwordHash);
  const newHash = isOutdated ? await services.passwords.hash(given.password) : undefined;
  const isDeviceKnown = counted.deviceKeyHash !== undefined;
  const { presentedSessionId: sessionId } = counted;
  const presented = sessionId !== undefined && tokenHash !== undefined ? { sessionId, tokenHash } : undefined;
  return { app, credentials, newHash, isDeviceKnown, presented, remembered, taken: takenOf(quotas, counted) };
}

/**
 * The mail to the owner about a new device. At most one a day for each network and a few a day in all, because programs
 * without a cookie jar look like a new device every time.
 */
export function noticeOf(
  call: Call,
  app: App,
  { id, email }: Pick<Credentials, 'id' | 'email'>,
  sessionId: string,
): NonNullable<SuccessfulSignIn['notice']> {
  const { services, client } = call;
  const name = 'newDeviceMailsPerUserPerDay';
  const notMe = notMeUrl(call, { id, email }, { kind: 'session', id: sessionId });
  const content = { ...circumstancesOf(call), notMeUrl: notMe };
  const { periodSeconds } = limits[name];
  const keyHash = quotaKey(services, name, `${id} ${addressKey(client.ip)}`);
  return {
    mail: sealMail(services, app.id, { userId: id, recipient: email, purpose: 'new_device', content }),
    quotas: [{ keyHash, count: 1, periodSeconds }, quotaOf(services, app, name, id)],
  };
}

/** @returns undefined if the stored password or the presented session changed during the comparison */
async function store(call: Call, authenticated: Authenticated): Promise<SignedIn | undefined> {
  const { app, credentials, isDeviceKnown, remembered } = authenticated;
  const restriction = remembered ? null : restrictionWithoutFactor(app);
  // A restricted session does not replace the existing session of the caller.
  const presented = restriction === null ? authenticated.presented : undefined;
  const { row, token } = prepareSession(call, app, {
    id: credentials.id,
    amr: ['pwd'],
    remembered,
    restriction,
  });
  const session = presented ? { ...row, id: presented.sessionId } : row;
  const device: DeviceOfCall = deviceOfCall(call, app, credentials.id);
  // Do not notify unverified addresses: they may belong to someone else.
  const notice =
    isDeviceKnown || !credentials.isEmailVerified ? undefined : noticeOf(call, app, credentials, session.id);
  const renewedHash = presented?.tokenHash;
  const { sessionsPerUser } = app.settings;
  const signIn = { ...authenticated, session, renewedHash, sessionsPerUser, device: device.use, notice };
  const [stored] = await mutateInStatement<{ token_hash: Buffer }>(
    call,
    sessionEvent(credentials.id, { sessionId: session.id, isRenewed: presented !== undefined }),
    signInChanges(app.id, signIn),
    storedDevice,
  );
  if (!stored) return undefined;
  const started = {
    kind: 'started',
    sessionId: session.id,
    sessionToken: token,
    deviceToken: device.held(stored.token_hash),
    deviceHash: stored.token_hash,
    isDeviceNew: !isDeviceKnown,
    isRenewed: presented !== undefined,
  } as const;
  return { app, outcome: started, userId: credentials.id };
}

/** @returns undefined if the stored password changed during the comparison */
async function askForFactor(call: Call, authenticated: Authenticated): Promise<SignedIn | undefined> {
  const { app, credentials, newHash, taken } = authenticated;
  const { services } = call;
  const user = { id: credentials.id, amr: ['pwd'], quotas: taken };
  const { challenge, mfaToken, deviceTokens } = prepareChallenge(call, app, user);
  if (!(await storeChallenge(services.db, app.id, credentials, challenge, newHash))) return undefined;
  const factors = await usableFactors(services.db, app, user, challenge.now);
  return { app, outcome: { kind: 'mfa-required', mfaToken, factors, deviceTokens }, userId: credentials.id };
}

function finish(call: Call, authenticated: Authenticated): Promise<SignedIn | undefined> {
  const { app, credentials, remembered } = authenticated;
  if (!credentials.hasFactor || !asksForFactors(app)) return store(call, { ...authenticated, remembered: undefined });
  return remembered && app.settings.mfa.rememberDays > 0
    ? store(call, authenticated)
    : askForFactor(call, authenticated);
}

/**
 * Signs a user in with a password, or requests the second factor of a user who has one. One statement counts the
 * attempt and
 * looks up app and account; one statement stores session, device, event and the mail to the owner. If the caller's
 * cookie holds a live session of the same account, that session is renewed: same id, new token.
 *
 * @throws ApiError `app_inactive`, `sign_in_method_disabled`, `invalid_credentials`, `user_inactive`,
 *   `too_many_attempts`
 * @throws OverloadedError if too many passwords are waiting for comparison
 * @see contract 2.2
 */
export async function signInWithPassword(call: Call, given: Given): Promise<SignedIn> {
  const attempt = async () => finish(call, await authenticateUser(call, given));
  // Retry once: a concurrent sign-in may have rehashed the password or renewed the presented session in the meantime.
  const signedIn = (await attempt()) ?? (await attempt());
  if (!signedIn) throw new ApiError('invalid_credentials');
  return signedIn;
}
