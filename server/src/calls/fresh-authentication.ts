import type { PresentedSession } from '../access/actor.ts';
import { freshForSeconds, isRecent } from '../access/second-factor.ts';
import { ApiError } from '../http/errors.ts';
import { appOfCall } from './call-app.ts';
import type { Call } from './route.ts';

const error = 'insufficient_user_authentication';
/** Tells the client the maximum age of the authentication. @see RFC 9470, section 3 */
export const freshAuthenticationChallenge = `Bearer error="${error}", max_age=${freshForSeconds}`;

const isFresh = ({ authenticatedAt, needsReauthentication }: PresentedSession, now: Date): boolean =>
  !needsReauthentication && isRecent(authenticatedAt, now);

/** Whether the body carries the current password. The handler compares it. */
const hasCurrentPassword = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'currentPassword' in body && body.currentPassword !== undefined;

/**
 * Refuses a human caller if the route requires fresh authentication and the session has none. The current password in
 * the body replaces it for this call. Callers without a session are exempt.
 *
 * @throws ApiError `reauthentication_required`
 */
export async function requireFreshAuthentication(call: Call): Promise<void> {
  const { route, actor, body, services } = call;
  if (!route.freshAuthentication || actor.kind !== 'user') return;
  if (isFresh(actor.session, services.clock.now()) || hasCurrentPassword(body)) return;
  const isAsked = route.freshAuthentication === 'always' || actor.user.hasFactor;
  if (!isAsked && !(await appOfCall(call)).settings.stepUp) return;
  if (await route.isExemptFromFreshAuthentication?.(call)) return;
  throw refusal();
}

const refusal = () =>
  new ApiError('reauthentication_required', { headers: { 'www-authenticate': freshAuthenticationChallenge } });

/**
 * For handlers that require fresh authentication only in some cases: refuses a human caller whose session has none.
 *
 * @throws ApiError `reauthentication_required`
 */
export function requireFreshSession({ actor, services }: Call): void {
  if (actor.kind === 'user' && !isFresh(actor.session, services.clock.now())) throw refusal();
}
