import type { Tx } from '../db/db.ts';
import type { ChangeEvent } from '../calls/mutate.ts';
import { acceptInvitations } from '../invitations/invitations.store.ts';
import { type Grant, grantName, grantToMember } from '../members/members.store.ts';
import type { Services } from '../calls/services.ts';
import { markClaimed } from '../users/users.store.ts';
import { voidWaysIn } from './void-ways-in.ts';

/** How the owner of a mailbox claims an account, and what they bring. */
export interface Claim {
  readonly way: 'mailed_code' | 'provider';
  /** The address as they wrote it, of the same key as the account's. */
  readonly email: string;
  /** Undefined for an identity provider. */
  readonly passwordHash: string | undefined;
  readonly firstName?: string | undefined;
  readonly lastName?: string | undefined;
}

/** Grants that took effect, by organization. */
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

/** Lets every live invitation to the claimed address of a locked user take effect. */
export async function grantInvitations(
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
  // In the order of ids, like all changes of memberships in several organizations, to avoid deadlocks.
  for (const [orgId, grants] of [...granted].toSorted(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : 1))) {
    await grantToMember(tx, appId, { orgId, userId, id: services.ids.next(), now }, grants);
  }
  return granted;
}

/**
 * Claims an account by ways (b) and (c) of contract 2.5: a code from the mailbox, or an identity provider that vouches
 * for the address. Rule (P) applies first: everything by which somebody else may sign in is void. Then all pending
 * invitations to the address take effect.
 *
 * The caller has locked the user, refused an INACTIVE or claimed one, and consumed the code.
 *
 * @returns what the invitations granted
 */
export async function claimAccount(
  tx: Tx,
  services: Services,
  appId: string,
  userId: string,
  details: Claim,
): Promise<GrantedInvitations> {
  const now = services.clock.now();
  await voidWaysIn(tx, appId, userId, now);
  await markClaimed(tx, appId, userId, { ...details, now });
  return grantInvitations(tx, services, appId, userId);
}
