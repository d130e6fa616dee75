import type { Held, Principal } from '../access/access.ts';
import { decide, evaluateOverOrganization, evaluateOverUser } from '../access/decide.ts';
import type { OrganizationRelation, UserRelation } from '../access/relations.ts';
import type { OrganizationOperation } from '../access/organization-states.ts';
import type { Call } from './route.ts';

/** Records on the request that access was granted. `register` refuses to answer without this record. */
function recordDecision(call: Call, held: Held): Held {
  call.request.decided = true;
  return held;
}

/**
 * Decides on the access that the route of the call declares, with at most one query.
 *
 * @returns the principals that the caller holds
 * @throws ApiError as `decide` does
 */
export async function decideAccess(call: Call): Promise<Held> {
  return recordDecision(call, await decide(call.services.db, call.route.access, call.actor, call.addressed));
}

/**
 * Decides on access over an organization from a relation that the statement of the change has read.
 *
 * @param allowed the principals that may make this change
 * @param relation undefined if the organization does not exist
 * @throws ApiError as `evaluateOverOrganization` does
 */
export function decideByRelation(
  call: Call,
  operation: OrganizationOperation,
  allowed: readonly Principal[],
  relation: OrganizationRelation | undefined,
): Held {
  return recordDecision(call, evaluateOverOrganization(operation, allowed, relation));
}

/**
 * Decides on the access that the route declares over a user, by a relation that a statement has read.
 *
 * @param relation undefined if the caller sees no such user
 * @throws ApiError as `evaluateOverUser` does
 */
export function decideOverUser(call: Call, relation: UserRelation | undefined): Held {
  const { access, operationId } = call.route;
  if (access.target !== 'user') throw new Error(`${operationId} is not over a user`);
  const { principals } = access;
  return recordDecision(call, evaluateOverUser(principals, relation));
}
