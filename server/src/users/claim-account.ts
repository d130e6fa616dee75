import { voidAllCodes } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { deleteDevices } from '../devices/devices.store.ts';
import type { ChangeEvent } from '../http/mutate.ts';
import { deleteIdentities } from '../identity-providers/identities.store.ts';
import { acceptInvitations } from '../invitations/invitations.store.ts';
import { type Grant, grantName, grantToMember } from '../members/members.store.ts';
import type { Services } from '../services.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { markClaimed } from './users.store.ts';

/** What whoever proved the mailbox brings along. */
export interface Claim {
  /** The address as they wrote it, of the same key as the account's. */
  readonly email: string;
  /** Undefined: they come without one, from an identity provider. */
  readonly passwordHash: string | undefined;
  readonly firstName?: string | undefined;
  readonly lastName?: string | undefined;
}

/** What took effect, by organization. */
export type GrantedInvitations = ReadonlyMap<string, readonly Grant[]>;

/** Each organization that gains somebody reads it in its own audit. */
export function acceptanceEvents(userId: string, granted: GrantedInvitations): ChangeEvent[] {
  const actor = { kind: 'user', id: userId } as const;
  return [...granted].map(([orgId, grants]) => ({
    action: 'invitation.accepted',
    target: actor,
    actor,
    orgId,
    changes: grants.map(grantName),
  }));
}

/** Every live invitation to the proven address takes effect. */
async function grantInvitations(
  tx: Tx,
  services: Services,
  appId: string,
  userId: string,
): Promise<GrantedInvitations> {
  const now = services.clock.now();
  const granted = new Map<string, Grant[]>();
  for (const { orgId, grant } of await acceptInvitations(tx, appId, userId, now)) {
    granted.set(orgId, [...(granted.get(orgId) ?? []), grant]);
  }
  // In the order of ids, like everybody who changes memberships of several organizations.
  for (const [orgId, grants] of [...granted].toSorted(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : 1))) {
    await grantToMember(tx, appId, { orgId, userId, id: services.ids.next(), now }, grants);
  }
  return granted;
}

/**
 * The mailbox of an account was proven by whoever acts now: from here on the account is theirs. Whatever was there
 * before may be somebody else's who only knew the address, and is void: password, sessions, known devices,
 * identities, every code with the token mailed beside it, and personal data of an account that nobody had proven. All pending invitations to the
 * address take effect.
 *
 * Called where a code sent to the address, or an identity provider that vouches for it, came back. The caller has
 * locked the user, refused one that is INACTIVE, and used the code up.
 */
export async function claimAccount(
  tx: Tx,
  services: Services,
  appId: string,
  userId: string,
  claim: Claim,
): Promise<GrantedInvitations> {
  await deleteSessions(tx, appId, userId);
  await deleteIdentities(tx, appId, userId);
  await deleteDevices(tx, appId, userId);
  await voidAllCodes(tx, appId, userId);
  await markClaimed(tx, appId, userId, { ...claim, now: services.clock.now() });
  return grantInvitations(tx, services, appId, userId);
}
