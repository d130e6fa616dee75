import type { Tx } from '../db/db.ts';
import { addressKey } from '../http/network-address.ts';
import { ApiError } from '../http/errors.ts';
import { normalizeCode } from '../keys/secrets.ts';
import { appOfCall } from '../calls/call-app.ts';
import type { ChangeEvent } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { quotaKey, quotaOf, takeLimit } from '../calls/take-limit.ts';
import { sql } from '../db/db.ts';
import { refundUnit, resetQuotas } from '../limits/limits.store.ts';
import { sessionEnds } from '../sessions/session-ends.ts';
import { signedIn } from '../access/actor.ts';
import { acrOf } from '../access/second-factor.ts';
import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import type { Ceremony } from '../passkeys/passkey-challenges.store.ts';
import type { Assertion } from '../passkeys/passkeys.schema.ts';
import { PasskeyRefused } from '../passkeys/webauthn.ts';
import { checkCode } from '../codes/codes.ts';
import { consumeCode } from '../codes/codes.store.ts';
import { allowsFactor, isUsable, mailableAddress } from './usable-factors.ts';
import { checkPasskey, type CheckedPasskey } from './check-passkey.ts';
import { findSealedFactor, useStep } from './factors.store.ts';
import { usePasskey } from './passkeys.store.ts';
import { recoveryCodeHash } from './recovery-codes.ts';
import { hasRecoveryCode, useRecoveryCode } from './recovery-codes.store.ts';
import { matchTotp } from './totp.ts';
import { openTotpSecret } from './totp-secret.ts';

/** A second factor that somebody presents. */
export type PresentedFactor =
  | { readonly by: 'totp'; readonly factorId: string; readonly code: string }
  | { readonly by: 'passkey'; readonly assertion: Assertion }
  | { readonly by: 'recovery-code'; readonly recoveryCode: string };

/** The user, and the device or session if a second factor was used there before. */
export interface FactorHolder {
  readonly userId: string;
  /** A device or session in which a factor was used before. It has a separate quota. */
  readonly proven: string | undefined;
  /** At a sign-in: the methods of the first factor. Only then can a mailed code be the second factor. */
  readonly firstAmr?: readonly string[];
}

/**
 * The quota of a session in which a factor was used before. All copies of a session share the quota of their origin, so
 * that copies do not multiply the attempts.
 */
export const quotaOfSession = ({ originId }: { readonly originId: string }): string => `session ${originId}`;

/** The user of the call. The session has a separate quota if a factor was used in it before. */
export function holderOf({ actor }: Call): FactorHolder {
  const { user, session } = signedIn(actor);
  return { userId: user.id, proven: session.factorAt === null ? undefined : quotaOfSession(session) };
}

/** A correct factor, not consumed yet. */
export interface CheckedFactor {
  readonly holder: FactorHolder;
  readonly proof:
    | { readonly by: 'totp'; readonly factorId: string; readonly step: number }
    | ({ readonly by: 'passkey' } & CheckedPasskey)
    | { readonly by: 'email'; readonly codeId: string }
    | { readonly by: 'recovery-code'; readonly codeHash: Buffer };
}

const methodsProvenBy = ({ proof }: CheckedFactor): readonly string[] => {
  if (proof.by === 'recovery-code') return ['rec'];
  if (proof.by === 'email') return ['email', 'mfa'];
  return [...(proof.by === 'passkey' ? proof.methods : ['otp']), 'mfa'];
};

/** Methods of authentication after a factor of this kind. @see RFC 8176 */
export const amrAfter = (amr: readonly string[], checked: CheckedFactor): string[] => [
  ...new Set([...amr, ...methodsProvenBy(checked)]),
];

/**
 * Whether the app allows this kind of factor. Otherwise the session is restricted. A recovery code is never of an
 * allowed kind.
 */
export const isOfAllowedKind = (app: App, { proof }: CheckedFactor): boolean =>
  proof.by !== 'recovery-code' && allowsFactor(app, proof.by);

/** The session of the caller after a second factor was used in it, for `recordFactor`. */
export function recordedFactor(call: Call, app: App, methods: readonly string[], isAllowed = true) {
  const { user, session } = signedIn(call.actor);
  return {
    id: session.id,
    userId: user.id,
    amr: [...new Set([...session.amr, ...methods])],
    isStrong: acrOf(methods) === 3,
    isAllowed,
    ...sessionEnds(call, app, null),
  };
}

/** @param detail a sentence for the caller, if the general one does not apply */
export const factorInvalid = (userId: string, detail?: string): ApiError =>
  new ApiError('factor_invalid', {
    about: { target: { kind: 'user', id: userId } },
    ...(detail !== undefined && { detail }),
  });

/** Converts the refusal of a passkey to the refusal of a factor. */
export const refusedPasskey = (userId: string) => (error: unknown) => {
  throw error instanceof PasskeyRefused ? factorInvalid(userId, error.message) : error;
};

/**
 * The quota of a device or session in which a factor was used before, otherwise that of the user. So strangers cannot
 * exhaust the quota of a device or session that the user has used before.
 */
const quotaNameOf = ({ userId, proven }: FactorHolder) =>
  proven !== undefined
    ? ({ name: 'secondFactorsPerDevicePerHour', whose: `${userId} ${proven}` } as const)
    : ({ name: 'secondFactorsPerUserPerHour', whose: userId } as const);

/**
 * Counts an attempt. The count is committed before the comparison. All sign-ins of a user share it, except those on a
 * device on which a factor was used before.
 */
export async function countAttempt(call: Call, holder: FactorHolder): Promise<void> {
  await takeLimit(call, 'secondFactorsPerAddressPerHour', addressKey(call.client.ip));
  const { name, whose } = quotaNameOf(holder);
  await takeLimit(call, name, whose);
}

