import { findApp } from '../apps/apps.store.ts';
import type { Actor } from '../access/actor.ts';
import type { Tx } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { findManagerRoles, type Grant, holdsRoles } from './members.store.ts';

/** A caller who can hold roles of an organization. */
function holderOf(actor: Actor): { kind: 'user' | 'organization-machine'; id: string } | undefined {
  if (actor.kind === 'user') return { kind: actor.kind, id: actor.user.id };
  return actor.kind === 'organization-machine' ? { kind: actor.kind, id: actor.id } : undefined;
}

/** Whether the caller is a manager, but neither an owner nor a super admin. */
export const isManagerOnly = ({ actor, held }: Call): boolean =>
  actor.kind !== 'machine' && !held.includes('ORG_OWNER') && !held.includes('SUPER_ADMIN');

/**
 * Rejects changes that a manager may not make on any route: of an owner, another manager or themselves. Unless
 * `managersMayGrantAnyRole` is set, a manager also cannot grant roles that they do not have.
 *
 * @param call an authorized call
 * @throws ApiError `access_denied`
 */
export async function checkManagerReach(
  tx: Tx,
  call: Call,
  member: { orgId: string; userId: string },
  grants: readonly Grant[],
): Promise<void> {
  const { actor, appId } = call;
  const caller = holderOf(actor);
  if (!caller || !isManagerOnly(call)) return;
  const managerRoles = await findManagerRoles(tx, appId, member.orgId, member.userId);
  if (caller.id === member.userId || managerRoles.length > 0) throw new ApiError('access_denied');
  const app = await findApp(tx, appId);
  if (app?.settings.managersMayGrantAnyRole) return;
  const roles = grants.flatMap((grant) => (grant.kind === 'ROLE' ? [grant.role] : []));
  if (!(await holdsRoles(tx, appId, { orgId: member.orgId, ...caller }, roles))) {
    throw new ApiError('access_denied', { detail: 'A manager of this app may grant only roles that they have.' });
  }
}
