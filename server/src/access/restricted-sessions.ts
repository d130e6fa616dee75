import { ApiError } from '../http/errors.ts';
import type { Actor, SessionRestriction } from './actor.ts';

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
