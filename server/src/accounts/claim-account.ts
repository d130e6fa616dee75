import type { Tx } from '../db/db.ts';
import type { ChangeEvent } from '../calls/mutate.ts';
import { acceptInvitations } from '../invitations/invitations.store.ts';
import { type Grant, grantName, grantToMember } from '../members/members.store.ts';
import type { Call } from '../calls/route.ts';
import type { Services } from '../calls/services.ts';
import { markClaimed } from '../users/users.store.ts';
import { voidSignInMethods } from './void-sign-in-methods.ts';

/** The methods by which the owner of a mailbox claims an account, with their data. */
export interface Claim {
  readonly way: 'mailed_code' | 'provider';
  /** The address as the owner spelled it. Its e-mail key equals that of the account. */
  readonly email: string;
  /** Undefined for an identity provider. */
  readonly passwordHash: string | undefined;
  readonly firstName?: string | undefined;
  readonly lastName?: string | undefined;
  /** The organization whose invitation code was presented, if the account is claimed with one. */
  readonly invitedBy?: string | undefined;
}

/** Roles granted by accepted invitations, by organization. */
export type GrantedInvitations = ReadonlyMap<string, readonly Grant[]>;

/**
 * One event for each organization, so that it appears in the organization's audit. Only the event of the organization
 * whose code was presented shows the client. Anybody can invite an address, and must not learn where its owner is.
 *
 * @param presented the organization whose code was presented, if any
 */
export function acceptanceEvents(
  userId: string,
  granted: GrantedInvitations,
  presented: string | undefined,
): ChangeEvent[] {
  const actor = { kind: 'user', id: userId } as const;
  return [...granted].map(([orgId, grants]) => ({
    action: 'invitation.accepted',
    target: actor,
    actor,
    orgId,
    changes: grants.map(grantName),
    ...(orgId !== presented && { withoutClient: true }),
  }));
}

/** Events that a user causes who presents a code or another credential of the mailbox, instead of a session. */
export const byUser = (userId: string, events: readonly ChangeEvent[]): ChangeEvent[] =>
  events.map((event) => ({ ...event, actor: { kind: 'user', id: userId } }));

/** Accepts every valid invitation to the claimed address of a locked user. */
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
  // Changes in several organizations are made in the order of ids, to avoid deadlocks.
  for (const [orgId, grants] of [...granted].toSorted(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : 1))) {
    await grantToMember(tx, appId, { orgId, userId, id: services.ids.next(), now }, grants);
  }
  return granted;
}

/**
 * Claims an account by methods (b) and (c) of contract 2.5: a code from the mailbox, or an identity provider that
 * vouches for the address. First, all existing sign-in methods are voided (rule P), because a stranger may have created
 * them. Then all pending invitations to the address are accepted.
 *
 * The user must be locked already, must not be INACTIVE or claimed, and the code must be consumed already.
 *
 * @returns the events of the accepted invitations, and of the credentials that ended
 */
export async function claimAccount(
  tx: Tx,
  context: Pick<Call, 'services' | 'appId'>,
  userId: string,
  details: Claim,
): Promise<ChangeEvent[]> {
  const { services, appId } = context;
  const ended = await voidSignInMethods(tx, context, userId);
  await markClaimed(tx, appId, userId, { ...details, now: services.clock.now() });
  const granted = await grantInvitations(tx, services, appId, userId);
  return [...acceptanceEvents(userId, granted, details.invitedBy), ...byUser(userId, ended)];
}
