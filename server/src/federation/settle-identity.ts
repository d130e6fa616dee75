import { lockOrInsertUser } from '../users/lock-or-insert-user.ts';
import { namedAppOf } from '../apps/named-app.ts';
import type { App } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { queueNotice } from '../email/mail-quotas.ts';
import { signedIn } from '../access/actor.ts';
import type { Acr } from '../access/second-factor.ts';
import { ApiError } from '../http/errors.ts';
import type { ChangeEvent } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { notMeUrl } from '../users/not-me-token.ts';
import { claimAccount } from '../accounts/claim-account.ts';
import { emailKey } from '../http/email-address.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import { isInvitedAsSuperAdmin, readStanding } from '../users/super-admins.store.ts';
import { lockUser, type User } from '../users/users.store.ts';
import {
  hasOtherSubject,
  insertIdentity,
  lockUserOfIdentity,
  type Subject,
  touchIdentity,
} from '../identity-providers/identities.store.ts';
import type { Profile } from './intent-content.ts';

/** The profile of a person who returned from a provider, with the provider. */
export interface Arrival extends Profile {
  readonly idpId: string;
  readonly providerName: string;
  /** The strength that the provider has asserted; null: none. */
  readonly providerAcr: Acr | null;
}

/** The user to sign in, and the audit events of the changes. */
export interface Settled {
  readonly userId: string;
  readonly isNewUser: boolean;
  readonly events: readonly ChangeEvent[];
}

const providerOf = ({ idpId }: Subject) => ({ target: { kind: 'identity_provider', id: idpId } });

const actorOf = (userId: string) => ({ kind: 'user', id: userId }) as const;

/** Key of the address that the provider has verified for this profile. */
export const vouchedEmailKeyOf = (arrival: Profile): string | null =>
  arrival.isEmailProven && arrival.email !== null ? emailKey(arrival.email) : null;

/** Links an identity to a user. @returns the audit event */
async function link(tx: Tx, call: Call, userId: string, arrival: Arrival): Promise<ChangeEvent> {
  const { services, appId } = call;
  const id = services.ids.next();
  const vouchedEmailKey = vouchedEmailKeyOf(arrival);
  await insertIdentity(tx, appId, { ...arrival, id, userId, vouchedEmailKey, now: services.clock.now() });
  const changes = [`idp.${arrival.idpId}`];
  return { action: 'identity.linked', target: { kind: 'identity', id }, actor: actorOf(userId), changes };
}

/** Notifies the owner of the account of the new sign-in method. */
async function tellLinked(
  tx: Tx,
  call: Call,
  user: Pick<User, 'id' | 'email'>,
  arrival: Arrival,
  identityId: string,
): Promise<void> {
  const { id: userId, email: recipient } = user;
  const notMe = notMeUrl(call, user, { kind: 'identity', id: identityId });
  const content = { ...circumstancesOf(call), provider: arrival.providerName, notMeUrl: notMe };
  const app = await namedAppOf(call);
  await queueNotice(tx, call.services, app, { userId, recipient, purpose: 'identity_linked', content });
}

/**
 * Claims an account whose address the provider has verified. The earlier sign-in methods are void: rule (P), see
 * `void-sign-in-methods.ts`.
 */
async function claimByProvider(
  tx: Tx,
  call: Call,
  user: User,
  arrival: Arrival & { email: string },
): Promise<readonly ChangeEvent[]> {
  // Keep the names of an invited user or a verified address. Replace the names of an unverified sign-up, which a
  // stranger may have chosen.
  const { firstName, lastName } = user.state === 'ACTIVE' && !user.isEmailVerified ? arrival : user;
  const given = { way: 'provider', email: arrival.email, passwordHash: undefined, firstName, lastName } as const;
  return claimAccount(tx, call, user.id, given);
}

const hasProvenEmail = (arrival: Arrival): arrival is Arrival & { email: string } =>
  arrival.isEmailProven && arrival.email !== null;

/** Whether this sign-in claims the account: it is unclaimed, and the provider has verified its current address. */
const claimsAccount = (user: User, arrival: Arrival): arrival is Arrival & { email: string } =>
  !user.isEmailClaimed && hasProvenEmail(arrival) && emailKey(arrival.email) === emailKey(user.email);
const touch = (tx: Tx, call: Call, identityId: string, arrival: Arrival): Promise<void> =>
  touchIdentity(tx, call.appId, identityId, {
    vouchedEmailKey: vouchedEmailKeyOf(arrival),
    now: call.services.clock.now(),
  });

/** Settles an identity that is already linked. */
async function settleKnown(
  tx: Tx,
  call: Call,
  known: { userId: string; identityId: string },
  arrival: Arrival,
): Promise<Settled> {
  const user = await lockUser(tx, call.appId, known.userId);
  if (user.state === 'INACTIVE') throw new ApiError('user_inactive', { about: { target: actorOf(user.id) } });
  if (!claimsAccount(user, arrival)) {
    await touch(tx, call, known.identityId, arrival);
    return { userId: user.id, isNewUser: false, events: [] };
  }
  const accepted = await claimByProvider(tx, call, user, arrival);
  return { userId: user.id, isNewUser: false, events: [await link(tx, call, user.id, arrival), ...accepted] };
}

