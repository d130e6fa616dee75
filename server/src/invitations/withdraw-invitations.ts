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
 * Revokes pending invitations when a user leaves an organization or loses roles there, so that an old mail cannot
 * restore the roles. The user must be locked already.
 *
 * @param offers the roles whose invitations are revoked
 * @returns one event for each invitation
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
 * Revokes pending invitations to the previous address when a user changes the address. The user must be
 * locked already. The codes must be voided separately.
 *
 * @returns one event for each invitation, for the inviting organization
 */
export async function withdrawAllInvitations(tx: Tx, call: Call, userId: string): Promise<ChangeEvent[]> {
  const rows = await revokeAllInvitations(tx, call.appId, userId, call.services.clock.now());
  return rows.map(({ id, orgId }) => revoked(id, orgId));
}