/**
 * After a correct factor: resets the quota of the user, device or session, and refunds one unit of the quota of the
 * client address.
 */
export async function refundAttempts(tx: Tx, call: Call, holder: FactorHolder): Promise<void> {
  const { services, appId, client } = call;
  const { name, whose } = quotaNameOf(holder);
  await resetQuotas(tx, appId, [quotaKey(services, name, whose)]);
  const ofAddress = 'secondFactorsPerAddressPerHour';
  const address = quotaOf(services, await appOfCall(call), ofAddress, addressKey(client.ip));
  await tx.query(refundUnit(appId, address, sql`true`));
}

/** The mailed code, if the app accepts one in this sign-in. */
async function mailProof(
  call: Call,
  { userId, firstAmr }: FactorHolder,
  code: string,
): Promise<CheckedFactor['proof'] | undefined> {
  const { db, clock } = call.services;
  if (!firstAmr) return undefined;
  const user = { id: userId, amr: firstAmr };
  if ((await mailableAddress(db, await namedAppOf(call), user, clock.now())) === undefined) return undefined;
  const codeId = await checkCode(call, { userId, purpose: 'second_factor' }, code).catch((error: unknown) => {
    throw error instanceof ApiError && error.code === 'code_invalid' ? factorInvalid(userId) : error;
  });
  return { by: 'email', codeId };
}

async function proofOf(
  call: Call,
  holder: FactorHolder,
  presented: PresentedFactor,
  ceremony: Ceremony,
): Promise<CheckedFactor['proof'] | undefined> {
  const { services, appId } = call;
  const { userId } = holder;
  if (presented.by === 'passkey') {
    const given = { assertion: presented.assertion, ceremony, isAlone: false };
    const passkey = await checkPasskey(call, await namedAppOf(call), given).catch(refusedPasskey(userId));
    if (!(await isUsable(services.db, await namedAppOf(call), userId, 'passkey'))) return undefined;
    return { by: 'passkey', ...passkey };
  }
  if (presented.by === 'recovery-code') {
    const codeHash = recoveryCodeHash(presented.recoveryCode);
    return (await hasRecoveryCode(services.db, appId, userId, codeHash))
      ? { by: 'recovery-code', codeHash }
      : undefined;
  }
  const { factorId } = presented;
  if (factorId === userId) return mailProof(call, holder, presented.code);
  const factor = await findSealedFactor(services.db, appId, userId, factorId);
  if (!factor?.isConfirmed || !(await isUsable(services.db, await namedAppOf(call), userId, 'totp'))) return undefined;
  const secret = openTotpSecret(services.sealer, appId, factorId, factor.sealedSecret);
  const step = matchTotp(secret, normalizeCode(presented.code), services.clock.now());
  return step === undefined ? undefined : { by: 'totp', factorId, step };
}

/**
 * Checks a second factor. The attempt is counted before the comparison.
 *
 * @param ceremony the purpose for which the challenge of a passkey must have been issued
 * @returns the checked factor, which must be consumed with `consumeFactor` in the transaction that it authorizes
 * @throws ApiError `factor_invalid`, regardless of the fault; `rate_limited`
 */
export async function checkFactor(
  call: Call,
  holder: FactorHolder,
  presented: PresentedFactor,
  ceremony: Ceremony,
): Promise<CheckedFactor> {
  await countAttempt(call, holder);
  const proof = await proofOf(call, holder, presented, ceremony);
  if (!proof) throw factorInvalid(holder.userId);
  return { holder, proof };
}

/** Records the use of a passkey. @returns the events; undefined if the passkey was deleted */
export async function recordPasskeyUse(
  tx: Tx,
  { services, appId }: Call,
  { factorId, ...passkey }: CheckedPasskey,
  { startsSession }: { startsSession: boolean },
): Promise<ChangeEvent[] | undefined> {
  const now = services.clock.now();
  const used = await usePasskey(tx, appId, { ...passkey, id: factorId, startsSession, now });
  if (!used?.hasRegressed) return used && [];
  const actor = { kind: 'user', id: passkey.userId } as const;
  return [{ action: 'factor.counter_regressed', target: { kind: 'factor', id: factorId }, actor }];
}

async function use(
  tx: Tx,
  call: Call,
  { holder, proof }: CheckedFactor,
  { startsSession }: { startsSession: boolean },
): Promise<ChangeEvent[] | undefined> {
  const { appId, services } = call;
  const { userId } = holder;
  const now = services.clock.now();
  switch (proof.by) {
    case 'passkey':
      return recordPasskeyUse(tx, call, proof, { startsSession });
    case 'totp': {
      const step = { id: proof.factorId, userId, step: proof.step, startsSession, now };
      return (await useStep(tx, appId, step)) ? [] : undefined;
    }
    case 'email':
      return (await consumeCode(tx, appId, userId, proof.codeId)) ? [] : undefined;
    case 'recovery-code':
      return (await useRecoveryCode(tx, appId, userId, proof.codeHash, now)) ? [] : undefined;
  }
}

/**
 * Consumes a checked factor: a code is accepted once. Refunds the attempts, because the factor was correct. The user
 * must be locked already.
 *
 * @param options.startsSession whether the factor finishes a sign-in
 * @returns additional events, to be recorded with the change
 * @throws ApiError `factor_invalid` if another call used the code or removed the factor in the meantime
 */
export async function consumeFactor(
  tx: Tx,
  call: Call,
  checked: CheckedFactor,
  options: { startsSession: boolean },
): Promise<ChangeEvent[]> {
  const events = await use(tx, call, checked, options);
  if (!events) throw factorInvalid(checked.holder.userId);
  await refundAttempts(tx, call, checked.holder);
  return events;
}
