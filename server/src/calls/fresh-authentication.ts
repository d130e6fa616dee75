import {
  isRequired,
  meets,
  recently,
  requireAuthentication,
  type RequiredAuthentication,
  requiredStrength,
} from '../access/required-authentication.ts';
import { appOfCall } from './call-app.ts';
import type { Call, Route } from './route.ts';

/** Whether the body carries the current password. The handler compares it. */
const hasCurrentPassword = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'currentPassword' in body && body.currentPassword !== undefined;

/** Whether the call grants rights to somebody. If so, super admins need their second factor. */
export const isGrant = ({ access, grants }: Route): boolean =>
  grants ?? (access.target === 'organization' && access.operation === 'grant');

/** The authentication that a route requires of every person. */
export const requiredAuthenticationOf = ({ access }: Route): RequiredAuthentication | undefined =>
  'principals' in access ? access.authentication : undefined;

/** Whether a route can refuse a session because of its authentication. */
export const asksForAuthentication = (route: Route): boolean =>
  route.freshAuthentication !== undefined || isGrant(route) || requiredAuthenticationOf(route) !== undefined;

/**
 * Refuses a person whose session does not meet the requirements of a route with `freshAuthenticationFor:
 * 'changes'`. The handler calls this in its transaction, after it has locked the row and found that a value changes.
 *
 * @param grants whether the change grants rights; default: whether the route does
 * @throws ApiError `reauthentication_required`, `step_up_required`
 */
export function requireFreshForChange({ route, actor, services }: Call, grants = isGrant(route)): void {
  if (route.freshAuthenticationFor !== 'changes')
    throw new Error(`${route.operationId} requires it before its handler`);
  if (actor.kind !== 'user') return;
  const asked = { freshness: route.freshAuthentication, operationId: route.operationId, isGrant: grants };
  requireAuthentication(actor, recently(requiredStrength(asked, actor)), services.clock.now());
}

/**
 * Refuses a person whose session does not meet the requirements of the route. For people without a second factor,
 * the current password in the body replaces a recent authentication. Callers without a session are exempt.
 *
 * @throws ApiError `reauthentication_required`, `step_up_required`
 */
export async function requireFreshAuthentication(call: Call): Promise<void> {
  const { route, actor, body, services } = call;
  if (actor.kind !== 'user') return;
  const now = services.clock.now();
  const declared = requiredAuthenticationOf(route);
  if (declared) requireAuthentication(actor, declared, now);
  if (route.freshAuthenticationFor === 'changes') return;
  const asked = { freshness: route.freshAuthentication, operationId: route.operationId, isGrant: isGrant(route) };
  const acr = requiredStrength(asked, actor);
  if (meets(actor.session, recently(acr), now)) return;
  if (!(await isRequired(asked, actor, async () => (await appOfCall(call)).settings))) return;
  if (acr === 1 && hasCurrentPassword(body)) return;
  if (route.isExemptFromFreshAuthentication?.(call)) return;
  requireAuthentication(actor, recently(acr), now);
}
