import type { Tx } from '../db/db.ts';
import type { ChangeEvent } from '../http/mutate.ts';
import type { Call } from '../http/route.ts';
import type { Grant } from '../members/members.store.ts';
import { revokeInvitationsOf, voidCodesLeftOver } from './invitations.store.ts';

/**
 * Somebody goes out of the organization of the call, or loses their manager roles there: no older invitation is to
 * bring that back behind the backs of those who decided it. The caller has locked the user.
 *
 * @param kinds what the invitations grant that are revoked
 * @returns one event for each
 */
export async function withdrawInvitations(
  tx: Tx,
  { services, appId, orgId }: Call,
  userId: string,
  kinds: readonly Grant['kind'][],
): Promise<ChangeEvent[]> {
  const ids = await revokeInvitationsOf(tx, appId, { orgId, userId, now: services.clock.now() }, kinds);
  if (ids.length > 0) await voidCodesLeftOver(tx, appId, { orgId, userId });
  return ids.map((id) => ({ action: 'invitation.revoked', target: { kind: 'invitation', id }, orgId }));
}
