import type { App } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { queueMail } from '../email/outbox.ts';
import { ApiError } from '../http/errors.ts';
import type { ChangeEvent } from '../http/mutate.ts';
import type { Call } from '../http/route.ts';
import { acceptanceEvents, claimAccount } from '../users/claim-account.ts';
import { emailKey } from '../users/email-address.ts';
import { circumstancesOf } from '../users/password-changed.ts';
import { readStanding } from '../super-admins/super-admins.store.ts';
import { insertInvitedUser, lockUser, lockUserByEmail, type User } from '../users/users.store.ts';
import { insertIdentity, lockUserOfIdentity, type Subject, touchIdentity } from './identities.store.ts';
import type { Profile } from './intent-content.ts';

/** Somebody who came back from a provider, and by which. */
export interface Arrival extends Profile {
  readonly idpId: string;
  readonly providerName: string;
}

/** Whose session may begin, and what was done on the way there. */
export interface Settled {
  readonly userId: string;
  readonly isNewUser: boolean;
  readonly events: readonly ChangeEvent[];
}

const providerOf = ({ idpId }: Subject) => ({ target: { kind: 'identity_provider', id: idpId } });

const actorOf = (userId: string) => ({ kind: 'user', id: userId }) as const;

/** Links an identity to a user. @returns what the audit is told */
async function link(tx: Tx, call: Call, userId: string, arrival: Arrival): Promise<ChangeEvent> {
  const { services, appId } = call;
  const id = services.ids.next();
  await insertIdentity(tx, appId, { ...arrival, id, userId, now: services.clock.now() });
  const changes = [`idp.${arrival.idpId}`];
  return { action: 'identity.linked', target: { kind: 'identity', id }, actor: actorOf(userId), changes };
}

/** The owner of an account learns that there is another way into it. */
async function tellLinked(tx: Tx, call: Call, user: Pick<User, 'id' | 'email'>, arrival: Arrival): Promise<void> {
  const { id: userId, email: recipient } = user;
  const content = { ...circumstancesOf(call), provider: arrival.providerName };
  await queueMail(tx, call.services, call.appId, { userId, recipient, purpose: 'identity_linked', content });
}

/** The mailbox of an account that nobody had proven is theirs: so is the account, and nothing that was in it before. */
async function claim(
  tx: Tx,
  call: Call,
  user: User,
  arrival: Arrival & { email: string },
): Promise<readonly ChangeEvent[]> {
  // Whoever invited somebody named them; a stranger who signed up with their address must not have.
  const { firstName, lastName } = user.state === 'ACTIVE' ? arrival : user;
  const given = { email: arrival.email, passwordHash: undefined, firstName, lastName };
  const granted = await claimAccount(tx, call.services, call.appId, user.id, given);
  return acceptanceEvents(user.id, granted);
}

const hasProvenEmail = (arrival: Arrival): arrival is Arrival & { email: string } =>
  arrival.isEmailProven && arrival.email !== null;

/** Somebody who has come by this identity before. */
async function settleKnown(
  tx: Tx,
  call: Call,
  known: { userId: string; identityId: string },
  arrival: Arrival,
): Promise<Settled> {
  const user = await lockUser(tx, call.appId, known.userId);
  if (user.state === 'INACTIVE') throw new ApiError('user_inactive', { about: { target: actorOf(user.id) } });
  const provesAccount =
    !user.isEmailVerified && hasProvenEmail(arrival) && emailKey(arrival.email) === emailKey(user.email);
  if (!provesAccount) {
    await touchIdentity(tx, call.appId, known.identityId, call.services.clock.now());
    return { userId: user.id, isNewUser: false, events: [] };
  }
  const accepted = await claim(tx, call, user, arrival);
  return { userId: user.id, isNewUser: false, events: [await link(tx, call, user.id, arrival), ...accepted] };
}

/** The user of the address, made if there is none and the app lets people sign up. @throws ApiError `sign_up_disabled` */
async function userOfAddress(tx: Tx, call: Call, app: App, arrival: Arrival & { email: string }) {
  const { services, appId } = call;
  const key = emailKey(arrival.email);
  const known = await lockUserByEmail(tx, appId, key);
  if (known) return { user: known, isNewUser: false };
  if (!app.settings.signUpEnabled) throw new ApiError('sign_up_disabled');
  const id = services.ids.next();
  // As somebody who was invited, until the claim a moment later: it makes whole what it finds, whoever came first.
  await insertInvitedUser(tx, appId, { ...arrival, id, emailKey: key, now: services.clock.now() });
  const user = await lockUserByEmail(tx, appId, key);
  if (!user) throw new Error('a user vanished while they were made');
  return { user, isNewUser: user.id === id };
}

/** Somebody who comes by this identity for the first time: the mailbox that the provider vouches for says who they are. */
async function settleByEmail(tx: Tx, call: Call, app: App, arrival: Arrival): Promise<Settled> {
  const about = providerOf(arrival);
  if (!hasProvenEmail(arrival)) throw new ApiError('idp_email_unverified', { about });
  const { user, isNewUser } = await userOfAddress(tx, call, app, arrival);
  if (user.state === 'INACTIVE') throw new ApiError('user_inactive', { about: { target: actorOf(user.id) } });
  const { isSuperAdmin } = await readStanding(tx, call.appId, user.id);
  if (isSuperAdmin) throw new ApiError('idp_link_required', { about });
  const isProven = user.state === 'ACTIVE' && user.isEmailVerified;
  const accepted = isProven ? [] : await claim(tx, call, user, arrival);
  const linked = await link(tx, call, user.id, arrival);
  if (!isNewUser) await tellLinked(tx, call, user, arrival);
  const actor = actorOf(user.id);
  const signedUp = isNewUser ? [{ action: 'user.signed_up', target: actor, actor } as const] : [];
  return { userId: user.id, isNewUser, events: [...signedUp, linked, ...accepted] };
}

/**
 * Finds out whose account somebody who came back from a provider gets into: the one that their identity is linked to,
 * else the one of the address that the provider vouches for, which is linked now, else a new one.
 *
 * @throws ApiError `idp_email_unverified`, `idp_link_required`, `user_inactive`, `sign_up_disabled`
 */
export async function settleIdentity(tx: Tx, call: Call, app: App, arrival: Arrival): Promise<Settled> {
  const known = await lockUserOfIdentity(tx, call.appId, arrival);
  return known ? settleKnown(tx, call, known, arrival) : settleByEmail(tx, call, app, arrival);
}

/**
 * Links an identity to whoever is signed in. Its address does not matter: both sides were proven just now.
 *
 * @returns what the audit is told; nothing when it was theirs already
 * @throws ApiError `identity_already_linked`
 */
export async function linkIdentity(
  tx: Tx,
  call: Call,
  user: Pick<User, 'id' | 'email'>,
  arrival: Arrival,
): Promise<readonly ChangeEvent[]> {
  await lockUser(tx, call.appId, user.id);
  const known = await lockUserOfIdentity(tx, call.appId, arrival);
  if (known && known.userId !== user.id) {
    throw new ApiError('identity_already_linked', { about: providerOf(arrival) });
  }
  if (known) return [];
  const linked = await link(tx, call, user.id, arrival);
  await tellLinked(tx, call, user, arrival);
  return [linked];
}
