import { acceptSuperAdmin } from '../accounts/accept-super-admin.ts';
import { claimAccount } from '../accounts/claim-account.ts';
import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { requireSignInMethod } from '../apps/sign-in-methods.ts';
import { type ChangeEvent, mutate } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { consumeCode } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import { noticeOf } from '../sign-in/sign-in.ts';
import { queueDeviceNotice } from '../sign-in/sign-in.store.ts';
import type { SignedIn } from '../sign-in/sign-in.ts';
import { sessionEvents, type SignInOutcome, startSession } from '../sign-in/start-session.ts';
import { checkMailedCode } from '../users/check-mailed-code.ts';
import { findAndLockUser, type User } from '../users/users.store.ts';
import { browserHashOf } from './sign-in-browser.ts';

/** The credentials of the request. */
interface Given {
  readonly email: string;
  readonly verificationCode: string;
}

/**
 * The authentication method of the session. RFC 8176 has no value for a mailed code; `otp` means an authenticator app.
 */
const amr = ['email'];

/** Locks the user and consumes the code. @throws ApiError `code_invalid`, `user_inactive` */
async function redeem(tx: Tx, appId: string, { userId, codeId }: { userId: string; codeId: string }): Promise<User> {
  const user = await findAndLockUser(tx, appId, userId);
  if (user?.state === 'INACTIVE')
    throw new ApiError('user_inactive', { about: { target: { kind: 'user', id: userId } } });
  if (user?.state !== 'ACTIVE' || !(await consumeCode(tx, appId, userId, codeId))) throw new ApiError('code_invalid');
  return user;
}

/** The owner of the mailbox claims an unclaimed account (rule P). @returns the events */
async function claim(tx: Tx, call: Call, user: User, email: string): Promise<ChangeEvent[]> {
  if (user.isEmailClaimed) return [];
  const details = { way: 'mailed_code', email, passwordHash: undefined } as const;
  const claimed = await claimAccount(tx, call, user.id, details);
  return [...claimed, ...(await acceptSuperAdmin(tx, call, user))];
}

/** Notifies the owner about a new device, as after a password. A first claim needs no notice about the device. */
async function notifyOfDevice(tx: Tx, call: Call, app: App, user: User, outcome: SignInOutcome): Promise<void> {
  if (outcome.kind !== 'started' || !user.isEmailClaimed || !outcome.isDeviceNew) return;
  await queueDeviceNotice(tx, app.id, noticeOf(call, app, user, outcome.sessionId), call.services.clock.now());
}

/**
 * Signs a user in with a mailed code. An address without an account takes the same work and fails like a wrong code.
 * The attempt is counted before the code is compared. The sign-in claims the account, because the code shows that the
 * caller can read the mailbox.
 *
 * @throws ApiError `app_inactive`, `sign_in_method_disabled`, `code_invalid`, `user_inactive`, `rate_limited`
 * @see contract 2.2, 2.5
 */
export async function signInWithCode(call: Call, given: Given): Promise<SignedIn> {
  const app = await namedAppOf(call);
  if (app.status !== 'ACTIVE') throw new ApiError('app_inactive');
  requireSignInMethod(app, 'emailCode');
  const presented = { ...given, browserHash: browserHashOf(call, app.name) };
  const proof = await checkMailedCode(call, presented, { purpose: 'sign_in' });
  const outcome = await mutate(call, async (tx) => {
    const user = await redeem(tx, app.id, proof);
    const claimed = await claim(tx, call, user, given.email);
    const started = await startSession(tx, call, app, { id: user.id, amr });
    await notifyOfDevice(tx, call, app, user, started);
    return { result: started, event: [...claimed, ...sessionEvents(user.id, started)] };
  });
  return { app, outcome, userId: proof.userId };
}