/** Settles a new identity by the e-mail address that the provider has verified. */
async function settleByEmail(tx: Tx, call: Call, app: App, arrival: Arrival): Promise<Settled> {
  const { appId } = call;
  const about = providerOf(arrival);
  if (!hasProvenEmail(arrival)) throw new ApiError('idp_email_unverified', { about });
  // A new user is inserted as invited and claimed below, also if a concurrent call inserted it.
  const refusal = app.settings.signUpEnabled ? undefined : 'sign_up_disabled';
  const { user, isNew: isNewUser } = await lockOrInsertUser(tx, call, arrival, refusal);
  if (user.state === 'INACTIVE') throw new ApiError('user_inactive', { about: { target: actorOf(user.id) } });
  const { isSuperAdmin } = await readStanding(tx, appId, user.id);
  // The provider vouches for the address only to sign in as a user. A pending invitation needs the mailed code.
  const isInvited = await isInvitedAsSuperAdmin(tx, appId, user.id, call.services.clock.now());
  if (isSuperAdmin || isInvited) throw new ApiError('idp_link_required', { about });
  const accepted = user.isEmailClaimed ? [] : await claimByProvider(tx, call, user, arrival);
  // The user already has another identity of this provider, so the mailbox may belong to someone else now.
  if (await hasOtherSubject(tx, appId, user.id, arrival)) throw new ApiError('idp_link_required', { about });
  const linked = await link(tx, call, user.id, arrival);
  if (!isNewUser) await tellLinked(tx, call, user, arrival, linked.target.id);
  const actor = actorOf(user.id);
  const signedUp = isNewUser ? [{ action: 'user.signed_up', target: actor, actor } as const] : [];
  return { userId: user.id, isNewUser, events: [...signedUp, linked, ...accepted] };
}

/**
 * Determines the account for a person who returned from a provider: the account that the identity is linked to;
 * otherwise the account with the address that the provider has verified, which is then linked; otherwise a new account.
 *
 * @throws ApiError `idp_email_unverified`, `idp_link_required`, `user_inactive`, `sign_up_disabled`
 */
export async function settleIdentity(tx: Tx, call: Call, app: App, arrival: Arrival): Promise<Settled> {
  const known = await lockUserOfIdentity(tx, call.appId, arrival);
  return known ? settleKnown(tx, call, known, arrival) : settleByEmail(tx, call, app, arrival);
}

/** The result of linking. */
export interface LinkedIdentity {
  /** Empty if the identity was already linked to this user. */
  readonly events: readonly ChangeEvent[];
  /** Whether linking claimed the account. Then all its sessions have ended, including the caller's. */
  readonly isClaimed: boolean;
}

/**
 * Checks that the identity is linked to the caller.
 *
 * @throws ApiError `intent_invalid`, `unauthenticated`
 */
export async function recognizeCaller(tx: Tx, call: Call, arrival: Arrival): Promise<void> {
  await lockCallerWithSession(tx, call);
  const known = await lockUserOfIdentity(tx, call.appId, arrival);
  if (!known || known.userId !== signedIn(call.actor).user.id) {
    const detail = 'This account at the provider is not linked to your account.';
    throw new ApiError('intent_invalid', { about: providerOf(arrival), detail });
  }
  await touch(tx, call, known.identityId, arrival);
}

/**
 * Links an identity to the signed-in user. The addresses may differ, because the user has just authenticated on both
 * sides. If the account is not claimed and the provider has verified its current address, the account is claimed
 * (method (c) of ADR 55). The earlier sign-in methods are then void, because a stranger may have set the password and
 * started the sessions.
 *
 * @param actor the caller; the session is checked again under the lock, because a claim may have ended it meanwhile
 * @throws ApiError `identity_already_linked`, `unauthenticated`
 */
export async function linkIdentity(
  tx: Tx,
  call: Call,
  actor: Call['actor'] & { kind: 'user' },
  arrival: Arrival,
): Promise<LinkedIdentity> {
  await lockCallerWithSession(tx, call);
  const user = await lockUser(tx, call.appId, actor.user.id);
  const known = await lockUserOfIdentity(tx, call.appId, arrival);
  if (known && known.userId !== user.id) {
    throw new ApiError('identity_already_linked', { about: providerOf(arrival) });
  }
  const isClaimed = claimsAccount(user, arrival);
  const accepted = isClaimed ? await claimByProvider(tx, call, user, arrival) : [];
  if (known && !isClaimed) {
    await touch(tx, call, known.identityId, arrival);
    return { events: [], isClaimed };
  }
  const linked = await link(tx, call, user.id, arrival);
  if (!known) await tellLinked(tx, call, user, arrival, linked.target.id);
  return { events: [linked, ...accepted], isClaimed };
}
