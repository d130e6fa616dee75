import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { mutate } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { codesKept, issueCode } from '../codes/codes.ts';
import { countUsableCodes } from '../codes/codes.store.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import { requireMailQuota } from '../email/mail-quotas.ts';
import { mailedCode } from '../email/mailed-code.ts';
import { queueMail } from '../email/queue-mail.ts';
import { mailableAddress } from '../factors/usable-factors.ts';
import { ApiError } from '../http/errors.ts';
import { addressKey } from '../http/network-address.ts';
import { findAndLockUser } from '../users/users.store.ts';
import { findPendingSignIn } from './finish-sign-in.ts';
import type { MfaChallenge } from './mfa-challenges.store.ts';

const purpose = 'second_factor';
const sent = { message: 'Verification email sent' };

/**
 * The address of the pending sign-in.
 *
 * @throws ApiError `factor_not_allowed`
 */
async function addressOf(call: Call, app: App, { userId, amr }: MfaChallenge): Promise<string> {
  const { db, clock } = call.services;
  const email = await mailableAddress(db, app, { id: userId, amr }, clock.now());
  if (email === undefined) throw new ApiError('factor_not_allowed');
  return email;
}

/**
 * Mails a code as second factor of a pending sign-in. While three codes that this client address requested are valid,
 * no further mail is sent, because these codes can be used.
 *
 * @throws ApiError `unauthenticated`, `factor_not_allowed`, `rate_limited`
 */
export async function sendSecondFactorCode(call: Call, mfaToken: string) {
  const { services, appId, client } = call;
  const app = await namedAppOf(call);
  const challenge = await findPendingSignIn(call, app, mfaToken);
  const { userId, provenDevice } = challenge;
  const email = await addressOf(call, app, challenge);
  const requestedFrom = addressKey(client.ip);
  const waiting = { now: services.clock.now(), requestedFrom };
  const isWaiting = (await countUsableCodes(services.db, appId, userId, purpose, waiting)) >= codesKept[purpose];
  if (!isWaiting) await requireMailQuota(call, 'second_factor_code', email, provenDevice && userId);
  return mutate(call, async (tx) => {
    const user = isWaiting ? undefined : await findAndLockUser(tx, appId, userId);
    if (user?.state !== 'ACTIVE' || user.email !== email) return { result: sent, event: undefined };
    const issued = await issueCode(tx, services, appId, { userId, purpose }, { requestedFrom });
    const content = { ...mailedCode(issued, undefined, {}), ...circumstancesOf(call) };
    await queueMail(tx, services, appId, { userId, recipient: email, purpose: 'second_factor_code', content });
    const person = { kind: 'user', id: userId } as const;
    return { result: sent, event: { target: person, actor: person } };
  });
}
