import { requireScope } from '../access/decide.ts';
import type { MachineScope } from '../access/machine-scopes.ts';
import type { Tx } from '../db/db.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { isManagerOnly } from '../members/reach.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import type { MachineGrants } from './organization-machine-users.store.ts';

/** What every machine user of an organization may do at this API, as scopes of machine users of the app. */
const scopesOfMembers: readonly MachineScope[] = ['organizations:read', 'roles:read'];

/** @throws ApiError `organization_machine_users_disabled` */
export async function requireEnabled(call: Call): Promise<void> {
  const { settings } = await namedAppOf(call);
  if (!settings.organizationMachineUsers) throw new ApiError('organization_machine_users_disabled');
}

/**
 * Checks that the caller may grant a machine user its roles. A new secret gives access to all rights of its machine
 * user, so the same rule applies. Owners may grant all roles of their organization. A machine user of the app needs the
 * scopes, and can never grant the manager role.
 *
 * @param given the roles that the caller grants with this call
 * @throws ApiError `access_denied`, `insufficient_scope`
 */
export function checkMayGive({ actor }: Call, given: MachineGrants): void {
  if (actor.kind !== 'machine') return;
  if (given.isManager)
    throw new ApiError('access_denied', { detail: 'Only owners can grant the role ORG_USER_MANAGER.', isDenial: true });
  for (const scope of scopesOfMembers) requireScope(actor.scopes, scope);
  if (given.roles.length > 0) requireScope(actor.scopes, 'members:write');
}

/**
 * Locks a person who calls until the transaction ends. A concurrent demotion waits, and also gives the new secret an
 * expiry; after an earlier one `requireStanding` refuses the call.
 *
 * @returns the id of the person; null for a machine user
 * @throws ApiError `unauthenticated`
 */
export async function lockMaker(tx: Tx, call: Call): Promise<string | null> {
  const { actor } = call;
  if (actor.kind !== 'user') return null;
  // An error of the declaration of the route, not of the caller.
  if (isManagerOnly(call)) throw new Error('Only routes for owners and super admins may change these credentials');
  await lockCallerWithSession(tx, call);
  return actor.user.id;
}
