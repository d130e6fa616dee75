import { getCredentials } from '../users/users.store.ts';
import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { checkCode } from '../codes/codes.ts';
import { consumeCode } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { normalizeCode } from '../keys/secrets.ts';
import { type Change, mutate } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { deleteEnrolmentSessions, recordFactor } from '../sessions/sessions.store.ts';
import { notMeUrl } from '../users/not-me-token.ts';
import {
  countAttempt,
  factorInvalid,
  type FactorHolder,
  quotaOfSession,
  recordedFactor,
  refundAttempts,
} from './check-factor.ts';
import { mostFactors } from './factors.schema.ts';
import { confirmFactor, type Factor, findSealedFactor, listFactors } from './factors.store.ts';
import { requireKind } from './usable-factors.ts';
import { notifyOfFactor } from './notify-factor.ts';
import { newRecoveryCodes } from './recovery-codes.ts';
import { replaceRecoveryCodes } from './recovery-codes.store.ts';
import { matchTotp } from './totp.ts';
import { openTotpSecret } from './totp-secret.ts';

/** How long an added factor can be confirmed. */
const confirmableMs = 3_600_000;

/** A factor to confirm. */
interface Given {
  readonly id: string;
  readonly code: string;
  readonly verificationCode?: string | undefined;
}

/** People who add a factor know its secret, so the attempts are counted for each session. */
function holderInSession({ actor }: Call): FactorHolder {
  const { user, session } = signedIn(actor);
  return { userId: user.id, proven: quotaOfSession(session) };
}

/** The time step of the presented code. @throws ApiError `factor_not_found`, `factor_invalid`, `rate_limited` */
async function stepOfUnconfirmed(call: Call, userId: string, { id, code }: Given): Promise<number> {
  const { services, appId } = call;
  const now = services.clock.now();
  const factor = await findSealedFactor(services.db, appId, userId, id);
  const isOpen = factor && !factor.isConfirmed && now.getTime() - factor.createdAt.getTime() < confirmableMs;
  if (!isOpen) throw new ApiError('factor_not_found');
  await countAttempt(call, holderInSession(call));
  const secret = openTotpSecret(services.sealer, appId, id, factor.sealedSecret);
  const step = matchTotp(secret, normalizeCode(code), now);
  if (step === undefined) throw factorInvalid(userId);
  return step;
}

/** Methods of a first factor after which the mailbox need not confirm the first second factor. */
const identifying = ['email', 'hwk', 'swk'];

/**
 * Whether the session shows that the caller owns the account, and does not only know its password. Anyone who knows the
 * password can link an identity of their own, so a provider shows that only for accounts without a password.
 */
async function isIdentified({ services, appId, actor }: Call): Promise<boolean> {
  const { user, session } = signedIn(actor);
  if (identifying.some((method) => session.amr.includes(method))) return true;
  if (!session.amr.includes('fed')) return false;
  return (await getCredentials(services.db, appId, user.id)).passwordHash === null;
}

/**
 * A stranger who knows the password could add the first factor and so lock the owner out. Therefore the first factor
 * also needs a code from the mailbox, unless the session shows more than the password.
 *
 * @returns the id of the code to consume; undefined if none is needed
 * @throws ApiError `account_unclaimed`, `code_invalid`
 */
export async function checkMailbox(
  call: Call,
  { verificationCode }: Pick<Given, 'verificationCode'>,
): Promise<string | undefined> {
  const { user } = signedIn(call.actor);
  if (user.hasFactor || (await isIdentified(call))) return undefined;
  if (!user.isEmailClaimed) throw new ApiError('account_unclaimed');
  if (verificationCode !== undefined) {
    return checkCode(call, { userId: user.id, purpose: 'reauthentication' }, verificationCode);
  }
  throw new ApiError('code_invalid', {
    detail:
      'Request a code with POST /v1/authentication/users/me/reauthentication-request; send it as verificationCode.',
  });
}

/** Stores the recovery codes that come with the first factor. */
async function firstRecoveryCodes(tx: Tx, { services, appId }: Call, userId: string): Promise<string[]> {
  const { codes, hashes } = newRecoveryCodes();
  await replaceRecoveryCodes(tx, appId, userId, hashes, services.clock.now());
  return codes;
}

/** A factor with which the caller can sign in from now on. The first factor comes with recovery codes. */
export interface AddedFactor {
  readonly factor: Factor;
  readonly recoveryCodes: string[] | undefined;
}

/**
 * Stores a factor of the caller that was verified in this call. In the same transaction the mailed code is consumed,
 * the session gets the strength of two factors, the owner is notified, and the first factor gets recovery codes.
 *
 * @param added its id, the mailed code to consume, and its methods of authentication (`amr`)
 * @param store stores the factor; the caller is locked
 * @throws ApiError `unauthenticated`, `code_invalid`
 */
export async function storeFactor(
  tx: Tx,
  call: Call,
  app: App,
  added: { id: string; codeId: string | undefined; methods: readonly string[] },
  store: (factors: readonly Factor[]) => Promise<void>,
): Promise<Change<AddedFactor>> {
  const { appId } = call;
  const { user, session } = signedIn(call.actor);
  const { id, codeId, methods } = added;
  await lockCallerWithSession(tx, call);
  if (codeId !== undefined && !(await consumeCode(tx, appId, user.id, codeId))) throw new ApiError('code_invalid');
  const before = await listFactors(tx, appId, user.id);
  await store(before);
  await recordFactor(tx, appId, recordedFactor(call, app, [...methods, 'mfa']));
  await deleteEnrolmentSessions(tx, appId, user.id, session.id);
  const recoveryCodes = before.length === 0 ? await firstRecoveryCodes(tx, call, user.id) : undefined;
  const factor = (await listFactors(tx, appId, user.id)).find((one) => one.id === id);
  if (!factor) throw new Error('a confirmed factor is not in the list');
  const content = { factorName: factor.name, notMeUrl: notMeUrl(call, user, { kind: 'factor', id }) };
  await notifyOfFactor(tx, call, app, { user, purpose: 'factor_added', content });
  return { result: { factor, recoveryCodes }, event: { target: { kind: 'factor', id } } };
}

/**
 * Confirms an added factor of the caller with its present code. A session that could only add a factor is no longer
 * restricted. A session that began with a recovery code stays restricted.
 *
 * @returns the factor; with the first one also recovery codes, which are shown only here
 * @throws ApiError `factor_not_found`, `factor_invalid`, `rate_limited`, `account_unclaimed`, `code_invalid`,
 *   `mfa_disabled`, `factor_limit_exceeded`
 */
export async function confirmMyFactor(call: Call, given: Given): Promise<AddedFactor> {
  const { appId, services } = call;
  const { user } = signedIn(call.actor);
  const app = await namedAppOf(call);
  requireKind(app, 'totp');
  const step = await stepOfUnconfirmed(call, user.id, given);
  const codeId = await checkMailbox(call, given);
  return mutate(call, (tx) =>
    storeFactor(tx, call, app, { id: given.id, codeId, methods: ['otp'] }, async (factors) => {
      if (factors.length >= mostFactors) throw new ApiError('factor_limit_exceeded');
      const confirmed = { id: given.id, userId: user.id, step, now: services.clock.now() };
      if (!(await confirmFactor(tx, appId, confirmed))) throw new ApiError('factor_not_found');
      await refundAttempts(tx, call, holderInSession(call));
    }),
  );
}
