import type { Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { Access, Addressed } from './access.ts';
import type { Actor } from './actor.ts';
import { decide } from './decide.ts';

/** A change that is about to commit. */
interface Change {
  readonly access: Access;
  readonly actor: Actor;
  readonly addressed: Addressed;
  /** Whether the change gives rights to somebody. */
  readonly isGrant: boolean;
}

/** Whether the change gives rights, or concerns the whole app, as only super admins may do. */
const isPowerful = ({ access, isGrant }: Change): boolean =>
  isGrant || (access.target === 'app' && access.principals.includes('SUPER_ADMIN'));

/** Super admins may remove their own rights: then the change itself has just ended them. */
const isAboutCaller = ({ access, actor, addressed }: Change): boolean =>
  access.target === 'user' && actor.kind === 'user' && addressed.userId === actor.user.id;

/**
 * Decides on the access of a person again before a powerful change commits. The change may have waited for a lock or
 * for another server, and the caller may have lost the session or the rights in the meantime.
 *
 * @throws ApiError `unauthenticated`, and as `decide`
 */
export async function requireStanding(tx: Tx, change: Change, now: Date): Promise<void> {
  const { access, actor, addressed } = change;
  if (actor.kind !== 'user' || !isPowerful(change) || isAboutCaller(change)) return;
  const [person] = await tx.query<{ is_super_admin: boolean }>(sql`
    SELECT u.is_super_admin FROM sessions s
    JOIN users u ON u.app_id = ${addressed.appId} AND u.id = s.user_id AND u.state = 'ACTIVE'
    WHERE s.app_id = ${addressed.appId} AND s.id = ${actor.session.id}`);
  if (!person) throw new ApiError('unauthenticated');
  // The change may have deleted the user that it is about, so only the rights of the caller are compared.
  if (access.target === 'user' && person.is_super_admin === actor.user.isSuperAdmin) return;
  const current = { ...actor, user: { ...actor.user, isSuperAdmin: person.is_super_admin } };
  await decide(tx, access, current, addressed, now);
}
