import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError, type ErrorCode } from '../http/errors.ts';
import { isWithin } from '../http/network-address.ts';
import {
  type Access,
  type Addressed,
  type Held,
  isForMachinesOnly,
  needsSession,
  notFoundCode,
  type OverOrganization,
  type Principal,
} from './access.ts';
import { type Actor, onlyOrganizationOf } from './actor.ts';
import { includesScope, type MachineScope } from './machine-scopes.ts';
import { policyRefusal } from './organization-policy.ts';
import { rulingOn, statusesInForce } from './organization-states.ts';
import {
  heldOverAnyUser,
  heldOverApp,
  type OrganizationRelation,
  organizationRelation,
  seesWholeApp,
  type UserRelation,
  userRelation,
} from './relations.ts';

/**
 * Authorizes by principals: allowed if the caller holds any of them; the not-found code if the caller holds none at
 * all; otherwise `access_denied`.
 *
 * @throws ApiError `notFound` or `access_denied`
 */
export function evaluate(allowed: readonly Principal[], held: Held, notFound: ErrorCode): void {
  if (held.some((principal) => allowed.includes(principal))) return;
  throw new ApiError(held.length === 0 ? notFound : 'access_denied', { isDenial: true });
}

/** The input of the decision on an operation over an organization, in addition to the principals. */
type Operation = Pick<OverOrganization, 'operation' | 'evenBelowPolicy'>;

/**
 * Whether the session of a person must meet the policy of the organization. To see only name and status, it need not.
 */
export const needsPolicy = ({ operation, evenBelowPolicy }: Operation): boolean =>
  operation !== 'see' && !evenBelowPolicy;

/**
 * Authorizes an operation on an organization: the caller's relation and the organization's status must both allow it,
 * and the caller's session must meet its policy. Members of a deactivated organization get `organization_inactive` for
 * every operation except `see`, even for operations that their role does not allow.
 *
 * @param relation undefined if the organization does not exist
 * @throws ApiError `organization_not_found`, `access_denied`, `organization_inactive`, `organization_inactive_state`,
 *   `step_up_required`, `reauthentication_required`
 */
export function evaluateOverOrganization(
  access: Operation,
  allowed: readonly Principal[],
  relation: OrganizationRelation | undefined,
): Held {
  const { operation } = access;
  const { held = [], status = 'Active', unmet = null } = relation ?? {};
  const ruling = rulingOn(status, operation, held);
  if (held.length > 0 && ruling === 'organization_inactive') throw new ApiError(ruling);
  evaluate(allowed, held, notFoundCode.organization);
  if (unmet && needsPolicy(access)) throw policyRefusal(unmet);
  if (ruling === 'organization_inactive_state') throw new ApiError(ruling);
  return held;
}

/**
 * The principals of super admins and machine users for a deleted organization. The audit event of the deletion shows
 * that the organization existed.
 */
async function heldOverDeleted(db: Queryable, actor: Actor, appId: string, orgId: string): Promise<Held> {
  if (!seesWholeApp(actor)) return [];
  const [deleted] = await db.query(sql`
    SELECT 1 FROM audit_events
    WHERE app_id = ${appId} AND org_id = ${orgId} AND action = 'organization.deleted' LIMIT 1`);
  return deleted ? heldOverApp(actor) : [];
}

/** Reads the caller's relation to an organization and authorizes the operation. */
async function decideOverOrganization(
  db: Queryable,
  access: OverOrganization,
  actor: Actor,
  { appId, orgId }: Addressed,
  now: Date,
): Promise<Held> {
  const [relation] = await db.query<OrganizationRelation>(organizationRelation(actor, appId, orgId, now));
  if (!relation && access.orDeleted) {
    const held = await heldOverDeleted(db, actor, appId, orgId);
    evaluate(access.principals, held, notFoundCode.organization);
    return held;
  }
  return evaluateOverOrganization(access, access.principals, relation);
}

/**
 * Authorizes an operation on a user.
 *
 * @param relation undefined if the caller may not see the user
 * @throws ApiError `user_not_found`, `access_denied`, `step_up_required`, `reauthentication_required`
 */
export function evaluateOverUser(allowed: readonly Principal[], relation: UserRelation | undefined): Held {
  const { held = [], unmet = null } = relation ?? {};
  evaluate(allowed, held, notFoundCode.user);
  if (unmet) throw policyRefusal(unmet);
  return held;
}

/** The caller's own user needs no query, because authentication has read it. */
async function relationToUser(
  db: Queryable,
  actor: Actor,
  { appId, userId }: Addressed,
  now: Date,
): Promise<UserRelation | undefined> {
  if (actor.kind === 'mailed-token' || (actor.kind === 'user' && actor.user.id === userId)) {
    return { held: heldOverAnyUser(actor, userId) ?? [], unmet: null };
  }
  const [row] = await db.query<UserRelation>(userRelation(actor, appId, userId, now));
  return row;
}

