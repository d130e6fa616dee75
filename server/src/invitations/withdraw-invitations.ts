import type { Tx } from '../db/db.ts';
import type { ChangeEvent } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { type Offer, revokeAllInvitations, revokeInvitationsOf, voidCodesLeftOver } from './invitations.store.ts';

const revoked = (id: string, orgId: string): ChangeEvent => ({
  action: 'invitation.revoked',
  target: { kind: 'invitation', id },
  orgId,
});

/**
 * Somebody goes out of the organization of the call, or loses roles or manager roles there: no older invitation is to
 * bring that back behind the backs of those who decided it. The caller has locked the user.
 *
 * @param offers what the invitations offer that are revoked
 * @returns one event for each
 */
export async function withdrawInvitations(
  tx: Tx,
  { services, appId, orgId }: Call,
  userId: string,
  offers: readonly Offer[],
): Promise<ChangeEvent[]> {
  if (offers.length === 0) return [];
  const ids = await revokeInvitationsOf(tx, appId, { orgId, userId, now: services.clock.now() }, offers);
  if (ids.length > 0) await voidCodesLeftOver(tx, appId, { orgId, userId });
  return ids.map((id) => revoked(id, orgId));
}

/**
 * Somebody has another address: what waits for them to prove the one of before does not move along. The caller has
 * locked the user, and voids the codes.
 *
 * @returns one event for each, for the organization that invited
 */
export async function withdrawAllInvitations(tx: Tx, call: Call, userId: string): Promise<ChangeEvent[]> {
  const rows = await revokeAllInvitations(tx, call.appId, userId, call.services.clock.now());
  return rows.map(({ id, orgId }) => revoked(id, orgId));
}
