import type { Held, OverOrganization, Principal } from '../access/access.ts';
import { decide, evaluateOverOrganization, evaluateOverUser } from '../access/decide.ts';
import type { OrganizationRelation, UserRelation } from '../access/relations.ts';
import type { Call } from './route.ts';

/** Records on the request that access was granted. `register` sends no response without this record. */
function recordDecision(call: Call, held: Held): Held {
  call.request.decided = true;
  return held;
}

/**
 * Authorizes the call by the declaration of its route, with at most one query.
 *
 * @returns the principals that the caller holds
 * @throws ApiError as `decide` does
 */
export async function decideAccess(call: Call): Promise<Held> {
  const { services, route, actor, addressed } = call;
  return recordDecision(call, await decide(services.db, route.access, actor, addressed, services.clock.now()));
}

/**
 * Authorizes over an organization, from a relation that the statement of the change has read.
 *
 * @param allowed the principals that may make this change
 * @param relation undefined if the organization does not exist
 * @throws ApiError as `evaluateOverOrganization` does
 */
export function decideByRelation(
  call: Call,
  access: OverOrganization,
  allowed: readonly Principal[],
  relation: OrganizationRelation | undefined,
): Held {
  return recordDecision(call, evaluateOverOrganization(access, allowed, relation));
}

/**
 * Authorizes over a user by the declaration of the route, from a relation that a statement has read.
 *
 * @param relation undefined if the caller cannot see the user, or there is none
 * @throws ApiError as `evaluateOverUser` does
 */
export function decideOverUser(call: Call, relation: UserRelation | undefined): Held {
  const { access, operationId } = call.route;
  if (access.target !== 'user') throw new Error(`${operationId} is not over a user`);
  const { principals } = access;
  return recordDecision(call, evaluateOverUser(principals, relation));
}
