import { ApiError } from '../http/errors.ts';
import type { Actor, SessionRestriction, SignedInUser } from './actor.ts';

/** Maximum age of an authentication, or of a second factor, that counts as recent, in seconds. */
export const freshForSeconds = 600;

/** Whether a moment is recent. Null: it never was. */
export const isRecent = (time: Date | null, now: Date): boolean =>
  time !== null && now.getTime() - time.getTime() <= freshForSeconds * 1000;

/**
 * When a route requires a recent second factor: `ifEnrolled` from people who have one; `always` also refuses people who
 * have none.
 */
export type FreshFactor = 'ifEnrolled' | 'always';

/**
 * The strength of an authentication. 1: one factor; 2: two factors; 3: two factors that cannot be phished, a passkey
 * that has verified the person by PIN or biometrics.
 */
export type Acr = 1 | 2 | 3;

/**
 * The strength of the authentication in a session. A session that began with a recovery code can only replace factors:
 * its strength stays 1.
 *
 * @param amr methods of authentication (RFC 8176)
 * @param providerAcr the strength that an identity provider has asserted; null: none
 */
export function acrOf(amr: readonly string[], providerAcr: Acr | null = null): Acr {
  if (amr.includes('rec')) return 1;
  const isPasskey = amr.includes('hwk') || amr.includes('swk');
  if (providerAcr === 3 || (isPasskey && amr.includes('user'))) return 3;
  return providerAcr === 2 || amr.includes('mfa') ? 2 : 1;
}

/** The strength as a URN, for tokens and challenges. */
export const acrUrn = (acr: Acr): string => `urn:gatehouse:acr:${acr}`;

/** Tells the client that two factors are needed. @see RFC 9470, section 3 */
export const freshFactorChallenge = [
  'Bearer error="insufficient_user_authentication"',
  `acr_values="${acrUrn(2)}"`,
  `max_age=${freshForSeconds}`,
].join(', ');

/** The refusal of a session without a recent second factor. */
export const stepUpRequired = ({ hasFactor }: Pick<SignedInUser, 'hasFactor'>): ApiError =>
  new ApiError('step_up_required', {
    headers: { 'www-authenticate': freshFactorChallenge },
    ...(!hasFactor && {
      detail: 'Only people who have a second factor themselves may make this call. Add one first.',
    }),
  });

/**
 * Refuses a human caller whose session has proven no second factor recently, if the route requires it.
 *
 * @throws ApiError `step_up_required`
 */
export function requireFreshFactor(required: FreshFactor | undefined, actor: Actor, now: Date): void {
  if (!required || actor.kind !== 'user') return;
  const { hasFactor } = actor.user;
  if (hasFactor ? isRecent(actor.session.factorAt, now) : required === 'ifEnrolled') return;
  throw stepUpRequired(actor.user);
}

/**
 * Refuses a restricted session, unless the route accepts it.
 *
 * @throws ApiError `mfa_enrolment_required`
 */
export function requireUnrestricted(accepted: readonly SessionRestriction[] | undefined, actor: Actor): void {
  if (actor.kind !== 'user' || actor.session.restriction === null) return;
  const { restriction } = actor.session;
  if (accepted?.includes(restriction)) return;
  const afterRecovery =
    'This session began with a recovery code. It can only replace second factors and end itself. Then sign in again.';
  throw new ApiError('mfa_enrolment_required', restriction === 'recovery' ? { detail: afterRecovery } : {});
}
