import { findApp } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { findManagerRoles, type Grant, holdsRoles } from './members.store.ts';

/** Whether somebody acts as manager of the organization and as nothing more. */
export const isManagerOnly = ({ actor, held }: Call): boolean =>
  actor.kind === 'user' && !held.includes('ORG_OWNER') && !held.includes('SUPER_ADMIN');

/**
 * What a manager may not do, by any route: change an owner, another manager or themselves; and, where
 * the app says so, grant roles that they do not hold.
 *
 * @param call made by somebody whom the route let in
 * @throws ApiError `access_denied`
 */
export async function checkManagerReach(
  tx: Tx,
  call: Call,
  member: { orgId: string; userId: string },
  grants: readonly Grant[],
): Promise<void> {
  const { actor, appId } = call;
  if (actor.kind !== 'user' || !isManagerOnly(call)) return;
  const managerRoles = await findManagerRoles(tx, appId, member.orgId, member.userId);
  if (actor.user.id === member.userId || managerRoles.length > 0) throw new ApiError('access_denied');
  const app = await findApp(tx, appId);
  if (app?.settings.managersMayGrantAnyRole) return;
  const roles = grants.flatMap((grant) => (grant.kind === 'ROLE' ? [grant.role] : []));
  if (!(await holdsRoles(tx, appId, { orgId: member.orgId, userId: actor.user.id }, roles))) {
    throw new ApiError('access_denied', { detail: 'A manager of this app may only grant roles that they hold.' });
  }
}