async function heldOverSession(db: Queryable, actor: Actor, appId: string, sessionId: string): Promise<Held> {
  if (actor.kind !== 'user') return [];
  const [own] = await db.query(sql`
    SELECT 1 FROM sessions WHERE app_id = ${appId} AND id = ${sessionId} AND user_id = ${actor.user.id}`);
  return own ? ['SESSION_OWNER'] : [];
}

/**
 * Decides by stored data whether the actor may call a route, with at most one query.
 *
 * @returns the principals of the actor, for rules that depend on more than the route
 * @throws ApiError `human_required`, `access_denied` (403) or the not-found code of the target (404); for an
 *   organization also the codes of its status and its policy
 */
export async function decide(
  db: Queryable,
  access: Access,
  actor: Actor,
  addressed: Addressed,
  now: Date,
): Promise<Held> {
  if (access.target === 'public' || access.target === 'platform') return [];
  if (actor.kind === 'machine' && !access.principals.includes('GENERIC_MACHINE_USER')) refuseMachine(access);
  if (access.target === 'organization') return decideOverOrganization(db, access, actor, addressed, now);
  if (access.target === 'user') {
    return evaluateOverUser(access.principals, await relationToUser(db, actor, addressed, now));
  }
  const held = await heldOver(db, access.target, actor, addressed);
  evaluate(access.principals, held, notFoundCode[access.target]);
  return held;
}

/** Refuses machine users with `human_required` on routes for the signed-in person. */
function refuseMachine(access: Access): void {
  if (access.target === 'app' && access.principals.includes('SESSION_OWNER')) throw new ApiError('human_required');
}

function heldOver(
  db: Queryable,
  target: Exclude<keyof typeof notFoundCode, 'organization' | 'user'>,
  actor: Actor,
  addressed: Addressed,
): Promise<Held> {
  switch (target) {
    case 'app':
      return Promise.resolve(heldOverApp(actor));
    case 'session':
      return heldOverSession(db, actor, addressed.appId, addressed.sessionId);
  }
}

/**
 * Refuses access tokens of people on routes that need the session, and calls of machine users from outside their
 * networks.
 *
 * @param peer the address of the connection. The end user's address that a backend reports is ignored
 * @throws ApiError `session_required`, `network_not_allowed`
 */
export function requireAccepted(access: Access, actor: Actor, peer: string): void {
  if (actor.kind === 'machine' && actor.allowedNetworks && !isWithin(actor.allowedNetworks, peer))
    throw new ApiError('network_not_allowed');
  if (actor.kind === 'user' && actor.accessToken && needsSession(access)) throw new ApiError('session_required');
}

/**
 * Refuses machine users that lack the scope of a route. The claim `scope` of the token is ignored; it is for other
 * services.
 *
 * @throws ApiError `insufficient_scope`
 * @see RFC 6750, section 3.1
 */
export function requireMachineScope(access: Access, actor: Actor): void {
  if (actor.kind !== 'machine' || !('principals' in access) || access.machineScope === undefined) return;
  requireScope(actor.scopes, access.machineScope);
}

/** @param granted the stored scopes of a machine user @throws ApiError `insufficient_scope` */
export function requireScope(granted: readonly string[], scope: MachineScope): void {
  if (includesScope(granted, scope)) return;
  throw new ApiError('insufficient_scope', {
    detail: `The machine user lacks the scope ${scope}.`,
    headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scope}"` },
    isDenial: true,
  });
}

/**
 * Refuses machine users of organizations on routes that do not accept them, and while their organization is inactive.
 *
 * @throws ApiError `human_required`, `access_denied`, `organization_inactive`
 */
export function requireOrganizationMachineAccepted(access: Access, actor: Actor): void {
  if (actor.kind !== 'organization-machine' || !('principals' in access)) return;
  if (!access.organizationMachine)
    throw new ApiError(isForMachinesOnly(access) ? 'access_denied' : 'human_required', { isDenial: true });
  if (!statusesInForce().includes(actor.organizationStatus)) throw new ApiError('organization_inactive');
}

/**
 * Restricts a caller to the organization of their access token, or of their machine user. For other organizations the
 * caller gets 404. While the organization is deactivated, an access token is refused for calls without an
 * organization as target; for other calls, the status of the organization decides.
 *
 * @param orgId the target organization of the call
 * @throws ApiError `organization_not_found`, `organization_inactive`
 */
export function requireOrganizationOfToken(access: Access, actor: Actor, orgId: string): void {
  const only = onlyOrganizationOf(actor);
  if (only === undefined) return;
  if (access.target === 'organization' && orgId !== only)
    throw new ApiError(notFoundCode.organization, { isDenial: true });
  if (access.target !== 'organization' && actor.kind === 'user' && actor.accessToken?.isOrganizationSuspended)
    throw new ApiError('organization_inactive', { isDenial: true });
}
