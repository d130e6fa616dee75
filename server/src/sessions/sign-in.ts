import type { App } from '../apps/apps.store.ts';
import { sql } from '../db/db.ts';
import { type DeviceOfCall, deviceOfCall, presentedDeviceTokens } from '../devices/device-token.ts';
import { sealMail } from '../email/outbox.ts';
import { addressKey } from '../http/client-address.ts';
import { ApiError } from '../http/errors.ts';
import { mutateInStatement } from '../http/mutate.ts';
import type { Call } from '../http/route.ts';
import { sha256 } from '../keys/secrets.ts';
import { limits } from '../limits/limits.ts';
import type { Share } from '../limits/limits.store.ts';
import { shareKey, shareOf, toRetryAfter } from '../limits/take-limit.ts';
import { emailKey } from '../users/email-address.ts';
import { circumstancesOf } from '../users/password-changed.ts';
import {
  type Credentials,
  countTry,
  type CountedTry,
  type RightSignIn,
  signInChanges,
  type SignInShares,
} from './sign-in.store.ts';
import { prepareSession, type StartedSession } from './start-session.ts';

/** What is compared. */
interface Given {
  readonly email: string;
  readonly password: string;
}

/** Right password, live account. */
interface Authenticated {
  readonly credentials: Credentials;
  readonly newHash: string | undefined;
  readonly isDeviceKnown: boolean;
  readonly taken: readonly Share[];
}

/**
 * Whose share a try is taken from. A device that the account knows has one of its own, so that no stranger can use up
 * what its owner needs to get in; the name of the account is its address, so that those which nobody has are counted too.
 */
function sharesOf(call: Call, app: App, { email }: Given): SignInShares {
  const { services, client, request } = call;
  const { count, periodSeconds } = shareOf(services, app, 'signInsPerDevicePerHour', '');
  return {
    address: shareOf(services, app, 'signInsPerAddressPerHour', addressKey(client.ip)),
    account: shareOf(services, app, 'signInsPerAccountPerHour', emailKey(email)),
    device: { count, periodSeconds },
    devices: presentedDeviceTokens(request, app.name).map((token) => ({
      tokenHash: sha256(token),
      keyHash: shareKey(services, 'signInsPerDevicePerHour', token),
    })),
  };
}

/** Who the tries are against, for the audit; nobody where nobody has the address. */
const aboutUser = (credentials: Credentials | undefined) => ({
  target: { kind: 'user', id: credentials?.id ?? null },
});

/** @throws ApiError `too_many_attempts` */
function refuseLocked({ waitSeconds, credentials }: CountedTry): void {
  if (waitSeconds === undefined) return;
  const about = aboutUser(credentials);
  throw new ApiError('too_many_attempts', { retryAfterInSeconds: toRetryAfter(waitSeconds), about });
}

const takenOf = ({ address, account, device }: SignInShares, { deviceKeyHash }: CountedTry): readonly Share[] =>
  deviceKeyHash ? [{ ...device, keyHash: deviceKeyHash }] : [address, account];

/**
 * Unknown address, wrong password and invited user: the same work and the same answer. The try is counted before the
 * password is compared, and not even counted when nobody could compare it.
 *
 * @throws ApiError `invalid_credentials`, `user_inactive`, `too_many_attempts`
 * @throws OverloadedError
 */
async function authenticateUser(call: Call, app: App, given: Given): Promise<Authenticated> {
  const { services } = call;
  services.passwords.expectRoom();
  const shares = sharesOf(call, app, given);
  const counted = await countTry(services.db, app.id, emailKey(given.email), shares, services.clock.now());
  refuseLocked(counted);
  const { credentials } = counted;
  const matches = await services.passwords.verify(credentials?.passwordHash ?? null, given.password);
  const about = aboutUser(credentials);
  if (!credentials?.passwordHash || !matches) throw new ApiError('invalid_credentials', { about });
  if (credentials.state !== 'ACTIVE') throw new ApiError('user_inactive', { about });
  const isOutdated = services.passwords.needsRehash(credentials.passwordHash);
  const newHash = isOutdated ? await services.passwords.hash(given.password) : undefined;
  const isDeviceKnown = counted.deviceKeyHash !== undefined;
  return { credentials, newHash, isDeviceKnown, taken: takenOf(shares, counted) };
}

/** The mail to the owner: once a day for each network, and a few a day in all, whatever a program does that keeps no cookies. */
function noticeOf(call: Call, app: App, { id, email }: Credentials): NonNullable<RightSignIn['notice']> {
  const { services, client } = call;
  const name = 'newDeviceMailsPerUserPerDay';
  const content = circumstancesOf(call);
  const { periodSeconds } = limits[name];
  const keyHash = shareKey(services, name, `${id} ${addressKey(client.ip)}`);
  return {
    mail: sealMail(services, app.id, { userId: id, recipient: email, purpose: 'new_device', content }),
    shares: [{ keyHash, count: 1, periodSeconds }, shareOf(services, app, name, id)],
  };
}

/** @returns undefined when the stored password changed while this one was compared */
async function store(
  call: Call,
  app: App,
  authenticated: Authenticated,
): Promise<(StartedSession & { userId: string }) | undefined> {
  const { credentials, isDeviceKnown } = authenticated;
  const { row: session, token } = prepareSession(call, app, { id: credentials.id, amr: ['pwd'] });
  const device: DeviceOfCall = deviceOfCall(call, app, credentials.id);
  const notice = isDeviceKnown ? undefined : noticeOf(call, app, credentials);
  const signIn = { ...authenticated, session, device: device.use, notice };
  const actor = { kind: 'user', id: credentials.id } as const;
  const [remembered] = await mutateInStatement<{ token_hash: Buffer }>(
    call,
    { target: { kind: 'session', id: session.id }, actor },
    signInChanges(app.id, signIn),
    sql`SELECT token_hash FROM device`,
  );
  if (!remembered) return undefined;
  const deviceToken = device.held(remembered.token_hash);
  return { sessionId: session.id, sessionToken: token, deviceToken, userId: credentials.id };
}

/**
 * Signs somebody in with their password: one statement counts the try and looks the account up, one stores session,
 * device, event and the mail to the owner.
 *
 * @throws ApiError `invalid_credentials`, `user_inactive`, `too_many_attempts`
 * @throws OverloadedError when too many passwords wait to be compared
 * @see contract 2.2
 */
export async function signInWithPassword(
  call: Call,
  app: App,
  given: Given,
): Promise<StartedSession & { userId: string }> {
  const attempt = async () => store(call, app, await authenticateUser(call, app, given));
  // A second time when the stored hash was replaced meanwhile, be it by a parallel sign-in that brought it up to date.
  const started = (await attempt()) ?? (await attempt());
  if (!started) throw new ApiError('invalid_credentials');
  return started;
}
